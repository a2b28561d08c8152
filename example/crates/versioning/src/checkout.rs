//! From the cache into the workspace.

use std::collections::HashSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mlops_store::disk::{self, Batch, Existing, Link};
use rayon::prelude::*;

use crate::content::{Content, SINGLE};
use crate::hash::{Checksum, HashKind, ObjectId};
use crate::manifest::{Manifest, ManifestEntry};
use crate::presence::Presence;
use crate::progress::{Progress, Report};
use crate::scan::{ScannedFile, scan};
use crate::state::{self, StateTable};
use crate::{Repository, VersioningError, path};

/// So many files become durable together.
const BATCH_FILES: usize = 100_000;

/// What is to lie at a path.
#[derive(Debug, Clone)]
pub struct Target {
    /// Absolute.
    pub path: PathBuf,
    /// The content.
    pub id: ObjectId,
    /// Whether a file may be executed.
    pub is_exec: bool,
}

/// What has to be done so that a target lies in the workspace. Nothing is done yet.
#[derive(Debug, Default)]
pub struct Plan {
    /// Whether anything lies at the path now.
    pub is_new: bool,
    /// Files to be created, with their content.
    pub create: Vec<(PathBuf, ObjectId)>,
    /// Files that are to be replaced, with their content.
    pub replace: Vec<(PathBuf, ObjectId)>,
    /// Files to be removed.
    pub remove: Vec<PathBuf>,
    /// Files that would be lost: changed, and saved nowhere.
    pub unsaved: Vec<PathBuf>,
    /// Objects that the cache lacks.
    pub missing: Vec<ObjectId>,
    /// Files whose content is right but not their kind of link.
    relink: Vec<(PathBuf, ObjectId)>,
    manifest: Option<Manifest>,
    set_exec: bool,
}

impl Plan {
    /// Whether the content is there already.
    pub fn is_done(&self) -> bool {
        self.create.is_empty() && self.replace.is_empty() && self.remove.is_empty()
    }
}

impl Repository {
    /// Compares a target with the workspace. `relink` also looks at the kind of link.
    ///
    /// # Errors
    /// If what lies there can't be read, or a link leads out of the repository.
    pub fn plan(
        &self,
        target: &Target,
        relink: bool,
        report: Report<'_>,
    ) -> Result<Plan, VersioningError> {
        let manifest = match target.id.dir.then(|| self.cache().manifest(&target.id)) {
            None => None,
            Some(Ok(manifest)) => Some(manifest),
            Some(Err(VersioningError::Missing { .. })) => {
                return Ok(Plan {
                    missing: vec![target.id],
                    ..Plan::default()
                });
            }
            Some(Err(error)) => return Err(error),
        };
        self.plan_with(target, manifest, relink, report)
    }

    /// The same for a target whose manifest is at hand.
    ///
    /// # Errors
    /// As [`plan`](Repository::plan).
    pub fn plan_with(
        &self,
        target: &Target,
        manifest: Option<Manifest>,
        relink: bool,
        report: Report<'_>,
    ) -> Result<Plan, VersioningError> {
        path::check_no_link_out(self.root(), target.path.parent().unwrap_or(self.root()))?;
        if target.path.is_symlink() && target.path.is_dir() {
            return Err(link_in_the_way(&target.path));
        }
        let now = self.hash(&target.path, target.id.kind, report)?;
        self.plan_against(target, manifest, now.as_ref(), relink)
    }

    pub(crate) fn plan_against(
        &self,
        target: &Target,
        manifest: Option<Manifest>,
        now: Option<&Content>,
        relink: bool,
    ) -> Result<Plan, VersioningError> {
        let kind = target.id.kind;
        let mut plan = Plan {
            is_new: now.is_none(),
            set_exec: target.is_exec && now.is_none_or(|now| !now.saved.is_exec),
            ..Plan::default()
        };
        let there = now.map(list).unwrap_or_default();
        let single = [ManifestEntry {
            path: String::new(),
            checksum: target.id.checksum,
        }];
        let wanted = manifest.as_ref().map_or(&single[..], Manifest::entries);
        let links = self.possible_links(target);
        let mut replaced: Vec<(PathBuf, ObjectId)> = Vec::new();
        let mut left = there.into_iter().peekable();
        for entry in wanted {
            let id = ObjectId::file(kind, entry.checksum);
            let full = join(&target.path, &entry.path);
            while let Some(gone) = left.next_if(|file| file.path < entry.path.as_str()) {
                replaced.push((
                    join(&target.path, gone.path),
                    ObjectId::file(kind, gone.checksum),
                ));
                plan.remove.push(join(&target.path, gone.path));
            }
            match left.next_if(|file| file.path == entry.path) {
                None => plan.create.push((full, id)),
                Some(same) if same.checksum == entry.checksum => {
                    if relink && needs_relink(&links, &self.cache().path(&id), &full, same.file) {
                        plan.relink.push((full, id));
                    }
                }
                Some(old) => {
                    replaced.push((full.clone(), ObjectId::file(kind, old.checksum)));
                    plan.replace.push((full, id));
                }
            }
        }
        for gone in left {
            replaced.push((
                join(&target.path, gone.path),
                ObjectId::file(kind, gone.checksum),
            ));
            plan.remove.push(join(&target.path, gone.path));
        }
        let ids: Vec<ObjectId> = replaced.iter().map(|(_, id)| *id).collect();
        let saved = self.cache().has_each(&ids);
        plan.unsaved = replaced
            .into_iter()
            .zip(saved)
            .filter_map(|((path, _), saved)| (!saved).then_some(path))
            .collect();
        let ids: Vec<ObjectId> = plan.objects().map(|(_, id)| *id).collect();
        let there = self.cache().has_each(&ids);
        plan.missing = ids
            .into_iter()
            .zip(there)
            .filter_map(|(id, there)| (!there).then_some(id))
            .collect();
        check_folders(&target.path, plan.objects().map(|(path, _)| path.as_path()))?;
        plan.manifest = manifest;
        Ok(plan)
    }

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

