use std::process::ExitCode;

use mlops_data::tables;
use mlops_monitoring::{DriftOptions, drift};

use super::{between, parse_day, read_table, write_file, write_json};
use crate::arguments::DriftArguments;
use crate::{Context, Outcome, Unit};

pub(super) fn run(arguments: DriftArguments, context: Context) -> Outcome<ExitCode> {
    let contract = context.contract()?;
    let read = |path| read_table(path, &contract, tables::LabelNeed::Optional);
    let until = arguments
        .reference_until
        .as_deref()
        .map(|day| parse_day("--reference-until", day))
        .transpose()?;
    let from = arguments
        .current_from
        .as_deref()
        .map(|day| parse_day("--current-from", day))
        .transpose()?;
    let progress = context.output.progress("reading both tables", Unit::Time);
    let reference = between(read(&arguments.reference)?, &contract, None, until)?;
    let current = between(read(&arguments.current)?, &contract, from, None)?;
    let options = DriftOptions {
        alpha: arguments.alpha,
        time: Some(contract.time.clone()),
        same_season: !arguments.any_season,
        ..DriftOptions::default()
    };
    progress.say("comparing their columns".into());
    let report = drift(&reference, &current, &options)?;
    drop(progress);
    if let Some(path) = &arguments.report {
        write_json(path, &report)?;
    }
    if let Some(path) = &arguments.svg {
        write_file(path, report.svg().as_bytes())?;
    }
    context.output.show(&report, &report)?;
    Ok(if report.drifted() {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}
