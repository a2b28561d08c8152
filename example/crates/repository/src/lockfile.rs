//! `dvc.lock`: what each stage was last made from, and what it made.

mod stage;

use std::collections::HashMap;
use std::path::Path;

use crate::yaml::{self, Map, Node, Value};
use mlops_disk as disk;

use crate::error::{RepositoryError, Result};
use crate::source::Source;

pub use stage::{LockedPath, LockedStage};

/// The version of the format that is read and written.
const SCHEMA: &str = "2.0";

/// A `dvc.lock`.
#[derive(Debug, Clone, Default)]
pub struct Lock {
    /// The file, from the repository's root.
    pub file: String,
    /// What the file said when it was read or written last.
    seen: Option<String>,
    document: Map,
    /// Where each stage stands among the document's stages.
    places: HashMap<String, usize>,
    stages: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    node: Node,
    /// Where it belongs among those that are new; 0 for what was read.
    rank: usize,
}

impl Lock {
    /// The lock beside a file of stages; an empty one if there is none.
    ///
    /// # Errors
    /// If it can't be read, isn't YAML or has another schema.
    pub fn read(source: &Source, file: &str) -> Result<Self> {
        match source.text(file)? {
            Some(text) => {
                // What an old commit has is read, what is written now is not.
                let is_old = matches!(source, Source::Revision(_));
                let lock = Self::parse_schema(file, &text, is_old)?;
                Ok(Self {
                    seen: Some(text),
                    ..lock
                })
            }
            None => Ok(Self {
                file: file.to_owned(),
                ..Self::default()
            }),
        }
    }

    /// Reads the file again if somebody else has written it since.
    ///
    /// # Errors
    /// As [`Lock::read`].
    pub fn refresh(&mut self, source: &Source) -> Result<()> {
        if source.text(&self.file)? != self.seen {
            *self = Self::read(source, &self.file)?;
        }
        Ok(())
    }

    /// Reads the text of a lock.
    ///
    /// # Errors
    /// If it isn't YAML or has another schema.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        Self::parse_schema(file, text, false)
    }

    /// The same, with `is_old` also of a lock of DVC 1, which is a map of stages and no more.
    fn parse_schema(file: &str, text: &str, is_old: bool) -> Result<Self> {
        let fault =
            |line: usize, key: &str, message: String| RepositoryError::at(file, line, key, message);
        let node = yaml::read(text).map_err(|error| fault(error.line, "", error.message))?;
        let mut document = match node.value {
            Value::Map(map) => map,
            Value::Null => Map::new(),
            other => {
                return Err(fault(
                    node.line,
                    "",
                    format!("a map is expected, not {}", other.kind()),
                ));
            }
        };
        if is_old && !document.is_empty() && document.get("schema").is_none() {
            let stages = std::mem::take(&mut document);
            document.insert("schema", SCHEMA);
            document.insert("stages", stages);
        }
        let schema = document.get("schema");
        if !document.is_empty() && schema.and_then(|node| node.value.as_text()) != Some(SCHEMA) {
            let line = schema.map_or(1, |node| node.line);
            let message = match schema {
                Some(_) => format!("'{SCHEMA}' is expected"),
                None => format!(
                    "'{SCHEMA}' is expected, and there is none: DVC 1 wrote this lock. Remove it and run `repro`, \
                     or `commit -f` if what lies there is right"
                ),
            };
            return Err(fault(line, "schema", message));
        }
        let mut lock = Self {
            file: file.to_owned(),
            ..Self::default()
        };
        if let Some(node) = document.get_mut("stages") {
            let stages = std::mem::replace(&mut node.value, Value::Null);
            let Value::Map(stages) = stages else {
                return Err(fault(
                    node.line,
                    "stages",
                    format!("a map is expected, not {}", stages.kind()),
                ));
            };
            for entry in stages {
                let Value::Text(name) = entry.key else {
                    return Err(fault(entry.line, "stages", "a name is expected".into()));
                };
                lock.places.insert(name.clone(), lock.stages.len());
                lock.stages.push(Entry {
                    name,
                    node: entry.node,
                    rank: 0,
                });
            }
        }
        lock.document = document;
        Ok(lock)
    }

    /// What is known of a stage.
    ///
    /// # Errors
    /// As [`LockedStage::read`].
    pub fn stage(&self, name: &str) -> Result<Option<LockedStage>> {
        self.places
            .get(name)
            .map(|&at| LockedStage::read(&self.file, name, &self.stages[at].node))
            .transpose()
    }

    /// Names of the stages in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.stages.iter().map(|entry| entry.name.as_str())
    }

    /// Notes what a stage was made from: in its place, or after all that were read and those new
    /// ones of lower rank. So the order doesn't depend on which stage ends first.
    pub fn set(&mut self, name: &str, stage: &LockedStage, rank: usize) {
        let node: Node = stage.to_map().into();
        if let Some(&at) = self.places.get(name) {
            self.stages[at].node = node;
            return;
        }
        let entry = Entry {
            name: name.to_owned(),
            node,
            rank: rank + 1,
        };
        let at = self.stages.partition_point(|had| had.rank <= entry.rank);
        self.stages.insert(at, entry);
        for (place, entry) in self.stages.iter().enumerate().skip(at) {
            self.places.insert(entry.name.clone(), place);
        }
    }

    /// The text, as DVC writes it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut document = self.document.clone();
        if document.is_empty() {
            document.insert("schema", SCHEMA);
        }
        let stages: Map = {
            let mut map = Map::new();
            for entry in &self.stages {
                map.push(Value::Text(entry.name.clone()), 0, entry.node.clone());
            }
            map
        };
        document.insert("stages", stages);
        yaml::write(&Value::Map(document))
    }

    /// Writes the lock: whole or not at all.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn write(&mut self, root: &Path) -> Result<()> {
        let text = self.to_text();
        disk::write_whole(&root.join(&self.file), text.as_bytes())?;
        self.seen = Some(text);
        Ok(())
    }
}

