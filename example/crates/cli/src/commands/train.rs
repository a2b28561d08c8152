use std::path::Path;
use std::time::Instant;

use mlops_data::{Contract, calendar};
use mlops_features::{Definitions, FeatureService, FeatureState, Observation};
use mlops_learning::model_file::{self, Feature, GoldenRow, Metadata, Training};
use mlops_learning::{Calibration, CalibrationMethod, Dataset, Model, Predictor};
use mlops_serving::Golden;
use serde::Serialize;

use super::feature_table::{self, FeatureTable, SplitRows};
use super::features::{self, Built};
use super::write_file;
use crate::arguments::TrainArguments;
use crate::output::thousands;
use crate::params::{Params, Threshold};
use crate::{Context, Failure, Outcome, Project, Unit, project};

#[derive(Serialize)]
struct Trained {
    kind: &'static str,
    rows: usize,
    features: usize,
    first_day: String,
    last_day: String,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    calibrated: Option<Calibrated>,
    threshold: f64,
    bytes: usize,
    hash: String,
    out: String,
}

/// What was learned after training, on rows kept for it.
#[derive(Serialize)]
struct Calibrated {
    method: CalibrationMethod,
    rows: usize,
}

pub(super) fn run<P: Project>(
    project: &P,
    arguments: TrainArguments,
    context: Context,
) -> Outcome<()> {
    let params = context.params()?;
    let contract = context.contract()?;
    let definitions = context.definitions(&contract)?;
    let service = features::declared(project, &params, &context, &contract)?;
    let built = Built::read(&arguments.features, &contract)?;
    let golden = built.golden()?;
    let Built {
        mut table,
        state,
        sha256,
        ..
    } = built;
    let SplitRows {
        train, calibrate, ..
    } = table.split(&params)?;
    fits(&arguments.features, &params, &state, &definitions)?;
    knows_only(&arguments.features, &table, &state, &params)?;
    let issued_at = definitions.service(service.name())?.issued_at;
    let held_out = calibrate.contains(&true).then(|| table.dataset(&calibrate));
    let held_out = held_out.transpose()?;
    let data = table.take_dataset(&train)?;
    let started = Instant::now();
    let what = format!("training {}", params.model.kind.name());
    let progress = context.output.progress(what, Unit::Time);
    let predictor = project::learner(project, &params.model)?.fit(&data, params.seed)?;
    drop(progress);
    let seconds = started.elapsed().as_secs_f64();
    let (calibration, threshold) = decide(&params, &predictor, &data, held_out.as_ref())?;
    let golden = golden_rows(golden, &contract, &service, &state, &predictor)?;
    let mut days = FeatureTable::pick(&table.days, &train);
    days.sort_unstable();
    let iso = |day: Option<&i32>| day.map_or_else(String::new, |day| calendar::format_iso(*day));
    let training = Training {
        data_hash: format!("sha256:{sha256}"),
        rows: data.rows() as u64,
        first: iso(days.first()),
        last: iso(days.last()),
    };
    let metadata = Metadata {
        golden,
        training,
        feature_state: serde_json::to_string(&state).map_err(anyhow::Error::from)?,
        issued_at,
        threshold,
        ..describe(project.name(), &params, &contract, &service, table.classes)?
    };
    let bytes = model_file::encode(&Model {
        metadata: metadata.clone(),
        predictor,
        calibration,
    })?;
    write_file(&arguments.out, &bytes)?;
    let trained = Trained {
        kind: params.model.kind.name(),
        rows: data.rows(),
        features: data.width(),
        first_day: metadata.training.first,
        last_day: metadata.training.last,
        seconds,
        calibrated: held_out.map(|rows| Calibrated {
            method: params.calibration.method,
            rows: rows.rows(),
        }),
        threshold,
        bytes: bytes.len(),
        hash: model_file::fingerprint(&bytes),
        out: arguments.out.display().to_string(),
    };
    Ok(context.output.show(&trained, text(&trained))?)
}

