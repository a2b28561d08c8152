//! Whether the metadata of a Parquet file is what it should be, asked before polars reads it.
//!
//! Footer and page headers are structures of Thrift's compact protocol. polars makes room for as many
//! elements as a list says it has, and it takes the type of a field for granted, so a few flipped bits
//! could ask for terabytes. Here every structure is walked by its declared [`Shape`]: types must be the
//! declared ones, and nothing may be longer than the bytes that are left.
//! (The protocol: <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.)

/// What a field must hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    Bool,
    Byte,
    /// Of 16, 32 or 64 bits: all three are written alike.
    Whole,
    Binary,
    List(&'static Shape),
    /// Fields by their numbers; those of other numbers may be anything.
    Struct(&'static [(i16, Shape)]),
}

use Shape::{Binary, Bool, Byte, List, Struct, Whole};

const STATISTICS: Shape = Struct(&[
    (1, Binary),
    (2, Binary),
    (3, Whole),
    (4, Whole),
    (5, Binary),
    (6, Binary),
    (7, Bool),
    (8, Bool),
]);

/// What a number, a time or an instant is, beyond its bits.
const TIME_UNIT: Shape = Struct(&[(1, Struct(&[])), (2, Struct(&[])), (3, Struct(&[]))]);
const TIME: Shape = Struct(&[(1, Bool), (2, TIME_UNIT)]);
const LOGICAL_TYPE: Shape = Struct(&[
    (1, Struct(&[])),
    (2, Struct(&[])),
    (3, Struct(&[])),
    (4, Struct(&[])),
    (5, Struct(&[(1, Whole), (2, Whole)])),
    (6, Struct(&[])),
    (7, TIME),
    (8, TIME),
    (10, Struct(&[(1, Byte), (2, Bool)])),
    (11, Struct(&[])),
    (12, Struct(&[])),
    (13, Struct(&[])),
    (14, Struct(&[])),
    (15, Struct(&[])),
]);

const SCHEMA_ELEMENT: Shape = Struct(&[
    (1, Whole),
    (2, Whole),
    (3, Whole),
    (4, Binary),
    (5, Whole),
    (6, Whole),
    (7, Whole),
    (8, Whole),
    (9, Whole),
    (10, LOGICAL_TYPE),
]);

const KEY_VALUE: Shape = Struct(&[(1, Binary), (2, Binary)]);

const COLUMN: Shape = Struct(&[
    (1, Whole),
    (2, List(&Whole)),
    (3, List(&Binary)),
    (4, Whole),
    (5, Whole),
    (6, Whole),
    (7, Whole),
    (8, List(&KEY_VALUE)),
    (9, Whole),
    (10, Whole),
    (11, Whole),
    (12, STATISTICS),
    (13, List(&Struct(&[(1, Whole), (2, Whole), (3, Whole)]))),
    (14, Whole),
    (15, Whole),
]);

const COLUMN_CHUNK: Shape = Struct(&[
    (1, Binary),
    (2, Whole),
    (3, COLUMN),
    (4, Whole),
    (5, Whole),
    (6, Whole),
    (7, Whole),
]);

const ROW_GROUP: Shape = Struct(&[
    (1, List(&COLUMN_CHUNK)),
    (2, Whole),
    (3, Whole),
    (4, List(&Struct(&[(1, Whole), (2, Bool), (3, Bool)]))),
    (5, Whole),
    (6, Whole),
    (7, Whole),
]);

/// The footer.
pub(super) const FILE: Shape = Struct(&[
    (1, Whole),
    (2, List(&SCHEMA_ELEMENT)),
    (3, Whole),
    (4, List(&ROW_GROUP)),
    (5, List(&KEY_VALUE)),
    (6, Binary),
    (7, List(&Struct(&[(1, Struct(&[]))]))),
]);

/// What stands before each page.
pub(super) const PAGE_HEADER: Shape = Struct(&[
    (1, Whole),
    (2, Whole),
    (3, Whole),
    (4, Whole),
    (
        5,
        Struct(&[
            (1, Whole),
            (2, Whole),
            (3, Whole),
            (4, Whole),
            (5, STATISTICS),
        ]),
    ),
    (7, Struct(&[(1, Whole), (2, Whole), (3, Bool)])),
    (
        8,
        Struct(&[
            (1, Whole),
            (2, Whole),
            (3, Whole),
            (4, Whole),
            (5, Whole),
            (6, Whole),
            (7, Bool),
            (8, STATISTICS),
        ]),
    ),
]);

/// Deeper than anything that a file needs.
const MAX_DEPTH: usize = 16;

/// Shown where a value stands (the numbers of the fields that lead to it) and the value: a whole number, or,
/// before an element of a list, how many came before it.
pub(super) type Visit<'a> = &'a mut dyn FnMut(&[i16], i64);

/// Walks a structure from the first byte on; gives how many bytes it has. `None` if it is not what it should be.
pub(super) fn walk(bytes: &[u8], shape: &Shape, visit: Visit<'_>) -> Option<usize> {
    let mut walk = Walk {
        bytes,
        at: 0,
        path: Vec::new(),
        visit,
    };
    walk.value(code(shape), Some(shape))?;
    Some(walk.at)
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    path: Vec<i16>,
    visit: Visit<'a>,
}

/// The protocol's number of a type; a bool in a field has its value there.
fn code(shape: &Shape) -> u8 {
    match shape {
        Bool => 1,
        Byte => 3,
        Whole => 5,
        Binary => 8,
        List(_) => 9,
        Struct(_) => 12,
    }
}

fn is(found: u8, wanted: &Shape) -> bool {
    match wanted {
        Bool => matches!(found, 1 | 2),
        Whole => matches!(found, 4..=6),
        other => found == code(other),
    }
}

impl Walk<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes)?;
        (self.at <= self.bytes.len()).then_some(())
    }

    /// A number in groups of seven bits, the lowest first; ten bytes at most.
    fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// The sign is the lowest bit.
    fn whole(&mut self) -> Option<i64> {
        let value = self.unsigned()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn value(&mut self, found: u8, shape: Option<&Shape>) -> Option<()> {
        if self.path.len() > MAX_DEPTH {
            return None;
        }
        match found {
            1 | 2 => Some(()),
            3 => self.skip(1),
            4..=6 => {
                let value = self.whole()?;
                (self.visit)(&self.path, value);
                Some(())
            }
            7 => self.skip(8),
            8 => {
                let bytes = usize::try_from(self.unsigned()?).ok()?;
                self.skip(bytes)
            }
            9 | 10 => self.list(shape),
            11 => self.map(),
            12 => self.fields(shape),
            13 => self.skip(16),
            _ => None,
        }
    }

    fn list(&mut self, shape: Option<&Shape>) -> Option<()> {
        let head = self.byte()?;
        let (count, found) = (head >> 4, head & 15);
        let count = match count {
            15 => usize::try_from(self.unsigned()?).ok()?,
            count => usize::from(count),
        };
        let element = match shape {
            Some(List(element)) => Some(*element),
            _ => None,
        };
        // An empty list may say anything of its elements. Every element has a byte at least.
        let fits = count == 0 || element.is_none_or(|element| is(found, element));
        if !fits || count > self.bytes.len() - self.at.min(self.bytes.len()) {
            return None;
        }
        for before in 0..count {
            (self.visit)(&self.path, i64::try_from(before).ok()?);
            match found {
                // In a list a bool has a byte of its own.
                1 | 2 => self.skip(1)?,
                _ => {
                    self.path.push(0);
                    self.value(found, element)?;
                    self.path.pop();
                }
            }
        }
        Some(())
    }

    fn map(&mut self) -> Option<()> {
        let count = self.unsigned()?;
        if count == 0 {
            return Some(());
        }
        let kinds = self.byte()?;
        for _ in 0..count {
            for found in [kinds >> 4, kinds & 15] {
                self.path.push(0);
                match found {
                    1 | 2 => self.skip(1)?,
                    _ => self.value(found, None)?,
                }
                self.path.pop();
            }
        }
        Some(())
    }

    fn fields(&mut self, shape: Option<&Shape>) -> Option<()> {
        let declared = match shape {
            Some(Struct(fields)) => *fields,
            _ => &[],
        };
        let mut field = 0_i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            let (further, found) = (head >> 4, head & 15);
            field = match further {
                0 => i16::try_from(self.whole()?).ok()?,
                further => field.checked_add(i16::from(further))?,
            };
            let shape = declared.iter().find(|(number, _)| *number == field);
            if shape.is_some_and(|(_, shape)| !is(found, shape)) {
                return None;
            }
            self.path.push(field);
            self.value(found, shape.map(|(_, shape)| shape))?;
            self.path.pop();
        }
    }
}
