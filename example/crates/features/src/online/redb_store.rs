//! The online store in a file.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use redb::backends::FileBackend;
use redb::{Database, Error, ReadableDatabase, ReadableTable, TableDefinition, TableError};

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
/// How often at most a file is opened again after the disk failed: opening repairs it, which costs time.
const REOPEN_EVERY: Duration = Duration::from_millis(200);
/// Who runs the program may read it, nobody else. A file that is there keeps its mode.
const MODE: u32 = 0o600;

/// The online store in a file, for one process at a time.
///
/// A push is a transaction: when it returns, the observations are on the disk, and
/// killed at any moment it leaves the state of before or of after. Readers never
/// wait for writers.
///
/// After the disk failed, redb refuses everything until the file is opened again: the next call does that. So it
/// does if another file stands at the path, or none.
pub struct RedbStore {
    path: PathBuf,
    keep: u16,
    opened: RwLock<Opened>,
    /// The disk failed under the database that is open.
    failed: AtomicBool,
    open: Open,
}

/// Opens the database at a path.
type Open = fn(&Path) -> Result<Database, Failure>;

struct Opened {
    /// `None` if it couldn't be opened again.
    database: Option<Database>,
    /// Device and number of its file.
    identity: Option<(u64, u64)>,
    /// When it was last tried to open it, and why that failed.
    tried: Instant,
    reason: String,
}

impl std::fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedbStore")
            .field("path", &self.path)
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}

/// Why a transaction failed.
enum Failure {
    Redb(Error),
    Online(OnlineError),
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Redb(error.into())
    }
}

impl RedbStore {
    /// Opens the file, or makes it (for its owner only) and the folders above it. `keep` is the number of
    /// days kept of each entity, at least 1. While another process has the file open,
    /// it waits up to `timeout`.
    ///
    /// # Errors
    /// If the file can't be opened, isn't a store, or is still in use by then.
    pub fn open(path: &Path, keep: u16, timeout: Duration) -> OnlineResult<Self> {
        RedbStore::opened_by(open_file, path, keep, timeout)
    }

