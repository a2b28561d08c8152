//! From the cache to a remote.

use std::collections::BTreeSet;
use std::path::Path;

use mlops_disk::{Batch, Existing};

use super::{BATCH_FILES, Names, TransferOptions, by_remote, done, each, needed};
use crate::cache::PROTECTED;
use crate::progress::{Progress, Report};
use crate::remote::Remote;
use crate::{Repository, VersioningError};
use mlops_repository::{Checksum, HashKind, ObjectId, Tracked, hash_file};

/// Sends what tracked paths need and a remote lacks. Gives the number of objects that went.
///
/// # Errors
/// [`VersioningError::Missing`] if the cache lacks some of it too, after all else went,
/// [`VersioningError::Transfer`] if some failed; no manifest goes whose files aren't there.
pub fn push(
    repository: &Repository,
    tracked: &[Tracked],
    options: &TransferOptions,
    report: Report<'_>,
) -> Result<usize, VersioningError> {
    let mut count = 0;
    let mut missing = Vec::new();
    for (remote, pins) in by_remote(repository, tracked, options, true)? {
        let (mut manifests, files) = needed(repository, &pins)?;
        let (sent, absent) = push_objects(repository, &remote, &files, report)?;
        if !absent.is_empty() {
            // A manifest that is there promises that its files are.
            let lacks = |id: &ObjectId| -> Result<bool, VersioningError> {
                let cache = repository.cache();
                Ok(cache.has(id)
                    && cache
                        .manifest(id)?
                        .entries()
                        .iter()
                        .any(|entry| absent.contains(&ObjectId::file(id.kind, entry.checksum))))
            };
            for id in manifests.keys().copied().collect::<Vec<_>>() {
                if lacks(&id)? {
                    manifests.remove(&id);
                }
            }
        }
        let (folders, gone) = push_objects(repository, &remote, &manifests, report)?;
        count += sent + folders;
        let place = format!("remote {}, {}", remote.name(), remote.bucket().url());
        let names = absent.iter().map(|id| &files[id]);
        let names = names.chain(gone.iter().map(|id| &manifests[id]));
        missing.extend(names.map(|name| format!("{} ({place})", name.trim_end_matches('/'))));
    }
    if missing.is_empty() {
        return Ok(count);
    }
    Err(VersioningError::Missing {
        objects: missing,
        place: "the cache and not in its remote".into(),
        advice: "run `push` where the data is; all else is pushed",
    })
}

/// Sends objects, those that are there in their full size left out. Gives how many went, and those that are neither
/// here nor there.
fn push_objects(
    repository: &Repository,
    remote: &Remote,
    names: &Names,
    report: Report<'_>,
) -> Result<(usize, BTreeSet<ObjectId>), VersioningError> {
    let ids: Vec<ObjectId> = names.keys().copied().collect();
    let mut going = Vec::new();
    let mut absent = BTreeSet::new();
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
                absent.insert(*id);
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
    Ok((going.len(), absent))
}

/// Uploads objects side by side, and checks that what arrived is what was sent.
pub(in crate::operations) fn upload(
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
