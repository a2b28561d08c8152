mod settings;
mod tune;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use mlops_data::calendar::{self, Day};
use mlops_data::declaration;
use mlops_features::definitions::Source;
use mlops_features::online::OnlineSettings;
use mlops_learning::evaluation::{Bootstrap, Costs};
use mlops_learning::{CalibrationMethod, ModelParams};
use mlops_serving::ServingSettings;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Failure, Outcome};
pub(crate) use settings::{Settings, may_be_searched};
pub use tune::{Folds, TuneParams};

/// Every parameter of a project, as its params.yaml holds them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// From which all chance is drawn.
    pub seed: u64,
    /// Where what everybody on the team shares is kept: a folder, or `s3://bucket/prefix`.
    #[serde(default = "own_folder")]
    pub bucket: String,
    /// The project's table.
    pub data: DataParams,
    /// The rows of the model.
    pub features: FeatureParams,
    /// Where the latest observations are at hand.
    #[serde(default)]
    pub online: OnlineSettings,
    /// What requests to the service may do.
    #[serde(default)]
    pub serving: ServingSettings,
    /// How rows are split into training and test.
    pub split: Split,
    /// The model.
    pub model: ModelParams,
    /// Whether probabilities are learned anew on days that aren't trained on.
    #[serde(default)]
    pub calibration: CalibrationParams,
    /// What wrong decisions cost.
    #[serde(default)]
    pub costs: Option<Costs>,
    /// From which probability on the answer is the positive class.
    pub threshold: Threshold,
    /// How the model is judged.
    pub evaluate: EvaluateParams,
    /// How hyperparameters are searched for.
    #[serde(default)]
    pub tune: TuneParams,
}

/// Where the project's table comes from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataParams {
    /// The file in the project; beside it, `.dvc` pins the one to use.
    pub file: PathBuf,
    /// Where `data fetch` finds it.
    #[serde(default)]
    pub url: Option<String>,
}

/// What the model sees, and when.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureParams {
    /// Name of the service of features.yaml.
    pub service: String,
    /// Views or features to leave out of it, to see what they are worth.
    #[serde(default)]
    pub without: Vec<String>,
    /// How many observations are kept with the model to prove its features by.
    #[serde(default = "eight")]
    pub golden_rows: usize,
}

fn own_folder() -> String {
    ".rain".into()
}

fn eight() -> usize {
    8
}

/// How rows are split into training and test.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, tag = "by", rename_all = "lowercase")]
pub enum Split {
    /// Train on what came before a day, test on what came from then on.
    Time {
        /// First day of the test, `yyyy-mm-dd`.
        test_from: String,
    },
    /// Any row may fall on either side. Assumes that rows are drawn independently: it flatters a
    /// model of dated rows.
    Random {
        /// Share of rows to test on, between 0 and 1.
        test_share: f64,
    },
    /// The same, with that share of the rows of each class.
    Stratified {
        /// Share of rows to test on, between 0 and 1.
        test_share: f64,
    },
    /// Whole entities are held out, and features don't learn from them either: what the model is worth where no
    /// row was seen of. Assumes that entities are independent of each other and that days don't matter.
    Group {
        /// Share of entities to test on, between 0 and 1.
        test_share: f64,
    },
}

/// Whether probabilities are learned anew, and on which days.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationParams {
    /// How.
    #[serde(default)]
    pub method: CalibrationMethod,
    /// First day that is kept from training for it, `yyyy-mm-dd`; the last is the one before the test.
    #[serde(default)]
    pub from: Option<String>,
}

/// From which probability on the answer is the positive class.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged, expecting = "expected a number or from_costs")]
pub enum Threshold {
    /// From this one on.
    At(f64),
    /// As the costs of wrong decisions say.
    Chosen(Chosen),
}

/// How a threshold is chosen.
#[derive(Debug, Clone, Copy, Deserialize)]
pub enum Chosen {
    /// The one that costs least on the calibration period or, without one, on the training rows.
    #[serde(rename = "from_costs")]
    FromCosts,
}

/// How the model is judged.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluateParams {
    /// How often the test days are drawn again for the confidence intervals.
    pub bootstrap_rounds: usize,
    /// Days of a block that is drawn as a whole; a week if the file doesn't say.
    #[serde(default = "week")]
    pub bootstrap_block_days: u32,
}

fn week() -> u32 {
    7
}

