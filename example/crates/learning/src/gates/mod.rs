//! Gates: what a model has to hold before it may be used.
//!
//! Here are the measures that take numbers only, and the verdict: a value, a [`Limit`], and whether
//! the one keeps the other. Which gates there are, a project declares; what their rows are,
//! it knows itself.

mod probe;
mod report;
mod slices;

use serde::Serialize;

use crate::evaluation;
use crate::{LearningError, Result};

pub use probe::{Alone, Probe, probes};
pub use report::Report;
pub use slices::{Slice, SliceScores, Slices};

/// What a value has to keep. A value that is no number keeps nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// More than this.
    MoreThan(f64),
    /// From the first to the second.
    Between([f64; 2]),
}

impl Limit {
    /// Whether a value keeps it.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Limit::AtLeast(least) => value >= least,
            Limit::AtMost(most) => value <= most,
            Limit::MoreThan(bound) => value > bound,
            Limit::Between([least, most]) => (least..=most).contains(&value),
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self {
            Limit::AtLeast(least) => format!("≥ {least}"),
            Limit::AtMost(most) => format!("≤ {most}"),
            Limit::MoreThan(bound) => format!("> {bound}"),
            Limit::Between([least, most]) => format!("{least} to {most}"),
        };
        f.pad(&text)
    }
}

/// What came of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The value keeps the limit.
    Passed,
    /// It doesn't.
    Failed,
    /// There was nothing to compare.
    NotAsked,
}

/// A gate and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// Its name.
    #[serde(skip)]
    pub gate: String,
    /// What came of it.
    pub verdict: Verdict,
    /// The value, with six decimals; none if nothing was compared, or if it is another each time.
    pub value: Option<f64>,
    /// What the value has to keep.
    pub limit: Limit,
    /// Where the value comes from: which slice, which feature, which interval.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Why there is this gate.
    pub reason: String,
    /// The value as people read it.
    #[serde(skip)]
    shown: String,
}

impl Judged {
    /// A value against its limit.
    pub fn new(gate: impl Into<String>, value: f64, limit: Limit, reason: &str) -> Judged {
        let verdict = if limit.holds(value) {
            Verdict::Passed
        } else {
            Verdict::Failed
        };
        Judged {
            gate: gate.into(),
            verdict,
            // NaN has no place in JSON.
            value: value.is_finite().then(|| (value * 1e6).round() / 1e6),
            limit,
            detail: String::new(),
            reason: reason.to_owned(),
            shown: number(value),
        }
    }

    /// A gate with nothing to compare; `why` says what lacks.
    pub fn not_asked(
        gate: impl Into<String>,
        limit: Limit,
        reason: &str,
        why: impl Into<String>,
    ) -> Judged {
        Judged {
            gate: gate.into(),
            verdict: Verdict::NotAsked,
            value: None,
            limit,
            detail: why.into(),
            reason: reason.to_owned(),
            shown: String::new(),
        }
    }

    /// The same with where its value comes from.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Judged {
        self.detail = detail.into();
        self
    }

    /// The same with its value shown to people in a unit, and to nobody else: it is another each time.
    #[must_use]
    pub fn measured(mut self, unit: &str) -> Judged {
        // As wide as ever, so that a table with another time has the same shape.
        let value = self.value.take().unwrap_or(f64::NAN);
        self.shown = format!("{value:>6.1} {unit}");
        self
    }
}

/// Whole numbers as they are, others with four decimals.
fn number(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{}", value + 0.0) // no minus zero
    } else {
        format!("{value:.4}")
    }
}

/// How far the ROC AUC of the same rows falls from `before` to `after`; negative if it rises.
///
/// # Errors
/// As [`evaluation::scores`].
pub fn roc_auc_falls(labels: &[bool], before: &[f64], after: &[f64]) -> Result<f64> {
    let area = |probabilities| {
        evaluation::scores(labels, probabilities, 0.5).map(|scores| scores.metrics.roc_auc)
    };
    Ok(area(before)? - area(after)?)
}

/// How the probabilities of the same rows change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// Mean of after less before.
    pub mean: f64,
    /// Share of the rows that rise.
    pub rise: f64,
    /// Share of the rows that fall.
    pub fall: f64,
}

impl Shift {
    /// From `before` to `after`.
    ///
    /// # Errors
    /// If there are no rows, or not as many after as before.
    pub fn new(before: &[f64], after: &[f64]) -> Result<Shift> {
        if before.is_empty() || before.len() != after.len() {
            return Err(LearningError::Data(format!(
                "{} probabilities before and {} after can't be compared: give one of each for every row",
                before.len(),
                after.len()
            )));
        }
        let rows = before.len() as f64;
        let pairs = || before.iter().zip(after);
        let count = |rises: bool| {
            let moved = pairs().filter(|(a, b)| if rises { b > a } else { b < a });
            moved.count() as f64 / rows
        };
        Ok(Shift {
            mean: pairs().map(|(a, b)| b - a).sum::<f64>() / rows,
            rise: count(true),
            fall: count(false),
        })
    }
}

#[cfg(test)]
mod tests;
