//! Everything that can be worked out before the first day.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use crate::climate::marginal::Curve;
use crate::climate::variable::{ALL, NUMBERS, VARIABLES, Variable};
use crate::climate::{
    self, Climate, Field, PERIODS, Place, angle, distance, half, matrix::Matrix, normal,
};

/// Length of a state with room for whole vector registers.
pub const WIDTH: usize = 20;
/// A latent state, or a column of the matrices that move it.
pub type State = [f32; WIDTH];

/// Knots of a table from score to value.
pub const KNOTS: usize = 65;
/// The tables reach from `-END` to `END`.
pub const END: f32 = 4.0;
/// Values, in steps of the variable, at evenly spaced scores.
pub type Lookup = [f32; KNOTS];

/// Fixed for a run.
pub struct Plan {
    /// One for each place of the climate that is used.
    pub bases: Vec<Base>,
    /// One for each region and half of the year.
    pub regions: Vec<[Dynamics; 2]>,
    /// Spatial factors, one for each variable: column after column, those below
    /// the diagonal only.
    pub factors: Vec<Vec<f32>>,
    /// Names of all stations.
    pub names: Vec<String>,
    /// Of each further station: how much of its base's news it shares.
    pub shares: Vec<[f32; VARIABLES]>,
}

/// What moves a region's state in one half of the year.
pub struct Dynamics {
    /// Columns of `A`.
    pub memory: [State; VARIABLES],
    /// Columns of `B`.
    pub news: [State; VARIABLES],
    /// Columns of a factor of the stationary covariance, for the first day.
    pub first: [State; VARIABLES],
}

/// A station's own scale, tabulated.
pub struct Base {
    /// Index of its region.
    pub region: usize,
    /// For each period and variable.
    pub lookups: Vec<[Lookup; VARIABLES]>,
    /// For each month: scores above which there is some rain, and above which it
    /// is a wet day.
    pub rain: [(f32, f32); 12],
    /// For each month: amounts, from the wet threshold to `END`.
    pub amounts: [Lookup; 12],
    /// Scores below which the sky is reported clear by reporting no cloud.
    pub clear: [f32; 2],
    /// Chances that a gap begins, and that it ends.
    pub gaps: [(f32, f32); NUMBERS],
    /// Shares of days in a gap.
    pub missing: [f32; NUMBERS],
}

impl Plan {
    pub fn new(climate: &Climate, stations: usize, seed: u64) -> Plan {
        let used = &climate.places[..stations.min(climate.places.len())];
        let cuts = climate::cuts(&climate.places, climate.regions.len());
        let bases = used
            .par_iter()
            .map(|place| Base::new(place, &cuts[place.region]))
            .collect();
        let regions = climate
            .regions
            .iter()
            .map(|region| {
                region.halves.each_ref().map(|half| {
                    let (a, b) = half.autoregression();
                    Dynamics {
                        memory: columns(&a),
                        news: columns(&b),
                        first: columns(&climate::matrix::cholesky(&half.today, 1e-4)),
                    }
                })
            })
            .collect();
        let factors = climate
            .fields
            .iter()
            .map(|field| factor(field, used))
            .collect();
        let mut names: Vec<String> = used.iter().map(|place| place.name.clone()).collect();
        let mut shares = Vec::new();
        for i in used.len()..stations {
            let base = &used[i % used.len()];
            names.push(format!("{}{}", base.name, i / used.len() + 1));
            // Somewhere within 10 to 80 km of its base.
            let mut rng = Pcg64Mcg::seed_from_u64(mix(seed, 1, i as u64));
            let away = 10.0 + 70.0 * rng.random::<f64>();
            shares.push(climate.fields.map(|field| field.correlation(away) as f32));
        }
        Plan {
            bases,
            regions,
            factors,
            names,
            shares,
        }
    }
}

/// A seed of its own for each stream and number.
pub fn mix(seed: u64, stream: u64, number: u64) -> u64 {
    // SplitMix64's finaliser over a combination that differs for each.
    let mut z = seed
        ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03);
    for _ in 0..2 {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
    }
    z
}

fn columns(matrix: &Matrix) -> [State; VARIABLES] {
    std::array::from_fn(|j| {
        let mut column = [0.0; WIDTH];
        for (x, row) in column.iter_mut().zip(matrix) {
            *x = row[j] as f32;
        }
        column
    })
}

/// Cholesky factor of the correlations between places, packed by columns.
fn factor(field: &Field, places: &[Place]) -> Vec<f32> {
    let n = places.len();
    let position = |i: usize| (places[i].latitude, places[i].longitude);
    let mut l = vec![vec![0.0_f64; n]; n];
    let mut packed = Vec::with_capacity(n * (n + 1) / 2);
    for j in 0..n {
        for i in j..n {
            let wanted = match i == j {
                true => 1.0,
                false => field.correlation(distance(position(i), position(j))),
            };
            let known: f64 = (0..j).map(|k| l[i][k] * l[j][k]).sum();
            l[i][j] = match i == j {
                true => (wanted - known).max(1e-9).sqrt(),
                false => (wanted - known) / l[j][j],
            };
            packed.push(l[i][j] as f32);
        }
    }
    packed
}

