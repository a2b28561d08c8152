//! A row's values as bytes: small, checked, and bound to their columns.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version of the format: 1 |
//! | 4 | fingerprint of the columns |
//! | a half for each column, rounded up | kind of each value, the first in the low half |
//! | | the values, one after the other |
//! | 4 | CRC-32 of all before |
//!
//! Numbers are little-endian. A number with at most one decimal, as instruments
//! give them, takes two bytes; any other its eight, so that every bit is kept.

use mlops_data::Cell;

const VERSION: u8 = 1;
const HEADER: usize = 5;
const CHECK: usize = 4;

const MISSING: u8 = 0;
const TENTHS: u8 = 1;
const NUMBER: u8 = 2;
const TEXT: u8 = 3;
const DATE: u8 = 4;

/// The columns whose values are stored, by fingerprint: a value written under
/// other columns is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    fingerprint: u32,
    columns: usize,
}

/// Why bytes are not the values of a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CellsError {
    /// Another version of the format.
    #[error("it is in version {found} of the format, this program reads version {VERSION}")]
    Version {
        /// The version found.
        found: u8,
    },
    /// Other columns than now.
    #[error(
        "it was written under another list of columns (fingerprint {found:08x}, now {expected:08x})"
    )]
    OtherColumns {
        /// The fingerprint found.
        found: u32,
        /// The one of the columns there are now.
        expected: u32,
    },
    /// The bytes are not what was written.
    #[error("{0}")]
    Damaged(&'static str),
    /// There are more or fewer values than columns.
    #[error("{cells} values were given for {columns} columns")]
    Width {
        /// Number of values.
        cells: usize,
        /// Number of columns.
        columns: usize,
    },
}

impl Schema {
    /// The schema of these columns, in this order.
    pub fn new(columns: &[&str]) -> Self {
        let mut hash = crc32fast::Hasher::new();
        for name in columns {
            hash.update(&(name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
        }
        Schema {
            fingerprint: hash.finalize(),
            columns: columns.len(),
        }
    }

    /// Writes a row's values, one for each column.
    ///
    /// # Errors
    /// If there are more or fewer values than columns.
    pub fn encode(&self, cells: &[Cell<'_>]) -> Result<Vec<u8>, CellsError> {
        if cells.len() != self.columns {
            return Err(CellsError::Width {
                cells: cells.len(),
                columns: self.columns,
            });
        }
        let kinds = self.columns.div_ceil(2);
        let mut bytes = Vec::with_capacity(HEADER + kinds + cells.len() * 4 + CHECK);
        bytes.push(VERSION);
        bytes.extend(self.fingerprint.to_le_bytes());
        bytes.resize(HEADER + kinds, 0);
        for (at, cell) in cells.iter().enumerate() {
            let kind = write(cell, &mut bytes);
            bytes[HEADER + at / 2] |= kind << (at % 2 * 4);
        }
        let check = crc32fast::hash(&bytes);
        bytes.extend(check.to_le_bytes());
        Ok(bytes)
    }

    /// Reads a row's values, one for each column.
    ///
    /// # Errors
    /// If the bytes are not, to the bit, what [`encode`](Self::encode) of this schema wrote.
    pub fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Vec<Cell<'a>>, CellsError> {
        let Some((body, check)) = bytes.split_last_chunk::<CHECK>() else {
            return Err(CellsError::Damaged("it is too short"));
        };
        if crc32fast::hash(body) != u32::from_le_bytes(*check) {
            return Err(CellsError::Damaged("its checksum doesn't match"));
        }
        let mut rest = body;
        let [found] = take(&mut rest)?;
        if found != VERSION {
            return Err(CellsError::Version { found });
        }
        let found = u32::from_le_bytes(take(&mut rest)?);
        if found != self.fingerprint {
            return Err(CellsError::OtherColumns {
                found,
                expected: self.fingerprint,
            });
        }
        let kinds = split(&mut rest, self.columns.div_ceil(2))?;
        let mut cells = Vec::with_capacity(self.columns);
        for at in 0..self.columns {
            cells.push(read(kinds[at / 2] >> (at % 2 * 4) & 15, &mut rest)?);
        }
        if !rest.is_empty() {
            return Err(CellsError::Damaged("bytes are left over"));
        }
        Ok(cells)
    }
}

/// Appends a value and gives its kind.
fn write(cell: &Cell<'_>, bytes: &mut Vec<u8>) -> u8 {
    match *cell {
        Cell::Missing => MISSING,
        Cell::Number(value) => match tenths(value) {
            Some(tenths) => {
                bytes.extend(tenths.to_le_bytes());
                TENTHS
            }
            None => {
                bytes.extend(value.to_le_bytes());
                NUMBER
            }
        },
        Cell::Text(text) => {
            write_length(text.len(), bytes);
            bytes.extend(text.as_bytes());
            TEXT
        }
        Cell::Date(day) => {
            bytes.extend(day.to_le_bytes());
            DATE
        }
    }
}

fn read<'a>(kind: u8, rest: &mut &'a [u8]) -> Result<Cell<'a>, CellsError> {
    Ok(match kind {
        MISSING => Cell::Missing,
        TENTHS => Cell::Number(f64::from(i16::from_le_bytes(take(rest)?)) / 10.0),
        NUMBER => Cell::Number(f64::from_le_bytes(take(rest)?)),
        TEXT => {
            let length = read_length(rest)?;
            let text = std::str::from_utf8(split(rest, length)?);
            Cell::Text(text.map_err(|_| CellsError::Damaged("a text is not UTF-8"))?)
        }
        DATE => Cell::Date(i32::from_le_bytes(take(rest)?)),
        _ => return Err(CellsError::Damaged("a value is of no known kind")),
    })
}

