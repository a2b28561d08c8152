//! Values that are stored as differences (`DELTA_…`), checked before polars decodes them: it believes
//! the lengths that come out of the differences.
//! (The encodings: <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.)

const NUMBERS: i64 = 5;
const LENGTHS: i64 = 6;
const PREFIXES: i64 = 7;

/// Values of a block: writers use 128 or 256.
const MAX_BLOCK: u64 = 1 << 16;

/// Whether values of this encoding are differences.
pub(super) fn is_delta(encoding: i64) -> bool {
    matches!(encoding, NUMBERS | LENGTHS | PREFIXES)
}

/// How many bytes the texts of a page have, of which it has so many at most; `None` if they can't be decoded.
pub(super) fn check(encoding: i64, bytes: &[u8], most: usize) -> Option<u64> {
    match encoding {
        LENGTHS => {
            let (lengths, rest) = numbers(bytes, most)?;
            sum(&lengths, rest.len())
        }
        PREFIXES => {
            let (prefixes, rest) = numbers(bytes, most)?;
            let (suffixes, rest) = numbers(rest, most)?;
            sum(&suffixes, rest.len())?;
            if prefixes.len() != suffixes.len() {
                return None;
            }
            let (mut before, mut total) = (0, 0_u64);
            for (prefix, suffix) in prefixes.iter().zip(&suffixes) {
                if !(0..=before).contains(prefix) {
                    return None;
                }
                // Below 2^63 both: a suffix is in the page, a prefix no longer than the text before it.
                before = prefix.checked_add(*suffix)?;
                total = total.checked_add(u64::try_from(before).ok()?)?;
            }
            Some(total)
        }
        _ => numbers(bytes, most).map(|_| 0),
    }
}

/// The sum of lengths, none of which is below 0, if so many bytes are there.
fn sum(lengths: &[i64], there: usize) -> Option<u64> {
    let sum = lengths.iter().try_fold(0_u64, |sum, length| {
        sum.checked_add(u64::try_from(*length).ok()?)
    })?;
    (sum <= there as u64).then_some(sum)
}

/// Numbers stored as differences, at most so many, and the bytes after them.
fn numbers(bytes: &[u8], most: usize) -> Option<(Vec<i64>, &[u8])> {
    let mut rest = bytes;
    let block = unsigned(&mut rest)?;
    let parts = unsigned(&mut rest)?;
    let count = usize::try_from(unsigned(&mut rest)?).ok()?;
    let mut last = signed(&mut rest)?;
    let regular = block <= MAX_BLOCK
        && block.is_multiple_of(128)
        && (1..=block).contains(&parts)
        && block.is_multiple_of(parts)
        && (block / parts).is_multiple_of(32);
    if !regular || count > most {
        return None;
    }
    let size = (block / parts) as usize;
    let mut numbers = Vec::with_capacity(count);
    if count > 0 {
        numbers.push(last);
    }
    while numbers.len() < count {
        let least = signed(&mut rest)?;
        let (widths, after) = rest.split_at_checked(parts as usize)?;
        rest = after;
        for width in widths {
            // The last block may be short of parts, whatever their widths say.
            if numbers.len() == count {
                break;
            }
            if *width > 64 {
                return None;
            }
            let (packed, after) = rest.split_at_checked(usize::from(*width) * size / 8)?;
            rest = after;
            for at in 0..size.min(count - numbers.len()) {
                let difference = bits(packed, at * usize::from(*width), *width);
                last = last.wrapping_add(least).wrapping_add(difference as i64);
                numbers.push(last);
            }
        }
    }
    Some((numbers, rest))
}

/// So many bits from this one on, the lowest first; those after the end are 0.
fn bits(packed: &[u8], from: usize, width: u8) -> u64 {
    let mut window = [0; 16];
    let bytes = packed.get(from / 8..).unwrap_or_default();
    let there = bytes.len().min(window.len());
    window[..there].copy_from_slice(&bytes[..there]);
    let value = u128::from_le_bytes(window) >> (from % 8);
    match width {
        64.. => value as u64,
        width => value as u64 & ((1 << width) - 1),
    }
}

fn unsigned(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn signed(bytes: &mut &[u8]) -> Option<i64> {
    let value = unsigned(bytes)?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Hello`, `Helicopter` as Spark 3.1.1 writes them, with three bytes behind.
    const PREFIXED: &[u8] = &[
        128, 1, 4, 2, 0, 6, 0, 0, 0, 0, 128, 1, 4, 2, 10, 4, 0, 0, 0, 0, 72, 101, 108, 108, 111,
        105, 99, 111, 112, 116, 101, 114, 1, 2, 3,
    ];

    #[test]
    fn lengths_and_prefixes_are_added_up() {
        assert_eq!(check(PREFIXES, PREFIXED, 2), Some(15));
        assert_eq!(check(PREFIXES, PREFIXED, 1), None);
        // A prefix of 4 where the text before has 5 bytes is right, one of 6 is not.
        let mut long = PREFIXED.to_vec();
        long[5] = 12;
        assert_eq!(check(PREFIXES, &long, 2), None);
        let mut cut = PREFIXED.to_vec();
        cut.truncate(30);
        assert_eq!(check(PREFIXES, &cut, 2), None);
    }

    #[test]
    fn numbers_come_out_as_they_went_in() {
        let stored = [128, 2, 1, 5, 2, 2, 0];
        assert_eq!(numbers(&stored, 9).unwrap(), (vec![1, 2, 3, 4, 5], &[][..]));
        // Blocks of 2^63 values would ask for more memory than there is.
        let huge = [
            0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 1, 5, 2,
        ];
        assert!(numbers(&huge, 9).is_none());
    }
}
