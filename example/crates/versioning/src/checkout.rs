//! From the cache into the workspace.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mlops_disk::{self as disk, Batch, Existing, Link};
use rayon::prelude::*;

use crate::content::{Content, SINGLE};
use crate::manifest::Manifest;
use crate::plan::{Plan, Target};
use crate::presence::Presence;
use crate::progress::{Progress, Report};
use crate::scan::{ScannedFile, scan};
use crate::state::{self, StateTable};
use crate::{Repository, VersioningError};
use mlops_repository::{Checksum, HashKind, ObjectId};

/// So many files become durable together.
const BATCH_FILES: usize = 100_000;

impl Repository {
    /// Does what a plan says. The plan's own checks (unsaved, missing) are the caller's to heed.
    ///
    /// # Errors
    /// If an object isn't what its name says, or the system refuses; the same call again goes on.
    pub fn apply(
        &self,
        target: &Target,
        plan: Plan,
        report: Report<'_>,
    ) -> Result<(), VersioningError> {
        self.apply_many(&[(target.clone(), plan)], report)
    }

    /// Does what many plans say: what they write becomes durable together.
    ///
    /// # Errors
    /// As [`apply`](Repository::apply).
    pub fn apply_many(
        &self,
        plans: &[(Target, Plan)],
        report: Report<'_>,
    ) -> Result<(), VersioningError> {
        let mut objects: Vec<(&PathBuf, &ObjectId, usize)> = Vec::new();
        let mut kinds = Vec::with_capacity(plans.len());
        for (at, (target, plan)) in plans.iter().enumerate() {
            self.make_room(target, plan)?;
            kinds.push(self.possible_links(target));
            objects.extend(plan.objects().map(|(path, id)| (path, id, at)));
        }
        if !objects.is_empty() {
            report(Progress::Begin {
                what: "checking out",
                files: objects.len() as u64,
                bytes: 0,
            });
        }
        let presence = |kind| self.cache().presence(kind);
        let presence = [HashKind::Md5, HashKind::Md5Dos2Unix].map(|kind| {
            let is_used = plans
                .iter()
                .any(|(target, _)| target.id.dir && target.id.kind == kind);
            (
                kind,
                if is_used {
                    presence(kind)
                } else {
                    Presence::default()
                },
            )
        });
        for chunk in objects.chunks(BATCH_FILES) {
            let batch = Batch::new();
            chunk
                .par_iter()
                .with_max_len(64)
                .try_for_each(|(path, id, at)| {
                    self.link(&batch, id, path, &kinds[*at])?;
                    report(Progress::Done { files: 1, bytes: 0 });
                    Ok::<_, VersioningError>(())
                })?;
            batch.commit()?;
        }
        for (target, _) in plans.iter().filter(|(_, plan)| plan.set_exec) {
            let metadata =
                std::fs::metadata(&target.path).map_err(VersioningError::io(&target.path))?;
            disk::set_mode(&target.path, metadata.permissions().mode() & 0o7777 | 0o100)?;
        }
        let changed: Vec<&(Target, Plan)> = plans
            .iter()
            .filter(|(_, plan)| !plan.is_done() || !plan.relink.is_empty() || plan.set_exec)
            .collect();
        self.remember_targets(&changed, &presence)
    }

    /// Removes what a plan wants gone, and makes the folder for what comes.
    fn make_room(&self, target: &Target, plan: &Plan) -> Result<(), VersioningError> {
        if !target.id.dir {
            // A folder that a file takes the place of goes with all in it.
            self.check_holds_no_repository(&target.path)?;
        }
        remove_files(&target.path, &plan.remove, target.id.dir)?;
        // A new folder of nothing but files comes with them, as a whole.
        let comes_whole = || {
            let mut folders = plan.objects().map(|(path, _)| path.parent());
            plan.objects().next().is_some() && folders.all(|folder| folder == Some(&target.path))
        };
        if target.id.dir && !target.path.is_dir() && !comes_whole() {
            disk::create_dir_all(&target.path)?;
        }
        Ok(())
    }

    /// Puts an object at a path, in the batch.
    fn link(
        &self,
        batch: &Batch,
        id: &ObjectId,
        path: &Path,
        links: &[Link],
    ) -> Result<(), VersioningError> {
        let object = self.cache().path(id);
        if links.first() == Some(&Link::Copy) {
            let object = self.cache().open_checked(id)?;
            batch.copy(&object, path, None, Existing::Replace)?;
            return Ok(());
        }
        self.cache().check_unprotected(id)?;
        // An empty object would soon have more names than a file may have.
        let is_link = links
            .first()
            .is_some_and(|link| matches!(link, Link::Hard | Link::Symbolic));
        let is_empty = is_link && std::fs::metadata(&object).is_ok_and(|object| object.len() == 0);
        let links = if is_empty { &[Link::Copy] } else { links };
        batch.link(links, &object, path, None, Existing::Replace)?;
        Ok(())
    }

