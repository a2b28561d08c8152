//! Puts data under version control: content into the cache, its name into a `.dvc` file.

use std::path::{Path, PathBuf};

use super::known_outs;
use crate::content::Content;
use crate::lock::PathLock;
use crate::manifest::{Manifest, ManifestEntry};
use crate::progress::Report;
use crate::{Repository, VersioningError};
use mlops_repository::{Declarations, DvcFile, HashKind, Saved, gitignore, is_dvc_file};

/// How data is added.
#[derive(Debug, Clone, Copy)]
pub struct AddOptions {
    /// Write the `.dvc` file only, nothing into the cache.
    pub no_commit: bool,
    /// Leave files in the workspace that are not linked as configured.
    pub no_relink: bool,
}

/// What an addition wrote.
#[derive(Debug, Clone, Default)]
pub struct Added {
    /// The `.dvc` files, one for each target.
    pub files: Vec<PathBuf>,
    /// Those files, and `.gitignore`s, that changed and belong into Git.
    pub for_git: Vec<PathBuf>,
    /// Whether they were put into Git's index (`core.autostage`).
    pub staged: bool,
    /// Targets without any content.
    pub empty: Vec<PathBuf>,
}

/// A target with the file that pins it.
struct Job {
    target: PathBuf,
    file: DvcFile,
    /// Which of the file's entries.
    at: usize,
    is_new: bool,
}

/// Adds files and folders, given as absolute paths. Nothing is done if one of them is refused.
///
/// # Errors
/// If a target isn't there, lies outside, is tracked by Git, overlaps with what is tracked, or the
/// system refuses.
pub fn add(
    repository: &Repository,
    targets: &[PathBuf],
    options: AddOptions,
    report: Report<'_>,
) -> Result<Added, VersioningError> {
    let _lock = repository.lock()?;
    let declared = repository.declarations()?;
    let mut jobs = Vec::new();
    for target in targets {
        check_target(repository, target)?;
        jobs.push(job(repository, &declared, target)?);
    }
    check_overlaps(&jobs, &declared)?;
    if let Some(git) = repository.git() {
        let outs: Vec<PathBuf> = jobs
            .iter()
            .map(|job| job.file.outs[job.at].full.clone())
            .collect();
        if let Some(tracked) = git.tracked(&outs)?.first() {
            return Err(VersioningError::refused(
                tracked,
                format!(
                    "is tracked by Git: run `git rm -r --cached '{}'` and commit that first",
                    tracked.display()
                ),
            ));
        }
    }
    let written: Vec<PathBuf> = jobs.iter().map(|job| job.target.clone()).collect();
    let _paths = PathLock::acquire(&repository.tmp(), "add", &[], &written)?;
    repository.sweep_leftovers(&written)?;
    let mut added = Added::default();
    let contents = contents(repository, &jobs, options, report)?;
    for (job, content) in jobs.iter_mut().zip(contents) {
        pin(repository, job, content, options, &mut added)?;
    }
    let outs: Vec<PathBuf> = jobs
        .iter()
        .filter(|job| job.file.outs[job.at].cached)
        .map(|job| job.file.outs[job.at].full.clone())
        .collect();
    // Before the .dvc files: what they pin must not be taken in by Git.
    added.for_git = gitignore::add(repository, &outs)?;
    for job in &mut jobs {
        if job.file.write()? {
            added.for_git.push(job.file.path.clone());
        }
        added.files.push(job.file.path.clone());
    }
    let names = outs
        .iter()
        .map(|out| repository.inside(out))
        .collect::<Result<Vec<_>, _>>()?;
    known_outs::change(repository, names, &[])?;
    added.staged = repository.autostage(&added.for_git)?;
    Ok(added)
}

