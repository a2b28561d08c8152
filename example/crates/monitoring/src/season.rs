use mlops_data::{
    Table, Values,
    calendar::{Day, day_of_year},
    table::MISSING_DAY,
};

use crate::{MonitoringError, Result};

/// How many days either side of a current day of the year still are its season.
pub const SEASON_MARGIN: u32 = 15;

/// Days of the longest year: the year as a ring, in which a leap day costs one of
/// the margin's days.
const RING: u32 = 366;

/// The reference's rows whose day of the year is near one of the current rows'.
pub(crate) fn same_season(reference: &Table, current: &Table, time: &str) -> Result<Table> {
    let reference_days = dates(reference, time, "reference")?;
    let mut in_season = [false; RING as usize];
    for day in dates(current, time, "current")? {
        if *day != MISSING_DAY {
            let middle = day_of_year(*day) - 1 + RING;
            for near in middle - SEASON_MARGIN..=middle + SEASON_MARGIN {
                in_season[(near % RING) as usize] = true;
            }
        }
    }
    let keep: Vec<bool> = reference_days
        .iter()
        .map(|day| *day != MISSING_DAY && in_season[day_of_year(*day) as usize - 1])
        .collect();
    Ok(reference.filter(&keep))
}

fn dates<'t>(table: &'t Table, time: &str, name: &'static str) -> Result<&'t [Day]> {
    match table.get(time) {
        Some(Values::Date(days)) if days.iter().any(|day| *day != MISSING_DAY) => Ok(days),
        _ => Err(MonitoringError::NoDates {
            table: name,
            column: time.into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use mlops_data::{Column, calendar::day};

    use super::*;

    fn table(days: Vec<Day>) -> Table {
        let name = "day".into();
        Table::new(vec![Column {
            name,
            values: Values::Date(days),
        }])
        .unwrap()
    }

    #[test]
    fn new_year_is_no_border() {
        let year = |year| day(year, 1, 1).unwrap()..day(year + 1, 1, 1).unwrap();
        let reference = table(year(2020).chain(year(2021)).collect());
        let current = table(vec![day(2023, 1, 5).unwrap(), MISSING_DAY]);
        let kept = same_season(&reference, &current, "day").unwrap();
        let Some(Values::Date(days)) = kept.get("day") else {
            panic!("no days")
        };
        for (expected, is_kept) in [
            ((2020, 1, 20), true),
            ((2020, 1, 21), false),
            ((2020, 12, 21), true),
            ((2020, 12, 20), false),
            ((2021, 7, 1), false),
        ] {
            let (y, m, d) = expected;
            assert_eq!(
                days.contains(&day(y, m, d).unwrap()),
                is_kept,
                "{expected:?}"
            );
        }
    }

    #[test]
    fn a_time_column_without_dates_is_named() {
        let days = table(vec![18_000]);
        let error = same_season(&days, &table(vec![MISSING_DAY]), "day").unwrap_err();
        assert_eq!(
            error,
            MonitoringError::NoDates {
                table: "current",
                column: "day".into()
            }
        );
        assert!(same_season(&days, &days, "date").is_err());
    }
}
