//! Objects to a remote and from it: only what isn't there, checked by hash, folders' manifests last.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use mlops_store::disk::{Batch, Existing};
use mlops_store::{StoreError, for_each_bounded};

use crate::cache::PROTECTED;
use crate::hash::{Checksum, HashKind, Hasher, ObjectId, hash_file};
use crate::progress::{Progress, Report};
use crate::remote::Remote;
use crate::tracked::Tracked;
use crate::{Repository, VersioningError};

/// So many objects become durable together.
const BATCH_FILES: usize = 10_000;
/// Up to so many objects are looked for in a remote before they are fetched.
const ASKED_FIRST: usize = 16;

/// What a transfer is about: remote and number of jobs, if not the configured ones.
#[derive(Debug, Clone, Default)]
pub struct TransferOptions {
    /// The remote's name; without, the default one, or that of the path's own entry.
    pub remote: Option<String>,
    /// How many objects are under way at once.
    pub jobs: Option<usize>,
}

/// The tracked paths of each remote that is concerned.
pub(super) fn by_remote<'a>(
    repository: &Repository,
    tracked: &'a [Tracked],
    options: &TransferOptions,
    pushing: bool,
) -> Result<Vec<(Remote, Vec<&'a Tracked>)>, VersioningError> {
    let mut groups: BTreeMap<Option<String>, Vec<&Tracked>> = BTreeMap::new();
    for pin in tracked {
        let own = pin.out.remote.as_ref().map(|name| name.to_lowercase());
        let elsewhere = options.remote.is_some() && own.is_some() && own != options.remote;
        if pin.out.id.is_none() || !pin.out.cached || (pushing && !pin.out.push) || elsewhere {
            continue;
        }
        groups
            .entry(own.or_else(|| options.remote.clone()))
            .or_default()
            .push(pin);
    }
    groups
        .into_iter()
        .map(|(name, pins)| {
            let config = repository.config().remote_or_default(name.as_deref())?;
            Ok((Remote::open(&config, options.jobs)?, pins))
        })
        .collect()
}

/// What objects are for, to name them in messages.
pub(super) type Names = BTreeMap<ObjectId, String>;

