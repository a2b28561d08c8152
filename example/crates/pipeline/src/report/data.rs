//! Data whose pinned content changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use mlops_repository::lockfile::LockedPath;
use mlops_repository::{ObjectId, OutputKind};
use mlops_versioning::Repository;

use super::side::Side;
use crate::error::Result;

/// Larger tables aren't read to count their rows.
const CHEAP: u64 = 32 << 20;

/// Content that a `.dvc` file or a lock names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// The content.
    pub id: ObjectId,
    /// Bytes, of all files together.
    pub size: Option<u64>,
    /// Number of files of a folder.
    pub nfiles: Option<u64>,
    /// Rows of a CSV table that is here and small.
    pub rows: Option<u64>,
}

/// Data that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataChange {
    /// Where it lies, from the repository's root.
    pub path: String,
    /// What it was; none if it is new.
    pub old: Option<Pinned>,
    /// What it is; none if it is gone.
    pub new: Option<Pinned>,
}

/// What differs in tracked data, in what stages make, and in what they read and Git hasn't.
pub(super) fn changes(
    repository: &Repository,
    base: &Side,
    head: &Side,
) -> Result<Vec<DataChange>> {
    let mut old = pinned(repository, base)?;
    let mut new = pinned(repository, head)?;
    let paths: BTreeSet<String> = old.keys().chain(new.keys()).cloned().collect();
    let mut changes = Vec::new();
    for path in paths {
        let (mut old, mut new) = (old.remove(&path), new.remove(&path));
        let id = |pinned: &Option<Pinned>| pinned.as_ref().map(|pinned| pinned.id);
        if id(&old) == id(&new) {
            continue;
        }
        for (side, pinned) in [(base, &mut old), (head, &mut new)] {
            if let Some(pinned) = pinned {
                pinned.rows = rows(repository, side, &path, pinned);
            }
        }
        changes.push(DataChange { path, old, new });
    }
    Ok(changes)
}

fn pinned(repository: &Repository, side: &Side) -> Result<BTreeMap<String, Pinned>> {
    let mut all = BTreeMap::new();
    for out in side.data.iter().flat_map(|file| &file.outs) {
        if let Some(id) = out.id {
            let pinned = Pinned {
                id,
                size: out.size,
                nfiles: out.nfiles,
                rows: None,
            };
            all.insert(repository.inside(&out.full)?, pinned);
        }
    }
    let mut add = |path: &str, known: Option<&LockedPath>| {
        let Some((known, id)) = known.and_then(|known| Some((known, known.id?))) else {
            return;
        };
        all.entry(path.to_owned()).or_insert(Pinned {
            id,
            size: known.size,
            nfiles: known.nfiles,
            rows: None,
        });
    };
    let stages = &side.catalog.stages;
    let made: BTreeSet<&str> = stages
        .iter()
        .flat_map(|stage| &stage.outs)
        .map(|out| out.at.path.as_str())
        .collect();
    for stage in stages {
        let Some(locked) = side.locked(stage)? else {
            continue;
        };
        for out in &stage.outs {
            // Metrics and plots are shown as what they are.
            if out.kind == OutputKind::Data {
                add(&out.at.path, locked.out(&out.at.written));
            }
        }
        for dep in &stage.deps {
            let path = dep.at.path.as_str();
            if !made.contains(path) && !side.has_committed(path) {
                add(path, locked.dep(&dep.at.written));
            }
        }
    }
    Ok(all)
}

fn rows(repository: &Repository, side: &Side, path: &str, pinned: &Pinned) -> Option<u64> {
    let is_csv = path.rsplit_once('.')?.1.eq_ignore_ascii_case("csv");
    if !is_csv || pinned.id.dir || pinned.size.is_none_or(|size| size > CHEAP) {
        return None;
    }
    let object = repository.cache().path(&pinned.id);
    // The workspace's file may have changed since it was pinned; its size tells most of that.
    let here = repository.root().join(path);
    let is_same =
        side.state.commit.is_none() && here.metadata().ok().map(|meta| meta.len()) == pinned.size;
    let files: [Option<PathBuf>; 2] = [Some(object), is_same.then_some(here)];
    let bytes = files
        .into_iter()
        .flatten()
        .find_map(|file| std::fs::read(file).ok())?;
    Some(records(&bytes).saturating_sub(1))
}

/// Lines of a CSV table, of which one in quotes goes on.
fn records(bytes: &[u8]) -> u64 {
    let mut quoted = false;
    let mut empty = true;
    let mut count = 0;
    for byte in bytes {
        match byte {
            b'"' => {
                quoted = !quoted;
                empty = false;
            }
            b'\n' if !quoted => {
                count += u64::from(!empty);
                empty = true;
            }
            b'\r' => {}
            _ => empty = false,
        }
    }
    count + u64::from(!empty)
}

#[cfg(test)]
mod tests {
    use super::records;

    #[test]
    fn a_line_break_in_quotes_starts_no_row() {
        assert_eq!(records(b""), 0);
        assert_eq!(records(b"a,b\r\n1,2\r\n\r\n"), 2);
        assert_eq!(records(b"a,b\n\"x\ny\",\"\"\"\n\"\n3,4"), 3);
    }
}
