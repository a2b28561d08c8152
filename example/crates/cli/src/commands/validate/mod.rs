//! `validate`: a model held against the gates of gates.yaml.

mod behaviour;
mod champion;
mod check;
mod declared;
mod groups;
mod judge;
mod observed;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use mlops_data::tables::LabelNeed;
use mlops_learning::evaluation::paired_with;
use mlops_learning::gates::{Report, Verdict};
use mlops_serving::Inference;
use serde::Serialize;

use super::evaluate::{BaselineRows, same_features};
use super::feature_table::FeatureTable;
use super::features::Built;
use super::{needs, read_observations, write_json};
use crate::output::thousands;
use crate::{Context, Failure, Outcome, Project, Unit};
use champion::Champion;
use declared::Gates;
use judge::{Compared, Exam};
use observed::{Drawn, Observed};

/// Days drawn if gates.yaml doesn't say.
const DAYS: usize = 100;

#[derive(Debug, Args)]
pub(crate) struct ValidateArguments {
    /// The feature table
    #[arg(default_value = "data/features.parquet", value_hint = ValueHint::FilePath)]
    pub features: PathBuf,
    /// The observations that it was built from; without, `data.file` of params.yaml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub observations: Option<PathBuf>,
    /// The model's file
    #[arg(long, default_value = "models/model.bin", value_hint = ValueHint::FilePath)]
    pub model: PathBuf,
    /// The model in use, which it must not be worse than: a file, or REVISION:PATH for what that revision has in the cache
    /// or on a remote
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub champion: Option<String>,
    /// The gates
    #[arg(long, value_name = "FILE", default_value = "gates.yaml", value_hint = ValueHint::FilePath)]
    pub gates: PathBuf,
    /// Write the report here as well, as JSON
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub report: Option<PathBuf>,
}

/// What gates.json holds.
#[derive(Serialize)]
struct Validated<'a> {
    model_sha256: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    champion_sha256: Option<&'a str>,
    rows: usize,
    /// Rows on which features were computed again.
    drawn_rows: usize,
    drawn_days: usize,
    #[serde(flatten)]
    report: &'a Report,
}

pub(super) fn run<P: Project>(
    project: &P,
    arguments: ValidateArguments,
    context: &Context,
) -> Outcome<ExitCode> {
    let params = context.params()?;
    let contract = context.contract()?;
    let gates = Gates::read(&arguments.gates, &contract, project.attributes())?;
    needs(&arguments.model, "train")?;
    let registry = project.registry();
    let inference =
        Inference::<P::Observation>::unproven(&arguments.model, &registry, contract.clone())?;
    let progress = context.output.progress("reading the tables", Unit::Time);
    let model = inference.model();
    let built = Built::read(&arguments.features, &contract)?;
    same_features(model, &built, [&arguments.features, &arguments.model])?;
    let table = built.table;
    let split = table.split(&params)?;
    let file = arguments.observations.as_ref().unwrap_or(&params.data.file);
    needs(file, "data import")?;
    let observations = read_observations(file, &contract, LabelNeed::Required)?;
    let observed = Observed::new(observations, &contract, &table, &split.test)
        .map_err(|error| Failure::user(error.context(file.display().to_string())))?;

    progress.say("scoring the model and what it is compared with".into());
    let test = table.dataset(&split.test)?;
    let days = FeatureTable::pick(&table.days, &split.test);
    let probabilities = model.probabilities(&test.features);
    let threshold = model.metadata.threshold;
    let named = arguments.champion.as_deref();
    let optional = gates.champion_optional;
    let (champion, no_champion) =
        match Champion::open(named, optional, &registry, &contract, &days)? {
            Champion::Model(champion) => (Some(champion), String::new()),
            Champion::None(why) => (None, why),
        };
    let baselines = BaselineRows::new(&table, &split);
    let baselines = baselines.inputs().predictions(test.rows(), threshold)?;
    let of_champion = champion
        .as_ref()
        .map(|champion| observed.probabilities(champion));
    let of_champion = of_champion.transpose()?;
    let mut others: Vec<(&[f64], f64)> = baselines
        .iter()
        .map(|(_, made)| (made.probabilities.as_slice(), made.threshold))
        .collect();
    others.extend(
        champion
            .iter()
            .zip(&of_champion)
            .map(|(champion, said)| (said.as_slice(), champion.model().metadata.threshold)),
    );
    let (metrics, mut differences) = paired_with(
        &test.labels,
        (&probabilities, threshold),
        &others,
        &days,
        params.bootstrap(),
    )?;
    let beside_champion = champion.as_ref().and_then(|_| differences.pop());
    let names = baselines.iter().map(|(name, _)| *name);
    progress.say("computing features again".into());
    let drawn = Drawn::new(
        &observed,
        &inference,
        (&table, &split.test, &arguments.features),
        gates.days.unwrap_or(DAYS),
        params.seed,
    )?;
    let exam = Exam {
        project,
        gates: &gates,
        contract: &contract,
        inference: &inference,
        test: &test,
        days: &days,
        probabilities: &probabilities,
        compared: Compared {
            metrics,
            baselines: names.zip(differences).collect(),
            champion: beside_champion,
            no_champion,
        },
        observed: &observed,
        drawn: &drawn,
        all: &table,
        bytes: std::fs::metadata(&arguments.model)
            .map_err(anyhow::Error::from)?
            .len(),
        seed: params.seed,
    };
    progress.say("checking the gates".into());
    let report = exam.judge()?;
    drop(progress);
    let validated = Validated {
        model_sha256: inference.hash(),
        champion_sha256: champion.as_ref().map(|champion| champion.hash()),
        rows: test.rows(),
        drawn_rows: drawn.labels.len(),
        drawn_days: drawn.days,
        report: &report,
    };
    if let Some(path) = &arguments.report {
        write_json(path, &validated)?;
    }
    context
        .output
        .show(&validated, text(&validated, &arguments))?;
    let failed = report.count(Verdict::Failed) > 0;
    Ok(ExitCode::from(u8::from(failed)))
}

fn text(validated: &Validated<'_>, arguments: &ValidateArguments) -> String {
    let report = arguments
        .report
        .as_ref()
        .map_or_else(String::new, |path| format!("\nreport → {}", path.display()));
    format!(
        "model {} on {} test rows; features computed again on {} rows of {} days\n\n{}{report}",
        &validated.model_sha256[..12],
        thousands(validated.rows),
        thousands(validated.drawn_rows),
        validated.drawn_days,
        validated.report
    )
}
