//! One row: what makes its answer, and what would change it.

use std::fmt;

use mlops_features::Observation;
use mlops_learning::explain::Waterfall;
use mlops_learning::explain::counterfactual::Effort;
use mlops_serving::{Change, Otherwise};
use serde::Serialize;
use serde_json::{Map, Value};

use super::ExplainArguments;
use super::write;
use crate::commands::opened::{Opened, RowName, key_text};
use crate::{Context, Outcome};

#[derive(Serialize)]
struct Explained {
    /// What the row is known by.
    key: Map<String, Value>,
    #[serde(flatten)]
    waterfall: Waterfall,
}

pub(super) fn waterfall<O: Observation>(
    opened: &Opened<O>,
    name: &RowName,
    arguments: &ExplainArguments,
    context: &Context,
) -> Outcome<()> {
    let at = opened.find("--row", name)?;
    let row = opened.inference.row(&opened.scene(at)?);
    let waterfall = Waterfall::new(opened.inference.model(), &row, arguments.top)?;
    write(arguments.svg.as_deref(), || Ok(waterfall.svg()))?;
    let key = opened.key(at);
    let text = format!("row {}: {}\n{waterfall}", at + 1, key_text(&key));
    Ok(context.output.show(&Explained { key, waterfall }, text)?)
}

/// What was answered, and what would give the other answer.
#[derive(Serialize)]
struct Turned {
    /// What the row is known by.
    key: Map<String, Value>,
    probability: f64,
    decision: String,
    /// Null if nothing was found.
    otherwise: Option<Otherwise>,
    #[serde(skip)]
    most: usize,
}

pub(super) fn counterfactual<O: Observation>(
    opened: &Opened<O>,
    name: &RowName,
    arguments: &ExplainArguments,
    context: &Context,
) -> Outcome<()> {
    let at = opened.find("--row", name)?;
    let (inference, table) = (&opened.inference, &opened.table);
    let features = inference.row(&opened.scene(at)?);
    let model = inference.model();
    let probability = model.probability_of(model.predictor.margin(&features));
    let effort = Effort {
        changes: arguments.changes,
        seed: match arguments.seed {
            Some(seed) => seed,
            None => context.params()?.seed,
        },
    };
    let turned = Turned {
        key: opened.key(at),
        probability,
        decision: inference.decide(probability).into(),
        otherwise: inference.otherwise(table, opened.before.as_ref(), at, effort)?,
        most: effort.changes,
    };
    let text = format!("row {}: {}\n{turned}", at + 1, key_text(&turned.key));
    Ok(context.output.show(&turned, text)?)
}

impl fmt::Display for Turned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "the answer is {:?} ({:.3})",
            self.decision, self.probability
        )?;
        let Some(otherwise) = &self.otherwise else {
            return write!(
                f,
                "no change of up to {} numbers was found that turns it",
                self.most
            );
        };
        let plural = if otherwise.changes.len() == 1 {
            ""
        } else {
            "s"
        };
        writeln!(
            f,
            "it would be {:?} ({:.3}) with {} change{plural}, {:.2} standard deviations in all:",
            otherwise.decision,
            otherwise.probability,
            otherwise.changes.len(),
            otherwise.distance
        )?;
        let names = otherwise
            .changes
            .iter()
            .map(|change| change.column.chars().count());
        let wide = names.max().unwrap_or(0);
        let lines: Vec<String> = otherwise
            .changes
            .iter()
            .map(|change| line(change, wide))
            .collect();
        f.write_str(&lines.join("\n"))
    }
}

fn line(change: &Change, wide: usize) -> String {
    let Change {
        column,
        from,
        to,
        unit,
    } = change;
    let unit = unit.as_deref().unwrap_or_default();
    format!("  {column:wide$}  {from} → {to} {unit}")
        .trim_end()
        .into()
}
