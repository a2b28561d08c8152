use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition, TableError};

use super::packed::{Packed, merge};
use super::rows::{by_entity, check_rows};
use super::{OnlineError, OnlineResult, OnlineStore, Span, Stored, Visit};

/// Of each view and entity its packed days.
const DAYS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("days");
/// Of each view and name a note.
const NOTES: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("notes");
/// Memory for pages that were read; the system caches the file besides.
const CACHE: usize = 64 << 20;
/// How often a file is tried that another process has open.
const TRY_EVERY: Duration = Duration::from_millis(2);

/// The online store in a file, for one process at a time.
///
/// A push is a transaction: when it returns, the observations are on the disk, and
/// killed at any moment it leaves the state of before or of after. Readers never
/// wait for writers.
pub struct RedbStore {
    database: Database,
    path: PathBuf,
    keep: u16,
}

impl std::fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedbStore")
            .field("path", &self.path)
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}

impl RedbStore {
    /// Opens the file, or makes it and the folders above it. `keep` is the number of
    /// days kept of each entity, at least 1. While another process has the file open,
    /// it waits up to `patience`.
    ///
    /// # Errors
    /// If the file can't be opened, isn't a store, or is still in use by then.
    pub fn open(path: &Path, keep: u16, patience: Duration) -> OnlineResult<Self> {
        let failed = |doing, reason: String| OnlineError::File {
            path: path.display().to_string(),
            doing,
            reason,
        };
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|error| failed("make its folder", error.to_string()))?;
        }
        let database = wait_for(path, patience, || {
            Database::builder().set_cache_size(CACHE).create(path)
        })?;
        let store = RedbStore {
            database,
            path: path.into(),
            keep: keep.max(1),
        };
        store.make_tables()?;
        Ok(store)
    }

    /// So that readers always find them.
    fn make_tables(&self) -> OnlineResult<()> {
        let read = self.transaction("be read", |db| db.begin_read())?;
        match read.open_table(NOTES) {
            Ok(_) => Ok(()),
            Err(TableError::TableDoesNotExist(_)) => {
                let write = self.transaction("be made", |db| db.begin_write())?;
                write
                    .open_table(DAYS)
                    .map_err(|error| self.failed("be made", error))?;
                write
                    .open_table(NOTES)
                    .map_err(|error| self.failed("be made", error))?;
                write
                    .commit()
                    .map_err(|error| self.failed("be made", error))
            }
            Err(error) => Err(self.failed("be read", error)),
        }
    }

    fn transaction<T, E: std::fmt::Display>(
        &self,
        doing: &'static str,
        begin: impl FnOnce(&Database) -> Result<T, E>,
    ) -> OnlineResult<T> {
        begin(&self.database).map_err(|error| self.failed(doing, error))
    }

    fn failed(&self, doing: &'static str, reason: impl std::fmt::Display) -> OnlineError {
        OnlineError::File {
            path: self.place(),
            doing,
            reason: reason.to_string(),
        }
    }
}

/// Opens as soon as no other process has the file open.
fn wait_for(
    path: &Path,
    patience: Duration,
    open: impl Fn() -> Result<Database, DatabaseError>,
) -> OnlineResult<Database> {
    let start = Instant::now();
    loop {
        match open() {
            Ok(database) => return Ok(database),
            Err(DatabaseError::DatabaseAlreadyOpen) if start.elapsed() < patience => {
                std::thread::sleep(TRY_EVERY);
            }
            Err(DatabaseError::DatabaseAlreadyOpen) => {
                return Err(OnlineError::InUse {
                    path: path.display().to_string(),
                    waited: patience.as_secs(),
                });
            }
            Err(error) => {
                return Err(OnlineError::File {
                    path: path.display().to_string(),
                    doing: "be opened",
                    reason: error.to_string(),
                });
            }
        }
    }
}

fn damaged(view: &str, entity: &str, what: &str) -> OnlineError {
    OnlineError::Damaged {
        view: view.into(),
        entity: entity.into(),
        day: None,
        what: what.into(),
    }
}

impl OnlineStore for RedbStore {
    fn push(&self, view: &str, rows: &[(String, Stored)]) -> OnlineResult<usize> {
        const DOING: &str = "be written";
        check_rows(view, rows)?;
        let mut taken = 0;
        let write = self.transaction(DOING, |db| db.begin_write())?;
        {
            let mut table = write
                .open_table(DAYS)
                .map_err(|error| self.failed(DOING, error))?;
            for (entity, rows) in by_entity(rows) {
                let merged = {
                    let old = table
                        .get((view, entity))
                        .map_err(|error| self.failed(DOING, error))?;
                    merge(old.as_ref().map(|old| old.value()), &rows, self.keep)
                        .map_err(|what| damaged(view, entity, what))?
                };
                if let Some((value, new)) = merged {
                    table
                        .insert((view, entity), value.as_slice())
                        .map_err(|error| self.failed(DOING, error))?;
                    taken += new;
                }
            }
        }
        // Nothing new: nothing to wait for the disk for.
        if taken == 0 {
            write.abort().map_err(|error| self.failed(DOING, error))?;
        } else {
            write.commit().map_err(|error| self.failed(DOING, error))?;
        }
        Ok(taken)
    }

    fn scan(&self, view: &str, spans: &[Span<'_>], visit: &mut Visit<'_>) -> OnlineResult<()> {
        const DOING: &str = "be read";
        let read = self.transaction(DOING, |db| db.begin_read())?;
        let table = read
            .open_table(DAYS)
            .map_err(|error| self.failed(DOING, error))?;
        for (at, span) in spans.iter().enumerate() {
            let found = table
                .get((view, span.entity))
                .map_err(|error| self.failed(DOING, error))?;
            let Some(found) = found else { continue };
            let packed =
                Packed::open(found.value()).map_err(|what| damaged(view, span.entity, what))?;
            for row in packed.rows() {
                let row = row.map_err(|what| damaged(view, span.entity, what))?;
                if row.day < span.from {
                    break;
                }
                if row.day <= span.until {
                    visit(at, row)?;
                }
            }
        }
        Ok(())
    }

    fn note(&self, view: &str, name: &str) -> OnlineResult<Option<Vec<u8>>> {
        const DOING: &str = "be read";
        let read = self.transaction(DOING, |db| db.begin_read())?;
        let table = read
            .open_table(NOTES)
            .map_err(|error| self.failed(DOING, error))?;
        let found = table
            .get((view, name))
            .map_err(|error| self.failed(DOING, error))?;
        Ok(found.map(|value| value.value().to_vec()))
    }

    fn set_note(&self, view: &str, name: &str, value: Option<&[u8]>) -> OnlineResult<()> {
        const DOING: &str = "be written";
        let write = self.transaction(DOING, |db| db.begin_write())?;
        {
            let mut table = write
                .open_table(NOTES)
                .map_err(|error| self.failed(DOING, error))?;
            match value {
                Some(value) => table.insert((view, name), value),
                None => table.remove((view, name)),
            }
            .map_err(|error| self.failed(DOING, error))?;
        }
        write.commit().map_err(|error| self.failed(DOING, error))
    }

    fn keep(&self) -> u16 {
        self.keep
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }
}
