//! The prediction log: each answer is one whole line on the disk before it is given.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mlops_disk::{DiskError, DiskResult};
use serde::Serialize;

use crate::{Result, ServingError};

/// Who runs the service may read it, nobody else: it holds what callers sent. A file that is there keeps its mode.
const MODE: u32 = 0o600;
/// How long to wait for another service that appends to the same file.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
/// How often to try while waiting.
const LOCK_EVERY: Duration = Duration::from_millis(2);
/// Bytes that are written to see whether a line could be: more than most lines have.
const PROBE: usize = 4096;

/// Every answered request, a line of JSON each, in the order of the answers.
///
/// When the file at its path is renamed or removed, the next line goes into a new one: a program that rotates
/// logs need tell nobody. Several processes may share a file.
#[derive(Debug)]
pub struct PredictionLog {
    path: PathBuf,
    opened: Mutex<Opened>,
}

#[derive(Debug)]
struct Opened {
    file: File,
    /// Its device and number, by which it is known from another at the same path.
    identity: (u64, u64),
    /// It ends within a line.
    torn: bool,
}

impl PredictionLog {
    /// Opens the log for appending; makes the file (for its owner only) and its folder if need be.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn open(path: &Path) -> Result<PredictionLog> {
        Ok(PredictionLog {
            path: path.into(),
            opened: Mutex::new(Opened::at(path)?),
        })
    }

    /// Appends one line. If that fails, the file is as before.
    ///
    /// # Errors
    /// If the system refuses, for instance because the disk is full.
    pub fn append(&self, entry: &impl Serialize) -> Result<()> {
        let line = serde_json::to_string(entry).map_err(|error| self.failed(error.into()))?;
        let line = line + "\n";
        self.with_file(|opened| append_line(&mut opened.file, &mut opened.torn, line.as_bytes()))
    }

    /// Whether a line could be written now: blanks are, and are taken away again.
    ///
    /// # Errors
    /// As [`PredictionLog::append`].
    pub fn check(&self) -> Result<()> {
        let mut blanks = [b' '; PROBE];
        blanks[PROBE - 1] = b'\n';
        self.with_file(|opened| {
            // Cut off again, the blanks leave a torn line as it was.
            let (before, torn) = (Cut::size(&opened.file)?, opened.torn);
            append_line(&mut opened.file, &mut opened.torn, &blanks)?;
            opened.file.cut(before)?;
            opened.torn = torn;
            Ok(())
        })
    }

    /// Opens the file at its path again, as a program that rotates logs may ask by a signal.
    ///
    /// # Errors
    /// If the system refuses; the log then goes on in the file it has.
    pub fn reopen(&self) -> Result<()> {
        let opened = Opened::at(&self.path)?;
        *self.opened() = opened;
        Ok(())
    }

    fn with_file(&self, act: impl FnOnce(&mut Opened) -> io::Result<()>) -> Result<()> {
        let mut opened = self.opened();
        let locked = || {
            if !opened.is_at(&self.path) {
                *opened = Opened::at(&self.path).map_err(io::Error::other)?;
            }
            lock(&opened.file)?;
            let done = act(&mut opened);
            opened.file.unlock()?;
            done
        };
        locked().map_err(|source| self.failed(source))
    }

    fn opened(&self) -> MutexGuard<'_, Opened> {
        // Whether the file ends within a line is noted at once.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, source: io::Error) -> ServingError {
        ServingError::Log {
            path: self.path.clone(),
            source,
        }
    }
}

impl Opened {
    /// No link is followed: a cloned project could lead it onto any file.
    fn at(path: &Path) -> DiskResult<Opened> {
        if let Some(folder) = path.parent() {
            mlops_disk::create_dir_all(folder)?;
        }
        let file = mlops_disk::open_append(path, MODE)?;
        let failed = |source| DiskError::io("read", path, source);
        let meta = file.metadata().map_err(failed)?;
        // Locked: another process may be in the middle of a line.
        lock(&file).map_err(|source| DiskError::io("lock", path, source))?;
        let torn = is_torn(path);
        file.unlock().map_err(failed)?;
        Ok(Opened {
            torn: torn.map_err(failed)?,
            identity: (meta.dev(), meta.ino()),
            file,
        })
    }

    fn is_at(&self, path: &Path) -> bool {
        std::fs::symlink_metadata(path).is_ok_and(|meta| (meta.dev(), meta.ino()) == self.identity)
    }
}