    /// Notes the hashes of what was just written, so that they needn't be computed.
    fn remember_targets(
        &self,
        written: &[&(Target, Plan)],
        presence: &[(HashKind, Presence)],
    ) -> Result<(), VersioningError> {
        if written.is_empty() {
            return Ok(());
        }
        // Else a change within the same step of the clock would go unseen.
        std::thread::sleep(state::SETTLE);
        let seen = state::now();
        for (kind, presence) in presence {
            let of_kind = written.iter().filter(|(target, _)| target.id.kind == *kind);
            let mut single = Vec::new();
            for (target, plan) in of_kind {
                let Some(manifest) = &plan.manifest else {
                    let path = &target.path;
                    let metadata = std::fs::metadata(path).map_err(VersioningError::io(path))?;
                    let file = ScannedFile::of(self.inside(path)?, path, &metadata, false)?;
                    single.push((file, target.id.checksum));
                    continue;
                };
                // Of what was there already, nobody knows whether the cache has it too.
                let is_whole = manifest.entries().len() == plan.objects().count();
                let presence = if is_whole {
                    presence.clone()
                } else {
                    Presence::default()
                };
                self.remember_target(target, manifest, presence, seen)?;
            }
            if !single.is_empty() {
                let table = StateTable::load(&self.state_folder(), SINGLE, *kind);
                let (files, checksums): (Vec<_>, Vec<_>) = single.into_iter().unzip();
                self.remember_single(*kind, seen, &table, &files, &checksums)?;
            }
        }
        Ok(())
    }

    fn remember_target(
        &self,
        target: &Target,
        manifest: &Manifest,
        presence: Presence,
        seen: i64,
    ) -> Result<(), VersioningError> {
        let mut files = scan(&target.path, self.ignore())?;
        let before = files.len();
        files.retain(|file| manifest.get(&file.path).is_some());
        let checksums: Vec<Checksum> = files
            .iter()
            .filter_map(|file| manifest.get(&file.path))
            .collect();
        let is_whole = before == files.len() && before == manifest.entries().len();
        let content = Content {
            saved: mlops_repository::Saved {
                // Without all of its files, the table is none of that manifest.
                id: ObjectId {
                    dir: is_whole,
                    ..target.id
                },
                size: None,
                nfiles: None,
                is_exec: false,
            },
            files,
            checksums,
            unsure: Vec::new(),
            presence: Presence::default(),
            seen,
        };
        self.remember_folder(&self.inside(&target.path)?, &content, presence)
    }

    /// Saves what lies at a path into the cache, and links it as the configuration says.
    ///
    /// # Errors
    /// As [`store`](Repository::store).
    pub fn save(
        &self,
        path: &Path,
        kind: HashKind,
        relink: bool,
        report: Report<'_>,
    ) -> Result<Option<Content>, VersioningError> {
        let Some(content) = self.store(path, kind, report)? else {
            return Ok(None);
        };
        if relink {
            self.relink_many(&[(path, &content)], report)?;
        }
        Ok(Some(content))
    }

    /// Links contents that were just stored as the configuration says.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn relink_many(
        &self,
        contents: &[(&Path, &Content)],
        report: Report<'_>,
    ) -> Result<(), VersioningError> {
        let first = self.cache().links().first();
        let mut plans = Vec::new();
        for (path, content) in contents {
            // Files of their own are what reflinks and copies are.
            let mut files = content.files.iter();
            let is_own = files.all(|file| !file.is_link && !file.is_shared);
            if is_own && matches!(first, Some(Link::Reflink | Link::Copy)) {
                continue;
            }
            let target = Target {
                path: path.to_path_buf(),
                id: content.saved.id,
                is_exec: content.saved.is_exec,
            };
            let plan = self.plan_against(&target, content.manifest(), Some(content), true)?;
            plans.push((target, plan));
        }
        self.apply_many(&plans, report)
    }
}

/// Removes files, and the folders that are empty then; not the target's own.
fn remove_files(top: &Path, files: &[PathBuf], keep_top: bool) -> Result<(), VersioningError> {
    let mut folders: HashSet<&Path> = HashSet::new();
    for file in files {
        disk::remove_file(file)?;
        let above = file.ancestors().skip(1);
        folders.extend(above.take_while(|folder| folder.starts_with(top)));
    }
    let mut folders: Vec<&Path> = folders.into_iter().collect();
    folders.sort_unstable_by_key(|folder| std::cmp::Reverse(folder.as_os_str().len()));
    for folder in folders {
        let is_empty = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
        if is_empty && !(keep_top && folder == top) {
            disk::remove_dir(folder)?;
        }
    }
    // Empty folders are in no manifest, but a file can't take their place.
    if !keep_top && top.is_dir() && !top.is_symlink() {
        remove_empty(top)?;
    }
    Ok(())
}

/// Removes a folder of nothing but folders.
fn remove_empty(folder: &Path) -> Result<(), VersioningError> {
    let entries = std::fs::read_dir(folder).map_err(VersioningError::io(folder))?;
    for entry in entries {
        let entry = entry.map_err(VersioningError::io(folder))?;
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            return Err(VersioningError::refused(
                entry.path(),
                "is in the way of a file that is to be checked out, and ignored: move it away",
            ));
        }
        remove_empty(&entry.path())?;
    }
    disk::remove_dir(folder)?;
    Ok(())
}
