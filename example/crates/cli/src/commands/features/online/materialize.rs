//! `features materialize`: from the project's tables into the online store.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use mlops_data::calendar::{Day, format_iso};
use mlops_data::{Cell, Table, json, tables};
use mlops_features::definitions::{Definitions, Source};
use mlops_features::end_of;
use mlops_features::online::{Newest, Request, Start, materialize, next_start};
use serde::Serialize;

use super::super::super::{is_json, needs, say};
use super::Here;
use crate::output::thousands;
use crate::{Context, Failure, Outcome, Project};

#[derive(Debug, Args)]
pub(crate) struct TableArguments {
    /// The table: CSV, Parquet or JSON lines; without, the source's own, or `data.file` of params.yaml
    #[arg(value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Only this source of features.yaml; without, each of them
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
}

/// The first day of a source's incremental materialization.
pub(super) fn next(here: &Here, source: &str, now: Day) -> Outcome<Day> {
    let ttl = ttl(&here.definitions);
    Ok(next_start(&*here.store, source, Start { now, ttl })?)
}

/// The longest of the views' times to live; `None` if one of them is without limit.
fn ttl(definitions: &Definitions) -> Option<u32> {
    let views = definitions.views.iter();
    let days: Option<Vec<u32>> = views
        .map(|view| (view.ttl_days > 0).then(|| view.ttl_days.into()))
        .collect();
    days?.into_iter().max()
}

#[derive(Serialize)]
struct Done {
    source: String,
    store: String,
    /// The first day gone through, if one was asked for or an interrupted run was gone on with.
    from: Option<String>,
    until: String,
    resumed: bool,
    /// Observations of the period in the table.
    rows: usize,
    /// Those of them that the store has room for.
    kept: usize,
    changed: usize,
}

/// Materializes the sources that are asked for, each from the day that `from` gives for it.
pub(super) fn run<P: Project>(
    here: &Here,
    arguments: &TableArguments,
    until: Day,
    from: impl Fn(&str) -> Outcome<Day>,
    context: &Context,
) -> Outcome<()> {
    let definitions = &here.definitions;
    // A table given is of one source.
    let one = arguments.source.is_some() || arguments.file.is_some();
    let sources: Vec<&Source> = match one || definitions.sources.is_empty() {
        true => vec![definitions.source(arguments.source.as_deref())?],
        false => definitions.sources.iter().collect(),
    };
    for source in sources {
        let file = arguments.file.as_deref();
        let file = file.unwrap_or_else(|| here.params.file_of(source));
        let from = from(&source.name.value)?;
        from_table::<P>(here, source, file, from, until, context)?;
    }
    Ok(())
}

fn from_table<P: Project>(
    here: &Here,
    source: &Source,
    file: &Path,
    from: Day,
    until: Day,
    context: &Context,
) -> Outcome<()> {
    needs(file, "data import")?;
    let (contract, keep) = (&here.contract, here.store.keep());
    let (entity, time) = (&contract.entity, &contract.time);
    let mut newest = Newest::<P::Observation>::new(entity, time, from..=until, keep);
    if is_json(file) {
        let table = json::read_json_lines(file, contract)?;
        newest.add(0, &table, created(source, &table)?)?;
    } else {
        let options = tables::ReadOptions::without_label();
        let warnings = tables::read_parts(file, contract, options, |part| -> Outcome<()> {
            let first_row = part.first_row;
            let keys = part.columns(&[entity, time])?;
            if newest.passes_over(first_row, &keys)? {
                return Ok(());
            }
            let part = part.read()?;
            tables::refuse_rows(file, contract, first_row, &part)?;
            Ok(newest.add(first_row, &part, created(source, &part)?)?)
        })?;
        say(file, &warnings);
    }
    let request = Request {
        view: source.name.value.clone(),
        source: newest.fingerprint(),
        from,
        until,
    };
    let done = materialize(&*here.store, &request, |from, until| {
        newest.chunks(from, until)
    })?;
    let text = format!(
        "{} observations of {:?} until {}: the newest {}{} → {}\n{} of them were newer than what was there",
        thousands(newest.seen()),
        request.view,
        format_iso(until),
        thousands(done.rows),
        match done.resumed {
            true => format!(", gone on with from {}", format_iso(done.from)),
            false => String::new(),
        },
        here.store.place(),
        thousands(done.changed)
    );
    let done = Done {
        source: request.view,
        store: here.store.place(),
        from: (done.from > Day::MIN).then(|| format_iso(done.from)),
        until: format_iso(done.until),
        resumed: done.resumed,
        rows: newest.seen(),
        kept: done.rows,
        changed: done.changed,
    };
    Ok(context.output.show(&done, text)?)
}

/// When a row became known: at the end of the day that its column says, or of its own day.
fn created<'t>(
    source: &Source,
    table: &'t Table,
) -> Outcome<impl Fn(usize, Day) -> i64 + Sync + use<'t>> {
    let column = match &source.created {
        Some(name) => Some(table.get(name).ok_or_else(|| {
            Failure::user(anyhow::anyhow!(
                "the table has no column {name:?}, which says when a row of source {:?} became known",
                source.name.value
            ))
        })?),
        None => None,
    };
    Ok(
        move |row, day| match column.map(|column| column.cell(row)) {
            Some(Cell::Date(known)) => end_of(known),
            _ => end_of(day),
        },
    )
}