/// Whether it ends within a line.
fn is_torn(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Waits a bounded time: somebody may hold the lock and sleep.
fn lock(file: &File) -> io::Result<()> {
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if start.elapsed() < LOCK_TIMEOUT => {
                std::thread::sleep(LOCK_EVERY);
            }
            Err(TryLockError::WouldBlock) => {
                let message = "another process has locked it for over a second";
                return Err(io::Error::new(io::ErrorKind::WouldBlock, message));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// A file that can be cut back to what it was.
trait Cut: Write {
    fn size(&self) -> io::Result<u64>;
    fn cut(&mut self, size: u64) -> io::Result<()>;
}

impl Cut for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn cut(&mut self, size: u64) -> io::Result<()> {
        // Never longer: somebody may have emptied it meanwhile.
        match self.metadata()?.len() > size {
            true => self.set_len(size),
            false => Ok(()),
        }
    }
}

/// Appends a line whole or not at all. Where a torn line can't be cut off, the next one begins on its own.
fn append_line(file: &mut impl Cut, torn: &mut bool, line: &[u8]) -> io::Result<()> {
    let before = file.size()?;
    let written = match *torn {
        // In one write with the line: then it can't be that only this succeeds, again and again.
        true => file.write_all(&[b"\n", line].concat()),
        false => file.write_all(line),
    };
    match &written {
        Ok(()) => *torn = false,
        Err(_) => {
            // How it ended before is how it ends again.
            if file.cut(before).is_err() {
                *torn = true;
            }
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A disk on which so many bytes have room.
    #[derive(Default)]
    struct Small {
        bytes: Vec<u8>,
        room: usize,
        cuts: bool,
    }

    impl Cut for Small {
        fn size(&self) -> io::Result<u64> {
            Ok(self.bytes.len() as u64)
        }

        fn cut(&mut self, size: u64) -> io::Result<()> {
            if !self.cuts {
                return Err(io::ErrorKind::Other.into());
            }
            self.bytes.truncate(size as usize);
            Ok(())
        }
    }

    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room - self.bytes.len());
            if taken == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.bytes.extend(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn on_a_disk_that_fills(cuts: bool) -> String {
        let mut disk = Small {
            room: 12,
            cuts,
            ..Small::default()
        };
        let mut torn = false;
        append_line(&mut disk, &mut torn, b"first\n").unwrap();
        for _ in 0..3 {
            append_line(&mut disk, &mut torn, b"too long\n").unwrap_err();
        }
        disk.room = 100;
        append_line(&mut disk, &mut torn, b"after\n").unwrap();
        append_line(&mut disk, &mut torn, b"last\n").unwrap();
        String::from_utf8(disk.bytes).unwrap()
    }

    #[test]
    fn a_line_that_had_no_room_leaves_nothing_or_at_least_swallows_no_other() {
        assert_eq!(on_a_disk_that_fills(true), "first\nafter\nlast\n");
        let torn = on_a_disk_that_fills(false);
        assert_eq!(torn, "first\ntoo lo\nafter\nlast\n");
    }

    #[test]
    fn a_line_torn_by_a_crash_swallows_no_other_and_a_check_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        std::fs::write(&path, "{\"n\":0}\n{\"torn").unwrap();
        let log = PredictionLog::open(&path).unwrap();
        log.check().unwrap();
        log.append(&json!({"n": 1})).unwrap();
        log.check().unwrap();
        log.append(&json!({"n": 2})).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "{\"n\":0}\n{\"torn\n{\"n\":1}\n{\"n\":2}\n");
    }

    #[test]
    fn lines_go_where_the_path_leads_after_the_file_was_renamed_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/log.jsonl");
        let log = PredictionLog::open(&path).unwrap();
        log.append(&json!(1)).unwrap();
        std::fs::rename(&path, folder.path().join("old")).unwrap();
        log.append(&json!(2)).unwrap();
        std::fs::remove_dir_all(folder.path().join("new")).unwrap();
        log.append(&json!(3)).unwrap();
        log.reopen().unwrap();
        log.append(&json!(4)).unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("old"), "1\n");
        assert_eq!(read("new/log.jsonl"), "3\n4\n");
    }

    #[test]
    fn two_logs_of_one_file_mix_no_lines_and_whoever_holds_its_lock_too_long_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let log = PredictionLog::open(&path).unwrap();
                    for n in 0..50 {
                        log.append(&json!({"n": n})).unwrap();
                        log.check().unwrap();
                    }
                });
            }
        });
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 200);
        assert!(text.lines().all(|line| line.starts_with("{\"n\":")));
        let log = PredictionLog::open(&path).unwrap();
        let held = File::open(&path).unwrap();
        held.lock().unwrap();
        let error = log.append(&json!(1)).unwrap_err().to_string();
        assert!(error.contains("another process has locked it"), "{error}");
    }

    #[test]
    fn a_link_in_its_place_is_refused_and_what_it_leads_to_is_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mine) = (folder.path().join("log.jsonl"), folder.path().join("mine"));
        std::fs::write(&mine, "years of work\n").unwrap();
        std::os::unix::fs::symlink(&mine, &path).unwrap();
        let error = PredictionLog::open(&path).unwrap_err().to_string();
        assert!(error.contains("symbolic link"), "{error}");
        std::fs::remove_file(&path).unwrap();
        let log = PredictionLog::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&mine, &path).unwrap();
        log.append(&json!(1)).unwrap_err();
        assert_eq!(std::fs::read_to_string(&mine).unwrap(), "years of work\n");
    }

    #[test]
    fn only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        PredictionLog::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }
}
