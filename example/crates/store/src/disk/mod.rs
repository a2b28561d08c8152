//! The one module that writes to the local file system.
//!
//! Content is written to a temporary file in the folder it is meant for (`.{token}.tmp`, as DVC names
//! it), flushed, and renamed; then the folder is flushed. So a reader sees the old file or the new one, and
//! what a function here has returned from survives a power cut. [`Batch`] gives the same for many small
//! files at the cost of a few flushes in all.
//!
//! Every step passes a [`crate::crash::point`] before and after it.

mod batch;
mod direct;
mod link;
mod staged;
mod step;
mod temp;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

pub use batch::{Batch, Existing};
pub use link::{Link, copy, hard_link, link, link_first, reflink, symlink};
pub use staged::{Partial, Staged};
pub use temp::{is_temp, sweep_temps};

use crate::{Created, StoreError, StoreResult};
use step::{parent, step};

// ANCHOR: write_whole
/// Writes a whole file, new or in place of an old one, whose mode it keeps.
///
/// The folder must exist. A symbolic link at `path` is replaced, not followed.
///
/// # Errors
/// As [`StoreError::io`] names them; the old file is then as it was.
pub fn write_whole(path: &Path, bytes: &[u8]) -> StoreResult<()> {
    let mut staged = Staged::beside(path)?;
    if let Some(mode) = mode_of_file(path) {
        staged.set_mode(mode)?;
    }
    staged.write_bytes(bytes)?;
    staged.finish(path)
}
// ANCHOR_END: write_whole

/// Writes a file that must not exist yet: of many who try at once exactly one gets [`Created::Yes`].
///
/// # Errors
/// As [`StoreError::io`] names them; there is then no file, or someone else's.
pub fn create_new(path: &Path, bytes: &[u8]) -> StoreResult<Created> {
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
/// As [`StoreError::io`] names them; across devices it is [`StoreError::Unsupported`].
pub fn rename(from: &Path, to: &Path) -> StoreResult<()> {
    step::rename(from, to)?;
    let (source, target) = (parent(from), parent(to));
    sync_folder(target)?;
    if source != target {
        sync_folder(source)?;
    }
    Ok(())
}

/// Removes a file or a symbolic link; `false` if there was none.
///
/// Isn't flushed: after a power cut the file may be back, and the same command removes it again.
///
/// # Errors
/// As [`StoreError::io`] names them.
pub fn remove_file(path: &Path) -> StoreResult<bool> {
    absent_is_false(step("remove", path, || fs::remove_file(path)))
}

/// Removes an empty folder; `false` if there was none. Isn't flushed.
///
/// # Errors
/// As [`StoreError::io`] names them; a folder that isn't empty is [`StoreError::InTheWay`].
pub fn remove_dir(path: &Path) -> StoreResult<bool> {
    absent_is_false(step("remove the folder", path, || fs::remove_dir(path)))
}

/// Removes a folder and all in it, without following links out of it; `false` if there was none.
/// Isn't flushed.
///
/// # Errors
/// As [`StoreError::io`] names them; part of the folder may be gone then.
pub fn remove_tree(path: &Path) -> StoreResult<bool> {
    absent_is_false(step("remove the folder", path, || fs::remove_dir_all(path)))
}

/// Creates a folder and those above it, each flushed into the one above.
///
/// # Errors
/// As [`StoreError::io`] names them.
pub fn create_dir_all(path: &Path) -> StoreResult<()> {
    for made in create_dirs(path)? {
        sync_folder(parent(&made))?;
    }
    Ok(())
}

/// Creates missing folders, topmost first, and says which; flushes nothing.
fn create_dirs(path: &Path) -> StoreResult<Vec<PathBuf>> {
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
            Err(StoreError::InTheWay { .. }) if folder.is_dir() => {} // someone else was quicker
            Err(StoreError::InTheWay {
                doing,
                path,
                source,
            }) => {
                return Err(StoreError::WrongKind {
                    doing,
                    path,
                    source,
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
/// As [`StoreError::io`] names them.
pub fn set_mode(path: &Path, mode: u32) -> StoreResult<()> {
    use std::os::unix::fs::PermissionsExt;
    step("set the mode", path, || {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    })
}

/// Flushes a folder: the names created, renamed and removed in it are on the disk afterwards.
///
/// # Errors
/// As [`StoreError::io`] names them.
pub fn sync_folder(folder: &Path) -> StoreResult<()> {
    step("flush the folder", folder, || {
        File::open(folder)?.sync_all()
    })
}

/// Opens or creates a lock file and takes the system's exclusive lock (`flock`) on it; `None` if another
/// process holds it. The lock ends when the file is dropped or the process dies. `holder` becomes the file's
/// content, for people who look who holds it: nothing depends on that, so it isn't flushed, and isn't missed
/// where the disk is full.
///
/// # Errors
/// As [`StoreError::io`] names them.
pub fn try_lock(path: &Path, holder: &str) -> StoreResult<Option<File>> {
    let mut file = step("open the lock", path, || {
        File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
    })?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Ok(None),
        Err(fs::TryLockError::Error(source)) => return Err(StoreError::io("lock", path, source)),
    }
    let named = step("name the holder", path, || {
        file.set_len(0)?;
        file.write_all(holder.as_bytes())
    });
    drop(named);
    Ok(Some(file))
}

fn absent_is_false(done: StoreResult<()>) -> StoreResult<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(StoreError::Missing { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}

fn mode_of_file(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let meta = fs::symlink_metadata(path).ok()?;
    meta.is_file().then(|| meta.permissions().mode() & 0o7777)
}
