//! Answers that the service gave, explained from its log: from what the model saw then, with the model that it was.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use mlops_learning::Model;
use mlops_learning::explain::Waterfall;
use mlops_repository::HashKind;
use mlops_serving::{LoggedAnswer, find_model};
use mlops_versioning::Repository;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{ExplainArguments, many, write};
use crate::commands::opened::{RowName, key_text};
use crate::commands::read_model;
use crate::{Context, Failure, Outcome};

/// A log keeps probabilities in decimal digits.
const SAME: f64 = 1e-9;

pub(super) fn run(
    answers: &[LoggedAnswer],
    arguments: &ExplainArguments,
    context: &Context,
) -> Outcome<()> {
    if arguments.counterfactual || arguments.permutation {
        return Err(Failure::user(anyhow!(
            "{} is a prediction log, which holds neither labels nor the days before: for --permutation and --counterfactual give a table",
            arguments.input.display()
        )));
    }
    if arguments.id.is_some() || arguments.row.is_some() {
        return one(answers, arguments, context);
    }
    let (model, hash) = read_model(&arguments.model.model)?;
    let rows = rows_by(answers, &hash);
    if rows.is_empty() {
        return Err(Failure::user(anyhow!(
            "{}: none of its {} answers with features was given by the model {}: give --model the file of the model that gave the last answer, whose SHA-256 is {}",
            arguments.input.display(),
            answers.len(),
            &hash[..12],
            answers.last().map_or("", |answer| &answer.prediction.model)
        )));
    }
    match &arguments.dependence {
        Some(feature) => many::dependence(&model, &rows, feature, arguments, context),
        None => many::summary(&model, &rows, arguments, context),
    }
}

/// The features of all answers that one model gave.
fn rows_by(answers: &[LoggedAnswer], hash: &str) -> Vec<f32> {
    let by = answers
        .iter()
        .filter(|answer| answer.prediction.model == hash);
    by.filter_map(LoggedAnswer::row).flatten().collect()
}

#[derive(Serialize)]
struct Explained<'a> {
    id: &'a str,
    /// The model's file.
    model: String,
    /// What the observation is known by.
    key: Map<String, Value>,
    #[serde(flatten)]
    waterfall: Waterfall,
}

fn one(answers: &[LoggedAnswer], arguments: &ExplainArguments, context: &Context) -> Outcome<()> {
    let contract = context.contract()?;
    let mut key = Map::new();
    let answer = find(answers, arguments, &contract.entity, &contract.time)?;
    for name in &contract.key {
        key.insert(
            name.clone(),
            answer.observation.get(name).cloned().unwrap_or_default(),
        );
    }
    let row = answer.row().ok_or_else(|| {
        Failure::user(anyhow!(
            "this answer was logged without its features, by an older program: explain its observation from a table"
        ))
    })?;
    let (path, model) = model_of(answer, &arguments.model.model)?;
    let waterfall = explained(&model, &row, answer, arguments)?;
    write(arguments.svg.as_deref(), || Ok(waterfall.svg()))?;
    let path = path.display();
    let text = format!(
        "answer {} by {path}: {}\n{waterfall}",
        answer.id,
        key_text(&key)
    );
    let explained = Explained {
        id: &answer.id,
        model: path.to_string(),
        key,
        waterfall,
    };
    Ok(context.output.show(&explained, text)?)
}

/// The answer that the command line names; of several about one entity and day, the last.
fn find<'a>(
    answers: &'a [LoggedAnswer],
    arguments: &ExplainArguments,
    entity: &str,
    time: &str,
) -> Outcome<&'a LoggedAnswer> {
    let is = |answer: &&LoggedAnswer| match (&arguments.id, &arguments.row) {
        (Some(id), _) => answer.id == *id,
        (None, Some(RowName::Of { entity: of, day })) => {
            let day = mlops_data::calendar::format_iso(*day);
            answer.observation.get(entity).and_then(Value::as_str) == Some(of)
                && answer.observation.get(time).and_then(Value::as_str) == Some(&day)
        }
        _ => false,
    };
    let found = match &arguments.row {
        Some(RowName::Number(number)) => number.checked_sub(1).and_then(|at| answers.get(at)),
        _ => answers.iter().rfind(is),
    };
    found.ok_or_else(|| {
        let asked = match (&arguments.id, &arguments.row) {
            (Some(id), _) => format!("--id {id}"),
            (None, row) => format!(
                "--row {}",
                row.as_ref().map(ToString::to_string).unwrap_or_default()
            ),
        };
        let input = arguments.input.display();
        let count = answers.len();
        Failure::user(anyhow!(
            "{asked}: {input} has no such answer among its {count}"
        ))
    })
}

fn explained(
    model: &Model,
    row: &[f32],
    answer: &LoggedAnswer,
    arguments: &ExplainArguments,
) -> Outcome<Waterfall> {
    let damaged = |what: String| {
        Failure::user(anyhow!(
            "answer {}: {what}: the log was changed since",
            answer.id
        ))
    };
    let width = model.predictor.width();
    if row.len() != width {
        let what = format!("it has {} features, and its model takes {width}", row.len());
        return Err(damaged(what));
    }
    let waterfall = Waterfall::new(model, row, arguments.top)?;
    let logged = answer.prediction.probability;
    if (waterfall.probability - logged).abs() > SAME {
        let what = format!(
            "its features give the probability {}, and {logged} was answered",
            waterfall.probability
        );
        return Err(damaged(what));
    }
    Ok(waterfall)
}

/// The model that gave an answer: the one named, one beside it, or one that the project's cache still holds.
fn model_of(answer: &LoggedAnswer, named: &Path) -> Outcome<(PathBuf, Model)> {
    let hash = &answer.prediction.model;
    let beside = named.parent().map_or_else(Vec::new, files);
    let candidates = std::iter::once(named.to_path_buf())
        .chain(beside)
        .chain(cached());
    find_model(hash, candidates).ok_or_else(|| {
        Failure::user(anyhow!(
            "answer {} was given by the model with the SHA-256 {hash}, and neither {}, nor its folder, nor the cache has a file with it: check out the commit that trained it and `pull`, or name the file with --model",
            answer.id,
            named.display()
        ))
    })
}

/// The files of a folder, in an order of their own.
fn files(folder: &Path) -> Vec<PathBuf> {
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// The objects of the project's cache; none, if it is no repository.
fn cached() -> impl Iterator<Item = PathBuf> {
    let repository = Repository::find(Path::new(".")).ok();
    let folder = repository.map(|repository| repository.cache().folder(HashKind::Md5));
    let prefixes = folder.as_deref().map_or_else(Vec::new, files);
    prefixes.into_iter().flat_map(|prefix| files(&prefix))
}
