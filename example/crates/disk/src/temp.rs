//! Names of temporary files, and what removes those that a killed process left.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::step::between_points;
use super::{remove_file, remove_tree};
use crate::{DiskError, DiskResult};

const TOKEN: usize = 22; // 16 bytes in base64, as Python's secrets.token_urlsafe(16)
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A temporary name that is removed with its owner.
#[derive(Debug)]
pub(super) struct Temp {
    pub path: PathBuf,
    pub keep: bool,
}

impl Temp {
    /// The name belongs to nobody any more: it was renamed, or shall stay.
    pub(super) fn release(&mut self) {
        self.keep = true;
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !self.keep {
            let _ = between_points("remove", || fs::remove_file(&self.path));
        }
    }
}

/// A name `.{token}.tmp` that nobody else has, in the given folder.
pub(super) fn fresh(folder: &Path) -> PathBuf {
    folder.join(fresh_name())
}

/// A name `.{token}.tmp` that nobody else has.
pub(super) fn fresh_name() -> String {
    // Seeded by the system once a process. A clash would not do harm: the file is opened for creation
    // only.
    static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static GIVEN: AtomicU64 = AtomicU64::new(0);
    let given = GIVEN.fetch_add(1, Ordering::Relaxed);
    let word = |n: u8| u128::from(SEED.hash_one((given, n)));
    format!(".{}.tmp", token((word(0) << 64) | word(1)))
}

/// The name under which an interrupted download of `dest` (of the version `tag`) is found again.
pub(super) fn partial(dest: &Path, tag: &str) -> PathBuf {
    // FNV-1a, 128 bits: must be the same in the next process, so not RandomState.
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let name = dest.file_name().unwrap_or_default().as_encoded_bytes();
    for byte in name.iter().chain(&[0]).chain(tag.as_bytes()) {
        hash ^= u128::from(*byte);
        hash = hash.wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    super::parent(dest).join(format!(".{}.tmp", token(hash)))
}

fn token(mut bits: u128) -> String {
    (0..TOKEN)
        .map(|_| {
            let letter = ALPHABET[(bits & 63) as usize];
            bits >>= 6;
            char::from(letter)
        })
        .collect()
}

/// Whether a file name is that of a temporary file: ours, DVC's, or a table's of an earlier version
/// (`.writing-` and six letters).
pub fn is_temp(name: &str) -> bool {
    let before = name.strip_prefix(".writing-");
    if before
        .is_some_and(|six| six.len() == 6 && six.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    {
        return true;
    }
    name.strip_prefix('.')
        .and_then(|rest| rest.strip_suffix(".tmp"))
        .is_some_and(|token| {
            token.len() == TOKEN && token.bytes().all(|byte| ALPHABET.contains(&byte))
        })
}

/// Removes the temporary files and folders in a folder and below it that are at least so old, and says which.
/// Doesn't follow symbolic links. Also removes interrupted downloads, which then start from the beginning; a file
/// that a living process is writing stays ([`Staged`](crate::Staged) holds a lock on it).
///
/// # Errors
/// As [`DiskError::io`] names them. A folder that doesn't exist holds no temporary files.
pub fn sweep_temps(folder: &Path, older_than: Duration) -> DiskResult<Vec<PathBuf>> {
    sweep(folder, older_than, true)
}

/// The same in a folder, not below it.
///
/// # Errors
/// As [`sweep_temps`].
pub fn sweep_temps_in(folder: &Path, older_than: Duration) -> DiskResult<Vec<PathBuf>> {
    sweep(folder, older_than, false)
}

fn sweep(folder: &Path, older_than: Duration, below: bool) -> DiskResult<Vec<PathBuf>> {
    let mut removed = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(DiskError::io("list", &folder, source)),
        };
        for entry in entries {
            let entry = entry.map_err(|source| DiskError::io("list", &folder, source))?;
            let kind = entry
                .file_type()
                .map_err(|source| DiskError::io("look at", &entry.path(), source))?;
            let path = entry.path();
            if !entry.file_name().to_str().is_some_and(is_temp) {
                if kind.is_dir() && below {
                    folders.push(path);
                }
            } else if age(&entry) >= older_than && !(kind.is_file() && is_held(&path)) {
                let remove = if kind.is_dir() {
                    remove_tree
                } else {
                    remove_file
                };
                if remove(&path)? {
                    removed.push(path);
                }
            }
        }
    }
    removed.sort();
    Ok(removed)
}

/// Whether a process that lives is writing the file.
fn is_held(path: &Path) -> bool {
    fs::File::open(path)
        .is_ok_and(|file| matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)))
}

/// Zero for what has just gone or stands in the future: nothing is removed too early.
fn age(entry: &fs::DirEntry) -> Duration {
    entry
        .metadata()
        .and_then(|meta| meta.modified())
        .ok()
        .and_then(|then| SystemTime::now().duration_since(then).ok())
        .unwrap_or_default()
}
