//! Isotonic regression.

use serde::{Deserialize, Serialize};

use super::backwards;
use crate::{LearningError, Result};

/// A rising curve: straight lines between knots, level before the first and after the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Isotonic {
    knots: Vec<(f64, f64)>,
}

/// A curve as it comes out of a file.
#[derive(Deserialize)]
struct Unchecked {
    knots: Vec<(f64, f64)>,
}

impl TryFrom<Unchecked> for Isotonic {
    type Error = LearningError;

    fn try_from(raw: Unchecked) -> Result<Isotonic> {
        let Unchecked { knots } = raw;
        let sound = |knot: &(f64, f64)| knot.0.is_finite() && (0.0..=1.0).contains(&knot.1);
        let rises = |pair: &[(f64, f64)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
        if !knots.is_empty() && knots.iter().all(sound) && knots.windows(2).all(rises) {
            return Ok(Isotonic { knots });
        }
        Err(LearningError::File(
            "the calibration's knots don't rise, or leave the probabilities".into(),
        ))
    }
}

/// Rows side by side that get the same probability.
struct Pool {
    first: f64,
    last: f64,
    positives: f64,
    rows: f64,
}

impl Pool {
    fn share(&self) -> f64 {
        self.positives / self.rows
    }
}

impl Isotonic {
    /// Margins and probabilities between which the curve runs straight.
    pub fn knots(&self) -> &[(f64, f64)] {
        &self.knots
    }

    pub(super) fn probability(&self, margin: f64) -> f64 {
        let above = self.knots.partition_point(|knot| knot.0 <= margin);
        let (Some(left), Some(right)) = (
            above.checked_sub(1).and_then(|at| self.knots.get(at)),
            self.knots.get(above),
        ) else {
            // Before the first knot or from the last one on; NaN stays NaN.
            let end = if above == 0 {
                self.knots.first()
            } else {
                self.knots.last()
            };
            return end
                .filter(|_| !margin.is_nan())
                .map_or(f64::NAN, |knot| knot.1);
        };
        let way = (margin - left.0) / (right.0 - left.0);
        // Rounding must not lift it over the next knot.
        (left.1 + (right.1 - left.1) * way).min(right.1)
    }

    /// The rising curve nearest to the labels, in the mean of the squares. By pooling
    /// neighbours that fall (Ayer and others, *An empirical distribution function for sampling
    /// with incomplete information*, 1955); rows of the same margin are one from the start.
    pub(super) fn fit(margins: &[f64], labels: &[bool]) -> Result<Isotonic> {
        let mut rows: Vec<(f64, bool)> = margins
            .iter()
            .copied()
            .zip(labels.iter().copied())
            .collect();
        // `+ 0.0` makes −0 the 0 that it equals.
        rows.sort_unstable_by(|a, b| (a.0 + 0.0).total_cmp(&(b.0 + 0.0)));
        let mut pools: Vec<Pool> = Vec::new();
        for tied in rows.chunk_by(|a, b| a.0 == b.0) {
            let mut pool = Pool {
                first: tied[0].0,
                last: tied[0].0,
                positives: tied.iter().filter(|row| row.1).count() as f64,
                rows: tied.len() as f64,
            };
            while let Some(before) = pools.pop_if(|before| before.share() >= pool.share()) {
                pool.first = before.first;
                pool.positives += before.positives;
                pool.rows += before.rows;
            }
            pools.push(pool);
        }
        if pools.len() == 1 {
            return backwards();
        }
        let mut knots = Vec::new();
        for pool in &pools {
            knots.push((pool.first, pool.share()));
            if pool.last > pool.first {
                knots.push((pool.last, pool.share()));
            }
        }
        Isotonic::try_from(Unchecked { knots })
    }
}
