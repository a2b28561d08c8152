//! Removes objects that nothing refers to.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use mlops_disk as disk;
use mlops_store::for_each_bounded;

use super::transfer::{Names, TransferOptions, fetch_objects};
use crate::manifest::Manifest;
use crate::progress::Report;
use crate::remote::Remote;
use crate::{Repository, VersioningError};
use mlops_repository::{Declarations, HashKind, ObjectId, Revisions};

/// What is kept and where the rest is removed.
#[derive(Debug, Clone)]
pub struct GcOptions {
    /// Besides the workspace, which always counts: commits whose data is kept.
    pub revisions: Revisions,
    /// Other repositories that share the cache.
    pub projects: Vec<PathBuf>,
    /// Also in this remote (the default one if it has no name).
    pub cloud: bool,
    /// The remote.
    pub transfer: TransferOptions,
    /// Of what is kept, keep only what the remote doesn't have.
    pub not_in_remote: bool,
    /// Objects of the remote that nothing here refers to are kept until they are so old: a colleague may have
    /// pushed them, whose commits aren't here yet.
    pub grace: Duration,
    /// Remove nothing, only tell.
    pub dry_run: bool,
    /// Go on although a folder's manifest is nowhere to be found, so that its files can't be kept.
    pub force: bool,
}

impl Default for GcOptions {
    fn default() -> Self {
        Self {
            revisions: Revisions::default(),
            projects: Vec::new(),
            cloud: false,
            transfer: TransferOptions::default(),
            not_in_remote: false,
            grace: GRACE,
            dry_run: false,
            force: false,
        }
    }
}

/// How long the remote's objects are kept that nothing refers to: two weeks, as with `git gc`.
pub const GRACE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// What was, or would be, removed.
#[derive(Debug, Clone, Default)]
pub struct Collected {
    /// Objects of the cache.
    pub cache: Vec<ObjectId>,
    /// Their bytes.
    pub cache_bytes: u64,
    /// Objects of the remote.
    pub remote: Vec<ObjectId>,
    /// Their bytes.
    pub remote_bytes: u64,
    /// Objects of the remote that nothing refers to and that are too young to be removed.
    pub young: usize,
    /// The remote's name and address, if it is collected in.
    pub remote_name: Option<String>,
    /// Temporary files that killed commands left.
    pub temporary: Vec<PathBuf>,
}

impl Collected {
    /// Whether no object is garbage.
    pub fn is_empty(&self) -> bool {
        self.cache.is_empty() && self.remote.is_empty()
    }
}

/// Asked with what would be removed, before anything is; `false` if it is to stay.
pub type Confirm<'a> = &'a dyn Fn(&Collected) -> Result<bool, VersioningError>;

/// Removes what neither the workspace nor one of the revisions needs, if `confirm` agrees; else gives `None`. It
/// isn't asked about nothing, nor for a dry run.
///
/// # Errors
/// If something that refers to data can't be read: nothing is removed then. As `confirm`.
pub fn gc(
    repository: &Repository,
    options: &GcOptions,
    confirm: Confirm<'_>,
    report: Report<'_>,
) -> Result<Option<Collected>, VersioningError> {
    let _lock = repository.lock()?;
    let others = options
        .projects
        .iter()
        .map(|path| Repository::find(path))
        .collect::<Result<Vec<_>, _>>()?;
    let _locks = others
        .iter()
        .map(Repository::lock)
        .collect::<Result<Vec<_>, _>>()?;
    let config = repository
        .config()
        .remote_or_default(options.transfer.remote.as_deref());
    let remote = if options.cloud || options.not_in_remote {
        Some(Remote::open(&config?, options.transfer.jobs)?)
    } else {
        config
            .ok()
            .and_then(|config| Remote::open(&config, options.transfer.jobs).ok())
    };
    let mut used = HashSet::new();
    for project in std::iter::once(repository).chain(&others) {
        collect_used(
            project,
            repository,
            remote.as_ref(),
            options,
            &mut used,
            report,
        )?;
    }
    if let Some(remote) = remote.as_ref().filter(|_| options.not_in_remote) {
        // As DVC means it: what the remote has can be fetched again.
        let ids: Vec<ObjectId> = used.into_iter().collect();
        let there = remote.sizes(&ids)?.into_iter();
        used = ids
            .into_iter()
            .zip(there)
            .filter_map(|(id, size)| size.is_none().then_some(id))
            .collect();
    }
    let mut collected = Collected::default();
    let cloud = remote.as_ref().filter(|_| options.cloud);
    find_in_cache(repository, &used, &mut collected)?;
    if let Some(remote) = cloud {
        find_in_remote(repository, remote, &used, options, &mut collected)?;
    }
    if options.dry_run {
        return Ok(Some(collected));
    }
    if !collected.is_empty() && !confirm(&collected)? {
        return Ok(None);
    }
    for id in &collected.cache {
        disk::remove_file(&repository.cache().path(id))?;
    }
    if let Some(remote) = cloud {
        remove_from_remote(remote, &collected.remote)?;
    }
    collected.temporary = sweep(repository)?;
    let folder = cloud.and_then(|remote| remote.bucket().folder());
    if let Some(folder) = folder {
        collected.temporary.extend(disk::sweep_temps(folder, DAY)?);
    }
    Ok(Some(collected))
}

