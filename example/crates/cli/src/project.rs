use std::path::Path;

use clap::{ArgMatches, Command};
use mlops_data::Contract;
use mlops_features::{Definitions, Observation, Reference, Registry};

use crate::{Failure, Outcome, Output, Params};

// ANCHOR: project
/// What a project gives the toolkit in code; all else stands in its files.
pub trait Project {
    /// A row of the project's table as its own type.
    type Observation: Observation + 'static;

    /// Name of the program.
    fn name(&self) -> &'static str;

    /// What it is for, in a sentence.
    fn about(&self) -> &'static str;

    /// The feature functions, by name.
    fn registry(&self) -> Registry<Self::Observation>;

    /// What features learn from the observations of the training period, such as which
    /// entities are near each other. Nothing, if none of them does.
    fn reference(&self, _training: &[&Self::Observation]) -> Reference {
        Reference::default()
    }

    /// The project's own commands under `data`.
    fn data_commands(&self) -> Vec<Command> {
        Vec::new()
    }

    /// Runs that one of [`data_commands`](Self::data_commands) which the arguments of
    /// `data` name.
    ///
    /// # Errors
    /// As the command sees fit.
    fn run_data(&self, _data: &ArgMatches, _context: &Context) -> Outcome<()> {
        Err(Failure::run(anyhow::anyhow!(
            "the project declares commands and doesn't run them"
        )))
    }
}
// ANCHOR_END: project

/// What every command gets. It runs in the project's folder.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where results go.
    pub output: Output,
    /// Knobs of params.yaml set for this run, as `key.of.it=value`.
    pub set: Vec<String>,
}

impl Context {
    /// The project's contract.
    ///
    /// # Errors
    /// If contract.yaml is missing or unsound.
    pub fn contract(&self) -> Outcome<Contract> {
        let path = Path::new("contract.yaml");
        if !path.exists() {
            return Err(Failure::user(anyhow::anyhow!(
                "{}: there is no such file here: run this in a project's folder, or name it with -C",
                path.display()
            )));
        }
        Ok(Contract::read(path)?)
    }

    /// The project's feature definitions.
    ///
    /// # Errors
    /// If features.yaml is missing or unsound.
    pub fn definitions(&self, contract: &Contract) -> Outcome<Definitions> {
        Ok(Definitions::read(Path::new("features.yaml"), contract)?)
    }

    /// The project's params.
    ///
    /// # Errors
    /// If params.yaml is missing or unsound.
    pub fn params(&self) -> Outcome<Params> {
        Params::read(Path::new("params.yaml"), &self.set)
    }
}

/// The toolkit's commands with the project's name and its own commands added.
pub(crate) fn command<P: Project>(project: &P, toolkit: Command) -> Command {
    let extra = project.data_commands();
    toolkit
        .name(project.name())
        .bin_name(project.name())
        .about(project.about())
        .mut_subcommand("data", |data| data.subcommands(extra))
}