impl Params {
    /// Reads the params of a project, with some of them `set` for this run as
    /// `split.test_from=2016-01-01`.
    ///
    /// # Errors
    /// If the file is missing or isn't YAML of this form, or a key isn't one.
    pub fn read(path: &Path, set: &[String]) -> Outcome<Params> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!(
                "{}: run this in a project's folder, or name it with -C",
                path.display()
            )
        })?;
        Params::parse(&text, set)
            .and_then(|params| params.check().map(|()| params))
            .with_context(|| path.display().to_string())
            .map_err(Failure::user)
    }

    /// How confidence intervals are drawn.
    pub(crate) fn bootstrap(&self) -> Bootstrap {
        Bootstrap {
            rounds: self.evaluate.bootstrap_rounds,
            block_days: self.evaluate.bootstrap_block_days,
            seed: self.seed,
        }
    }

    /// Where the observations of a source stand.
    pub(crate) fn file_of<'a>(&'a self, source: &'a Source) -> &'a Path {
        source.file.as_ref().unwrap_or(&self.data.file)
    }

    fn parse(text: &str, set: &[String]) -> anyhow::Result<Params> {
        let values = settings::settled(text, set)?;
        settings::refuse_lists(&values)?;
        if set.is_empty() {
            return from_yaml(text); // whose errors know the line
        }
        from_values(values).with_context(|| format!("with --set {}", set.join(" --set ")))
    }

    fn check(&self) -> anyhow::Result<()> {
        self.model.check()?;
        match self.threshold {
            Threshold::At(at) => anyhow::ensure!(
                at > 0.0 && at < 1.0,
                "threshold is {at}: give a probability between 0 and 1"
            ),
            Threshold::Chosen(_) => anyhow::ensure!(
                self.costs.is_some(),
                "threshold is from_costs, but there are no `costs`: say what a false_alarm and a miss cost"
            ),
        }
        if let Some(costs) = &self.costs {
            costs.check()?;
        }
        self.calibration_from()?;
        match &self.split {
            Split::Time { .. } => self.split.first_test_day().map(|_| ()),
            Split::Random { test_share }
            | Split::Stratified { test_share }
            | Split::Group { test_share } => {
                anyhow::ensure!(
                    *test_share > 0.0 && *test_share < 1.0,
                    "split.test_share is {test_share}: give a share between 0 and 1"
                );
                Ok(())
            }
        }
    }
}

impl Params {
    /// First day of the calibration period, which ends where the test begins.
    pub(crate) fn calibration_from(&self) -> anyhow::Result<Option<Day>> {
        let Some(from) = &self.calibration.from else {
            anyhow::ensure!(
                self.calibration.method == CalibrationMethod::None,
                "calibration.method needs days that aren't trained on: give the first as calibration.from"
            );
            return Ok(None);
        };
        let day = calendar::parse_iso(from)
            .with_context(|| format!("calibration.from is {from:?}: give a date as yyyy-mm-dd"))?;
        anyhow::ensure!(
            day < self.split.first_test_day()?,
            "calibration.from is {from:?}: give a day before split.test_from, and a split by time"
        );
        Ok(Some(day))
    }

    /// The last day that features may learn from, that is, the last one trained on. None where days
    /// don't part the rows: at random, features learn from tested rows too.
    pub(crate) fn last_training_day(&self) -> anyhow::Result<Option<Day>> {
        Ok(match (self.calibration_from()?, &self.split) {
            (Some(from), _) => Some(from.saturating_sub(1)),
            (None, Split::Time { .. }) => Some(self.split.first_test_day()?.saturating_sub(1)),
            (None, _) => None,
        })
    }
}

/// Reads YAML; an error is one line.
pub(crate) fn from_yaml<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    declaration::from_yaml(text).map_err(anyhow::Error::msg)
}

/// Reads parameters from their values, some of which were put in.
fn from_values(values: serde_json::Value) -> anyhow::Result<Params> {
    serde_json::from_value(values)
        .map_err(|error| anyhow::Error::msg(declaration::plainly(&error.to_string())))
}

impl Split {
    /// First day of the test; no day bounds another split.
    pub(crate) fn first_test_day(&self) -> anyhow::Result<Day> {
        let Split::Time { test_from } = self else {
            return Ok(Day::MIN);
        };
        calendar::parse_iso(test_from)
            .with_context(|| format!("split.test_from is {test_from:?}: give a date as yyyy-mm-dd"))
    }
}
