//! gates.yaml: the gates that a project declares, and whether they make sense beside its contract.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use mlops_data::Contract;
use mlops_learning::evaluation::Metric;
use mlops_learning::gates::Limit;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::check;
use crate::params::from_yaml;
use crate::{Failure, Outcome};

/// The gates of a project. What isn't declared isn't asked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Gates {
    /// How many test days are drawn for the gates that compute features again.
    pub days: Option<usize>,
    /// The model's scores, by the end of the interval at which it is worse.
    pub scores: Vec<ScoreGate>,
    /// The share of positive rows in the test.
    pub positives: Option<PositivesGate>,
    /// That no test row is of a day the model was trained on.
    pub unseen: Option<PlainGate>,
    /// That the model is better than what costs no model.
    pub baselines: Vec<CompareGate>,
    /// That it isn't worse than the model in use.
    pub champion: Vec<CompareGate>,
    /// Whether a champion of another revision may be missing: then its gates aren't asked.
    pub champion_optional: bool,
    /// That it is good everywhere.
    pub slices: Vec<SliceGate>,
    /// That it goes the way that is known to be right.
    pub directions: Vec<DirectionGate>,
    /// That it bears what sensors add.
    pub noise: Option<NoiseGate>,
    /// That it does without any one column.
    pub missing_column: Option<FallGate>,
    /// That it does without knowing the entity.
    pub unknown_entity: Option<FallGate>,
    /// That the order of the rows changes nothing.
    pub row_order: Option<PlainGate>,
    /// That no feature is the label.
    pub leakage: Option<LeakageGate>,
    /// That this program computes what the model was trained on.
    pub golden_rows: Option<GoldenGate>,
    /// How long a prediction takes.
    pub prediction_time: Option<TimeGate>,
    /// How large the model is.
    pub model_size: Option<SizeGate>,
}

/// A gate without a number to choose.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlainGate {
    pub reason: Spanned<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScoreGate {
    pub metric: Spanned<Metric>,
    #[serde(default)]
    pub at_least: Option<f64>,
    #[serde(default)]
    pub at_most: Option<f64>,
    pub reason: Spanned<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PositivesGate {
    pub between: [f64; 2],
    pub reason: Spanned<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CompareGate {
    pub metric: Spanned<Metric>,
    pub reason: Spanned<String>,
}

/// One of `column`, `attribute`, `months`, `groups` and `gaps` says what the slices are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SliceGate {
    pub name: Spanned<String>,
    /// A slice for each value of a category.
    #[serde(default)]
    pub column: Option<String>,
    /// A slice for each value that the project's code gives an entity.
    #[serde(default)]
    pub attribute: Option<String>,
    /// Months of the year, by the slice's name.
    #[serde(default)]
    pub months: Option<BTreeMap<String, Vec<u32>>>,
    /// Conditions in the language of the contract's rules, by the slice's name.
    #[serde(default)]
    pub groups: Option<BTreeMap<String, String>>,
    /// Shares of a row's values that are missing, from the first to below the second, by the slice's name.
    #[serde(default)]
    pub gaps: Option<BTreeMap<String, [f64; 2]>>,
    pub metric: Metric,
    #[serde(default)]
    pub at_least: Option<f64>,
    #[serde(default)]
    pub at_most: Option<f64>,
    /// A slice with fewer rows isn't judged.
    #[serde(default = "hundred")]
    pub rows: usize,
    pub reason: Spanned<String>,
}

fn hundred() -> usize {
    100
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DirectionGate {
    pub field: Spanned<String>,
    /// What is added to the observation, in the column's unit.
    pub change: f64,
    /// What that must do to the probability of the positive class, on average.
    pub probability: Direction,
    pub reason: Spanned<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Direction {
    Rises,
    Falls,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoiseGate {
    /// Standard deviation of what each sensor adds, in the column's unit.
    pub columns: Spanned<BTreeMap<String, f64>>,
    pub roc_auc_falls_at_most: f64,
    pub reason: Spanned<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FallGate {
    pub roc_auc_falls_at_most: f64,
    pub reason: Spanned<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LeakageGate {
    pub roc_auc_at_most: f64,
    pub reason: Spanned<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GoldenGate {
    pub at_least: u32,
    pub reason: Spanned<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeGate {
    pub microseconds_at_most: f64,
    pub reason: Spanned<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SizeGate {
    pub bytes_at_most: u32,
    pub reason: Spanned<String>,
}

impl SliceGate {
    pub(super) fn limit(&self) -> Limit {
        limit(self.at_least, self.at_most)
    }
}

impl ScoreGate {
    pub(super) fn limit(&self) -> Limit {
        limit(self.at_least, self.at_most)
    }
}

/// `check` has seen to it that one of the two is given.
fn limit(at_least: Option<f64>, at_most: Option<f64>) -> Limit {
    match (at_least, at_most) {
        (Some(least), _) => Limit::AtLeast(least),
        (None, most) => Limit::AtMost(most.unwrap_or(f64::NAN)),
    }
}

impl Gates {
    /// Reads the gates and holds them against the contract and the attributes that the project's code
    /// knows of its entities.
    pub(super) fn read(path: &Path, contract: &Contract, attributes: &[&str]) -> Outcome<Gates> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!(
                "{}: a project's gates stand there; name another file with --gates",
                path.display()
            )
        })?;
        let wrong = |what: String| Failure::user(anyhow::anyhow!("{}: {what}", path.display()));
        let gates: Gates = from_yaml(&text).map_err(|error| wrong(error.to_string()))?;
        let faults = check::faults(&gates, contract, attributes).map_err(wrong)?;
        match faults.as_slice() {
            [] => Ok(gates),
            faults => Err(wrong(faults.join(&format!("\n{}: ", path.display())))),
        }
    }
}

/// `champion roc_auc`: the name of a gate that compares.
pub(super) fn compare_name(beside: &str, gate: &CompareGate) -> String {
    format!("{beside} {}", gate.metric.value.name())
}

/// `slices station`.
pub(super) fn slice_name(gate: &SliceGate) -> String {
    format!("slices {}", gate.name.value)
}

/// `direction Humidity3pm`.
pub(super) fn direction_name(gate: &DirectionGate) -> String {
    format!("direction {}", gate.field.value)
}
