//! What is compared: numbers that describe a table of weather.
//!
//! Every number is worked out for each station by itself and then averaged over
//! stations, so that tables weigh their stations alike whatever their lengths.

use std::collections::BTreeMap;

use mlops_data::calendar;
use mlops_data::{Cell, Table};
use serde::Serialize;

use crate::climate::distance;
use crate::climate::variable::{ALL, NUMBERS, Variable};
use crate::stations;

/// Fewer values than this of a station say too little of it.
const LEAST: usize = 60;

/// One table's statistics, averaged over its stations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    /// Number of rows.
    pub rows: usize,
    /// Number of stations.
    pub stations: usize,
    /// Rain from January to December.
    pub rain: [RainMonth; 12],
    /// Each number column.
    pub variables: Vec<VariableStatistics>,
    /// Names of the rows and columns of `correlations`.
    pub names: Vec<&'static str>,
    /// Correlations of departures from a station's mean of the month.
    pub correlations: Vec<Vec<f64>>,
    /// Spells of wet days.
    pub spells: Spells,
    /// Correlation of wet or dry between stations, by distance.
    pub neighbours: Vec<Neighbours>,
}

/// Rain in one month of the year.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct RainMonth {
    /// Share of days with more than 1 mm.
    pub wet: f64,
    /// Mean of all days, mm.
    pub mean: f64,
    /// 95th percentile of all days, mm.
    pub p95: f64,
}

/// One variable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VariableStatistics {
    /// Its column.
    pub name: &'static str,
    /// Mean.
    pub mean: f64,
    /// Standard deviation at a station.
    pub deviation: f64,
    /// Correlation of departures from the mean of the month with those of the day before.
    pub lag1: f64,
    /// Share of missing values.
    pub missing: f64,
    /// Mean of each month.
    pub months: [f64; 12],
    /// Standard deviation of each month.
    pub month_deviations: [f64; 12],
}

/// How wet days follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Spells {
    /// Mean length of a wet spell, days.
    pub mean: f64,
    /// Share of wet spells of at least 3 days.
    pub three: f64,
    /// Share of wet spells of at least 7 days.
    pub seven: f64,
    /// Share of wet days after a wet day.
    pub wet_after_wet: f64,
    /// Share of wet days after a dry day.
    pub wet_after_dry: f64,
}

/// Pairs of stations at some distance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Neighbours {
    /// Least distance, km.
    pub from: f64,
    /// Greatest distance, km.
    pub to: f64,
    /// Mean correlation of wet (1) and dry (0).
    pub correlation: f64,
}

/// Distances told apart, km.
const RINGS: [(f64, f64); 4] = [(0.0, 50.0), (50.0, 200.0), (200.0, 500.0), (500.0, 1000.0)];

/// One station's rows in order of date.
struct Series {
    name: String,
    dates: Vec<i32>,
    months: Vec<usize>,
    values: Vec<Vec<f64>>,
    /// Departures from the mean of the month.
    departures: Vec<Vec<f64>>,
}

impl Statistics {
    /// The statistics of the rows of some stations.
    ///
    /// # Errors
    /// The name of the column that is missing.
    pub fn of(table: &Table, keep: &dyn Fn(&str) -> bool) -> Result<Statistics, String> {
        let series = series(table, keep)?;
        let over = |value: &dyn Fn(&Series) -> Option<f64>| mean(series.iter().filter_map(value));
        let rain = std::array::from_fn(|month| {
            let of = |s: &Series| s.of_month(Variable::Rainfall, month);
            RainMonth {
                wet: over(&|s| mean_of(of(s)?.iter().map(|mm| f64::from(u8::from(*mm > 1.0))))),
                mean: over(&|s| mean_of(of(s)?.into_iter())),
                p95: over(&|s| of(s).map(percentile95)),
            }
        });
        let variables = ALL[..NUMBERS]
            .iter()
            .map(|variable| {
                let k = *variable as usize;
                let monthly = |statistic: &dyn Fn(&[f64]) -> f64| {
                    std::array::from_fn(|month| {
                        over(&|s| s.of_month(*variable, month).map(|v| statistic(&v)))
                    })
                };
                VariableStatistics {
                    name: variable.name(),
                    mean: over(&|s| s.known(k).map(|v| average(&v))),
                    deviation: over(&|s| s.known(k).map(|v| deviation(&v))),
                    lag1: over(&|s| s.lag1(k)),
                    missing: over(&|s| {
                        let missing = s.values[k].iter().filter(|v| v.is_nan()).count();
                        Some(missing as f64 / s.dates.len() as f64)
                    }),
                    months: monthly(&average),
                    month_deviations: monthly(&deviation),
                }
            })
            .collect();
        let correlations = (0..NUMBERS)
            .map(|i| {
                (0..NUMBERS)
                    .map(|j| over(&|s| correlation(s.departures[i].iter().zip(&s.departures[j]))))
                    .collect()
            })
            .collect();
        Ok(Statistics {
            rows: series.iter().map(|s| s.dates.len()).sum(),
            stations: series.len(),
            rain,
            variables,
            names: ALL[..NUMBERS]
                .iter()
                .map(|variable| variable.name())
                .collect(),
            correlations,
            spells: spells(&series),
            neighbours: neighbours(&series),
        })
    }
}

