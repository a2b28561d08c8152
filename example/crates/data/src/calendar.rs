//! Dates as whole days since 1970-01-01: small, ordered, quick to compare.

use chrono::{Datelike, NaiveDate};

/// Days since 1970-01-01.
pub type Day = i32;

/// The day of a calendar date, or `None` if there is no such date.
pub fn day(year: i32, month: u32, day: u32) -> Option<Day> {
    NaiveDate::from_ymd_opt(year, month, day).map(|date| date.to_epoch_days())
}

/// Reads `yyyy-mm-dd`, exactly ten characters.
pub fn parse_iso(text: &str) -> Option<Day> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    day(
        number(&bytes[..4])? as i32,
        number(&bytes[5..7])?,
        number(&bytes[8..])?,
    )
}

/// Reads `dd/mm/yyyy`, exactly ten characters.
pub fn parse_day_first(text: &str) -> Option<Day> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[2] != b'/' || bytes[5] != b'/' {
        return None;
    }
    day(
        number(&bytes[6..])? as i32,
        number(&bytes[3..5])?,
        number(&bytes[..2])?,
    )
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| match digit {
        b'0'..=b'9' => Some(value * 10 + u32::from(digit - b'0')),
        _ => None,
    })
}

/// Writes `yyyy-mm-dd`.
pub fn format_iso(day: Day) -> String {
    date(day).format("%Y-%m-%d").to_string()
}

/// `yyyy-mm-dd` as bytes, quickly, or `None` outside the years 0 to 9999 (which
/// ten characters can't hold).
pub fn iso_bytes(day: Day) -> Option<[u8; 10]> {
    let date = NaiveDate::from_epoch_days(day)?;
    let year = u32::try_from(date.year()).ok().filter(|y| *y <= 9999)?;
    let digit = |number: u32| b'0' + (number % 10) as u8;
    let (month, day) = (date.month(), date.day());
    Some([
        digit(year / 1000),
        digit(year / 100),
        digit(year / 10),
        digit(year),
        b'-',
        digit(month / 10),
        digit(month),
        b'-',
        digit(day / 10),
        digit(day),
    ])
}

/// Month of the year, 1 to 12.
pub fn month(day: Day) -> u32 {
    date(day).month()
}

/// Day of the year, 1 to 366.
pub fn day_of_year(day: Day) -> u32 {
    date(day).ordinal()
}

/// Calendar year.
pub fn year(day: Day) -> i32 {
    date(day).year()
}

fn date(day: Day) -> NaiveDate {
    NaiveDate::from_epoch_days(day).unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations_name_the_same_day() {
        assert_eq!(parse_iso("2016-02-29"), parse_day_first("29/02/2016"));
        assert_eq!(format_iso(parse_iso("2016-02-29").unwrap()), "2016-02-29");
    }

    #[test]
    fn a_date_that_does_not_exist_is_refused() {
        for text in [
            "2015-02-29",
            "2015-13-01",
            "2015-1-01",
            "2015/01/01",
            "+015-01-01",
            "",
        ] {
            assert_eq!(parse_iso(text), None, "{text}");
        }
    }
}
