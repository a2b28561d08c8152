//! The entry of one stage.

use crate::dvc_file::Saved;
use crate::hash::{HashKind, ObjectId};
use crate::yaml::{Map, Node, Value};

use crate::error::{RepositoryError, Result};
use crate::params::DEFAULT_FILE;

/// What a stage was last made from, and what it made.
#[derive(Debug, Clone, PartialEq)]
pub struct LockedStage {
    /// Its command, a text or a list.
    pub command: Value,
    /// What it read.
    pub deps: Vec<LockedPath>,
    /// The parameters it read: file and values.
    pub params: Vec<(String, Map)>,
    /// What it made.
    pub outs: Vec<LockedPath>,
}

/// A path with its content at that time.
#[derive(Debug, Clone, PartialEq)]
pub struct LockedPath {
    /// As it stands in `dvc.yaml`.
    pub path: String,
    /// The content; none if the lock names a hash that only DVC knows.
    pub id: Option<ObjectId>,
    /// Bytes, of all files together.
    pub size: Option<u64>,
    /// Number of files of a folder.
    pub nfiles: Option<u64>,
    /// Whether the file may be executed.
    pub is_exec: bool,
}

impl LockedPath {
    /// A path with what was found there.
    #[must_use]
    pub fn of(path: &str, saved: &Saved) -> Self {
        Self {
            path: path.to_owned(),
            id: Some(saved.id),
            size: saved.size,
            nfiles: saved.nfiles,
            is_exec: saved.is_exec,
        }
    }

    fn to_map(&self) -> Map {
        let mut map = Map::new();
        map.insert("path", self.path.as_str());
        if let Some(id) = self.id {
            if id.kind == HashKind::Md5 {
                map.insert("hash", "md5");
            }
            map.insert("md5", id.to_string());
        }
        if let Some(size) = self.size {
            map.insert("size", size);
        }
        if let Some(nfiles) = self.nfiles {
            map.insert("nfiles", nfiles);
        }
        if self.is_exec {
            map.insert("isexec", true);
        }
        map
    }
}

impl LockedStage {
    /// As it stands in the lock: paths in order, `params.yaml` before other files, keys in order.
    #[must_use]
    pub fn to_map(&self) -> Map {
        let mut map = Map::new();
        map.insert("cmd", Node::from(self.command.clone()));
        if !self.deps.is_empty() {
            map.insert("deps", sorted(&self.deps));
        }
        if !self.params.is_empty() {
            let mut files: Vec<&(String, Map)> = self.params.iter().collect();
            files.sort_by(|(a, _), (b, _)| (a != DEFAULT_FILE, a).cmp(&(b != DEFAULT_FILE, b)));
            let params: Map = files
                .into_iter()
                .map(|(file, values)| {
                    let mut values = values.clone();
                    values.sort_keys();
                    (file.clone(), values)
                })
                .collect();
            map.insert("params", params);
        }
        if !self.outs.is_empty() {
            map.insert("outs", sorted(&self.outs));
        }
        map
    }

    /// Reads the entry of a stage.
    ///
    /// # Errors
    /// If a key is missing or of the wrong kind, with its line.
    pub fn read(file: &str, name: &str, node: &Node) -> Result<Self> {
        let key = format!("stages.{name}");
        let fault = |line: usize, message: &str| RepositoryError::at(file, line, &key, message);
        let map = node
            .value
            .as_map()
            .ok_or_else(|| fault(node.line, "a map is expected"))?;
        let command = map
            .get("cmd")
            .filter(|cmd| matches!(cmd.value, Value::Text(_) | Value::List(_)))
            .ok_or_else(|| fault(node.line, "the entry has no cmd"))?;
        let paths = |key: &str| -> Result<Vec<LockedPath>> {
            let Some(node) = map.get(key) else {
                return Ok(Vec::new());
            };
            let items = node
                .value
                .as_list()
                .ok_or_else(|| fault(node.line, "a list of paths is expected"))?;
            items.iter().map(|item| read_path(item, &fault)).collect()
        };
        let mut params = Vec::new();
        if let Some(node) = map.get("params") {
            let files = node
                .value
                .as_map()
                .ok_or_else(|| fault(node.line, "a map of files is expected"))?;
            for entry in files {
                match (&entry.key, &entry.node.value) {
                    (Value::Text(file), Value::Map(values)) => {
                        params.push((file.clone(), values.clone()));
                    }
                    _ => return Err(fault(entry.line, "a map of parameters is expected")),
                }
            }
        }
        Ok(Self {
            command: command.value.clone(),
            deps: paths("deps")?,
            params,
            outs: paths("outs")?,
        })
    }

    /// What is known of a dependency.
    #[must_use]
    pub fn dep(&self, path: &str) -> Option<&LockedPath> {
        self.deps.iter().find(|dep| dep.path == path)
    }

    /// What is known of an output.
    #[must_use]
    pub fn out(&self, path: &str) -> Option<&LockedPath> {
        self.outs.iter().find(|out| out.path == path)
    }
}

fn sorted(paths: &[LockedPath]) -> Node {
    let mut paths: Vec<&LockedPath> = paths.iter().collect();
    paths.sort_by(|a, b| a.path.cmp(&b.path));
    Value::List(paths.into_iter().map(|path| path.to_map().into()).collect()).into()
}

fn read_path(item: &Node, fault: &impl Fn(usize, &str) -> RepositoryError) -> Result<LockedPath> {
    let map = item
        .value
        .as_map()
        .ok_or_else(|| fault(item.line, "a path with its hash is expected"))?;
    let text = |key: &str| map.get(key).and_then(|node| node.value.as_text());
    let path = text("path").ok_or_else(|| fault(item.line, "the entry has no path"))?;
    let kind = if text("hash").is_some() {
        HashKind::Md5
    } else {
        HashKind::Md5Dos2Unix
    };
    let md5 = map.get("md5").map_or(&Value::Null, |node| &node.value);
    let id =
        ObjectId::read(kind, md5).map_err(|_| fault(item.line, "md5 must be 32 hex digits"))?;
    let number = |key: &str| match map.get(key).map(|node| &node.value) {
        Some(Value::Integer(number)) => u64::try_from(*number).ok(),
        _ => None,
    };
    Ok(LockedPath {
        path: path.to_owned(),
        id,
        size: number("size"),
        nfiles: number("nfiles"),
        is_exec: matches!(
            map.get("isexec").map(|node| &node.value),
            Some(Value::Bool(true))
        ),
    })
}
