//! What is known of files by their inode, times and size, so that only changed ones are hashed.
//!
//! One table for each folder that is tracked, and one for all single files. A table is a
//! convenience: lost, torn or foreign, it is not believed and files are hashed again.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mlops_disk::{self as disk, Staged};

use crate::VersioningError;
use crate::presence::{FOLDERS, Presence};
use mlops_repository::{Checksum, HashKind};

const MAGIC: &[u8; 8] = b"hashes 4";
/// Magic, number of files.
const HEADER: usize = 8 + 4;
/// Name of the manifest, presence. They stand last: all else is written while the name isn't known yet.
const TRAILER: usize = 16 + 8 * FOLDERS;
const RECORD: usize = 16 + 8 + 8 + 8 + 8 + 4;
/// A file system's clock moves in steps of up to 10 ms (the kernel's tick), or 2 s where times have
/// no fraction: a file changed twice within one step looks unchanged.
const TICK: i64 = 20_000_000;
const COARSE_TICK: i64 = 2_100_000_000;
/// Whoever waits so long sees any later change in the times.
pub(crate) const SETTLE: Duration = Duration::from_millis(25);

/// What changes when a file's content does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// Last change of the content, in ns since 1970.
    pub modified: i64,
    /// Last change of content or inode, in ns since 1970: a content whose old time was put back shows here.
    pub changed: i64,
    /// Bytes.
    pub size: u64,
    /// The inode's number.
    pub inode: u64,
}

impl Signature {
    /// Of a file whose metadata (links followed) these are.
    pub fn of(metadata: &Metadata) -> Signature {
        Signature {
            modified: metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec(),
            changed: metadata.ctime() * 1_000_000_000 + metadata.ctime_nsec(),
            size: metadata.len(),
            inode: metadata.ino(),
        }
    }

    /// Of a file whose status this is.
    pub(crate) fn of_stat(stat: &rustix::fs::Stat) -> Signature {
        let time = |seconds: i64, part: u64| {
            seconds * 1_000_000_000 + i64::try_from(part).unwrap_or_default()
        };
        #[allow(clippy::unnecessary_cast, clippy::cast_lossless)] // types differ between systems
        Signature {
            modified: time(stat.st_mtime as i64, stat.st_mtime_nsec as u64),
            changed: time(stat.st_ctime as i64, stat.st_ctime_nsec as u64),
            size: stat.st_size as u64,
            inode: stat.st_ino as u64,
        }
    }

    /// Whether any later change will show in the times, at `now` in ns since 1970.
    pub(crate) fn is_settled(&self, now: i64) -> bool {
        is_settled(self.modified.max(self.changed), now)
    }
}

/// Whether a change after `now` would give another time than this one, both in ns since 1970.
pub(crate) fn is_settled(time: i64, now: i64) -> bool {
    let tick = if time % 1_000_000_000 == 0 {
        COARSE_TICK
    } else {
        TICK
    };
    time.saturating_add(tick) < now
}

/// Now, in ns since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// A file with its hash, as it was at some moment.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Seen from the table's folder.
    pub path: &'a str,
    /// What it looked like before it was hashed.
    pub signature: Signature,
    /// Its hash.
    pub checksum: Checksum,
}

/// What is known of a folder as a whole, as long as all its files look as they did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The name of its manifest.
    pub id: Option<Checksum>,
    /// The state of the cache in which all its files were there.
    pub presence: Presence,
}

/// The hashes of a folder's files.
#[derive(Debug, Default)]
pub struct StateTable {
    bytes: Vec<u8>,
    count: usize,
}

impl StateTable {
    /// Reads a table; what can't be believed is an empty one.
    pub fn load(folder: &Path, scope: &str, kind: HashKind) -> StateTable {
        let bytes = std::fs::read(file(folder, scope, kind)).unwrap_or_default();
        believe(bytes).unwrap_or_default()
    }

    /// Its memory, for another one.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many files it has.
    pub fn len(&self) -> usize {
        self.count
    }

    /// What is known of the folder as a whole.
    pub fn facts(&self) -> Facts {
        let Some(trailer) = self.bytes.last_chunk::<TRAILER>() else {
            return Facts::default();
        };
        let mut id = [0; 16];
        id.copy_from_slice(&trailer[..16]);
        Facts {
            id: (id != [0; 16]).then_some(Checksum(id)),
            presence: Presence::of(|folder| {
                u64::from_le_bytes(word(trailer, 16 + 8 * usize::from(folder)))
            }),
        }
    }

