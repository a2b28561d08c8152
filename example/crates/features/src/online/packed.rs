//! The days of one entity as one value, so that one look-up finds them all.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version of the format: 1 |
//! | 2 | number of days |
//! | 16 for each day, the newest first | day (4), created (8), length of its values (4) |
//! | 4 | CRC-32 of all before |
//! | | the values, in the same order, each with a checksum of its own |

use mlops_data::calendar::Day;

use super::{Stored, StoredRef};

const VERSION: u8 = 1;
const HEADER: usize = 3;
const ENTRY: usize = 16;
const CHECK: usize = 4;

/// An entity's days, the newest first.
#[derive(Debug)]
pub(super) struct Packed<'a> {
    entries: &'a [[u8; ENTRY]],
    values: &'a [u8],
}

impl<'a> Packed<'a> {
    /// Checks the list of days. The values are checked by who decodes them.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let (header, rest) = bytes.split_at_checked(HEADER).ok_or("it is too short")?;
        let count = usize::from(u16::from_le_bytes([header[1], header[2]]));
        let (entries, rest) = rest
            .split_at_checked(count * ENTRY)
            .ok_or("its list of days ends early")?;
        let (check, values) = rest
            .split_first_chunk::<CHECK>()
            .ok_or("its list of days ends early")?;
        if crc32fast::hash(&bytes[..HEADER + count * ENTRY]) != u32::from_le_bytes(*check) {
            return Err("the checksum of its list of days doesn't match");
        }
        if header[0] != VERSION {
            return Err("it is in another version of the format");
        }
        Ok(Packed {
            entries: entries.as_chunks().0,
            values,
        })
    }

    /// The days, the newest first; an error where a value is cut off.
    pub(super) fn rows(&self) -> impl Iterator<Item = Result<StoredRef<'a>, &'static str>> {
        let mut rest = self.values;
        self.entries.iter().map(move |entry| {
            let [d0, d1, d2, d3, created @ .., l0, l1, l2, l3] = *entry;
            let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            let (cells, after) = rest
                .split_at_checked(length)
                .ok_or("a day's values are cut off")?;
            rest = after;
            Ok(StoredRef {
                day: Day::from_le_bytes([d0, d1, d2, d3]),
                created: i64::from_le_bytes(created),
                cells,
            })
        })
    }
}

/// The value with these rows in it, the newer of two for a day, the newest `keep`
/// days of all; and how many days are other than before. `None` if that changes nothing.
///
/// # Errors
/// What is wrong with the old bytes.
pub(super) fn merge(
    old: Option<&[u8]>,
    rows: &[&Stored],
    keep: u16,
) -> Result<Option<(Vec<u8>, usize)>, &'static str> {
    let mut before = Vec::new();
    if let Some(old) = old {
        for row in Packed::open(old)?.rows() {
            before.push(row?);
        }
    }
    let pushed = rows.iter().map(|row| StoredRef {
        day: row.day,
        created: row.created,
        cells: &row.cells,
    });
    let mut days: Vec<StoredRef<'_>> = before.iter().copied().chain(pushed).collect();
    // Turned round and stable: of equals, the last pushed comes first and holds.
    days.reverse();
    days.sort_by_key(|row| std::cmp::Reverse((row.day, row.created)));
    days.dedup_by_key(|row| row.day);
    days.truncate(usize::from(keep));
    let changed = days.iter().filter(|row| !before.contains(row)).count();
    Ok((changed > 0).then(|| (write(&days), changed)))
}

fn write(days: &[StoredRef<'_>]) -> Vec<u8> {
    let values: usize = days.iter().map(|row| row.cells.len()).sum();
    let mut bytes = Vec::with_capacity(HEADER + days.len() * ENTRY + CHECK + values);
    bytes.push(VERSION);
    // At most `keep` days, which is a u16.
    bytes.extend((days.len() as u16).to_le_bytes());
    for row in days {
        bytes.extend(row.day.to_le_bytes());
        bytes.extend(row.created.to_le_bytes());
        bytes.extend((row.cells.len() as u32).to_le_bytes());
    }
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    for row in days {
        bytes.extend(row.cells);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn rows() -> impl Strategy<Value = Vec<Stored>> {
        let row = (0i32..12, 0i64..4, 0usize..3);
        let row = row.prop_map(|(day, created, length)| Stored {
            day,
            created,
            // What was created at the same time for the same day is the same.
            cells: vec![created as u8; length.min(created as usize)],
        });
        prop::collection::vec(row, 0..30)
    }

    /// Created times and values by day, as plainly as can be.
    fn expected(rows: &[Stored], keep: u16) -> Vec<(Day, i64)> {
        let mut newest = BTreeMap::new();
        for row in rows {
            let created = newest.entry(row.day).or_insert(row.created);
            *created = row.created.max(*created);
        }
        newest.into_iter().rev().take(usize::from(keep)).collect()
    }

    fn days(bytes: &[u8]) -> Vec<(Day, i64)> {
        let packed = Packed::open(bytes).unwrap();
        packed
            .rows()
            .map(|row| row.map(|row| (row.day, row.created)).unwrap())
            .collect()
    }

    proptest! {
        #[test]
        fn what_is_kept_depends_on_no_order_and_no_grouping(
            rows in rows(), keep in 1u16..8, group in 1usize..10,
        ) {
            let mut bytes: Option<Vec<u8>> = None;
            for group in rows.chunks(group) {
                let group: Vec<&Stored> = group.iter().collect();
                if let Some((merged, _)) = merge(bytes.as_deref(), &group, keep).unwrap() {
                    bytes = Some(merged);
                }
            }
            prop_assert_eq!(
                bytes.as_deref().map(days).unwrap_or_default(),
                expected(&rows, keep)
            );
            let again: Vec<&Stored> = rows.iter().collect();
            prop_assert!(merge(bytes.as_deref(), &again, keep).unwrap().is_none());
        }

        #[test]
        fn damaged_bytes_are_an_error_and_no_panic(
            rows in rows(), at in any::<prop::sample::Index>(), cut in any::<bool>(),
        ) {
            let all: Vec<&Stored> = rows.iter().collect();
            let Some((mut bytes, _)) = merge(None, &all, 8).unwrap() else { return Ok(()) };
            let at = at.index(bytes.len());
            let list = HEADER + Packed::open(&bytes).unwrap().entries.len() * ENTRY + CHECK;
            if cut { bytes.truncate(at) } else { bytes[at] ^= 16 }
            match Packed::open(&bytes) {
                Err(_) => {}
                Ok(packed) => {
                    prop_assert!(at >= list, "damage in the list went unseen");
                    prop_assert_eq!(packed.rows().any(|row| row.is_err()), cut);
                }
            }
        }
    }

    #[test]
    fn of_two_created_at_once_the_last_pushed_holds() {
        let row = |cells: &[u8]| Stored {
            day: 1,
            created: 5,
            cells: cells.to_vec(),
        };
        let (bytes, changed) = merge(None, &[&row(b"a"), &row(b"b")], 3).unwrap().unwrap();
        assert_eq!(changed, 1);
        assert!(merge(Some(&bytes), &[&row(b"b")], 3).unwrap().is_none());
        let (bytes, changed) = merge(Some(&bytes), &[&row(b"c")], 3).unwrap().unwrap();
        assert_eq!(changed, 1);
        let packed = Packed::open(&bytes).unwrap();
        assert_eq!(packed.rows().next().unwrap().unwrap().cells, b"c");
    }
}
