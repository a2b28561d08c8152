//! The kinds of model, all behind one small trait.

mod bins;
mod boosting;
pub mod forest;
mod impute;
pub(crate) mod linear;
mod logistic;
mod params;
mod predictor;
mod tree;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Dataset, LearningError, Result};
pub use boosting::{BoostingParams, Monotone};
pub use forest::ForestParams;
pub use impute::Imputation;
pub use linear::Linear;
pub use logistic::{LogisticParams, Scaling};
pub use predictor::Predictor;
pub use tree::{Impurity, TreeParams};

/// Which model to train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// Logistic regression, by linfa-logistic.
    Logistic,
    /// One decision tree, by linfa-trees.
    Tree,
    /// A random forest on histograms, of our own.
    Forest,
    /// Gradient boosting on histograms, of our own.
    #[default]
    Boosting,
    /// One that the project brings in its code, named in the section `own`.
    Own,
}

impl ModelKind {
    /// Every kind that is here, the simplest first.
    pub const ALL: [ModelKind; 4] = [
        ModelKind::Logistic,
        ModelKind::Tree,
        ModelKind::Forest,
        ModelKind::Boosting,
    ];

    /// Its name in params.yaml.
    pub fn name(self) -> &'static str {
        match self {
            ModelKind::Logistic => "logistic",
            ModelKind::Tree => "tree",
            ModelKind::Forest => "forest",
            ModelKind::Boosting => "boosting",
            ModelKind::Own => "own",
        }
    }
}

impl std::fmt::Display for ModelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The `model` section of params.yaml: the kind to train, and the parameters of each kind.
/// What isn't given has its default; a name that doesn't exist is an error.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelParams {
    /// Which model to train.
    pub kind: ModelKind,
    /// Parameters of `logistic`.
    pub logistic: LogisticParams,
    /// Parameters of `tree`.
    pub tree: TreeParams,
    /// Parameters of `forest`.
    pub forest: ForestParams,
    /// Parameters of `boosting`.
    pub boosting: BoostingParams,
    /// Name and parameters of the project's own learner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnParams>,
}

/// Which of a project's own learners to train, and with what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnParams {
    /// The name that the project's code knows it by.
    pub learner: String,
    /// Its parameters, by the names that it knows.
    #[serde(default)]
    pub params: BTreeMap<String, f64>,
}

impl ModelParams {
    /// Checks the parameters of every kind, so that a slip shows before that kind is chosen.
    ///
    /// # Errors
    /// The first parameter that is out of its range.
    pub fn check(&self) -> Result<()> {
        self.logistic.check()?;
        self.tree.check()?;
        self.forest.check()?;
        self.boosting.check()?;
        if self.kind == ModelKind::Own && self.own.is_none() {
            return Err(LearningError::Parameter {
                name: "model.kind".into(),
                value: "own".into(),
                expected: "name the learner as model.own.learner".into(),
            });
        }
        Ok(())
    }
}

// ANCHOR: learner
/// Something that can be trained. The same data and seed give the same bits,
/// on any number of threads.
pub trait Learner: Send + Sync {
    /// Trains on all rows of `data`.
    ///
    /// # Errors
    /// If these rows cannot be learned from ([`Dataset::trainable`]), or not by this model.
    fn fit(&self, data: &Dataset, seed: u64) -> Result<Predictor>;
}
// ANCHOR_END: learner

/// The learner that the parameters ask for.
///
/// # Errors
/// If a parameter, of whichever kind, is out of its range; or if the kind is `own`: only the project
/// knows that one.
pub fn learner(params: &ModelParams) -> Result<Box<dyn Learner>> {
    params.check()?;
    Ok(match params.kind {
        ModelKind::Logistic => Box::new(params.logistic.clone()),
        ModelKind::Tree => Box::new(params.tree.clone()),
        ModelKind::Forest => Box::new(params.forest.clone()),
        ModelKind::Boosting => Box::new(params.boosting.clone()),
        ModelKind::Own => {
            return Err(LearningError::Parameter {
                name: "model.kind".into(),
                value: "own".into(),
                expected: "this is done with the kinds that are here only, logistic, tree, forest and boosting".into(),
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        let params: ModelParams = serde_json::from_str(json).unwrap();
        learner(&params).err().unwrap().to_string()
    }

    #[test]
    fn nothing_given_is_boosting_with_defaults() {
        let params: ModelParams = serde_json::from_str("{}").unwrap();
        assert_eq!(params, ModelParams::default());
        assert_eq!(params.kind, ModelKind::Boosting);
        assert!(learner(&params).is_ok());
    }

    #[test]
    fn kinds_have_the_names_that_params_yaml_uses() {
        for kind in ModelKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn a_misspelt_parameter_is_refused() {
        let error =
            serde_json::from_str::<ModelParams>(r#"{"forest": {"treees": 10}}"#).unwrap_err();
        assert!(
            error.to_string().contains("unknown field `treees`"),
            "{error}"
        );
    }

    #[test]
    fn a_parameter_out_of_range_is_named_with_its_range() {
        insta::assert_snapshot!(refused(r#"{"forest": {"trees": 0}}"#), @"model.forest.trees is 0: it must be from 1 to 10000");
        insta::assert_snapshot!(refused(r#"{"forest": {"depth": 99}}"#), @"model.forest.depth is 99: it must be from 1 to 30");
        insta::assert_snapshot!(refused(r#"{"boosting": {"learning_rate": 0}}"#), @"model.boosting.learning_rate is 0: it must be more than 0, up to 1");
        insta::assert_snapshot!(refused(r#"{"boosting": {"bins": 1}}"#), @"model.boosting.bins is 1: it must be from 2 to 255");
        insta::assert_snapshot!(refused(r#"{"boosting": {"l2": -1}}"#), @"model.boosting.l2 is -1: it must be from 0 to 1000000");
        insta::assert_snapshot!(refused(r#"{"logistic": {"alpha": -0.5}}"#), @"model.logistic.alpha is -0.5: it must be from 0 to 1000000000");
        insta::assert_snapshot!(refused(r#"{"tree": {"min_leaf_rows": 0}}"#), @"model.tree.min_leaf_rows is 0: it must be from 1 to 1000000000");
    }
}
