//! What stands in params.yaml, before it is read as what it means: for a search, which puts other
//! values in.

use std::path::Path;

use anyhow::Context as _;
use mlops_learning::search::Point;
use serde_json::Value;

use super::{Params, from_values, from_yaml};
use crate::{Failure, Outcome};

/// Where a list means one experiment for each of its values.
const SEARCHED: &str = "model.…, features.without or seed";

/// The values of params.yaml, with those that were set for this run.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    path: String,
    values: Value,
}

impl Settings {
    /// Reads params.yaml and puts in what is `set`.
    pub(crate) fn read(path: &Path, set: &[String]) -> Outcome<Settings> {
        let text = mlops_disk::read_small_text(path, mlops_disk::MAX_SMALL)?;
        let path = path.display().to_string();
        let values = settled(&text, set)
            .context(path.clone())
            .map_err(Failure::user)?;
        Ok(Settings { path, values })
    }

    /// What they mean.
    pub(crate) fn params(&self) -> Outcome<Params> {
        self.with(&Point::new())
    }

    /// What they mean with other values put in.
    pub(crate) fn with(&self, point: &Point) -> Outcome<Params> {
        let read = || -> anyhow::Result<Params> {
            let mut values = self.values.clone();
            for (key, value) in point {
                put(&mut values, key, value.clone()).context(key.clone())?;
            }
            refuse_lists(&values)?;
            let params = from_values(values)?;
            params.check()?;
            Ok(params)
        };
        read().context(self.path.clone()).map_err(Failure::user)
    }

    /// Takes out the lists that stand where one value is expected, and leaves the first of each.
    pub(crate) fn take_lists(&mut self) -> Outcome<Point> {
        let lists = lists(&self.values);
        let mut space = Point::new();
        for (key, list) in lists {
            if !may_be_searched(&key) {
                return Err(Failure::user(anyhow::anyhow!(
                    "{}: {key} is a list, but `tune --grid` tries lists only of {SEARCHED}: give one value",
                    self.path
                )));
            }
            let first = list.first().cloned().unwrap_or_default();
            put(&mut self.values, &key, first).map_err(Failure::user)?;
            space.insert(key, Value::Array(list));
        }
        Ok(space)
    }

    /// The value at a key with dots, if there is one.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        key.split('.')
            .try_fold(&self.values, |at, part| at.get(part))
    }
}

/// Whether a search may put values there.
pub(crate) fn may_be_searched(key: &str) -> bool {
    key.starts_with("model.") || key == "features.without" || key == "seed"
}

/// The values of a text of params.yaml with some of them set, as `KEY=VALUE`.
pub(super) fn settled(text: &str, set: &[String]) -> anyhow::Result<Value> {
    let mut values: Value = from_yaml(text)?;
    for setting in set {
        let (key, value) = setting
            .split_once('=')
            .with_context(|| format!("--set {setting}: write KEY=VALUE"))?;
        let value = from_yaml(value).with_context(|| format!("--set {setting}"))?;
        put(&mut values, key, value).with_context(|| format!("--set {setting}"))?;
    }
    Ok(values)
}

/// Puts a value at a key with dots. A section that isn't there begins here: whether it is one of
/// params.yaml is seen when all of it is read.
fn put(values: &mut Value, key: &str, value: Value) -> anyhow::Result<()> {
    let mut at = values;
    let mut above = "params.yaml";
    for part in key.split('.') {
        if at.is_null() {
            *at = Value::Object(serde_json::Map::new());
        }
        let section = at
            .as_object_mut()
            .with_context(|| format!("{above} is a value and has no {part} in it"))?;
        at = section.entry(part).or_insert(Value::Null);
        above = part;
    }
    *at = value;
    Ok(())
}

/// A list where one value is expected means experiments, which `tune --grid` runs.
pub(super) fn refuse_lists(values: &Value) -> anyhow::Result<()> {
    match lists(values).first() {
        None => Ok(()),
        Some((key, _)) if may_be_searched(key) => anyhow::bail!(
            "{key} is a list where one value is expected: `tune --grid` runs an experiment for each; for anything else, give one value"
        ),
        Some((key, _)) => anyhow::bail!("{key} is a list where one value is expected"),
    }
}

/// The lists that stand where one value is expected, by their key.
fn lists(values: &Value) -> Vec<(String, Vec<Value>)> {
    let mut found = Vec::new();
    if let Value::Object(sections) = values {
        for (name, section) in sections.iter().filter(|(name, _)| *name != "tune") {
            collect(name, section, &mut found);
        }
    }
    found
}

fn collect(key: &str, value: &Value, found: &mut Vec<(String, Vec<Value>)>) {
    match value {
        Value::Object(section) => {
            for (name, value) in section {
                collect(&format!("{key}.{name}"), value, found);
            }
        }
        // Is a list by itself: one of lists is meant.
        Value::Array(list) if key == "features.without" && !list.iter().any(Value::is_array) => {}
        Value::Array(list) => found.push((key.to_owned(), list.clone())),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "seed: [1, 2]\nfeatures: {service: daily, without: [[], [near]]}\nmodel: {kind: tree, tree: {depth: [3, 5]}}\ntune: {space: {model.kind: [tree, forest]}}\n";

    #[test]
    fn a_list_in_the_place_of_one_value_is_found_wherever_it_stands() {
        let values = settled(TEXT, &[]).unwrap();
        let mut settings = Settings {
            path: "params.yaml".into(),
            values,
        };
        let keys: Vec<String> = settings.take_lists().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["seed", "features.without", "model.tree.depth"]);
        assert_eq!(settings.get("model.tree.depth"), Some(&Value::from(3)));
        assert!(refuse_lists(&settings.values).is_ok());
        let mut elsewhere = Settings {
            values: settled("bucket: [a, b]", &[]).unwrap(),
            ..settings
        };
        assert!(elsewhere.take_lists().is_err());
        let flat = settled("features: {without: [near, far]}", &[]).unwrap();
        assert!(
            refuse_lists(&flat).is_ok(),
            "features.without is a list by itself"
        );
    }
}
