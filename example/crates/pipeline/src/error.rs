//! What can go wrong with a pipeline.

use std::path::PathBuf;

use mlops_disk::DiskError;
use mlops_repository::{RepositoryError, screen};
use mlops_store::StoreError;
use mlops_versioning::VersioningError;

/// What can go wrong with a pipeline.
///
/// Every message says where (file, line, key, value) and what to do, on one screen at most.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// Versioned data: cache, remote, locks.
    #[error(transparent)]
    Versioning(#[from] VersioningError),
    /// A file of the repository doesn't say what it must, or the disk or Git refused.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The stages don't make a pipeline.
    #[error("{}", screen(.0))]
    Graph(String),
    /// Nothing is called what was asked for.
    #[error("{}", screen(&format!("{target:?} is no stage and no file of stages{}", hint(known))))]
    UnknownTarget {
        /// What was asked for.
        target: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A dependency, parameter or output isn't there.
    #[error("{}", screen(&format!("stage {stage:?}: {message}")))]
    Missing {
        /// The stage.
        stage: String,
        /// What is missing and what to do.
        message: String,
    },
    /// A stage's command failed.
    #[error("{0}")]
    Failed(Box<Failure>),
    /// Commands of a run that was killed still write the stage's outputs.
    #[error(
        "stage {stage:?}: its commands, started by a run that was killed, are still running: wait for them, or end them with `kill -- -{group}`"
    )]
    StillRunning {
        /// The stage.
        stage: String,
        /// The number of their process group.
        group: String,
    },
    /// Several stages failed, each already told of.
    #[error("failed: {}", stages.join(", "))]
    SeveralFailed {
        /// Their names.
        stages: Vec<String>,
    },
    /// The user stopped the run.
    #[error(
        "interrupted: {} of {planned} stages are done, dvc.lock says which",
        done
    )]
    Interrupted {
        /// Stages that ended well.
        done: usize,
        /// Stages that were to run.
        planned: usize,
    },
    /// A metrics or plots file can't be shown.
    #[error("{}", screen(&format!("{file}: {message}")))]
    Unreadable {
        /// The file.
        file: String,
        /// Why, and what to do.
        message: String,
    },
}

/// How a stage's command failed.
#[derive(Debug)]
pub struct Failure {
    /// The stage.
    pub stage: String,
    /// The command, one line of `cmd`.
    pub command: String,
    /// How it ended: `exit code 3`, `killed by signal 9`, `stopped after 60 s`.
    pub how: String,
    /// Its last lines of output.
    pub tail: Vec<String>,
    /// Where all its output is.
    pub log: PathBuf,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "stage {:?} failed: {}", self.stage, self.how)?;
        write!(out, "\n  command: {}", self.command)?;
        if !self.tail.is_empty() {
            write!(out, "\n  its last lines:")?;
            for line in &self.tail {
                write!(out, "\n    {line}")?;
            }
        }
        write!(out, "\n  all of its output: {}", self.log.display())
    }
}

/// A result whose error is a [`PipelineError`].
pub type Result<T, E = PipelineError> = std::result::Result<T, E>;

impl PipelineError {
    /// What the system said when a file or folder was to be read.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        Self::system("read", path)
    }

    /// What the system said when something was to be done, a verb.
    pub(crate) fn system(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| DiskError::io(doing, &path, source).into()
    }

    /// Whether the user must change something (else the run itself failed).
    #[must_use]
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::Versioning(error) => error.is_user_error(),
            Self::Repository(error) => error.is_user_error(),
            Self::Failed(_) | Self::SeveralFailed { .. } | Self::Interrupted { .. } => false,
            _ => true,
        }
    }
}

impl From<DiskError> for PipelineError {
    fn from(error: DiskError) -> Self {
        Self::Repository(error.into())
    }
}

impl From<StoreError> for PipelineError {
    fn from(error: StoreError) -> Self {
        Self::Versioning(error.into())
    }
}

/// The names there are, the first dozen of them.
fn hint(known: &[String]) -> String {
    if known.is_empty() {
        return ": dvc.yaml has no stages".into();
    }
    let shown = known.iter().take(12).map(String::as_str);
    let more = if known.len() > 12 { ", …" } else { "" };
    format!("; there are {}{more}", shown.collect::<Vec<_>>().join(", "))
}
