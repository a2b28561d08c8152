//! What a reading says of a normal score: rounded, censored or missing, it says
//! only between which bounds the score lies.

use super::impute::END;
use super::marginal::{Curve, Rain};
use super::series::Series;
use super::variable::{ALL, NUMBERS, VARIABLES, Variable};
use super::{PERIODS, Place, angle, half, normal};

/// What each day's reading says about its normal scores.
pub fn bounds(series: &Series, place: &Place, cuts: &[usize; 3]) -> Vec<[(f32, f32); VARIABLES]> {
    let curves: Vec<[Option<Curve>; NUMBERS]> = (0..PERIODS)
        .map(|p| std::array::from_fn(|k| place.marginals[k].as_ref().map(|m| m.at(angle(p)))))
        .collect();
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
                        cloud_bounds(day[k], curve, place.clear[i])
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

fn cloud_bounds(oktas: f64, curve: Option<&Curve>, clear: f64) -> (f64, f64) {
    // The curve is that of the reported oktas, which fill what "clear" leaves. A day
    // without a report says nothing: some were clear, and some only unreported.
    let shifted = |score: f64| match score.abs() >= f64::from(END) {
        true => score,
        false => normal::quantile(clear + (1.0 - clear) * normal::cdf(score)),
    };
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