    /// The kinds of link to be tried. The right to execute is the file's, not the object's; and a
    /// reflink that can't succeed costs as much as a copy.
    fn possible_links(&self, target: &Target) -> Vec<Link> {
        let sharing = may_reflink(self.root());
        let own = [Link::Reflink, Link::Copy];
        let links = if target.is_exec {
            &own[..]
        } else {
            self.cache().links()
        };
        let possible = links.iter().copied();
        possible
            .filter(|link| sharing || *link != Link::Reflink || links == [Link::Reflink])
            .collect()
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
            saved: crate::Saved {
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

impl Plan {
    fn objects(&self) -> impl Iterator<Item = &(PathBuf, ObjectId)> {
        self.create.iter().chain(&self.replace).chain(&self.relink)
    }
}

struct There<'a> {
    path: &'a str,
    checksum: Checksum,
    file: &'a ScannedFile,
}

/// The files of a content, as seen from its path; a file is one with an empty name.
fn list(content: &Content) -> Vec<There<'_>> {
    let files = content.files.iter().zip(&content.checksums);
    files
        .map(|(file, checksum)| There {
            path: if content.saved.id.dir { &file.path } else { "" },
            checksum: *checksum,
            file,
        })
        .collect()
}

fn join(folder: &Path, path: &str) -> PathBuf {
    if path.is_empty() {
        folder.to_path_buf()
    } else {
        folder.join(path)
    }
}

/// Whether a file has another kind of link than the configuration's first that fits.
fn needs_relink(links: &[Link], object: &Path, path: &Path, file: &ScannedFile) -> bool {
    let is_copy = !file.is_link && !file.is_shared;
    if is_copy && file.signature.size == 0 {
        return false;
    }
    for link in links {
        match link {
            Link::Copy | Link::Reflink if is_copy => return false,
            Link::Hard if !file.is_link && file.is_shared => {
                let object = std::fs::metadata(object);
                return object.is_ok_and(|object| object.ino() != file.signature.inode);
            }
            Link::Symbolic if file.is_link => {
                return std::fs::read_link(path).is_ok_and(|target| target != object);
            }
            _ => {}
        }
    }
    true
}

/// Refuses a link where a folder of the target is to be: writing would go through it.
fn check_folders<'a>(
    top: &Path,
    files: impl Iterator<Item = &'a Path>,
) -> Result<(), VersioningError> {
    let mut checked: HashSet<&Path> = HashSet::new();
    for file in files {
        let folders = file.ancestors().skip(1);
        for folder in folders.take_while(|folder| folder.starts_with(top)) {
            if !checked.insert(folder) {
                break;
            }
            if folder.is_symlink() {
                return Err(link_in_the_way(folder));
            }
        }
    }
    Ok(())
}

fn link_in_the_way(path: &Path) -> VersioningError {
    VersioningError::refused(
        path,
        "is a symbolic link where a folder of data belongs: remove the link",
    )
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

/// Whether files on this file system may share blocks.
pub(crate) fn may_reflink(path: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        // Btrfs, XFS, bcachefs, OCFS2, ZFS, NFS, overlay (over any of them).
        const SHARING: [u64; 7] = [
            0x9123_683e,
            0x5846_5342,
            0xca45_1a4e,
            0x7461_636f,
            0x2fc1_2fc1,
            0x6969,
            0x794c_7630,
        ];
        rustix::fs::statfs(path).is_ok_and(|system| SHARING.contains(&(system.f_type as u64)))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        false
    }
}