/// Adds all objects that the workspace and the revisions of a repository need.
fn collect_used(
    project: &Repository,
    repository: &Repository,
    remote: Option<&Remote>,
    options: &GcOptions,
    used: &mut HashSet<ObjectId>,
    report: Report<'_>,
) -> Result<(), VersioningError> {
    let mut manifests = Names::new();
    let mut keep = |declared: &Declarations| {
        for tracked in &declared.outputs {
            if let Some(id) = tracked.out.id
                && used.insert(id)
                && id.dir
            {
                manifests.insert(id, tracked.out.full.display().to_string());
            }
        }
    };
    keep(&project.declarations()?);
    if let Some(declared) = project.declarations_in_git()? {
        keep(&declared);
    }
    if !options.revisions.is_empty() {
        for commit in project.history(&options.revisions)? {
            keep(&project.declarations_of(&commit?)?);
        }
    }
    if let Some(remote) = remote {
        // Without it, what its files are would be unknown. That it can't be had is told below.
        drop(fetch_objects(repository, remote, &manifests, report));
    }
    let mut unknown = Vec::new();
    for (id, name) in manifests {
        match repository.cache().manifest(&id) {
            Ok(manifest) => used.extend(
                manifest
                    .entries()
                    .iter()
                    .map(|entry| ObjectId::file(id.kind, entry.checksum)),
            ),
            Err(VersioningError::Missing { .. }) => unknown.push(name),
            Err(error) => return Err(error),
        }
    }
    if unknown.is_empty() || options.force {
        return Ok(());
    }
    Err(VersioningError::Missing {
        objects: unknown,
        place: "the cache, so that the files of these folders can't be told from garbage (`gc --help` says how to go on)"
            .into(),
advice: crate::PULL,
    })
}

fn find_in_cache(
    repository: &Repository,
    used: &HashSet<ObjectId>,
    collected: &mut Collected,
) -> Result<(), VersioningError> {
    let cache = repository.cache();
    let mut unused = cache.list(HashKind::Md5)?;
    unused.extend(cache.list(HashKind::Md5Dos2Unix)?);
    unused.retain(|id| !used.contains(id));
    // Manifests first: one that is there promises that its files are.
    unused.sort_by_key(|id| !id.dir);
    for id in &unused {
        let metadata = std::fs::metadata(cache.path(id));
        collected.cache_bytes += metadata.map_or(0, |metadata| metadata.len());
    }
    collected.cache = unused;
    Ok(())
}

