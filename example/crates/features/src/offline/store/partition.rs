use chrono::{DateTime, Datelike};

use crate::Period;

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
