//! Files that are written in place because they stay open: a log, a database, a lock. No symbolic link at the
//! end of the path is followed: a cloned project could have put it there.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::step::step;
use crate::{DiskError, DiskErrorKind, DiskResult};

/// Opens a file for appending, or creates it with this mode (`0o600` for what only its owner may read).
/// Nothing that was written is lost: what others append at the same time stands before or after it.
///
/// # Errors
/// [`DiskErrorKind::SymbolicLink`] if a link stands there, [`DiskErrorKind::WrongType`] if it is no regular
/// file; otherwise as [`DiskError::io`] names them.
pub fn open_append(path: &Path, mode: u32) -> DiskResult<File> {
    open_in_place(
        path,
        OpenOptions::new().append(true).create(true).mode(mode),
    )
}

/// Opens a file for reading and writing at any place, or creates it with this mode. See [`open_append`].
///
/// # Errors
/// As [`open_append`].
pub fn open_read_write(path: &Path, mode: u32) -> DiskResult<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(mode);
    open_in_place(path, &mut options)
}

pub(crate) fn open_in_place(path: &Path, options: &mut OpenOptions) -> DiskResult<File> {
    // A named pipe would wait for its other end: not with NONBLOCK, which regular files don't know.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = step("open", path, || {
        options.custom_flags(flags.bits().cast_signed()).open(path)
    })?;
    let is_file = file
        .metadata()
        .map_err(|source| DiskError::io("open", path, source))?
        .is_file();
    if is_file {
        Ok(file)
    } else {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "no regular file");
        Err(DiskError::of(
            DiskErrorKind::WrongType,
            "open",
            path,
            source,
        ))
    }
}

/// Opens or creates a lock file and takes the system's exclusive lock (`flock`) on it; `None` if another
/// process holds it. The lock ends when the file is dropped or the process dies. `holder` becomes the file's
/// content, for people who look who holds it: nothing depends on that, so it isn't flushed, and isn't missed
/// where the disk is full.
///
/// # Errors
/// As [`open_append`].
pub fn try_lock(path: &Path, holder: &str) -> DiskResult<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    let mut file = open_in_place(path, &mut options)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(source)) => return Err(DiskError::io("lock", path, source)),
    }
    let named = step("name the holder", path, || {
        file.set_len(0)?;
        file.write_all(holder.as_bytes())
    });
    drop(named);
    Ok(Some(file))
}
