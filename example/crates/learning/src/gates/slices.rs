//! A model may be good on the whole and bad somewhere.

use crate::evaluation::{Metric, scores};
use crate::{LearningError, Result};

/// Rows that have something in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// What they have in common.
    pub name: String,
    /// Their positions among all rows.
    pub rows: Vec<usize>,
}

/// How slices are to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slices {
    /// By which metric.
    pub metric: Metric,
    /// A slice with fewer rows isn't judged.
    pub least_rows: usize,
}

/// What came of judging slices.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SliceScores {
    /// Name, value and rows of each slice that was judged, the worst first.
    pub judged: Vec<(String, f64, usize)>,
    /// Name and rows of those that weren't: too few rows, or rows of one class only.
    pub left_out: Vec<(String, usize)>,
}

impl Slices {
    /// Scores each slice. A row is called positive from `threshold` on.
    ///
    /// # Errors
    /// If lengths differ, a slice names a row that isn't there, or a probability isn't between 0 and 1.
    pub fn judge(
        self,
        labels: &[bool],
        probabilities: &[f64],
        threshold: f64,
        slices: &[Slice],
    ) -> Result<SliceScores> {
        if labels.len() != probabilities.len() {
            return Err(LearningError::Data(format!(
                "{} labels but {} probabilities: give one for each row",
                labels.len(),
                probabilities.len()
            )));
        }
        let mut found = SliceScores::default();
        for slice in slices {
            if let Some(row) = slice.rows.iter().find(|row| **row >= labels.len()) {
                return Err(LearningError::Data(format!(
                    "slice {:?} names row {row} of {}",
                    slice.name,
                    labels.len()
                )));
            }
            let own: Vec<bool> = slice.rows.iter().map(|row| labels[*row]).collect();
            let said: Vec<f64> = slice.rows.iter().map(|row| probabilities[*row]).collect();
            let both = own.contains(&true) && own.contains(&false);
            if own.len() < self.least_rows || !both {
                found.left_out.push((slice.name.clone(), own.len()));
                continue;
            }
            let scores = scores(&own, &said, threshold)?;
            let value = *self.metric.of(&scores.metrics);
            found.judged.push((slice.name.clone(), value, own.len()));
        }
        let worse = |value: f64| {
            if self.metric.more_is_better() {
                value
            } else {
                -value
            }
        };
        found
            .judged
            .sort_by(|a, b| worse(a.1).total_cmp(&worse(b.1)));
        Ok(found)
    }
}
