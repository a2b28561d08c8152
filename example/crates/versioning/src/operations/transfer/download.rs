//! From a remote into the cache.

use std::collections::HashSet;
use std::path::PathBuf;

use mlops_disk::{Batch, Existing};
use mlops_store::StoreError;

use super::{BATCH_FILES, Names, TransferOptions, by_remote, done, each, needed};
use crate::cache::PROTECTED;
use crate::progress::{Progress, Report};
use crate::remote::Remote;
use crate::{Repository, VersioningError};
use mlops_repository::{Checksum, HashKind, Hasher, ObjectId, Tracked};

/// Up to so many objects are looked for in a remote before they are fetched.
const ASKED_FIRST: usize = 16;

/// What a fetch brought, and what it couldn't.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    /// How many objects came.
    pub count: usize,
    /// What neither the cache nor its remote has, and where it was looked for.
    pub missing: Vec<String>,
}

impl Fetched {
    /// The number of objects that came, if nothing is missing.
    ///
    /// # Errors
    /// [`VersioningError::Missing`] if something is.
    pub fn whole(self) -> Result<usize, VersioningError> {
        if self.missing.is_empty() {
            return Ok(self.count);
        }
        Err(VersioningError::Missing {
            objects: self.missing,
            place: "the cache and not in its remote".into(),
            advice: "run `push` where the data is",
        })
    }
}

/// Fetches what tracked paths need and the cache lacks, from each remote that is concerned.
///
/// # Errors
/// [`VersioningError::Transfer`] if some transfers failed; what came is kept.
pub fn fetch(
    repository: &Repository,
    tracked: &[Tracked],
    options: &TransferOptions,
    report: Report<'_>,
) -> Result<Fetched, VersioningError> {
    let (imports, own): (Vec<_>, Vec<_>) = tracked.iter().cloned().partition(|pin| pin.is_import);
    let mut fetched = fetch_own(repository, &own, options, report)?;
    // A remote needn't have what comes from elsewhere, and there needn't be one.
    if let Ok(some) = fetch_own(repository, &imports, options, report) {
        fetched.count += some.count;
    }
    for import in imports {
        if !is_at_hand(repository, &import)? {
            let name = repository.inside(&import.out.full)?;
            fetched.missing.push(format!(
                "{name} (an import: its source has it, from where only DVC fetches it, `dvc pull {}`)",
                repository.inside(&import.file)?
            ));
        }
    }
    Ok(fetched)
}

/// Whether all of an import is in the cache; of one that was never downloaded, whether something lies there.
fn is_at_hand(repository: &Repository, import: &Tracked) -> Result<bool, VersioningError> {
    let Some(id) = import.out.id.filter(|_| import.out.cached) else {
        return Ok(import.out.full.exists());
    };
    let cache = repository.cache();
    if !id.dir || !cache.has(&id) {
        return Ok(cache.has(&id));
    }
    let (_, files) = needed(repository, &[import])?;
    let files: Vec<ObjectId> = files.into_keys().collect();
    Ok(!cache.has_each(&files).contains(&false))
}

fn fetch_own(
    repository: &Repository,
    tracked: &[Tracked],
    options: &TransferOptions,
    report: Report<'_>,
) -> Result<Fetched, VersioningError> {
    let mut fetched = Fetched::default();
    for (remote, pins) in by_remote(repository, tracked, options, false)? {
        let (manifests, _) = needed(repository, &pins)?;
        let absent = fetch_objects(repository, &remote, &manifests, report)?;
        let (_, files) = needed(repository, &pins)?;
        let more = fetch_objects(repository, &remote, &files, report)?;
        fetched.count += absent.came + more.came;
        let place = format!("remote {}, {}", remote.name(), remote.bucket().url());
        let names = absent.absent.iter().map(|id| &manifests[id]);
        let names = names.chain(more.absent.iter().map(|id| &files[id]));
        let names = names.map(|name| format!("{} ({place})", name.trim_end_matches('/')));
        fetched.missing.extend(names);
    }
    Ok(fetched)
}

/// What became of objects that were to come.
pub(in crate::operations) struct Came {
    came: usize,
    absent: Vec<ObjectId>,
}

/// Brings objects into the cache, those it has left out.
pub(in crate::operations) fn fetch_objects(
    repository: &Repository,
    remote: &Remote,
    names: &Names,
    report: Report<'_>,
) -> Result<Came, VersioningError> {
    let ids: Vec<ObjectId> = names.keys().copied().collect();
    let there = repository.cache().has_each(&ids);
    let mut coming: Vec<ObjectId> = ids
        .into_iter()
        .zip(there)
        .filter_map(|(id, there)| (!there).then_some(id))
        .collect();
    let mut absent = Vec::new();
    let mut bytes = 0;
    // The sizes are for the progress bar; of many files it can count the files.
    if coming.len() <= ASKED_FIRST && !coming.is_empty() {
        let sizes = remote.sizes(&coming)?;
        bytes = sizes.iter().flatten().sum();
        let mut sizes = sizes.into_iter();
        (coming, absent) = coming
            .into_iter()
            .partition(|_| sizes.next().flatten().is_some());
    }
    let mut came = coming.len();
    if came > 0 {
        report(Progress::Begin {
            what: "fetching",
            files: coming.len() as u64,
            bytes,
        });
    }
    for chunk in coming.chunks(BATCH_FILES) {
        let gone = download(repository, remote, chunk, Existing::Keep, report)?;
        came -= gone.len();
        absent.extend(gone);
    }
    Ok(Came { came, absent })
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
