use chrono::{DateTime, NaiveDate, NaiveDateTime};
use polars::prelude::*;

use super::source::Place;
use super::{OfflineError, OfflineResult};

/// When a view's rows became known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Created {
    /// A column says it.
    Column(String),
    /// So many microseconds after they happened; 0 is at once.
    After(u64),
    /// With their event: an instant at once, a day when it is over.
    WithEvent,
}

/// Whether the instants of a column can be compared with those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    /// Days only, each its midnight: they go with both others.
    Day,
    /// No time zone is known.
    Naive,
    /// Instants everywhere the same, in UTC.
    Aware,
}

/// A column of instants in microseconds since 1970-01-01.
#[derive(Debug)]
pub(super) struct Times {
    pub micros: Vec<Option<i64>>,
    pub zone: Zone,
    /// Table and column, for messages.
    place: String,
    column: String,
}

impl Times {
    /// Reads instants, days or texts of them.
    pub fn of(place: &Place, series: &Series) -> OfflineResult<Times> {
        let column = series.name().as_str();
        let frame = |error| OfflineError::Frame {
            place: place.name.clone(),
            source: error,
        };
        let refuse = |row: usize, message: String| OfflineError::Value {
            place: place.name.clone(),
            row: place.row(row),
            column: column.into(),
            message,
        };
        let (micros, zone) = match series.dtype() {
            DataType::Date => {
                let days = series.cast(&DataType::Int32).map_err(frame)?;
                let micros = days.i32().map_err(frame)?.iter();
                (
                    micros
                        .map(|day| day.map(|day| i64::from(day) * DAY))
                        .collect(),
                    Zone::Day,
                )
            }
            DataType::Datetime(unit, zone) => {
                let (times, divisor) = match unit {
                    TimeUnit::Nanoseconds => (1, 1000),
                    TimeUnit::Microseconds => (1, 1),
                    TimeUnit::Milliseconds => (1000, 1),
                };
                let counts = series.cast(&DataType::Int64).map_err(frame)?;
                let mut micros = Vec::with_capacity(series.len());
                for (row, count) in counts.i64().map_err(frame)?.iter().enumerate() {
                    micros.push(match count {
                        None => None,
                        Some(count) if count % divisor != 0 => {
                            return Err(refuse(
                                row,
                                "the instant is finer than a microsecond: round it".into(),
                            ));
                        }
                        Some(count) => Some(
                            (count / divisor)
                                .checked_mul(times)
                                .ok_or_else(|| refuse(row, "the instant is out of range".into()))?,
                        ),
                    });
                }
                let zone = if zone.is_some() {
                    Zone::Aware
                } else {
                    Zone::Naive
                };
                (micros, zone)
            }
            DataType::String => texts(place, series, refuse).map_err(|error| match error {
                Refused::Value(error) => *error,
                Refused::Frame(error) => frame(error),
            })?,
            found => {
                return Err(OfflineError::ColumnType {
                    place: place.name.clone(),
                    column: column.into(),
                    found: found.to_string(),
                    wanted: "a date or an instant",
                });
            }
        };
        Ok(Times {
            micros,
            zone,
            place: place.name.clone(),
            column: column.into(),
        })
    }

    /// If they are days: takes each as its end. What is of a day, or became known on it, isn't known before.
    pub fn let_days_end(&mut self) {
        self.let_days_mean(DAY as u64);
    }

    /// If they are days: takes each as an instant so long after its midnight.
    pub fn let_days_mean(&mut self, after: u64) {
        if self.zone == Zone::Day {
            for instant in self.micros.iter_mut().flatten() {
                *instant = instant.saturating_add_unsigned(after);
            }
        }
    }

    /// The instants, if none is missing.
    pub fn all_known(&self, place: &Place) -> OfflineResult<Vec<i64>> {
        let missing = self.micros.iter().position(Option::is_none);
        match missing {
            None => Ok(self.micros.iter().flatten().copied().collect()),
            Some(row) => Err(OfflineError::Value {
                place: place.name.clone(),
                row: place.row(row),
                column: self.column.clone(),
                message: "the instant is missing: fill it in, or leave the row out".into(),
            }),
        }
    }