fn score(knot: usize) -> f64 {
    f64::from(END) * (2.0 * knot as f64 / (KNOTS - 1) as f64 - 1.0)
}

impl Base {
    fn new(place: &Place, cuts: &[usize; 3]) -> Base {
        let lookups = (0..PERIODS)
            .map(|p| {
                std::array::from_fn(|k| match ALL[k] {
                    Variable::Rainfall => [0.0; KNOTS],
                    variable if k < NUMBERS => match &place.marginals[k] {
                        Some(marginal) => number(variable, &marginal.at(angle(p)), place, p),
                        None => [0.0; KNOTS],
                    },
                    _ => match &place.winds[k - NUMBERS] {
                        Some(roses) => direction(&roses[half(p)], cuts[k - NUMBERS]),
                        None => [0.0; KNOTS],
                    },
                })
            })
            .collect();
        let rain = std::array::from_fn(|month| match &place.rain {
            Some(months) => {
                let (none, wet) = months[month].thresholds();
                (none as f32, wet as f32)
            }
            None => (END, END),
        });
        Base {
            region: place.region,
            lookups,
            rain,
            amounts: std::array::from_fn(|month| amounts(place, month)),
            clear: place.clear.map(|share| normal::quantile(share) as f32),
            gaps: place.gaps.map(|gap| {
                if gap.share > 0.999 {
                    return (1.0, 0.0);
                }
                let end = 1.0 / gap.days.max(1.0);
                let begin = end * gap.share / (1.0 - gap.share).max(1e-6);
                (begin.min(1.0) as f32, end as f32)
            }),
            missing: place.gaps.map(|gap| gap.share as f32),
        }
    }
}

fn number(variable: Variable, curve: &Curve, place: &Place, period: usize) -> Lookup {
    let (least, mut most) = variable.range();
    if variable == Variable::Sunshine {
        most = day_length(place.latitude, angle(period));
    }
    let clear = match variable {
        Variable::Cloud9am => place.clear[0],
        Variable::Cloud3pm => place.clear[1],
        _ => 0.0,
    };
    std::array::from_fn(|knot| {
        let z = match clear > 0.0 {
            true => normal::quantile((normal::cdf(score(knot)) - clear) / (1.0 - clear)).max(-4.0),
            false => score(knot),
        };
        (curve.value(z).clamp(least, most) / variable.step()) as f32
    })
}

/// Steps of rain at scores evenly spaced from the wet threshold to the end.
fn amounts(place: &Place, month: usize) -> Lookup {
    let Some(months) = &place.rain else {
        return [0.0; KNOTS];
    };
    let rain = &months[month];
    let wet = rain.thresholds().1;
    let end = f64::from(END);
    let scores: Vec<f64> = (0..KNOTS)
        .map(|knot| wet + (end - wet).max(0.0) * knot as f64 / (KNOTS - 1) as f64)
        .collect();
    let most = Variable::Rainfall.range().1;
    let mut out = [0.0; KNOTS];
    for (steps, mm) in out.iter_mut().zip(rain.amounts(&scores)) {
        *steps = (mm.min(most) / Variable::Rainfall.step()) as f32;
    }
    out
}

/// Points of the compass from the cut on, at each score; the fraction says how
/// far the score is through the point's share.
fn direction(shares: &[f64; 16], cut: usize) -> Lookup {
    std::array::from_fn(|knot| {
        let p = normal::cdf(score(knot));
        let mut below = 0.0;
        for i in 0..16 {
            let here = shares[(i + cut) % 16];
            if below + here >= p || i == 15 {
                let part = ((p - below) / here.max(1e-9)).clamp(0.0, 0.999);
                return (cut + i) as f32 + part as f32;
            }
            below += here;
        }
        cut as f32
    })
}

/// Hours from sunrise to sunset: the sun's declination by Cooper's formula.
fn day_length(latitude: f64, angle: f64) -> f64 {
    let rad = std::f64::consts::PI / 180.0;
    let day = angle / std::f64::consts::TAU * 365.0;
    let declination = 23.45 * rad * libm::sin(std::f64::consts::TAU * (284.0 + day) / 365.0);
    let cos = -libm::tan(latitude * rad) * libm::tan(declination);
    24.0 / std::f64::consts::PI * libm::acos(cos.clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_day_in_hobart_is_that_of_an_almanac() {
        let december = day_length(-42.88, 355.0 / 365.0 * std::f64::consts::TAU);
        // 15 h 22 min with refraction and the sun's disk, which add some 12 minutes.
        assert!((december - 15.15).abs() < 0.15, "{december}");
    }

    #[test]
    fn seeds_of_streams_and_numbers_differ() {
        let mut seeds: Vec<u64> = (0..3)
            .flat_map(|seed| (0..3).flat_map(move |s| (0..1000).map(move |n| mix(seed, s, n))))
            .collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 9000);
    }
}
