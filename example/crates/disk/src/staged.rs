//! A file that is written beside its place and moved there when it is whole.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::Path;

use super::step::{self, between_points, parent, step};
use super::sync_folder;
use super::temp::{self, Temp};
use crate::{Created, DiskError, DiskErrorKind, DiskResult};
use crate::{in_place, is_at};

/// A temporary file in the folder of its destination. Dropped before it is finished, it is removed.
///
/// Written through [`Write`], or [`Staged::write_bytes`] for an error that names the file.
#[derive(Debug)]
pub struct Staged {
    file: File,
    temp: Temp,
}

/// An interrupted download taken up again: see [`Staged::resume`].
#[derive(Debug)]
pub struct Partial {
    /// The file, at its end.
    pub staged: Staged,
    /// Bytes that are there already.
    pub bytes: u64,
}

impl Staged {
    /// Starts a file in the folder where `dest` stands or will stand.
    ///
    /// # Errors
    /// As [`DiskError::io`] names them.
    pub fn beside(dest: &Path) -> DiskResult<Self> {
        let path = temp::fresh(parent(dest));
        let file = step("create a temporary file", &path, || {
            File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path)
        });
        let file = file.map_err(|error| named(error, dest))?;
        // As long as it is held, nobody takes it for what a killed process left. File systems without locks go
        // without.
        let _ = file.try_lock();
        Ok(Self {
            file,
            temp: Temp { path, keep: false },
        })
    }

    /// Starts a file in this folder.
    ///
    /// # Errors
    /// As [`DiskError::io`] names them.
    pub fn in_folder(folder: &Path) -> DiskResult<Self> {
        Self::beside(&folder.join("file"))
    }

    /// Takes up an interrupted transfer to `dest` again, or starts it. `tag` names the version that is
    /// transferred (an ETag, a hash): what was left of another version isn't used. The file stays when the
    /// transfer fails. If another process is at it, a fresh one is started beside it.
    ///
    /// # Errors
    /// As [`DiskError::io`] names them.
    pub fn resume(dest: &Path, tag: &str) -> DiskResult<Partial> {
        let path = temp::partial(dest, tag);
        let mut options = File::options();
        options.read(true).append(true).create(true);
        // Its name can be guessed: a link that a cloned project put there isn't followed.
        let file = in_place::open_in_place(&path, &mut options);
        let mut file = file.map_err(|error| named(error, dest))?;
        // The second look is for one who finished between our opening and our locking: his file has
        // another name now, and writing to it would change what is whole.
        if file.try_lock().is_err() || !is_at(&file, &path) {
            return Ok(Partial {
                staged: Self::beside(dest)?,
                bytes: 0,
            });
        }
        let bytes = file
            .seek(io::SeekFrom::End(0))
            .map_err(|source| DiskError::io("read", &path, source))?;
        Ok(Partial {
            staged: Self {
                file,
                temp: Temp { path, keep: true },
            },
            bytes,
        })
    }

    /// Another handle to the same file, for a writer that wants to own one. What it writes must be complete before
    /// [`Staged::finish`].
    ///
    /// # Errors
    /// As [`DiskError::io`] names them.
    pub fn try_clone(&self) -> DiskResult<File> {
        self.file
            .try_clone()
            .map_err(|source| DiskError::io("open", &self.temp.path, source))
    }

    /// Where the content is until it is finished.
    pub fn path(&self) -> &Path {
        &self.temp.path
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// As [`DiskError::io`] names them.
    pub fn write_bytes(&mut self, bytes: &[u8]) -> DiskResult<()> {
        step("write", &self.temp.path, || self.file.write_all(bytes))
    }

    /// Flushes what has been written so far, so that less is left to be done in the end.
    ///
    /// # Errors
    /// As [`DiskError::io`] names them.
    pub fn flush_data(&self) -> DiskResult<()> {
        step("flush", &self.temp.path, || self.file.sync_data())
    }

    /// Throws away what has been written so far.
    ///
    /// # Errors
    /// As [`DiskError::io`] names them.
    pub fn restart(&mut self) -> DiskResult<()> {
        step("truncate", &self.temp.path, || {
            self.file.set_len(0)?;
            self.file.rewind()
        })
    }

    /// Sets the permission bits the file will have (0o444, 0o644).
    ///
    /// # Errors
    /// As [`DiskError::io`] names them.
    pub fn set_mode(&mut self, mode: u32) -> DiskResult<()> {
        use std::os::unix::fs::PermissionsExt;
        step("set the mode", &self.temp.path, || {
            self.file.set_permissions(fs::Permissions::from_mode(mode))
        })
    }

    /// Flushes the file and moves it to `dest`, in place of what is there; flushes the folder.
    ///
    /// # Errors
    /// As [`DiskError::io`] names them; `dest` is then as it was.
    pub fn finish(mut self, dest: &Path) -> DiskResult<()> {
        self.flush_to_disk(dest)?;
        step::rename(&self.temp.path, dest)?;
        self.temp.release();
        sync_folder(parent(dest))
    }

    /// Moves the file to `dest` without a flush: see [`crate::write_unflushed`].
    ///
    /// # Errors
    /// As [`DiskError::io`] names them; `dest` is then as it was.
    pub fn finish_unflushed(mut self, dest: &Path) -> DiskResult<()> {
        step::rename(&self.temp.path, dest)?;
        self.temp.release();
        Ok(())
    }

    /// Flushes the file and moves it to `dest` unless something is there; flushes the folder.
    ///
    /// # Errors
    /// As [`DiskError::io`] names them.
    pub fn finish_new(mut self, dest: &Path) -> DiskResult<Created> {
        self.flush_to_disk(dest)?;
        if !step::rename_new(&self.temp.path, dest)? {
            return Ok(Created::Exists);
        }
        self.temp.release();
        sync_folder(parent(dest))?;
        Ok(Created::Yes)
    }

    fn flush_to_disk(&self, dest: &Path) -> DiskResult<()> {
        step("flush", dest, || self.file.sync_all())
    }

    /// Removes the file, also one that would be taken up again: its content is wrong.
    pub fn discard(mut self) {
        self.temp.keep = false;
    }

    /// Hands the file over as it is: not flushed.
    pub(super) fn into_parts(self) -> (File, Temp) {
        (self.file, self.temp)
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        between_points("write", || self.file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The user knows the file that was to be written, not our name for the way there.
pub(super) fn named(error: DiskError, dest: &Path) -> DiskError {
    match error.kind {
        DiskErrorKind::Missing => DiskError {
            kind: DiskErrorKind::NoFolder,
            doing: "write a file there",
            ..error.at(parent(dest))
        },
        DiskErrorKind::InTheWay | DiskErrorKind::SymbolicLink | DiskErrorKind::Unsupported => error,
        _ => error.at(dest),
    }
}
