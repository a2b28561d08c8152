//! Which paths were put under our care, so that a checkout can take away what is no longer pinned.

use std::collections::BTreeSet;
use std::path::PathBuf;

use mlops_disk as disk;

use crate::{Repository, VersioningError};

fn file(repository: &Repository) -> PathBuf {
    repository.state_folder().join("outs.json")
}

/// The paths, seen from the repository; an unreadable list is an empty one.
pub(super) fn read(repository: &Repository) -> BTreeSet<String> {
    std::fs::read(file(repository))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// Adds paths and takes others away.
pub(super) fn change(
    repository: &Repository,
    added: impl IntoIterator<Item = String>,
    removed: &[String],
) -> Result<(), VersioningError> {
    let before = read(repository);
    let mut after = before.clone();
    after.extend(added);
    for path in removed {
        after.remove(path);
    }
    if after == before {
        return Ok(());
    }
    let path = file(repository);
    let text = serde_json::to_vec(&after)
        .map_err(|error| VersioningError::file(&path, None, error.to_string()))?;
    disk::create_dir_all(&repository.state_folder())?;
    Ok(disk::write_unflushed(&path, &text)?)
}