/// Hashes all targets, and saves those that are to be in the cache.
fn contents(
    repository: &Repository,
    jobs: &[Job],
    options: AddOptions,
    report: Report<'_>,
) -> Result<Vec<Option<Content>>, VersioningError> {
    let mut contents: Vec<Option<Content>> = vec![None; jobs.len()];
    for keep in [true, false] {
        let mut mine = Vec::new();
        let mut paths = Vec::new();
        for (at, job) in jobs.iter().enumerate() {
            let out = &job.file.outs[job.at];
            if keep == (out.cached && !options.no_commit) {
                let id = out.id.map(|id| id.to_string());
                let kind = kind_to_save(repository, &out.full, out.kind, id, report)?;
                mine.push(at);
                paths.push((job.target.clone(), kind));
            }
        }
        let found = if keep {
            repository.store_many(&paths, report)?
        } else {
            repository.hash_many(&paths, report)?
        };
        if keep && !options.no_relink {
            let there = paths.iter().zip(&found);
            let there: Vec<_> = there
                .filter_map(|((path, _), content)| Some((path.as_path(), content.as_ref()?)))
                .collect();
            repository.relink_many(&there, report)?;
        }
        for (at, content) in mine.into_iter().zip(found) {
            contents[at] = content;
        }
    }
    Ok(contents)
}

/// Pins a target's content in its file, which isn't written yet.
fn pin(
    repository: &Repository,
    job: &mut Job,
    found: Option<Content>,
    options: AddOptions,
    added: &mut Added,
) -> Result<(), VersioningError> {
    let out = job.file.outs[job.at].clone();
    if job.target == out.full {
        let Some(found) = found else {
            return Err(VersioningError::refused(&job.target, "isn't there"));
        };
        if found.saved.size == Some(0) {
            added.empty.push(job.target.clone());
        }
        job.file.set(job.at, &found.saved);
        return Ok(());
    }
    // A part of a tracked folder: the rest stays pinned as it is.
    let part = mlops_repository::path::relative(&job.target, &out.full)?;
    let before = match out.id {
        Some(id) => repository.cache().manifest(&id)?,
        None => Manifest::default(),
    };
    let kind = found.as_ref().map_or(out.kind, |found| found.saved.id.kind);
    let below = format!("{part}/");
    let rest: Vec<ManifestEntry> = before
        .entries()
        .iter()
        .filter(|entry| entry.path != part && !entry.path.starts_with(&below))
        .cloned()
        .collect();
    let only_more = rest.len() == before.entries().len();
    let mut entries = rest;
    let mut size = None;
    match &found {
        None if only_more => {
            return Err(VersioningError::refused(
                &job.target,
                "is neither there nor was it tracked",
            ));
        }
        None => {}
        Some(found) => match found.manifest() {
            Some(manifest) => {
                entries.extend(manifest.entries().iter().map(|entry| ManifestEntry {
                    path: format!("{below}{}", entry.path),
                    checksum: entry.checksum,
                }))
            }
            None => entries.push(ManifestEntry {
                path: part,
                checksum: found.saved.id.checksum,
            }),
        },
    }
    let manifest = Manifest::new(entries, &out.full)?;
    let id = if out.cached && !options.no_commit {
        repository.store_manifest(&manifest, kind)?
    } else {
        manifest.id(kind)
    };
    if Some(id) == out.id {
        size = out.size;
    } else if only_more && let Some(found) = &found {
        size = out.size.zip(found.saved.size).map(|(a, b)| a + b);
    }
    let saved = Saved {
        id,
        size,
        nfiles: Some(manifest.entries().len() as u64),
        is_exec: false,
    };
    job.file.set(job.at, &saved);
    Ok(())
}

/// The hash a content is saved under: an unchanged one of 2.x stays one of 2.x.
pub(super) fn kind_to_save(
    repository: &Repository,
    path: &Path,
    kind: HashKind,
    id: Option<String>,
    report: Report<'_>,
) -> Result<HashKind, VersioningError> {
    if kind == HashKind::Md5 {
        return Ok(HashKind::Md5);
    }
    let now = repository.hash(path, kind, report)?;
    let same = now.is_some_and(|now| Some(now.saved.id.to_string()) == id);
    Ok(if same { kind } else { HashKind::Md5 })
}

