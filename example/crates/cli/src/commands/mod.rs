//! One file a command: read the files, call the toolkit, show the result.

mod data;
pub(crate) mod debug;
mod drift;
mod evaluate;
pub(crate) mod explain;
mod export;
mod feature_table;
pub(crate) mod features;
mod fetch;
mod inputs;
pub(crate) mod opened;
mod output_lock;
pub(crate) mod pipeline;
mod predict;
pub(crate) mod report;
mod serve;
mod train;
pub(crate) mod tune;
pub(crate) mod validate;
pub(crate) mod versioning;

use std::io::IsTerminal;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{ArgMatches, CommandFactory};
use mlops_data::calendar::{self, Day};
use mlops_data::{Contract, Table, Values, json, tables};
use mlops_disk as disk;
use mlops_features::online::{OnlineSettings, OnlineStore, open};
use mlops_learning::{Model, model_file};
use mlops_serving::{ServingError, observations_of, read_log};

pub use inputs::check_not_input;
pub use output_lock::OutputLock;

use crate::arguments::{Arguments, Command, reads_params};
use crate::output::print;
use crate::{Context, Failure, Outcome, Output, Project, parse, project};

pub(crate) fn run<P: Project>(project: &P, matches: &ArgMatches) -> Outcome<ExitCode> {
    let own = own_command(project, matches);
    let verbose = matches.get_count("verbose");
    start_logging(verbose);
    if let Some(folder) = matches.get_one::<std::path::PathBuf>("project") {
        std::env::set_current_dir(folder)
            .with_context(|| format!("{}: no folder to run in", folder.display()))?;
    }
    let set = matches
        .get_many("set")
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let context = Context {
        output: Output::new(matches.get_flag("json")),
        set,
    };
    let names = std::iter::successors(matches.subcommand(), |(_, below)| below.subcommand());
    let names: Vec<&str> = names.map(|(name, _)| name).collect();
    if !context.set.is_empty() && !reads_params(&names) {
        return Err(Failure::user(anyhow::anyhow!(
            "--set: `{}` reads no parameter. Stages and reports take theirs from params.yaml: change it there",
            names.join(" ")
        )));
    }
    if let Some(data) = own {
        return done(project.run_data(data, &context));
    }
    let command = parse::<Arguments>(matches)?.command;
    let (inputs, outputs) = (command.inputs(), command.outputs());
    let inputs: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
    let outputs: Vec<&Path> = outputs.iter().map(PathBuf::as_path).collect();
    check_not_input(&inputs, &outputs)?;
    let _lock = OutputLock::acquire(outputs.iter().copied())?;
    match command {
        Command::Data(command) => data::run(command, context),
        Command::Features(command) => features::run(project, command, context),
        Command::Train(arguments) => done(train::run(project, arguments, context)),
        Command::Tune(arguments) => done(tune::run(project, &arguments, &context)),
        Command::Curves(command) => done(tune::curves::run(project, &command, &context)),
        Command::Evaluate(arguments) => done(evaluate::run(arguments, context)),
        Command::Validate(arguments) => validate::run(project, arguments, &context),
        Command::Predict(arguments) => done(predict::run(project, arguments, context)),
        Command::Serve(arguments) => done(serve::run(project, arguments, context)),
        Command::Explain(arguments) => done(explain::run(project, arguments, &context)),
        Command::Debug(arguments) => done(debug::run(project, arguments, &context)),
        Command::Export(arguments) => done(export::run(arguments, &context)),
        Command::Drift(arguments) => drift::run(arguments, context),
        Command::Status(arguments) => versioning::status(&arguments, &context),
        Command::Versioning(command) => versioning::run(command, &context),
        Command::Pipeline(command) => pipeline::run(command, &context),
        Command::Report(arguments) => done(report::run(project, &arguments, &context)),
        Command::Completions { shell } => {
            let mut command = project::command(project, Arguments::command());
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command, project.name(), &mut script);
            print(&String::from_utf8_lossy(&script))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn done(outcome: Outcome<()>) -> Outcome<ExitCode> {
    outcome.map(|()| ExitCode::SUCCESS)
}

/// The arguments of `data`, if one of the project's own commands is asked for.
fn own_command<'a, P: Project>(project: &P, matches: &'a ArgMatches) -> Option<&'a ArgMatches> {
    let data = matches.subcommand_matches("data")?;
    let name = data.subcommand_name()?;
    project
        .data_commands()
        .iter()
        .any(|own| own.get_name() == name)
        .then_some(data)
}

fn start_logging(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // A second start, in a test that runs two commands, changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .without_time()
        .with_target(false)
        .try_init();
}

/// Reads a model file that needn't fit this program's features.
fn read_model(path: &Path) -> Outcome<(Model, String)> {
    needs(path, "train")?;
    let bytes = std::fs::read(path).map_err(|error| disk::DiskError::io("read", path, error))?;
    let model = model_file::decode(&bytes).map_err(|source| ServingError::Model {
        path: path.into(),
        source,
    })?;
    Ok((model, model_file::fingerprint(&bytes)))
}

