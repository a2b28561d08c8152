//! Ways to have one content under two names.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::step::{self, parent, step};
use super::temp::{self, Temp};
use super::{Staged, direct, sync_folder};
use crate::{DiskError, DiskErrorKind, DiskResult};

/// How one content comes to stand under a second name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Link {
    /// Shares the blocks until one of the two is written (Btrfs, XFS, APFS).
    Reflink,
    /// A second name of the same file.
    Hard,
    /// A symbolic link to the path as given.
    Symbolic,
    /// A copy of the bytes.
    Copy,
}

/// Makes `to` (in place of what is there, in one step) from `from`, and flushes the folder.
///
/// # Errors
/// [`DiskErrorKind::Unsupported`] if this kind isn't possible between these two places; otherwise as
/// [`DiskError::io`] names them.
pub fn link(kind: Link, from: &Path, to: &Path) -> DiskResult<()> {
    match kind {
        Link::Reflink | Link::Copy => {
            let staged = duplicate(kind, from, to)?;
            staged.finish(to)
        }
        Link::Hard | Link::Symbolic => {
            // Its name is removed also after success: renaming one name of a file onto another name of the
            // same file does nothing.
            let temp = name_beside(kind, from, to)?;
            step::rename(&temp.path, to)?;
            drop(temp);
            sync_folder(parent(to))
        }
    }
}

/// Tries the kinds in order until one is possible, and says which.
///
/// # Errors
/// The last kind's [`DiskErrorKind::Unsupported`], or the first failure that is of another sort.
pub fn link_first(kinds: &[Link], from: &Path, to: &Path) -> DiskResult<Link> {
    first(kinds, from, |kind| link(kind, from, to)).map(|(kind, ())| kind)
}

pub(super) fn first<T>(
    kinds: &[Link],
    from: &Path,
    mut make: impl FnMut(Link) -> DiskResult<T>,
) -> DiskResult<(Link, T)> {
    let mut last = DiskError::io("link", from, io::ErrorKind::Unsupported.into());
    for kind in kinds {
        match make(*kind) {
            Ok(made) => return Ok((*kind, made)),
            Err(error) if error.kind == DiskErrorKind::Unsupported => last = error,
            Err(other) => return Err(other),
        }
    }
    Err(last)
}

/// Makes a second name of the same file. See [`link`].
///
/// # Errors
/// As [`link`].
pub fn hard_link(from: &Path, to: &Path) -> DiskResult<()> {
    link(Link::Hard, from, to)
}

/// Makes a symbolic link at `to` that says `target`. See [`link`].
///
/// # Errors
/// As [`link`].
pub fn symlink(target: &Path, to: &Path) -> DiskResult<()> {
    link(Link::Symbolic, target, to)
}

/// Makes a file that shares its blocks with `from` until one of the two is written. See [`link`].
///
/// # Errors
/// As [`link`].
pub fn reflink(from: &Path, to: &Path) -> DiskResult<()> {
    link(Link::Reflink, from, to)
}

/// Copies the bytes of a file, not its mode. See [`link`].
///
/// # Errors
/// As [`link`].
pub fn copy(from: &Path, to: &Path) -> DiskResult<()> {
    link(Link::Copy, from, to)
}

/// A staged file with the content of `from`.
pub(super) fn duplicate(kind: Link, from: &Path, to: &Path) -> DiskResult<Staged> {
    let source = File::open(from).map_err(|error| DiskError::io("read", from, error))?;
    let staged = Staged::beside(to)?;
    step(doing(kind), to, || fill(kind, &source, staged.file()))?;
    Ok(staged)
}

pub(super) fn doing(kind: Link) -> &'static str {
    match kind {
        Link::Reflink => "reflink",
        Link::Hard => "hard-link",
        Link::Symbolic => "symlink",
        Link::Copy => "copy",
    }
}

/// Gives a new file the content of another.
pub(super) fn fill(kind: Link, source: &File, target: &File) -> io::Result<()> {
    if kind == Link::Reflink {
        return clone_blocks(source, target);
    }
    direct::copy(source, target, source.metadata()?.len())
}

/// A temporary name in the folder of `to` for the file `from`.
pub(super) fn name_beside(kind: Link, from: &Path, to: &Path) -> DiskResult<Temp> {
    let path = temp::fresh(parent(to));
    step(doing(kind), to, || match kind {
        Link::Hard => fs::hard_link(from, &path),
        _ => std::os::unix::fs::symlink(from, &path),
    })
    .map_err(refused_links)?;
    Ok(Temp { path, keep: false })
}

/// Linux says "not permitted" (EPERM) where a file system has no hard links, or protects other people's
/// files from them: another kind of link will do there.
pub(super) fn refused_links(error: DiskError) -> DiskError {
    if error.system.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error()) {
        return DiskError {
            kind: DiskErrorKind::Unsupported,
            ..error
        };
    }
    error
}

#[cfg(target_os = "linux")]
fn clone_blocks(from: &File, to: &File) -> io::Result<()> {
    use rustix::io::Errno;
    rustix::fs::ioctl_ficlone(to, from).map_err(|errno| match errno {
        // What file systems without reflinks say: ext4 NOTSUP or NOTTY, tmpfs INVAL, two devices XDEV.
        Errno::OPNOTSUPP | Errno::NOTTY | Errno::INVAL | Errno::NOSYS | Errno::XDEV => {
            io::Error::new(io::ErrorKind::Unsupported, "no reflinks here")
        }
        other => other.into(),
    })
}

#[cfg(not(target_os = "linux"))]
fn clone_blocks(_from: &File, _to: &File) -> io::Result<()> {
    // On macOS std's own copy clones where APFS can; it needs a path, so a copy is what is taken.
    Err(io::ErrorKind::Unsupported.into())
}
