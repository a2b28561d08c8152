//! Dates as whole days since 1970-01-01: small, ordered, quick to compare.

use chrono::{Datelike, NaiveDate};

/// Days since 1970-01-01.
pub type Day = i32;

/// The first and the last day that a table may hold: 1583-01-01, in the first whole year of the
/// Gregorian calendar, and 2399-12-31.
///
/// This is the one range of dates. Whatever reads a date (CSV, Parquet, JSON, an argument, a
/// parameter) refuses others: they are placeholders such as 9999-12-31, dates of another calendar, or damage,
/// and a series with a place for each day between them and today would take all memory.
pub const ALLOWED: std::ops::RangeInclusive<Day> = -141_349..=157_053;

/// What to say of a day that is not [`ALLOWED`].
pub fn day_not_allowed(day: Day) -> String {
    match NaiveDate::from_epoch_days(day) {
        Some(date) => not_allowed(&date.to_string()),
        None => not_allowed(&format!("the date {day} days after 1970-01-01")),
    }
}

/// What to say of a date that is not [`ALLOWED`].
pub fn not_allowed(written: &str) -> String {
    format!(
        "{written} is not between {} and {}, the dates that are read: leave it missing if it stands for \"unknown\" or \"no end\"",
        format_iso(*ALLOWED.start()),
        format_iso(*ALLOWED.end())
    )
}

/// The day of a calendar date, or `None` if there is no such date.
pub fn day(year: i32, month: u32, day: u32) -> Option<Day> {
    NaiveDate::from_ymd_opt(year, month, day).map(|date| date.to_epoch_days())
}

/// Reads `yyyy-mm-dd`, exactly ten characters; `None` also of a day that is not [`ALLOWED`].
pub fn parse_iso(text: &str) -> Option<Day> {
    iso(text).filter(|day| ALLOWED.contains(day))
}

fn iso(text: &str) -> Option<Day> {
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

/// Reads `dd/mm/yyyy`, exactly ten characters; `None` also of a day that is not [`ALLOWED`].
pub fn parse_day_first(text: &str) -> Option<Day> {
    let (first, second, year) = slashed(text)?;
    day(year, second, first).filter(|day| ALLOWED.contains(day))
}

/// Reads `mm/dd/yyyy`, exactly ten characters; `None` also of a day that is not [`ALLOWED`].
pub fn parse_month_first(text: &str) -> Option<Day> {
    let (first, second, year) = slashed(text)?;
    day(year, first, second).filter(|day| ALLOWED.contains(day))
}

/// The numbers of `nn/nn/yyyy`.
fn slashed(text: &str) -> Option<(u32, u32, i32)> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[2] != b'/' || bytes[5] != b'/' {
        return None;
    }
    let year = number(&bytes[6..])? as i32;
    Some((number(&bytes[..2])?, number(&bytes[3..5])?, year))
}

/// Why a text is no date: `notation` is how a date is written, such as `yyyy-mm-dd`.
pub fn explain(text: &str, notation: &str) -> String {
    let elsewhere = |(first, second, year)| day(year, second, first).or(day(year, first, second));
    match iso(text).or_else(|| slashed(text).and_then(elsewhere)) {
        Some(day) if !ALLOWED.contains(&day) => not_allowed(&format!("{text:?}")),
        None if has_clock(text) => {
            format!("{text:?} has a time of day: write only the date, as {notation}")
        }
        _ => format!("{text:?} is not a date written {notation}"),
    }
}

/// Whether it begins as a date and a time of day follows.
fn has_clock(text: &str) -> bool {
    let Some((date, rest)) = text.split_at_checked(10) else {
        return false;
    };
    let is_date = iso(date).is_some() || slashed(date).is_some();
    is_date && rest.starts_with([' ', 'T']) && rest.contains(':')
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
    fn only_days_of_the_allowed_range_are_read() {
        let [first, last] = ["1583-01-01", "2399-12-31"].map(|text| parse_iso(text).unwrap());
        assert_eq!(ALLOWED, first..=last);
        for text in ["1582-12-31", "2400-01-01", "9999-12-31", "0001-01-01"] {
            assert_eq!(parse_iso(text), None, "{text}");
            assert!(explain(text, "yyyy-mm-dd").contains("between 1583-01-01 and 2399-12-31"));
        }
        assert_eq!(parse_day_first("31/12/9999"), None);
        assert_eq!(parse_month_first("12/31/2016"), parse_iso("2016-12-31"));
        assert_eq!(
            explain("2015-02-03 00:00:00", "yyyy-mm-dd"),
            "\"2015-02-03 00:00:00\" has a time of day: write only the date, as yyyy-mm-dd"
        );
        assert_eq!(
            explain("2015-02-30", "yyyy-mm-dd"),
            "\"2015-02-30\" is not a date written yyyy-mm-dd"
        );
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
