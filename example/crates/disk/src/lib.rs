//! The one writer of files. Content is written to a temporary file in the folder it is meant for (`.{token}.tmp`,
//! as DVC names it), fsynced and renamed; then the folder is fsynced. So a reader sees the old file or the new
//! one, and what a function here has returned from survives a power cut.
//!
//! - [`write_whole`], [`create_new`], [`Staged`]: one file, whole or not at all. [`Batch`] gives the same for many small
//!   files at the cost of a few flushes in all.
//! - [`write_unflushed`], [`Staged::finish_unflushed`], [`rename_unflushed`]: whole for other processes, but not made durable;
//!   for what can be made again (tables of known hashes, locks that end with their process).
//! - [`open_append`], [`open_read_write`]: files that stay open (a log, a database). No symbolic link is followed.
//! - [`inside`]: whether a path that a cloned project names lies in that project, links resolved.
//! - [`read_small`]: a file of somebody else's, up to a size, and never a device.
//! - [`same_file`], [`is_at`]: whether two names, or an open file and a name, are one file.
//! - [`try_lock`]: of two processes one has the lock. [`crash`]: where a test may kill the process.
//!
//! A clippy lint (`disallowed-methods`) forbids other ways to write in the rest of the workspace.
//!
//! ```
//! # fn main() -> Result<(), mlops_disk::DiskError> {
//! # let scratch = tempfile::tempdir().unwrap();
//! # let folder = scratch.path();
//! use std::io::Write as _;
//!
//! // A small file, in one call.
//! mlops_disk::write_whole(&folder.join("score.json"), b"{}")?;
//!
//! // A large one, part by part. Dropped before `finish`, it leaves nothing behind.
//! let table = folder.join("table.csv");
//! let mut staged = mlops_disk::Staged::beside(&table)?;
//! writeln!(staged, "Date,Rain").unwrap();
//! staged.finish(&table)?;
//! # Ok(())
//! # }
//! ```

// The one crate that may: clippy.toml forbids these methods to the others.
#![allow(clippy::disallowed_methods)]

mod batch;
pub mod crash;
mod direct;
mod error;
mod in_place;
mod inside;
mod link;
mod printable;
mod read;
mod redact;
mod same;
mod staged;
mod step;
mod temp;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

pub use batch::{Batch, Existing};
pub use error::{DiskError, DiskErrorKind, DiskResult};
pub use in_place::{open_append, open_read_write, try_lock};
pub use inside::inside;
pub use link::{Link, copy, hard_link, link, link_first, reflink, symlink};
pub use printable::{printable, printable_lines};
pub use read::{MAX_SMALL, read_small, read_small_text};
pub use redact::redact;
pub use same::{is_at, same_file};
pub use staged::{Partial, Staged};
pub use temp::{is_temp, sweep_temps, sweep_temps_in};

use step::{parent, step};

/// Whether [`create_new`] created a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum Created {
    /// It did.
    Yes,
    /// There was one already; it is as it was.
    Exists,
}

// ANCHOR: write_whole
/// Writes a whole file, new or in place of an old one, whose mode it keeps.
///
/// The folder must exist. A symbolic link at `path` is replaced, not followed.
///
/// # Errors
/// As [`DiskError::io`] names them; the old file is then as it was.
pub fn write_whole(path: &Path, bytes: &[u8]) -> DiskResult<()> {
    let mut staged = Staged::beside(path)?;
    if let Some(mode) = mode_of_file(path) {
        staged.set_mode(mode)?;
    }
    staged.write_bytes(bytes)?;
    staged.finish(path)
}
// ANCHOR_END: write_whole

/// Writes a whole file as [`write_whole`] does, without a flush: other processes see the old content or the new one, but
/// after a power cut it may be either, or empty. For what can be made again; whoever reads it must bear its loss.
///
/// # Errors
/// As [`DiskError::io`] names them; the old file is then as it was.
pub fn write_unflushed(path: &Path, bytes: &[u8]) -> DiskResult<()> {
    let mut staged = Staged::beside(path)?;
    staged.write_bytes(bytes)?;
    staged.finish_unflushed(path)
}

