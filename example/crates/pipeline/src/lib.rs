//! Pipelines as DVC writes them: `dvc.yaml`, the graph, `dvc.lock`, run cache, parallel reproduction.

pub mod commit;
pub mod compare;
mod error;
pub mod graph;
mod project;
mod python_json;
pub mod report;
pub mod reproduce;
pub mod run_cache;
mod status;
mod workspace;

pub use error::{Failure, PipelineError, Result};
pub use project::{Project, Work};
pub use status::{Change, StageStatus, changes};
