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
        if !target.id.dir {
            // A folder that a file takes the place of goes with all in it.
            self.check_holds_no_repository(&target.path)?;
        }
        remove_files(&target.path, &plan.remove, target.id.dir)?;
        let objects: Vec<&(PathBuf, ObjectId)> = plan.objects().collect();
        // A new folder of nothing but files comes with them, as a whole.
        let comes_whole = || {
            let mut folders = objects.iter().map(|(path, _)| path.parent());
            !objects.is_empty() && folders.all(|folder| folder == Some(&target.path))
        };
        if target.id.dir && !target.path.is_dir() && !comes_whole() {
            disk::create_dir_all(&target.path)?;
        }
        if !objects.is_empty() {
            report(Progress::Begin {
                what: "checking out",
                files: objects.len() as u64,
                bytes: 0,
            });
        }
        let links = self.possible_links(target);
        let presence = self.cache().presence(target.id.kind);
        let written = objects.len();
        for chunk in objects.chunks(BATCH_FILES) {
            let batch = Batch::new();
            chunk
                .par_iter()
                .with_max_len(64)
                .try_for_each(|(path, id)| {
                    self.link(&batch, id, path, &links)?;
                    report(Progress::Done { files: 1, bytes: 0 });
                    Ok::<_, VersioningError>(())
                })?;
            batch.commit()?;
        }
        if plan.set_exec {
            let metadata =
                std::fs::metadata(&target.path).map_err(VersioningError::io(&target.path))?;
            disk::set_mode(&target.path, metadata.permissions().mode() & 0o7777 | 0o100)?;
        }
        if plan.is_done() && plan.relink.is_empty() && !plan.set_exec {
            return Ok(());
        }
        let is_whole = |manifest: &Manifest| manifest.entries().len() == written;
        // Of what was there already, nobody knows whether the cache has it too.
        let presence = match &plan.manifest {
            Some(manifest) if is_whole(manifest) => presence,
            _ => Presence::default(),
        };
        self.remember_target(target, plan.manifest.as_ref(), presence)
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
    fn remember_target(
        &self,
        target: &Target,
        manifest: Option<&Manifest>,
        presence: Presence,
    ) -> Result<(), VersioningError> {
        // Else a change within the same step of the clock would go unseen.
        std::thread::sleep(state::SETTLE);
        let seen = state::now();
        let kind = target.id.kind;
        let Some(manifest) = manifest else {
            let path = &target.path;
            let metadata = std::fs::metadata(path).map_err(VersioningError::io(path))?;
            let file = ScannedFile::of(self.inside(path)?, path, &metadata, false)?;
            let table = StateTable::load(&self.state_folder(), SINGLE, kind);
            return self.remember_single(kind, seen, &table, &[file], &[target.id.checksum]);
        };
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
            self.relink(path, &content, report)?;
        }
        Ok(Some(content))
    }

    /// Links a content that was just stored as the configuration says.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn relink(
        &self,
        path: &Path,
        content: &Content,
        report: Report<'_>,
    ) -> Result<(), VersioningError> {
        // Files of their own are what reflinks and copies are.
        let is_linked = content
            .files
            .iter()
            .all(|file| !file.is_link && !file.is_shared)
            && matches!(
                self.cache().links().first(),
                Some(Link::Reflink | Link::Copy)
            );
        if is_linked {
            return Ok(());
        }
        let target = Target {
            path: path.to_path_buf(),
            id: content.saved.id,
            is_exec: content.saved.is_exec,
        };
        let plan = self.plan_against(&target, content.manifest(), Some(content), true)?;
        self.apply(&target, plan, report)
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
