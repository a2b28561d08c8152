//! What differs between the workspace, the `.dvc` files and the cache.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::content::Content;
use crate::progress::Report;
use crate::{Repository, VersioningError};
use mlops_repository::{HashKind, ObjectId, Tracked};

/// If more than this part of a folder's files was looked for in the cache, it is noted that they are there.
const WORTH_NOTING: usize = 8;

/// How a tracked path differs, in DVC's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutState {
    /// Nothing lies there.
    Deleted,
    /// Something else lies there.
    Modified,
    /// It was never saved.
    New,
    /// Its content isn't in the cache.
    NotInCache,
}

impl OutState {
    /// DVC's word.
    pub fn as_str(self) -> &'static str {
        match self {
            OutState::Deleted => "deleted",
            OutState::Modified => "modified",
            OutState::New => "new",
            OutState::NotInCache => "not in cache",
        }
    }
}

/// The tracked paths that differ, by the file that pins them.
pub type Status = BTreeMap<PathBuf, Vec<(PathBuf, OutState)>>;

/// Compares tracked paths with the workspace and the cache.
///
/// # Errors
/// If the workspace can't be read.
pub fn status(
    repository: &Repository,
    tracked: &[Tracked],
    report: Report<'_>,
) -> Result<Status, VersioningError> {
    let mut status = Status::new();
    for (pin, state) in tracked.iter().zip(states(repository, tracked, report)?) {
        if let Some(state) = state {
            let path = match &pin.part {
                Some(part) => pin.out.full.join(part),
                None => pin.out.full.clone(),
            };
            status
                .entry(pin.file.clone())
                .or_default()
                .push((path, state));
        }
    }
    Ok(status)
}

/// How each of the tracked paths differs; `None` if it doesn't.
///
/// # Errors
/// If the workspace can't be read.
pub fn states(
    repository: &Repository,
    tracked: &[Tracked],
    report: Report<'_>,
) -> Result<Vec<Option<OutState>>, VersioningError> {
    let paths: Vec<(PathBuf, HashKind)> = tracked
        .iter()
        .map(|pin| (pin.out.full.clone(), pin.out.kind))
        .collect();
    let contents = repository.hash_many(&paths, report)?;
    let single: Vec<ObjectId> = tracked
        .iter()
        .filter_map(|pin| pin.out.id.filter(|id| pin.out.cached && !id.dir))
        .collect();
    let mut there = repository.cache().has_each(&single).into_iter();
    let mut states = Vec::with_capacity(tracked.len());
    for (pin, content) in tracked.iter().zip(contents) {
        let in_cache = match pin.out.id {
            Some(id) if pin.out.cached && id.dir => {
                has_folder(repository, pin, &id, content.as_ref())?
            }
            Some(_) if pin.out.cached => there.next() == Some(true),
            _ => true,
        };
        states.push(match (&pin.part, in_cache) {
            (_, false) => Some(OutState::NotInCache),
            (Some(part), true) => part_state(repository, pin, part, content.as_ref())?,
            (None, true) => compare(pin.out.id, content.map(|content| content.saved.id)),
        });
    }
    Ok(states)
}

fn compare(pinned: Option<ObjectId>, now: Option<ObjectId>) -> Option<OutState> {
    match (pinned, now) {
        (_, None) => Some(OutState::Deleted),
        (None, Some(_)) => Some(OutState::New),
        (Some(pinned), Some(now)) => (pinned != now).then_some(OutState::Modified),
    }
}

/// Whether a folder's manifest and all its files are in the cache.
fn has_folder(
    repository: &Repository,
    pin: &Tracked,
    id: &ObjectId,
    now: Option<&Content>,
) -> Result<bool, VersioningError> {
    let cache = repository.cache();
    if !cache.has(id) {
        return Ok(false);
    }
    // What lies in the workspace says it all; the manifest needn't be read.
    if let Some(now) = now.filter(|now| now.saved.id == *id) {
        let unsure: Vec<ObjectId> = now
            .unsure
            .iter()
            .map(|at| ObjectId::file(id.kind, now.checksums[*at]))
            .collect();
        let there = !cache.has_each(&unsure).contains(&false);
        let known = unsure.iter().map(|id| &id.checksum);
        let known = known.filter(|id| now.presence.knows(id)).count();
        if there && known > now.files.len() / WORTH_NOTING {
            // The next time a look at the folders will do.
            let scope = repository.inside(&pin.out.full)?;
            repository.remember_folder(&scope, now, now.presence.clone())?;
        }
        return Ok(there);
    }
    let Ok(manifest) = cache.manifest(id) else {
        return Ok(false);
    };
    let entries = manifest.entries().iter();
    let files: Vec<ObjectId> = entries
        .map(|entry| ObjectId::file(id.kind, entry.checksum))
        .collect();
    Ok(!cache.has_each(&files).contains(&false))
}

/// The same for a part of a folder.
fn part_state(
    repository: &Repository,
    pin: &Tracked,
    part: &str,
    now: Option<&Content>,
) -> Result<Option<OutState>, VersioningError> {
    let Some(id) = pin.out.id else {
        return Ok(Some(OutState::New));
    };
    let below = format!("{part}/");
    let within = |manifest: &crate::Manifest| -> Vec<crate::ManifestEntry> {
        let entries = manifest.entries().iter();
        entries
            .filter(|entry| entry.path == part || entry.path.starts_with(&below))
            .cloned()
            .collect()
    };
    let pinned = within(&repository.cache().manifest(&id)?);
    let now = now.and_then(Content::manifest);
    let now = now.as_ref().map(within).unwrap_or_default();
    Ok(match (pinned.is_empty(), now.is_empty()) {
        (true, true) => {
            return Err(VersioningError::refused(
                pin.out.full.join(part),
                "is neither there nor tracked",
            ));
        }
        (true, false) => Some(OutState::New),
        (false, true) => Some(OutState::Deleted),
        (false, false) => (pinned != now).then_some(OutState::Modified),
    })
}
