//! One step on the file system, between two crash points.

use std::fs;
use std::io;
use std::path::Path;

use crate::{DiskError, DiskErrorKind, DiskResult, crash};

/// Takes a step between two crash points, which it passes also if it fails, and names its failure.
pub(super) fn step<T>(
    doing: &'static str,
    path: &Path,
    act: impl FnOnce() -> io::Result<T>,
) -> DiskResult<T> {
    between_points(doing, act).map_err(|source| DiskError::io(doing, path, source))
}

/// The same for a step whose failure the caller names.
pub(super) fn between_points<T>(doing: &'static str, act: impl FnOnce() -> T) -> T {
    crash::point(doing);
    let done = act();
    crash::point(doing);
    done
}

/// The folder a path stands in; the current one for a bare name.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

pub(super) fn rename(from: &Path, to: &Path) -> DiskResult<()> {
    step("rename", to, || fs::rename(from, to)).map_err(|error| match error.kind {
        // Which of the two is missing isn't said.
        DiskErrorKind::Missing if fs::symlink_metadata(from).is_err() => error.at(from),
        DiskErrorKind::Missing => DiskError {
            kind: DiskErrorKind::NoFolder,
            ..error.at(parent(to))
        },
        _ => error,
    })
}

/// Renames only if nothing is there; `false` if something is.
pub(super) fn rename_new(from: &Path, to: &Path) -> DiskResult<bool> {
    match step("create", to, || rename_exclusive(from, to)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind == DiskErrorKind::InTheWay => Ok(false),
        Err(other) => Err(other),
    }
}

#[cfg(target_os = "linux")]
fn rename_exclusive(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // NFS and some FUSE file systems don't know the flag.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => link_exclusive(from, to),
        other => Ok(other?),
    }
}

#[cfg(not(target_os = "linux"))]
fn rename_exclusive(from: &Path, to: &Path) -> io::Result<()> {
    link_exclusive(from, to)
}

fn link_exclusive(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}
