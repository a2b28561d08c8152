//! Pipelines as DVC writes them: `dvc.yaml`, the graph, `dvc.lock`, run cache, parallel reproduction.

mod definition;
mod error;
pub mod graph;
mod interpolation;
pub mod params;
pub mod path;
mod source;

pub use definition::{
    Command, Definition, Dependency, Location, Output, OutputKind, ParameterFile, Stage,
};
pub use error::{Failure, PipelineError, Result};
pub use interpolation::OptionStyle;
pub use source::Source;