/// Writes a file that must not exist yet: of many who try at once exactly one gets [`Created::Yes`].
///
/// # Errors
/// As [`DiskError::io`] names them; there is then no file, or someone else's.
pub fn create_new(path: &Path, bytes: &[u8]) -> DiskResult<Created> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(Created::Exists);
    }
    let mut staged = Staged::beside(path)?;
    staged.write_bytes(bytes)?;
    staged.finish_new(path)
}

/// Renames a file or folder, over an existing file, and flushes both folders.
///
/// # Errors
/// As [`DiskError::io`] names them; across devices it is [`DiskErrorKind::Unsupported`].
pub fn rename(from: &Path, to: &Path) -> DiskResult<()> {
    step::rename(from, to)?;
    let (source, target) = (parent(from), parent(to));
    sync_folder(target)?;
    if source != target {
        sync_folder(source)?;
    }
    Ok(())
}

/// Renames as [`rename`] does, without a flush: after a power cut the file or folder may have either name.
///
/// # Errors
/// As [`rename`].
pub fn rename_unflushed(from: &Path, to: &Path) -> DiskResult<()> {
    step::rename(from, to)
}

/// Removes a file or a symbolic link; `false` if there was none.
///
/// Isn't flushed: after a power cut the file may be back, and the same command removes it again.
///
/// # Errors
/// As [`DiskError::io`] names them.
pub fn remove_file(path: &Path) -> DiskResult<bool> {
    absent_is_false(step("remove", path, || fs::remove_file(path)))
}

/// Removes an empty folder; `false` if there was none. Isn't flushed.
///
/// # Errors
/// As [`DiskError::io`] names them; a folder that isn't empty is [`DiskErrorKind::InTheWay`].
pub fn remove_dir(path: &Path) -> DiskResult<bool> {
    absent_is_false(step("remove the folder", path, || fs::remove_dir(path)))
}

/// Removes a folder and all in it, without following links out of it; `false` if there was none.
/// Isn't flushed.
///
/// # Errors
/// As [`DiskError::io`] names them; part of the folder may be gone then.
pub fn remove_tree(path: &Path) -> DiskResult<bool> {
    absent_is_false(step("remove the folder", path, || fs::remove_dir_all(path)))
}

/// Creates a folder and those above it, each flushed into the one above.
///
/// # Errors
/// As [`DiskError::io`] names them.
pub fn create_dir_all(path: &Path) -> DiskResult<()> {
    for made in create_dirs(path)? {
        sync_folder(parent(&made))?;
    }
    Ok(())
}

/// Creates missing folders, topmost first, and says which; flushes nothing.
fn create_dirs(path: &Path) -> DiskResult<Vec<PathBuf>> {
    let mut missing = Vec::new();
    let mut at = path;
    while !at.as_os_str().is_empty() && !at.is_dir() {
        missing.push(at.to_path_buf());
        let Some(above) = at.parent() else { break };
        at = above;
    }
    missing.reverse();
    for folder in &missing {
        let made = step("create the folder", folder, || fs::create_dir(folder));
        match made {
            // Another process was faster.
            Err(error) if error.kind == DiskErrorKind::InTheWay && folder.is_dir() => {}
            Err(error) if error.kind == DiskErrorKind::InTheWay => {
                return Err(DiskError {
                    kind: DiskErrorKind::WrongType,
                    ..error
                });
            }
            other => other?,
        }
    }
    Ok(missing)
}

/// Sets the permission bits of a file or folder (a link's target, as the system does).
///
/// # Errors
/// As [`DiskError::io`] names them.
pub fn set_mode(path: &Path, mode: u32) -> DiskResult<()> {
    use std::os::unix::fs::PermissionsExt;
    step("set the mode", path, || {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    })
}

/// Flushes a folder: the names created, renamed and removed in it are on the disk afterwards.
///
/// # Errors
/// As [`DiskError::io`] names them.
pub fn sync_folder(folder: &Path) -> DiskResult<()> {
    step("flush the folder", folder, || {
        File::open(folder)?.sync_all()
    })
}

fn absent_is_false(done: DiskResult<()>) -> DiskResult<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.is_missing() => Ok(false),
        Err(other) => Err(other),
    }
}

fn mode_of_file(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let meta = fs::symlink_metadata(path).ok()?;
    meta.is_file().then(|| meta.permissions().mode() & 0o7777)
}
