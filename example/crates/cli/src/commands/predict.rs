use std::path::Path;

use mlops_data::{Column, Table, Values, json};
use mlops_features::{FeatureMatrix, Observation};
use serde::Serialize;

use super::opened::Opened;
use super::{write_file, write_table};
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
    let opened = Opened::new(project, &arguments.input, &arguments.model, &context)?;
    let inference = &opened.inference;
    let rows = opened.rows()?;
    let margins = inference.model().predictor.margins(&rows);
    let probabilities = inference.model().probabilities_of(&margins);
    let seen = arguments.features.then_some((rows, margins));
    let predictions = predictions(&opened, &probabilities, seen)?;
    let Some(out) = &arguments.out else {
        return Ok(print(&json_lines(&predictions))?);
    };
    if is_json_lines(out) {
        write_file(out, json_lines(&predictions).as_bytes())?;
    } else {
        let is_csv = out
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
        let predictions = if is_csv {
            without_formulas(&predictions)?
        } else {
            predictions
        };
        write_table(out, &predictions, &inference.contract().missing)?;
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

/// The key of each observation, its probability and the decision; with what the model saw and the margin,
/// if they are given.
fn predictions<O: Observation>(
    opened: &Opened<O>,
    probabilities: &[f64],
    seen: Option<(Vec<f32>, Vec<f64>)>,
) -> Outcome<Table> {
    let (inference, table) = (&opened.inference, &opened.table);
    let contract = inference.contract();
    let column = |name: &str, values| Column {
        name: name.into(),
        values,
    };
    let key = contract.key.iter();
    let mut columns: Vec<Column> = key
        .filter_map(|name| Some(column(name, table.get(name)?.clone())))
        .collect();
    let levels = inference.model().metadata.classes.to_vec();
    let codes = probabilities
        .iter()
        .map(|probability| u32::from(inference.decide(*probability) == levels[1]))
        .collect();
    if let Some((values, margins)) = seen {
        let names = inference.service().names();
        let matrix = FeatureMatrix { names, values }.into_columns().into_iter();
        columns.extend(matrix.map(|(name, values)| column(&name, Values::Single(values))));
        columns.push(column("margin", Values::Number(margins)));
    }
    columns.push(column(
        "probability",
        Values::Number(probabilities.to_vec()),
    ));
    // Not the label's name: what was decided isn't what came to pass.
    columns.push(column("decision", Values::Category { codes, levels }));
    Table::new(columns).ok_or_else(|| {
        Failure::user(anyhow::anyhow!(
            "two columns have one name: the key and the features may have no `probability`, `margin` or `decision`"
        ))
    })
}

/// The same for a spreadsheet, which runs a text that begins like a formula: an apostrophe before it makes it text.
fn without_formulas(table: &Table) -> Outcome<Table> {
    let columns = table.columns().iter().map(|column| Column {
        name: as_text(&column.name),
        values: match &column.values {
            Values::Category { codes, levels } => Values::Category {
                codes: codes.clone(),
                levels: levels.iter().map(|level| as_text(level)).collect(),
            },
            other => other.clone(),
        },
    });
    Table::new(columns.collect()).ok_or_else(|| {
        Failure::user(anyhow::anyhow!(
            "two columns have one name in a spreadsheet: write .parquet or .jsonl"
        ))
    })
}

fn as_text(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    match is_formula && text.parse::<f64>().is_err() {
        true => format!("'{text}"),
        false => text.into(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_becomes_text_and_all_else_stays() {
        let unsafe_texts = ["=1+1", "+SUM(A1)", "-cmd|' /C calc'!A0", "@SUM(1)", "\t=1"];
        for text in unsafe_texts {
            assert_eq!(as_text(text), format!("'{text}"));
        }
        for text in ["Sydney", "-5", "+0.5", "", "a=b", "'quoted"] {
            assert_eq!(as_text(text), text);
        }
    }
}
