//! Pipelines as DVC writes them: `dvc.yaml`, the graph, `dvc.lock`, run cache, parallel reproduction.

mod catalog;
pub mod compare;
mod definition;
mod error;
pub mod graph;
mod interpolation;
pub mod lockfile;
pub mod params;
pub mod path;
mod project;
mod python_json;
pub mod report;
pub mod reproduce;
pub mod run_cache;
mod source;
mod status;
mod workspace;

pub use catalog::Catalog;
pub use definition::{
    Better, Command, Definition, Dependency, Location, Output, OutputKind, ParameterFile, Stage,
};
pub use error::{Failure, PipelineError, Result};
pub use interpolation::OptionStyle;
pub use project::{Project, Work};
pub use source::{Source, revisions};
pub use status::{Change, StageStatus, changes};
