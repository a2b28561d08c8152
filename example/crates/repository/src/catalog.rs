//! Every file of stages of a repository, at one state of it.

use crate::yaml::Node;

use crate::definition::{Definition, Stage, expand};
use crate::error::Result;
use crate::interpolation::OptionStyle;
use crate::source::Source;
use crate::work_tree::WorkTree;

/// The name of a file of stages.
pub const FILE: &str = "dvc.yaml";

/// The stages of a repository, and what its files say beside them.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Files of stages, from the repository's root.
    pub files: Vec<String>,
    /// The stages of all files, in their order.
    pub stages: Vec<Stage>,
    /// Files of parameters named at the top of a file, from the repository's root.
    pub params: Vec<String>,
    /// Files of metrics named at the top of a file, from the repository's root.
    pub metrics: Vec<String>,
    /// Plots named at the top of a file: the file, and what it says.
    pub plots: Vec<(String, Node)>,
}

impl Catalog {
    /// Adds what a file of stages says, if it is there.
    ///
    /// # Errors
    /// If it can't be used.
    pub fn add(&mut self, source: &Source, file: &str, style: OptionStyle) -> Result<()> {
        let Some(definition) = Definition::read(source, file)? else {
            return Ok(());
        };
        let expanded = expand(&definition, source, style)?;
        self.stages.extend(expanded.stages);
        self.params.extend(expanded.params);
        self.metrics.extend(expanded.metrics);
        let plots = expanded.plots.into_iter();
        self.plots.extend(plots.map(|plot| (file.to_owned(), plot)));
        self.files.push(file.to_owned());
        Ok(())
    }

    /// Adds what other files say.
    pub(crate) fn extend(&mut self, other: Catalog) {
        self.files.extend(other.files);
        self.stages.extend(other.stages);
        self.params.extend(other.params);
        self.metrics.extend(other.metrics);
        self.plots.extend(other.plots);
    }
}

impl WorkTree {
    /// How the repository wants maps written as options.
    #[must_use]
    pub fn option_style(&self) -> OptionStyle {
        let is =
            |key: &str, value: &str| self.config().get("parsing", key).as_deref() == Some(value);
        OptionStyle {
            negated: is("bool", "boolean_optional"),
            appended: is("list", "append"),
        }
    }
}
