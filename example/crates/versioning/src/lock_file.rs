//! What a `dvc.lock` says of data; what it says of commands is the pipeline's matter.

use std::path::{Path, PathBuf};

use mlops_disk::{MAX_SMALL, read_small};

use crate::VersioningError;
use mlops_repository::yaml::{self, Map, Node, Value};
use mlops_repository::{HashKind, ObjectId, OutEntry, path};

/// The outputs of a `dvc.lock`.
#[derive(Debug, Clone)]
pub struct LockFile {
    /// Where it lies, absolute.
    pub path: PathBuf,
    /// One for each output of each stage.
    pub outs: Vec<LockedOut>,
}

/// An output of a stage.
#[derive(Debug, Clone)]
pub struct LockedOut {
    /// The stage's name.
    pub stage: String,
    /// The output.
    pub out: OutEntry,
    /// Whether it is known where it lies: a working folder that is interpolated isn't.
    pub is_placed: bool,
}

impl LockFile {
    /// Reads a file of the workspace, with the `dvc.yaml` beside it.
    ///
    /// # Errors
    /// As [`parse`](LockFile::parse), or if the system refuses.
    pub fn read(path: &Path, root: &Path) -> Result<LockFile, VersioningError> {
        let bytes = read_small(path, MAX_SMALL)?;
        let definition = read_small(&path.with_file_name("dvc.yaml"), MAX_SMALL).ok();
        LockFile::parse(bytes, definition, path, root)
    }

    /// Reads the bytes of a file that lies at `path`, and those of the `dvc.yaml` beside it, which says
    /// where outputs lie and which are cached; what is wrong with that one is the pipeline's to tell.
    ///
    /// # Errors
    /// If it isn't YAML, an output has no path or a wrong hash, or leads out of the repository.
    pub fn parse(
        bytes: Vec<u8>,
        definition: Option<Vec<u8>>,
        path: &Path,
        root: &Path,
    ) -> Result<LockFile, VersioningError> {
        let text = String::from_utf8(bytes)
            .map_err(|_| VersioningError::file(path, None, "the file is no UTF-8"))?;
        let node = yaml::read(&text)
            .map_err(|error| VersioningError::file(path, Some(error.line), error.message))?;
        let definition = definition
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| yaml::read(&text).ok());
        let stages = child(&node, "stages").and_then(|stages| stages.value.as_map());
        let mut outs = Vec::new();
        for entry in stages.into_iter().flat_map(Map::iter) {
            let stage = entry.key.as_text().unwrap_or_default();
            let defined = definition.as_ref();
            let reader = Reader {
                path,
                root,
                defined: defined.and_then(|definition| find_stage(definition, stage)),
            };
            for out in items(&entry.node, "outs") {
                if let Some((out, is_placed)) = reader.out(out)? {
                    outs.push(LockedOut {
                        stage: stage.to_string(),
                        out,
                        is_placed,
                    });
                }
            }
        }
        Ok(LockFile {
            path: path.to_path_buf(),
            outs,
        })
    }
}

fn child<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    node.value.as_map()?.get(key)
}

fn items<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    let list = child(node, key).and_then(|list| list.value.as_list());
    list.unwrap_or_default()
}

/// What dvc.yaml says of a stage, or of the template that it was made from.
fn find_stage<'a>(definition: &'a Node, name: &str) -> Option<&'a Node> {
    let stages = child(definition, "stages")?;
    let template = name.split('@').next().unwrap_or(name);
    let stage = child(stages, name).or_else(|| child(stages, template))?;
    Some(child(stage, "do").unwrap_or(stage))
}

struct Reader<'a> {
    path: &'a Path,
    root: &'a Path,
    defined: Option<&'a Node>,
}

