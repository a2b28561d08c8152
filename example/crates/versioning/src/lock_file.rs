//! What a `dvc.lock` says of data; what it says of commands is the pipeline's matter.

use std::path::{Path, PathBuf};

use crate::dvc_file::OutEntry;
use crate::hash::{HashKind, ObjectId};
use crate::yaml::{self, Map, Node, Value};
use crate::{VersioningError, path};

/// The outputs of a `dvc.lock`.
#[derive(Debug, Clone)]
pub struct LockFile {
    /// Where it lies, absolute.
    pub path: PathBuf,
    /// Stage and output.
    pub outs: Vec<(String, OutEntry)>,
}

impl LockFile {
    /// Reads a file of the workspace.
    ///
    /// # Errors
    /// As [`parse`](LockFile::parse), or if the system refuses.
    pub fn read(path: &Path, root: &Path) -> Result<LockFile, VersioningError> {
        let bytes = std::fs::read(path).map_err(VersioningError::io(path))?;
        LockFile::parse(bytes, path, root)
    }

    /// Reads the bytes of a file that lies at `path`.
    ///
    /// # Errors
    /// If it isn't YAML, an output has no path or a wrong hash, or leads out of the repository.
    pub fn parse(bytes: Vec<u8>, path: &Path, root: &Path) -> Result<LockFile, VersioningError> {
        let text = String::from_utf8(bytes)
            .map_err(|_| VersioningError::file(path, None, "the file is no UTF-8"))?;
        let node = yaml::read(&text)
            .map_err(|error| VersioningError::file(path, Some(error.line), error.message))?;
        let stages = node.value.as_map().and_then(|map| map.get("stages"));
        let mut lock = LockFile {
            path: path.to_path_buf(),
            outs: Vec::new(),
        };
        for stage in stages
            .and_then(|stages| stages.value.as_map())
            .into_iter()
            .flat_map(Map::iter)
        {
            let name = stage.key.as_text().unwrap_or_default();
            let outs = stage.node.value.as_map().and_then(|map| map.get("outs"));
            for out in outs
                .and_then(|outs| outs.value.as_list())
                .unwrap_or_default()
            {
                if let Some(out) = read_out(out, path, root)? {
                    lock.outs.push((name.to_string(), out));
                }
            }
        }
        Ok(lock)
    }
}

fn read_out(node: &Node, file: &Path, root: &Path) -> Result<Option<OutEntry>, VersioningError> {
    let wrong = |what: &str| VersioningError::file(file, Some(node.line), what.to_string());
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
    let folder = file.parent().unwrap_or(root);
    let full = match path::resolve(root, folder, path, file, Some(node.line)) {
        Ok(full) => full,
        // A stage's own wdir, which only dvc.yaml knows, may lead deeper than the lock.
        Err(_) if path.starts_with("../") => folder.join("..").join(path),
        Err(error) => return Err(error),
    };
    let kind = if text("hash").is_some() {
        HashKind::Md5
    } else {
        HashKind::Md5Dos2Unix
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
    Ok(Some(OutEntry {
        id,
        kind,
        size: number("size"),
        nfiles: number("nfiles"),
        is_exec: matches!(
            map.get("isexec").map(|node| &node.value),
            Some(Value::Bool(true))
        ),
        line: node.line,
        ..OutEntry::fresh(path, full)
    }))
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

    #[test]
    fn the_outputs_of_all_stages_are_read() {
        let lock =
            LockFile::parse(LOCK.into(), Path::new("/r/a/dvc.lock"), Path::new("/r")).unwrap();
        assert_eq!(lock.outs.len(), 1);
        let (stage, out) = &lock.outs[0];
        assert_eq!((stage.as_str(), out.size), ("train", Some(3)));
        assert_eq!(out.full, Path::new("/r/a/model"));
    }

    #[test]
    fn an_unsound_lock_is_refused_with_its_line() {
        let parse =
            |text: String| LockFile::parse(text.into(), Path::new("/r/dvc.lock"), Path::new("/r"));
        let error = parse(LOCK.replace("acbd18db", "../.."))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("/r/dvc.lock:9: "), "{error}");
        parse(LOCK.replace("path: model", "path: .git/hooks/x")).unwrap_err();
        parse(LOCK.replace("stages:", "stages: [")).unwrap_err();
    }
}
