-- Stores observations, the newer of two for a day, the newest days of each entity; in one atomic step.
-- KEYS: a hash for each entity, from day to created time (8 bytes that sort as numbers do) and values.
-- ARGV: days to keep; then for each key the number of rows, and for each row its day and its value.
-- Gives the number of days that are other than before, or the number (negative) and the kind of a key that isn't ours.
for at, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'hash' and kind ~= 'none' then
    return {-at, kind}
  end
end

-- Of two created at once, the last pushed holds; the same value again changes nothing.
local function newer(new, old)
  if not old or #old < 8 then
    return true
  end
  if new == old then
    return false
  end
  local new_high, new_low = struct.unpack('>I4I4', new)
  local old_high, old_low = struct.unpack('>I4I4', old)
  return new_high > old_high or (new_high == old_high and new_low >= old_low)
end

local keep, at, changed = tonumber(ARGV[1]), 2, 0
for _, key in ipairs(KEYS) do
  local rows, taken = tonumber(ARGV[at]), {}
  at = at + 1
  for _ = 1, rows do
    local day, value = ARGV[at], ARGV[at + 1]
    at = at + 2
    if newer(value, redis.call('HGET', key, day)) then
      redis.call('HSET', key, day, value)
      taken[day] = true
    end
  end
  if redis.call('HLEN', key) > keep then
    local days = redis.call('HKEYS', key)
    table.sort(days, function(a, b) return tonumber(a) > tonumber(b) end)
    for extra = keep + 1, #days do
      redis.call('HDEL', key, days[extra])
      taken[days[extra]] = nil
    end
  end
  for _ in pairs(taken) do
    changed = changed + 1
  end
end
return {changed, ''}
