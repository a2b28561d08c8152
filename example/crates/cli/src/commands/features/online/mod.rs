//! The online store: observations in, features out.

mod get;
mod materialize;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand, ValueHint};
use mlops_data::calendar::Day;
use mlops_data::{Contract, tables};
use mlops_features::definitions::Definitions;
use mlops_features::online::{OnlineStore, TableSource};
use mlops_features::{DAY_MICROS, end_of};
use serde::Serialize;

use super::super::{open_online, parse_day, read_observations};
use crate::output::thousands;
use crate::params::Params;
use crate::{Context, Outcome, Project};

use materialize::TableArguments;

#[derive(Debug, Subcommand)]
pub(crate) enum OnlineCommand {
    /// Bring the observations of a period into the online store
    Materialize {
        #[command(flatten)]
        table: TableArguments,
        /// The first day, yyyy-mm-dd; without, the table's first
        #[arg(long, value_name = "DAY")]
        from: Option<String>,
        /// The last day; without, today
        #[arg(long, value_name = "DAY")]
        until: Option<String>,
    },
    /// Bring in what came since the last materialization ended
    MaterializeIncremental {
        #[command(flatten)]
        table: TableArguments,
        /// The last day; without, today
        #[arg(long, value_name = "DAY")]
        until: Option<String>,
    },
    /// Put observations into the online store as they come: they are known from now on
    Push {
        /// CSV, Parquet or JSON lines
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// The source that they are of, if features.yaml declares several
        #[arg(long, value_name = "NAME")]
        source: Option<String>,
        #[command(flatten)]
        clock: ClockArguments,
    },
    /// Compute features from the latest observations in the online store
    GetOnline {
        /// Whose
        #[arg(required = true)]
        entities: Vec<String>,
        /// Take this model's features and what they learned
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        model: Option<PathBuf>,
        /// Without a model: the feature table that the features' state stands beside
        #[arg(long, default_value = "data/features.parquet", value_hint = ValueHint::FilePath)]
        table: PathBuf,
        /// Ask so many times more, one after the other, and say how long an answer takes
        #[arg(long, value_name = "TIMES", default_value_t = 0)]
        repeat: usize,
        #[command(flatten)]
        clock: ClockArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ClockArguments {
    /// Do as if it were the end of this day, yyyy-mm-dd
    #[arg(long, value_name = "DAY")]
    now: Option<String>,
}

impl ClockArguments {
    /// Microseconds since 1970-01-01 UTC.
    fn now(&self) -> Outcome<i64> {
        match &self.now {
            Some(day) => Ok(end_of(parse_day("--now", day)?)),
            None => system_clock(),
        }
    }
}

fn system_clock() -> Outcome<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.map_err(anyhow::Error::from)?;
    Ok(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

fn today() -> Outcome<Day> {
    let day = system_clock()?.div_euclid(DAY_MICROS);
    Ok(Day::try_from(day).unwrap_or(Day::MAX))
}

/// What every command here needs.
struct Here {
    params: Params,
    contract: Contract,
    definitions: Definitions,
    store: Box<dyn OnlineStore>,
}

impl Here {
    fn open(context: &Context) -> Outcome<Here> {
        let params = context.params()?;
        let contract = context.contract()?;
        Ok(Here {
            definitions: context.definitions(&contract)?,
            store: open_online(&params.online, None, context)?,
            params,
            contract,
        })
    }
}

pub(super) fn run<P: Project>(
    project: &P,
    command: OnlineCommand,
    context: &Context,
) -> Outcome<()> {
    let here = Here::open(context)?;
    let day = |name, day: Option<String>| day.map(|day| parse_day(name, &day)).transpose();
    match command {
        OnlineCommand::Materialize { table, from, until } => {
            let from = day("--from", from)?.unwrap_or(Day::MIN);
            let until = day("--until", until)?.map_or_else(today, Ok)?;
            materialize::run::<P>(&here, &table, until, |_| Ok(from), context)
        }
        OnlineCommand::MaterializeIncremental { table, until } => {
            let until = day("--until", until)?.map_or_else(today, Ok)?;
            // As of the day asked for: in a replay, that is now.
            let now = until.min(today()?);
            let from = |source: &str| materialize::next(&here, source, now);
            materialize::run::<P>(&here, &table, until, from, context)
        }
        OnlineCommand::Push {
            file,
            source,
            clock,
        } => push::<P>(&here, &file, source.as_deref(), clock.now()?, context),
        OnlineCommand::GetOnline {
            entities,
            model,
            table,
            repeat,
            clock,
        } => {
            let (service, state) =
                get::features(project, &here, model.as_deref(), &table, context)?;
            let asked = (&entities[..], clock.now()?, repeat);
            get::run(&here, &service, &state, asked, context)
        }
    }
}

#[derive(Serialize)]
struct Pushed {
    source: String,
    store: String,
    rows: usize,
    changed: usize,
}

fn push<P: Project>(
    here: &Here,
    file: &Path,
    source: Option<&str>,
    now: i64,
    context: &Context,
) -> Outcome<()> {
    let source = here.definitions.source(source)?.name.value.clone();
    let table = read_observations(file, &here.contract, tables::LabelNeed::Optional)?;
    let rows = TableSource::<P::Observation>::new(&table)?.rows(|_, _| now)?;
    let pushed = Pushed {
        changed: here.store.push(&source, &rows)?,
        source,
        store: here.store.place(),
        rows: rows.len(),
    };
    let text = format!(
        "{} observations of {:?} → {}\n{} of them were newer than what was there",
        thousands(pushed.rows),
        pushed.source,
        pushed.store,
        thousands(pushed.changed)
    );
    Ok(context.output.show(&pushed, text)?)
}
