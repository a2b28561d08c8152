use std::path::PathBuf;

use mlops_data::DataError;
use mlops_data::calendar::{Day, format_iso};
use mlops_features::FeatureError;
use mlops_features::online::OnlineError;
use mlops_learning::LearningError;

/// What can go wrong between a model file and an answered request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServingError {
    /// The model file is not one, or not one for this program.
    #[error("{path}: {source}", path = path.display())]
    Model {
        /// The model's file.
        path: PathBuf,
        /// What is wrong with it.
        source: LearningError,
    },
    /// The model asks for features that this program doesn't have.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// The observation breaks the contract.
    #[error(transparent)]
    Observation(#[from] DataError),
    /// The observation is of a day to come.
    #[error(
        "the observation is of {}, which hasn't begun anywhere: correct its date",
        format_iso(*.day)
    )]
    Future {
        /// The day.
        day: Day,
    },
    /// A text of the observation is longer than any that is meant.
    #[error("{field}: it has {bytes} bytes, and at most {most} are taken: shorten it")]
    Long {
        /// The field's name, or how it begins.
        field: String,
        /// The length of its name or of its value.
        bytes: usize,
        /// The greatest length.
        most: usize,
    },
    /// The clock of the service is wrong.
    #[error("the clock of the service is wrong: {message}")]
    Clock {
        /// How, and what to do.
        message: String,
    },
    /// What is known around an observation can't be read or written.
    #[error(transparent)]
    Store(#[from] OnlineError),
    /// An answer can't be logged.
    #[error("{path}: the prediction log can't be written: {source}", path = path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file can't be read or opened.
    #[error(transparent)]
    Disk(#[from] mlops_disk::DiskError),
    /// It is asked what would change an answer, but nothing may be changed.
    #[error(
        "{path}: no column is controllable: add `controllable: true` to those numbers that might be others",
        path = path.display()
    )]
    Uncontrollable {
        /// The contract.
        path: PathBuf,
    },
    /// The network refused.
    #[error("{what}: {source}")]
    Io {
        /// The address in question.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A result whose error is a [`ServingError`].
pub type Result<T, E = ServingError> = std::result::Result<T, E>;
