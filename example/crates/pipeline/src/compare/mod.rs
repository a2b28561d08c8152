//! Metrics, parameters and plots of the workspace and of Git revisions, side by side.

mod files;
mod images;
mod metrics;
mod page;
mod params;
mod plots;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use mlops_disk::printable;
use mlops_repository::posix_path;
use mlops_repository::yaml::{Map, Value};

pub use images::{Image, images};
pub use metrics::{Metrics, metrics_diff, metrics_show};
pub use page::{Picture, page};
pub use params::params_diff;
pub use plots::{Faults, Plot, Series, Shape, plots};
pub use table::{Table, markdown_text};
pub(crate) use table::{code, text};

use crate::python_json;

/// The value of one metric or parameter in two states; none where it isn't there.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// In the first.
    pub old: Option<Value>,
    /// In the second.
    pub new: Option<Value>,
    /// The second less the first, if both are numbers.
    pub change: Option<Value>,
}

/// What differs between two states.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Comparison {
    /// By file, from the repository's root, and by key.
    pub files: BTreeMap<String, BTreeMap<String, Difference>>,
    /// What couldn't be read: revision and reason.
    pub unreadable: Faults,
}

/// How a comparison is shown.
#[derive(Debug, Clone, Copy)]
pub struct Show<'a> {
    /// `Metric` or `Param`.
    pub title: &'a str,
    /// The first state's name.
    pub old: &'a str,
    /// The second state's name.
    pub new: &'a str,
    /// Digits after the point that numbers are rounded to.
    pub precision: Option<usize>,
    /// Whether to name files.
    pub path: bool,
    /// Whether to say by how much numbers changed.
    pub change: bool,
    /// The folder that paths are shown from, from the repository's root.
    pub folder: &'a str,
}

impl Comparison {
    /// What differs between two states of some files; with `all` also what doesn't.
    fn of(old: &BTreeMap<String, Value>, new: &BTreeMap<String, Value>, all: bool) -> Self {
        let mut comparison = Self::default();
        let empty = Value::Map(Map::new());
        let mut paths: Vec<&String> = old.keys().chain(new.keys()).collect();
        paths.sort();
        paths.dedup();
        for path in paths {
            let old = old.get(path).unwrap_or(&empty);
            let new = new.get(path).unwrap_or(&empty);
            let differences = differences(old, new, all);
            if !differences.is_empty() {
                comparison.files.insert(path.clone(), differences);
            }
        }
        comparison
    }

    /// As a table, the rows by file and key.
    #[must_use]
    pub fn table(&self, show: Show<'_>) -> Table {
        let cell = |value: Option<&Value>| match value {
            None => "-".to_owned(),
            Some(value) => table::text(value, show.precision),
        };
        let mut heads = vec!["Path", show.title, show.old, show.new, "Change"];
        if !show.change {
            heads.pop();
        }
        if !show.path {
            heads.remove(0);
        }
        let mut table = Table::new(heads);
        for (path, differences) in &self.files {
            for (key, difference) in differences {
                let mut row = vec![
                    printable(&posix_path::relative(path, show.folder)),
                    printable(key),
                    cell(difference.old.as_ref()),
                    cell(difference.new.as_ref()),
                    cell(difference.change.as_ref()),
                ];
                if !show.change {
                    row.pop();
                }
                if !show.path {
                    row.remove(0);
                }
                table.row(row);
            }
        }
        table
    }

    /// As JSON in the shape that DVC prints; paths are shown from `folder`.
    #[must_use]
    pub fn json(&self, folder: &str) -> String {
        let files: Map = self
            .files
            .iter()
            .map(|(path, differences)| {
                let keys: Map = differences
                    .iter()
                    .map(|(key, difference)| {
                        let or_null = |value: &Option<Value>| value.clone().unwrap_or(Value::Null);
                        let mut map = Map::new();
                        map.insert("old", or_null(&difference.old));
                        map.insert("new", or_null(&difference.new));
                        if let Some(change) = &difference.change {
                            map.insert("diff", change.clone());
                        }
                        (key.clone(), map)
                    })
                    .collect();
                (posix_path::relative(path, folder), keys)
            })
            .collect();
        python_json::dumps(&Value::Map(files))
    }
}

fn differences(old: &Value, new: &Value, all: bool) -> BTreeMap<String, Difference> {
    let mut found = BTreeMap::new();
    if !matches!((old, new), (Value::Map(_), _) | (_, Value::Map(_))) {
        if let Some(difference) = difference(Some(old), Some(new), all) {
            found.insert(String::new(), difference);
        }
        return found;
    }
    let (old, new) = (flat(old), flat(new));
    let unparsed = Value::Text("unable to parse".into());
    let get = |values: &Option<BTreeMap<String, Value>>, key: &str| match values {
        Some(values) => values
            .get(key)
            .filter(|value| !matches!(value, Value::Null))
            .cloned(),
        None => Some(unparsed.clone()),
    };
    let keys = old.iter().chain(&new).flat_map(BTreeMap::keys);
    for key in keys {
        if found.contains_key(key) {
            continue;
        }
        let (old, new) = (get(&old, key), get(&new, key));
        if let Some(difference) = difference(old.as_ref(), new.as_ref(), all) {
            found.insert(key.clone(), difference);
        }
    }
    found
}

/// The values by dotted key; none if it is no map.
fn flat(value: &Value) -> Option<BTreeMap<String, Value>> {
    let Value::Map(map) = value else {
        return matches!(value, Value::Null).then(BTreeMap::new);
    };
    let mut values = BTreeMap::new();
    flatten(map, "", &mut values);
    Some(values)
}

fn flatten(map: &Map, above: &str, values: &mut BTreeMap<String, Value>) {
    for entry in map {
        let key = format!("{above}{}", table::python_text(&entry.key));
        match &entry.node.value {
            Value::Map(inner) => flatten(inner, &format!("{key}."), values),
            // DVC compares and shows lists as Python's text of them.
            list @ Value::List(_) => {
                values.insert(key, Value::Text(table::python_text(list)));
            }
            scalar => {
                values.insert(key, scalar.clone());
            }
        }
    }
}

fn difference(old: Option<&Value>, new: Option<&Value>, all: bool) -> Option<Difference> {
    if !all && old == new {
        return None;
    }
    let change = match (old.and_then(whole), new.and_then(whole)) {
        (Some(old), Some(new)) => Some(Value::Integer(new - old)),
        _ => match (old.and_then(number), new.and_then(number)) {
            (Some(old), Some(new)) => Some(Value::Float(new - old)),
            _ => None,
        },
    };
    Some(Difference {
        old: old.cloned(),
        new: new.cloned(),
        change,
    })
}

fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Integer(whole) => Some(*whole),
        Value::Bool(yes) => Some((*yes).into()),
        _ => None,
    }
}

pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        #[allow(clippy::cast_precision_loss)]
        other => whole(other).map(|whole| whole as f64),
    }
}
