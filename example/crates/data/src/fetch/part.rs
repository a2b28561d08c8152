//! The part of a download that is already here.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use object_store::ObjectMeta;
use serde::{Deserialize, Serialize};

use crate::{DataError, Result, error::io as io_error};

/// What tells one version of a file on a server from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub url: String,
    pub etag: Option<String>,
    /// Seconds since 1970; 0 if the server doesn't say.
    pub modified: i64,
    pub size: u64,
}

impl Identity {
    pub fn of(meta: &ObjectMeta, url: &str) -> Identity {
        Identity {
            url: url.into(),
            etag: meta.e_tag.clone(),
            modified: meta.last_modified.timestamp(),
            size: meta.size,
        }
    }

    /// The tag, if it stands for the same bytes: only then may a server compare it.
    pub fn strong_tag(&self) -> Option<&str> {
        self.etag.as_deref().filter(|tag| !tag.starts_with("W/"))
    }

    /// Whether a change would show: length alone says too little.
    fn tells(&self) -> bool {
        self.strong_tag().is_some() || self.modified != 0
    }
}

/// `<destination>.part`, and `<destination>.part.json` which says of what.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    note: PathBuf,
    url: String,
    file: File,
    length: u64,
}

impl Part {
    /// Opens or creates it. Of two downloads to one destination the second is refused.
    pub fn open(destination: &Path, url: &str) -> Result<Part> {
        let path = with_suffix(destination, ".part");
        let fail = |error| io_error(&path, error);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(fail)?;
        // A file system without locks is no reason not to download.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(DataError::Fetch {
                url: url.into(),
                message: format!("is being downloaded to {} already", destination.display()),
            });
        }
        let length = file.metadata().map_err(fail)?.len();
        Ok(Part {
            note: with_suffix(destination, ".part.json"),
            url: url.into(),
            file,
            length,
            path,
        })
    }

    /// How much is here.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// What this is the beginning of, if it is worth going on with.
    pub fn resumable(&self) -> Option<Identity> {
        let note = std::fs::read(&self.note).ok()?;
        // A note that cannot be read is as good as none.
        let known: Identity = serde_json::from_slice(&note).ok()?;
        let begun = self.length > 0 && self.length < known.size;
        (begun && known.url == self.url && known.tells()).then_some(known)
    }

    /// Begins anew with what the server has now.
    pub fn begin(&mut self, meta: &ObjectMeta) -> Result<()> {
        let identity = Identity::of(meta, &self.url);
        self.file.set_len(0).map_err(|error| self.error(error))?;
        self.length = 0;
        let note = serde_json::to_vec(&identity).map_err(|error| self.error(error.into()))?;
        std::fs::write(&self.note, note).map_err(|error| io_error(&self.note, error))
    }

    /// Adds what came next.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self
            .file
            .seek(SeekFrom::Start(self.length))
            .and_then(|_| self.file.write_all(bytes));
        written.map_err(|error| self.error(error))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// The file, to be read from its start.
    pub fn rewound(&self) -> Result<File> {
        let mut file = self.file.try_clone().map_err(|error| self.error(error))?;
        file.seek(SeekFrom::Start(0))
            .map_err(|error| self.error(error))?;
        Ok(file)
    }

    /// Removes it from the disk.
    pub fn remove(&self) -> Result<()> {
        for path in [&self.note, &self.path] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io_error(path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub fn error(&self, error: io::Error) -> DataError {
        io_error(&self.path, error)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
