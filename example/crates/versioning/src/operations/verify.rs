//! Hashes objects again, whatever their mode promises, and fetches anew what has rotted.

use mlops_disk::Existing;
use mlops_store::for_each_bounded;
use rayon::prelude::*;

use super::transfer::{TransferOptions, download, upload};
use crate::progress::{Progress, Report};
use crate::remote::Remote;
use crate::{Repository, VersioningError};
use mlops_repository::{Checksum, HashKind, Hasher, ObjectId};

/// What is verified.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// The objects of the remote instead of the cache's.
    pub remote: bool,
    /// Which remote, also to repair from.
    pub transfer: TransferOptions,
    /// Replace what is not what its name says: from the remote, or in the remote from the cache.
    pub repair: bool,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Verified {
    /// How many objects were hashed.
    pub checked: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Where objects lie that aren't what their names say.
    pub corrupt: Vec<(ObjectId, String)>,
    /// Those of them that are whole again.
    pub repaired: Vec<ObjectId>,
}

/// Hashes every object of the cache, or of a remote.
///
/// # Errors
/// If the remote doesn't answer or the system refuses; what is corrupt is no error here.
pub fn verify(
    repository: &Repository,
    options: &VerifyOptions,
    report: Report<'_>,
) -> Result<Verified, VersioningError> {
    let _lock = repository.lock()?;
    let remote = || -> Result<Remote, VersioningError> {
        let config = repository
            .config()
            .remote_or_default(options.transfer.remote.as_deref())?;
        Remote::open(&config, options.transfer.jobs)
    };
    if options.remote {
        return verify_remote(repository, &remote()?, options.repair, report);
    }
    let mut verified = verify_cache(repository, report)?;
    if options.repair && !verified.corrupt.is_empty() {
        let remote = remote()?;
        let ids: Vec<ObjectId> = verified.corrupt.iter().map(|(id, _)| *id).collect();
        let there = remote.sizes(&ids)?;
        for (id, _) in ids
            .into_iter()
            .zip(there)
            .filter(|(_, size)| size.is_some())
        {
            let got = download(repository, &remote, &[id], Existing::Replace, report);
            match got {
                Ok(absent) if absent.is_empty() => verified.repaired.push(id),
                Ok(_) | Err(VersioningError::Corrupt { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(verified)
}

fn verify_cache(repository: &Repository, report: Report<'_>) -> Result<Verified, VersioningError> {
    let cache = repository.cache();
    let mut ids = cache.list(HashKind::Md5)?;
    ids.extend(cache.list(HashKind::Md5Dos2Unix)?);
    report(Progress::Begin {
        what: "verifying",
        files: ids.len() as u64,
        bytes: 0,
    });
    let found = ids
        .par_iter()
        .with_max_len(64)
        .map(|id| {
            let checked = match cache.check(id) {
                Ok(size) => Ok((size, None)),
                Err(VersioningError::Corrupt { place, .. }) => {
                    let hashed = cache.path(id).metadata().map_or(0, |meta| meta.len());
                    Ok((hashed, Some((*id, place))))
                }
                Err(error) => Err(error),
            };
            report(Progress::Done {
                files: 1,
                bytes: checked.as_ref().map_or(0, |(size, _)| *size),
            });
            checked
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Verified {
        checked: ids.len(),
        bytes: found.iter().map(|(size, _)| size).sum(),
        corrupt: found
            .into_iter()
            .filter_map(|(_, corrupt)| corrupt)
            .collect(),
        repaired: Vec::new(),
    })
}

fn verify_remote(
    repository: &Repository,
    remote: &Remote,
    repair: bool,
    report: Report<'_>,
) -> Result<Verified, VersioningError> {
    let mut objects = remote.list(HashKind::Md5)?;
    objects.extend(remote.list(HashKind::Md5Dos2Unix)?);
    let bytes = objects.iter().map(|(_, size)| size).sum();
    report(Progress::Begin {
        what: "verifying",
        files: objects.len() as u64,
        bytes,
    });
    let all = for_each_bounded(remote.jobs(), &objects, |(id, size)| async move {
        let found = hash_remote(remote, id, *size, report).await?;
        report(Progress::Done { files: 1, bytes: 0 });
        let place = || format!("{}/{}", remote.bucket().url(), Remote::key(id));
        Ok::<_, VersioningError>((found != id.checksum).then(|| (*id, place())))
    });
    let found = remote.runtime().block_on(all)?;
    let mut corrupt: Vec<(ObjectId, String)> = found.into_iter().flatten().collect();
    corrupt.sort();
    let mut repaired = Vec::new();
    if repair {
        for (id, _) in &corrupt {
            if repository.cache().has(id) && repository.cache().check(id).is_ok() {
                upload(repository, remote, &[*id], report)?;
                repaired.push(*id);
            }
        }
    }
    Ok(Verified {
        checked: objects.len(),
        bytes,
        corrupt,
        repaired,
    })
}

/// Reads an object in pieces of 1 MiB, which the 2.x hash needs.
async fn hash_remote(
    remote: &Remote,
    id: &ObjectId,
    size: u64,
    report: Report<'_>,
) -> Result<Checksum, VersioningError> {
    const PIECE: u64 = 1 << 20;
    let key = Remote::key(id);
    let mut hasher = Hasher::new(if id.dir { HashKind::Md5 } else { id.kind });
    let mut at = 0;
    while at < size {
        let end = size.min(at + 8 * PIECE);
        let bytes = remote.bucket().get_range(&key, at..end).await?;
        for piece in bytes.chunks(PIECE as usize) {
            hasher.update(piece);
        }
        report(Progress::Done {
            files: 0,
            bytes: end - at,
        });
        at = end;
    }
    Ok(hasher.finish())
}
