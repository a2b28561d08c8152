//! Models for a yes-or-no label, their evaluation, and the one model file.
//!
//! Numbers in, numbers out: this crate opens no file and knows no network.

pub mod calibration;
pub mod dataset;
pub mod ensemble;
mod error;
pub mod evaluation;
pub mod explain;
pub mod export;
pub mod gates;
pub mod model_file;
pub mod models;
pub mod search;
mod sigmoid;
pub mod splits;

pub use calibration::{Calibration, CalibrationMethod};
pub use dataset::Dataset;
pub use ensemble::{Ensemble, Link, Node, Tree};
pub use error::{LearningError, Result};
pub use model_file::Model;
pub use models::{Learner, ModelKind, ModelParams, Predictor, learner};
pub use sigmoid::sigmoid;