impl Reader<'_> {
    fn out(&self, node: &Node) -> Result<Option<(OutEntry, bool)>, VersioningError> {
        let wrong =
            |what: &str| VersioningError::file(self.path, Some(node.line), what.to_string());
        let map = node
            .value
            .as_map()
            .ok_or_else(|| wrong("an output should be a map"))?;
        let text = |key: &str| map.get(key).and_then(|node| node.value.as_text());
        let path = text("path").ok_or_else(|| wrong("an output has no `path`"))?;
        // Outputs elsewhere (s3://…, absolute) are never in our cache.
        if path.contains("://") || Path::new(path).is_absolute() {
            return Ok(None);
        }
        let (full, is_placed) = self.place(path, node.line)?;
        let kind = match text("hash") {
            Some(_) => HashKind::Md5,
            None => HashKind::Md5Dos2Unix,
        };
        let id = match map.get("md5").map(|node| &node.value) {
            None | Some(Value::Null) => None,
            Some(Value::Text(md5)) => Some(
                ObjectId::parse(kind, md5)
                    .ok_or_else(|| wrong("`md5` of an output should be 32 hex digits"))?,
            ),
            Some(Value::Integer(number)) => ObjectId::parse(kind, &format!("{number:032}")),
            Some(_) => return Err(wrong("`md5` of an output should be a text")),
        };
        let number = |key: &str| match map.get(key).map(|node| &node.value) {
            Some(Value::Integer(number)) => u64::try_from(*number).ok(),
            _ => None,
        };
        let flags = self.flags(path);
        let flag = |key: &str| {
            flags
                .and_then(|flags| flags.get(key))
                .map(|node| &node.value)
        };
        let is_on = |key: &str| !matches!(flag(key), Some(Value::Bool(false)));
        let is_exec = map.get("isexec").map(|node| &node.value);
        let entry = OutEntry {
            id,
            kind,
            size: number("size"),
            nfiles: number("nfiles"),
            is_exec: matches!(is_exec, Some(Value::Bool(true))),
            cached: is_on("cache"),
            push: is_on("push"),
            remote: flag("remote").and_then(Value::as_text).map(str::to_string),
            line: node.line,
            ..OutEntry::fresh(path, full)
        };
        Ok(Some((entry, is_placed)))
    }

    /// Where an output lies, seen from its stage's working folder; whether that is known.
    fn place(&self, out: &str, line: usize) -> Result<(PathBuf, bool), VersioningError> {
        let lies = self.path.parent().unwrap_or(self.root);
        let wdir = self
            .defined
            .and_then(|stage| child(stage, "wdir")?.value.as_text());
        let wdir = wdir.unwrap_or(".");
        if wdir.contains("${") {
            return Ok((path::normal(&lies.join(out)), false));
        }
        let folder = path::normal(&lies.join(wdir));
        let full = path::resolve(self.root, &folder, out, self.path, Some(line))?;
        if self.path.starts_with(&full) {
            let message = format!("the output {out:?} holds this file itself: run `repro` again");
            return Err(VersioningError::file(self.path, Some(line), message));
        }
        Ok((full, true))
    }

    /// What dvc.yaml says of an output beside its path.
    fn flags(&self, path: &str) -> Option<&Map> {
        let stage = self.defined?;
        let mut lists = ["outs", "metrics", "plots"].into_iter();
        lists.find_map(|list| {
            let mut outs = items(stage, list).iter();
            outs.find_map(|item| child(item, path)?.value.as_map())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "\
schema: '2.0'
stages:
  train:
    cmd: x
    deps:
    - path: data
      md5: 5ea40360f5b4ec688df672a4db9c17d1.dir
    outs:
    - path: model
      hash: md5
      md5: acbd18db4cc2f85cedef654fccc4a4d8
      size: 3
    - path: s3://bucket/x
      etag: x
";

    fn parse(text: &str, definition: Option<&str>) -> Result<LockFile, VersioningError> {
        let definition = definition.map(|text| text.as_bytes().to_vec());
        LockFile::parse(
            text.into(),
            definition,
            Path::new("/r/a/dvc.lock"),
            Path::new("/r"),
        )
    }

    #[test]
    fn the_outputs_of_all_stages_are_read() {
        let lock = parse(LOCK, None).unwrap();
        assert_eq!(lock.outs.len(), 1);
        let found = &lock.outs[0];
        assert_eq!((found.stage.as_str(), found.out.size), ("train", Some(3)));
        assert_eq!(found.out.full, Path::new("/r/a/model"));
        assert!(found.is_placed && found.out.cached && found.out.push);
    }

    #[test]
    fn where_outputs_lie_and_whether_they_are_cached_stands_in_dvc_yaml() {
        let definition = "stages:\n  train:\n    wdir: ../b\n    cmd: x\n    metrics:\n    - model: {cache: false, push: false, remote: eu}\n";
        let lock = parse(LOCK, Some(definition)).unwrap();
        let out = &lock.outs[0].out;
        assert_eq!(out.full, Path::new("/r/b/model"));
        assert_eq!(
            (out.cached, out.push, out.remote.as_deref()),
            (false, false, Some("eu"))
        );
        let each =
            "stages:\n  train:\n    foreach: [1]\n    do:\n      wdir: ${item}\n      cmd: x\n";
        let lock = parse(&LOCK.replace("train:", "train@1:"), Some(each)).unwrap();
        assert!(!lock.outs[0].is_placed);
        parse(LOCK, Some("stages:\n  train:\n    wdir: ../..\n")).unwrap_err();
    }

    #[test]
    fn an_unsound_lock_is_refused_with_its_line() {
        let error = parse(&LOCK.replace("acbd18db", "../.."), None)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("/r/a/dvc.lock:9: "), "{error}");
        parse(&LOCK.replace("path: model", "path: .git/hooks/x"), None).unwrap_err();
        parse(&LOCK.replace("path: model", "path: ../../x"), None).unwrap_err();
        parse(&LOCK.replace("stages:", "stages: ["), None).unwrap_err();
    }
}