/// What a margin is worth as a probability, and from which probability on the answer is positive: both
/// from rows kept for it. Without such rows, costs are weighed on those trained on.
fn decide(
    params: &Params,
    predictor: &Predictor,
    trained: &Dataset,
    held_out: Option<&Dataset>,
) -> Outcome<(Option<Calibration>, f64)> {
    let calibration = match held_out {
        None if params.calibration.method == CalibrationMethod::None => None,
        // `calibrate` on no rows says what is missing.
        kept => {
            let (features, labels) = kept.map_or((&[][..], &[][..]), |kept| {
                (kept.features.as_slice(), kept.labels.as_slice())
            });
            Calibration::fit(
                params.calibration.method,
                &predictor.margins(features),
                labels,
            )?
        }
    };
    let costs = match (params.threshold, params.costs) {
        (Threshold::At(at), _) => return Ok((calibration, at)),
        (Threshold::Chosen(_), Some(costs)) => costs,
        (Threshold::Chosen(_), None) => {
            return Err(Failure::user(anyhow::anyhow!(
                "threshold: there are no costs"
            )));
        }
    };
    let rows = held_out.unwrap_or_else(|| {
        tracing::warn!(
            "costs are weighed on the training rows, of which the model is surer than it may be: give calibration.from"
        );
        trained
    });
    let probability = |margin: f64| match &calibration {
        Some(calibration) => calibration.probability(margin),
        None => predictor.link().probability(margin),
    };
    let margins = predictor.margins(&rows.features);
    let probabilities: Vec<f64> = margins.into_iter().map(probability).collect();
    let cheapest = costs.cheapest(&rows.labels, &probabilities)?;
    Ok((calibration, cheapest.threshold))
}

fn text(trained: &Trained) -> String {
    let calibrated = trained
        .calibrated
        .as_ref()
        .map_or_else(String::new, |kept| {
            format!(
                "\ncalibration {} on {} rows after these, threshold {:.3}",
                kept.method,
                thousands(kept.rows),
                trained.threshold
            )
        });
    format!(
        "{} on {} rows × {} features, {} to {}, in {:.2} s{calibrated}\nmodel {} ({} KB) → {}",
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
        name: feature.name.clone(),
        dtype: feature.kind.name().into(),
    });
    Ok(Metadata {
        name: project.into(),
        kind: params.model.kind,
        params: serde_json::to_string(&params.model).map_err(anyhow::Error::from)?,
        seed: params.seed,
        features: features.collect(),
        feature_service: service.name().into(),
        feature_state: String::new(),
        issued_at: 0.0,
        label: contract.label.column.clone(),
        classes,
        threshold: 0.0,
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

/// A table of other definitions, or whose features learned from days to be tested on, is
/// not to be trained on.
fn fits(
    path: &Path,
    params: &Params,
    state: &FeatureState,
    definitions: &Definitions,
) -> Outcome<()> {
    let until = features::learned_until(params)?;
    let fault = if state.version != features::version(definitions, params)? {
        format!(
            "isn't of service {:?} as features.yaml has it now",
            params.features.service
        )
    } else if state.learned_until != until {
        let day = |day: &Option<String>| day.clone().unwrap_or_else(|| "the last day".into());
        format!(
            "has features that learned from the days until {}, but params.yaml trains until {}",
            day(&state.learned_until),
            day(&until)
        )
    } else {
        return Ok(());
    };
    Err(Failure::user(anyhow::anyhow!(
        "{} {fault}: build it again with `features build`",
        path.display()
    )))
}

/// Features that learned from entities held out for the test would know too much.
fn knows_only(
    path: &Path,
    table: &FeatureTable,
    state: &FeatureState,
    params: &Params,
) -> Outcome<()> {
    let names = table.entity_names.values().map(String::as_str);
    let held_out = feature_table::held_out(names, params)?;
    let known = held_out
        .iter()
        .find(|name| state.reference.entities.contains_key(*name));
    known.map_or(Ok(()), |name| {
        Err(Failure::user(anyhow::anyhow!(
            "{} has features that learned from {name:?}, which `split` holds out: build it again with `features build`",
            path.display()
        )))
    })
}

/// Each golden observation with the features and the margin it has today.
fn golden_rows<O: Observation>(
    golden: Vec<Golden>,
    contract: &Contract,
    service: &FeatureService<O>,
    state: &FeatureState,
    predictor: &Predictor,
) -> Outcome<Vec<GoldenRow>> {
    let row = |golden: Golden| {
        let features = golden.features(service, contract, &state.reference)?;
        let text = serde_json::to_string(&golden).map_err(anyhow::Error::from)?;
        Ok(GoldenRow::new(predictor, text, features))
    };
    golden.into_iter().map(row).collect()
}
