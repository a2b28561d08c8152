//! What can go wrong with versions of data.

use std::path::{Path, PathBuf};

use mlops_disk::DiskError;
use mlops_repository::{RepositoryError, screen};
use mlops_store::StoreError;

/// What can go wrong with versioned data.
///
/// Every message says where (file, line, key, value) and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VersioningError {
    /// A file of the repository, a disk or Git.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// A bucket refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Files of the workspace that are saved nowhere would be lost.
    #[error("{}", screen(&unsaved(paths)))]
    Unsaved {
        /// The files.
        paths: Vec<PathBuf>,
    },
    /// Another process holds the repository.
    #[error(
        "{path} is held by another process ({holder}) for more than 3 s: wait until it is done",
        path = path.display()
    )]
    Locked {
        /// The lock's file.
        path: PathBuf,
        /// What the lock's file says about who holds it.
        holder: String,
    },
    /// Another command works on a path.
    #[error(
        "{path} is busy, blocked by {holder}: wait, or if no such process runs, remove .dvc/tmp/rwlock"
    )]
    Busy {
        /// The path.
        path: String,
        /// Process and command.
        holder: String,
    },
    /// A file was written to while it was read.
    #[error("{path} changed while it was hashed: wait until nothing writes to it and run the command again", path = path.display())]
    ChangedMeanwhile {
        /// The file.
        path: PathBuf,
    },
    /// Objects are neither in the cache nor where they were looked for.
    #[error("{}", screen(&missing(objects, place, advice)))]
    Missing {
        /// What each is for.
        objects: Vec<String>,
        /// Where they were looked for.
        place: String,
        /// What to do.
        advice: &'static str,
    },
    /// An object isn't what its name says.
    #[error("{place}: the content's hash is {found}, its name says {expected}: {advice}")]
    Corrupt {
        /// Where the object lies.
        place: String,
        /// Hash by its name.
        expected: String,
        /// Hash by its content.
        found: String,
        /// What to do.
        advice: String,
    },
    /// Some of many transfers failed.
    #[error(
        "{failed} of {total} objects weren't transferred, the first because: {first}; run the command again, what arrived is skipped"
    )]
    Transfer {
        /// How many failed.
        failed: usize,
        /// How many there were.
        total: usize,
        /// The first reason.
        first: String,
    },
}

/// What to do about objects that only the cache was asked for.
pub const PULL: &str = "run `pull`, or `push` where the data is";

impl VersioningError {
    /// What the system said when a file or folder was to be read.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> VersioningError {
        let refused = RepositoryError::io(path);
        move |source| refused(source).into()
    }

    pub(crate) fn file(path: &Path, line: Option<usize>, message: impl Into<String>) -> Self {
        RepositoryError::file(path, line, message).into()
    }

    pub(crate) fn refused(path: impl AsRef<Path>, message: impl Into<String>) -> Self {
        RepositoryError::refused(path, message).into()
    }

    /// Whether the user must change something (else the run itself failed).
    pub fn is_user_error(&self) -> bool {
        match self {
            VersioningError::Repository(error) => error.is_user_error(),
            VersioningError::Store(error) => error.is_user_error(),
            VersioningError::Transfer { .. }
            | VersioningError::Missing { .. }
            | VersioningError::Corrupt { .. }
            | VersioningError::ChangedMeanwhile { .. }
            | VersioningError::Locked { .. }
            | VersioningError::Busy { .. } => false,
            _ => true,
        }
    }
}

/// The first few of many, so that a message fits a screen.
fn first_few(items: impl ExactSizeIterator<Item = String>) -> String {
    const SHOWN: usize = 10;
    let more = items.len().saturating_sub(SHOWN);
    let mut text: String = items
        .take(SHOWN)
        .map(|item| format!("\n  {item}"))
        .collect();
    if more > 0 {
        text.push_str(&format!("\n  and {more} more"));
    }
    text
}

fn unsaved(paths: &[PathBuf]) -> String {
    format!(
        "these files would be lost, their content is saved nowhere, so nothing was changed: `commit` or `add` what is data, and move away the rest{}",
        first_few(paths.iter().map(|path| path.display().to_string()))
    )
}

fn missing(objects: &[String], place: &str, advice: &str) -> String {
    format!(
        "not in {place}: {advice}{}",
        first_few(objects.iter().cloned())
    )
}

impl From<DiskError> for VersioningError {
    fn from(error: DiskError) -> Self {
        Self::Repository(error.into())
    }
}
