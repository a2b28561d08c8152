use std::path::Path;

use mlops_data::calendar::{self, Day};
use mlops_features::FeatureState;
use mlops_learning::Model;
use mlops_learning::evaluation::{
    self, BaselineInputs, CostReport, Evaluation, TestRows, TrainTest,
};
use serde::Serialize;

use super::feature_table::{FeatureTable, SplitRows};
use super::features::Built;
use super::{parse_day, read_model, write_file, write_json};
use crate::arguments::EvaluateArguments;
use crate::params::Params;
use crate::{Context, Failure, Outcome, Unit};

/// What scores.json holds: the evaluation, and what was evaluated.
#[derive(Serialize)]
struct Scores<'a> {
    kind: &'static str,
    model_sha256: &'a str,
    service: &'a str,
    features: usize,
    trained_rows: u64,
    trained_until: &'a str,
    first_day: String,
    last_day: String,
    #[serde(flatten)]
    evaluation: &'a Evaluation,
    #[serde(skip_serializing_if = "Option::is_none")]
    costs: Option<&'a CostReport>,
}

pub(super) fn run(arguments: EvaluateArguments, context: Context) -> Outcome<()> {
    let params = context.params()?;
    let contract = context.contract()?;
    let (model, hash) = read_model(&arguments.model)?;
    let built = Built::read(&arguments.features, &contract)?;
    same_features(&model, &built, [&arguments.features, &arguments.model])?;
    let table = built.table;
    let mut split = table.split(&params)?;
    restrict(&mut split, &table, &arguments)?;
    let progress = context.output.progress("evaluating", Unit::Time);
    let (evaluation, costs) = evaluate(&model, &table, &split, &params)?;
    drop(progress);
    let days = FeatureTable::pick(&table.days, &split.test);
    let scores = Scores {
        kind: model.metadata.kind.name(),
        model_sha256: &hash,
        service: &model.metadata.feature_service,
        features: model.metadata.features.len(),
        trained_rows: model.metadata.training.rows,
        trained_until: &model.metadata.training.last,
        first_day: iso(days.iter().min()),
        last_day: iso(days.iter().max()),
        evaluation: &evaluation,
        costs: costs.as_ref(),
    };
    write_json(&arguments.out.join("scores.json"), &scores)?;
    let importance: Vec<(String, f64)> = table
        .names
        .iter()
        .cloned()
        .zip(model.predictor.importance())
        .collect();
    for (name, content) in evaluation
        .csv()
        .into_iter()
        .chain(evaluation.plots(&importance))
        .chain(costs.iter().flat_map(CostReport::files))
    {
        write_file(&arguments.out.join(name), content.as_bytes())?;
    }
    let text = format!(
        "{} on {} to {}\n{evaluation}{}\nscores, curves and plots → {}",
        scores.kind,
        scores.first_day,
        scores.last_day,
        costs
            .as_ref()
            .map_or_else(String::new, |costs| format!("\n{costs}\n")),
        arguments.out.display()
    );
    Ok(context.output.show(&scores, text)?)
}

/// A model reads its features by position, and they must have learned what its features learned: from the
/// same build, or from `features build --model` on any other table. `paths` are those of the table and of
/// the model.
pub(super) fn same_features(model: &Model, built: &Built, paths: [&Path; 2]) -> Outcome<()> {
    let [features, path] = paths.map(Path::display);
    let own: FeatureState =
        serde_json::from_str(&model.metadata.feature_state).map_err(Failure::user)?;
    let names = model.metadata.features.iter().map(|feature| &feature.name);
    if names.eq(&built.table.names) && own == built.state {
        return Ok(());
    }
    Err(Failure::user(anyhow::anyhow!(
        "{features} wasn't built for {path}: `features build --model {path}` builds one that is, or train again",
    )))
}

/// Leaves only the test rows of the period asked for.
fn restrict(
    split: &mut SplitRows,
    table: &FeatureTable,
    arguments: &EvaluateArguments,
) -> Outcome<()> {
    let day = |name, text: &Option<String>| {
        text.as_deref()
            .map(|text| parse_day(name, text))
            .transpose()
    };
    let from = day("--from", &arguments.from)?.unwrap_or(Day::MIN);
    let until = day("--until", &arguments.until)?.unwrap_or(Day::MAX);
    for (test, day) in split.test.iter_mut().zip(&table.days) {
        *test &= (from..=until).contains(day);
    }
    if split.test.contains(&true) {
        return Ok(());
    }
    Err(Failure::user(anyhow::anyhow!(
        "no test row lies between --from and --until"
    )))
}

fn evaluate(
    model: &Model,
    table: &FeatureTable,
    split: &SplitRows,
    params: &Params,
) -> Outcome<(Evaluation, Option<CostReport>)> {
    let test = table.dataset(&split.test)?;
    let probabilities = model.probabilities(&test.features);
    let baselines = BaselineRows::new(table, split);
    let rows = TestRows {
        model: model.metadata.kind.name(),
        classes: [&model.metadata.classes[0], &model.metadata.classes[1]],
        labels: &test.labels,
        probabilities: &probabilities,
        days: &FeatureTable::pick(&table.days, &split.test),
        threshold: model.metadata.threshold,
    };
    let costs = params
        .costs
        .map(|costs| CostReport::new(costs, rows.labels, rows.probabilities, rows.threshold));
    Ok((
        evaluation::evaluate(&rows, &baselines.inputs(), params.bootstrap())?,
        costs.transpose()?,
    ))
}

/// What the baselines of a test are made from.
pub(super) struct BaselineRows {
    train_labels: Vec<bool>,
    /// Of the training and of the test rows.
    today: [Vec<Option<bool>>; 2],
    entity_months: [Vec<(u32, u32)>; 2],
}

impl BaselineRows {
    pub(super) fn new(table: &FeatureTable, split: &SplitRows) -> BaselineRows {
        let both = [&split.train, &split.test];
        let entity_months: Vec<(u32, u32)> = table
            .entities
            .iter()
            .zip(&table.days)
            .map(|(entity, day)| (*entity, calendar::month(*day)))
            .collect();
        BaselineRows {
            train_labels: FeatureTable::pick(&table.labels, &split.train),
            today: both.map(|keep| FeatureTable::pick(&table.today, keep)),
            entity_months: both.map(|keep| FeatureTable::pick(&entity_months, keep)),
        }
    }

    pub(super) fn inputs(&self) -> BaselineInputs<'_, (u32, u32)> {
        fn pair<T>([train, test]: &[Vec<T>; 2]) -> TrainTest<'_, T> {
            TrainTest { train, test }
        }
        BaselineInputs {
            train_labels: &self.train_labels,
            today: (self.today[0].iter().any(Option::is_some)).then(|| pair(&self.today)),
            entity_month: Some(pair(&self.entity_months)),
        }
    }
}

fn iso(day: Option<&Day>) -> String {
    day.map_or_else(String::new, |day| calendar::format_iso(*day))
}
