//! Search over hyperparameters: a [`Space`] to draw from, a [`Search`] that tries points of it, and what
//! came out ([`Leaderboard`], [`Curve`]).
//!
//! The same space, data and seed give the same trials with the same scores, on any number of threads
//! and after any interruption: trials run in batches of a fixed size, and a point is drawn from the batches before
//! its own and from nothing else.

mod curve;
mod leaderboard;
mod run;
mod space;
mod tpe;

use serde::{Deserialize, Serialize};

use crate::{Result, evaluation};
pub use curve::{Curve, CurvePoint, Measured};
pub use leaderboard::{Gain, Leaderboard};
pub use run::{EarlyStop, Outcome, Sampler, Search, SearchError, Trial};
pub use space::{Domain, Parameter, Space};

/// What is tried: a value for each parameter, by its key. A parameter that means nothing beside the
/// others isn't there.
pub type Point = serde_json::Map<String, serde_json::Value>;

/// By what trials are compared. The first two say how good the probabilities are, the others only how well
/// they rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// Log loss: less is better.
    #[default]
    LogLoss,
    /// Brier score: less is better.
    Brier,
    /// Area under the ROC curve: more is better.
    RocAuc,
    /// Area under the precision-recall curve: more is better.
    PrAuc,
}

impl Score {
    /// The score of probabilities, rounded to nine decimals: so much survives being written and read.
    ///
    /// # Errors
    /// As [`evaluation::scores`].
    pub fn of(self, labels: &[bool], probabilities: &[f64]) -> Result<f64> {
        let metrics = evaluation::scores(labels, probabilities, 0.5)?.metrics;
        let value = match self {
            Score::LogLoss => metrics.log_loss,
            Score::Brier => metrics.brier,
            Score::RocAuc => metrics.roc_auc,
            Score::PrAuc => metrics.pr_auc,
        };
        Ok((value * 1e9).round() / 1e9)
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Score::LogLoss => "log loss",
            Score::Brier => "Brier score",
            Score::RocAuc => "ROC AUC",
            Score::PrAuc => "PR AUC",
        }
    }

    /// Whether more is better.
    pub fn more_is_better(self) -> bool {
        matches!(self, Score::RocAuc | Score::PrAuc)
    }

    /// Which way is better, for people.
    pub fn direction(self) -> &'static str {
        if self.more_is_better() {
            "higher is better"
        } else {
            "lower is better"
        }
    }

    /// The value turned so that less is better.
    pub fn loss(self, value: f64) -> f64 {
        if self.more_is_better() { -value } else { value }
    }
}

/// Mean of some values; 0 of none.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Standard deviation of a sample; 0 of fewer than two.
pub(crate) fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = mean(values);
    let squares: f64 = values
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    (squares / (values.len() - 1) as f64).sqrt()
}
