use std::path::Path;

use clap::{Arg, ArgAction, ArgMatches, Command};
use mlops_data::Contract;
use mlops_features::{Definitions, Observation, Reference, Registry};
use mlops_learning::models::OwnParams;
use mlops_learning::{Learner, ModelKind, ModelParams};

use crate::arguments::reads_params;
use crate::{Failure, Outcome, Output, Params};

// ANCHOR: project
/// What a project gives the toolkit in code; all else stands in its files.
pub trait Project: Sync {
    /// A row of the project's table as its own type.
    type Observation: Observation + 'static;

    /// Name of the program.
    fn name(&self) -> &'static str;

    /// What it is for, in a sentence.
    fn about(&self) -> &'static str;

    /// The feature functions, by name.
    fn registry(&self) -> Registry<Self::Observation>;

    /// A learner of the project's own, as `model: {kind: own, own: {learner: NAME, params: …}}` of
    /// params.yaml asks for it; none if there is none of this name. What it trains takes one of the
    /// forms of [`Predictor`](mlops_learning::Predictor), so that all commands know how to use it.
    ///
    /// # Errors
    /// If a parameter isn't one, or is out of its range.
    fn learner(&self, _own: &OwnParams) -> Outcome<Option<Box<dyn Learner>>> {
        Ok(None)
    }

    /// What features learn from the observations of the training period, such as which
    /// entities are near each other. Nothing, if none of them does.
    fn reference(&self, _training: &[&Self::Observation]) -> Reference {
        Reference::default()
    }

    /// Names of what the project knows of its entities besides the table, such as a region: slices of
    /// gates.yaml may go by them.
    fn attributes(&self) -> &'static [&'static str] {
        &[]
    }

    /// The value of one of [`attributes`](Self::attributes) for an entity; none if it isn't known.
    fn attribute(&self, _name: &str, _entity: &str) -> Option<String> {
        None
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

/// The learner that params.yaml asks for, the project's own ones among them.
pub(crate) fn learner<P: Project>(project: &P, params: &ModelParams) -> Outcome<Box<dyn Learner>> {
    params.check()?;
    let (ModelKind::Own, Some(own)) = (params.kind, &params.own) else {
        return Ok(mlops_learning::learner(params)?);
    };
    project.learner(own)?.ok_or_else(|| {
        Failure::user(anyhow::anyhow!(
            "model.own.learner is {:?}: the project's code has no learner of this name",
            own.learner
        ))
    })
}

/// What every command gets. It runs in the project's folder.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where results go.
    pub output: Output,
    /// Parameters of params.yaml set for this run, as `key.of.it=value`.
    pub set: Vec<String>,
}

impl Context {
    /// Whether this key of params.yaml is set on the command line.
    pub(crate) fn sets(&self, key: &str) -> bool {
        let keys = self.set.iter().filter_map(|set| set.split_once('='));
        keys.map(|(set, _)| set.trim()).any(|set| {
            // Its section as a whole sets it too.
            let rest = key.strip_prefix(set);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

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
    let command = toolkit
        .name(project.name())
        .bin_name(project.name())
        .about(project.about())
        .mut_subcommand("data", |data| data.subcommands(extra));
    without_set(command, &[])
}

/// Takes `--set` out of the help of commands that refuse it. It is still parsed, so that the refusal can
/// say why.
fn without_set(command: Command, above: &[&str]) -> Command {
    command.mut_subcommands(|below| {
        let name = below.get_name().to_owned();
        let names = [above, &[name.as_str()]].concat();
        if below.has_subcommands() {
            let below = without_set(below, &names);
            let reads = below
                .get_subcommands()
                .any(|leaf| reads_params(&[&names[..], &[leaf.get_name()]].concat()));
            if reads { below } else { hide_set(below) }
        } else if reads_params(&names) {
            below
        } else {
            hide_set(below)
        }
    })
}

fn hide_set(command: Command) -> Command {
    let set = Arg::new("set").long("set").value_name("KEY=VALUE");
    command.arg(set.action(ArgAction::Append).hide(true))
}
