//! The part of a download that is already here, and of which version of the file it is.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use md5::{Digest, Md5};
use mlops_disk::{Partial, Staged};
use object_store::ObjectMeta;

use crate::{Result, error::unreadable, tables::hexadecimal};

/// What tells one version of a file on a server from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    etag: Option<String>,
    /// Seconds since 1970; 0 if the server doesn't say.
    modified: i64,
    pub size: u64,
}

impl Identity {
    pub fn of(meta: &ObjectMeta) -> Identity {
        Identity {
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
    pub fn shows_changes(&self) -> bool {
        self.strong_tag().is_some() || self.modified != 0
    }

    fn digest(&self, address: &str) -> String {
        hexadecimal(&Md5::digest(format!("{address} {self:?}")))
    }
}

/// Length of the digest that the file begins with.
const HEAD: u64 = 32;

/// A temporary file beside the destination: a digest of the address and the version, then the bytes that have come.
/// So one file holds both, the next call finds it by its name, and nothing of the address is readable in it.
#[derive(Debug)]
pub struct PartialDownload {
    staged: Staged,
    head: String,
    length: u64,
    /// Whether the next call can go on from here.
    resumable: bool,
}

impl PartialDownload {
    /// Takes up what an earlier call has downloaded of this version, or starts. What it has of another version is
    /// thrown away.
    pub fn open(destination: &Path, address: &str, version: &Identity) -> Result<PartialDownload> {
        let Partial { staged, bytes } = Staged::resume(destination, "download")?;
        let mut part = PartialDownload {
            head: version.digest(address),
            length: bytes.saturating_sub(HEAD),
            // Otherwise nobody could tell whether the server still has the same file.
            resumable: version.shows_changes(),
            staged,
        };
        if !part.resumable || part.length > version.size || !part.is_of_this_version()? {
            part.restart()?;
        }
        Ok(part)
    }

    fn is_of_this_version(&self) -> Result<bool> {
        let mut head = Vec::new();
        let mut file = self.staged.try_clone()?;
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.take(HEAD).read_to_end(&mut head))
            .map_err(|error| unreadable(self.path(), error))?;
        Ok(head == self.head.as_bytes())
    }

    /// How much of the file is here.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether it stays for the next call if this one fails.
    pub fn is_resumable(&self) -> bool {
        self.resumable && self.length > 0
    }

    /// Begins again.
    pub fn restart(&mut self) -> Result<()> {
        self.staged.restart()?;
        self.staged.write_bytes(self.head.as_bytes())?;
        self.length = 0;
        Ok(())
    }

    /// Adds what came next.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.staged.write_bytes(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// The file's bytes, to be read from their start.
    pub fn reader(&self) -> Result<File> {
        let mut file = self.staged.try_clone()?;
        file.seek(SeekFrom::Start(HEAD))
            .map_err(|error| unreadable(self.path(), error))?;
        Ok(file)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.staged.path()
    }

    /// Removes it from the disk.
    pub fn discard(self) {
        self.staged.discard();
    }
}