/// Names the command that writes a file, if the file isn't there.
fn needs(path: &Path, command: &str) -> Outcome<()> {
    if path.exists() {
        return Ok(());
    }
    Err(Failure::user(anyhow::anyhow!(
        "{}: there is no such file; `{command}` writes it",
        path.display()
    )))
}

/// Reads observations to answer, store or learn from: values that the contract makes impossible
/// are refused.
fn read_observations(path: &Path, contract: &Contract, label: tables::LabelNeed) -> Outcome<Table> {
    if is_json(path) {
        return read_json(path, contract);
    }
    let reading = tables::read_observations(path, contract, tables::ReadOptions { label })?;
    say(path, &reading.warnings);
    Ok(reading.table)
}

/// Reads a table to look at, from CSV, Parquet or JSON lines, and says its warnings: what is
/// impossible in it is what one looks for.
fn read_table(path: &Path, contract: &Contract, label: tables::LabelNeed) -> Outcome<Table> {
    if is_json(path) {
        return read_json(path, contract);
    }
    let reading = tables::read(path, contract, tables::ReadOptions { label })?;
    say(path, &reading.warnings);
    Ok(reading.table)
}

/// Reads JSON lines: observations, or the prediction log of the service, which holds some.
fn read_json(path: &Path, contract: &Contract) -> Outcome<Table> {
    match read_log(path)? {
        Some(answers) => Ok(observations_of(&answers, contract)?),
        None => Ok(json::read_json_lines(path, contract)?),
    }
}

/// Opens the online store that the command line gives, or else the one that the project names. A file that the
/// project names must lie in it: a cloned project's could be anywhere.
fn open_online(
    settings: &OnlineSettings,
    given: Option<String>,
    context: &Context,
) -> Outcome<Box<dyn OnlineStore>> {
    let named_here = given.is_some() || context.sets("online.store");
    let store = given.unwrap_or_else(|| settings.store.clone());
    if !store.contains("://") {
        mlops_repository::path::check_output(&store).map_err(|why| {
            Failure::user(anyhow::anyhow!(
                "the online store {store:?} {why}: name another file"
            ))
        })?;
    }
    if !named_here && !store.contains("://") {
        mlops_disk::inside(Path::new("."), Path::new(&store))?;
    }
    let settings = OnlineSettings {
        store,
        ..settings.clone()
    };
    Ok(open(&settings)?)
}

fn is_json(path: &Path) -> bool {
    let ending = path.extension();
    ending.is_some_and(|ending| ending == "jsonl" || ending == "ndjson")
}

fn say(path: &Path, warnings: &[String]) {
    for warning in warnings {
        tracing::warn!("{}: {warning}", path.display());
    }
}

/// The day that an argument names.
fn parse_day(argument: &str, text: &str) -> Outcome<Day> {
    calendar::parse_iso(text).ok_or_else(|| {
        Failure::user(anyhow::anyhow!(
            "{argument} is {text:?}: give a date as yyyy-mm-dd"
        ))
    })
}

/// The rows of a period, both ends included.
fn between(
    table: Table,
    contract: &Contract,
    from: Option<Day>,
    until: Option<Day>,
) -> Outcome<Table> {
    let Some(Values::Date(days)) = table.get(&contract.time) else {
        return Err(Failure::user(anyhow::anyhow!(
            "the table has no dates in {:?}",
            contract.time
        )));
    };
    let period = from.unwrap_or(Day::MIN)..=until.unwrap_or(Day::MAX);
    let keep: Vec<bool> = days.iter().map(|day| period.contains(day)).collect();
    if !keep.contains(&true) {
        return Err(Failure::user(anyhow::anyhow!(
            "no row of the table lies in the period asked for"
        )));
    }
    Ok(table.filter(&keep))
}

/// Writes a result for programs and for Git: indented JSON, a newline at the end.
fn write_json(path: &Path, value: &impl serde::Serialize) -> Outcome<()> {
    let text = serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?;
    write_file(path, format!("{text}\n").as_bytes())
}

/// Writes a whole table or nothing, and its folder if need be. `missing` are the words that mean "missing"
/// where it is read again.
fn write_table(path: &Path, table: &Table, missing: &[String]) -> Outcome<()> {
    write_folder(path)?;
    Ok(tables::write_apart_from(missing, path, table)?)
}

/// Makes the folder of a file that is to be written. A relative path must stay in the working folder, links
/// resolved: a cloned project may hold `metrics` as a link to anywhere. Whoever means a place elsewhere says so, by
/// an absolute path or by `..` on the command line; paths from a project's files pass [`disk::inside`] where they are
/// read.
///
/// # Errors
/// If the path leads out, or the system refuses.
pub fn write_folder(path: &Path) -> Outcome<()> {
    let is_named_elsewhere =
        path.is_absolute() || path.components().any(|part| part == Component::ParentDir);
    if !is_named_elsewhere {
        disk::inside(Path::new("."), path)?;
    }
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        disk::create_dir_all(folder)?;
    }
    Ok(())
}

/// Writes a whole file or nothing, and its folder if need be.
///
/// # Errors
/// If the system refuses.
pub fn write_file(path: &Path, bytes: &[u8]) -> Outcome<()> {
    write_folder(path)?;
    Ok(disk::write_whole(path, bytes)?)
}
