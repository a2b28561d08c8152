use std::path::Path;

use mlops_data::{Contract, Table, json, tables};
use mlops_features::{FeatureService, Reference, Registry, observe};
use serde::Serialize;

use super::{feature_table, needs, read_table, write_file, write_table};
use crate::arguments::FeaturesCommand;
use crate::output::thousands;
use crate::params::FeatureParams;
use crate::{Context, Outcome, Project};

pub(super) fn run<P: Project>(
    project: &P,
    command: FeaturesCommand,
    context: Context,
) -> Outcome<()> {
    match command {
        FeaturesCommand::List => list(&project.registry(), context),
        FeaturesCommand::Build { file, out, golden } => {
            let params = context.params()?;
            let file = match file {
                Some(file) => file,
                None => {
                    needs(&params.data.file, "data import")?;
                    params.data.file
                }
            };
            build(project, &file, &out, &golden, context)
        }
    }
}

#[derive(Serialize)]
struct Listed {
    view: &'static str,
    feature: &'static str,
    unit: &'static str,
    inputs: &'static [&'static str],
    description: &'static str,
    known_at: Option<f64>,
}

fn list<O>(registry: &Registry<O>, context: Context) -> Outcome<()> {
    let contract = context.contract()?;
    let features: Vec<Listed> = registry
        .views()
        .iter()
        .flat_map(|view| {
            view.features
                .iter()
                .map(move |feature| (view.name, feature))
        })
        .map(|(view, feature)| Listed {
            view,
            feature: feature.name,
            unit: feature.unit,
            inputs: feature.inputs,
            description: feature.description,
            known_at: feature.known_at(&contract),
        })
        .collect();
    let mut text = String::new();
    let mut view = "";
    for listed in &features {
        if listed.view != view {
            view = listed.view;
            text.push_str(&format!("\n{view}\n"));
        }
        let known = listed
            .known_at
            .map_or_else(|| "?".into(), |hour| format!("{hour:02.0}:00"));
        let unit = if listed.unit.is_empty() {
            String::new()
        } else {
            format!(", {}", listed.unit)
        };
        text.push_str(&format!(
            "  {:<26} known at {known}  {}{unit} ({})\n",
            listed.feature,
            listed.description,
            listed.inputs.join(", ")
        ));
    }
    Ok(context.output.show(&features, text.trim_start())?)
}

#[derive(Serialize)]
struct Built {
    rows: usize,
    features: usize,
    service: String,
    out: String,
    golden: String,
}

fn build<P: Project>(
    project: &P,
    file: &Path,
    out: &Path,
    golden: &Path,
    context: Context,
) -> Outcome<()> {
    let params = context.params()?;
    let contract = context.contract()?;
    let table = read_table(file, &contract, tables::LabelNeed::Required)?;
    let service = service(project, &params.features, &contract)?;
    let matrix = service.rows(&observe::<P::Observation>(&table)?, &Reference::default());
    let built = Built {
        rows: table.rows(),
        features: matrix.names.len(),
        service: service.name().into(),
        out: out.display().to_string(),
        golden: golden.display().to_string(),
    };
    write_file(
        golden,
        golden_rows(&table, &contract, params.features.golden_rows).as_bytes(),
    )?;
    write_table(out, &feature_table::assemble(&table, &contract, matrix)?)?;
    let text = format!(
        "{} rows × {} features of service {:?} → {}\ngolden observations → {}",
        thousands(built.rows),
        built.features,
        built.service,
        built.out,
        built.golden
    );
    Ok(context.output.show(&built, text)?)
}

/// The feature service that params.yaml asks for.
fn service<P: Project>(
    project: &P,
    params: &FeatureParams,
    contract: &Contract,
) -> Outcome<FeatureService<P::Observation>> {
    Ok(FeatureService::new(
        &project.registry(),
        &params.views,
        contract,
        &params.service,
        params.issued_at,
    )?)
}

/// Observations spread evenly over the table, a line of JSON each, without the
/// label: what a request would have said.
fn golden_rows(table: &Table, contract: &Contract, count: usize) -> String {
    let count = count.min(table.rows());
    let mut lines = String::new();
    for at in 0..count {
        let mut row = json::row_to_json(table, at * table.rows() / count);
        row.shift_remove(&contract.label.column);
        lines.push_str(&format!("{}\n", serde_json::Value::Object(row)));
    }
    lines
}