    /// The file at a place of the order by path.
    pub fn get(&self, at: usize) -> Option<Known<'_>> {
        let record = self.record(at)?;
        let start = if at == 0 { 0 } else { self.path_end(at - 1)? };
        let paths = &self.bytes[HEADER + self.count * RECORD..];
        let path = paths.get(start..self.path_end(at)?)?;
        let mut checksum = [0; 16];
        checksum.copy_from_slice(&record[..16]);
        Some(Known {
            path: std::str::from_utf8(path).ok()?,
            signature: Signature {
                modified: i64::from_le_bytes(word(record, 16)),
                changed: i64::from_le_bytes(word(record, 24)),
                size: u64::from_le_bytes(word(record, 32)),
                inode: u64::from_le_bytes(word(record, 40)),
            },
            checksum: Checksum(checksum),
        })
    }

    fn record(&self, at: usize) -> Option<&[u8]> {
        (at < self.count).then(|| &self.bytes[HEADER + at * RECORD..][..RECORD])
    }

    fn path_end(&self, at: usize) -> Option<usize> {
        let mut end = [0; 4];
        end.copy_from_slice(&self.record(at)?[48..52]);
        Some(u32::from_le_bytes(end) as usize)
    }

    /// Where a path stands, or would.
    fn search(&self, path: &str) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            let found = self.get(middle).map_or("", |known| known.path);
            match found.cmp(path) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    /// The hash of a file, if it still looks as it did. `near` is where its neighbour stood:
    /// files asked for in order are found without a search.
    pub fn checksum(
        &self,
        path: &str,
        signature: &Signature,
        near: &mut usize,
    ) -> Option<Checksum> {
        let known = match self.get(*near).filter(|known| known.path == path) {
            Some(known) => known,
            None => match self.search(path) {
                Ok(at) => {
                    *near = at;
                    self.get(at)?
                }
                Err(at) => {
                    *near = at;
                    return None;
                }
            },
        };
        *near += 1;
        (known.signature == *signature).then_some(known.checksum)
    }
}

/// A table of which all is written but what is known of the folder as a whole; dropped, it was never there.
pub(crate) struct Draft {
    to: PathBuf,
    staged: Staged,
    sum: u64,
}

impl Draft {
    /// Of files in order of their paths, whose hashing began at `now` at the latest. What may still change unseen
    /// is left out. `memory` is filled anew.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn write<'a>(
        folder: &Path,
        (scope, kind): (&str, HashKind),
        now: i64,
        files: impl Iterator<Item = Known<'a>> + Clone,
        memory: Vec<u8>,
    ) -> Result<Draft, VersioningError> {
        let bytes = encode(
            files.filter(|known| known.signature.is_settled(now)),
            memory,
        );
        let to = file(folder, scope, kind);
        if !folder.is_dir() {
            disk::create_dir_all(folder)?;
        }
        // Not flushed: a table that a power cut tore isn't believed, and files are hashed again.
        let mut staged = Staged::beside(&to)?;
        staged.write_bytes(&bytes)?;
        let sum = sum(0, &bytes);
        Ok(Draft { to, staged, sum })
    }

    /// Puts it in its place.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn finish(mut self, facts: &Facts) -> Result<(), VersioningError> {
        let mut trailer = Vec::with_capacity(TRAILER + 8);
        trailer.extend_from_slice(&facts.id.map_or([0; 16], |id| id.0));
        for folder in facts.presence.folders() {
            trailer.extend_from_slice(&folder.to_le_bytes());
        }
        let sum = sum(self.sum, &trailer);
        trailer.extend_from_slice(&sum.to_le_bytes());
        self.staged.write_bytes(&trailer)?;
        Ok(self.staged.finish_unflushed(&self.to)?)
    }
}

/// All but the trailer.
fn encode<'a>(files: impl Iterator<Item = Known<'a>> + Clone, memory: Vec<u8>) -> Vec<u8> {
    let mut bytes = memory;
    bytes.clear();
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[0; HEADER - MAGIC.len()]);
    let sizes = files.clone().map(|known| known.path.len());
    let (count, paths) = sizes.fold((0u32, 0), |(count, all), size| {
        (count.saturating_add(1), all + size)
    });
    if u32::try_from(paths).is_err() {
        // 4 GiB of paths: a table would be no help.
        return bytes;
    }
    bytes.reserve(count as usize * RECORD + paths);
    bytes[8..12].copy_from_slice(&count.to_le_bytes());
    let mut end: u32 = 0;
    for known in files.clone() {
        end += known.path.len() as u32; // all of them fit
        let mut record = [0; RECORD];
        record[..16].copy_from_slice(&known.checksum.0);
        record[16..24].copy_from_slice(&known.signature.modified.to_le_bytes());
        record[24..32].copy_from_slice(&known.signature.changed.to_le_bytes());
        record[32..40].copy_from_slice(&known.signature.size.to_le_bytes());
        record[40..48].copy_from_slice(&known.signature.inode.to_le_bytes());
        record[48..].copy_from_slice(&end.to_le_bytes());
        bytes.extend_from_slice(&record);
    }
    for known in files {
        bytes.extend_from_slice(known.path.as_bytes());
    }
    bytes
}

