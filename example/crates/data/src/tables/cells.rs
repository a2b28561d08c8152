//! Cells as values of their column's type.

use crate::calendar::{self, Day};
use crate::contract::Kind;
use crate::error::SHOWN;
use crate::table::{MISSING_CODE, MISSING_DAY};
use crate::{Problem, Values};

use super::decimal;
use super::scan::{Block, Cells, Faults};
use super::words::Words;

/// A column on its way from text.
pub(super) struct Target<'a> {
    pub name: &'a str,
    /// Its place in the file.
    pub place: usize,
    pub slots: Slots<'a>,
}

/// The rows of a column that are to be filled.
pub(super) enum Slots<'a> {
    Number(&'a mut [f64]),
    Category(&'a mut [u32]),
    Date(&'a mut [Day]),
}

/// What came of the cells of a block beside their values.
#[derive(Default)]
pub(super) struct Filled {
    pub faults: Faults,
    /// The first date written `yyyy-mm-dd` (or as no date at all), and the first with slashes.
    pub notations: [Option<Problem>; 2],
    /// The words of each column; none where it is no category.
    pub words: Vec<Vec<String>>,
}

/// An empty column; the memory is touched by those who fill it.
pub(super) fn empty(kind: Kind, rows: usize) -> Values {
    match kind {
        Kind::Number => Values::Number(vec![0.0; rows]),
        Kind::Category => Values::Category {
            codes: vec![0; rows],
            levels: Vec::new(),
        },
        Kind::Date => Values::Date(vec![0; rows]),
    }
}

impl<'a> Slots<'a> {
    /// All rows of a column; numbers of 32 bits don't come from text.
    pub fn of(values: &'a mut Values) -> Slots<'a> {
        match values {
            Values::Number(values) => Slots::Number(values),
            Values::Single(_) => Slots::Number(&mut []),
            Values::Category { codes, .. } => Slots::Category(codes),
            Values::Date(days) => Slots::Date(days),
        }
    }

    /// The first rows, which are taken off.
    pub fn take(&mut self, rows: usize) -> Slots<'a> {
        fn cut<'a, T>(slots: &mut &'a mut [T], rows: usize) -> &'a mut [T] {
            slots.split_off_mut(..rows).unwrap_or_default()
        }
        match self {
            Slots::Number(values) => Slots::Number(cut(values, rows)),
            Slots::Category(codes) => Slots::Category(cut(codes, rows)),
            Slots::Date(days) => Slots::Date(cut(days, rows)),
        }
    }
}

/// Reads the cells of a block into their columns.
pub(super) fn fill(
    block: &Block<'_>,
    cells: &Cells<'_>,
    columns: Vec<Target<'_>>,
    missing: &[String],
) -> Filled {
    let mut filled = Filled::default();
    let mut faults = Vec::new();
    for Target { name, place, slots } in columns {
        let mut words = Words::new();
        let mut refused = Faults::default();
        let text = |(start, end): (usize, usize)| &cells.text[start..end];
        let known = |text: &&str| !text.is_empty() && !missing.iter().any(|word| word == text);
        let lines = block.first_line..;
        match slots {
            Slots::Number(values) => {
                let bytes = cells.text.as_bytes();
                for ((value, at), line) in values.iter_mut().zip(cells.column(place)).zip(lines) {
                    *value = decimal::short(bytes, at.0, at.1).unwrap_or_else(|| {
                        let number = Some(text(at)).filter(known).map(number);
                        number.unwrap_or(Ok(f64::NAN)).unwrap_or_else(|message| {
                            refused.note(line, Some(name), message);
                            f64::NAN
                        })
                    });
                }
            }
            Slots::Category(codes) => {
                for (code, at) in codes.iter_mut().zip(cells.column(place)) {
                    let word = Some(text(at)).filter(known);
                    *code = word.map_or(MISSING_CODE, |word| words.code(word));
                }
            }
            Slots::Date(days) => {
                for ((day, at), line) in days.iter_mut().zip(cells.column(place)).zip(lines) {
                    let Some(text) = Some(text(at)).filter(known) else {
                        *day = MISSING_DAY;
                        continue;
                    };
                    let slashes = text.contains('/');
                    let first = &mut filled.notations[usize::from(slashes)];
                    first.get_or_insert_with(|| Problem {
                        line,
                        column: None,
                        message: text.into(),
                    });
                    *day = date(text, slashes).unwrap_or_else(|message| {
                        refused.note(line, Some(name), message);
                        MISSING_DAY
                    });
                }
            }
        }
        filled.words.push(words.into_levels());
        filled.faults.count += refused.count;
        faults.extend(
            refused
                .first
                .into_iter()
                .map(|fault| (fault.line, place, fault)),
        );
    }
    faults.sort_unstable_by_key(|(line, place, _)| (*line, *place));
    faults.truncate(SHOWN);
    filled.faults.first = faults.into_iter().map(|(.., fault)| fault).collect();
    filled
}

/// A finite number; blanks alone are missing.
fn number(text: &str) -> Result<f64, String> {
    match text.trim_start_matches([' ', '\t']) {
        "" => Ok(f64::NAN),
        digits => match digits.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            Ok(_) => Err(format!("{text:?} is not a finite number")),
            Err(_) => Err(format!("{text:?} is not a number")),
        },
    }
}

fn date(text: &str, slashes: bool) -> Result<Day, String> {
    if slashes {
        calendar::parse_day_first(text).ok_or_else(|| {
            format!("{text:?} is not a date written dd/mm/yyyy (the month never comes first)")
        })
    } else {
        calendar::parse_iso(text)
            .ok_or_else(|| format!("{text:?} is not a date written yyyy-mm-dd"))
    }
}
