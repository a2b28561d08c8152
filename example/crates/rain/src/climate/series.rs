//! A table as one record a station.

use std::collections::BTreeMap;

use mlops_data::calendar::{self, Day};
use mlops_data::{Table, Values};

use super::variable::{ALL, COMPASS, NUMBERS, VARIABLES, Variable};
use super::{ClimateError, period};
use crate::stations::{self, Station};

/// A run of missing cloud longer than this is an outage; a shorter one, with
/// other instruments reporting, means that there was no cloud to report.
const CLEAR_RUN: usize = 15;

/// One station's record, a day after the other, NaN where nothing was reported.
pub struct Series {
    /// The station.
    pub station: &'static Station,
    /// Its first day.
    pub start: Day,
    /// Value of each variable in units of its step; directions from 0 (north).
    pub days: Vec<[f64; VARIABLES]>,
    /// Whether the table has a row of that day.
    pub reported: Vec<bool>,
}

/// The records of a table, by name of station; stations of less than a year are left out.
pub fn read(table: &Table) -> Result<Vec<Series>, ClimateError> {
    let fail = |line: usize, message: String| ClimateError {
        file: "the table".into(),
        line,
        message,
    };
    let column = |name: &str| {
        table
            .get(name)
            .ok_or_else(|| fail(1, format!("there is no column {name:?}")))
    };
    let wrong = |name: &str, wanted: &str| fail(1, format!("{name} must be a column of {wanted}"));
    let Values::Date(dates) = column("Date")? else {
        return Err(wrong("Date", "dates"));
    };
    let Values::Category { codes, levels } = column("Location")? else {
        return Err(wrong("Location", "words"));
    };
    let mut rows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, code) in codes.iter().enumerate() {
        if let Some(level) = levels.get(*code as usize) {
            rows.entry(level).or_default().push(row);
        }
    }
    let mut series = Vec::new();
    for (name, rows) in rows {
        let station = stations::find(name).ok_or_else(|| {
            fail(
                rows[0] + 2,
                format!("no station is called {name:?}: add its place to stations.rs"),
            )
        })?;
        let days = rows.iter().map(|row| dates[*row]);
        let (Some(start), Some(end)) = (days.clone().min(), days.max()) else {
            continue;
        };
        let length = (i64::from(end) - i64::from(start) + 1).clamp(0, 100_000) as usize;
        if rows.len() < 365 || length == 100_000 {
            continue;
        }
        let mut reported = vec![false; length];
        let mut values = vec![[f64::NAN; VARIABLES]; length];
        let at = |row: usize| (dates[row] - start) as usize;
        rows.iter().for_each(|row| reported[at(*row)] = true);
        for variable in ALL {
            match column(variable.name())? {
                Values::Number(numbers) if (variable as usize) < NUMBERS => {
                    for row in &rows {
                        let steps = numbers[*row] / variable.step();
                        // The few "sky obscured" (9 oktas) count as overcast.
                        let most = variable.range().1 / variable.step();
                        values[at(*row)][variable as usize] = match steps.is_nan() {
                            true => steps,
                            false => steps.min(most),
                        };
                    }
                }
                Values::Category { codes, levels } if variable as usize >= NUMBERS => {
                    let points: Vec<f64> = levels
                        .iter()
                        .map(|level| COMPASS.iter().position(|point| point == level))
                        .map(|point| point.map_or(f64::NAN, |point| point as f64))
                        .collect();
                    for row in &rows {
                        values[at(*row)][variable as usize] = points
                            .get(codes[*row] as usize)
                            .copied()
                            .unwrap_or(f64::NAN);
                    }
                }
                _ => return Err(wrong(variable.name(), "another type")),
            }
        }
        series.push(Series {
            station,
            start,
            days: values,
            reported,
        });
    }
    match series.is_empty() {
        true => Err(fail(0, "no station has at least 365 days".into())),
        false => Ok(series),
    }
}

impl Series {
    pub fn period(&self, t: usize) -> usize {
        let day = self.start + t as i32;
        let first = calendar::parse_iso(&format!("{}-01", &calendar::format_iso(day)[..7]));
        period(
            calendar::month(day),
            (day - first.unwrap_or(day) + 1) as u32,
        )
    }

    /// The rain that begins to fall on a day and is read on the next, in steps.
    pub fn next_rain(&self, t: usize) -> f64 {
        let next = self.days.get(t + 1);
        next.map_or(f64::NAN, |day| day[Variable::Rainfall as usize])
    }

    /// Whether cloud was missing because there was none, day by day.
    pub fn clear(&self, cloud: Variable) -> Vec<bool> {
        let other = match cloud {
            Variable::Cloud9am => Variable::Temp9am,
            _ => Variable::Temp3pm,
        };
        let mut clear = vec![false; self.days.len()];
        let mut run = 0..0;
        for t in 0..=self.days.len() {
            if t < self.days.len() && self.days[t][cloud as usize].is_nan() {
                run.end = t + 1;
                continue;
            }
            if run.len() <= CLEAR_RUN {
                for u in run {
                    clear[u] = self.reported[u] && !self.days[u][other as usize].is_nan();
                }
            }
            run = t + 1..t + 1;
        }
        clear
    }
}
