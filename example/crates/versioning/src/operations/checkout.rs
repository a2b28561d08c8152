//! Makes the workspace what the `.dvc` files say, from the cache.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::known_outs;
use crate::lock::PathLock;
use crate::manifest::{Manifest, ManifestEntry};
use crate::plan::Target;
use crate::progress::Report;
use crate::{Repository, VersioningError};
use mlops_disk as disk;
use mlops_repository::{HashKind, ObjectId, Tracked};

/// How a checkout goes about it.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckoutOptions {
    /// Overwrite and remove data that is saved nowhere; what Git tracks stays.
    pub force: bool,
    /// The same, and what Git tracks too.
    pub overwrite_sources: bool,
    /// Also make links of the configured kind out of what is right already.
    pub relink: bool,
    /// Leave out what the cache lacks, without an error.
    pub allow_missing: bool,
}

/// What a checkout changed. Paths are absolute.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Tracked paths that weren't there.
    pub added: Vec<PathBuf>,
    /// Tracked paths that were something else.
    pub modified: Vec<PathBuf>,
    /// Paths that are tracked no longer.
    pub deleted: Vec<PathBuf>,
    /// Numbers of files: added, modified, deleted.
    pub files: [usize; 3],
    /// Tracked paths whose content the cache lacks, with the number of objects.
    pub missing: Vec<String>,
}

/// Checks tracked paths out. With `everything`, also removes what an earlier checkout or addition
/// left and nothing pins any more.
///
/// # Errors
/// [`VersioningError::Unsaved`] before anything is touched, if something would be lost;
/// [`VersioningError::Missing`] after all others are done, if the cache lacks something.
pub fn checkout(
    repository: &Repository,
    tracked: &[Tracked],
    everything: bool,
    options: CheckoutOptions,
    report: Report<'_>,
) -> Result<Changes, VersioningError> {
    let pinned: BTreeSet<PathBuf> = tracked.iter().map(|pin| pin.out.full.clone()).collect();
    let paths: Vec<PathBuf> = pinned.iter().cloned().collect();
    let _paths = PathLock::acquire(&repository.tmp(), "checkout", &[], &paths)?;
    repository.sweep_leftovers(&paths)?;
    let mut changes = Changes::default();
    let mut plans = Vec::new();
    let mut unsaved = Vec::new();
    let mut missing = Vec::new();
    let mut targets = Vec::new();
    for pin in tracked {
        if let Some(id) = pin.out.id.filter(|_| pin.out.cached) {
            targets.push(target(repository, pin, id)?);
        }
    }
    let planned = match repository.plan_many(&targets, options.relink, report) {
        Err(_) if remove_dead_links(&targets)? > 0 => {
            repository.plan_many(&targets, options.relink, report)?
        }
        planned => planned?,
    };
    for ((target, _), plan) in targets.into_iter().zip(planned) {
        if !plan.missing.is_empty() {
            // What lies there may be right all the same.
            let now = repository.hash(&target.path, target.id.kind, report)?;
            if now.is_some_and(|now| now.saved.id == target.id) {
                continue;
            }
            let path = repository.inside(&target.path)?;
            let (number, plural) = match plan.missing.len() {
                1 => (1, ""),
                more => (more, "s"),
            };
            missing.push(format!("{path} ({number} object{plural})"));
            continue;
        }
        unsaved.extend(plan.unsaved.iter().cloned());
        plans.push((target, plan));
    }
    if !options.overwrite_sources {
        refuse_sources(repository, &unsaved)?;
    }
    if !unsaved.is_empty() && !options.force && !options.overwrite_sources {
        return Err(VersioningError::Unsaved { paths: unsaved });
    }
    if everything {
        remove_unpinned(repository, &pinned, &mut changes, report)?;
    }
    let mut names = Vec::new();
    for (target, plan) in &plans {
        changes.files[0] += plan.create.len();
        changes.files[1] += plan.replace.len();
        changes.files[2] += plan.remove.len();
        if plan.is_new {
            changes.added.push(target.path.clone());
        } else if !plan.is_done() {
            changes.modified.push(target.path.clone());
        }
        names.push(repository.inside(&target.path)?);
    }
    repository.apply_many(&plans, report)?;
    known_outs::change(repository, names, &[])?;
    if missing.is_empty() || options.allow_missing {
        changes.missing = missing;
        Ok(changes)
    } else {
        Err(VersioningError::Missing {
            objects: missing,
            place: "the cache".into(),
            advice: crate::PULL,
        })
    }
}

