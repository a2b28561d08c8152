//! A model, the observations it is asked about, and what came before them: opened in one way
//! for every command that asks.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueHint};
use mlops_data::calendar::{self, Day};
use mlops_data::{Table, Values, json, near, tables};
use mlops_disk::printable;
use mlops_features::Observation;
use mlops_serving::{Inference, Scene};
use serde_json::{Map, Value};

use super::{needs, read_observations, say};
use crate::{Context, Failure, Outcome, Project};

/// Who answers, and what it may know.
#[derive(Debug, Args)]
pub(crate) struct ModelArguments {
    /// The model's file
    #[arg(long, default_value = "models/model.bin", value_hint = ValueHint::FilePath)]
    pub model: PathBuf,
    /// Observations of the days before and around; those of the input count anyway
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub history: Option<PathBuf>,
}

/// A row by its number in the table, counted from 1, or by what it is of: `ENTITY@DAY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RowName {
    Number(usize),
    Of { entity: String, day: Day },
}

impl FromStr for RowName {
    type Err = String;

    fn from_str(text: &str) -> Result<RowName, String> {
        if let Ok(number) = text.parse() {
            return Ok(RowName::Number(number));
        }
        let parts = text.rsplit_once('@');
        let of = parts.and_then(|(entity, day)| Some((entity, calendar::parse_iso(day)?)));
        match of {
            Some((entity, day)) => Ok(RowName::Of {
                entity: entity.into(),
                day,
            }),
            None => Err("give the number of a row, or ENTITY@yyyy-mm-dd".into()),
        }
    }
}

impl std::fmt::Display for RowName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RowName::Number(number) => write!(f, "{number}"),
            RowName::Of { entity, day } => write!(f, "{entity}@{}", calendar::format_iso(*day)),
        }
    }
}

/// A model with the tables it is asked about.
pub(super) struct Opened<O> {
    pub inference: Inference<O>,
    pub table: Table,
    pub before: Option<Table>,
    input: PathBuf,
}

/// Warns of entities that the model never saw: nothing was learned of them, so their answers rest on less.
fn say_unknown<O: Observation>(input: &Path, table: &Table, inference: &Inference<O>) {
    let entity = &inference.contract().entity;
    let known = &inference.feature_state().reference.entities;
    let Some(values) = table.get(entity).filter(|_| !known.is_empty()) else {
        return;
    };
    let unknown = near::unknown_words(values, known.keys().map(String::as_str));
    let shown = unknown.iter().take(5).map(|unknown| match &unknown.like {
        Some(like) => format!("{:?} (is it {like:?}?)", unknown.word),
        None => format!("{:?}", unknown.word),
    });
    let shown: Vec<String> = shown.collect();
    let warning = match unknown.len() {
        0 => return,
        count if count > shown.len() => {
            format!("{} and {} more", shown.join(", "), count - shown.len())
        }
        _ => shown.join(", "),
    };
    let warning = format!(
        "{entity} {warning}: the model was trained without it, so the features know neither its neighbours nor its usual values"
    );
    say(input, &[warning]);
}

impl<O: Observation> Opened<O> {
    /// Opens the model and reads the observations.
    pub(super) fn new<P: Project<Observation = O>>(
        project: &P,
        input: &Path,
        arguments: &ModelArguments,
        context: &Context,
    ) -> Outcome<Opened<O>> {
        needs(&arguments.model, "train")?;
        let registry = project.registry();
        let inference = Inference::open(&arguments.model, &registry, context.contract()?)?;
        let read =
            |file| read_observations(file, inference.contract(), tables::LabelNeed::Optional);
        let table = read(input)?;
        say_unknown(input, &table, &inference);
        Ok(Opened {
            table,
            before: arguments.history.as_deref().map(read).transpose()?,
            input: input.into(),
            inference,
        })
    }

    /// The features of every row.
    pub(super) fn rows(&self) -> Outcome<Vec<f32>> {
        Ok(self.inference.rows(&self.table, self.before.as_ref())?)
    }

    /// Where a row stands, counted from 0. `asked` is how the command line calls it.
    pub(super) fn find(&self, asked: &str, name: &RowName) -> Outcome<usize> {
        let rows = self.table.rows();
        let missing = |why: String| {
            let input = self.input.display();
            Err(Failure::user(anyhow::anyhow!(
                "{asked} {name}: {input} {why}"
            )))
        };
        match name {
            RowName::Number(number) => match number.checked_sub(1) {
                Some(at) if at < rows => Ok(at),
                _ => missing(format!("has rows 1 to {rows}")),
            },
            RowName::Of { entity, day } => match self.last_of(entity, *day) {
                Some(at) => Ok(at),
                None => missing("has no such row".into()),
            },
        }
    }

    /// Of two rows of an entity and a day, the last holds.
    fn last_of(&self, entity: &str, day: Day) -> Option<usize> {
        let contract = self.inference.contract();
        let (Values::Category { codes, levels }, Values::Date(days)) = (
            self.table.get(&contract.entity)?,
            self.table.get(&contract.time)?,
        ) else {
            return None;
        };
        let code = levels.iter().position(|level| level == entity)? as u32;
        let mut places = codes.iter().zip(days);
        places.rposition(|(of, at)| *of == code && *at == day)
    }

    /// A row with all that its features may see: what is computed of it, no other row's
    /// features are needed for.
    pub(super) fn scene(&self, row: usize) -> Outcome<Scene<O>> {
        Ok(self
            .inference
            .scene(&self.table, self.before.as_ref(), row)?)
    }

    /// What a row is known by.
    pub(super) fn key(&self, row: usize) -> Map<String, Value> {
        let mut key = json::row_to_json(&self.table, row);
        key.retain(|name, _| self.inference.contract().key.contains(name));
        key
    }
}

/// `Day 2016-01-05, Shop North`.
pub(super) fn key_text(key: &Map<String, Value>) -> String {
    let parts: Vec<String> = key
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name} {}", printable(text)),
            other => format!("{name} {other}"),
        })
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_number_or_an_entity_and_a_day() {
        assert_eq!("7".parse(), Ok(RowName::Number(7)));
        let of: RowName = "a@b@2016-02-29".parse().unwrap();
        assert_eq!(of.to_string(), "a@b@2016-02-29");
        for wrong in ["-1", "shop", "shop@2015-02-29", "@", ""] {
            assert!(wrong.parse::<RowName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_with_a_line_break_stays_in_its_line() {
        let key = serde_json::json!({"Shop": "a\nanswer b\u{1b}[2J", "Day": 3});
        let text = key_text(key.as_object().unwrap());
        assert!(text.contains("Shop a\\nanswer b\\u001b[2J"), "{text}");
        assert_eq!(text.lines().count(), 1);
    }
}
