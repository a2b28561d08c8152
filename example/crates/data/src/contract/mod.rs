//! The data contract: what a project declares of its table, read from YAML.

mod validate;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{DataError, Result, declaration};

/// What a table must look like.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Name of the table.
    pub table: String,
    /// Words that mean "missing" in a text file, beside the empty field.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Columns whose values together name a row, once.
    pub key: Vec<String>,
    /// The date column.
    pub time: String,
    /// The column that names the thing observed.
    pub entity: String,
    /// What is to be predicted.
    pub label: Label,
    /// Each column, in the order of the file.
    pub columns: Vec<ColumnRule>,
    /// Rules across columns and across rows.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Columns that must not be used, with the reason.
    #[serde(default)]
    pub forbidden: Vec<Forbidden>,
    /// Where this was read.
    #[serde(skip)]
    pub path: PathBuf,
}

/// The column to predict: two values, one of them positive.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// Its column.
    pub column: String,
    /// The value whose probability the model gives.
    pub positive: String,
    /// The column that holds the same thing for the row's own day, from which
    /// the persistence baseline guesses.
    #[serde(default)]
    pub today: Option<String>,
}

/// What one column must look like.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnRule {
    /// Its name in the header.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// One sentence of meaning.
    #[serde(default)]
    pub description: String,
    /// Its unit, for people.
    #[serde(default)]
    pub unit: Option<String>,
    /// Least and greatest possible number: outside is an error. An end that is `null` in the file is open,
    /// here infinite.
    #[serde(default, deserialize_with = "bounds")]
    pub range: Option<[f64; 2]>,
    /// Least and greatest usual number, open ends as in `range`: outside is a warning.
    #[serde(default, deserialize_with = "bounds")]
    pub usual: Option<[f64; 2]>,
    /// Which of a date's two numbers comes first where it is written with slashes; without, the dates
    /// themselves must tell: one whose first number is above 12.
    #[serde(default)]
    pub dates: Option<DateOrder>,
    /// The allowed words of a category; without, any.
    #[serde(default)]
    pub values: Option<Vec<String>>,
    /// Greatest share of missing values, 0 to 1: above is an error.
    #[serde(default = "one")]
    pub missing_at_most: f64,
    /// Share of missing values above which to warn.
    #[serde(default = "one")]
    pub missing_usually: f64,
    /// Hour of the row's date, 0 to 48, at which the value is known.
    pub known_at: f64,
    /// Whether a number may be another when it is asked what would change an answer.
    #[serde(default)]
    pub controllable: bool,
}

fn one() -> f64 {
    1.0
}

/// Two bounds, either of which may be `null`. NaN stands for what no bound can be.
fn bounds<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<[f64; 2]>, D::Error> {
    let bounds = Option::<[Option<f64>; 2]>::deserialize(from)?;
    let bound = |bound: Option<f64>, open: f64| match bound {
        None => open,
        Some(bound) if bound.is_finite() => bound,
        Some(_) => f64::NAN,
    };
    Ok(bounds.map(|[least, greatest]| {
        [
            bound(least, f64::NEG_INFINITY),
            bound(greatest, f64::INFINITY),
        ]
    }))
}

impl ColumnRule {
    /// What a value must be, such as `a number from 0 to 100 %`.
    pub(crate) fn expected(&self) -> String {
        match self.kind {
            Kind::Date => "a date written \"yyyy-mm-dd\"".into(),
            Kind::Category => match &self.values {
                Some(values) => format!("one of {}", values.join(", ")),
                None => "a word".into(),
            },
            Kind::Number => {
                let unit = self.unit.as_ref().map(|unit| format!(" {unit}"));
                let unit = unit.unwrap_or_default();
                match self.range {
                    Some([least, f64::INFINITY]) => format!("a number from {least}{unit} on"),
                    Some([f64::NEG_INFINITY, greatest]) => {
                        format!("a number up to {greatest}{unit}")
                    }
                    Some([least, greatest]) => format!("a number from {least} to {greatest}{unit}"),
                    None => format!("a finite number{unit}"),
                }
            }
        }
    }
}

/// What lies outside of bounds, in words: `outside 0 to 100`, `below 0`.
pub(crate) fn outside_in_words(bounds: [f64; 2], unit: &str) -> String {
    match bounds {
        [least, f64::INFINITY] => format!("below {least}{unit}"),
        [f64::NEG_INFINITY, greatest] => format!("above {greatest}{unit}"),
        [least, greatest] => format!("outside {least} to {greatest}{unit}"),
    }
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A calendar date.
    Date,
    /// A finite number.
    Number,
    /// A word.
    Category,
}

impl Kind {
    /// Its word in a contract.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Date => "date",
            Kind::Number => "number",
            Kind::Category => "category",
        }
    }
}

/// The order of day and month in a date such as 01/02/2020.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DateOrder {
    /// The first of February.
    DayFirst,
    /// The second of January.
    MonthFirst,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Told, and nothing stops.
    Warning,
    /// The table is refused.
    Error,
}

/// A condition that every row must meet, as an expression over columns.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name in reports.
    pub name: String,
    /// The condition, such as `MinTemp <= MaxTemp`.
    pub holds: String,
    /// How bad a broken row is.
    pub level: Level,
    /// Why it must hold.
    #[serde(default)]
    pub reason: String,
}

/// A column that must not be used.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forbidden {
    /// Its name.
    pub column: String,
    /// Why not.
    pub reason: String,
}

impl Contract {
    /// Reads a contract from its file.
    ///
    /// # Errors
    /// If the file is missing, isn't YAML of this form, or contradicts itself:
    /// then every contradiction is named, a line each.
    pub fn read(path: &Path) -> Result<Contract> {
        let text = mlops_disk::read_small_text(path, mlops_disk::MAX_SMALL)?;
        Contract::parse(&text, path)
    }

    /// Reads a contract from text; `path` is only named in errors.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(text: &str, path: &Path) -> Result<Contract> {
        let mut contract: Contract =
            declaration::from_yaml(text).map_err(|message| DataError::Contract {
                path: path.into(),
                message,
            })?;
        contract.path = path.into();
        match validate::faults(&contract).as_slice() {
            [] => Ok(contract),
            faults => Err(DataError::Contract {
                path: path.into(),
                message: faults.join(&format!("\n{}: ", path.display())),
            }),
        }
    }

    /// The rule of the column of this name.
    pub fn column(&self, name: &str) -> Option<&ColumnRule> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// The name most like a misspelt one, if any is like it at all.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    // One much longer can't be like it, and to compare it would take long.
    let longest = 4 * name.len() + 8;
    known
        .filter(|other| other.len() <= longest)
        .map(|other| {
            let likeness = strsim::normalized_damerau_levenshtein(&lower, &other.to_lowercase());
            (likeness, other)
        })
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|(one, _), (two, _)| one.total_cmp(two))
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests;
