//! A station's own scale: how its variables are distributed.

use super::marginal::{QUANTILES, SHARES, WET_FROM};
use super::series::Series;
use super::variable::{ALL, NUMBERS, Variable};
use super::{Gap, Marginal, PERIODS, Place, Rain, Roses, angle, half};

/// A variable with fewer days than this is taken as never reported.
const LEAST_DAYS: usize = 200;
/// The station's own scale.
pub fn place(series: &Series, region: usize) -> Place {
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
                    let pivot_row = a[i];
                    for (x, y) in a[j].iter_mut().zip(&pivot_row) {
                        *x -= factor * y;
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
                let above = (mm - WET_FROM).max(0.05);
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
