//! One row, from what was observed to the answer.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use mlops_data::{Contract, json};
use mlops_disk::printable;
use mlops_features::{Definitions, Origin};
use mlops_learning::explain::Computation;
use mlops_serving::Scene;
use serde::Serialize;
use serde_json::{Map, Value};

use super::opened::{ModelArguments, Opened, RowName, key_text};
use crate::{Context, Outcome, Project};

#[derive(Debug, Args)]
pub(crate) struct DebugArguments {
    /// The row: its number, counted from 1, or ENTITY@DAY
    pub row: RowName,
    /// Observations: CSV, Parquet or JSON lines; without, `data.file` of params.yaml
    #[arg(value_hint = ValueHint::FilePath)]
    pub input: Option<PathBuf>,
    /// Show the way through the first so many trees, split by split
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub trees: usize,
    /// Show the way through all of them
    #[arg(long, conflicts_with = "trees")]
    pub all: bool,
    #[command(flatten)]
    pub model: ModelArguments,
}

/// Every step of a row's answer.
#[derive(Serialize)]
struct Debugged {
    row: usize,
    model: String,
    feature_service: String,
    /// The row, as the table has it.
    observed: Map<String, Value>,
    window: WindowHeld,
    features: Vec<Given>,
    computation: Computation,
    #[serde(skip)]
    units: Vec<(String, String)>,
}

/// What the window held besides today's observation.
#[derive(Serialize)]
struct WindowHeld {
    /// Days before today: 1 is yesterday.
    days_before: Vec<u16>,
    /// Neighbours with an observation, and of how many days before.
    neighbours: Vec<Around>,
}

#[derive(Serialize, Clone)]
struct Around {
    entity: String,
    days_before: Vec<u16>,
}

/// A feature, and where its value comes from.
#[derive(Serialize)]
struct Given {
    feature: String,
    /// Null is missing.
    value: f32,
    unit: String,
    /// The view that declares it, if features.yaml still does.
    view: Option<String>,
    /// Columns that it reads, of today and of days before.
    columns: Vec<String>,
    /// Days before, without whose rows the value would be another.
    days_before: Vec<u16>,
    /// Neighbours of whom the same is true.
    neighbours: Vec<Around>,
    /// Whether a number learned on the training period is in it.
    learned: bool,
}

pub(super) fn run<P: Project>(
    project: &P,
    arguments: DebugArguments,
    context: &Context,
) -> Outcome<()> {
    let input = match arguments.input {
        Some(file) => file,
        None => context.params()?.data.file,
    };
    let opened = Opened::new(project, &input, &arguments.model, context)?;
    let row = opened.find("row", &arguments.row)?;
    let scene = opened.scene(row)?;
    let (inference, contract) = (&opened.inference, opened.inference.contract());
    let definitions = context.definitions(contract)?;
    let features = inference.row(&scene);
    let origins = inference.origins(&scene);
    let names = inference.service().names();
    let given = names.into_iter().zip(&features).zip(origins);
    let paths = if arguments.all {
        usize::MAX
    } else {
        arguments.trees
    };
    let debugged = Debugged {
        row: row + 1,
        model: inference.hash().into(),
        feature_service: inference.service().name().into(),
        observed: json::row_to_json(&opened.table, row),
        window: held(&scene),
        features: given
            .map(|((name, value), origin)| given_by(name, *value, origin, &definitions))
            .collect(),
        computation: Computation::new(inference.model(), &features, paths),
        units: units(contract),
    };
    let text = format!(
        "row {}: {}\n{debugged}",
        row + 1,
        key_text(&opened.key(row))
    );
    Ok(context.output.show(&debugged, text)?)
}

fn units(contract: &Contract) -> Vec<(String, String)> {
    let columns = contract.columns.iter();
    columns
        .map(|column| (column.name.clone(), column.unit.clone().unwrap_or_default()))
        .collect()
}

fn held<O: mlops_features::Observation>(scene: &Scene<O>) -> WindowHeld {
    let today = scene.today();
    let mut days_before = Vec::new();
    let mut neighbours = Vec::new();
    for observation in scene.around() {
        let before = i64::from(today.day()) - i64::from(observation.day());
        let before = u16::try_from(before).unwrap_or(u16::MAX);
        if observation.entity() == today.entity() {
            days_before.push(before);
        } else {
            neighbours.push((observation.entity().to_string(), before));
        }
    }
    days_before.sort_unstable();
    WindowHeld {
        days_before,
        neighbours: by_entity(neighbours),
    }
}

