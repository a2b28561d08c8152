use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::{Result, ServingError};

/// Every answered request, a line of JSON each, in the order of the answers.
#[derive(Debug)]
pub struct PredictionLog {
    path: PathBuf,
    file: Mutex<File>,
}

impl PredictionLog {
    /// Opens the log for appending; makes the file and its folder if need be.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn open(path: &Path) -> Result<PredictionLog> {
        let io = |source| ServingError::Io {
            what: path.display().to_string(),
            source,
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(io)?;
        Ok(PredictionLog {
            path: path.into(),
            file: Mutex::new(file),
        })
    }

    /// Appends one line in a single write, so that lines never mix.
    ///
    /// # Errors
    /// If the system refuses, for instance because the disk is full.
    pub fn append(&self, entry: &serde_json::Value) -> Result<()> {
        let line = format!("{entry}\n");
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes())
            .map_err(|source| ServingError::Log {
                path: self.path.clone(),
                source,
            })
    }
}
