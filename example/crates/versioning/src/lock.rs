//! DVC's own locks, so that both can work beside each other.
//!
//! `.dvc/tmp/lock` is held by every command that reads or changes the repository; `.dvc/tmp/rwlock`
//! says which paths a running stage reads and writes while the repository itself is free.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mlops_disk as disk;
use serde::{Deserialize, Serialize};

use crate::VersioningError;

/// How often DVC tries again, and how long it waits each time.
const RETRIES: u32 = 6;
const DELAY: Duration = Duration::from_millis(500);

/// The repository is ours until this is dropped.
#[derive(Debug)]
pub struct RepositoryLock {
    _file: File,
}

impl RepositoryLock {
    /// Takes `lock` of the folder `.dvc/tmp`, waiting up to 3 s as DVC does.
    ///
    /// # Errors
    /// [`VersioningError::Locked`] if another process keeps it, or the system's refusal.
    pub fn acquire(tmp: &Path) -> Result<RepositoryLock, VersioningError> {
        Ok(RepositoryLock {
            _file: take(&tmp.join("lock"))?,
        })
    }
}

fn take(path: &Path) -> Result<File, VersioningError> {
    let own = format!(" {}\n", std::process::id());
    let mut tries = 0;
    loop {
        if let Some(file) = disk::try_lock(path, &own)? {
            return Ok(file);
        }
        if tries == RETRIES {
            let holder = std::fs::read_to_string(path).unwrap_or_default();
            return Err(VersioningError::Locked {
                path: path.to_path_buf(),
                holder: format!("process {}", holder.trim()),
            });
        }
        tries += 1;
        std::thread::sleep(DELAY);
    }
}

/// Who holds a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    cmd: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    write: BTreeMap<String, Holder>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    read: BTreeMap<String, Vec<Holder>>,
}

/// Paths are ours to read or write until this is dropped.
#[derive(Debug)]
pub struct PathLock {
    tmp: PathBuf,
    holder: Holder,
    read: Vec<String>,
    write: Vec<String>,
}

impl PathLock {
    /// Enters absolute paths into the `rwlock` of the folder `.dvc/tmp`; `command` is what others are told.
    ///
    /// # Errors
    /// [`VersioningError::Busy`] if a running process writes one of them, or reads one that is to be
    /// written; that of a dead process is taken away.
    pub fn acquire(
        tmp: &Path,
        command: &str,
        read: &[PathBuf],
        write: &[PathBuf],
    ) -> Result<PathLock, VersioningError> {
        let text = |paths: &[PathBuf]| -> Vec<String> {
            paths
                .iter()
                .map(|path| path.display().to_string())
                .collect()
        };
        let (read, write) = (text(read), text(write));
        let own = Holder {
            pid: std::process::id(),
            cmd: command.to_string(),
        };
        edit(tmp, |table| {
            drop_dead(table);
            for path in read.iter().chain(&write) {
                let other = table
                    .write
                    .iter()
                    .find(|(busy, holder)| **holder != own && overlap(busy, path));
                if let Some((_, holder)) = other {
                    return Err(busy(path, holder));
                }
            }
            for path in &write {
                for (read, holders) in &table.read {
                    let other = holders.iter().find(|holder| **holder != own);
                    if let Some(holder) = other.filter(|_| overlap(read, path)) {
                        return Err(busy(path, holder));
                    }
                }
            }
            for path in &read {
                table
                    .read
                    .entry(path.clone())
                    .or_default()
                    .push(own.clone());
            }
            for path in &write {
                table.write.insert(path.clone(), own.clone());
            }
            Ok(())
        })?;
        // Only now: dropping it takes the entries away, and those of a refused command are somebody else's.
        Ok(PathLock {
            tmp: tmp.to_path_buf(),
            holder: own,
            read,
            write,
        })
    }
}

impl Drop for PathLock {
    fn drop(&mut self) {
        let released = edit(&self.tmp, |table| {
            for path in &self.write {
                if table.write.get(path) == Some(&self.holder) {
                    table.write.remove(path);
                }
            }
            for path in &self.read {
                if let Some(holders) = table.read.get_mut(path) {
                    if let Some(at) = holders.iter().position(|holder| *holder == self.holder) {
                        holders.remove(at);
                    }
                    if holders.is_empty() {
                        table.read.remove(path);
                    }
                }
            }
            Ok(())
        });
        // What stays behind is taken away by the next command: its process will be dead.
        drop(released);
    }
}

