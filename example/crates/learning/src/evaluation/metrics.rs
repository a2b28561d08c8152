use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::tally::Tally;
use crate::{LearningError, Result};

/// Test rows by what they are and what was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Confusion {
    /// Positive rows that were called positive.
    pub true_positives: u64,
    /// Negative rows that were called positive.
    pub false_positives: u64,
    /// Positive rows that were called negative.
    pub false_negatives: u64,
    /// Negative rows that were called negative.
    pub true_negatives: u64,
}

impl Confusion {
    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.positives() + self.false_positives + self.true_negatives
    }

    /// Rows that are of the positive class.
    pub fn positives(&self) -> u64 {
        self.true_positives + self.false_negatives
    }

    pub(super) fn add(&mut self, other: &Confusion, weight: u64) {
        self.true_positives += weight * other.true_positives;
        self.false_positives += weight * other.false_positives;
        self.false_negatives += weight * other.false_negatives;
        self.true_negatives += weight * other.true_negatives;
    }
}

/// One value for each metric: a number, or a number with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Metrics<T> {
    /// Probability that a positive row ranks above a negative one, a tie counting half
    /// (area under the ROC curve).
    pub roc_auc: T,
    /// Average precision: precision at each threshold, weighted by the recall it adds
    /// (area under the precision-recall curve, in steps).
    pub pr_auc: T,
    /// Mean squared difference of probability and outcome (Brier, 1950). 0 is best.
    pub brier: T,
    /// Mean of −ln of the probability given to what happened; probabilities are kept 2.2e-16 away
    /// from 0 and 1. 0 is best.
    pub log_loss: T,
    /// Expected calibration error: |mean probability − observed share| over
    /// [`BINS`](super::curves::BINS) bins of equal width, weighted by their rows
    /// (Naeini and others, 2015). 0 is best.
    pub calibration_error: T,
    /// Share of right decisions.
    pub accuracy: T,
    /// Of those called positive, the share that is; 0 if none is called positive.
    pub precision: T,
    /// Of those that are positive, the share called so.
    pub recall: T,
    /// Harmonic mean of precision and recall; 0 if both are.
    pub f1: T,
}

/// Number of metrics.
pub(super) const COUNT: usize = 9;

impl<T> Metrics<T> {
    /// The metrics' names, as readers know them, in the order of the fields.
    pub const TITLES: [&'static str; COUNT] = [
        "ROC AUC",
        "PR AUC",
        "Brier score",
        "Log loss",
        "Calibration error",
        "Accuracy",
        "Precision",
        "Recall",
        "F1",
    ];

    /// The values in the order of the fields.
    pub fn values(&self) -> [&T; COUNT] {
        [
            &self.roc_auc,
            &self.pr_auc,
            &self.brier,
            &self.log_loss,
            &self.calibration_error,
            &self.accuracy,
            &self.precision,
            &self.recall,
            &self.f1,
        ]
    }

    pub(super) fn from_values(values: [T; COUNT]) -> Metrics<T> {
        let [
            roc_auc,
            pr_auc,
            brier,
            log_loss,
            calibration_error,
            accuracy,
            precision,
            recall,
            f1,
        ] = values;
        Metrics {
            roc_auc,
            pr_auc,
            brier,
            log_loss,
            calibration_error,
            accuracy,
            precision,
            recall,
            f1,
        }
    }
}

/// How well probabilities fit labels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Rows by truth and decision.
    pub confusion: Confusion,
    /// The metrics.
    #[serde(flatten)]
    pub metrics: Metrics<f64>,
}

/// Scores probabilities of the positive class against labels. A row is called positive from
/// `threshold` on.
///
/// # Errors
/// If there are no rows or rows of one class only, if lengths differ, or if a probability or the
/// threshold is not between 0 and 1.
pub fn scores(labels: &[bool], probabilities: &[f64], threshold: f64) -> Result<Scores> {
    let everyone = vec![0; labels.len()];
    let (metrics, confusion, _) =
        Tally::new(labels, probabilities, &everyone, threshold)?.count(&[1]);
    Ok(Scores { confusion, metrics })
}

/// The scores of each group of rows. A group with rows of one class only has no ranking to judge:
/// its place holds the error that says so.
///
/// # Errors
/// If lengths differ, or a probability or the threshold is not between 0 and 1.
pub fn by_group<K: Ord + Clone>(
    labels: &[bool],
    probabilities: &[f64],
    groups: &[K],
    threshold: f64,
) -> Result<BTreeMap<K, Result<Scores>>> {
    same_length("groups", groups.len(), labels.len())?;
    check(labels, probabilities, threshold)?;
    let mut parts: BTreeMap<K, (Vec<bool>, Vec<f64>)> = BTreeMap::new();
    for ((label, probability), group) in labels.iter().zip(probabilities).zip(groups) {
        let part = parts.entry(group.clone()).or_default();
        part.0.push(*label);
        part.1.push(*probability);
    }
    let scored = parts
        .into_iter()
        .map(|(group, (labels, probs))| (group, scores(&labels, &probs, threshold)));
    Ok(scored.collect())
}

pub(super) fn same_length(what: &str, given: usize, labels: usize) -> Result<()> {
    if given == labels {
        return Ok(());
    }
    Err(LearningError::Data(format!(
        "{labels} labels but {given} {what}: give one for each row"
    )))
}

/// What every score needs of its input, except that both classes occur.
pub(super) fn check(labels: &[bool], probabilities: &[f64], threshold: f64) -> Result<()> {
    same_length("probabilities", probabilities.len(), labels.len())?;
    if labels.is_empty() {
        return Err(LearningError::Data(
            "there are no rows to score: widen the test period".to_owned(),
        ));
    }
    if !(0.0..=1.0).contains(&threshold) {
        return Err(LearningError::Parameter {
            name: "threshold".to_owned(),
            value: threshold.to_string(),
            expected: "give a probability between 0 and 1".to_owned(),
        });
    }
    match probabilities.iter().position(|p| !(0.0..=1.0).contains(p)) {
        Some(at) => Err(LearningError::Data(format!(
            "row {}: the probability is {}, not between 0 and 1",
            at + 1,
            probabilities[at]
        ))),
        None => Ok(()),
    }
}

/// That rows of both classes occur.
pub(super) fn check_classes(labels: &[bool]) -> Result<()> {
    let positives = labels.iter().filter(|label| **label).count();
    if positives > 0 && positives < labels.len() {
        return Ok(());
    }
    let class = if positives == 0 {
        "negative"
    } else {
        "positive"
    };
    Err(LearningError::Data(format!(
        "all {} rows are of the {class} class: to score a ranking takes rows of both, so widen the test period",
        labels.len()
    )))
}
