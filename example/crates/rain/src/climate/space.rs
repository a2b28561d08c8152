//! How far a variable's surprises reach.

use rayon::prelude::*;

use super::impute::{END, Record};
use super::variable::VARIABLES;
use super::{Field, Region, distance};

/// Two stations and one variable.
struct Pair {
    distance: f64,
    correlation: f64,
    weight: f64,
}

/// A station for this purpose.
pub struct Site<'a> {
    /// Where it stands.
    pub position: (f64, f64),
    /// Its first day, so that days of two stations can be paired.
    pub start: i32,
    /// Its scores.
    pub record: &'a Record,
    /// Its region.
    pub region: &'a Region,
}

/// The field of each variable that fits the pairs of stations best.
///
/// `earlier` holds other draws of the same scores. A drawn score is what the record
/// says of it plus chance, which stations don't share: what two draws have in
/// common tells how much of either is chance, and correlations are freed of it.
pub fn fields(sites: &[Site<'_>], earlier: &[Vec<[f64; VARIABLES]>]) -> [Field; VARIABLES] {
    let both: Vec<[News; 2]> = sites
        .par_iter()
        .zip(earlier)
        .map(|(site, earlier)| [news(site, &site.record.scores), news(site, earlier)])
        .collect();
    let found: Vec<Field> = (0..VARIABLES)
        .into_par_iter()
        .map(|k| {
            let known: Vec<f64> = both
                .iter()
                .map(|[one, other]| correlation(one, other, 0, k).map_or(0.0, |(r, _)| r))
                .collect();
            let mut pairs = Vec::new();
            for (i, one) in sites.iter().enumerate() {
                for (j, other) in sites.iter().enumerate().skip(i + 1) {
                    let shift = one.start - other.start;
                    let certain = known[i] * known[j];
                    let seen = correlation(&both[i][0], &both[j][1], shift, k);
                    if let Some((r, days)) = seen
                        && certain > 0.05
                    {
                        pairs.push(Pair {
                            distance: distance(one.position, other.position),
                            correlation: (r / certain).clamp(-1.0, 1.0),
                            // How well it is known.
                            weight: f64::from(days) * certain * certain,
                        });
                    }
                }
            }
            best(&pairs)
        })
        .collect();
    std::array::from_fn(|k| found[k])
}

/// Correlation of two stations' news of a variable and the number of days, if
/// there are enough; `other` is read `shift` days further on.
fn correlation(one: &News, other: &News, shift: i32, k: usize) -> Option<(f64, u32)> {
    let (mut xy, mut xx, mut yy, mut days) = (0.0, 0.0, 0.0, 0);
    for (t, x) in one.iter().enumerate() {
        let u = usize::try_from(t as i32 + shift).ok();
        let Some(y) = u.and_then(|u| other.get(u)) else {
            continue;
        };
        let (x, y) = (f64::from(x[k]), f64::from(y[k]));
        if !x.is_nan() && !y.is_nan() {
            xy += x * y;
            xx += x * x;
            yy += y * y;
            days += 1;
        }
    }
    (days >= 300).then(|| (xy / libm::sqrt(xx * yy).max(1e-9), days))
}

/// What each day brought that the day before didn't say, independent across
/// variables; NaN where the variable wasn't reported.
type News = Vec<[f32; VARIABLES]>;

fn news(site: &Site<'_>, scores: &[[f64; VARIABLES]]) -> News {
    let halves = site
        .region
        .halves
        .each_ref()
        .map(|half| half.autoregression());
    let mut out = vec![[f32::NAN; VARIABLES]; scores.len()];
    for t in 1..scores.len() {
        let (a, b) = &halves[site.record.halves[t]];
        let mut fresh = [0.0; VARIABLES];
        for k in 0..VARIABLES {
            let expected: f64 = a[k].iter().zip(&scores[t - 1]).map(|(a, z)| a * z).sum();
            let known: f64 = b[k][..k].iter().zip(&fresh).map(|(b, e)| b * e).sum();
            fresh[k] = (scores[t][k] - expected - known) / b[k][k];
            let (low, high) = site.record.bounds[t][k];
            if high - low < 2.0 * END {
                out[t][k] = fresh[k] as f32;
            }
        }
    }
    out
}

/// Least squares over a grid of reaches; the share follows from each.
fn best(pairs: &[Pair]) -> Field {
    let mut best = (
        f64::INFINITY,
        Field {
            share: 0.0,
            reach: 100.0,
        },
    );
    for step in 0..60 {
        let reach = 20.0 * libm::pow(1.09, f64::from(step));
        let model = |pair: &Pair| libm::exp(-pair.distance / reach);
        let (mut xy, mut xx) = (0.0, 0.0);
        for pair in pairs {
            xy += pair.weight * model(pair) * pair.correlation;
            xx += pair.weight * model(pair) * model(pair);
        }
        let share = (xy / xx.max(1e-9)).clamp(0.0, 0.98);
        let error: f64 = pairs
            .iter()
            .map(|pair| {
                let off = pair.correlation - share * model(pair);
                pair.weight * off * off
            })
            .sum();
        if error < best.0 {
            best = (error, Field { share, reach });
        }
    }
    best.1
}
