//! The values that references can name, and which file each came from.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::yaml::{Map, Node, Value};

use crate::error::{RepositoryError, Result};
use crate::params;
use crate::source::Source;

/// What stages took from files: file, path in it, value.
pub(crate) type Used = BTreeMap<String, BTreeMap<String, Node>>;

/// What all values and texts of a file of stages may unfold to, in bytes; a file of a few lines could fill the memory.
const MOST: usize = 64 << 20;
/// What a value costs beside its text.
const VALUE: usize = 16;

/// What names stand for in a file of stages: `params.yaml` and `vars`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables {
    values: Map,
    /// Which file a top-level name came from; none for those of inline maps.
    sources: HashMap<String, String>,
    /// Files that were read, with the keys they were read for.
    loaded: HashMap<String, Option<Vec<String>>>,
    /// What the file has unfolded to so far; clones count on.
    spent: Rc<Cell<usize>>,
}

/// A file of stages while its variables are read.
pub(crate) struct Loading<'a> {
    /// Where files are read from.
    pub source: &'a Source,
    /// The file of stages, for errors.
    pub file: &'a str,
    /// The key in it, for errors.
    pub key: &'a str,
    /// The folder that names of files start from.
    pub folder: &'a str,
}

impl Variables {
    /// Counts what a text unfolds to; an error once the file has unfolded to too much.
    pub fn spend_text(&self, text: &str) -> Result<(), String> {
        self.spend(VALUE + text.len())
    }

    /// Counts a value that is put in as a whole.
    pub fn spend_value(&self, value: &Value) -> Result<(), String> {
        self.spend(weight(value))
    }

    /// A copy for one stage to add its own to.
    pub fn copy(&self) -> Result<Variables, String> {
        let all = self.values.iter().map(|entry| weight(&entry.node.value));
        self.spend(all.sum())?;
        Ok(self.clone())
    }

    fn spend(&self, bytes: usize) -> Result<(), String> {
        let spent = self.spent.get().saturating_add(bytes);
        self.spent.set(spent);
        if spent > MOST {
            let most = MOST >> 20;
            return Err(format!(
                "up to here the stages of this file unfold to more than {most} MiB: make fewer of them, or divide the file"
            ));
        }
        Ok(())
    }

    pub fn get(&self, name: &str) -> Option<&Node> {
        self.values.get(name)
    }

    pub fn source(&self, name: &str) -> Option<&str> {
        self.sources.get(name).map(String::as_str)
    }

    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.values
            .iter()
            .filter_map(|entry| entry.key.as_text().map(str::to_owned))
    }

    /// Adds `params.yaml` of a folder, if it is there.
    pub fn load_default(&mut self, loading: &Loading<'_>) -> Result<()> {
        let path = crate::posix_path::join(loading.folder, params::DEFAULT_FILE);
        if loading.source.exists(&path) {
            self.load_file(loading, params::DEFAULT_FILE, 1)?;
        }
        Ok(())
    }

    /// Adds the items of a `vars` list.
    pub fn load(&mut self, loading: &Loading<'_>, items: &[Node]) -> Result<()> {
        for item in items {
            match &item.value {
                Value::Text(name) => self.load_file(loading, name, item.line)?,
                Value::Map(map) => self.merge(loading, item.line, map, None)?,
                other => {
                    return Err(loading.fault(
                        item.line,
                        format!("a file or a map is expected, not {}", other.kind()),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Adds a file, `name` or `name:key,key`.
    fn load_file(&mut self, loading: &Loading<'_>, name: &str, line: usize) -> Result<()> {
        let (name, keys) = match name.split_once(':') {
            Some((name, keys)) => (name, Some(keys)),
            None => (name, None),
        };
        let keys: Option<Vec<String>> = keys
            .map(|keys| {
                keys.split(',')
                    .filter(|key| !key.is_empty())
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .filter(|keys| !keys.is_empty());
        let path = crate::posix_path::join(loading.folder, name);
        match (self.loaded.get(&path), &keys) {
            (Some(None), None) => return Ok(()),
            (Some(None), Some(_)) | (Some(Some(_)), None) => {
                return Err(loading.fault(
                    line,
                    format!("{path} is read twice, once whole and once in part: leave one out"),
                ));
            }
            (Some(Some(had)), Some(keys)) if keys.iter().any(|key| had.contains(key)) => {
                return Err(loading.fault(line, format!("{path} is read twice for the same key")));
            }
            _ => {}
        }
        let read = params::read_file(loading.source, &path).map_err(|error| match error {
            // A folder, say: what has to change is the line that names it.
            RepositoryError::Disk(error) => loading.fault(line, error.to_string()),
            other => other,
        });
        let Some(node) = read? else {
            return Err(loading.fault(line, format!("{path} does not exist")));
        };
        let Value::Map(map) = node.value else {
            return Err(RepositoryError::at(
                &path,
                1,
                "",
                "a map of names to values is expected",
            ));
        };
        let map = match &keys {
            None => map,
            Some(keys) => {
                let mut part = Map::new();
                for key in keys {
                    let Some(node) = map.get(key) else {
                        return Err(loading.fault(line, format!("{path} has no key {key:?}")));
                    };
                    part.insert(key.clone(), node.clone());
                }
                part
            }
        };
        params::refuse_dates(&path, &map)?;
        self.merge(loading, line, &map, Some(&path))?;
        self.loaded
            .entry(path)
            .and_modify(|had| {
                if let (Some(had), Some(keys)) = (had.as_mut(), &keys) {
                    had.extend(keys.iter().cloned());
                }
            })
            .or_insert(keys);
        Ok(())
    }

    fn merge(
        &mut self,
        loading: &Loading<'_>,
        line: usize,
        map: &Map,
        from: Option<&str>,
    ) -> Result<()> {
        let clash = merge(&mut self.values, map, "");
        if let Some(key) = clash {
            let had = self
                .source(key.split('.').next().unwrap_or(&key))
                .unwrap_or("vars");
            return Err(loading.fault(
                line,
                format!(
                    "{key:?} of {} is already set by {had}: rename one",
                    from.unwrap_or("this map")
                ),
            ));
        }
        if let Some(from) = from {
            for entry in map {
                if let Some(key) = entry.key.as_text() {
                    self.sources.insert(key.to_owned(), from.to_owned());
                }
            }
        }
        Ok(())
    }
}

impl Loading<'_> {
    fn fault(&self, line: usize, message: String) -> RepositoryError {
        RepositoryError::at(self.file, line, self.key, message)
    }
}

fn weight(value: &Value) -> usize {
    VALUE
        + match value {
            Value::Text(text) | Value::Timestamp(text) => text.len(),
            Value::List(items) => items.iter().map(|item| weight(&item.value)).sum(),
            Value::Map(map) => map
                .iter()
                .map(|entry| weight(&entry.key) + weight(&entry.node.value))
                .sum(),
            _ => 0,
        }
}

/// Adds keys, into maps of the same name too; says which key was there already.
fn merge(into: &mut Map, from: &Map, above: &str) -> Option<String> {
    for entry in from {
        // Only text can be named in a reference.
        let Some(key) = entry.key.as_text() else {
            continue;
        };
        let path = format!("{above}{key}");
        match (
            into.get_mut(key).map(|had| &mut had.value),
            &entry.node.value,
        ) {
            (None, _) => into.push(entry.key.clone(), entry.line, entry.node.clone()),
            (Some(Value::Map(had)), Value::Map(more)) => {
                if let Some(clash) = merge(had, more, &format!("{path}.")) {
                    return Some(clash);
                }
            }
            (Some(_), _) => return Some(path),
        }
    }
    None
}
