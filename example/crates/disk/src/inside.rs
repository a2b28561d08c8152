//! Whether a path lies in a project: what a cloned project names in its files must not lead out of it.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::{DiskError, DiskErrorKind, DiskResult};

/// The place that `path`, seen from `root`, names, if it lies in `root` with every symbolic link on the way
/// resolved. What doesn't exist yet is taken as it is written. A link at the very end isn't followed, since no
/// write here follows it.
///
/// Paths that the user gives on the command line need not pass here; those that stand in files of the project do.
///
/// # Errors
/// [`DiskErrorKind::Outside`] if it leads out, by `..`, by an absolute path or by a link; otherwise as
/// [`DiskError::io`] names them.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let root = folder.path();
/// assert!(mlops_disk::inside(root, "metrics/scores.json".as_ref()).is_ok());
/// assert!(mlops_disk::inside(root, "../scores.json".as_ref()).is_err());
/// ```
pub fn inside(root: &Path, path: &Path) -> DiskResult<PathBuf> {
    let named = |source| DiskError::io("find", root, source);
    let root = root.canonicalize().map_err(named)?;
    let outside = || {
        let source = io::Error::other("outside of the project");
        DiskError::of(DiskErrorKind::Outside, "write", path, source)
    };
    let written = normal(&root.join(path)).ok_or_else(outside)?;
    let (Some(folder), Some(name)) = (written.parent(), written.file_name()) else {
        return Err(outside());
    };
    let place = resolve(folder)?.join(name);
    if place.starts_with(&root) && place != root {
        Ok(place)
    } else {
        Err(outside())
    }
}

/// The path without `.` and `..`; `None` if it begins above the file system's root.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !normal.pop() {
                    return None;
                }
            }
            other => normal.push(other),
        }
    }
    Some(normal)
}

/// Resolves the part of a path that exists; a link that leads nowhere can't be resolved and is refused.
fn resolve(folder: &Path) -> DiskResult<PathBuf> {
    let mut existing = folder;
    let mut missing = Vec::new();
    while std::fs::symlink_metadata(existing).is_err() {
        match (existing.parent(), existing.file_name()) {
            (Some(above), Some(name)) => {
                missing.push(name);
                existing = above;
            }
            _ => break,
        }
    }
    let mut place = existing
        .canonicalize()
        .map_err(|source| DiskError::io("find", existing, source))?;
    place.extend(missing.into_iter().rev());
    Ok(place)
}
