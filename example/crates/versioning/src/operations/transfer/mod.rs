//! Objects to a remote and from it: only what isn't there, checked by hash, folders' manifests last.

mod download;
mod upload;

use std::collections::BTreeMap;

use mlops_store::for_each_bounded;

pub use download::{Fetched, fetch};
pub(super) use download::{download, fetch_objects};
pub use upload::push;
pub(super) use upload::upload;

use crate::progress::{Progress, Report};
use crate::remote::Remote;
use crate::{Repository, VersioningError};
use mlops_repository::{ObjectId, Tracked};

/// So many objects become durable together.
const BATCH_FILES: usize = 10_000;

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
        // The source of an import keeps its data.
        let stays = pushing && (!pin.out.push || pin.is_import);
        if pin.out.id.is_none() || !pin.out.cached || stays || elsewhere {
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

/// The objects that tracked paths need: manifests and files. Manifests that the cache lacks are left as they are.
pub(super) fn needed(
    repository: &Repository,
    pins: &[&Tracked],
) -> Result<(Names, Names), VersioningError> {
    let mut manifests = Names::new();
    let mut files = Names::new();
    for pin in pins {
        let Some(id) = pin.out.id else { continue };
        let name = repository.inside(&pin.out.full)?;
        if !id.dir {
            files.insert(id, name);
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
    Ok((manifests, files))
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
        let (manifests, files) = needed(repository, &pins)?;
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
