//! From a table of observations to its climate.

use std::collections::BTreeMap;

use mlops_data::calendar::{self, Day};
use mlops_data::{Table, Values};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::impute::{Conditional, END, Moments, Record};
use super::marginal::{Curve, QUANTILES, SHARES};
use super::space::{self, Site};
use super::variable::{ALL, COMPASS, NUMBERS, VARIABLES, Variable};
use super::{
    Climate, ClimateError, Correlations, Gap, Marginal, PERIODS, Place, Rain, Region, Roses, angle,
    half, normal, period,
};
use crate::stations::{self, Station, Zone};

/// Sweeps of the sampler over all stations together, then region by region.
const SWEEPS: [usize; 2] = [60, 40];
/// The last so many sweeps are averaged.
const KEPT: usize = 8;
/// Sweeps after which a draw has forgotten another.
const APART: usize = 10;
/// Days' worth of the whole country that a region's correlations are mixed with,
/// so that one that never reports a variable still has some.
const PRIOR_DAYS: f64 = 400.0;
/// A variable with fewer days than this is taken as never reported.
const LEAST_DAYS: usize = 200;
/// A run of missing cloud longer than this is an outage; a shorter one, with
/// other instruments reporting, means that there was no cloud to report.
const CLEAR_RUN: usize = 15;

/// One station's record, a day after the other, NaN where nothing was reported.
struct Series {
    station: &'static Station,
    start: Day,
    /// Value of each variable in units of its step; directions from 0 (north).
    days: Vec<[f64; VARIABLES]>,
    /// Whether the table has a row of that day.
    reported: Vec<bool>,
}

/// The climate of a table with the columns of *Rain in Australia*.
///
/// The result depends on the table alone: the same table gives the same climate.
///
/// # Errors
/// If a column is missing or of another type, a station is unknown, or there is
/// no station with at least a year of days.
pub fn fit(table: &Table) -> Result<Climate, ClimateError> {
    let series = read(table)?;
    let mut regions: Vec<&'static str> = series.iter().map(|s| region(s.station)).collect();
    regions.sort_unstable();
    regions.dedup();

    // Wind latents count clockwise from the direction that is rarest in a region,
    // so that the two ends of the scale are seldom crossed.
    let mut places: Vec<Place> = series
        .par_iter()
        .map(|s| {
            place(
                s,
                regions
                    .iter()
                    .position(|r| *r == region(s.station))
                    .unwrap_or(0),
            )
        })
        .collect();
    places.sort_by(|a, b| a.name.cmp(&b.name));
    let cuts = super::cuts(&places, regions.len());

    let mut records: Vec<Record> = series
        .par_iter()
        .zip(&places)
        .map(|(s, place)| {
            let halves = (0..s.days.len()).map(|t| half(s.period(t))).collect();
            Record::new(bounds(s, place, &cuts[place.region]), halves)
        })
        .collect();

    let everyone: Vec<usize> = (0..records.len()).collect();
    let start = [0, 1].map(|half| {
        let mut start = Moments::new();
        records.iter().for_each(|record| start.see(record, half));
        start.correlations()
    });
    let whole = sample(&mut records, &everyone, start, None, SWEEPS[0], 1);
    let country = whole.each_ref().map(Moments::correlations);
    let regions: Vec<Region> = regions
        .iter()
        .enumerate()
        .map(|(r, name)| {
            let members: Vec<usize> = (0..places.len())
                .filter(|i| places[*i].region == r)
                .collect();
            let country = country.clone();
            let moments = sample(&mut records, &members, country, Some(&whole), SWEEPS[1], 2);
            Region {
                name: (*name).into(),
                halves: moments.each_ref().map(Moments::correlations),
            }
        })
        .collect();
    let earlier: Vec<Vec<[f64; VARIABLES]>> = records.iter().map(|r| r.scores.clone()).collect();
    for (r, region) in regions.iter().enumerate() {
        let members: Vec<usize> = (0..places.len())
            .filter(|i| places[*i].region == r)
            .collect();
        sample(
            &mut records,
            &members,
            region.halves.clone(),
            Some(&whole),
            APART,
            3,
        );
    }

    let sites: Vec<Site<'_>> = series
        .iter()
        .zip(&places)
        .zip(&records)
        .map(|((s, place), record)| Site {
            position: (place.latitude, place.longitude),
            start: s.start,
            record,
            region: &regions[place.region],
        })
        .collect();
    let fields = space::fields(&sites, &earlier);
    Ok(Climate {
        places,
        regions,
        fields,
    })
}

