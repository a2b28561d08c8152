//! Curves over all thresholds, and how often what was predicted came true.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::{
    metrics::{check, check_classes},
    rounded,
};
use crate::Result;

/// Bins of equal width that calibration is judged in. A probability on a border belongs to the
/// bin below.
pub const BINS: usize = 10;

/// The bin of a probability between 0 and 1.
pub(super) fn bin_of(probability: f64) -> usize {
    // Borders as scikit-learn's: multiples of the width, in floating point.
    let width = 1.0 / BINS as f64;
    (1..BINS)
        .take_while(|border| probability > *border as f64 * width)
        .count()
}

/// What holds when all rows from a threshold on are called positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operating {
    /// Rows with this probability or more are called positive; infinite where none is.
    pub threshold: f64,
    /// Negatives called positive, as a share of all negatives.
    pub false_positive_rate: f64,
    /// Positives called positive, as a share of all positives: recall.
    pub true_positive_rate: f64,
    /// Positives among those called positive; 1 where none is.
    pub precision: f64,
}

/// The operating points at every distinct probability, from the highest down, after the one at which
/// nothing is called positive. ROC curve: true over false positive rate. Precision-recall curve:
/// precision over true positive rate.
///
/// # Errors
/// As [`scores`](super::scores).
pub fn operating_points(labels: &[bool], probabilities: &[f64]) -> Result<Vec<Operating>> {
    check(labels, probabilities, 0.5)?;
    check_classes(labels)?;
    let mut rows: Vec<(f64, bool)> = probabilities
        .iter()
        .copied()
        .zip(labels.iter().copied())
        .collect();
    rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let positives = labels.iter().filter(|label| **label).count() as f64;
    let negatives = labels.len() as f64 - positives;
    let (mut true_so_far, mut false_so_far) = (0.0, 0.0);
    let mut points = vec![Operating {
        threshold: f64::INFINITY,
        false_positive_rate: 0.0,
        true_positive_rate: 0.0,
        precision: 1.0,
    }];
    for tied in rows.chunk_by(|a, b| a.0 == b.0) {
        let hits = tied.iter().filter(|row| row.1).count() as f64;
        true_so_far += hits;
        false_so_far += tied.len() as f64 - hits;
        points.push(Operating {
            threshold: tied[0].0,
            false_positive_rate: false_so_far / negatives,
            true_positive_rate: true_so_far / positives,
            precision: true_so_far / (true_so_far + false_so_far),
        });
    }
    Ok(points)
}

/// About `limit` of the points (2 or more), evenly along the curves; the first and the last stay.
pub fn thin(points: &[Operating], limit: usize) -> Vec<Operating> {
    // Along its way from corner to corner a ROC curve is 2 long, counted in steps right and up.
    let step = 2.0 / limit.max(2) as f64;
    let mut kept: Vec<Operating> = Vec::new();
    for (i, point) in points.iter().enumerate() {
        let far = kept.last().is_none_or(|last| {
            let right = point.false_positive_rate - last.false_positive_rate;
            right + (point.true_positive_rate - last.true_positive_rate) >= step
        });
        // The second point stays too: precision may jump there from 1 to anything.
        if far || i == 1 || i + 1 == points.len() {
            kept.push(*point);
        }
    }
    kept
}

/// One bin of probabilities: what was predicted and what came.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Number of rows.
    pub rows: u64,
    /// Mean probability of its rows.
    #[serde(with = "rounded")]
    pub predicted: f64,
    /// Share of its rows that are positive.
    #[serde(with = "rounded")]
    pub observed: f64,
    /// Lower end of the share's 95 % interval; NaN (null in JSON) if its rows are of too few days or
    /// other clusters (below 10) to draw from.
    #[serde(with = "rounded")]
    pub low: f64,
    /// Upper end.
    #[serde(with = "rounded")]
    pub high: f64,
}

/// A ROC curve as CSV: `threshold,false_positive_rate,true_positive_rate`.
pub fn roc_csv(points: &[Operating]) -> String {
    let mut csv = String::from("threshold,false_positive_rate,true_positive_rate\n");
    for p in points {
        row(
            &mut csv,
            [p.threshold, p.false_positive_rate, p.true_positive_rate],
        );
    }
    csv
}

/// A precision-recall curve as CSV: `threshold,recall,precision`.
pub fn precision_recall_csv(points: &[Operating]) -> String {
    let mut csv = String::from("threshold,recall,precision\n");
    for p in points {
        row(&mut csv, [p.threshold, p.true_positive_rate, p.precision]);
    }
    csv
}

/// Calibration as CSV: `predicted,observed,low,high,rows`; an unknown interval is empty.
pub fn calibration_csv(bins: &[CalibrationBin]) -> String {
    let mut csv = String::from("predicted,observed,low,high,rows\n");
    for bin in bins {
        let line = [bin.predicted, bin.observed, bin.low, bin.high]
            .map(rounded::text)
            .join(",");
        // Writing to a string cannot fail.
        let _ = writeln!(csv, "{line},{}", bin.rows);
    }
    csv
}

fn row(csv: &mut String, values: [f64; 3]) {
    csv.push_str(&values.map(rounded::text).join(","));
    csv.push('\n');
}
