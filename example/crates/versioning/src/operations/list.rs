//! What is tracked.

use std::path::PathBuf;

use serde::Serialize;

use crate::{Repository, VersioningError};
use mlops_repository::Tracked;

/// A tracked path, or a file of a tracked folder, in the shape of `dvc list --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Whether a file or stage names it.
    pub isout: bool,
    /// Whether it is a folder.
    pub isdir: bool,
    /// Whether it may be executed.
    pub isexec: bool,
    /// Bytes, where known.
    pub size: Option<u64>,
    /// Its hash, if it was saved.
    pub md5: Option<String>,
    /// Where, absolute.
    pub path: PathBuf,
}

/// Lists tracked paths; with `recursive` the files of folders instead of the folders, but for folders whose manifest
/// isn't in the cache.
///
/// # Errors
/// If a part of such a folder is asked for, or a manifest is corrupt.
pub fn list(
    repository: &Repository,
    tracked: &[Tracked],
    recursive: bool,
) -> Result<Vec<Listed>, VersioningError> {
    let mut listed = Vec::new();
    for pin in tracked {
        let out = &pin.out;
        let whole = Listed {
            isout: true,
            isdir: out.is_dir(),
            isexec: out.is_exec,
            size: out.size,
            md5: out.id.map(|id| id.to_string()),
            path: out.full.clone(),
        };
        let id = out
            .id
            .filter(|id| id.dir && (recursive || pin.part.is_some()));
        let Some(id) = id else {
            listed.push(whole);
            continue;
        };
        let part = pin.part.as_deref().unwrap_or_default();
        let manifest = match repository.cache().manifest(&id) {
            Err(VersioningError::Missing { .. }) if pin.part.is_none() => {
                listed.push(whole);
                continue;
            }
            manifest => manifest?,
        };
        for entry in manifest.entries() {
            let rest = entry.path.strip_prefix(part);
            if part.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            {
                let object = mlops_repository::ObjectId::file(id.kind, entry.checksum);
                let size = std::fs::metadata(repository.cache().path(&object)).ok();
                listed.push(Listed {
                    isout: false,
                    isdir: false,
                    isexec: false,
                    size: size.map(|metadata| metadata.len()),
                    md5: Some(entry.checksum.to_string()),
                    path: out.full.join(&entry.path),
                });
            }
        }
    }
    listed.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(listed)
}
