//! From a remote into the cache.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

use mlops_disk::{Batch, Existing};
use mlops_store::StoreError;

use super::{BATCH_FILES, Names, TransferOptions, by_remote, done, each, needed, split};
use crate::cache::PROTECTED;
use crate::hash::{Checksum, HashKind, Hasher, ObjectId};
use crate::progress::{Progress, Report};
use crate::remote::Remote;
use crate::tracked::Tracked;
use crate::{Repository, VersioningError};

/// Up to so many objects are looked for in a remote before they are fetched.
const ASKED_FIRST: usize = 16;

/// Fetches what tracked paths need and the cache lacks. Gives the number of objects that came.
///
/// # Errors
/// [`VersioningError::Missing`] if a remote doesn't have all of it, [`VersioningError::Transfer`] if some
/// failed; what came is kept.
pub fn fetch(
    repository: &Repository,
    tracked: &[Tracked],
    options: &TransferOptions,
    report: Report<'_>,
) -> Result<usize, VersioningError> {
    let mut count = 0;
    for (remote, pins) in by_remote(repository, tracked, options, false)? {
        let (manifests, _, _) = needed(repository, &pins)?;
        let optional: BTreeSet<ObjectId> = pins
            .iter()
            .filter(|pin| pin.is_optional())
            .filter_map(|pin| pin.out.id)
            .collect();
        let (kept, maybe) = split(manifests, &optional);
        count += fetch_objects(repository, &remote, &kept, false, report)?;
        count += fetch_objects(repository, &remote, &maybe, true, report)?;
        let (_, files, maybe) = needed(repository, &pins)?;
        count += fetch_objects(repository, &remote, &files, false, report)?;
        count += fetch_objects(repository, &remote, &maybe, true, report)?;
    }
    Ok(count)
}

/// Brings objects into the cache, those it has left out.
pub(in crate::operations) fn fetch_objects(
    repository: &Repository,
    remote: &Remote,
    names: &Names,
    optional: bool,
    report: Report<'_>,
) -> Result<usize, VersioningError> {
    let ids: Vec<ObjectId> = names.keys().copied().collect();
    let there = repository.cache().has_each(&ids);
    let lacking: Vec<ObjectId> = ids
        .into_iter()
        .zip(there)
        .filter_map(|(id, there)| (!there).then_some(id))
        .collect();
    if lacking.is_empty() {
        return Ok(0);
    }
    let mut coming = lacking;
    let mut absent = Vec::new();
    let mut bytes = 0;
    // The sizes are for the progress bar; of many files it can count the files.
    if coming.len() <= ASKED_FIRST {
        let sizes = remote.sizes(&coming)?;
        bytes = sizes.iter().flatten().sum();
        let mut sizes = sizes.into_iter();
        (coming, absent) = coming
            .into_iter()
            .partition(|_| sizes.next().flatten().is_some());
    }
    report(Progress::Begin {
        what: "fetching",
        files: coming.len() as u64,
        bytes,
    });
    let mut came = coming.len();
    for chunk in coming.chunks(BATCH_FILES) {
        let gone = download(repository, remote, chunk, Existing::Keep, report)?;
        came -= gone.len();
        absent.extend(gone);
    }
    let absent: Vec<String> = absent.iter().map(|id| names[id].clone()).collect();
    if absent.is_empty() || optional {
        Ok(came)
    } else {
        Err(VersioningError::Missing {
            objects: absent,
            place: format!(
                "the cache and not in the remote {} ({})",
                remote.name(),
                remote.bucket().url()
            ),
        })
    }
}

/// Downloads objects side by side; those that came and are what their names say are kept. Gives those that
/// the remote doesn't have.
pub(in crate::operations) fn download(
    repository: &Repository,
    remote: &Remote,
    ids: &[ObjectId],
    existing: Existing,
    report: Report<'_>,
) -> Result<Vec<ObjectId>, VersioningError> {
    let batch = Batch::new();
    let mut folders: HashSet<PathBuf> = HashSet::new();
    for id in ids {
        let path = repository.cache().path(id);
        if let Some(folder) = path.parent()
            && folders.insert(folder.to_path_buf())
        {
            // Makes the folder, as a part of the batch.
            drop(batch.start(&path)?);
        }
    }
    let failures = each(remote, ids, report, |id| {
        download_one(repository, remote, id, &batch, existing, report)
    })?;
    batch.commit()?;
    repository.cache().share()?;
    let is_absent = |error: &VersioningError| {
        matches!(error, VersioningError::Store(StoreError::NoObject { .. }))
    };
    let (absent, failures): (Vec<_>, Vec<_>) = failures
        .into_iter()
        .partition(|(_, error)| is_absent(error));
    done(failures, ids.len())?;
    Ok(absent.into_iter().map(|(id, _)| id).collect())
}

async fn download_one(
    repository: &Repository,
    remote: &Remote,
    id: &ObjectId,
    batch: &Batch,
    existing: Existing,
    report: Report<'_>,
) -> Result<(), VersioningError> {
    let key = Remote::key(id);
    let path = repository.cache().path(id);
    let mut hasher = InPieces::new(id);
    let mut staged = remote
        .bucket()
        .fetch(&key, &path, |bytes| {
            hasher.update(bytes);
            report(Progress::Done {
                files: 0,
                bytes: bytes.len() as u64,
            });
        })
        .await?;
    let found = hasher.finish();
    if found != id.checksum {
        staged.discard();
        return Err(VersioningError::Corrupt {
            place: format!("{}/{key}", remote.bucket().url()),
            expected: id.checksum.to_string(),
            found: found.to_string(),
            advice: "push it again from where it is whole, with `verify --cloud --repair`".into(),
        });
    }
    staged.set_mode(PROTECTED)?;
    batch.adopt(staged, &path, existing);
    Ok(())
}

/// The 2.x hash needs pieces of 1 MiB, whatever comes.
struct InPieces {
    hasher: Hasher,
    held: Vec<u8>,
    whole: bool,
}

impl InPieces {
    const PIECE: usize = 1 << 20;

    fn new(id: &ObjectId) -> InPieces {
        let kind = if id.dir { HashKind::Md5 } else { id.kind };
        InPieces {
            hasher: Hasher::new(kind),
            held: Vec::new(),
            whole: kind == HashKind::Md5Dos2Unix,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        if !self.whole {
            self.hasher.update(bytes);
            return;
        }
        self.held.extend_from_slice(bytes);
        while self.held.len() >= InPieces::PIECE {
            let rest = self.held.split_off(InPieces::PIECE);
            self.hasher.update(&self.held);
            self.held = rest;
        }
    }

    fn finish(mut self) -> Checksum {
        if !self.held.is_empty() {
            self.hasher.update(&self.held);
        }
        self.hasher.finish()
    }
}