/// Removes links to objects of a cache that isn't there any more, or lacks them: nothing is lost, and a folder with such
/// a link in it can't be read. Says how many.
fn remove_dead_links(targets: &[(Target, Option<Manifest>)]) -> Result<usize, VersioningError> {
    let mut removed = 0;
    let mut folders: Vec<PathBuf> = targets.iter().map(|(at, _)| at.path.clone()).collect();
    folders.retain(|path| path.is_dir() && !path.is_symlink());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(VersioningError::io(&folder))? {
            let entry = entry.map_err(VersioningError::io(&folder))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(VersioningError::io(&path))?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_symlink()
                && !path.exists()
                && std::fs::read_link(&path)
                    .is_ok_and(|there| mlops_repository::path::is_object(&there))
            {
                removed += usize::from(disk::remove_file(&path)?);
            }
        }
    }
    Ok(removed)
}

/// Refuses to put data in the place of files that Git tracks.
fn refuse_sources(repository: &Repository, unsaved: &[PathBuf]) -> Result<(), VersioningError> {
    let Some(git) = repository.git().filter(|_| !unsaved.is_empty()) else {
        return Ok(());
    };
    match git.tracked(unsaved)?.into_iter().next() {
        None => Ok(()),
        Some(source) => Err(VersioningError::refused(
            source,
            "is a file that Git tracks, and pinned data would take its place: take the pin away that names it (a .dvc \
             file, or an entry of dvc.lock), or move the file",
        )),
    }
}

/// What is to lie where a pin says; of a part of a folder, with its manifest.
fn target(
    repository: &Repository,
    pin: &Tracked,
    id: ObjectId,
) -> Result<(Target, Option<Manifest>), VersioningError> {
    let Some(part) = &pin.part else {
        let target = Target {
            path: pin.out.full.clone(),
            id,
            is_exec: pin.out.is_exec,
        };
        return Ok((target, None));
    };
    let path = pin.out.full.join(part);
    let whole = repository.cache().manifest(&id)?;
    let below = format!("{part}/");
    let entries: Vec<ManifestEntry> = whole
        .entries()
        .iter()
        .filter_map(|entry| {
            entry.path.strip_prefix(&below).map(|rest| ManifestEntry {
                path: rest.to_string(),
                checksum: entry.checksum,
            })
        })
        .collect();
    let (id, manifest) = match whole.get(part) {
        Some(checksum) => (ObjectId::file(id.kind, checksum), None),
        None if entries.is_empty() => {
            return Err(VersioningError::refused(
                path,
                "is no part of the folder that is tracked",
            ));
        }
        None => {
            let manifest = Manifest::new(entries, &path)?;
            (manifest.id(id.kind), Some(manifest))
        }
    };
    let target = Target {
        path,
        id,
        is_exec: false,
    };
    Ok((target, manifest))
}

/// Removes what we once put there and nothing pins now, if every bit of it is in the cache.
fn remove_unpinned(
    repository: &Repository,
    pinned: &BTreeSet<PathBuf>,
    changes: &mut Changes,
    report: Report<'_>,
) -> Result<(), VersioningError> {
    let mut gone = Vec::new();
    for name in known_outs::read(repository) {
        let path = repository.root().join(&name);
        let used = |other: &PathBuf| other.starts_with(&path) || path.starts_with(other);
        if pinned.contains(&path) {
            continue;
        }
        // The list may have come with a clone.
        let is_sound = mlops_repository::path::check_inside(&name).is_ok();
        gone.push(name);
        let is_tracked = match repository.git() {
            Some(git) => !git.tracked(std::slice::from_ref(&path))?.is_empty(),
            None => false,
        };
        if !is_sound || pinned.iter().any(used) || is_tracked {
            continue;
        }
        let Some(content) = repository.hash(&path, HashKind::Md5, report)? else {
            continue;
        };
        let files = content.objects();
        if repository.cache().has_each(&files).contains(&false)
            || repository.check_holds_no_repository(&path).is_err()
        {
            continue;
        }
        repository.remove_output(&path)?;
        changes.files[2] += files.len();
        changes.deleted.push(path);
    }
    known_outs::change(repository, [], &gone)
}