fn busy(path: &str, holder: &Holder) -> VersioningError {
    VersioningError::Busy {
        path: path.to_string(),
        holder: format!("process {}: {}", holder.pid, holder.cmd),
    }
}

fn edit(
    tmp: &Path,
    change: impl FnOnce(&mut Table) -> Result<(), VersioningError>,
) -> Result<(), VersioningError> {
    let path = tmp.join("rwlock");
    let _guard = take(&tmp.join("rwlock.lock"))?;
    let mut table: Table = match disk::read_small(&path, disk::MAX_SMALL) {
        // After a power cut it may be empty, or of zeros: DVC writes it in place, and nobody flushes it.
        Ok(bytes) if bytes.iter().all(is_blank) => Table::default(),
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
            VersioningError::file(
                &path,
                Some(error.line()),
                format!("{error}: if no command is running, remove the file"),
            )
        })?,
        Err(error) if error.is_missing() => Table::default(),
        Err(error) => return Err(error.into()),
    };
    change(&mut table)?;
    let bytes = serde_json::to_vec(&table)
        .map_err(|error| VersioningError::file(&path, None, error.to_string()))?;
    // Whoever stands in it is dead after a power cut.
    Ok(disk::write_unflushed(&path, &bytes)?)
}

fn is_blank(byte: &u8) -> bool {
    *byte == 0 || byte.is_ascii_whitespace()
}

fn drop_dead(table: &mut Table) {
    // One process may hold thousands of paths.
    let mut known: BTreeMap<u32, bool> = BTreeMap::new();
    let mut is_alive = |pid| *known.entry(pid).or_insert_with(|| is_alive(pid));
    table.write.retain(|_, holder| is_alive(holder.pid));
    for holders in table.read.values_mut() {
        holders.retain(|holder| is_alive(holder.pid));
    }
    table.read.retain(|_, holders| !holders.is_empty());
}

fn is_alive(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    else {
        return false;
    };
    // EPERM means that it lives, as somebody else's.
    rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

/// Whether one path is the other or lies in it.
fn overlap(a: &str, b: &str) -> bool {
    Path::new(a).starts_with(b) || Path::new(b).starts_with(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn a_second_holder_waits_and_is_told_who_holds_the_lock() {
        let tmp = tempfile::tempdir().unwrap();
        let lock = RepositoryLock::acquire(tmp.path()).unwrap();
        let text = std::fs::read_to_string(tmp.path().join("lock")).unwrap();
        assert_eq!(
            text,
            format!(" {}\n", std::process::id()),
            "as zc.lockfile writes it"
        );
        let error = RepositoryLock::acquire(tmp.path()).unwrap_err().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        drop(lock);
        RepositoryLock::acquire(tmp.path()).unwrap();
    }

    #[test]
    fn a_path_that_a_living_process_writes_is_busy() {
        let tmp = tempfile::tempdir().unwrap();
        let table = r#"{"write": {"/r/a": {"pid": 1, "cmd": "dvc repro"}}, "read": {"/r/b": [{"pid": 1, "cmd": "dvc repro"}]}}"#;
        std::fs::write(tmp.path().join("rwlock"), table).unwrap();
        let acquire = |read: &[&str], write: &[&str]| {
            PathLock::acquire(tmp.path(), "test", &paths(read), &paths(write))
        };
        acquire(&["/r/a/x"], &[]).unwrap_err();
        acquire(&[], &["/r"]).unwrap_err();
        acquire(&[], &["/r/b"]).unwrap_err();
        acquire(&[], &["/r/a"]).unwrap_err();
        acquire(&[], &["/r/a"]).unwrap_err(); // the refusal before took no entry away
        let lock = acquire(&["/r/b"], &["/r/ab"]).unwrap();
        drop(lock);
        let after = std::fs::read_to_string(tmp.path().join("rwlock")).unwrap();
        assert!(
            after.contains("dvc repro") && !after.contains("test"),
            "{after}"
        );
    }

    #[test]
    fn what_a_dead_process_left_is_taken_away() {
        let tmp = tempfile::tempdir().unwrap();
        let table = r#"{"write": {"/r/a": {"pid": 2147483646, "cmd": "dvc repro"}}}"#;
        std::fs::write(tmp.path().join("rwlock"), table).unwrap();
        PathLock::acquire(tmp.path(), "test", &[], &paths(&["/r/a"])).unwrap();
        let after = std::fs::read_to_string(tmp.path().join("rwlock")).unwrap();
        assert_eq!(after, "{}");
    }
}
