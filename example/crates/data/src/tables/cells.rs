//! Cells as values of their column's type.

use crate::Values;
use crate::calendar::{self, Day};
use crate::contract::{DateOrder, Kind};
use crate::exact;
use crate::table::MISSING_DAY;

use super::decimal::decimal;
use super::octets::Word;
use super::recent::Recent;
use super::scan::{Cells, Faults};
use super::words::Words;

/// An empty column; the memory is touched first by those who fill it.
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

/// The rows of a column that are to be filled.
pub(super) enum Slots<'a> {
    Number(&'a mut [f64]),
    Category(&'a mut [u32]),
    Date(&'a mut [Day]),
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
        match self {
            Slots::Number(values) => Slots::Number(take(values, rows)),
            Slots::Category(codes) => Slots::Category(take(codes, rows)),
            Slots::Date(days) => Slots::Date(take(days, rows)),
        }
    }
}

fn take<'a, T>(slots: &mut &'a mut [T], rows: usize) -> &'a mut [T] {
    slots.split_off_mut(..rows).unwrap_or_default()
}

/// A column of a block on its way from text, and what came of it beside the values.
pub(super) struct Column<'a> {
    /// Its place in the file.
    pub place: usize,
    slots: Slots<'a>,
    pub name: &'a str,
    missing: &'a [String],
    /// The words of a category by their codes.
    pub words: Words,
    /// Line and text of the first date written `yyyy-mm-dd` (or as none at all)
    /// and of the first with slashes.
    pub notations: [Option<(usize, String)>; 2],
    /// The declared order of day and month in dates with slashes.
    dates: Option<DateOrder>,
    /// Line and text of the first date with slashes that would be another one if the month came first.
    pub either: Option<(usize, String)>,
    /// Whether a date with slashes shows that the day comes first.
    pub shows_order: bool,
    pub faults: Faults,
}

impl<'a> Column<'a> {
    pub fn new(
        name: &'a str,
        place: usize,
        dates: Option<DateOrder>,
        slots: Slots<'a>,
        missing: &'a [String],
    ) -> Column<'a> {
        Column {
            place,
            slots,
            name,
            missing,
            words: Words::new(missing),
            notations: [None, None],
            dates,
            either: None,
            shows_order: false,
            faults: Faults::default(),
        }
    }

    /// Reads the cells of the next rows, the first of which is in this line; `numbers`
    /// are those of short cells, the same in all columns.
    pub fn fill(&mut self, cells: &Cells<'_>, first_line: usize, numbers: &mut Recent<f64>) {
        let cell = cells.column(self.place);
        let text = &*cells.text;
        match self.slots.take(cells.rows()) {
            Slots::Number(values) => {
                for (row, (value, (start, end))) in values.iter_mut().zip(cell).enumerate() {
                    let word = Word::within(text, start, end);
                    *value = match word.and_then(|word| numbers.get(word)) {
                        Some(number) => number,
                        None => {
                            let text = &text[start..end];
                            let number = self.number(word, text, first_line + row);
                            if let (Some(word), Some(number)) = (word, number) {
                                numbers.put(word, number);
                            }
                            number.unwrap_or(f64::NAN)
                        }
                    };
                }
            }
            Slots::Category(codes) => {
                for (code, (start, end)) in codes.iter_mut().zip(cell) {
                    *code = self.words.code_in(text, start, end);
                }
            }
            Slots::Date(days) => {
                for (row, (day, (start, end))) in days.iter_mut().zip(cell).enumerate() {
                    *day = self.date(&text[start..end], first_line + row);
                }
            }
        }
    }

    /// A finite number, or NaN if it is missing, as blanks alone are; `None` if it is
    /// refused.
    fn number(&mut self, word: Option<Word>, text: &str, line: usize) -> Option<f64> {
        let digits = text.trim_start_matches([' ', '\t']);
        if digits.is_empty() || self.is_missing(text) {
            return Some(f64::NAN);
        }
        if let Some(number) = word.and_then(decimal) {
            return Some(number);
        }
        match digits.parse::<f64>() {
            Ok(value) if value.is_finite() && !exact::is_merged(digits, value) => {
                return Some(value);
            }
            Ok(value) if value.is_finite() => self.refuse(line, exact::refused(digits)),
            Ok(_) => self.refuse(line, format!("{text:?} is not a finite number")),
            Err(_) if digits.trim_end().parse::<f64>().is_ok() => {
                let message = format!("{text:?} has a blank behind the number; remove it");
                self.refuse(line, message);
            }
            Err(_) => self.refuse(line, format!("{text:?} is not a number")),
        }
        None
    }

    fn date(&mut self, text: &str, line: usize) -> Day {
        if text.is_empty() || self.is_missing(text) {
            return MISSING_DAY;
        }
        let iso = calendar::parse_iso(text);
        let slashes = iso.is_none() && text.contains('/');
        self.notations[usize::from(slashes)].get_or_insert_with(|| (line, text.into()));
        let day = match (slashes, self.dates) {
            (false, _) => iso.ok_or("yyyy-mm-dd"),
            (true, Some(DateOrder::MonthFirst)) => {
                calendar::parse_month_first(text).ok_or("mm/dd/yyyy")
            }
            (true, Some(DateOrder::DayFirst)) => {
                calendar::parse_day_first(text).ok_or("dd/mm/yyyy")
            }
            (true, None) => {
                let day = calendar::parse_day_first(text);
                match calendar::parse_month_first(text) {
                    None => self.shows_order |= day.is_some(),
                    other if other != day && self.either.is_none() => {
                        self.either = Some((line, text.into()));
                    }
                    _ => {}
                }
                day.ok_or(
                    "dd/mm/yyyy (if the month comes first, the contract must say so with `dates: month-first`)",
                )
            }
        };
        day.unwrap_or_else(|notation| {
            self.refuse(line, calendar::explain(text, notation));
            MISSING_DAY
        })
    }

    fn is_missing(&self, text: &str) -> bool {
        self.missing.iter().any(|word| word == text)
    }

    fn refuse(&mut self, line: usize, message: String) {
        self.faults.note(line, Some(self.name), message);
    }
}
