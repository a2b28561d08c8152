//! Parameters of commits, compared.

use std::collections::{BTreeMap, BTreeSet};

use mlops_repository::params::{DEFAULT_FILE, select};
use mlops_repository::yaml::{Map, Node, Value};
use mlops_versioning::Repository;

use super::Comparison;
use super::files::State;
use crate::error::Result;

/// What differs in parameters between two states; with `all` also what doesn't. `targets`, from the
/// repository's root, are files to compare whole; `deps_only` looks only at what stages read.
///
/// # Errors
/// If there is no such revision. What can't be read in it is told in the result.
pub fn params_diff(
    repository: &Repository,
    old: &str,
    new: &str,
    targets: &[String],
    deps_only: bool,
    all: bool,
) -> Result<Comparison> {
    let mut unreadable = Vec::new();
    let mut gathered = Vec::new();
    for revision in [old, new] {
        let (files, faults) = gather(repository, revision, targets, deps_only)?;
        gathered.push(files);
        unreadable.extend(faults.into_iter().map(|fault| (revision.to_owned(), fault)));
    }
    let mut comparison = Comparison::of(&gathered[0], &gathered[1], all);
    comparison.unreadable = unreadable;
    Ok(comparison)
}

type Files = BTreeMap<String, Value>;

fn gather(
    repository: &Repository,
    revision: &str,
    targets: &[String],
    deps_only: bool,
) -> Result<(Files, Vec<String>)> {
    let state = State::open(repository, revision)?;
    // No keys: the whole file.
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut whole: BTreeSet<String> = targets.iter().cloned().collect();
    if targets.is_empty() {
        for file in state.catalog.stages.iter().flat_map(|stage| &stage.params) {
            if file.keys.is_empty() {
                whole.insert(file.at.path.clone());
            }
            wanted
                .entry(file.at.path.clone())
                .or_default()
                .extend(file.keys.iter().cloned());
        }
        if !deps_only {
            whole.extend(state.catalog.params.iter().cloned());
            if state.source.exists(DEFAULT_FILE) {
                whole.insert(DEFAULT_FILE.to_owned());
            }
        }
    }
    for path in whole {
        wanted.insert(path, BTreeSet::new());
    }
    let mut files = Files::new();
    let mut faults = Vec::new();
    for (path, keys) in wanted {
        match state.values(&path) {
            Ok(value) => {
                files.insert(path, part(value, &keys));
            }
            Err(error) => faults.push(error.to_string()),
        }
    }
    if targets.is_empty() && !deps_only {
        // Files of parameters are shown anyway.
        let shown: BTreeSet<String> = files.keys().cloned().collect();
        let used = state.catalog.stages.iter().flat_map(|stage| &stage.used);
        for (file, values) in used.filter(|(file, _)| !shown.contains(*file)) {
            let entry = files
                .entry(file.clone())
                .or_insert_with(|| Map::new().into());
            if let Value::Map(map) = entry {
                for (key, node) in values {
                    map.insert(key.clone(), node.clone());
                }
            }
        }
    }
    Ok((files, faults))
}

/// Some keys of a value as they are nested in it; all of it if there are none.
fn part(value: Value, keys: &BTreeSet<String>) -> Value {
    if keys.is_empty() {
        return value;
    }
    let node = Node::from(value);
    let mut values = Map::new();
    for key in keys {
        if let Some(found) = select(&node, key) {
            values.insert(key.clone(), found.clone());
        }
    }
    Value::Map(values)
}
