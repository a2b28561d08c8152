use chrono::{DateTime, Datelike};
use serde::{Deserialize, Serialize};

/// How long a time one partition of a table covers. One partition must fit into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// A calendar year.
    #[default]
    Year,
    /// A calendar month.
    Month,
}

impl Period {
    /// The partition of an instant (microseconds since 1970-01-01), by name: `2015` or `2015-07`. `None` if
    /// the calendar doesn't reach so far.
    pub(super) fn of(self, micros: i64) -> Option<String> {
        let date = DateTime::from_timestamp_micros(micros)?;
        Some(match self {
            Period::Year => format!("{:04}", date.year()),
            Period::Month => format!("{:04}-{:02}", date.year(), date.month()),
        })
    }
}
