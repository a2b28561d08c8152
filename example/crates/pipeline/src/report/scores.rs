//! Metrics with their intervals, and which way they get better.

use std::collections::BTreeSet;

use mlops_repository::yaml::Value;
use mlops_repository::{Better, Catalog};

use crate::compare::{Comparison, Difference, number};

/// The interval of a metric, as its file says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Bounds {
    /// Digits after the point that are no finer than the interval; none if it has no width.
    #[must_use]
    pub fn decimals(self) -> Option<usize> {
        mlops_plot::decimals(self.low, self.high)
    }
}

/// A metric that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Its file, from the repository's root.
    pub file: String,
    /// Its keys, with dots between them.
    pub name: String,
    /// Its values.
    pub difference: Difference,
    /// The interval of the old value.
    pub old_bounds: Option<Bounds>,
    /// The interval of the new value.
    pub new_bounds: Option<Bounds>,
    /// Whether more is better; none if nobody said so.
    pub higher_is_better: Option<bool>,
}

impl Score {
    /// Whether it got better; none if it is no number, didn't move, or its direction isn't known.
    #[must_use]
    pub fn is_better(&self) -> Option<bool> {
        let change = self.difference.change.as_ref().and_then(number)?;
        let moved = change != 0.0 && change.is_finite();
        self.higher_is_better
            .filter(|_| moved)
            .map(|higher| higher == (change > 0.0))
    }

    // ANCHOR: noise
    /// Whether the new value lies outside the interval of the old one; none without an interval.
    #[must_use]
    pub fn is_beyond_noise(&self) -> Option<bool> {
        let new = self.difference.new.as_ref().and_then(number)?;
        self.old_bounds
            .map(|bounds| new < bounds.low || new > bounds.high)
    }
    // ANCHOR_END: noise
}

/// Names of the ends of an interval.
const ENDS: [(&str, &str); 2] = [("low", "high"), ("lower", "upper")];

/// Metrics that changed, and the number of those that didn't. `x.value` beside `x.low` and `x.high`
/// is one metric, `x`.
pub(super) fn scores(metrics: &Comparison, catalog: &Catalog) -> (Vec<Score>, u64) {
    let mut same = 0;
    let mut changed = Vec::new();
    for (file, keys) in &metrics.files {
        let mut taken = BTreeSet::new();
        let mut scores = Vec::new();
        for (key, difference) in keys {
            let Some(above) = key.strip_suffix(".value") else {
                continue;
            };
            let end = |end: &str| keys.get(&format!("{above}.{end}"));
            let Some((low, high)) = ENDS.iter().find_map(|(low, high)| {
                taken.extend([low, high].map(|end| format!("{above}.{end}")));
                Some((end(low)?, end(high)?))
            }) else {
                continue;
            };
            taken.insert(key.clone());
            let score = Score {
                old_bounds: bounds(low.old.as_ref(), high.old.as_ref()),
                new_bounds: bounds(low.new.as_ref(), high.new.as_ref()),
                ..score(file, above, difference)
            };
            scores.push(score);
        }
        let rest = keys.iter().filter(|(key, _)| !taken.contains(*key));
        scores.extend(rest.map(|(key, difference)| score(file, key, difference)));
        scores.sort_by(|a, b| a.name.cmp(&b.name));
        for mut score in scores {
            if score.difference.old == score.difference.new {
                same += 1;
                continue;
            }
            score.higher_is_better = direction(&score.name, catalog);
            changed.push(score);
        }
    }
    (changed, same)
}

fn score(file: &str, name: &str, difference: &Difference) -> Score {
    Score {
        file: file.to_owned(),
        name: name.to_owned(),
        difference: difference.clone(),
        old_bounds: None,
        new_bounds: None,
        higher_is_better: None,
    }
}

fn bounds(low: Option<&Value>, high: Option<&Value>) -> Option<Bounds> {
    let (low, high) = (number(low?)?, number(high?)?);
    (low <= high).then_some(Bounds { low, high })
}

/// Endings of names of which everybody knows which way is better.
const HIGHER: [&str; 8] = [
    "auc",
    "average_precision",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "f1_score",
    "r2",
];
const LOWER: [&str; 9] = [
    "brier",
    "brier_score",
    "loss",
    "error",
    "mae",
    "mse",
    "rmse",
    "mape",
    "ece",
];

/// Whether more of a metric is better: as a stage says, else by its name.
fn direction(name: &str, catalog: &Catalog) -> Option<bool> {
    let alone = name.rsplit('.').next().unwrap_or(name);
    let named = |names: &[String]| names.iter().any(|known| known == name || known == alone);
    let said = |better: &Better| {
        let (higher, lower) = (named(&better.higher), named(&better.lower));
        (higher != lower).then_some(higher)
    };
    if let Some(said) = catalog.stages.iter().find_map(|stage| said(&stage.better)) {
        return Some(said);
    }
    let alone = alone.to_ascii_lowercase();
    let ends = |known: &&str| {
        alone
            .strip_suffix(*known)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with(['_', '-', ' ']))
    };
    if HIGHER.iter().any(&ends) {
        Some(true)
    } else if LOWER.iter().any(ends) {
        Some(false)
    } else {
        None
    }
}