/// The lock beside a file of stages.
#[must_use]
pub fn lock_path(file: &str) -> String {
    let stem = file
        .strip_suffix(".yaml")
        .or_else(|| file.strip_suffix(".yml"))
        .unwrap_or(file);
    format!("{stem}.lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by DVC 3.67.1.
    const TEXT: &str = "\
schema: '2.0'
stages:
  train@1e-05:
    cmd:
    - echo a
    - echo b
    deps:
    - path: data
      hash: md5
      md5: 5ea40360f5b4ec688df672a4db9c17d1.dir
      size: 6
      nfiles: 2
    - path: run.sh
      hash: md5
      md5: acbd18db4cc2f85cedef654fccc4a4d8
      size: 3
      isexec: true
    params:
      params.yaml:
        lr: 1e-05
        net:
          wide: [] 
      a.toml:
        x: '1'
    outs:
    - path: model
      hash: md5
      md5: acbd18db4cc2f85cedef654fccc4a4d8
      size: 3
";

    #[test]
    fn what_is_read_is_written_as_it_was() {
        let text = TEXT.replace("[] ", "[]");
        let mut lock = Lock::parse("dvc.lock", &text).unwrap();
        assert_eq!(lock.to_text(), text);
        let stage = lock.stage("train@1e-05").unwrap().unwrap();
        lock.set("train@1e-05", &stage, 7);
        assert_eq!(lock.to_text(), text, "through its parts");
        lock.set("late", &stage, 3);
        lock.set("early", &stage, 1);
        lock.set("later", &stage, 9);
        assert!(lock.to_text().starts_with(&text));
        let names: Vec<&str> = lock.names().collect();
        assert_eq!(names, ["train@1e-05", "early", "late", "later"]);
        assert_eq!(lock.stage("late").unwrap(), lock.stage("early").unwrap());
    }

    #[test]
    fn entries_are_put_in_the_order_of_dvc() {
        let path = |path: &str| LockedPath {
            path: path.into(),
            id: None,
            size: None,
            nfiles: None,
            is_exec: false,
        };
        let values: Map = [("b", 1_u64), ("a", 2)].into_iter().collect();
        let stage = LockedStage {
            command: "x".into(),
            deps: vec![path("b"), path("B"), path("a")],
            params: vec![
                ("a.json".into(), values.clone()),
                ("params.yaml".into(), values),
            ],
            outs: Vec::new(),
        };
        assert_eq!(
            yaml::write(&Value::Map(stage.to_map())),
            "cmd: x\ndeps:\n- path: B\n- path: a\n- path: b\nparams:\n  params.yaml:\n    a: 2\n    \
             b: 1\n  a.json:\n    a: 2\n    b: 1\n"
        );
    }

    #[test]
    fn a_lock_that_cannot_be_used_is_refused_with_its_line() {
        let fault = |text: &str| match Lock::parse("dvc.lock", text) {
            Err(error) => error.to_string(),
            Ok(lock) => lock.stage("s").unwrap_err().to_string(),
        };
        assert_eq!(
            fault("schema: '3.0'\n"),
            "dvc.lock:1: schema: '2.0' is expected"
        );
        assert!(fault("stages: {}\n").contains("'2.0'"));
        let conflict = "<<<<<<< HEAD\n  a: {cmd: x}\n=======\n  a: {cmd: y}\n>>>>>>> 1d (so: z)\n";
        for before in ["", "schema: '2.0'\n", "schema: '2.0'\nstages:\n"] {
            let text = format!("{before}{conflict}");
            let told = format!("dvc.lock:{}: a merge conflict", before.lines().count() + 1);
            assert!(fault(&text).starts_with(&told), "{text}");
        }
        Lock::parse("dvc.lock", "schema: '2.0'\n<<<<<<< : 1\n").unwrap();
        assert!(
            fault("schema: '2.0'\nstages:\n  s: {outs: []}\n")
                .contains("stages.s: the entry has no cmd")
        );
        let text =
            "schema: '2.0'\nstages:\n  s:\n    cmd: x\n    outs:\n    - path: a\n      md5: zz\n";
        assert_eq!(
            fault(text),
            "dvc.lock:6: stages.s: md5 must be 32 hex digits"
        );
    }

    #[test]
    fn the_lock_lies_beside_its_stages() {
        assert_eq!(lock_path("a/dvc.yaml"), "a/dvc.lock");
    }
}
