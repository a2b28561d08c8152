use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use mlops_data::{Contract, calendar, json};
use mlops_features::{FeatureService, Observation, Reference, observe};
use mlops_learning::model_file::{self, Feature, GoldenRow, Metadata, Training};
use mlops_learning::{Model, Predictor, learner};
use serde::Serialize;

use super::feature_table::{self, FeatureTable};
use super::{needs, write_file};
use crate::arguments::TrainArguments;
use crate::output::thousands;
use crate::params::Params;
use crate::{Context, Outcome, Project};

#[derive(Serialize)]
struct Trained {
    kind: &'static str,
    rows: usize,
    features: usize,
    first_day: String,
    last_day: String,
    seconds: f64,
    bytes: usize,
    hash: String,
    out: String,
}

pub(super) fn run<P: Project>(
    project: &P,
    arguments: TrainArguments,
    context: Context,
) -> Outcome<()> {
    let params = context.params()?;
    let contract = context.contract()?;
    let table = feature_table::read(&arguments.features, &contract)?;
    let train = table.parted(&params.split, params.seed)?.train;
    let data = table.dataset(&train)?;
    let started = Instant::now();
    let predictor = learner(&params.model)?.fit(&data, params.seed)?;
    let seconds = started.elapsed().as_secs_f64();
    let registry = project.registry();
    let service = FeatureService::new(
        &registry,
        &data.names,
        &contract,
        &params.features.service,
        params.features.issued_at,
    )?;
    let golden = golden_rows(&arguments.golden, &contract, &service, &predictor)?;
    let mut days = FeatureTable::pick(&table.days, &train);
    days.sort_unstable();
    let iso = |day: Option<&i32>| day.map_or_else(String::new, |day| calendar::format_iso(*day));
    let table_bytes = std::fs::read(&arguments.features)
        .with_context(|| arguments.features.display().to_string())?;
    let training = Training {
        data_hash: format!("sha256:{}", model_file::fingerprint(&table_bytes)),
        rows: data.rows() as u64,
        first: iso(days.first()),
        last: iso(days.last()),
    };
    let metadata = Metadata {
        golden,
        training,
        ..describe(project.name(), &params, &contract, &service, table.classes)?
    };
    let bytes = model_file::encode(&Model {
        metadata: metadata.clone(),
        predictor,
    })?;
    write_file(&arguments.out, &bytes)?;
    let trained = Trained {
        kind: params.model.kind.name(),
        rows: data.rows(),
        features: data.width(),
        first_day: metadata.training.first,
        last_day: metadata.training.last,
        seconds,
        bytes: bytes.len(),
        hash: model_file::fingerprint(&bytes),
        out: arguments.out.display().to_string(),
    };
    Ok(context.output.show(&trained, text(&trained))?)
}

fn text(trained: &Trained) -> String {
    format!(
        "{} on {} rows × {} features, {} to {}, in {:.2} s\nmodel {} ({} KB) → {}",
        trained.kind,
        thousands(trained.rows),
        trained.features,
        trained.first_day,
        trained.last_day,
        trained.seconds,
        &trained.hash[..12],
        thousands(trained.bytes.div_ceil(1000)),
        trained.out
    )
}

/// What is known of the model before it has seen a row.
fn describe<O: Observation>(
    project: &str,
    params: &Params,
    contract: &Contract,
    service: &FeatureService<O>,
    classes: [String; 2],
) -> Outcome<Metadata> {
    let features = service.features().iter().map(|feature| Feature {
        name: feature.name.into(),
        dtype: feature.kind.name().into(),
    });
    Ok(Metadata {
        name: project.into(),
        kind: params.model.kind,
        params: serde_json::to_string(&params.model).map_err(anyhow::Error::from)?,
        seed: params.seed,
        features: features.collect(),
        feature_service: service.name().into(),
        issued_at: params.features.issued_at,
        label: contract.label.column.clone(),
        classes,
        threshold: params.threshold,
        training: Training {
            data_hash: String::new(),
            rows: 0,
            first: String::new(),
            last: String::new(),
        },
        golden: Vec::new(),
        toolkit: env!("CARGO_PKG_VERSION").into(),
    })
}

/// Each golden observation with the features and the margin it has today.
fn golden_rows<O: Observation>(
    path: &Path,
    contract: &Contract,
    service: &FeatureService<O>,
    predictor: &Predictor,
) -> Outcome<Vec<GoldenRow>> {
    needs(path, "features build")?;
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let observations = observe::<O>(&json::read_json_lines(path, contract)?)?;
    let matrix = service.rows(&observations, &Reference::default());
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    Ok(lines
        .zip(matrix.values.chunks_exact(matrix.names.len().max(1)))
        .map(|(line, features)| GoldenRow::new(predictor, line.into(), features.to_vec()))
        .collect())
}