    fn opened_by(open: Open, path: &Path, keep: u16, timeout: Duration) -> OnlineResult<Self> {
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            mlops_disk::create_dir_all(folder)?;
        }
        let database = wait_for(path, timeout, open)?;
        let store = RedbStore {
            path: path.into(),
            keep: keep.max(1),
            opened: RwLock::new(Opened {
                database: Some(database),
                identity: identity(path),
                tried: Instant::now(),
                reason: String::new(),
            }),
            failed: AtomicBool::new(false),
            open,
        };
        store.make_tables()?;
        Ok(store)
    }

    /// So that readers always find them.
    fn make_tables(&self) -> OnlineResult<()> {
        let missing = self.with("be read", |database| {
            match database.begin_read()?.open_table(NOTES) {
                Ok(_) => Ok(false),
                Err(TableError::TableDoesNotExist(_)) => Ok(true),
                Err(error) => Err(error.into()),
            }
        })?;
        if !missing {
            return Ok(());
        }
        self.with("be made", |database| {
            let write = database.begin_write()?;
            write.open_table(DAYS)?;
            write.open_table(NOTES)?;
            Ok(write.commit()?)
        })
    }

    /// Does something with the database.
    fn with<T>(
        &self,
        doing: &'static str,
        act: impl FnOnce(&Database) -> Result<T, Failure>,
    ) -> OnlineResult<T> {
        let opened = self.usable(doing)?;
        let Some(database) = &opened.database else {
            return Err(file_error(&self.path, doing, &opened.reason));
        };
        act(database).map_err(|failure| match failure {
            Failure::Online(error) => error,
            Failure::Redb(error) => {
                if ends_the_database(&error) {
                    self.failed.store(true, Ordering::SeqCst);
                }
                file_error(&self.path, doing, error)
            }
        })
    }

    /// The database, opened again if that is necessary.
    fn usable(&self, doing: &'static str) -> OnlineResult<RwLockReadGuard<'_, Opened>> {
        // What is behind the lock is whole at every moment.
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        if self.is_current(&opened) {
            return Ok(opened);
        }
        drop(opened);
        self.reopen(doing)?;
        Ok(self.opened.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_current(&self, opened: &Opened) -> bool {
        opened.database.is_some()
            && !self.failed.load(Ordering::SeqCst)
            && identity(&self.path) == opened.identity
    }

    fn reopen(&self, doing: &'static str) -> OnlineResult<()> {
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        if self.is_current(&opened) {
            return Ok(()); // another thread was quicker
        }
        if opened.database.is_none() && opened.tried.elapsed() < REOPEN_EVERY {
            return Err(file_error(&self.path, doing, &opened.reason));
        }
        // Before it is opened again: a database is open once. Nobody reads it, since they hold the lock.
        opened.database = None;
        opened.tried = Instant::now();
        // Not created again: an empty store would answer, and nobody would notice.
        opened.identity = identity(&self.path);
        let found = match opened.identity {
            None => Err(file_error(&self.path, doing, "the file was removed")),
            Some(_) => wait_for(&self.path, Duration::ZERO, self.open),
        };
        match found {
            Ok(database) => {
                opened.database = Some(database);
                self.failed.store(false, Ordering::SeqCst);
                Ok(())
            }
            Err(error) => {
                opened.reason = error.to_string();
                Err(error)
            }
        }
    }
}

/// Whether redb refuses everything after this error.
fn ends_the_database(error: &Error) -> bool {
    use Error::{DatabaseClosed, Io, LockPoisoned, PreviousIo};
    matches!(error, Io(_) | PreviousIo | DatabaseClosed | LockPoisoned(_))
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

fn file_error(path: &Path, doing: &'static str, reason: impl ToString) -> OnlineError {
    OnlineError::File {
        path: path.display().to_string(),
        doing,
        reason: reason.to_string(),
    }
}

/// No link is followed: a cloned project could lead it onto any file.
fn open_file(path: &Path) -> Result<Database, Failure> {
    let file =
        mlops_disk::open_read_write(path, MODE).map_err(|error| Failure::Online(error.into()))?;
    Ok(builder().create_with_backend(FileBackend::new(file)?)?)
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    builder
}

/// Opens as soon as no other process has the file open.
fn wait_for(path: &Path, timeout: Duration, open: Open) -> OnlineResult<Database> {
    let start = Instant::now();
    loop {
        match open(path) {
            Ok(database) => return Ok(database),
            Err(Failure::Redb(Error::DatabaseAlreadyOpen)) if start.elapsed() < timeout => {
                std::thread::sleep(TRY_EVERY);
            }
            Err(Failure::Redb(Error::DatabaseAlreadyOpen)) => {
                return Err(OnlineError::InUse {
                    path: path.display().to_string(),
                    waited: timeout.as_secs(),
                });
            }
            Err(Failure::Redb(error)) => return Err(file_error(path, "be opened", error)),
            Err(Failure::Online(error)) => return Err(error),
        }
    }
}

fn damaged(view: &str, entity: &str, what: &str) -> Failure {
    Failure::Online(OnlineError::Damaged {
        view: view.into(),
        entity: entity.into(),
        day: None,
        what: what.into(),
    })
}

impl OnlineStore for RedbStore {
    fn push(&self, view: &str, rows: &[(String, Stored)]) -> OnlineResult<usize> {
        check_rows(view, rows)?;
        self.with("be written", |database| {
            let mut taken = 0;
            let write = database.begin_write()?;
            {
                let mut table = write.open_table(DAYS)?;
                for (entity, rows) in by_entity(rows) {
                    let merged = {
                        let old = table.get((view, entity))?;
                        merge(old.as_ref().map(|old| old.value()), &rows, self.keep)
                            .map_err(|what| damaged(view, entity, what))?
                    };
                    if let Some((value, new)) = merged {
                        table.insert((view, entity), value.as_slice())?;
                        taken += new;
                    }
                }
            }
            // Nothing new: nothing to wait for the disk for.
            if taken == 0 {
                write.abort()?;
            } else {
                write.commit()?;
            }
            Ok(taken)
        })
    }

    fn scan(&self, view: &str, spans: &[Span<'_>], visit: &mut Visit<'_>) -> OnlineResult<()> {
        self.with("be read", |database| {
            let table = database.begin_read()?.open_table(DAYS)?;
            for (at, span) in spans.iter().enumerate() {
                let Some(found) = table.get((view, span.entity))? else {
                    continue;
                };
                let damaged = |what| damaged(view, span.entity, what);
                for row in Packed::open(found.value()).map_err(damaged)?.rows() {
                    let row = row.map_err(damaged)?;
                    if row.day < span.from {
                        break;
                    }
                    if row.day <= span.until {
                        visit(at, row).map_err(Failure::Online)?;
                    }
                }
            }
            Ok(())
        })
    }

    fn note(&self, view: &str, name: &str) -> OnlineResult<Option<Vec<u8>>> {
        self.with("be read", |database| {
            let table = database.begin_read()?.open_table(NOTES)?;
            let found = table.get((view, name))?;
            Ok(found.map(|value| value.value().to_vec()))
        })
    }

    fn set_note(&self, view: &str, name: &str, value: Option<&[u8]>) -> OnlineResult<()> {
        self.with("be written", |database| {
            let write = database.begin_write()?;
            {
                let mut table = write.open_table(NOTES)?;
                match value {
                    Some(value) => table.insert((view, name), value)?,
                    None => table.remove((view, name))?,
                };
            }
            Ok(write.commit()?)
        })
    }

    fn keep(&self) -> u16 {
        self.keep
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::FileExt;

    use redb::StorageBackend;

    use super::*;

    /// A file on a disk that can be full.
    #[derive(Debug)]
    struct OnFullDisk(File);

    /// Only one test fills the disk.
    static FULL: AtomicBool = AtomicBool::new(false);

    fn unless_full() -> io::Result<()> {
        match FULL.load(Ordering::SeqCst) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }

    impl StorageBackend for OnFullDisk {
        fn len(&self) -> io::Result<u64> {
            Ok(self.0.metadata()?.len())
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.0.read_exact_at(out, offset)
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            unless_full()?;
            self.0.set_len(len)
        }

        fn sync_data(&self) -> io::Result<()> {
            unless_full()
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            unless_full()?;
            self.0.write_all_at(data, offset)
        }
    }

    fn open_on_full_disk(path: &Path) -> Result<Database, Failure> {
        let file = mlops_disk::open_read_write(path, MODE)
            .map_err(|error| Failure::Online(error.into()))?;
        Ok(builder().create_with_backend(OnFullDisk(file))?)
    }

    fn row(day: i32) -> [(String, Stored); 1] {
        let stored = Stored {
            day,
            created: 1,
            cells: vec![7; 100],
        };
        [("shop".into(), stored)]
    }

    fn days(store: &RedbStore) -> usize {
        let span = Span {
            entity: "shop",
            from: i32::MIN,
            until: i32::MAX,
        };
        store.read("sales", &[span]).unwrap()[0].len()
    }

    #[test]
    fn with_room_on_the_disk_again_it_works_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let store = RedbStore::opened_by(open_on_full_disk, &path, 9, Duration::ZERO).unwrap();
        store.push("sales", &row(1)).unwrap();
        for _ in 0..3 {
            FULL.store(true, Ordering::SeqCst);
            for day in 2..5 {
                store.push("sales", &row(day)).unwrap_err();
                store.check_writable("sales").unwrap_err();
            }
            FULL.store(false, Ordering::SeqCst);
            std::thread::sleep(2 * REOPEN_EVERY);
            store.check_writable("sales").unwrap();
            assert_eq!(days(&store), 1);
        }
        store.push("sales", &row(2)).unwrap();
        drop(store);
        let store = RedbStore::open(&path, 9, Duration::ZERO).unwrap();
        assert_eq!(days(&store), 2);
    }

    #[test]
    fn a_link_in_the_place_of_the_file_is_refused_and_nothing_is_made_where_it_leads() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("store.redb"), folder.path().join("mine"));
        std::os::unix::fs::symlink(&target, &path).unwrap();
        let error = RedbStore::open(&path, 9, Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{error}");
        assert!(error.is_user_error());
        assert!(!target.exists());
    }

    #[test]
    fn a_file_that_is_removed_is_missed_and_one_put_in_its_place_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let other = folder.path().join("other.redb");
        let open = |path: &Path| RedbStore::open(path, 9, Duration::ZERO).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        let store = open(&path);
        assert_eq!(mode(&path), 0o600);
        store.push("sales", &row(1)).unwrap();
        std::fs::remove_file(&path).unwrap();
        let error = store.push("sales", &row(2)).unwrap_err().to_string();
        assert!(error.contains("the file was removed"), "{error}");
        store.check_writable("sales").unwrap_err();
        assert!(!path.exists());
        let replaced = open(&other);
        for day in 1..=3 {
            replaced.push("sales", &row(day)).unwrap();
        }
        drop(replaced);
        std::fs::rename(&other, &path).unwrap();
        std::thread::sleep(2 * REOPEN_EVERY);
        assert_eq!(days(&store), 3);
    }
}
