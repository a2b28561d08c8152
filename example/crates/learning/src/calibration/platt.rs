//! Platt scaling.

use serde::{Deserialize, Serialize};

use super::backwards;
use crate::{LearningError, Result, sigmoid};

/// Steps of Newton's method at most; a handful is usual.
const STEPS: usize = 100;

/// The logistic curve `1 / (1 + exp(−(slope × margin + intercept)))`, rising.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Platt {
    slope: f64,
    intercept: f64,
}

/// A curve as it comes out of a file.
#[derive(Deserialize)]
struct Unchecked {
    slope: f64,
    intercept: f64,
}

impl TryFrom<Unchecked> for Platt {
    type Error = LearningError;

    fn try_from(raw: Unchecked) -> Result<Platt> {
        let Unchecked { slope, intercept } = raw;
        if slope.is_finite() && slope > 0.0 && intercept.is_finite() {
            return Ok(Platt { slope, intercept });
        }
        Err(LearningError::File(format!(
            "the calibration has slope {slope} and intercept {intercept}; it must rise"
        )))
    }
}

impl Platt {
    /// How much log-odds each unit of margin is worth.
    pub fn slope(&self) -> f64 {
        self.slope
    }

    /// The log-odds at margin 0.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    pub(super) fn probability(&self, margin: f64) -> f64 {
        sigmoid(self.slope * margin + self.intercept)
    }

    /// The curve that makes the labels most likely, with Platt's targets: the rule of succession
    /// instead of 0 and 1, so that it stays finite where a margin parts the classes (Platt,
    /// *Probabilistic outputs for support vector machines*, 1999). By Newton's method with
    /// backtracking (Lin, Lin and Weng, *A note on Platt's probabilistic outputs for support vector machines*, 2007).
    pub(super) fn fit(margins: &[f64], labels: &[bool]) -> Result<Platt> {
        // Centred and of size 1, margins of any size are as easy as any other.
        let count = margins.len() as f64;
        let centre = margins.iter().sum::<f64>() / count;
        let size = margins
            .iter()
            .fold(0.0f64, |size, m| size.max((m - centre).abs()));
        let positives = labels.iter().filter(|label| **label).count() as f64;
        let high = (positives + 1.0) / (positives + 2.0);
        let low = 1.0 / (count - positives + 2.0);
        let rows: Vec<(f64, f64)> = margins
            .iter()
            .zip(labels)
            .map(|(margin, label)| ((margin - centre) / size, if *label { high } else { low }))
            .collect();
        let mut line = Line {
            slope: 0.0,
            intercept: libm::log((positives + 1.0) / (count - positives + 1.0)),
        };
        let mut loss = line.loss(&rows);
        for _ in 0..STEPS {
            let (gradient, step) = line.newton(&rows);
            if gradient <= 1e-12 * count {
                break;
            }
            let Some((next, lower)) = line.backtrack(step, loss, &rows) else {
                break; // no step lowers the loss: rounding is all that's left
            };
            (line, loss) = (next, lower);
        }
        let slope = line.slope / size;
        if slope <= 0.0 {
            return backwards();
        }
        Platt::try_from(Unchecked {
            slope,
            intercept: line.intercept - slope * centre,
        })
    }
}

/// The line under search.
#[derive(Clone, Copy)]
struct Line {
    slope: f64,
    intercept: f64,
}

impl Line {
    fn at(&self, x: f64) -> f64 {
        self.slope * x + self.intercept
    }

    /// Cross entropy of the targets: `log(1 + exp(y)) − target × y`, summed.
    fn loss(&self, rows: &[(f64, f64)]) -> f64 {
        rows.iter()
            .map(|(x, target)| {
                let y = self.at(*x);
                libm::log1p(libm::exp(-y.abs())) + y.max(0.0) - target * y
            })
            .sum()
    }

    /// Size of the gradient, and the step to where it would vanish if the loss were a parabola.
    fn newton(&self, rows: &[(f64, f64)]) -> (f64, [f64; 2]) {
        let mut gradient = [0.0; 2];
        // A hair on the diagonal keeps the matrix invertible.
        let (mut xx, mut x1, mut one) = (1e-12, 0.0, 1e-12);
        for (x, target) in rows {
            let p = sigmoid(self.at(*x));
            let (off, curvature) = (p - target, p * (1.0 - p));
            gradient[0] += off * x;
            gradient[1] += off;
            xx += curvature * x * x;
            x1 += curvature * x;
            one += curvature;
        }
        let determinant = xx * one - x1 * x1;
        let step = [
            (x1 * gradient[1] - one * gradient[0]) / determinant,
            (x1 * gradient[0] - xx * gradient[1]) / determinant,
        ];
        (gradient[0].abs().max(gradient[1].abs()), step)
    }

    /// The first of ever smaller steps that lowers the loss.
    fn backtrack(&self, step: [f64; 2], loss: f64, rows: &[(f64, f64)]) -> Option<(Line, f64)> {
        let mut size = 1.0;
        while size > 1e-10 {
            let next = Line {
                slope: self.slope + size * step[0],
                intercept: self.intercept + size * step[1],
            };
            let lower = next.loss(rows);
            if lower < loss {
                return Some((next, lower));
            }
            size /= 2.0;
        }
        None
    }
}
