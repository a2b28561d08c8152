//! Faults put into a table on purpose, to see whether a check notices them.
//!
//! A [`Fault`] says what goes wrong ([`Change`]), from which day and for which
//! entities. It works on any table under its contract, and rows that it doesn't
//! name stay as they are, bit for bit. Several faults are applied one after the
//! other, in the order given.

mod apply;
mod conversion;
mod rows;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use conversion::Conversion;

use crate::{
    DataError, Result,
    calendar::{self, Day},
};

/// Something that goes wrong from one day on.
///
/// In YAML or JSON: `{start: 2024-03-01, entities: [a, b], change: {offset: {column: load, by: 5}}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub change: Change,
    /// First day that is touched, `yyyy-mm-dd`; without, the table's first day.
    #[serde(default, with = "iso_day", skip_serializing_if = "Option::is_none")]
    pub start: Option<Day>,
    /// The entities touched (values of the contract's `entity` column); empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<String>,
}

/// What goes wrong with a column or with whole rows.
///
/// Missing values stay missing unless said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// A sensor that drifts: `per_day` × days since the start is added.
    Trend {
        /// A column of numbers.
        column: String,
        /// Growth in the column's unit per day; the start day itself is unchanged.
        per_day: f64,
    },
    /// A constant is added.
    Offset {
        /// A column of numbers.
        column: String,
        /// What is added, in the column's unit.
        by: f64,
    },
    /// Every value is multiplied.
    Scale {
        /// A column of numbers.
        column: String,
        /// The factor.
        by: f64,
    },
    /// The source changes its unit and nobody says so.
    Unit {
        /// A column of numbers.
        column: String,
        /// From the old unit to the new one.
        conversion: Conversion,
    },
    /// Each entity repeats the last value it had before the start (if it had
    /// none, its first one after). Rows without a value stay without.
    Stuck {
        /// A column of numbers or of categories.
        column: String,
    },
    /// Independent Gaussian noise of mean 0 is added.
    Noise {
        /// A column of numbers.
        column: String,
        /// Standard deviation of the noise, in the column's unit.
        std: f64,
    },
    /// Every value is missing; the column stays.
    Missing {
        /// Any column but those of the key, the time and the entity.
        column: String,
    },
    /// The column is gone from the whole table: takes neither start nor entities.
    Removed {
        /// Any column but those of the key, the time and the entity.
        column: String,
    },
    /// Rows arrive late: the row of day *d* stands behind every punctual row of
    /// days up to *d* + `days`, so a reader that stops at the end of a day
    /// hasn't got it yet. The table ends with its last day: what
    /// would arrive after that is not in it. Punctual rows keep their order.
    Late {
        /// By how many days.
        days: u32,
    },
    /// Rows appear twice, the copy right behind the original.
    Duplicated {
        /// Chance of each row, 0 to 1.
        #[serde(default = "all")]
        share: f64,
    },
    /// The two values of the contract's label are exchanged.
    SwappedLabels {
        /// Chance of each row, 0 to 1.
        #[serde(default = "all")]
        share: f64,
    },
}

fn all() -> f64 {
    1.0
}

impl Change {
    /// The column it alters, if it alters one of the caller's choice.
    pub fn column(&self) -> Option<&str> {
        match self {
            Change::Trend { column, .. }
            | Change::Offset { column, .. }
            | Change::Scale { column, .. }
            | Change::Unit { column, .. }
            | Change::Stuck { column }
            | Change::Noise { column, .. }
            | Change::Missing { column }
            | Change::Removed { column } => Some(column),
            Change::Late { .. } | Change::Duplicated { .. } | Change::SwappedLabels { .. } => None,
        }
    }

    /// What is wrong with its own numbers, whatever the table.
    fn complaint(&self) -> Option<String> {
        let finite = |name: &str, value: f64| {
            (!value.is_finite())
                .then(|| format!("{name} is {value}, which is not a finite number; give one"))
        };
        match self {
            Change::Trend { per_day, .. } => finite("per_day", *per_day),
            Change::Offset { by, .. } | Change::Scale { by, .. } => finite("by", *by),
            Change::Noise { std, .. } if *std < 0.0 => Some(format!(
                "std is {std}; a standard deviation is zero or more"
            )),
            Change::Noise { std, .. } => finite("std", *std),
            Change::Late { days: 0 } => {
                Some("days is 0, so nothing is late; give at least 1".into())
            }
            Change::Duplicated { share } | Change::SwappedLabels { share }
                if !(*share > 0.0 && *share <= 1.0) =>
            {
                Some(format!(
                    "share is {share}; give a number above 0 and up to 1"
                ))
            }
            _ => None,
        }
    }
}

impl Fault {
    fn error(&self, message: impl Into<String>) -> DataError {
        DataError::Fault {
            fault: self.to_string(),
            message: message.into(),
        }
    }

    fn check_numbers(&self) -> Result<()> {
        match self.change.complaint() {
            Some(message) => Err(self.error(message)),
            None => Ok(()),
        }
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Change::Trend { column, per_day } => {
                write!(f, "trend of {per_day:+} a day on {column}")
            }
            Change::Offset { column, by } => write!(f, "offset of {by:+} on {column}"),
            Change::Scale { column, by } => write!(f, "scale by {by} on {column}"),
            Change::Unit { column, conversion } => {
                write!(f, "unit change {conversion} on {column}")
            }
            Change::Stuck { column } => write!(f, "stuck value on {column}"),
            Change::Noise { column, std } => write!(f, "noise of {std} on {column}"),
            Change::Missing { column } => write!(f, "missing values on {column}"),
            Change::Removed { column } => write!(f, "removed column {column}"),
            Change::Late { days } => write!(f, "rows {days} days late"),
            Change::Duplicated { share } => write!(f, "duplicated rows (share {share})"),
            Change::SwappedLabels { share } => write!(f, "swapped labels (share {share})"),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.change.fmt(f)?;
        if let Some(start) = self.start {
            write!(f, " from {}", calendar::format_iso(start))?;
        }
        if !self.entities.is_empty() {
            write!(f, " at {}", self.entities.join(", "))?;
        }
        Ok(())
    }
}

/// An optional day as `yyyy-mm-dd`.
mod iso_day {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::calendar::{self, Day};

    pub fn serialize<S: Serializer>(day: &Option<Day>, serializer: S) -> Result<S::Ok, S::Error> {
        match day {
            Some(day) => serializer.serialize_some(&calendar::format_iso(*day)),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Day>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| {
                calendar::parse_iso(&text)
                    .ok_or_else(|| D::Error::custom(format!("{text:?} is not a date yyyy-mm-dd")))
            })
            .transpose()
    }
}
