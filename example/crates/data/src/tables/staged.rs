//! A file that appears whole or not at all.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::{DataError, Result};

/// A temporary file beside the one it is to become; dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Staged {
    file: NamedTempFile,
    target: PathBuf,
}

impl Staged {
    pub fn new(target: &Path) -> Result<Staged> {
        let folder = folder(target);
        if !folder.is_dir() {
            return Err(DataError::File {
                path: target.into(),
                message: format!(
                    "cannot be written: there is no folder {}; make it first",
                    folder.display()
                ),
            });
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".writing-");
        // A temporary file is private by default; the finished one is as any other.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder).map_err(|e| io(target, e))?;
        Ok(Staged {
            file,
            target: target.into(),
        })
    }

    /// Another handle to write through.
    pub fn handle(&self) -> Result<File> {
        self.file
            .as_file()
            .try_clone()
            .map_err(|e| io(&self.target, e))
    }

    /// Puts the file in its place, after all of it is on the disk.
    pub fn publish(self) -> Result<()> {
        let Staged { file, target } = self;
        file.as_file().sync_all().map_err(|e| io(&target, e))?;
        file.persist(&target).map_err(|e| io(&target, e.error))?;
        sync_folder(folder(&target)).map_err(|e| io(&target, e))
    }
}

/// The folder that a file stands in.
fn folder(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes a rename outlive a power cut; other systems do without.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

pub(crate) fn io(path: &Path, source: io::Error) -> DataError {
    DataError::Io {
        path: path.into(),
        source,
    }
}
