//! Predictions that cost no model. What does not beat them has learned nothing.

use std::collections::BTreeMap;

use super::metrics::same_length;
use crate::{LearningError, Result};

/// Something known of every training and every test row.
#[derive(Debug, Clone, Copy)]
pub struct TrainTest<'a, T> {
    /// Of the training rows.
    pub train: &'a [T],
    /// Of the test rows.
    pub test: &'a [T],
}

/// What the baselines are made from.
#[derive(Debug, Clone, Copy)]
pub struct BaselineInputs<'a, K> {
    /// Labels of the training rows.
    pub train_labels: &'a [bool],
    /// Whether the row's own day was positive (what the label asks of the next one), where known.
    /// Without it there is no persistence baseline.
    pub today: Option<TrainTest<'a, Option<bool>>>,
    /// The row's entity and month, or whatever the usual rate goes by. Without it there is no such
    /// baseline.
    pub entity_month: Option<TrainTest<'a, K>>,
}

impl<K: Ord> BaselineInputs<'_, K> {
    /// What each baseline says of the test rows, by the baseline's name; those decide at `threshold`
    /// that have none of their own.
    ///
    /// # Errors
    /// If there are no training rows, or lengths differ.
    pub fn predictions(
        &self,
        test_rows: usize,
        threshold: f64,
    ) -> Result<Vec<(&'static str, Prediction)>> {
        let mut made = vec![(MAJORITY, majority(self.train_labels, test_rows)?)];
        if let Some(today) = &self.today {
            made.push((PERSISTENCE, persistence(self.train_labels, today)?));
        }
        if let Some(keys) = &self.entity_month {
            made.push((USUAL, usual_rate(self.train_labels, keys, threshold)?));
        }
        Ok(made)
    }
}

/// Names of the baselines, as readers know them.
pub(super) const MAJORITY: &str = "commoner class";
pub(super) const PERSISTENCE: &str = "as today";
pub(super) const USUAL: &str = "usual rate";

/// Probabilities of test rows, and from which on a row is called positive.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// A probability for each test row.
    pub probabilities: Vec<f64>,
    /// From this probability on, positive.
    pub threshold: f64,
}

/// The same for every row: the positive share of the training rows. Decides for the commoner class.
///
/// # Errors
/// If there are no training rows.
pub fn majority(train_labels: &[bool], test_rows: usize) -> Result<Prediction> {
    Ok(Prediction {
        probabilities: vec![overall(train_labels)?; test_rows],
        threshold: 0.5,
    })
}

/// Tomorrow as today: the training rows' positive share after a positive, a negative or an unknown
/// day. A plain yes or no would be no probability to score; the decision is still today's, for the
/// threshold lies halfway between the shares after a positive and a negative day.
///
/// # Errors
/// If there are no training rows, or lengths differ.
pub fn persistence(
    train_labels: &[bool],
    today: &TrainTest<'_, Option<bool>>,
) -> Result<Prediction> {
    let rates = Rates::new(train_labels, today.train)?;
    Ok(Prediction {
        probabilities: today.test.iter().map(|day| rates.of(day)).collect(),
        threshold: (rates.of(&Some(true)) + rates.of(&Some(false))) / 2.0,
    })
}

/// The usual rate: the positive share of the training rows with the same key, such as entity and
/// month; for an unseen key the share of all. Decides at `threshold`.
///
/// # Errors
/// If there are no training rows, or lengths differ.
pub fn usual_rate<K: Ord>(
    train_labels: &[bool],
    keys: &TrainTest<'_, K>,
    threshold: f64,
) -> Result<Prediction> {
    let rates = Rates::new(train_labels, keys.train)?;
    Ok(Prediction {
        probabilities: keys.test.iter().map(|key| rates.of(key)).collect(),
        threshold,
    })
}

/// Positive shares by key. One row's worth of the share of all is mixed in, so that a few rows
/// of one class never make a certainty, which a single miss would cost dearly in log loss.
struct Rates<'a, K> {
    overall: f64,
    counts: BTreeMap<&'a K, (u64, u64)>,
}

impl<'a, K: Ord> Rates<'a, K> {
    fn new(labels: &[bool], keys: &'a [K]) -> Result<Rates<'a, K>> {
        same_length("keys of training rows", keys.len(), labels.len())?;
        let mut counts = BTreeMap::new();
        for (label, key) in labels.iter().zip(keys) {
            let (positives, rows) = counts.entry(key).or_insert((0, 0));
            *positives += u64::from(*label);
            *rows += 1;
        }
        Ok(Rates {
            overall: overall(labels)?,
            counts,
        })
    }

    fn of(&self, key: &K) -> f64 {
        let (positives, rows) = self.counts.get(key).copied().unwrap_or((0, 0));
        (positives as f64 + self.overall) / (rows as f64 + 1.0)
    }
}

fn overall(labels: &[bool]) -> Result<f64> {
    if labels.is_empty() {
        return Err(LearningError::Data(
            "there are no training rows to take a baseline from: widen the training period"
                .to_owned(),
        ));
    }
    Ok(labels.iter().filter(|label| **label).count() as f64 / labels.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [bool; 4] = [true, true, false, false];

    #[test]
    fn majority_gives_the_training_share() {
        let made = majority(&[true, false, false, false], 2).unwrap();
        assert_eq!(made.probabilities, [0.25, 0.25]);
        assert!(majority(&[], 2).is_err());
    }

    #[test]
    fn persistence_decides_as_today_even_if_positives_are_rare() {
        // After a positive day 40 of 100 are positive, after a negative one 10 of 300.
        let today: Vec<Option<bool>> = (0..400).map(|i| Some(i < 100)).collect();
        let labels: Vec<bool> = (0..400)
            .map(|i| i < 40 || (200..210).contains(&i))
            .collect();
        let keys = TrainTest {
            train: &today,
            test: &[Some(true), Some(false), None],
        };
        let made = persistence(&labels, &keys).unwrap();
        let called: Vec<bool> = made
            .probabilities
            .iter()
            .map(|p| *p >= made.threshold)
            .collect();
        assert_eq!(called, [true, false, false]);
        assert!((made.probabilities[0] - 40.125 / 101.0).abs() < 1e-12);
        assert!((made.probabilities[2] - 0.125).abs() < 1e-12);
    }

    #[test]
    fn usual_rate_of_an_unseen_key_is_the_overall_rate() {
        let keys = TrainTest {
            train: &[("a", 1), ("a", 1), ("a", 2), ("b", 1)],
            test: &[("a", 1), ("c", 7)],
        };
        let made = usual_rate(&LABELS, &keys, 0.5).unwrap();
        assert_eq!(made.probabilities, [2.5 / 3.0, 0.5]);
    }

    #[test]
    fn keys_must_fit_labels() {
        let keys = TrainTest {
            train: &[1, 2],
            test: &[1],
        };
        let error = usual_rate(&LABELS, &keys, 0.5).unwrap_err().to_string();
        assert_eq!(
            error,
            "4 labels but 2 keys of training rows: give one for each row"
        );
    }
}