/// Finds what nothing refers to in the remote: not the workspace, not the revisions, and no folder's manifest that
/// is itself too young to go.
fn find_in_remote(
    repository: &Repository,
    remote: &Remote,
    used: &HashSet<ObjectId>,
    options: &GcOptions,
    collected: &mut Collected,
) -> Result<(), VersioningError> {
    let now = SystemTime::now();
    // A clock that is behind makes an object younger than nothing: kept.
    let is_young = |modified| {
        !options.grace.is_zero() && now.duration_since(modified).unwrap_or_default() < options.grace
    };
    let mut unused = Vec::new();
    for kind in [HashKind::Md5, HashKind::Md5Dos2Unix] {
        unused.extend(remote.list_with_times(kind)?);
    }
    unused.retain(|(id, _)| !used.contains(id));
    let (young, old): (Vec<_>, Vec<_>) = unused
        .into_iter()
        .partition(|(_, meta)| is_young(meta.modified));
    // A push sends the files of a folder that the remote lacks: the others are old, and belong to it.
    let folders = young
        .iter()
        .map(|(id, _)| *id)
        .filter(|id| id.dir)
        .collect();
    let needed = files_of(repository, remote, folders)?;
    let (needed, old): (Vec<_>, Vec<_>) = old.into_iter().partition(|(id, _)| needed.contains(id));
    collected.young = young.len() + needed.len();
    collected.remote_bytes = old.iter().map(|(_, meta)| meta.size).sum();
    collected.remote = old.into_iter().map(|(id, _)| id).collect();
    collected.remote_name = Some(format!("{} ({})", remote.name(), remote.bucket().url()));
    Ok(())
}

/// The files of some folders of the remote.
fn files_of(
    repository: &Repository,
    remote: &Remote,
    folders: Vec<ObjectId>,
) -> Result<HashSet<ObjectId>, VersioningError> {
    let read = |id: ObjectId| async move {
        if let Ok(manifest) = repository.cache().manifest(&id) {
            return Ok::<_, VersioningError>(Some((id.kind, manifest)));
        }
        let key = Remote::key(&id);
        match remote.bucket().get(&key).await {
            Ok(bytes) => {
                let origin = PathBuf::from(format!("{}/{key}", remote.bucket().url()));
                Ok(Some((id.kind, Manifest::read(&bytes, &origin)?)))
            }
            // It was removed meanwhile, by another collection.
            Err(gone) if gone.is_missing() => Ok(None),
            Err(error) => Err(VersioningError::from(error)),
        }
    };
    let all = for_each_bounded(remote.jobs(), folders, read);
    let manifests = remote.runtime().block_on(all)?;
    Ok(manifests
        .into_iter()
        .flatten()
        .flat_map(|(kind, manifest)| {
            let files = manifest.entries().iter();
            files
                .map(|entry| ObjectId::file(kind, entry.checksum))
                .collect::<Vec<_>>()
        })
        .collect())
}

fn remove_from_remote(remote: &Remote, ids: &[ObjectId]) -> Result<(), VersioningError> {
    let (dirs, files): (Vec<ObjectId>, Vec<ObjectId>) = ids.iter().partition(|id| id.dir);
    for ids in [dirs, files] {
        remote
            .runtime()
            .block_on(for_each_bounded(remote.jobs(), ids, |id| async move {
                Ok::<_, VersioningError>(remote.bucket().delete(&Remote::key(&id)).await?)
            }))?;
    }
    Ok(())
}

/// A transfer that takes longer is no transfer any more.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes temporary files. With the repository's lock nobody else writes in it; a cache that lies
/// elsewhere may be shared, so only what is a [`DAY`] old is garbage there.
fn sweep(repository: &Repository) -> Result<Vec<PathBuf>, VersioningError> {
    let own = repository.cache().root().starts_with(repository.root());
    let age = if own { Duration::ZERO } else { DAY };
    let mut swept = disk::sweep_temps(repository.cache().root(), age)?;
    swept.extend(disk::sweep_temps(&repository.tmp(), Duration::ZERO)?);
    let root = repository.root();
    swept.extend(disk::sweep_temps_in(root, Duration::ZERO)?);
    let dvc = root.join(mlops_repository::DVC);
    swept.extend(disk::sweep_temps_in(&dvc, Duration::ZERO)?);
    let outputs = repository.declarations()?.outputs;
    let paths = outputs.iter().flat_map(|pin| [&pin.file, &pin.out.full]);
    swept.extend(repository.sweep_around(paths, Duration::ZERO)?);
    Ok(swept)
}