/// Names of the stations of a table.
///
/// # Errors
/// If it has no column of them.
pub fn stations_of(table: &Table) -> Result<Vec<String>, String> {
    match table.get("Location") {
        Some(mlops_data::Values::Category { codes, levels }) => Ok(levels
            .iter()
            .enumerate()
            .filter(|(code, _)| codes.contains(&(*code as u32)))
            .map(|(_, level)| level.clone())
            .collect()),
        _ => Err("Location".into()),
    }
}

fn series(table: &Table, keep: &dyn Fn(&str) -> bool) -> Result<Vec<Series>, String> {
    let column = |name: &str| table.get(name).ok_or_else(|| name.to_string());
    let (dates, locations) = (column("Date")?, column("Location")?);
    let mut rows: BTreeMap<&str, Vec<(i32, usize)>> = BTreeMap::new();
    for row in 0..table.rows() {
        if let (Cell::Date(day), Cell::Text(name)) = (dates.cell(row), locations.cell(row))
            && keep(name)
        {
            rows.entry(name).or_default().push((day, row));
        }
    }
    let columns = ALL[..NUMBERS]
        .iter()
        .map(|variable| column(variable.name()))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows
        .into_iter()
        .map(|(name, mut rows)| {
            rows.sort_unstable();
            let months: Vec<usize> = rows
                .iter()
                .map(|(day, _)| calendar::month(*day) as usize - 1)
                .collect();
            let values: Vec<Vec<f64>> = columns
                .iter()
                .map(|c| {
                    rows.iter()
                        .map(|(_, row)| c.cell(*row).number().unwrap_or(f64::NAN))
                        .collect()
                })
                .collect();
            let departures = values
                .iter()
                .map(|values| departures(values, &months))
                .collect();
            Series {
                name: name.into(),
                dates: rows.iter().map(|(day, _)| *day).collect(),
                months,
                values,
                departures,
            }
        })
        .collect())
}

fn departures(values: &[f64], months: &[usize]) -> Vec<f64> {
    let mut sums = [(0.0, 0.0); 12];
    for (value, month) in values.iter().zip(months) {
        if !value.is_nan() {
            sums[*month].0 += value;
            sums[*month].1 += 1.0;
        }
    }
    let mean = |month: usize| sums[month].0 / sums[month].1;
    values
        .iter()
        .zip(months)
        .map(|(value, month)| value - mean(*month))
        .collect()
}

impl Series {
    fn known(&self, k: usize) -> Option<Vec<f64>> {
        let known: Vec<f64> = self.values[k]
            .iter()
            .copied()
            .filter(|v| !v.is_nan())
            .collect();
        (known.len() >= 3 * LEAST).then_some(known)
    }

    fn of_month(&self, variable: Variable, month: usize) -> Option<Vec<f64>> {
        let values: Vec<f64> = self.values[variable as usize]
            .iter()
            .zip(&self.months)
            .filter(|(value, of)| **of == month && !value.is_nan())
            .map(|(value, _)| *value)
            .collect();
        (values.len() >= LEAST).then_some(values)
    }

    fn follow(&self) -> impl Iterator<Item = usize> {
        (1..self.dates.len()).filter(|t| self.dates[*t] == self.dates[t - 1] + 1)
    }

    fn lag1(&self, k: usize) -> Option<f64> {
        let values = &self.departures[k];
        correlation(self.follow().map(|t| (&values[t], &values[t - 1])))
    }

