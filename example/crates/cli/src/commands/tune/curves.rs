//! `curves`: how the score goes with the number of rows, or with one parameter.

use std::borrow::Cow;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use mlops_learning::Dataset;
use mlops_learning::search::{Curve, Measured, Point, Score, Space};
use serde_json::Value;

use super::super::write_file;
use super::folds::{FoldSet, Input, Rows};
use super::learner;
use crate::params::{Params, Settings, may_be_searched};
use crate::{Context, Failure, Outcome, Project, Unit};

/// Places between the ends of a declared range.
const SPREAD: usize = 6;

#[derive(Debug, Subcommand)]
pub(crate) enum CurvesCommand {
    /// Score against the number of rows: would more days of the past help?
    Learning {
        /// Measure at so many shares of the rows, the latest days first
        #[arg(long, default_value_t = 6, value_name = "NUMBER")]
        points: usize,
        #[command(flatten)]
        shared: Shared,
    },
    /// Score against one parameter: where does the model begin to learn by heart?
    Validation {
        /// The parameter, as `model.boosting.depth`
        key: String,
        /// Its values, with commas; without, some from end to end of its range in `tune.space`
        #[arg(long, value_delimiter = ',', value_name = "VALUES")]
        values: Vec<f64>,
        #[command(flatten)]
        shared: Shared,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Shared {
    /// The table: CSV or Parquet; without, `data.file` of params.yaml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub data: Option<PathBuf>,
    /// Folder for the table (CSV) and the drawing (SVG)
    #[arg(long, default_value = "out/curves", value_hint = ValueHint::DirPath)]
    pub out: PathBuf,
}

impl CurvesCommand {
    /// What it is called, and what every curve takes.
    pub(crate) fn shared(&self) -> (&'static str, &Shared) {
        match self {
            CurvesCommand::Learning { shared, .. } => ("learning", shared),
            CurvesCommand::Validation { shared, .. } => ("validation", shared),
        }
    }

    /// The file of this extension that it writes.
    pub(in super::super) fn file(&self, extension: &str) -> PathBuf {
        let (name, shared) = self.shared();
        shared.out.join(name).with_extension(extension)
    }
}

pub(in super::super) fn run<P: Project>(
    project: &P,
    command: &CurvesCommand,
    context: &Context,
) -> Outcome<()> {
    let settings = Settings::read("params.yaml".as_ref(), &context.set)?;
    let params = settings.params()?;
    let (_, shared) = command.shared();
    let steps = match command {
        CurvesCommand::Learning { points, .. } => shares(*points, &params)?,
        CurvesCommand::Validation { key, values, .. } => variants(key, values, &settings, &params)?,
    };
    let contract = context.contract()?;
    let definitions = context.definitions(&contract)?;
    let input = Input::read::<P>(shared.data.as_deref(), &params, &contract, &definitions)?;
    let folds = FoldSet::build(project, input, &params, &contract, &definitions)?;
    let of = match command {
        CurvesCommand::Learning { .. } => "rows",
        CurvesCommand::Validation { key, .. } => key,
    };
    let score = params.tune.score;
    let progress = context.output.progress("trainings", Unit::Items);
    progress.start_at(0, (steps.len() * folds.len()) as u64);
    let mut curve = Curve::measure(of, score, &steps, folds.len(), |step, fold| {
        let measured = measured(project, step, fold, &folds, score);
        progress.one_more();
        measured
    })?;
    drop(progress);
    if matches!(command, CurvesCommand::Learning { .. }) {
        // Folds differ in their number of rows: the mean needs no fractions.
        curve
            .points
            .iter_mut()
            .for_each(|point| point.at = point.at.round());
    }
    write_file(&command.file("csv"), curve.csv().as_bytes())?;
    write_file(&command.file("svg"), curve.svg().as_bytes())?;
    let text = format!(
        "{}\n{curve}\ncurve → {}",
        folds.describe(),
        command.file("svg").display()
    );
    Ok(context.output.show(&curve, text)?)
}

/// One place of a curve.
struct Step {
    /// Where it is drawn; at the number of rows, if nothing says.
    at: Option<f64>,
    params: Params,
    /// Share of the rows to learn from, the latest days first.
    share: f64,
}

/// Equal steps up to all rows.
fn shares(points: usize, params: &Params) -> Outcome<Vec<Step>> {
    if !(2..=100).contains(&points) {
        return Err(Failure::user(anyhow::anyhow!(
            "--points {points}: give 2 to 100"
        )));
    }
    let step = |at: usize| Step {
        at: None,
        params: params.clone(),
        share: at as f64 / points as f64,
    };
    Ok((1..=points).map(step).collect())
}

/// The parameter's values, given or from its range in the declared space.
fn variants(key: &str, values: &[f64], settings: &Settings, params: &Params) -> Outcome<Vec<Step>> {
    let refuse = |why: &str| Failure::user(anyhow::anyhow!("{key}: {why}"));
    if !may_be_searched(key) {
        return Err(refuse(
            "give a parameter of the model, as model.boosting.depth",
        ));
    }
    let mut values: Vec<Value> = if values.is_empty() {
        let declared =
            params.tune.space.get(key).ok_or_else(|| {
                refuse("it isn't in tune.space: say which values, as --values 2,4,8")
            })?;
        let declared = Point::from_iter([(key.to_owned(), declared.clone())]);
        let space = Space::declared(&declared)?;
        space
            .parameters()
            .iter()
            .flat_map(|parameter| parameter.domain.spread(SPREAD))
            .collect()
    } else {
        values.iter().map(|value| number(*value)).collect()
    };
    values.sort_by(|one, two| {
        one.as_f64()
            .unwrap_or(f64::NAN)
            .total_cmp(&two.as_f64().unwrap_or(f64::NAN))
    });
    values.dedup();
    let step = |value: Value| {
        let at = value
            .as_f64()
            .ok_or_else(|| refuse("its values aren't numbers: `tune --grid` compares such ones"))?;
        let params = settings.with(&Point::from_iter([(key.to_owned(), value)]))?;
        Ok(Step {
            at: Some(at),
            params,
            share: 1.0,
        })
    };
    values.into_iter().map(step).collect()
}

/// A whole number stays one: depths are no fractions.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}

fn measured<P: Project>(
    project: &P,
    step: &Step,
    fold: usize,
    folds: &FoldSet,
    score: Score,
) -> mlops_learning::Result<Measured> {
    let params = &step.params;
    let rows = folds.fold(fold, &params.features.without)?;
    let train = latest(&rows, step.share);
    let predictor = learner(project, params)?.fit(&train, params.seed)?;
    let scored = |data: &Dataset| score.of(&data.labels, &predictor.probabilities(&data.features));
    Ok(Measured {
        at: step.at.unwrap_or(train.rows() as f64),
        train: scored(&train)?,
        test: scored(&rows.test)?,
    })
}

/// The rows of the latest days: about that share of all, to the whole day.
fn latest(rows: &Rows, share: f64) -> Cow<'_, Dataset> {
    let mut days = rows.days.clone();
    days.sort_unstable_by(|one, two| two.cmp(one));
    let count = (share * days.len() as f64).round() as usize;
    match days.get(count.saturating_sub(1)) {
        Some(first) if count < days.len() => {
            let keep: Vec<bool> = rows.days.iter().map(|day| day >= first).collect();
            Cow::Owned(rows.train.with_rows(&keep))
        }
        _ => Cow::Borrowed(&rows.train),
    }
}
