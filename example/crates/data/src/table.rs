//! A table in memory: named columns of one type each, missing values included.

use crate::calendar::{self, Day};

/// The code of a missing category.
pub const MISSING_CODE: u32 = u32::MAX;
/// The value of a missing date.
pub const MISSING_DAY: Day = Day::MIN;

/// Named columns of equal length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    columns: Vec<Column>,
    rows: usize,
}

/// One named column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name, unique in its table.
    pub name: String,
    /// Its values, one a row.
    pub values: Values,
}

/// The values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Measurements; NaN is missing.
    Number(Vec<f64>),
    /// Features, as models read them; NaN is missing.
    Single(Vec<f32>),
    /// Words from a small set.
    Category {
        /// A row's index into `levels`, or [`MISSING_CODE`].
        codes: Vec<u32>,
        /// The words, those of the contract first and in its order.
        levels: Vec<String>,
    },
    /// Days since 1970-01-01, or [`MISSING_DAY`].
    Date(Vec<Day>),
}

/// One value of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Nothing is known.
    Missing,
    /// A measurement, finite.
    Number(f64),
    /// A word.
    Text(&'a str),
    /// A day.
    Date(Day),
}

impl Values {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Values::Number(values) => values.len(),
            Values::Single(values) => values.len(),
            Values::Category { codes, .. } => codes.len(),
            Values::Date(days) => days.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of one row.
    ///
    /// # Panics
    /// If `row` is not below [`len`](Self::len).
    pub fn cell(&self, row: usize) -> Cell<'_> {
        match self {
            Values::Number(values) if values[row].is_nan() => Cell::Missing,
            Values::Number(values) => Cell::Number(values[row]),
            Values::Single(values) if values[row].is_nan() => Cell::Missing,
            Values::Single(values) => Cell::Number(f64::from(values[row])),
            Values::Category { codes, levels } => match levels.get(codes[row] as usize) {
                Some(level) => Cell::Text(level),
                None => Cell::Missing,
            },
            Values::Date(days) if days[row] == MISSING_DAY => Cell::Missing,
            Values::Date(days) => Cell::Date(days[row]),
        }
    }

    /// The values of the first row, so many times; nothing of no rows.
    pub fn repeated(&self, times: usize) -> Values {
        fn first<T: Copy>(values: &[T], times: usize) -> Vec<T> {
            values
                .first()
                .map_or_else(Vec::new, |value| vec![*value; times])
        }
        match self {
            Values::Number(values) => Values::Number(first(values, times)),
            Values::Single(values) => Values::Single(first(values, times)),
            Values::Category { codes, levels } => Values::Category {
                codes: first(codes, times),
                levels: levels.clone(),
            },
            Values::Date(days) => Values::Date(first(days, times)),
        }
    }

    /// The rows for which `keep` is true, in order.
    pub fn filter(&self, keep: &[bool]) -> Values {
        fn pick<T: Copy>(values: &[T], keep: &[bool]) -> Vec<T> {
            values
                .iter()
                .zip(keep)
                .filter(|(_, keep)| **keep)
                .map(|(value, _)| *value)
                .collect()
        }
        match self {
            Values::Number(values) => Values::Number(pick(values, keep)),
            Values::Single(values) => Values::Single(pick(values, keep)),
            Values::Category { codes, levels } => Values::Category {
                codes: pick(codes, keep),
                levels: levels.clone(),
            },
            Values::Date(days) => Values::Date(pick(days, keep)),
        }
    }
}

impl Cell<'_> {
    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Cell::Number(value) => Some(*value),
            _ => None,
        }
    }
}

impl std::fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cell::Missing => f.write_str("NA"),
            Cell::Number(value) => write!(f, "{value}"),
            Cell::Text(text) => f.write_str(text),
            Cell::Date(day) => f.write_str(&calendar::format_iso(*day)),
        }
    }
}

impl Table {
    /// A table of these columns.
    ///
    /// Returns `None` if two columns share a name or differ in length.
    pub fn new(columns: Vec<Column>) -> Option<Table> {
        let rows = columns.first().map_or(0, |column| column.values.len());
        let mut names = std::collections::HashSet::new();
        columns
            .iter()
            .all(|column| column.values.len() == rows && names.insert(column.name.as_str()))
            .then_some(())?;
        Some(Table { columns, rows })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// All columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The values of the column of this name.
    pub fn get(&self, name: &str) -> Option<&Values> {
        self.columns
            .iter()
            .find(|column| column.name == name)
            .map(|column| &column.values)
    }

    /// The columns themselves.
    pub fn into_columns(self) -> Vec<Column> {
        self.columns
    }

    /// The columns of these names, in the table's order.
    pub fn select(&self, names: &[&str]) -> Table {
        let columns = self.columns.iter();
        let wanted = |column: &&Column| names.contains(&column.name.as_str());
        Table {
            columns: columns.filter(wanted).cloned().collect(),
            rows: self.rows,
        }
    }

    /// The rows for which `keep` is true, in order.
    pub fn filter(&self, keep: &[bool]) -> Table {
        let columns: Vec<Column> = self
            .columns
            .iter()
            .map(|column| Column {
                name: column.name.clone(),
                values: column.values.filter(keep),
            })
            .collect();
        let rows = keep.iter().take(self.rows).filter(|keep| **keep).count();
        Table { columns, rows }
    }
}
