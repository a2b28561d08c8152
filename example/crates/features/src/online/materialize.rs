use mlops_data::calendar::{Day, format_iso};
use serde::{Deserialize, Serialize};

use super::{OnlineError, OnlineResult, OnlineStore, Stored};

/// The note of how far a view's materialization has come.
const RUNNING: &str = "materializing";
/// The note of the last day of the last finished materialization.
const LAST_END: &str = "materialized until";

/// Observations of some days of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// With this chunk, all observations up to this day have been handed over.
    pub through: Day,
    /// The observations, each with its entity, of days after the last chunk's `through`.
    pub rows: Vec<(String, Stored)>,
}

/// What to materialize.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The view.
    pub view: String,
    /// What identifies the source's content, such as its hash: an interrupted
    /// materialization is only gone on with from the same source.
    pub source: String,
    /// The first day.
    pub from: Day,
    /// The last day.
    pub until: Day,
}

/// What a materialization did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Materialized {
    /// The first day gone through: later than asked for if an interrupted run was gone on with.
    pub from: Day,
    /// The last day.
    pub until: Day,
    /// Whether an interrupted run was gone on with.
    pub resumed: bool,
    /// Observations handed over.
    pub rows: usize,
    /// Observations that were newer than what the store held when they came. Those of
    /// days beyond what it keeps may have fallen off since.
    pub changed: usize,
}

/// How far an unfinished materialization has come.
#[derive(Debug, Serialize, Deserialize)]
struct Running {
    source: String,
    from: Day,
    through: Day,
}

/// Where an incremental materialization starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Today, by the caller's clock.
    pub now: Day,
    /// The view's time to live in days; `None` is without limit.
    pub ttl: Option<u32>,
}

/// Brings the observations of a source into the store, a chunk at a time.
///
/// `chunks` is asked for the days from the first to the last given, in ascending
/// order; only one chunk is in memory at once. After each the store notes how far it
/// has come: killed in between, the same request goes on from there. To run it again
/// over the same source changes nothing.
///
/// # Errors
/// If the source fails or hands over days out of order, or the store can't be written.
pub fn materialize<I, E>(
    store: &dyn OnlineStore,
    request: &Request,
    chunks: impl FnOnce(Day, Day) -> I,
) -> OnlineResult<Materialized>
where
    I: IntoIterator<Item = Result<Chunk, E>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let view = request.view.as_str();
    let resumed_from = interrupted(store, request)?;
    let mut done = Materialized {
        from: resumed_from.unwrap_or(request.from),
        until: request.until,
        resumed: resumed_from.is_some(),
        rows: 0,
        changed: 0,
    };
    if done.from <= request.until {
        let mut next = done.from;
        for chunk in chunks(done.from, request.until) {
            let chunk = chunk.map_err(|error| OnlineError::SourceFailed {
                view: view.into(),
                source: error.into(),
            })?;
            check_chunk(view, &chunk, next, request.until)?;
            done.changed += store.push(view, &chunk.rows)?;
            done.rows += chunk.rows.len();
            // After the last there is nothing to go on with, and each note waits for the disk.
            if chunk.through < request.until {
                let running = Running {
                    source: request.source.clone(),
                    from: request.from,
                    through: chunk.through,
                };
                set(store, view, RUNNING, Some(&running))?;
            }
            next = chunk.through.saturating_add(1);
        }
    }
    let end = last_end(store, view)?;
    if request.from <= request.until && end.is_none_or(|end| end < request.until) {
        set(store, view, LAST_END, Some(&request.until))?;
    }
    if store.note(view, RUNNING)?.is_some() {
        set::<Running>(store, view, RUNNING, None)?;
    }
    Ok(done)
}

/// The last day of the view's last finished materialization.
///
/// # Errors
/// If the store can't be read.
pub fn last_end(store: &dyn OnlineStore, view: &str) -> OnlineResult<Option<Day>> {
    get(store, view, LAST_END)
}

/// The first day of an incremental materialization: the last end, which is gone
/// through again for what came in late that day; without one, so far back that the
/// store has all that counts as fresh and all the days it keeps.
///
/// # Errors
/// If the store can't be read.
pub fn next_start(store: &dyn OnlineStore, view: &str, start: Start) -> OnlineResult<Day> {
    let back = start.ttl.map(|ttl| {
        start
            .now
            .saturating_sub_unsigned(ttl.max(store.keep().into()))
    });
    Ok(last_end(store, view)?.or(back).unwrap_or(Day::MIN))
}

/// Where to go on, if this very request was interrupted.
fn interrupted(store: &dyn OnlineStore, request: &Request) -> OnlineResult<Option<Day>> {
    let running = get::<Running>(store, &request.view, RUNNING)?;
    Ok(running
        .filter(|running| running.source == request.source && running.from == request.from)
        .map(|running| running.through.saturating_add(1)))
}

/// What would break going on after an interruption is refused, not stored.
fn check_chunk(view: &str, chunk: &Chunk, next: Day, until: Day) -> OnlineResult<()> {
    let refused = |message| OnlineError::Source {
        view: view.into(),
        message,
    };
    if chunk.through < next || chunk.through > until {
        return Err(refused(format!(
            "the source handed over a chunk through {}; days must ascend, and from {} to {} were asked for",
            format_iso(chunk.through),
            format_iso(next),
            format_iso(until)
        )));
    }
    let outside = |row: &&(String, Stored)| row.1.day < next || row.1.day > chunk.through;
    match chunk.rows.iter().find(outside) {
        None => Ok(()),
        Some((entity, row)) => Err(refused(format!(
            "the source handed over {entity:?} of {} in a chunk of {} to {}",
            format_iso(row.day),
            format_iso(next),
            format_iso(chunk.through)
        ))),
    }
}

fn get<T: serde::de::DeserializeOwned>(
    store: &dyn OnlineStore,
    view: &str,
    name: &str,
) -> OnlineResult<Option<T>> {
    let Some(bytes) = store.note(view, name)? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| note_damaged(store, name, &error))
}

fn set<T: Serialize>(
    store: &dyn OnlineStore,
    view: &str,
    name: &str,
    value: Option<&T>,
) -> OnlineResult<()> {
    let value = value
        .map(serde_json::to_vec)
        .transpose()
        .map_err(|error| note_damaged(store, name, &error))?;
    store.set_note(view, name, value.as_deref())
}

fn note_damaged(store: &dyn OnlineStore, name: &str, error: &serde_json::Error) -> OnlineError {
    OnlineError::Place {
        place: store.place(),
        message: format!(
            "its note {name:?} is damaged ({error}): delete the store and materialize again"
        ),
    }
}
