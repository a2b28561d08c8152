//! How one variable is distributed at one station through the year.

use super::normal;

/// Number of quantiles kept.
pub const QUANTILES: usize = 7;
/// The shares below which they lie.
pub const SHARES: [f64; QUANTILES] = [0.01, 0.10, 0.25, 0.50, 0.75, 0.90, 0.99];
/// The same on the normal scale.
const SCORES: [f64; QUANTILES] = [
    -2.326_347_874_040_841,
    -1.281_551_565_544_600_4,
    -0.674_489_750_196_081_7,
    0.0,
    0.674_489_750_196_081_7,
    1.281_551_565_544_600_4,
    2.326_347_874_040_841,
];

/// Quantiles that move with the year: each has a mean and a yearly wave, all
/// share a half-yearly one. Between them the variable is linear in the normal
/// score, so that a normal variable needs no more than two of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Marginal {
    /// Mean over the year of each quantile, in the column's unit.
    pub mean: [f64; QUANTILES],
    /// Amplitude of the yearly cosine (greatest on 1 January) of each.
    pub cos: [f64; QUANTILES],
    /// Amplitude of the yearly sine of each.
    pub sin: [f64; QUANTILES],
    /// Half-yearly cosine and sine, the same for all.
    pub half: [f64; 2],
}

/// The quantiles of one time of the year: value and normal score of one another.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve([f64; QUANTILES]);

impl Marginal {
    /// The quantiles at an angle of the year, in radians from 1 January.
    pub fn at(&self, angle: f64) -> Curve {
        let (sin, cos) = (libm::sin(angle), libm::cos(angle));
        let (sin2, cos2) = (libm::sin(2.0 * angle), libm::cos(2.0 * angle));
        let both = self.half[0] * cos2 + self.half[1] * sin2;
        let mut levels = [0.0; QUANTILES];
        for (q, level) in levels.iter_mut().enumerate() {
            *level = self.mean[q] + self.cos[q] * cos + self.sin[q] * sin + both;
        }
        // Waves fitted one by one may cross where the distribution is narrow.
        for q in 1..QUANTILES {
            levels[q] = levels[q].max(levels[q - 1] + 1e-3);
        }
        Curve(levels)
    }
}

impl Curve {
    /// The value of a normal score.
    pub fn value(&self, score: f64) -> f64 {
        let i = segment(&SCORES, score);
        self.0[i] + (self.0[i + 1] - self.0[i]) * (score - SCORES[i]) / (SCORES[i + 1] - SCORES[i])
    }

    /// The normal score of a value, within ±4.
    pub fn score(&self, value: f64) -> f64 {
        let i = segment(&self.0, value);
        let score = SCORES[i]
            + (SCORES[i + 1] - SCORES[i]) * (value - self.0[i]) / (self.0[i + 1] - self.0[i]);
        score.clamp(-4.0, 4.0)
    }
}

/// The stretch between two knots that `x` lies in; the outer ones reach on.
fn segment(knots: &[f64; QUANTILES], x: f64) -> usize {
    knots[1..QUANTILES - 1]
        .iter()
        .filter(|knot| **knot <= x)
        .count()
}

/// What a station's rain is like in one month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rain {
    /// Share of days without any.
    pub none: f64,
    /// Share of days with some, but not above 1 mm.
    pub trace: f64,
    /// Mean of what a wet day has above 1.1 mm.
    pub mean: f64,
    /// Shape of its gamma distribution.
    pub shape: f64,
}

/// Below this a wet day (more than 1 mm) doesn't go: halfway to the next reading.
pub const WET_FROM: f64 = 1.1;

impl Rain {
    /// Scores at which a day ceases to be without rain, and becomes wet.
    pub fn thresholds(&self) -> (f64, f64) {
        (
            normal::quantile(self.none),
            normal::quantile(self.none + self.trace),
        )
    }

    /// Amounts of a wet day, in mm, at these scores, which must ascend from the
    /// wet threshold on.
    ///
    /// The gamma distribution is inverted by walking up its distribution function
    /// on a grid fine near zero.
    pub fn amounts(&self, scores: &[f64]) -> Vec<f64> {
        const GRID: usize = 160;
        let dry = self.none + self.trace;
        let scale = self.mean / self.shape;
        let most = 30.0 + 4.0 * self.shape;
        let at = |i: usize| most * libm::pow(i as f64 / GRID as f64, 4.0);
        let share = |x: f64| {
            if x <= 0.0 {
                0.0
            } else {
                statrs::function::gamma::gamma_lr(self.shape, x)
            }
        };
        let (mut i, mut below, mut above) = (0, 0.0, share(at(1)));
        scores
            .iter()
            .map(|score| {
                let p = ((normal::cdf(*score) - dry) / (1.0 - dry).max(1e-9)).clamp(0.0, 1.0);
                while above < p && i + 2 <= GRID {
                    i += 1;
                    below = above;
                    above = share(at(i + 1));
                }
                let part = ((p - below) / (above - below).max(1e-12)).clamp(0.0, 1.0);
                WET_FROM + scale * (at(i) + (at(i + 1) - at(i)) * part)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_normal_variable_comes_back_from_its_quantiles() {
        let marginal = Marginal {
            mean: SCORES.map(|z| 20.0 + 5.0 * z),
            cos: [8.0; QUANTILES],
            sin: [0.0; QUANTILES],
            half: [0.0; 2],
        };
        let january = marginal.at(0.0);
        assert!((january.value(3.0) - 43.0).abs() < 1e-9);
        for z in [-3.5, -1.0, 0.0, 0.3, 2.5] {
            assert!((january.score(january.value(z)) - z).abs() < 1e-9);
        }
        let july = marginal.at(std::f64::consts::PI);
        assert!((july.value(0.0) - 12.0).abs() < 1e-9);
    }

    #[test]
    fn rain_amounts_have_the_mean_of_their_gamma_distribution() {
        let rain = Rain {
            none: 0.6,
            trace: 0.15,
            mean: 8.0,
            shape: 0.7,
        };
        let scores: Vec<f64> = (0..20_000)
            .map(|i| normal::quantile(0.75 + 0.25 * (f64::from(i) + 0.5) / 20_000.0))
            .collect();
        let amounts = rain.amounts(&scores);
        let mean = amounts.iter().sum::<f64>() / amounts.len() as f64;
        assert!((mean - (8.0 + WET_FROM)).abs() < 0.05, "{mean}");
        assert!(amounts.is_sorted());
    }
}
