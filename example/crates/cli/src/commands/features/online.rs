//! The online store: observations in, features out.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand, ValueHint};
use mlops_data::calendar::{Day, format_iso};
use mlops_data::{Cell, Contract, Table, tables};
use mlops_features::definitions::{Definitions, Source};
use mlops_features::online::{
    OnlineStore, OnlineVector, OnlineWindows, Request, Start, Status, TableSource,
    get_online_features, materialize, next_start, open,
};
use mlops_features::{DAY_MICROS, FeatureService, FeatureState, end_of};
use mlops_serving::Inference;
use serde::Serialize;

use super::super::{needs, parse_day, read_table};
use super::timing::Timing;
use super::{beside, declared, stored};
use crate::output::thousands;
use crate::params::Params;
use crate::{Context, Failure, Outcome, Project};

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
pub(crate) struct TableArguments {
    /// The table: CSV, Parquet or JSON lines; without, `data.file` of params.yaml
    #[arg(value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
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
            store: open(&params.online)?,
            params,
            contract,
        })
    }

    /// Where the project's observations come from: they are stored under its name.
    fn source(&self) -> Outcome<&Source> {
        self.definitions.sources.first().ok_or_else(|| {
            Failure::user(anyhow::anyhow!(
                "{} declares no source: the online store keeps the observations of one",
                self.definitions.path().display()
            ))
        })
    }
}

pub(super) fn run<P: Project>(
    project: &P,
    command: OnlineCommand,
    context: &Context,
) -> Outcome<()> {
    let here = Here::open(context)?;
    match command {
        OnlineCommand::Materialize { table, from, until } => {
            let day = |name, day: Option<String>| day.map(|day| parse_day(name, &day)).transpose();
            let from = day("--from", from)?;
            let until = day("--until", until)?.map_or_else(today, Ok)?;
            materialize_table::<P>(&here, &table, from, until, context)
        }
        OnlineCommand::MaterializeIncremental { table, until } => {
            let now = today()?;
            let until = until.map(|day| parse_day("--until", &day)).transpose()?;
            let until = until.unwrap_or(now);
            let ttl = ttl(&here.definitions);
            // As of the day asked for: in a replay, that is now.
            let start = Start {
                now: until.min(now),
                ttl,
            };
            let from = next_start(&*here.store, &here.source()?.name.value, start)?;
            materialize_table::<P>(&here, &table, Some(from), until, context)
        }
        OnlineCommand::Push { file, clock } => push::<P>(&here, &file, clock.now()?, context),
        OnlineCommand::GetOnline {
            entities,
            model,
            table,
            repeat,
            clock,
        } => {
            let (service, state) = features(project, &here, model.as_deref(), &table, context)?;
            let asked = (&entities[..], clock.now()?, repeat);
            get_online(&here, &service, &state, asked, context)
        }
    }
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
    rows: usize,
    changed: usize,
}

fn materialize_table<P: Project>(
    here: &Here,
    arguments: &TableArguments,
    from: Option<Day>,
    until: Day,
    context: &Context,
) -> Outcome<()> {
    let source = here.source()?;
    let declared = source.file.as_ref().unwrap_or(&here.params.data.file);
    let file = arguments.file.as_ref().unwrap_or(declared);
    needs(file, "data import")?;
    let table = read_table(file, &here.contract, tables::LabelNeed::Optional)?;
    let rows = TableSource::<P::Observation>::new(&table)?;
    let created = created(source, &table)?;
    let request = Request {
        view: source.name.value.clone(),
        source: stored::hash(file)?,
        from: from.unwrap_or(Day::MIN),
        until,
    };
    let done = materialize(&*here.store, &request, |from, until| {
        rows.chunks(from, until, &created)
    })?;
    let text = format!(
        "{} observations of {:?} until {}{} → {}\n{} of them were newer than what was there",
        thousands(done.rows),
        request.view,
        format_iso(until),
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
        rows: done.rows,
        changed: done.changed,
    };
    Ok(context.output.show(&done, text)?)
}

/// When a row became known: at the end of the day that its column says, or of its own day.
fn created<'t>(source: &Source, table: &'t Table) -> Outcome<impl Fn(usize, Day) -> i64 + use<'t>> {
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

