#!/usr/bin/env bash
# Real DVC and `rain` beside each other on the same data: each must find up to date, check out and
# pull what the other wrote. Needs `dvc` and `rain` on the PATH; says how many cases held.
set -euo pipefail
. "$(dirname "$0")/beside_dvc.sh" "$@"
up_to_date() { # tool, of what, targets
  "$1" status -q "${@:3}" || { "$1" status "${@:3}" >&2; fail "$1 finds changes: $2"; }
  held
}
# Each option of a command is the same in both.
mine=rain theirs=dvc

# The same data for everybody: one file or folder a line, added as its own.
make_data() {
  cd "$1"
  mkdir -p data/sub/deep data/empty-folder "with space" nested/inner
  printf 'a\r\nb\r\n' > data/crlf.txt
  : > data/empty
  printf 'x' > data/sub/deep/x
  printf 'same' > data/sub/same; printf 'same' > data/same
  printf 'nfc' > "data/$(printf '\303\251')"       # é, one character
  printf 'nfd' > "data/$(printf 'e\314\201')"      # é, two characters
  printf 'emoji' > data/🌧️.bin
  printf 'quotes' > "data/it's \"so\""
  printf 'line' > "data/$(printf 'new\nline')"
  printf 'dash' > data/-dash
  printf 'long' > "data/$(printf 'l%.0s' $(seq 255))"
  printf 'a b' > 'data/ lead and trail '
  head -c 3000000 /dev/zero | tr '\0' 'z' > data/large
  mkdir -p empty
  : > none.bin
  printf 'single' > "with space/single file.txt"
  printf '#!/bin/sh\necho run\n' > tool.sh; chmod +x tool.sh
  printf 'é' > "$(printf '\303\251').txt"
  printf 'y' > yes; printf '1' > 1e5; printf 'c' > ': colon'; printf 'q' > "q'uote"; printf 'h' > '#hash'
  printf 's' > 'star*?'; printf 'b' > '!bang'; printf 'd' > -dash
  printf 'outside' > "$work/outside"; mkdir -p linked
  ln -sf "$work/outside" linked/to-file
  printf 'in' > linked/plain
  printf '*.tmp\n/nested/inner/skip\n' > .dvcignore
  printf '!keep.tmp\n' > nested/.dvcignore
  printf 'no' > nested/inner/a.tmp; printf 'yes' > nested/inner/keep.tmp
  printf 'no' > nested/inner/skip; printf 'yes' > nested/inner/kept
}
targets=(data empty none.bin "with space/single file.txt" tool.sh "$(printf '\303\251').txt" yes 1e5 ': colon' "q'uote"
  '#hash' 'star*?' '!bang' linked nested/inner)

repository() { # folder tool
  rm -rf "$1"; mkdir -p "$1"; cd "$1"; git init -q .; "$2" init -q
}

echo "== each adds the same data"
for tool in "$mine" "$theirs"; do
  repository "$work/$tool" "$tool"
  make_data "$work/$tool"
  "$tool" add -q "${targets[@]}" > "$work/log" 2>&1 || { cat "$work/log"; fail "$tool add"; }
  "$tool" add -q -- -dash
  "$tool" remote add -q -d store "$work/$tool-remote" 2>/dev/null || "$tool" remote add -d store "$work/$tool-remote" > /dev/null
  git add -A . && git commit -qm "data"
done
cd "$work"
same <(ignored "$mine/.gitignore") <(ignored "$theirs/.gitignore")
for file in .dvcignore .dvc/.gitignore "with space/.gitignore" nested/.gitignore; do same "$mine/$file" "$theirs/$file"; done
(cd "$mine" && find . -name '*.dvc' -type f | sort) > "$work/mine.txt"
(cd "$theirs" && find . -name '*.dvc' -type f | sort) > "$work/theirs.txt"
same "$work/mine.txt" "$work/theirs.txt"
while IFS= read -r file; do cmp "$mine/$file" "$theirs/$file" || fail "$file"; held; done < "$work/mine.txt"
same "$mine/.dvc/cache" "$theirs/.dvc/cache"
(cd "$mine/.dvc/cache" && find . -type f -printf '%m %p\n' | sort) > "$work/mine.txt"
(cd "$theirs/.dvc/cache" && find . -type f -printf '%m %p\n' | sort) > "$work/theirs.txt"
same "$work/mine.txt" "$work/theirs.txt"

echo "== each finds the other's work up to date, changed, deleted"
for tool in "$mine" "$theirs"; do
  cd "$work/$tool"
  for other in "$mine" "$theirs"; do up_to_date "$other" "fresh of $tool"; done
  printf 'changed' > data/same; rm yes; printf more > data/more; rm data/empty
  for other in "$mine" "$theirs"; do
    "$other" status --json | python3 -c 'import json,sys; print(json.dumps(json.load(sys.stdin), sort_keys=True))' > "$work/$other.status"
    "$other" diff --json --show-hash | python3 -c '
