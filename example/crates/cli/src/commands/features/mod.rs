//! Features: what is declared, and the table of their values.

mod apply;
mod build;
mod get;
mod online;
mod show;
mod sidecar;
mod stored;
mod timing;
mod wanted;

use std::process::ExitCode;

use super::done;
use crate::arguments::FeaturesCommand;
use crate::{Context, Outcome, Project};

pub(crate) use apply::{GuardArguments, PlanArguments};
pub(crate) use build::{declared, learned_until, version};
pub(crate) use get::GetArguments;
pub(crate) use online::OnlineCommand;
pub(crate) use sidecar::{Built, state_path};
pub(crate) use stored::ImportArguments;

pub(super) fn run<P: Project>(
    project: &P,
    command: FeaturesCommand,
    context: Context,
) -> Outcome<ExitCode> {
    done(match command {
        FeaturesCommand::List => show::list(&project.registry(), &context),
        FeaturesCommand::Show { name } => show::show(&project.registry(), &name, &context),
        FeaturesCommand::Lineage { name } => show::lineage(&name, &context),
        FeaturesCommand::Stats { table } => show::stats(&table, &context),
        FeaturesCommand::Build(arguments) => build::run(project, arguments, &context),
        FeaturesCommand::Get(arguments) => get::run(&arguments, &context),
        FeaturesCommand::Import(arguments) => stored::import(&arguments, &context),
        FeaturesCommand::Apply(arguments) => apply::apply(&arguments, &context),
        FeaturesCommand::Plan(arguments) => {
            let differs = apply::plan(&arguments, &context)?;
            return Ok(ExitCode::from(u8::from(differs)));
        }
        FeaturesCommand::Online(command) => online::run(project, command, &context),
    })
}