#[derive(Serialize)]
struct Pushed {
    source: String,
    store: String,
    rows: usize,
    changed: usize,
}

fn push<P: Project>(here: &Here, file: &Path, now: i64, context: &Context) -> Outcome<()> {
    let table = read_table(file, &here.contract, tables::LabelNeed::Optional)?;
    let rows = TableSource::<P::Observation>::new(&table)?.rows(|_, _| now)?;
    let source = here.source()?.name.value.clone();
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

/// The features that are asked for, and what they learned.
fn features<P: Project>(
    project: &P,
    here: &Here,
    model: Option<&Path>,
    table: &Path,
    context: &Context,
) -> Outcome<(FeatureService<P::Observation>, FeatureState)> {
    if let Some(model) = model {
        needs(model, "train")?;
        let model = Inference::open(model, &project.registry(), here.contract.clone())?;
        return Ok(model.into_features());
    }
    let service = declared(project, &here.params, context, &here.contract)?;
    Ok((service, beside::state(table)?))
}

#[derive(Serialize)]
struct Answer {
    features: Vec<String>,
    results: Vec<Given>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timing: Option<Timing>,
}

#[derive(Serialize)]
struct Given {
    entity: String,
    event: Option<String>,
    values: Vec<Option<f32>>,
    statuses: Vec<Status>,
}

fn get_online<O: mlops_features::Observation>(
    here: &Here,
    service: &FeatureService<O>,
    state: &FeatureState,
    (entities, now, repeat): (&[String], i64, usize),
    context: &Context,
) -> Outcome<()> {
    let extent = service.extent();
    let needed = extent.days.max(extent.neighbour_days).saturating_add(1);
    if here.store.keep() < needed {
        return Err(Failure::user(anyhow::anyhow!(
            "online.keep of params.yaml is {}, and service {:?} reads {needed} days: keep at least so many, and materialize again",
            here.store.keep(),
            service.name()
        )));
    }
    let view = here.source()?.name.value.as_str();
    let windows = OnlineWindows::new(&*here.store, view, &state.reference, extent);
    let ttl: Vec<u16> = service
        .features()
        .iter()
        .map(|feature| {
            let view = here.definitions.find(&feature.name);
            view.map_or(0, |(view, _)| view.ttl_days)
        })
        .collect();
    let answer = |entity: &String| -> Outcome<OnlineVector> {
        let vector = get_online_features(&windows, service, &ttl, entity, now);
        Ok(vector?)
    };
    let results = entities.iter().map(answer);
    let results = results.collect::<Outcome<Vec<OnlineVector>>>()?;
    let timing = Timing::of(entities.iter().cycle().take(repeat), answer)?;
    let names = service.names();
    let text = results.iter().map(|vector| shown(vector, &names));
    let mut text = text.collect::<Vec<_>>().join("\n");
    if let Some(timing) = &timing {
        text.push_str(&format!("\n{timing}"));
    }
    let answer = Answer {
        features: names,
        results: results.into_iter().map(Given::from).collect(),
        timing,
    };
    Ok(context.output.show(&answer, text)?)
}

impl From<OnlineVector> for Given {
    fn from(vector: OnlineVector) -> Self {
        Given {
            entity: vector.entity,
            event: vector.event.map(format_iso),
            values: vector.values,
            statuses: vector.statuses,
        }
    }
}

/// A vector for people: what isn't there is said, not left out.
fn shown(vector: &OnlineVector, names: &[String]) -> String {
    let Some(event) = vector.event else {
        return format!("{}: nothing is known of it\n", vector.entity);
    };
    let mut text = format!("{}, {}\n", vector.entity, format_iso(event));
    let width = names.iter().map(String::len).max().unwrap_or(0);
    for ((name, value), status) in names.iter().zip(&vector.values).zip(&vector.statuses) {
        let value = match (value, status) {
            (Some(value), _) => value.to_string(),
            (None, Status::OutsideMaxAge) => "too old".into(),
            (None, _) => "missing".into(),
        };
        text.push_str(&format!("  {name:<width$}  {value}\n"));
    }
    text
}
