//! The `tune` section of params.yaml.

use mlops_learning::search::{EarlyStop, Point, Sampler, Score};
use serde::{Deserialize, Serialize};

/// How hyperparameters are searched for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TuneParams {
    /// By what trials are compared.
    pub score: Score,
    /// How the training period is split for each trial.
    pub folds: Folds,
    /// How many trials, unless `--trials` or `--seconds` says.
    pub trials: usize,
    /// How points are drawn.
    pub sampler: Sampler,
    /// When a trial is given up.
    pub stop: EarlyStop,
    /// Trials that run at once and don't know of each other.
    pub at_once: usize,
    /// What may be tried: a list of choices or a range for each key.
    pub space: Point,
}

impl Default for TuneParams {
    fn default() -> Self {
        TuneParams {
            score: Score::default(),
            folds: Folds::default(),
            trials: 40,
            sampler: Sampler::default(),
            stop: EarlyStop::default(),
            at_once: 4,
            space: Point::new(),
        }
    }
}

/// How the training period is split into folds, on which a model is judged after learning from
/// other rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "by", rename_all = "lowercase")]
pub enum Folds {
    /// Learn from all days before those judged by: what the model will do. Assumes nothing more.
    Rolling {
        /// How many.
        count: usize,
        /// Days judged by in each.
        days: u32,
    },
    /// Rows dealt at random. Assumes that they are drawn independently; it flatters a model of dated rows.
    Random {
        /// How many.
        count: usize,
    },
    /// The same, each fold with its share of both classes.
    Stratified {
        /// How many.
        count: usize,
    },
    /// Whole entities dealt at random: what a model is worth where no row was seen of. Assumes that entities
    /// are independent of each other and that days don't matter.
    Group {
        /// How many.
        count: usize,
    },
}

impl Default for Folds {
    fn default() -> Self {
        Folds::Rolling {
            count: 4,
            days: 365,
        }
    }
}

impl Folds {
    /// How many.
    pub fn count(&self) -> usize {
        match self {
            Folds::Rolling { count, .. }
            | Folds::Random { count }
            | Folds::Stratified { count }
            | Folds::Group { count } => *count,
        }
    }
}