/// Refuses what can't be data of this repository.
fn check_target(repository: &Repository, target: &Path) -> Result<(), VersioningError> {
    let refuse = |why: &str| Err(VersioningError::refused(target, why));
    let root = repository.root();
    let inside = repository.inside(target)?;
    if inside == "." {
        return refuse("is the repository itself: name what in it is data");
    }
    if let Err(why) = mlops_repository::path::check_inside(&inside) {
        return refuse(&format!("the path {why}: it can't be tracked"));
    }
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    if is_dvc_file(&name) || name == "dvc.yaml" || name == "dvc.lock" {
        return refuse("is a file of DVC, which can't be data: name the data it pins");
    }
    let above = target
        .ancestors()
        .skip(1)
        .take_while(|folder| *folder != root);
    if above.into_iter().any(Path::is_symlink) || (target.is_symlink() && target.is_dir()) {
        return refuse("lies behind a link to a folder: name it by its real path");
    }
    if repository.ignore().ignores(target, target.is_dir())? {
        return refuse("is ignored by .dvcignore: change that, or leave it out");
    }
    Ok(())
}

/// The file that pins a target: the one there is, or a new one beside it.
fn job(
    repository: &Repository,
    declared: &Declarations,
    target: &Path,
) -> Result<Job, VersioningError> {
    for file in &declared.data {
        for (at, out) in file.outs.iter().enumerate() {
            let part = out.is_dir() && target.starts_with(&out.full);
            if out.full == target || part {
                if file.is_import {
                    return Err(VersioningError::refused(
                        target,
                        "is imported from elsewhere: `dvc update` renews it",
                    ));
                }
                return Ok(Job {
                    target: target.to_path_buf(),
                    file: file.clone(),
                    at,
                    is_new: false,
                });
            }
        }
    }
    if !target.exists() {
        let message = if target.is_symlink() {
            "is a link to something that isn't there"
        } else {
            "isn't there: nothing to add"
        };
        return Err(VersioningError::refused(target, message));
    }
    let name = target.file_name().unwrap_or_default();
    let name = mlops_repository::path::name_text(name, target)?;
    let path = target.with_file_name(format!("{name}.dvc"));
    let git = repository.git_ignore();
    if let Some(rule) = git.map(|git| git.rule(&path, false)).transpose()?.flatten() {
        let message = format!(
            "Git would ignore {name}.dvc by {rule}, so that nobody else would get it: change that rule, or move the data"
        );
        return Err(VersioningError::refused(target, message));
    }
    if name.len() + 4 > 255 {
        return Err(VersioningError::refused(
            target,
            "has a name so long that `.dvc` can't be put behind it: rename it, or add its folder",
        ));
    }
    if path.exists() {
        let file = DvcFile::read(&path, repository.root())?;
        if !file.outs.is_empty() {
            return Err(VersioningError::refused(
                &path,
                "is there already and pins other data: move it away",
            ));
        }
    }
    Ok(Job {
        target: target.to_path_buf(),
        file: DvcFile::new(&path, name),
        at: 0,
        is_new: true,
    })
}

/// Refuses new data within tracked data or around it.
fn check_overlaps(jobs: &[Job], declared: &Declarations) -> Result<(), VersioningError> {
    for job in jobs {
        let full = &job.file.outs[job.at].full;
        for other in &declared.outputs {
            let others = &other.out.full;
            if other.file == job.file.path && other.stage.is_none() {
                continue;
            }
            let by = other.declared_by();
            let message = match &other.stage {
                Some(_) if full == others => format!(
                    "is an output of {by}, so it can't be added too: run `repro`, or `commit` what lies there"
                ),
                _ if others.starts_with(full) => format!(
                    "has {} in it, which is an output of {by}: take that out of it first",
                    others.display()
                ),
                _ if full.starts_with(others) => {
                    format!("lies in {}, which is an output of {by}", others.display())
                }
                _ => continue,
            };
            return Err(VersioningError::refused(full, message));
        }
        for other in jobs.iter().filter(|other| other.is_new && job.is_new) {
            if other.target != job.target && other.target.starts_with(&job.target) {
                return Err(VersioningError::refused(
                    &other.target,
                    format!("lies in {}, which is to be added too", job.target.display()),
                ));
            }
        }
    }
    Ok(())
}