import json,sys
found = json.load(sys.stdin)
# DVC reads names with a line break or a star wrongly out of Git.
found["renamed"] = [c for c in found["renamed"] if not any(x in c["path"]["new"] for x in "\n*")]
print(json.dumps(found, sort_keys=True))' > "$work/$other.diff"
    if "$other" status -q; then fail "$other -q says nothing changed"; fi
    held
  done
  same "$work/$mine.status" "$work/$theirs.status"
  same "$work/$mine.diff" "$work/$theirs.diff"
done

echo "== each commits, and checks out what the other saved"
for tool in "$mine" "$theirs"; do
  other=$([ "$tool" = "$mine" ] && echo "$theirs" || echo "$mine")
  cd "$work/$tool"
  printf 'y2' > yes
  "$tool" commit -q -f data.dvc yes.dvc
  up_to_date "$other" "commit of $tool"
  up_to_date "$tool" "own commit"
  git add -A . && git commit -qm "changed"
  cp -a . "$work/copy"
  rmdir "$work/copy/data/empty-folder" # no manifest has it
  rm -rf data yes tool.sh linked
  "$other" checkout -q
  same data "$work/copy/data"; same yes "$work/copy/yes"
  [ -x tool.sh ] || fail "tool.sh isn't executable"; held
  [ "$(cat linked/to-file)" = outside ] || fail "linked/to-file"; held
  rm -rf "$work/copy"
  git checkout -q HEAD~1
  "$other" checkout -q
  [ "$(cat data/same)" = same ] || fail "data/same isn't of the commit before"; held
  [ ! -e data/more ] || fail "data/more is still there"; held
  up_to_date "$mine" "earlier commit"; up_to_date "$theirs" "earlier commit"
  git checkout -q main && "$tool" checkout -q && up_to_date "$other" "back on main"
done
cd "$work"; same "$mine/data.dvc" "$theirs/data.dvc"; same "$mine/yes.dvc" "$theirs/yes.dvc"

echo "== each pushes, the other pulls"
for tool in "$mine" "$theirs"; do
  other=$([ "$tool" = "$mine" ] && echo "$theirs" || echo "$mine")
  cd "$work/$tool"
  "$tool" push -q
  [ "$("$other" status -c --json)" = '{}' ] || fail "$other status -c after $tool push"; held
  rm -rf "$work/clone"; git clone -q "$work/$tool" "$work/clone"; cd "$work/clone"
  "$other" pull -q
  up_to_date "$other" "pulled"; up_to_date "$tool" "pulled"
  same "$work/clone/data" "$work/$tool/data"
  same .dvc/cache/files/md5/"$(ls .dvc/cache/files/md5 | head -n 1)" "$work/$tool/.dvc/cache/files/md5/$(ls .dvc/cache/files/md5 | head -n 1)"
  printf 'more' > yes; "$other" add -q yes; "$other" push -q; git commit -qam more
  [ "$("$tool" status -c --json)" = '{}' ] || fail "$tool status -c after $other push"; held
done
cd "$work"
"$mine" --help > /dev/null
(cd "$mine-remote" && find . -type f -printf '%m %p\n' | sort) > "$work/mine.txt"
(cd "$theirs-remote" && find . -type f -printf '%m %p\n' | sort) > "$work/theirs.txt"
same "$work/mine.txt" "$work/theirs.txt"

echo "== an addition to a tracked folder, link types, gc"
for tool in "$mine" "$theirs"; do
  cd "$work/$tool"
  printf 'appended' > data/appended
  "$tool" add -q data/appended
  cp data.dvc "$work/$tool.part"
  git commit -qam part
done
same "$work/$mine.part" "$work/$theirs.part"
for type in hardlink symlink copy; do
  for tool in "$mine" "$theirs"; do
    other=$([ "$tool" = "$mine" ] && echo "$theirs" || echo "$mine")
    cd "$work/$tool"
    dvc config cache.type $type
    "$tool" checkout -q --relink
    find data linked nested/inner yes -printf '%y %n %m %p\n' | sed 's/^d [0-9]*/d/' | sort > "$work/$tool.links"
    up_to_date "$other" "$type"
    up_to_date "$tool" "$type"
  done
  same "$work/$mine.links" "$work/$theirs.links"
done
for tool in "$mine" "$theirs"; do
  cd "$work/$tool"
  "$tool" gc -q -w -f
  find .dvc/cache -type f | sort > "$work/$tool.kept"
done
same "$work/$mine.kept" "$work/$theirs.kept"