    /// 1 wet, 0 dry, NaN unknown.
    fn wet(&self, t: usize) -> f64 {
        match self.values[Variable::Rainfall as usize][t] {
            mm if mm.is_nan() => mm,
            mm => f64::from(u8::from(mm > 1.0)),
        }
    }
}

fn spells(series: &[Series]) -> Spells {
    let mut lengths: Vec<usize> = Vec::new();
    let mut after = [[0.0; 2]; 2];
    for s in series {
        let mut run = 0;
        let mut last = i32::MIN;
        for t in 0..s.dates.len() {
            let broken = s.dates[t] != last.saturating_add(1);
            last = s.dates[t];
            if !broken && t > 0 && !s.wet(t).is_nan() && !s.wet(t - 1).is_nan() {
                after[s.wet(t - 1) as usize][s.wet(t) as usize] += 1.0;
            }
            if s.wet(t) == 1.0 && !broken {
                run += 1;
                continue;
            }
            if run > 0 {
                lengths.push(run);
            }
            run = usize::from(s.wet(t) == 1.0);
        }
        if run > 0 {
            lengths.push(run);
        }
    }
    let share = |least: usize| {
        mean(
            lengths
                .iter()
                .map(|length| f64::from(u8::from(*length >= least))),
        )
    };
    Spells {
        mean: mean(lengths.iter().map(|length| *length as f64)),
        three: share(3),
        seven: share(7),
        wet_after_wet: after[1][1] / (after[1][0] + after[1][1]),
        wet_after_dry: after[0][1] / (after[0][0] + after[0][1]),
    }
}

fn neighbours(series: &[Series]) -> Vec<Neighbours> {
    let mut rings: Vec<Vec<f64>> = vec![Vec::new(); RINGS.len()];
    let place = |s: &Series| {
        stations::find(&s.name).map(|x| (f64::from(x.latitude), f64::from(x.longitude)))
    };
    for (i, one) in series.iter().enumerate() {
        for other in &series[i + 1..] {
            let (Some(here), Some(there)) = (place(one), place(other)) else {
                continue;
            };
            let far = distance(here, there);
            let Some(ring) = RINGS
                .iter()
                .position(|(from, to)| (*from..*to).contains(&far))
            else {
                continue;
            };
            let (mut a, mut b, mut pairs) = (0, 0, Vec::new());
            while a < one.dates.len() && b < other.dates.len() {
                match one.dates[a].cmp(&other.dates[b]) {
                    std::cmp::Ordering::Less => a += 1,
                    std::cmp::Ordering::Greater => b += 1,
                    std::cmp::Ordering::Equal => {
                        pairs.push((one.wet(a), other.wet(b)));
                        a += 1;
                        b += 1;
                    }
                }
            }
            rings[ring].extend(correlation(pairs.iter().map(|(x, y)| (x, y))));
        }
    }
    RINGS
        .iter()
        .zip(rings)
        .map(|((from, to), correlations)| Neighbours {
            from: *from,
            to: *to,
            correlation: mean(correlations.into_iter()),
        })
        .collect()
}

/// NaN of nothing.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    mean_of(values).unwrap_or(f64::NAN)
}

fn mean_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

fn average(values: &[f64]) -> f64 {
    mean(values.iter().copied())
}

fn deviation(values: &[f64]) -> f64 {
    let centre = average(values);
    mean(values.iter().map(|v| (v - centre) * (v - centre))).sqrt()
}

fn percentile95(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let at = 0.95 * (values.len() - 1) as f64;
    let (low, high) = (values[at.floor() as usize], values[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

/// Over the pairs that are both known, if there are enough.
fn correlation<'a>(pairs: impl Iterator<Item = (&'a f64, &'a f64)>) -> Option<f64> {
    let known: Vec<(f64, f64)> = pairs
        .filter(|(x, y)| !x.is_nan() && !y.is_nan())
        .map(|(x, y)| (*x, *y))
        .collect();
    (known.len() >= 3 * LEAST).then_some(())?;
    let (mx, my) = (
        mean(known.iter().map(|p| p.0)),
        mean(known.iter().map(|p| p.1)),
    );
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in known {
        xy += (x - mx) * (y - my);
        xx += (x - mx) * (x - mx);
        yy += (y - my) * (y - my);
    }
    (xx > 0.0 && yy > 0.0).then(|| xy / (xx * yy).sqrt())
}