    /// Refuses to compare instants with a zone and instants without.
    pub fn comparable(&self, other: &Times) -> OfflineResult<()> {
        let (aware, naive) = match (self.zone, other.zone) {
            (Zone::Aware, Zone::Naive) => (self, other),
            (Zone::Naive, Zone::Aware) => (other, self),
            _ => return Ok(()),
        };
        let words = |times: &Times| format!("column {:?} of {}", times.column, times.place);
        Err(OfflineError::Zones {
            aware: words(aware),
            naive: words(naive),
        })
    }
}

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

enum Refused {
    Value(Box<OfflineError>),
    Frame(PolarsError),
}

/// Texts as instants: all of them with a zone or all without.
fn texts(
    place: &Place,
    series: &Series,
    refuse: impl Fn(usize, String) -> OfflineError,
) -> Result<(Vec<Option<i64>>, Zone), Refused> {
    let mut micros = Vec::with_capacity(series.len());
    let mut first: Option<(usize, Zone)> = None;
    for (row, text) in series.str().map_err(Refused::Frame)?.iter().enumerate() {
        let Some(text) = text else {
            micros.push(None);
            continue;
        };
        let (instant, zone) = instant(text).ok_or_else(|| {
            Refused::Value(Box::new(refuse(
                row,
                format!("{text:?} is no instant: write 2015-07-01, 2015-07-01 09:00:00 or 2015-07-01T09:00:00Z"),
            )))
        })?;
        match first {
            Some((earlier, known)) if zone != Zone::Day && zone != known => {
                return Err(Refused::Value(Box::new(refuse(
                    row,
                    format!(
                        "{text:?} {} a time zone, unlike {}: give all of them one, or none",
                        if zone == Zone::Aware {
                            "has"
                        } else {
                            "has not"
                        },
                        place.row(earlier)
                    ),
                ))));
            }
            None if zone != Zone::Day => first = Some((row, zone)),
            _ => {}
        }
        micros.push(Some(instant));
    }
    Ok((micros, first.map_or(Zone::Day, |(_, zone)| zone)))
}

fn instant(text: &str) -> Option<(i64, Zone)> {
    if let Some(day) = mlops_data::calendar::parse_iso(text) {
        return Some((i64::from(day) * DAY, Zone::Day));
    }
    let (date, time) = text.split_at_checked(10)?;
    NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
    let time = time.strip_prefix(['T', ' '])?;
    let at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(at);
    let format = match clock.matches(':').count() {
        1 => "%Y-%m-%d %H:%M",
        _ => "%Y-%m-%d %H:%M:%S%.f",
    };
    let clock = NaiveDateTime::parse_from_str(&format!("{date} {}", clock.trim_end()), format);
    let micros = clock.ok()?.and_utc().timestamp_micros();
    let offset = match zone {
        "" => return Some((micros, Zone::Naive)),
        "Z" | "z" => 0,
        // Any instant will do to read an offset.
        offset => DateTime::parse_from_str(&format!("1970-01-01 00:00 {offset}"), "%F %R %:z")
            .ok()?
            .offset()
            .local_minus_utc(),
    };
    Some((micros - i64::from(offset) * 1_000_000, Zone::Aware))
}

/// Reads an instant as the commands do: `2015-07-01` (its midnight), `2015-07-01 09:00:00` or
/// `2015-07-01T09:00:00+10:00`. Gives microseconds since 1970-01-01, in UTC where the text has a zone.
pub fn parse_instant(text: &str) -> Option<i64> {
    instant(text).map(|(micros, _)| micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_with_and_without_a_zone() {
        let nine = 1_435_741_200_000_000;
        for (text, expected) in [
            ("2015-07-01", Some((nine - 9 * 3_600_000_000, Zone::Day))),
            ("2015-07-01 09:00", Some((nine, Zone::Naive))),
            ("2015-07-01T09:00:00.000001", Some((nine + 1, Zone::Naive))),
            ("2015-07-01T09:00:00Z", Some((nine, Zone::Aware))),
            ("2015-07-01 19:00:00+10:00", Some((nine, Zone::Aware))),
            ("2015-07-01 06:30:00.000-02:30", Some((nine, Zone::Aware))),
            ("2015-07-01 09", None),
            ("2015-07-01 25:00", None),
            ("2015-02-30 09:00", None),
            ("1 July", None),
            ("2015-07-0é 09:00", None),
            ("", None),
        ] {
            assert_eq!(instant(text), expected, "{text}");
        }
    }
}
