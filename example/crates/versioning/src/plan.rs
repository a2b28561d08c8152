//! What has to be done so that the workspace is what is pinned.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use mlops_disk::Link;

use crate::content::Content;
use crate::manifest::{Manifest, ManifestEntry};
use crate::progress::Report;
use crate::scan::ScannedFile;
use crate::{Repository, VersioningError};
use mlops_repository::{Checksum, ObjectId, path};

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
    pub(crate) relink: Vec<(PathBuf, ObjectId)>,
    /// Of a folder: what is to lie in it.
    pub(crate) manifest: Option<Manifest>,
    /// Whether the file lacks the right to be executed.
    pub(crate) set_exec: bool,
}

impl Plan {
    /// Whether the content is there already.
    pub fn is_done(&self) -> bool {
        self.create.is_empty() && self.replace.is_empty() && self.remove.is_empty()
    }

    /// All that is to be written: the path, and what belongs there.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &(PathBuf, ObjectId)> {
        self.create.iter().chain(&self.replace).chain(&self.relink)
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
        let plans = self.plan_many(&[(target.clone(), None)], relink, report)?;
        Ok(plans.into_iter().next().unwrap_or_default())
    }

    /// The same for many targets, in their order, each with its manifest if that is at hand. Many single files cost no
    /// more than a folder of them.
    ///
    /// # Errors
    /// As [`plan`](Repository::plan).
    pub fn plan_many(
        &self,
        targets: &[(Target, Option<Manifest>)],
        relink: bool,
        report: Report<'_>,
    ) -> Result<Vec<Plan>, VersioningError> {
        let mut manifests = Vec::with_capacity(targets.len());
        let mut looked_at = Vec::with_capacity(targets.len());
        for (target, manifest) in targets {
            let manifest = match (manifest, target.id.dir) {
                (Some(manifest), _) => Some(manifest.clone()),
                (None, false) => None,
                (None, true) => match self.cache().manifest(&target.id) {
                    Err(VersioningError::Missing { .. }) => {
                        manifests.push(Err(target.id));
                        continue;
                    }
                    other => Some(other?),
                },
            };
            path::check_no_link_out(self.root(), target.path.parent().unwrap_or(self.root()))?;
            if target.path.is_symlink() && target.path.is_dir() {
                return Err(link_in_the_way(&target.path));
            }
            manifests.push(Ok(manifest));
            looked_at.push((target.path.clone(), target.id.kind));
        }
        let mut contents = self.hash_many(&looked_at, report)?.into_iter();
        let mut plans = Vec::with_capacity(targets.len());
        for ((target, _), manifest) in targets.iter().zip(manifests) {
            plans.push(match manifest {
                Err(missing) => Plan {
                    missing: vec![missing],
                    ..Plan::default()
                },
                Ok(manifest) => {
                    let now = contents.next().flatten();
                    self.plan_against(target, manifest, now.as_ref(), relink)?
                }
            });
        }
        Ok(plans)
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
        let links = if relink {
            self.possible_links(target)
        } else {
            Vec::new()
        };
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
                    let object = self.cache().path(&id);
                    let is_wrong = relink && needs_relink(&links, &object, &full, same.file);
                    if is_wrong || (same.file.is_link && leads_elsewhere(&full, &object)) {
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

    /// The kinds of link to be tried. The right to execute is the file's, not the object's; and a
    /// reflink that can't succeed costs as much as a copy.
    pub(crate) fn possible_links(&self, target: &Target) -> Vec<Link> {
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

/// Whether a link leads to an object of another cache, and ours has the object too: the cache was moved.
fn leads_elsewhere(link: &Path, object: &Path) -> bool {
    let Ok(there) = std::fs::read_link(link) else {
        return false;
    };
    if there == object || !path::is_object(&there) {
        return false;
    }
    let file = |path: &Path| std::fs::metadata(path).map(|found| (found.dev(), found.ino()));
    match (file(link), file(object)) {
        (Ok(now), Ok(ours)) => now != ours,
        _ => false,
    }
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