/// The number in tenths, if that gives back its very bits.
fn tenths(value: f64) -> Option<i16> {
    let tenths = (value * 10.0).round();
    // The cast saturates, and gives 0 for NaN; the comparison finds both.
    let small = tenths as i16;
    ((f64::from(small) / 10.0).to_bits() == value.to_bits()).then_some(small)
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn write_length(mut length: usize, bytes: &mut Vec<u8>) {
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
}

fn read_length(rest: &mut &[u8]) -> Result<usize, CellsError> {
    let mut length = 0usize;
    for shift in (0..usize::BITS).step_by(7) {
        let [byte] = take(rest)?;
        let part = usize::from(byte & 0x7f);
        length |= part
            .checked_shl(shift)
            .filter(|shifted| shifted >> shift == part)
            .ok_or(CellsError::Damaged("a length is too large"))?;
        if byte < 0x80 {
            return Ok(length);
        }
    }
    Err(CellsError::Damaged("a length is too large"))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], CellsError> {
    let (taken, after) = rest
        .split_first_chunk::<N>()
        .ok_or(CellsError::Damaged("it ends early"))?;
    *rest = after;
    Ok(*taken)
}

fn split<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], CellsError> {
    let (taken, after) = rest
        .split_at_checked(length)
        .ok_or(CellsError::Damaged("it ends early"))?;
    *rest = after;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A cell that owns its text, compared by bits.
    #[derive(Debug, Clone, PartialEq)]
    enum Owned {
        Missing,
        Number(u64),
        Text(String),
        Date(i32),
    }

    impl Owned {
        fn of(cell: &Cell<'_>) -> Self {
            match *cell {
                Cell::Missing => Owned::Missing,
                Cell::Number(value) => Owned::Number(value.to_bits()),
                Cell::Text(text) => Owned::Text(text.into()),
                Cell::Date(day) => Owned::Date(day),
            }
        }

        fn cell(&self) -> Cell<'_> {
            match self {
                Owned::Missing => Cell::Missing,
                Owned::Number(bits) => Cell::Number(f64::from_bits(*bits)),
                Owned::Text(text) => Cell::Text(text),
                Owned::Date(day) => Cell::Date(*day),
            }
        }
    }

    fn owned() -> impl Strategy<Value = Owned> {
        prop_oneof![
            Just(Owned::Missing),
            any::<u64>().prop_map(Owned::Number),
            (-40_000i32..40_000)
                .prop_map(|tenths| Owned::Number((f64::from(tenths) / 10.0).to_bits())),
            prop::sample::select(vec![0.0, -0.0, f64::NAN, f64::INFINITY, 1e-300, 0.1 + 0.2])
                .prop_map(|value| Owned::Number(value.to_bits())),
            any::<String>().prop_map(Owned::Text),
            any::<i32>().prop_map(Owned::Date),
        ]
    }

    fn schema(width: usize) -> Schema {
        let names: Vec<String> = (0..width).map(|at| format!("c{at}")).collect();
        Schema::new(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn every_row_comes_back_to_the_bit(row in prop::collection::vec(owned(), 0..40)) {
            let schema = schema(row.len());
            let cells: Vec<Cell<'_>> = row.iter().map(Owned::cell).collect();
            let bytes = schema.encode(&cells).unwrap();
            let back: Vec<Owned> = schema.decode(&bytes).unwrap().iter().map(Owned::of).collect();
            prop_assert_eq!(back, row);
        }

        #[test]
        fn a_changed_or_shortened_value_is_an_error(
            row in prop::collection::vec(owned(), 1..20),
            at in any::<prop::sample::Index>(),
            bit in 0u8..8,
        ) {
            let schema = schema(row.len());
            let cells: Vec<Cell<'_>> = row.iter().map(Owned::cell).collect();
            let bytes = schema.encode(&cells).unwrap();
            let at = at.index(bytes.len());
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            prop_assert!(matches!(schema.decode(&changed), Err(CellsError::Damaged(_))));
            prop_assert!(matches!(schema.decode(&bytes[..at]), Err(CellsError::Damaged(_))));
        }

        /// With a checksum that matches, as only malice makes it.
        #[test]
        fn any_bytes_are_a_row_or_an_error(body in prop::collection::vec(any::<u8>(), 0..60), width in 0usize..20) {
            let schema = schema(width);
            let mut bytes = vec![VERSION];
            bytes.extend(schema.fingerprint.to_le_bytes());
            bytes.extend(body);
            bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
            if let Ok(cells) = schema.decode(&bytes) {
                prop_assert_eq!(cells.len(), width);
            }
        }
    }

    #[test]
    fn measurements_take_two_bytes() {
        let schema = schema(4);
        let cells = [
            Cell::Number(1017.6),
            Cell::Number(-3.2),
            Cell::Missing,
            Cell::Number(0.0),
        ];
        assert_eq!(schema.encode(&cells).unwrap().len(), 5 + 2 + 3 * 2 + 4);
    }

    #[test]
    fn a_value_of_other_columns_or_another_version_says_so() {
        let (old, new) = (Schema::new(&["ab", "c"]), Schema::new(&["a", "bc"]));
        let mut bytes = old.encode(&[Cell::Missing, Cell::Date(1)]).unwrap();
        insta::assert_snapshot!(new.decode(&bytes).unwrap_err(), @"it was written under another list of columns (fingerprint 2934768a, now 1b35e935)");
        bytes[0] = 2;
        let end = bytes.len() - CHECK;
        let check = crc32fast::hash(&bytes[..end]);
        bytes[end..].copy_from_slice(&check.to_le_bytes());
        insta::assert_snapshot!(old.decode(&bytes).unwrap_err(), @"it is in version 2 of the format, this program reads version 1");
    }

    #[test]
    fn as_many_values_as_columns_are_needed() {
        let error = schema(2).encode(&[Cell::Missing]).unwrap_err();
        assert_eq!(
            error,
            CellsError::Width {
                cells: 1,
                columns: 2
            }
        );
    }
}
