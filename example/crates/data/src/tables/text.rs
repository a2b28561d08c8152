//! A table as lines of CSV.

use std::path::Path;

use rayon::prelude::*;

use crate::{Column, DataError, Result, Table, Values, calendar};

/// Rows that a thread writes in one go.
const BLOCK: usize = 4096;

/// The header line.
pub(super) fn header(path: &Path, table: &Table) -> Result<Vec<u8>> {
    let mut line = Vec::new();
    for (at, column) in table.columns().iter().enumerate() {
        if at > 0 {
            line.push(b',');
        }
        let name = quoted(&column.name).ok_or_else(|| line_end(path, 1, &column.name))?;
        line.extend(name);
    }
    line.push(b'\n');
    Ok(line)
}

/// Hands over the rows of a table of finite values as text, in their order;
/// missing values are empty fields.
///
/// Numbers are written with the fewest digits that read back as the same bits.
pub(super) fn rows(
    path: &Path,
    table: &Table,
    first_line: usize,
    mut write: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let fields = table
        .columns()
        .iter()
        .map(|column| Field::new(path, column, first_line))
        .collect::<Result<Vec<_>>>()?;
    let starts: Vec<usize> = (0..table.rows()).step_by(BLOCK).collect();
    // Some blocks at a time, so that a long table isn't in memory as text too.
    for some in starts.chunks(4 * rayon::current_num_threads()) {
        let blocks: Vec<Vec<u8>> = some
            .par_iter()
            .map(|start| block(&fields, *start..table.rows().min(start + BLOCK)))
            .collect();
        blocks.iter().try_for_each(|block| write(block))?;
    }
    Ok(())
}

fn block(fields: &[Field<'_>], rows: std::ops::Range<usize>) -> Vec<u8> {
    let mut text = Vec::with_capacity(rows.len() * fields.len() * 6);
    let mut digits = zmij::Buffer::new();
    for row in rows {
        let start = text.len();
        for (at, field) in fields.iter().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            field.push(row, &mut text, &mut digits);
        }
        if text.len() == start {
            // A blank line is no row.
            text.extend(b"\"\"");
        }
        text.push(b'\n');
    }
    text
}

/// A column of finite values ready to be written: nothing can fail any more.
enum Field<'a> {
    Number(&'a [f64]),
    Single(&'a [f32]),
    Date(&'a [calendar::Day]),
    Category(&'a [u32], Vec<Vec<u8>>),
}

impl<'a> Field<'a> {
    fn new(path: &Path, column: &'a Column, first_line: usize) -> Result<Self> {
        match &column.values {
            Values::Number(values) => Ok(Field::Number(values)),
            Values::Single(values) => Ok(Field::Single(values)),
            // The writer has refused days that aren't allowed.
            Values::Date(days) => Ok(Field::Date(days)),
            Values::Category { codes, levels } => {
                let words = levels
                    .iter()
                    .map(|level| quoted(level).ok_or_else(|| line_end(path, first_line, level)))
                    .collect::<Result<_>>()?;
                Ok(Field::Category(codes, words))
            }
        }
    }

    fn push(&self, row: usize, text: &mut Vec<u8>, digits: &mut zmij::Buffer) {
        match self {
            Field::Number(values) if !values[row].is_nan() => match short(values[row]) {
                Some(decimal) => push_decimal(decimal, text),
                None => text.extend(whole(digits.format_finite(values[row]))),
            },
            Field::Single(values) if !values[row].is_nan() => {
                text.extend(whole(digits.format_finite(values[row])));
            }
            Field::Date(days) => {
                text.extend(calendar::iso_bytes(days[row]).iter().flatten());
            }
            Field::Category(codes, words) => {
                text.extend(words.get(codes[row] as usize).into_iter().flatten());
            }
            _ => {}
        }
    }
}

/// A number of at most 15 digits, two of them after the point: mantissa and how
/// many stand after the point.
type Decimal = (i64, usize);

/// Most measurements are short, and for those there is a shorter way than the
/// general one. No two decimals of 15 digits are the same `f64`, so the one that
/// divides out to the value is also the one with the fewest digits.
fn short(value: f64) -> Option<Decimal> {
    if value == 0.0 && value.is_sign_negative() {
        return None;
    }
    [1.0, 10.0, 100.0]
        .into_iter()
        .enumerate()
        .map(|(after, scale)| (after, scale, (value * scale).round()))
        .find(|(_, scale, mantissa)| mantissa.abs() < 1e15 && mantissa / scale == value)
        .map(|(after, _, mantissa)| (mantissa as i64, after))
}

fn push_decimal((mantissa, after): Decimal, text: &mut Vec<u8>) {
    let mut digits = [0; 17];
    let mut at = digits.len();
    let mut rest = mantissa.unsigned_abs();
    let mut written = 0;
    while rest > 0 || written <= after {
        if written == after && after > 0 {
            at -= 1;
            digits[at] = b'.';
        }
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        written += 1;
    }
    if mantissa < 0 {
        text.push(b'-');
    }
    text.extend_from_slice(&digits[at..]);
}

/// `3`, not `3.0`: as people and other tools write whole numbers.
fn whole(number: &str) -> &[u8] {
    number.strip_suffix(".0").unwrap_or(number).as_bytes()
}

/// A word as a field, in quotes if it must; `None` if it holds a line end.
fn quoted(word: &str) -> Option<Vec<u8>> {
    if word.contains(['\n', '\r']) {
        return None;
    }
    if word.contains([',', '"']) {
        return Some(format!("\"{}\"", word.replace('"', "\"\"")).into_bytes());
    }
    Some(word.as_bytes().to_vec())
}

fn line_end(path: &Path, line: usize, word: &str) -> DataError {
    DataError::File {
        path: path.into(),
        message: format!(
            "{word:?} holds a line end, which a CSV field must not (from line {line} on); write Parquet instead"
        ),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fast(value: f64) -> Option<String> {
        let mut text = Vec::new();
        push_decimal(short(value)?, &mut text);
        Some(String::from_utf8(text).unwrap())
    }

    #[test]
    fn short_numbers_are_written_as_people_write_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.1, "-0.1"),
            (0.05, "0.05"),
            (1007.7, "1007.7"),
            (-44.0, "-44"),
            (999_999_999_999_999.0, "999999999999999"),
            (9_999_999_999_999.99, "9999999999999.99"),
        ] {
            assert_eq!(fast(value).as_deref(), Some(text));
        }
        for value in [-0.0, 0.001, 1e15, 0.1 + 0.2] {
            assert_eq!(fast(value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn the_short_way_gives_what_the_general_way_gives(
            mantissa in -10_000_000i64..10_000_000, scale in prop::sample::select(vec![1.0, 10.0, 100.0])
        ) {
            let value = mantissa as f64 / scale;
            let mut digits = zmij::Buffer::new();
            let general = whole(digits.format_finite(value));
            prop_assert_eq!(fast(value).unwrap().into_bytes(), general);
        }
    }
}