fn word(record: &[u8], at: usize) -> [u8; 8] {
    let mut word = [0; 8];
    word.copy_from_slice(&record[at..at + 8]);
    word
}

/// The table's file: paths can be longer than a name may be.
fn file(folder: &Path, scope: &str, kind: HashKind) -> PathBuf {
    let kind = match kind {
        HashKind::Md5 => "md5",
        HashKind::Md5Dos2Unix => "md5-dos2unix",
    };
    folder.join(format!("{}.{kind}", Checksum::of(scope.as_bytes())))
}

/// A table that is whole.
fn believe(mut bytes: Vec<u8>) -> Option<StateTable> {
    let body = bytes.len().checked_sub(TRAILER + 8)?;
    let (all, told) = bytes.split_last_chunk::<8>()?;
    let whole = sum(sum(0, &all[..body]), &all[body..]);
    if body < HEADER || &bytes[..8] != MAGIC || whole.to_le_bytes() != *told {
        return None;
    }
    bytes.truncate(body + TRAILER);
    let count = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize;
    let paths = count.checked_mul(RECORD)?.checked_add(HEADER)?;
    let table = StateTable { bytes, count };
    if paths > body {
        return None;
    }
    let mut last = 0;
    for at in 0..count {
        let end = table.path_end(at)?;
        if end < last {
            return None;
        }
        last = end;
    }
    (paths + last == body).then_some(table)
}

/// A quick sum against torn and flipped bits, not against an enemy; `seed` is that of what stands before.
fn sum(seed: u64, bytes: &[u8]) -> u64 {
    let mut sum = seed ^ bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        sum = (sum.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: i64 = 1_000_000_000_000_000_001;

    fn signature(modified: i64) -> Signature {
        Signature {
            modified,
            changed: modified,
            size: 3,
            inode: 7,
        }
    }

    fn facts() -> Facts {
        Facts {
            id: Some(Checksum::of(b"manifest")),
            presence: Presence::of(|folder| u64::from(folder) * 7),
        }
    }

    fn saved(files: &[(&str, i64)], now: i64) -> (tempfile::TempDir, StateTable) {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<Known<'_>> = files
            .iter()
            .map(|(path, modified)| Known {
                path,
                signature: signature(*modified),
                checksum: Checksum::of(path.as_bytes()),
            })
            .collect();
        let of = ("data", HashKind::Md5);
        let draft = Draft::write(folder.path(), of, now, files.iter().copied(), Vec::new());
        draft.unwrap().finish(&facts()).unwrap();
        let table = StateTable::load(folder.path(), "data", HashKind::Md5);
        (folder, table)
    }

    #[test]
    fn a_file_that_looks_the_same_has_its_hash() {
        let (_folder, table) = saved(&[("a", OLD), ("b/é", OLD), ("c", OLD)], OLD + COARSE_TICK);
        assert_eq!(table.len(), 3);
        assert_eq!(table.facts(), facts());
        for near in 0..4 {
            let find = |path: &str, modified| {
                table.checksum(path, &signature(modified), &mut near.clone())
            };
            assert_eq!(find("b/é", OLD), Some(Checksum::of("b/é".as_bytes())));
            assert_eq!(find("b/é", OLD + 1), None);
            assert_eq!(find("aa", OLD), None);
        }
        let other = Signature {
            inode: 8,
            ..signature(OLD)
        };
        assert_eq!(table.checksum("a", &other, &mut 0), None);
    }

    #[test]
    fn a_file_changed_a_moment_ago_is_not_believed() {
        let (_folder, table) = saved(&[("new", OLD), ("old", OLD - 2 * TICK)], OLD + TICK);
        assert_eq!(table.len(), 1);
        assert_eq!(table.get(0).unwrap().path, "old");
        let (_folder, table) = saved(&[("whole second", 5_000_000_000)], 6_000_000_000);
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn a_torn_or_changed_table_is_empty() {
        let (folder, table) = saved(&[("a", OLD), ("b", OLD)], OLD + COARSE_TICK);
        assert_eq!(table.len(), 2);
        let path = file(folder.path(), "data", HashKind::Md5);
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(
                StateTable::load(folder.path(), "data", HashKind::Md5).len(),
                0
            );
        }
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            std::fs::write(&path, &flipped).unwrap();
            assert_eq!(
                StateTable::load(folder.path(), "data", HashKind::Md5).len(),
                0,
                "{at}"
            );
        }
        assert_eq!(
            StateTable::load(folder.path(), "other", HashKind::Md5).len(),
            0
        );
        assert_eq!(
            StateTable::load(folder.path(), "data", HashKind::Md5Dos2Unix).len(),
            0
        );
    }
}
