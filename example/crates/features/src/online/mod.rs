//! The online store: the latest observations of every entity, at hand in microseconds.
//!
//! It holds observations, not features: a request's features are computed when it
//! comes, by the same functions that trained the model. Two stores keep the same
//! promises: [`RedbStore`], a file beside the program, and [`RedisStore`], a server
//! that many processes share.
//!
//! - **Newer wins**, for each entity and day, in one atomic step: an observation is
//!   taken if there is none of its day, or if the one there was not created later.
//! - Of each entity the newest days are kept, as many as the store was opened for.
//! - From both follows: whatever the order in which the same observations arrive, and
//!   however often, the store holds the same in the end. (Of two for the same day that
//!   were created in the same microsecond and differ, the last pushed holds.)

mod around;
mod cells;
mod error;
mod materialize;
mod newest;
mod open;
#[cfg(feature = "redb")]
mod packed;
#[cfg(feature = "redb")]
mod redb_store;
#[cfg(feature = "redis")]
mod redis_store;
#[cfg(any(feature = "redb", feature = "redis"))]
mod rows;
mod table;
mod vector;

use mlops_data::calendar::Day;

use crate::Extent;

pub use around::{Around, Coverage, OnlineWindows};
pub use cells::{CellsError, Schema};
pub use error::{OnlineError, OnlineResult};
pub use materialize::{Chunk, Materialized, Request, Start, last_end, materialize, next_start};
pub use newest::Newest;
pub use open::{OnlineSettings, open};
#[cfg(feature = "redb")]
pub use redb_store::RedbStore;
#[cfg(feature = "redis")]
pub use redis_store::RedisStore;
pub use table::TableSource;
pub use vector::{OnlineVector, Status, get_online_features};

/// One observation as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its event time: the day it is of.
    pub day: Day,
    /// When it became known: microseconds since 1970-01-01 UTC.
    pub created: i64,
    /// Its values, as [`Schema::encode`] wrote them. A store doesn't look inside.
    pub cells: Vec<u8>,
}

/// The same, in the store's own memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredRef<'a> {
    /// The day it is of.
    pub day: Day,
    /// When it became known: microseconds since 1970-01-01 UTC.
    pub created: i64,
    /// Its encoded values.
    pub cells: &'a [u8],
}

/// The observations wanted of one entity: those of `from <= day <= until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span<'a> {
    /// The entity.
    pub entity: &'a str,
    /// The first day wanted; `Day::MIN` for all there are.
    pub from: Day,
    /// The last day wanted.
    pub until: Day,
}

/// Is shown an observation, and which of the spans it belongs to.
pub type Visit<'v> = dyn FnMut(usize, StoredRef<'_>) -> OnlineResult<()> + 'v;

/// A place that holds the latest observations of each entity of a view.
///
/// Names of views and entities may be any text. All methods may be called from many
/// threads at once.
pub trait OnlineStore: std::fmt::Debug + Send + Sync {
    /// Stores observations, each with its entity; the newer wins. Those of one entity
    /// in one call are stored in one atomic step. Gives how many of the store's
    /// observations are other than before: none, if the same is pushed again.
    ///
    /// # Errors
    /// If the store can't be written, or holds what isn't its own. What the call had
    /// stored by then stays; pushing it again does no harm.
    fn push(&self, view: &str, rows: &[(String, Stored)]) -> OnlineResult<usize>;

    /// Shows the observations of each span, the newest first, in one round trip for
    /// all of them. Spans come in any order.
    ///
    /// # Errors
    /// If the store can't be read or holds what isn't its own, and what `visit` fails with.
    fn scan(&self, view: &str, spans: &[Span<'_>], visit: &mut Visit<'_>) -> OnlineResult<()>;

    /// What was noted about a view under this name.
    ///
    /// # Errors
    /// If the store can't be read.
    fn note(&self, view: &str, name: &str) -> OnlineResult<Option<Vec<u8>>>;

    /// Notes something about a view, or with `None` forgets it.
    ///
    /// # Errors
    /// If the store can't be written.
    fn set_note(&self, view: &str, name: &str, value: Option<&[u8]>) -> OnlineResult<()>;

    /// Proves by a small write that observations of the view can be stored now.
    ///
    /// # Errors
    /// If the store can't be written.
    fn check_writable(&self, view: &str) -> OnlineResult<()> {
        self.set_note(view, "last check", Some(b"passed"))
    }

    /// How many days of an entity are kept.
    fn keep(&self) -> u16;

    /// Where it is, for messages; without a password.
    fn place(&self) -> String;

    /// Refuses windows of more days than are kept: they would always lack some.
    ///
    /// # Errors
    /// If too few days are kept.
    fn check_keep(&self, extent: Extent) -> OnlineResult<()> {
        let needed = extent.days.max(extent.neighbour_days).saturating_add(1);
        if self.keep() >= needed {
            return Ok(());
        }
        Err(OnlineError::Place {
            place: self.place(),
            message: format!(
                "`keep` is {}, and a window of these features reaches over {needed} days: keep at least so many, and materialize again",
                self.keep()
            ),
        })
    }

    /// The observations of each span, in ascending order of day.
    ///
    /// # Errors
    /// As [`scan`](Self::scan).
    fn read(&self, view: &str, spans: &[Span<'_>]) -> OnlineResult<Vec<Vec<Stored>>> {
        let mut found = vec![Vec::new(); spans.len()];
        self.scan(view, spans, &mut |at, row| {
            if let Some(rows) = found.get_mut(at) {
                rows.push(Stored {
                    day: row.day,
                    created: row.created,
                    cells: row.cells.to_vec(),
                });
            }
            Ok(())
        })?;
        for rows in &mut found {
            rows.reverse();
        }
        Ok(found)
    }
}
