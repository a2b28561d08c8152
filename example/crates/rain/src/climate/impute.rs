//! Normal scores where the record has none, or only bounds.
//!
//! A dry day says that its rain score lies below a threshold, an okta that the
//! cloud score lies between two, a gap nothing at all. Gibbs sampling draws each
//! such score from its distribution given all others of that day, the day before
//! and the day after; correlations are then those of the completed scores
//! (stochastic EM).

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::Correlations;
use super::matrix::{self, Matrix, ZERO};
use super::normal;
use super::variable::VARIABLES;

/// What is known of one station's scores, day after day without a break.
pub struct Record {
    /// Lower and upper bound; equal where the score is known.
    pub bounds: Vec<[(f32, f32); VARIABLES]>,
    /// The half of the year of each day.
    pub halves: Vec<usize>,
    /// The present draw.
    pub scores: Vec<[f64; VARIABLES]>,
}

/// Where scores that the record bounds on no side are taken to end.
pub const END: f32 = 8.0;

impl Record {
    /// Starts every score in the middle of what is allowed.
    pub fn new(bounds: Vec<[(f32, f32); VARIABLES]>, halves: Vec<usize>) -> Record {
        let scores = bounds
            .iter()
            .map(|day| {
                day.map(|(low, high)| {
                    if low == high {
                        return f64::from(low);
                    }
                    let share = normal::cdf(low.into()) + normal::cdf(high.into());
                    normal::quantile(share / 2.0)
                })
            })
            .collect();
        Record {
            bounds,
            halves,
            scores,
        }
    }
}

/// Products over days, from which correlations follow.
#[derive(Clone)]
pub struct Moments {
    today: Matrix,
    before: Matrix,
    days: f64,
}

/// Damping this often leaves nothing of a correlation.
const MOST_DAMPINGS: usize = 500;

impl Moments {
    /// Nothing seen yet.
    pub fn new() -> Moments {
        Moments {
            today: ZERO,
            before: ZERO,
            days: 0.0,
        }
    }

    /// Adds days on which everything was its own: what no record says anything of
    /// doesn't drift away then.
    pub fn add_independent(&mut self, days: f64) {
        for i in 0..VARIABLES {
            self.today[i][i] += days;
        }
        self.days += days;
    }

    /// Adds a record's present draw of the days in one half of the year.
    pub fn see(&mut self, record: &Record, half: usize) {
        for (pair, of_day) in record.scores.windows(2).zip(&record.halves[1..]) {
            if *of_day != half {
                continue;
            }
            for i in 0..VARIABLES {
                for j in 0..VARIABLES {
                    self.today[i][j] += pair[1][i] * pair[1][j];
                    self.before[i][j] += pair[1][i] * pair[0][j];
                }
            }
            self.days += 1.0;
        }
    }

    /// Adds others, times a factor.
    pub fn add(&mut self, factor: f64, other: &Moments) {
        self.today = matrix::add(&self.today, factor, &other.today);
        self.before = matrix::add(&self.before, factor, &other.before);
        self.days += factor * other.days;
    }

    /// Number of days seen.
    pub fn days(&self) -> f64 {
        self.days
    }

    /// Correlations within a day and with the day before.
    pub fn correlations(&self) -> Correlations {
        let mut deviation = [1.0; VARIABLES];
        for (i, d) in deviation.iter_mut().enumerate() {
            *d = self.today[i][i].max(1e-9).sqrt();
        }
        let scaled = |m: &Matrix| {
            let mut out = *m;
            for (i, row) in out.iter_mut().enumerate() {
                for (j, x) in row.iter_mut().enumerate() {
                    *x /= deviation[i] * deviation[j];
                }
            }
            out
        };
        let mut correlations = Correlations {
            today: scaled(&self.today),
            before: scaled(&self.before),
        };
        // Chance in a short record can leave them where no weather has them.
        for _ in 0..MOST_DAMPINGS {
            if correlations.are_possible() {
                break;
            }
            correlations.damp(0.98);
        }
        correlations
    }
}

/// What the sampler needs of an autoregression.
pub struct Conditional {
    back: Matrix,
    ahead: Matrix,
    first: Matrix,
    middle: Matrix,
    last: Matrix,
}

impl Conditional {
    /// From correlations within a day and with the day before.
    pub fn new(Correlations { today, before }: &Correlations) -> Conditional {
        let start = matrix::inverse(today);
        let a = matrix::product(before, &start);
        let explained = matrix::product(&a, &matrix::transpose(before));
        let noise = matrix::inverse(&matrix::add(today, -1.0, &explained));
        let back = matrix::product(&noise, &a);
        let ahead = matrix::transpose(&back);
        let from_next = matrix::product(&matrix::transpose(&a), &back);
        Conditional {
            back,
            ahead,
            first: matrix::add(&start, 1.0, &from_next),
            middle: matrix::add(&noise, 1.0, &from_next),
            last: noise,
        }
    }

    /// Draws every score that isn't known once anew, by the conditional of each
    /// day's half of the year.
    pub fn sweep(halves: &[Conditional; 2], record: &mut Record, rng: &mut Pcg64Mcg) {
        let days = record.scores.len();
        for t in 0..days {
            let by = &halves[record.halves[t]];
            let precision = match t {
                _ if t + 1 == days => &by.last,
                0 => &by.first,
                _ => &by.middle,
            };
            let mut pull = [0.0; VARIABLES];
            if t > 0 {
                multiply(&by.back, &record.scores[t - 1], &mut pull);
            }
            if t + 1 < days {
                multiply(&by.ahead, &record.scores[t + 1], &mut pull);
            }
            let today = &mut record.scores[t];
            for (k, (low, high)) in record.bounds[t].iter().copied().enumerate() {
                if low == high {
                    continue;
                }
                let row = &precision[k];
                let others: f64 = row.iter().zip(today.iter()).map(|(p, z)| p * z).sum();
                let mean = (pull[k] - (others - row[k] * today[k])) / row[k];
                let deviation = 1.0 / row[k].sqrt();
                today[k] = between(mean, deviation, low.into(), high.into(), rng.random());
            }
        }
    }
}

fn multiply(a: &Matrix, z: &[f64; VARIABLES], out: &mut [f64; VARIABLES]) {
    for (row, out) in a.iter().zip(out) {
        *out += row.iter().zip(z).map(|(x, z)| x * z).sum::<f64>();
    }
}

/// The normal value within bounds at a share `u` of what lies between them.
fn between(mean: f64, deviation: f64, low: f64, high: f64, u: f64) -> f64 {
    let below = normal::cdf((low - mean) / deviation);
    let above = normal::cdf((high - mean) / deviation);
    if above - below < 1e-12 {
        // The bounds lie far out on one side: the nearer one it is.
        return if mean < low { low } else { high };
    }
    (mean + deviation * normal::quantile(below + u * (above - below))).clamp(low, high)
}
