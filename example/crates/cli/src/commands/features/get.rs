//! Values of the past beside entity rows.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use mlops_data::json;
use mlops_data::tables::frames;
use mlops_features::offline::{Entities, Options, StoredView, View, get_historical_features};
use serde::Serialize;

use super::super::write_folder;
use super::stored::{Opened, declared};
use crate::output::thousands;
use crate::{Context, Failure, Outcome};

#[derive(Debug, Args)]
pub(crate) struct GetArguments {
    /// Of whom and as of when: CSV or Parquet with the keys and a column of instants; other columns stay
    #[arg(long, value_hint = ValueHint::FilePath)]
    entities: PathBuf,
    /// What is wanted: views (`view`) or features (`view:feature`), in this order
    #[arg(long, value_delimiter = ',', required = true)]
    features: Vec<String>,
    /// The column of instants; without, `event_timestamp` or the contract's time
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Where to (.csv or .parquet); without, JSON lines to standard output
    #[arg(long, value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,
    /// Take values that were filled in later too, as Feast does unless told otherwise
    #[arg(long)]
    without_created: bool,
    /// Call the columns `view__feature`
    #[arg(long)]
    full_names: bool,
}

#[derive(Serialize)]
struct Got {
    rows: usize,
    features: usize,
    out: String,
}

pub(super) fn run(arguments: &GetArguments, context: &Context) -> Outcome<()> {
    let contract = context.contract()?;
    let times = match &arguments.time {
        Some(time) => vec![time.as_str()],
        None => vec!["event_timestamp", contract.time.as_str()],
    };
    let entities = Entities::read(&arguments.entities, &times)?;
    let declared = declared(Path::new("features.yaml"))?;
    let wanted = wanted(&declared, &arguments.features)?;
    let opened = wanted
        .iter()
        .map(|(view, _)| Opened::of(view))
        .collect::<Outcome<Vec<_>>>()?;
    let sources = wanted
        .iter()
        .zip(&opened)
        .map(|((view, _), opened)| opened.source(view))
        .collect::<Outcome<Vec<_>>>()?;
    let views: Vec<View<'_>> = wanted
        .into_iter()
        .zip(&sources)
        .map(|((view, fields), source)| view.view(source.as_ref(), fields))
        .collect();
    let options = Options {
        created: !arguments.without_created,
        full_names: arguments.full_names,
    };
    let result = get_historical_features(&entities, &views, options)?;
    let Some(out) = &arguments.out else {
        let table = frames::table(&arguments.entities, &result)?;
        for row in 0..table.rows() {
            println!(
                "{}",
                serde_json::Value::Object(json::row_to_json(&table, row))
            );
        }
        return Ok(());
    };
    write_folder(out)?;
    frames::write(out, &result)?;
    let got = Got {
        rows: result.height(),
        features: views.iter().map(|view| view.fields.len()).sum(),
        out: out.display().to_string(),
    };
    let text = format!(
        "{} entity rows × {} features → {}",
        thousands(got.rows),
        got.features,
        got.out
    );
    Ok(context.output.show(&got, text)?)
}

/// The views that hold what is asked for, each with its fields.
fn wanted<'a>(
    declared: &'a [StoredView],
    asked: &[String],
) -> Outcome<Vec<(&'a StoredView, Vec<String>)>> {
    let mut wanted: Vec<(&StoredView, Vec<String>)> = Vec::new();
    for asked in asked {
        let (name, field) = match asked.split_once(':') {
            Some((view, field)) => (view, Some(field)),
            None => (asked.as_str(), None),
        };
        let unknown = |what: &str, known: Vec<&str>| {
            Failure::user(anyhow::anyhow!(
                "--features {asked}: there is no {what}; there are {}",
                known.join(", ")
            ))
        };
        let view = declared
            .iter()
            .find(|view| view.name == name)
            .ok_or_else(|| {
                unknown(
                    "such view",
                    declared.iter().map(|view| view.name.as_str()).collect(),
                )
            })?;
        let fields = match field {
            None => view.fields.clone(),
            Some(field) if view.fields.iter().any(|known| known == field) => vec![field.into()],
            Some(_) => {
                let known = view.fields.iter().map(String::as_str).collect();
                return Err(unknown(&format!("such feature in view {name}"), known));
            }
        };
        match wanted.iter_mut().find(|(known, _)| known.name == view.name) {
            Some((_, known)) => known.extend(fields),
            None => wanted.push((view, fields)),
        }
    }
    Ok(wanted)
}
