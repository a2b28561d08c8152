//! The command line for any project: parse, call, print.
//!
//! A project's `main` hands itself to [`run`] and gets every command of the
//! toolkit, over its own table and features.

mod arguments;
mod commands;
mod dvc_commands;
mod failure;
mod output;
mod params;
mod pin;
mod progress;
mod project;
mod project_copy;
mod verdicts;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use arguments::Arguments;
pub use commands::{OutputLock, check_not_input, write_file, write_folder};
pub use failure::{Failure, Outcome};
pub use output::Output;
pub use params::Params;
pub use pin::Pin;
pub use progress::{Progress, Unit};
pub use project::{Context, Project};
pub use project_copy::copy_project;

/// Parses the arguments, runs the command, prints its outcome.
///
/// The exit code is 0 if all went well, 2 if the user must change something
/// (arguments, data, a file), 1 if the run itself failed or found what it was
/// asked to look for.
pub fn run<P: Project>(project: &P, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = project::command(project, Arguments::command());
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let matches = match command.try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) => {
            let is_command = error.kind() == clap::error::ErrorKind::InvalidSubcommand;
            let refusal = dvc_commands::refusal(project.name(), &arguments);
            if let Some(refusal) = refusal.filter(|_| is_command) {
                return Failure::user(anyhow::anyhow!(refusal)).report();
            }
            let code = if error.use_stderr() { 2 } else { 0 };
            // Nothing is left to tell if the terminal is gone.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match all_settings(&arguments, &matches).and_then(|()| commands::run(project, &matches)) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// Of an option given before and after a command's name, clap keeps the latter
/// only. A setting must not get lost without a word.
fn all_settings(arguments: &[OsString], matches: &clap::ArgMatches) -> Outcome<()> {
    let given = arguments
        .iter()
        .filter(|word| *word == "--set" || word.to_string_lossy().starts_with("--set="))
        .count();
    let kept = matches.get_many::<String>("set");
    if given <= kept.map_or(0, |kept| kept.len()) {
        return Ok(());
    }
    Err(Failure::user(anyhow::anyhow!(
        "--set stands before and after the command's name: give all of them on one side"
    )))
}

fn parse<T: FromArgMatches>(matches: &clap::ArgMatches) -> Outcome<T> {
    T::from_arg_matches(matches).map_err(|error| Failure::user(anyhow::anyhow!(error)))
}