/// Each entity once, with its days.
fn by_entity(mut places: Vec<(String, u16)>) -> Vec<Around> {
    places.sort();
    let groups = places.chunk_by(|a, b| a.0 == b.0);
    groups
        .map(|group| Around {
            entity: group[0].0.clone(),
            days_before: group.iter().map(|(_, days)| *days).collect(),
        })
        .collect()
}

fn given_by(name: String, value: f32, origin: Origin, definitions: &Definitions) -> Given {
    let declared = definitions
        .find(&name)
        .and_then(|(view, fields)| Some((view, fields.first()?)));
    let lineage = definitions.lineage(&name);
    let mut columns: Vec<String> = lineage.today.into_iter().chain(lineage.past).collect();
    columns.sort();
    columns.dedup();
    Given {
        value,
        unit: declared
            .map(|(_, field)| field.unit.clone())
            .unwrap_or_default(),
        view: declared.map(|(view, _)| view.name.value.clone()),
        columns,
        days_before: origin.days_before,
        neighbours: by_entity(origin.neighbours),
        learned: origin.learned,
        feature: name,
    }
}

impl fmt::Display for Debugged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n1. What was observed")?;
        let observed = self.observed.iter();
        let wide = widest(self.observed.keys());
        for (name, value) in observed {
            let unit = self.units.iter().find(|(column, _)| column == name);
            let unit = unit.map(|(_, unit)| unit.as_str()).unwrap_or_default();
            let value = match value {
                Value::Null => "missing".into(),
                Value::String(text) => printable(text),
                other => format!("{other} {unit}"),
            };
            writeln!(f, "{name:wide$}  {}", value.trim_end())?;
        }
        writeln!(f, "\n2. What is known besides")?;
        writeln!(f, "days before: {}", days(&self.window.days_before))?;
        let near = self.window.neighbours.iter();
        let near: Vec<String> = near
            .map(|near| {
                let days = days(&near.days_before);
                format!("{} ({days})", printable(&near.entity))
            })
            .collect();
        let near = if near.is_empty() {
            "none".into()
        } else {
            near.join(", ")
        };
        writeln!(f, "neighbours, and how many days before: {near}")?;
        writeln!(f, "\n3. The features of service {:?}", self.feature_service)?;
        let wide = widest(self.features.iter().map(|given| &given.feature));
        for given in &self.features {
            let value = match given.value.is_nan() {
                true => "missing".into(),
                false => format!("{} {}", given.value, given.unit),
            };
            let (name, value) = (&given.feature, value.trim_end());
            writeln!(f, "{name:wide$}  {value:<16} {}", given.origin())?;
        }
        writeln!(f, "\n4. The answer of model {}", &self.model[..12])?;
        write!(f, "{}", self.computation)
    }
}

fn widest<'a>(names: impl Iterator<Item = &'a String>) -> usize {
    names.map(|name| name.chars().count()).max().unwrap_or(0)
}

impl Given {
    /// `derived: Load, Peak; days before: 1–6`.
    fn origin(&self) -> String {
        let view = self.view.as_deref().unwrap_or("declared no more");
        let mut parts = vec![format!("{view}: {}", self.columns.join(", "))];
        if !self.days_before.is_empty() {
            parts.push(format!("days before: {}", days(&self.days_before)));
        }
        match self.neighbours.as_slice() {
            [] => {}
            [one] => parts.push(format!("of {}", printable(&one.entity))),
            many => parts.push(format!("of {} neighbours", many.len())),
        }
        if self.learned {
            parts.push("learned in training".into());
        }
        parts.join("; ")
    }
}

/// Numbers in order, with runs joined: `1–3, 7`.
fn days(numbers: &[u16]) -> String {
    let runs = numbers.chunk_by(|a, b| a.checked_add(1) == Some(*b));
    let shown: Vec<String> = runs
        .map(|run| match run {
            [one] => one.to_string(),
            [first, .., last] => format!("{first}–{last}"),
            [] => String::new(),
        })
        .collect();
    if shown.is_empty() {
        "none".into()
    } else {
        shown.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::days;

    #[test]
    fn runs_of_days_are_joined() {
        assert_eq!(days(&[1, 2, 3, 7, 9, 10]), "1–3, 7, 9–10");
        assert_eq!(days(&[]), "none");
    }
}