/// Temperate Australia is three: the west and south have wet winters, the east
/// has rain from the sea in any season, as the subtropics have. Deserts and the
/// grassland around them are one.
fn region(station: &Station) -> &'static str {
    match station.zone {
        Zone::Tropical => "tropical",
        Zone::Desert | Zone::Grassland => "dry",
        Zone::Subtropical => "east",
        Zone::Temperate if station.latitude > -35.0 && station.longitude > 150.0 => "east",
        Zone::Temperate if station.longitude < 130.0 => "west",
        Zone::Temperate => "south",
    }
}

fn read(table: &Table) -> Result<Vec<Series>, ClimateError> {
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
    fn period(&self, t: usize) -> usize {
        let day = self.start + t as i32;
        let first = calendar::parse_iso(&format!("{}-01", &calendar::format_iso(day)[..7]));
        period(
            calendar::month(day),
            (day - first.unwrap_or(day) + 1) as u32,
        )
    }

    /// The rain that begins to fall on a day and is read on the next, in steps.
    fn next_rain(&self, t: usize) -> f64 {
        let next = self.days.get(t + 1);
        next.map_or(f64::NAN, |day| day[Variable::Rainfall as usize])
    }

    /// Whether cloud was missing because there was none, day by day.
    fn clear(&self, cloud: Variable) -> Vec<bool> {
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

/// The station's own scale.
fn place(series: &Series, region: usize) -> Place {
    let periods: Vec<usize> = (0..series.days.len()).map(|t| series.period(t)).collect();
    let clears = [Variable::Cloud9am, Variable::Cloud3pm].map(|cloud| series.clear(cloud));
    let column = |variable: Variable| series.days.iter().map(move |day| day[variable as usize]);
    let marginals: [Option<Marginal>; NUMBERS] = std::array::from_fn(|k| {
        let values: Vec<f64> = column(ALL[k]).collect();
        (ALL[k] != Variable::Rainfall).then(|| marginal(ALL[k], &values, &periods))?
    });
    let next: Vec<f64> = (0..series.days.len())
        .map(|t| series.next_rain(t))
        .collect();
    let rain = rain(&next, &periods);
    let winds = std::array::from_fn(|w| {
        let values: Vec<f64> = column(ALL[NUMBERS + w]).collect();
        wind(&values, &periods)
    });
    let gaps: [Gap; NUMBERS] = std::array::from_fn(|k| {
        let none = match ALL[k] {
            Variable::Cloud9am => Some(&clears[0]),
            Variable::Cloud3pm => Some(&clears[1]),
            Variable::Rainfall if rain.is_none() => return Gap::ALWAYS,
            Variable::Rainfall => None,
            _ if marginals[k].is_none() => return Gap::ALWAYS,
            _ => None,
        };
        let missing: Vec<bool> = column(ALL[k])
            .enumerate()
            .filter(|(t, _)| series.reported[*t])
            .map(|(t, value)| value.is_nan() && !none.is_some_and(|clear| clear[t]))
            .collect();
        gap(&missing)
    });
    let clear = std::array::from_fn(|i| {
        let cloud = [Variable::Cloud9am, Variable::Cloud3pm][i];
        // Share among the days on which the instrument works.
        let none = clears[i].iter().filter(|clear| **clear).count() as f64;
        let some = column(cloud).filter(|value| !value.is_nan()).count() as f64;
        match marginals[cloud as usize].is_some() {
            true => f64::min(none / (none + some), 0.95),
            false => 0.0,
        }
    });
    Place {
        name: series.station.name.into(),
        latitude: f64::from(series.station.latitude),
        longitude: f64::from(series.station.longitude),
        region,
        marginals,
        rain,
        winds,
        gaps,
        clear,
    }
}

/// Quantiles of each period, and the waves that fit them best.
fn marginal(variable: Variable, values: &[f64], periods: &[usize]) -> Option<Marginal> {
    if values.iter().filter(|value| !value.is_nan()).count() < LEAST_DAYS {
        return None;
    }
    let mut fits = [Waves::default(); QUANTILES];
    let mut centre = Waves::default();
    for p in 0..PERIODS {
        let mut days: Vec<f64> = values
            .iter()
            .zip(periods)
            .filter(|(value, period)| **period == p && !value.is_nan())
            .map(|(value, _)| *value)
            .collect();
        if days.len() < 8 {
            continue;
        }
        spread(&mut days);
        let weight = days.len() as f64;
        for (q, fit) in fits.iter_mut().enumerate() {
            fit.see(angle(p), quantile(&days, SHARES[q]), weight);
        }
        centre.see(angle(p), days.iter().sum::<f64>() / weight, weight);
    }
    let step = variable.step();
    let [_, _, _, cos2, sin2] = centre.solve(5);
    let fits = fits.map(|fit| fit.solve(3));
    Some(Marginal {
        mean: fits.map(|fit| fit[0] * step),
        cos: fits.map(|fit| fit[1] * step),
        sin: fits.map(|fit| fit[2] * step),
        half: [cos2 * step, sin2 * step],
    })
}

/// Sorts, and spreads equal readings over the step that they were rounded to.
fn spread(values: &mut [f64]) {
    values.sort_unstable_by(f64::total_cmp);
    let mut start = 0;
    while start < values.len() {
        let value = values[start];
        let count = values[start..].iter().take_while(|v| **v == value).count();
        for (i, v) in values[start..start + count].iter_mut().enumerate() {
            *v += (i as f64 + 0.5) / count as f64 - 0.5;
        }
        start += count;
    }
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (share * sorted.len() as f64 - 0.5).clamp(0.0, (sorted.len() - 1) as f64);
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * (at - low as f64)
}

/// Weighted least squares on yearly and half-yearly waves.
#[derive(Default, Clone, Copy)]
struct Waves {
    xx: [[f64; 5]; 5],
    xy: [f64; 5],
}

impl Waves {
    fn see(&mut self, angle: f64, y: f64, weight: f64) {
        let x = [
            1.0,
            libm::cos(angle),
            libm::sin(angle),
            libm::cos(2.0 * angle),
            libm::sin(2.0 * angle),
        ];
        for i in 0..5 {
            for j in 0..5 {
                self.xx[i][j] += weight * x[i] * x[j];
            }
            self.xy[i] += weight * x[i] * y;
        }
    }

    /// Coefficients of the first `terms`, the rest 0 (Gauss-Jordan).
    fn solve(&self, terms: usize) -> [f64; 5] {
        let (mut a, mut b) = (self.xx, self.xy);
        for i in 0..terms {
            let pivot = a[i][i].max(1e-9);
            for j in 0..terms {
                if i != j {
                    let factor = a[j][i] / pivot;
                    for k in 0..terms {
                        a[j][k] -= factor * a[i][k];
                    }
                    b[j] -= factor * b[i];
                }
            }
        }
        let mut out = [0.0; 5];
        for i in 0..terms {
            out[i] = b[i] / a[i][i].max(1e-9);
        }
        out
    }
}

/// Rain month by month; amounts by maximum likelihood.
fn rain(values: &[f64], periods: &[usize]) -> Option<[Rain; 12]> {
    let step = Variable::Rainfall.step();
    let known = values.iter().filter(|value| !value.is_nan()).count();
    (known >= LEAST_DAYS).then_some(())?;
    let of_month = |month: Option<usize>| -> Rain {
        let (mut days, mut none, mut trace) = (2.0, 1.2, 0.3);
        // Half a wet day of 5 mm as a prior: months may have no wet day at all.
        let (mut count, mut sum, mut logs) = (0.5, 2.5, 0.5 * libm::log(5.0));
        for (value, period) in values.iter().zip(periods) {
            let mm = value * step;
            if mm.is_nan() || month.is_some_and(|month| period / 3 != month) {
                continue;
            }
            days += 1.0;
            if mm < 0.05 {
                none += 1.0;
            } else if mm <= 1.0 {
                trace += 1.0;
            } else {
                let above = (mm - super::marginal::WET_FROM).max(0.05);
                count += 1.0;
                sum += above;
                logs += libm::log(above);
            }
        }
        let mean: f64 = sum / count;
        let s = (libm::log(mean) - logs / count).max(1e-3);
        let shape = (3.0 - s + libm::sqrt((s - 3.0) * (s - 3.0) + 24.0 * s)) / (12.0 * s);
        Rain {
            none: none / days,
            trace: trace / days,
            mean,
            shape: shape.clamp(0.2, 20.0),
        }
    };
    Some(std::array::from_fn(|month| of_month(Some(month))))
}

/// Shares of the directions, none of them zero.
fn wind(values: &[f64], periods: &[usize]) -> Option<Roses> {
    let known = values.iter().filter(|value| !value.is_nan()).count();
    (known >= LEAST_DAYS).then_some(())?;
    let mut shares = [[0.5; 16]; 2];
    for (value, period) in values.iter().zip(periods) {
        if !value.is_nan() {
            shares[half(*period)][*value as usize % 16] += 1.0;
        }
    }
    for rose in &mut shares {
        let sum: f64 = rose.iter().sum();
        rose.iter_mut().for_each(|share| *share /= sum);
    }
    Some(shares)
}

fn gap(missing: &[bool]) -> Gap {
    let days = missing.iter().filter(|missing| **missing).count();
    let mut count = 0;
    let mut last = false;
    for now in missing {
        count += usize::from(*now && !last);
        last = *now;
    }
    Gap {
        share: days as f64 / missing.len().max(1) as f64,
        days: (days as f64 / f64::from(count.max(1) as u32)).max(1.0),
    }
}

/// What each day's reading says about its normal scores.
fn bounds(series: &Series, place: &Place, cuts: &[usize; 3]) -> Vec<[(f32, f32); VARIABLES]> {
    let curves: Vec<[Option<Curve>; NUMBERS]> = (0..PERIODS)
        .map(|p| std::array::from_fn(|k| place.marginals[k].as_ref().map(|m| m.at(angle(p)))))
        .collect();
    let clears = [Variable::Cloud9am, Variable::Cloud3pm].map(|cloud| series.clear(cloud));
    series
        .days
        .iter()
        .enumerate()
        .map(|(t, day)| {
            let p = series.period(t);
            std::array::from_fn(|k| {
                let (low, high) = match ALL[k] {
                    Variable::Rainfall => {
                        rain_bounds(series.next_rain(t), place.rain.as_ref().map(|r| &r[p / 3]))
                    }
                    cloud if cloud.is_cloud() => {
                        let i = usize::from(cloud == Variable::Cloud3pm);
                        let curve = curves[p][k].as_ref();
                        cloud_bounds(day[k], curve, place.clear[i], clears[i][t])
                    }
                    number if k < NUMBERS => number_bounds(number, day[k], curves[p][k].as_ref()),
                    _ => {
                        let roses = place.winds[k - NUMBERS].as_ref();
                        wind_bounds(day[k], roses.map(|r| &r[half(p)]), cuts[k - NUMBERS])
                    }
                };
                // A reading as fine as this may count as exact.
                match high - low < 0.04 {
                    true => (((low + high) / 2.0) as f32, ((low + high) / 2.0) as f32),
                    false => (low as f32, high as f32),
                }
            })
        })
        .collect()
}

const ANY: (f64, f64) = (-END as f64, END as f64);

fn number_bounds(variable: Variable, steps: f64, curve: Option<&Curve>) -> (f64, f64) {
    let Some(curve) = curve.filter(|_| !steps.is_nan()) else {
        return ANY;
    };
    let (least, most) = variable.range();
    let step = variable.step();
    let low = match steps * step <= least + 0.01 {
        true => ANY.0,
        false => curve.score((steps - 0.5) * step),
    };
    let high = match steps * step >= most - 0.01 {
        true => ANY.1,
        false => curve.score((steps + 0.5) * step),
    };
    (low, high.max(low))
}

fn cloud_bounds(oktas: f64, curve: Option<&Curve>, clear: f64, is_clear: bool) -> (f64, f64) {
    // The curve is that of the reported oktas, which fill what "clear" leaves.
    let shifted = |score: f64| match score.abs() >= f64::from(END) {
        true => score,
        false => normal::quantile(clear + (1.0 - clear) * normal::cdf(score)),
    };
    if is_clear && clear > 0.0 {
        return (ANY.0, normal::quantile(clear));
    }
    let (low, high) = number_bounds(Variable::Cloud9am, oktas, curve);
    match low == ANY.0 && high < ANY.1 && clear > 0.0 {
        true => (normal::quantile(clear), shifted(high)),
        false => (shifted(low), shifted(high)),
    }
}

fn rain_bounds(steps: f64, rain: Option<&Rain>) -> (f64, f64) {
    let Some(rain) = rain.filter(|_| !steps.is_nan()) else {
        return ANY;
    };
    let mm = steps * Variable::Rainfall.step();
    let wet = rain.thresholds().1;
    // No more than wet or dry: how much falls is far less foreseeable than whether
    // it does, and held to its exact score would blur it.
    match mm > 1.05 {
        true => (wet, ANY.1),
        false => (ANY.0, wet),
    }
}

fn wind_bounds(point: f64, shares: Option<&[f64; 16]>, cut: usize) -> (f64, f64) {
    let Some(shares) = shares.filter(|_| !point.is_nan()) else {
        return ANY;
    };
    let turned = (point as usize + 16 - cut) % 16;
    let below: f64 = (0..turned).map(|i| shares[(i + cut) % 16]).sum();
    let here = shares[point as usize % 16];
    (normal::quantile(below), normal::quantile(below + here))
}

/// Draws the members' scores again and again; for each half of the year the
/// moments of the last sweeps.
fn sample(
    records: &mut [Record],
    members: &[usize],
    start: [Correlations; 2],
    prior: Option<&[Moments; 2]>,
    sweeps: usize,
    stage: u64,
) -> [Moments; 2] {
    let mut correlations = start;
    let mut kept = [Moments::new(), Moments::new()];
    let mixed = |moments: &[Moments; 2]| {
        let mut mixed = moments.clone();
        for (mixed, prior) in mixed.iter_mut().zip(prior.into_iter().flatten()) {
            mixed.add(PRIOR_DAYS / prior.days(), prior);
        }
        mixed
    };
    for sweep in 0..sweeps {
        let conditionals = correlations.each_ref().map(Conditional::new);
        let each: Vec<Option<[Moments; 2]>> = records
            .par_iter_mut()
            .enumerate()
            .map(|(i, record)| {
                members.contains(&i).then(|| {
                    let seed = (stage << 48) | ((sweep as u64) << 32) | i as u64;
                    let mut rng = Pcg64Mcg::seed_from_u64(seed);
                    Conditional::sweep(&conditionals, record, &mut rng);
                    [0, 1].map(|half| {
                        let mut moments = Moments::new();
                        moments.see(record, half);
                        moments
                    })
                })
            })
            .collect();
        // In the order of the stations, so that sums are the same on any number of threads.
        let mut moments = [Moments::new(), Moments::new()];
        for one in each.iter().flatten() {
            moments
                .iter_mut()
                .zip(one)
                .for_each(|(sum, one)| sum.add(1.0, one));
        }
        if sweep + KEPT >= sweeps {
            for (kept, moments) in kept.iter_mut().zip(&moments) {
                kept.add(1.0 / KEPT as f64, moments);
            }
        }
        correlations = mixed(&moments).each_ref().map(Moments::correlations);
    }
    mixed(&kept)
}
