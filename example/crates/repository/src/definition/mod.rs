//! `dvc.yaml`: what it says, before anything is put in for its references.

mod better;
mod check;
mod expand;
mod stage;

#[cfg(test)]
mod tests;

use crate::yaml::{self, Map, Node};

use crate::error::{RepositoryError, Result};
use crate::source::Source;

pub use better::Better;
pub(crate) use expand::expand;
pub use stage::{Command, Dependency, Location, Output, OutputKind, ParameterFile, Stage};

/// A `dvc.yaml` whose keys and kinds have been checked.
#[derive(Debug, Clone, Default)]
pub struct Definition {
    /// The file, from the repository's root.
    pub file: String,
    pub(crate) vars: Vec<Node>,
    pub(crate) stages: Vec<StageDefinition>,
    pub(crate) params: Vec<Node>,
    pub(crate) metrics: Vec<Node>,
    pub(crate) plots: Vec<Node>,
}

#[derive(Debug, Clone)]
pub(crate) struct StageDefinition {
    pub name: String,
    pub line: usize,
    pub body: Map,
    pub group: Group,
}

/// How many stages a definition makes, and from what.
#[derive(Debug, Clone)]
pub(crate) enum Group {
    One,
    Foreach(Node),
    Matrix(Node),
}

impl Definition {
    /// Reads and checks the text of a `dvc.yaml`.
    ///
    /// # Errors
    /// If it isn't YAML, has keys that DVC doesn't know, or values of another kind: with file,
    /// line and key.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let node = yaml::read(text)
            .map_err(|error| RepositoryError::at(file, error.line, "", error.message))?;
        check::check(file, node)
    }

    /// Reads and checks a `dvc.yaml`; `None` if there is none.
    ///
    /// # Errors
    /// As [`Definition::parse`], or if it can't be read.
    pub fn read(source: &Source, file: &str) -> Result<Option<Self>> {
        source
            .text(file)?
            .map(|text| Self::parse(file, &text))
            .transpose()
    }

    pub(crate) fn folder(&self) -> &str {
        crate::posix_path::folder(&self.file)
    }
}
