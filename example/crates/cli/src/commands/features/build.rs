//! `features build`: the feature table, and what goes with it into a model.

use std::collections::BTreeSet;

use mlops_data::{Contract, Table, Values, calendar, tables};
use mlops_features::offline::TableSpec;
use mlops_features::statistics::{TableStatistics, statistics};
use mlops_features::{
    Clocks, Definitions, FeatureService, FeatureState, Observation, Period, observe,
};
use mlops_serving::{Golden, Inference};
use serde::Serialize;

use super::super::{check_not_input, feature_table, needs, read_observations};
use super::sidecar::{Sidecars, golden_path, state_path};
use super::stored::{GENERATIONS, Imported, keep, open_store, service_table};
use crate::arguments::BuildArguments;
use crate::output::thousands;
use crate::params::Params;
use crate::{Context, Failure, Outcome, Project, Unit};

#[derive(Serialize)]
struct Report {
    rows: usize,
    features: usize,
    service: String,
    version: String,
    learned_until: Option<String>,
    out: String,
    golden: String,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored: Option<Imported>,
}

pub(super) fn run<P: Project>(
    project: &P,
    arguments: BuildArguments,
    context: &Context,
) -> Outcome<()> {
    let params = context.params()?;
    let contract = context.contract()?;
    let definitions = context.definitions(&contract)?;
    let (service, known) = match &arguments.model {
        Some(model) => {
            needs(model, "train")?;
            let model = Inference::open(model, &project.registry(), contract.clone())?;
            let (service, state) = model.into_features();
            (service, Some(state))
        }
        None => (declared(project, &params, context, &contract)?, None),
    };
    let file = match &arguments.file {
        Some(file) => file,
        None => {
            let file = params.file_of(definitions.source_of(service.name())?);
            needs(file, "data import")?;
            file
        }
    };
    check_not_input(&[file], &[&arguments.out])?;
    let table = read_observations(file, &contract, tables::LabelNeed::Required)?;
    let observations = observe::<P::Observation>(&table)?;
    let state = match known {
        Some(state) => state,
        None => FeatureState {
            version: version(&definitions, &params)?,
            ..learn(project, &observations, &params, &service)?
        },
    };
    if let Some(clocks) = service.clocks() {
        clocks_of_all(clocks, &observations);
    }
    let progress = context.output.progress("rows of features", Unit::Items);
    let matrix = service.rows_reporting(&observations, &state.reference, &|done, total| {
        progress.to(done, total);
    });
    drop(progress);
    service.check_types(&matrix)?;
    let trained = trained_on(&observations, &params)?;
    drop(observations);
    let golden = Golden::spread::<P::Observation>(
        &table,
        &contract,
        &state.reference,
        state.extent,
        params.features.golden_rows,
    )?;
    let mut built = Report {
        rows: table.rows(),
        features: matrix.names.len(),
        service: service.name().into(),
        version: state.version.clone(),
        learned_until: state.learned_until.clone(),
        out: arguments.out.display().to_string(),
        golden: golden_path(&arguments.out).display().to_string(),
        state: state_path(&arguments.out).display().to_string(),
        stored: None,
    };
    let table = feature_table::assemble(&table, &contract, matrix)?;
    let sidecars = Sidecars {
        state,
        golden,
        statistics: describe(&table, &trained),
    };
    let sha256 = sidecars.write_with(&table, &arguments.out)?;
    drop(table);
    if arguments.store {
        let store = open_store(&params.bucket)?;
        let spec = TableSpec {
            keys: vec![contract.entity],
            event: contract.time,
            created: None,
            period: Period::Year,
            source_hash: sha256,
        };
        let table = service_table(&built.service);
        built.stored = Some(keep(&store, &table, &spec, &arguments.out, GENERATIONS)?);
    }
    Ok(context.output.show(&built, text(&built))?)
}

fn text(built: &Report) -> String {
    let learned = built.learned_until.as_ref().map_or_else(
        || "from every day".into(),
        |until| format!("from the days until {until}"),
    );
    let stored = built.stored.as_ref().map_or_else(String::new, |stored| {
        format!("\nin the bucket: {}", stored.size())
    });
    format!(
        "{} rows × {} features of service {:?} {} → {}\ngolden observations → {}\nwhat they learned {learned} → {}{stored}",
        thousands(built.rows),
        built.features,
        built.service,
        &built.version[..12],
        built.out,
        built.golden,
        built.state
    )
}

/// The service that params.yaml asks for, as features.yaml declares it.
pub(crate) fn declared<P: Project>(
    project: &P,
    params: &Params,
    context: &Context,
    contract: &Contract,
) -> Outcome<FeatureService<P::Observation>> {
    Ok(FeatureService::declared(
        &project.registry(),
        &context.definitions(contract)?,
        &params.features.service,
        &params.features.without,
    )?)
}

/// The version of the definitions that params.yaml asks for.
pub(crate) fn version(definitions: &Definitions, params: &Params) -> Outcome<String> {
    let service = definitions.service(&params.features.service)?;
    Ok(definitions.hash(service, &params.features.without)?)
}

/// The last day that features may learn from, as their state has it.
pub(crate) fn learned_until(params: &Params) -> Outcome<Option<String>> {
    let day = params.last_training_day().map_err(Failure::user)?;
    Ok(day.map(calendar::format_iso))
}

/// What the features learn from the days that are trained on.
fn learn<P: Project>(
    project: &P,
    observations: &[P::Observation],
    params: &Params,
    service: &FeatureService<P::Observation>,
) -> Outcome<FeatureState> {
    let trained = trained_on(observations, params)?;
    let training: Vec<&P::Observation> = observations
        .iter()
        .zip(trained)
        .filter_map(|(observation, trained)| trained.then_some(observation))
        .collect();
    Ok(FeatureState {
        version: String::new(),
        learned_until: learned_until(params)?,
        extent: service.extent(),
        clocks: service.clocks().cloned(),
        reference: project.reference(&training),
    })
}

/// Warns of entities whose clock isn't declared.
fn clocks_of_all<O: Observation>(clocks: &Clocks, observations: &[O]) {
    let names: BTreeSet<&str> = observations.iter().map(Observation::entity).collect();
    let without = names
        .into_iter()
        .filter(|name| !clocks.entities.contains_key(*name));
    let without: Vec<&str> = without.collect();
    if !without.is_empty() {
        tracing::warn!(
            "features.yaml gives {} no zone: a neighbour's reading is used for them, or theirs for a neighbour, only if it is known whatever their zone is. Add them to `zones`",
            without.join(", ")
        );
    }
}

/// Which rows features may learn from.
fn trained_on<O: Observation>(observations: &[O], params: &Params) -> Outcome<Vec<bool>> {
    let until = params.last_training_day().map_err(Failure::user)?;
    let held_out = feature_table::held_out(observations.iter().map(Observation::entity), params)?;
    let trained = |observation: &O| {
        until.is_none_or(|until| observation.day() <= until)
            && !held_out.contains(observation.entity())
    };
    Ok(observations.iter().map(trained).collect())
}

/// Statistics of the features of the rows that they may learn from.
fn describe(table: &Table, trained: &[bool]) -> TableStatistics {
    let features = table.columns().iter().filter_map(|column| {
        let Values::Single(values) = &column.values else {
            return None;
        };
        Some((column.name.as_str(), values.as_slice()))
    });
    statistics(&features.collect::<Vec<_>>(), trained)
}
