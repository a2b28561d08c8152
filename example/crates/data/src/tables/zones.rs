//! Instants as they stand on the clocks of a place.

use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use polars::prelude::TimeUnit;

use crate::calendar::{self, Day};

/// A time zone: a place, or an offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Zone {
    Place(Tz),
    Offset(FixedOffset),
}

impl Zone {
    /// By its name, such as `Australia/Sydney`, `UTC` or `+10:00`.
    pub fn parse(name: &str) -> Option<Zone> {
        if let Ok(place) = name.parse() {
            return Some(Zone::Place(place));
        }
        // Any instant will do to read an offset.
        let text = format!("1970-01-01 00:00 {name}");
        let found = DateTime::parse_from_str(&text, "%F %R %:z").ok()?;
        Some(Zone::Offset(*found.offset()))
    }

    /// What clocks show there.
    pub fn local(self, at: DateTime<Utc>) -> NaiveDateTime {
        match self {
            Zone::Place(place) => at.with_timezone(&place).naive_local(),
            Zone::Offset(offset) => at.with_timezone(&offset).naive_local(),
        }
    }
}

/// The instant so many units after 1970 began; `None` if it is too far away for a calendar.
pub(super) fn instant(count: i64, unit: TimeUnit) -> Option<DateTime<Utc>> {
    match unit {
        TimeUnit::Nanoseconds => Some(DateTime::from_timestamp_nanos(count)),
        TimeUnit::Microseconds => DateTime::from_timestamp_micros(count),
        TimeUnit::Milliseconds => DateTime::from_timestamp_millis(count),
    }
}

/// Whether it lies on an allowed day, wherever it is seen from.
pub(super) fn is_allowed(at: DateTime<Utc>) -> bool {
    let day = |at: DateTime<Utc>| at.date_naive().to_epoch_days();
    let zones = TimeDelta::hours(15);
    [at - zones, at + zones]
        .into_iter()
        .all(|at| calendar::ALLOWED.contains(&day(at)))
}

/// The day of a local time if it is a midnight.
pub(super) fn day(local: NaiveDateTime) -> Option<Day> {
    let midnight = local.time() == chrono::NaiveTime::MIN;
    midnight.then(|| local.date().to_epoch_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(zone: &str, utc: &str) -> String {
        let at = format!("{utc}Z").parse().unwrap();
        Zone::parse(zone).unwrap().local(at).to_string()
    }

    #[test]
    fn an_instant_is_seen_from_its_own_place() {
        for (zone, utc, expected) in [
            (
                "America/New_York",
                "2020-01-02T00:00:00",
                "2020-01-01 19:00:00",
            ),
            (
                "Australia/Sydney",
                "2019-12-31T13:00:00",
                "2020-01-01 00:00:00",
            ),
            // Summer time ends at three in the morning: midnight is still in it.
            (
                "Australia/Sydney",
                "2020-04-04T13:00:00",
                "2020-04-05 00:00:00",
            ),
            (
                "Australia/Sydney",
                "2020-04-05T14:00:00",
                "2020-04-06 00:00:00",
            ),
            (
                "Asia/Kathmandu",
                "2020-01-01T18:15:00",
                "2020-01-02 00:00:00",
            ),
            ("+09:30", "2020-01-01T14:30:00", "2020-01-02 00:00:00"),
            ("UTC", "2020-01-01T00:00:00", "2020-01-01 00:00:00"),
        ] {
            assert_eq!(local(zone, utc), expected, "{zone}");
        }
        for name in ["Sydney", "", "*", "+25:00", "AEST"] {
            assert_eq!(Zone::parse(name), None, "{name}");
        }
    }

    #[test]
    fn an_instant_beyond_the_calendar_is_none() {
        assert_eq!(instant(i64::MAX, TimeUnit::Milliseconds), None);
        assert!(!is_allowed(
            instant(i64::MAX / 20, TimeUnit::Microseconds).unwrap()
        ));
        assert!(is_allowed(
            instant(i64::MAX / 2, TimeUnit::Nanoseconds).unwrap()
        ));
    }
}