echo "== a repository of 2.x"
for tool in "$mine" "$theirs"; do
  repository "$work/old-$tool" "$tool"
  mkdir -p folder .dvc/cache/dd .dvc/cache/59
  printf 'a\r\nb\r\n' > text; printf 'a\r\nb\r\n' > folder/text
  cp text .dvc/cache/dd/8c6a395b5dd36c56d23275028f526c
  printf '[{"md5": "dd8c6a395b5dd36c56d23275028f526c", "relpath": "text"}]' > manifest
  id=$(md5sum manifest | cut -c1-32); mkdir -p ".dvc/cache/${id:0:2}"; mv manifest ".dvc/cache/${id:0:2}/${id:2}.dir"
  printf 'outs:\n- md5: dd8c6a395b5dd36c56d23275028f526c\n  size: 6\n  path: text\n' > text.dvc
  printf 'outs:\n- md5: %s.dir\n  size: 6\n  nfiles: 1\n  path: folder\n' "$id" > folder.dvc
  printf '/text\n/folder\n' > .gitignore
  git add -A . && git commit -qm old
  up_to_date "$mine" "2.x"; up_to_date "$theirs" "2.x"
  rm -rf text folder
  "$tool" checkout -q
  up_to_date "$mine" "2.x checked out"; up_to_date "$theirs" "2.x checked out"
  "$tool" remote add -d store "$work/old-$tool-remote" > /dev/null
  "$tool" push -q
  printf 'more' > folder/more
  "$tool" commit -q -f
  up_to_date "$mine" "2.x committed"; up_to_date "$theirs" "2.x committed"
done
cd "$work"
same "old-$mine/text.dvc" "old-$theirs/text.dvc"
same "old-$mine/folder.dvc" "old-$theirs/folder.dvc"
same "old-$mine-remote" "old-$theirs-remote"

if command -v moto_server > /dev/null && python3 -c 'import dvc_s3' 2> /dev/null; then
  echo "== the same over S3"
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  endpoint=http://127.0.0.1:$port
  moto_server -H 127.0.0.1 -p "$port" > "$work/moto.log" 2>&1 &
  server=$!
  trap 'kill $server 2> /dev/null || true' EXIT
  for _ in $(seq 100); do
    curl -fsS -o /dev/null "$endpoint/moto-api/" 2> /dev/null && break
    sleep 0.2
  done
  curl -fsS -o /dev/null -X PUT "$endpoint/bucket"
  for tool in "$mine" "$theirs"; do
    other=$([ "$tool" = "$mine" ] && echo "$theirs" || echo "$mine")
    cd "$work/$tool"
    "$tool" remote add s3 "s3://bucket/$tool/deep" > /dev/null
    "$tool" remote modify s3 endpointurl "$endpoint" > /dev/null
    "$tool" remote modify s3 region us-east-1 > /dev/null
    "$tool" remote modify --local s3 access_key_id test > /dev/null
    "$tool" remote modify --local s3 secret_access_key test > /dev/null
    "$tool" push -q -r s3
    [ "$("$other" status -c -r s3 --json)" = '{}' ] || fail "$other status -c -r s3 after $tool push"; held
    git add -A . && git commit -qm s3
    rm -rf "$work/clone"; git clone -q "$work/$tool" "$work/clone"; cp .dvc/config.local "$work/clone/.dvc/"; cd "$work/clone"
    "$other" pull -q -r s3
    up_to_date "$other" "pulled from S3"; up_to_date "$tool" "pulled from S3"
    same data "$work/$tool/data"
  done
  same "$work/$mine/.dvc/config.local" "$work/$theirs/.dvc/config.local"
  kill "$server"
else
  echo "NOT RUN: S3 (pip install moto[server] dvc-s3)"
fi

echo "== 10,000 small files, and one of 3 GB"
for tool in "$mine" "$theirs"; do
  other=$([ "$tool" = "$mine" ] && echo "$theirs" || echo "$mine")
  repository "$work/size-$tool" "$tool"
  dvc config cache.type hardlink # so that the large one takes no room
  mkdir many
  python3 -c 'for n in range(10_000): open(f"many/{n}", "w").write(f"{n}\n")'
  truncate -s 3G sparse
  "$tool" add -q many sparse
  up_to_date "$other" "many and large of $tool"; up_to_date "$tool" "own many and large"
  "$tool" remote add -d store "$work/size-$tool-remote" > /dev/null
  git add -A . && git commit -qm size
  rm sparse
  "$other" checkout -q sparse
  [ "$(stat -c %s sparse)" = 3221225472 ] || fail "sparse has $(stat -c %s sparse) bytes"; held
  "$tool" push -q many
  [ "$("$other" status -c --json many)" = '{}' ] || fail "$other status -c after $tool push of many"; held
  rm -rf "$work/clone"; git clone -q "$work/size-$tool" "$work/clone"; cd "$work/clone"
  "$other" pull -q many
  up_to_date "$other" "pulled many" many.dvc
  same many "$work/size-$tool/many"
done
cd "$work"
same <(ignored "size-$mine/.gitignore") <(ignored "size-$theirs/.gitignore")
for file in many.dvc sparse.dvc; do same "size-$mine/$file" "size-$theirs/$file"; done
same "size-$mine-remote" "size-$theirs-remote"

echo "== both at once"
cd "$work/$mine"
for n in 1 2 3 4; do printf '%s' "$n" > "both$n"; done
"$mine" add -q both1 & "$theirs" add -q both2 & "$mine" add -q both3 & "$theirs" add -q both4 &
wait
for n in 1 2 3 4; do [ -f "both$n.dvc" ] || fail "both$n wasn't added"; held; done
up_to_date "$mine" "both at once"; up_to_date "$theirs" "both at once"

printf '%s cases held, between rain and DVC %s\n' "$held" "$(dvc --version)"
