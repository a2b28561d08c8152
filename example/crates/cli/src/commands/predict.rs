use std::path::Path;

use mlops_data::{Column, Table, Values, json, tables};
use mlops_serving::Inference;
use serde::Serialize;

use super::{needs, read_table, write_file, write_table};
use crate::arguments::PredictArguments;
use crate::output::{print, thousands};
use crate::{Context, Failure, Outcome, Project};

#[derive(Serialize)]
struct Predicted {
    rows: usize,
    positive: usize,
    model: String,
    out: String,
}

pub(super) fn run<P: Project>(
    project: &P,
    arguments: PredictArguments,
    context: Context,
) -> Outcome<()> {
    needs(&arguments.model, "train")?;
    let inference = Inference::<P::Observation>::open(
        &arguments.model,
        &project.registry(),
        context.contract()?,
    )?;
    let table = read_table(
        &arguments.input,
        inference.contract(),
        tables::LabelNeed::Optional,
    )?;
    let history = arguments
        .history
        .map(|file| read_table(&file, inference.contract(), tables::LabelNeed::Optional))
        .transpose()?;
    let probabilities = inference.probabilities(&table, history.as_ref())?;
    let predictions = predictions(&table, &inference, &probabilities)?;
    let Some(out) = &arguments.out else {
        return Ok(print(&json_lines(&predictions))?);
    };
    if is_json_lines(out) {
        write_file(out, json_lines(&predictions).as_bytes())?;
    } else {
        write_table(out, &predictions)?;
    }
    let positive = inference.decide(1.0);
    let predicted = Predicted {
        rows: probabilities.len(),
        positive: probabilities
            .iter()
            .filter(|p| inference.decide(**p) == positive)
            .count(),
        model: inference.hash().into(),
        out: out.display().to_string(),
    };
    let text = format!(
        "{} observations, {} of them {:?}, by model {} → {}",
        thousands(predicted.rows),
        thousands(predicted.positive),
        positive,
        &predicted.model[..12],
        predicted.out
    );
    Ok(context.output.show(&predicted, text)?)
}

/// The key of each observation, its probability and the decision.
fn predictions<O: mlops_features::Observation>(
    table: &Table,
    inference: &Inference<O>,
    probabilities: &[f64],
) -> Outcome<Table> {
    let contract = inference.contract();
    let mut columns: Vec<Column> = contract
        .key
        .iter()
        .filter_map(|name| {
            table.get(name).map(|values| Column {
                name: name.clone(),
                values: values.clone(),
            })
        })
        .collect();
    let classes = inference.model().metadata.classes.to_vec();
    let codes = probabilities
        .iter()
        .map(|probability| u32::from(inference.decide(*probability) == classes[1]))
        .collect();
    columns.push(Column {
        name: "probability".into(),
        values: Values::Number(probabilities.to_vec()),
    });
    columns.push(Column {
        name: contract.label.column.clone(),
        values: Values::Category {
            codes,
            levels: classes,
        },
    });
    Table::new(columns).ok_or_else(|| {
        Failure::user(anyhow::anyhow!(
            "the table's key has a column called probability: rename it"
        ))
    })
}

fn json_lines(table: &Table) -> String {
    (0..table.rows())
        .map(|row| {
            format!(
                "{}\n",
                serde_json::Value::Object(json::row_to_json(table, row))
            )
        })
        .collect()
}

fn is_json_lines(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "jsonl" || extension == "ndjson")
}
