//! Metrics of commits, shown and compared.

use std::collections::{BTreeMap, BTreeSet};

use mlops_disk::printable;
use mlops_repository::yaml::{Map, Value};
use mlops_repository::{OutputKind, RepositoryError, posix_path};
use mlops_versioning::Repository;

use super::files::State;
use super::{Comparison, Table, flat, table};
use crate::error::{PipelineError, Result};
use crate::python_json;

/// The metrics of one state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    /// The state's name; `workspace`, or the revision.
    pub state: String,
    /// By file, from the repository's root.
    pub files: BTreeMap<String, Value>,
    /// Files that couldn't be read, and why.
    pub unreadable: BTreeMap<String, String>,
}

/// The metrics of the workspace and of Git revisions. `targets`, from the repository's root, are
/// files or folders to read instead of those that `dvc.yaml` names.
///
/// # Errors
/// If there is no such revision. What can't be read in it is told in the result.
pub fn metrics_show(
    repository: &Repository,
    revisions: &[String],
    targets: &[String],
) -> Result<Vec<Metrics>> {
    revisions
        .iter()
        .map(|revision| match gather(repository, revision, targets) {
            // What it says is lost for good; other states aren't.
            Err(PipelineError::Repository(error @ RepositoryError::Commit { .. })) => Ok(Metrics {
                state: revision.clone(),
                unreadable: [(String::new(), error.to_string())].into(),
                ..Metrics::default()
            }),
            gathered => gathered,
        })
        .collect()
}

/// What differs in metrics between two states; with `all` also what doesn't.
///
/// # Errors
/// As [`metrics_show`].
pub fn metrics_diff(
    repository: &Repository,
    old: &str,
    new: &str,
    targets: &[String],
    all: bool,
) -> Result<Comparison> {
    let old = gather(repository, old, targets)?;
    let new = gather(repository, new, targets)?;
    let mut comparison = Comparison::of(&old.files, &new.files, all);
    for metrics in [old, new] {
        for why in metrics.unreadable.into_values() {
            comparison.unreadable.push((metrics.state.clone(), why));
        }
    }
    Ok(comparison)
}

fn gather(repository: &Repository, revision: &str, targets: &[String]) -> Result<Metrics> {
    let mut metrics = Metrics {
        state: revision.to_owned(),
        ..Metrics::default()
    };
    let state = State::open(repository, revision)?;
    let mut paths: BTreeSet<String> = BTreeSet::new();
    let named = state.catalog.stages.iter().flat_map(|stage| &stage.outs);
    let named = named
        .filter(|out| out.kind == OutputKind::Metric)
        .map(|out| &out.at.path);
    let named: Vec<&String> = if targets.is_empty() {
        named.chain(&state.catalog.metrics).collect()
    } else {
        targets.iter().collect()
    };
    for path in named {
        paths.extend(state.files(path)?);
    }
    for path in paths {
        match state.values(&path) {
            Ok(value) => {
                let value = extract(&value).unwrap_or_else(|| Map::new().into());
                metrics.files.insert(path, value);
            }
            Err(error) => {
                metrics.unreadable.insert(path, error.to_string());
            }
        }
    }
    Ok(metrics)
}

/// What of a value is a metric: numbers, texts, and maps of them.
fn extract(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Text(_) => {
            Some(value.clone())
        }
        Value::Map(map) => {
            let mut kept = Map::new();
            for entry in map {
                match extract(&entry.node.value) {
                    Some(Value::Map(inner)) if inner.is_empty() => {}
                    Some(value) => kept.push(entry.key.clone(), entry.line, value.into()),
                    None => {}
                }
            }
            Some(Value::Map(kept))
        }
        _ => None,
    }
}

impl Metrics {
    /// Metrics of some states as a table, a column for each.
    #[must_use]
    pub fn table(states: &[Self], folder: &str, precision: usize) -> Table {
        let mut rows = Vec::new();
        let mut keys = BTreeSet::new();
        for metrics in states {
            let unreadable = metrics
                .unreadable
                .keys()
                // A commit that can't be read as a whole has no row.
                .filter(|path| !path.is_empty())
                .map(|path| (path, BTreeMap::new()));
            let readable = metrics.files.iter().map(|(path, value)| {
                let values = match value {
                    Value::Map(_) => flat(value).unwrap_or_default(),
                    scalar => BTreeMap::from([(String::new(), scalar.clone())]),
                };
                (path, values)
            });
            let all: BTreeMap<&String, BTreeMap<String, Value>> =
                readable.chain(unreadable).collect();
            for (path, values) in all {
                keys.extend(values.keys().cloned());
                let path = printable(&posix_path::relative(path, folder));
                rows.push((&metrics.state, path, values));
            }
        }
        let several = states.len() > 1;
        let revision = several.then(|| "Revision".to_owned());
        let heads = revision
            .into_iter()
            .chain(["Path".to_owned()])
            .chain(keys.iter().map(|key| printable(key)));
        let mut table = Table::new(heads);
        for (state, path, values) in rows {
            let state = several.then(|| state.clone());
            let cells = keys.iter().map(|key| match values.get(key) {
                Some(value) => table::text(value, Some(precision)),
                None => "-".into(),
            });
            table.row(state.into_iter().chain([path]).chain(cells).collect());
        }
        table
    }

    /// Metrics of some states as JSON in the shape that DVC prints.
    #[must_use]
    pub fn json(states: &[Self], folder: &str) -> String {
        let one = states.len() == 1;
        let all: Map = states
            .iter()
            .map(|metrics| {
                let mut files = Map::new();
                let mut whole = None;
                for (path, value) in &metrics.files {
                    let mut data = Map::new();
                    data.insert("data", value.clone());
                    files.insert(posix_path::relative(path, folder), data);
                }
                for (path, why) in &metrics.unreadable {
                    let error: Map = [("type", "Unreadable"), ("msg", why.as_str())]
                        .into_iter()
                        .collect();
                    let entry: Map = [("error", error)].into_iter().collect();
                    // A commit that can't be read has an error in place of its data.
                    match path.is_empty() {
                        true => whole = Some(entry),
                        false => files.insert(posix_path::relative(path, folder), entry),
                    }
                }
                let name = if one && metrics.state == "workspace" {
                    ""
                } else {
                    &metrics.state
                };
                let data = || [("data", files)].into_iter().collect();
                (name.to_owned(), whole.unwrap_or_else(data))
            })
            .collect();
        python_json::dumps(&Value::Map(all))
    }
}
