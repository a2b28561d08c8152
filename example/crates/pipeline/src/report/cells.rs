//! Cells, tables and numbers of the report.

use std::fmt::Write as _;

use mlops_repository::yaml::Value;

pub(super) use crate::compare::code;
use crate::compare::{number, text};

/// Rows of a table; a comment is to be read.
pub(super) const ROWS: usize = 50;
/// Digits after the point.
const PRECISION: usize = 5;

/// A table of so many rows as one reads.
pub(super) struct Rows {
    text: String,
    rows: usize,
}

impl Rows {
    /// `right` are the columns of numbers.
    pub fn new(heads: &[&str], right: &[usize]) -> Self {
        let lines: Vec<&str> = (0..heads.len())
            .map(|at| if right.contains(&at) { "---:" } else { "---" })
            .collect();
        Self {
            text: format!("| {} |\n| {} |\n", heads.join(" | "), lines.join(" | ")),
            rows: 0,
        }
    }

    pub fn add(&mut self, cells: &[String]) {
        self.rows += 1;
        if self.rows <= ROWS {
            let _ = writeln!(self.text, "| {} |", cells.join(" | "));
        }
    }

    pub fn text(mut self) -> String {
        if let Some(more @ 1..) = self.rows.checked_sub(ROWS) {
            let _ = write!(self.text, "\n… and {more} more.\n");
        }
        self.text
    }

    pub fn text_or(self, empty: &str) -> String {
        if self.rows == 0 {
            empty.to_owned()
        } else {
            self.text()
        }
    }
}

/// An address between angle brackets.
pub(super) fn link(address: &str) -> String {
    address
        .replace('<', "%3C")
        .replace('>', "%3E")
        .replace('\\', "%5C")
        .replace(char::is_whitespace, "%20")
        .replace('|', "%7C")
}

pub(super) fn quoted(path: &str) -> String {
    let plain = |char: char| char.is_alphanumeric() || "-_./".contains(char);
    if path.chars().all(plain) && !path.starts_with('-') {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

/// A value; a number with so many digits after the point, if it is said how many.
pub(super) fn shown(value: &Value, digits: Option<usize>) -> String {
    match number(value) {
        Some(number) if !matches!(value, Value::Bool(_)) => match digits {
            Some(_) => rounded(number, digits),
            None => text(value, Some(PRECISION)),
        },
        _ => code(&text(value, None)),
    }
}

pub(super) fn rounded(number: f64, digits: Option<usize>) -> String {
    match digits {
        Some(digits) => format!("{number:.digits$}"),
        None => text(&Value::Float(number), Some(PRECISION)),
    }
}

pub(super) fn signed(change: &Value, digits: Option<usize>) -> String {
    let text = shown(change, digits);
    match text.strip_prefix('-') {
        Some(number) => format!("−{number}"),
        None => format!("+{text}"),
    }
}

/// A number with its thousands set apart, and what it counts.
pub(super) fn counted(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {what}{s}", thousands(number))
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