/// The objects that tracked paths need. Manifests that the cache lacks are left as they are.
pub(super) fn needed(
    repository: &Repository,
    pins: &[&Tracked],
) -> Result<(Names, Names, Names), VersioningError> {
    let mut manifests = Names::new();
    let mut files = Names::new();
    let mut optional = Names::new();
    for pin in pins {
        let Some(id) = pin.out.id else { continue };
        let name = repository.inside(&pin.out.full)?;
        if !id.dir {
            let names = if pin.is_optional() {
                &mut optional
            } else {
                &mut files
            };
            names.insert(id, name);
            continue;
        }
        manifests.insert(id, format!("{name}/"));
        if !repository.cache().has(&id) {
            continue;
        }
        let part = pin.part.as_deref();
        for entry in repository.cache().manifest(&id)?.entries() {
            let wanted = part.is_none_or(|part| {
                entry
                    .path
                    .strip_prefix(part)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            if wanted {
                let object = ObjectId::file(id.kind, entry.checksum);
                files
                    .entry(object)
                    .or_insert_with(|| format!("{name}/{}", entry.path));
            }
        }
    }
    optional.retain(|id, _| !files.contains_key(id));
    Ok((manifests, files, optional))
}

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

fn split(names: Names, optional: &BTreeSet<ObjectId>) -> (Names, Names) {
    names
        .into_iter()
        .partition(|(id, _)| !optional.contains(id))
}

/// Brings objects into the cache, those it has left out.
pub(super) fn fetch_objects(
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
pub(super) fn download(
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
    let is_absent = |error: &VersioningError| {
        matches!(error, VersioningError::Store(StoreError::NoObject { .. }))
    };
    let (absent, failures): (Vec<_>, Vec<_>) = failures
        .into_iter()
        .partition(|(_, error)| is_absent(error));
    done(failures, ids.len())?;
    Ok(absent.into_iter().map(|(id, _)| id).collect())
}

/// Moves objects, several at once. One that fails doesn't end the others; gives what they failed with.
fn each<'a, Fut>(
    remote: &Remote,
    ids: &'a [ObjectId],
    report: Report<'_>,
    act: impl Fn(&'a ObjectId) -> Fut,
) -> Result<Vec<(ObjectId, VersioningError)>, VersioningError>
where
    Fut: Future<Output = Result<(), VersioningError>>,
{
    let all = for_each_bounded(remote.jobs(), ids, |id| {
        let moved = act(id);
        async move {
            Ok::<_, VersioningError>(match moved.await {
                Ok(()) => {
                    report(Progress::Done { files: 1, bytes: 0 });
                    None
                }
                Err(error) => Some((*id, error)),
            })
        }
    });
    Ok(remote
        .runtime()
        .block_on(all)?
        .into_iter()
        .flatten()
        .collect())
}

fn done(failures: Vec<(ObjectId, VersioningError)>, total: usize) -> Result<(), VersioningError> {
    let failed = failures.len();
    match failures.into_iter().next() {
        None => Ok(()),
        Some((_, only)) if total == 1 => Err(only),
        Some((_, first)) => Err(VersioningError::Transfer {
            failed,
            total,
            first: first.to_string(),
        }),
    }
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

/// Sends what tracked paths need and a remote lacks. Gives the number of objects that went.
///
/// # Errors
/// [`VersioningError::Missing`] if the cache lacks some of it too, [`VersioningError::Transfer`] if some
/// failed; what went is kept, and no manifest went whose files didn't.
pub fn push(
    repository: &Repository,
    tracked: &[Tracked],
    options: &TransferOptions,
    report: Report<'_>,
) -> Result<usize, VersioningError> {
    let mut count = 0;
    for (remote, pins) in by_remote(repository, tracked, options, true)? {
        let (manifests, mut files, optional) = needed(repository, &pins)?;
        let at_hand: Vec<ObjectId> = optional.keys().copied().collect();
        let there = repository.cache().has_each(&at_hand);
        let known = at_hand.iter().zip(there).filter(|(_, there)| *there);
        files.extend(known.map(|(id, _)| (*id, optional[id].clone())));
        let optional: BTreeSet<ObjectId> = pins
            .iter()
            .filter(|pin| pin.is_optional())
            .filter_map(|pin| pin.out.id)
            .filter(|id| !repository.cache().has(id))
            .collect();
        let (manifests, _) = split(manifests, &optional);
        // A manifest that is there promises that its files are.
        count += push_objects(repository, &remote, &files, report)?;
        count += push_objects(repository, &remote, &manifests, report)?;
    }
    Ok(count)
}

/// Sends objects, those that are there in their full size left out.
fn push_objects(
    repository: &Repository,
    remote: &Remote,
    names: &Names,
    report: Report<'_>,
) -> Result<usize, VersioningError> {
    let ids: Vec<ObjectId> = names.keys().copied().collect();
    let mut going = Vec::new();
    let mut absent = Vec::new();
    let mut bytes = 0;
    for (id, there) in ids.iter().zip(remote.sizes(&ids)?) {
        let path = repository.cache().path(id);
        match (std::fs::metadata(&path), there) {
            (Ok(own), there) if there != Some(own.len()) => {
                bytes += own.len();
                going.push(*id);
            }
            (Ok(_), _) | (Err(_), Some(_)) => {}
            (Err(error), None) if error.kind() == std::io::ErrorKind::NotFound => {
                absent.push(names[id].clone());
            }
            (Err(error), None) => return Err(VersioningError::io(path)(error)),
        }
    }
    if !going.is_empty() {
        report(Progress::Begin {
            what: "pushing",
            files: going.len() as u64,
            bytes,
        });
        upload(repository, remote, &going, report)?;
    }
    if absent.is_empty() {
        Ok(going.len())
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

/// Uploads objects side by side, and checks that what arrived is what was sent.
pub(super) fn upload(
    repository: &Repository,
    remote: &Remote,
    ids: &[ObjectId],
    report: Report<'_>,
) -> Result<(), VersioningError> {
    if let Some(folder) = remote.bucket().folder() {
        return upload_to_folder(repository, folder, ids, report);
    }
    let failures = each(remote, ids, report, |id| {
        upload_one(repository, remote, id, report)
    })?;
    done(failures, ids.len())
}

/// The same for a folder: many objects become durable together.
fn upload_to_folder(
    repository: &Repository,
    folder: &Path,
    ids: &[ObjectId],
    report: Report<'_>,
) -> Result<(), VersioningError> {
    use rayon::prelude::*;
    for chunk in ids.chunks(BATCH_FILES) {
        let batch = Batch::new();
        chunk.par_iter().with_max_len(64).try_for_each(|id| {
            let from = repository.cache().path(id);
            let kind = if id.dir { HashKind::Md5 } else { id.kind };
            let staged = batch.start(&folder.join(Remote::key(id)))?;
            let (found, _, mut staged) = crate::hashing::copy_hashed(&from, kind, staged, report)?;
            if found != id.checksum {
                return Err(rotten(&from, id, found));
            }
            staged.set_mode(PROTECTED)?;
            batch.adopt(staged, &folder.join(Remote::key(id)), Existing::Replace);
            report(Progress::Done { files: 1, bytes: 0 });
            Ok::<_, VersioningError>(())
        })?;
        batch.commit()?;
    }
    Ok(())
}

async fn upload_one(
    repository: &Repository,
    remote: &Remote,
    id: &ObjectId,
    report: Report<'_>,
) -> Result<(), VersioningError> {
    let key = Remote::key(id);
    let path = repository.cache().path(id);
    let sent = remote
        .bucket()
        .upload(&key, &path, |bytes| {
            report(Progress::Done { files: 0, bytes })
        })
        .await?;
    // S3 names what came in one part by its MD5.
    let plain = Checksum::parse(sent.etag.as_deref().unwrap_or_default().trim_matches('"'));
    let is_md5 = id.kind == HashKind::Md5 || id.dir;
    if is_md5 && plain == Some(id.checksum) {
        return Ok(());
    }
    // Otherwise: what lies here is right, and as much of it lies there.
    let kind = if id.dir { HashKind::Md5 } else { id.kind };
    let (found, size) = hash_file(kind, &path).map_err(VersioningError::io(&path))?;
    let wrong = if found == id.checksum {
        let there = remote.bucket().head(&key).await?.map(|meta| meta.size);
        (there != Some(size)).then(|| VersioningError::Corrupt {
            place: format!("{}/{key}", remote.bucket().url()),
            expected: format!("{size} bytes"),
            found: format!("{} bytes", there.unwrap_or_default()),
            advice: "run the command again".into(),
        })
    } else {
        Some(rotten(&path, id, found))
    };
    match wrong {
        None => Ok(()),
        Some(error) => {
            // Nobody may believe it.
            remote.bucket().delete(&key).await?;
            Err(error)
        }
    }
}

fn rotten(path: &Path, id: &ObjectId, found: Checksum) -> VersioningError {
    VersioningError::Corrupt {
        place: path.display().to_string(),
        expected: id.checksum.to_string(),
        found: found.to_string(),
        advice: "run `verify --repair`; it wasn't sent".into(),
    }
}

/// How the cache and a remote differ, in DVC's words: `new` is only in the cache, `deleted` only in the
/// remote, `missing` in neither.
///
/// # Errors
/// If a remote doesn't answer.
pub fn cloud_status(
    repository: &Repository,
    tracked: &[Tracked],
    options: &TransferOptions,
) -> Result<BTreeMap<String, &'static str>, VersioningError> {
    let mut status = BTreeMap::new();
    for (remote, pins) in by_remote(repository, tracked, options, true)? {
        let (manifests, files, _) = needed(repository, &pins)?;
        let names: Names = manifests
            .into_iter()
            .map(|(id, name)| (id, name.trim_end_matches('/').to_string()))
            .chain(files)
            .collect();
        let ids: Vec<ObjectId> = names.keys().copied().collect();
        let here = repository.cache().has_each(&ids);
        for ((id, here), there) in ids.iter().zip(here).zip(remote.sizes(&ids)?) {
            let word = match (here, there.is_some()) {
                (true, true) => continue,
                (true, false) => "new",
                (false, true) => "deleted",
                (false, false) => "missing",
            };
            status.insert(names[id].clone(), word);
        }
    }
    Ok(status)
}
