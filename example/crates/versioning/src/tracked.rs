//! What a repository tracks: its `.dvc` files and the outputs of its `dvc.lock` files.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use mlops_disk as disk;
use rayon::prelude::*;

use crate::lock_file::LockFile;
use crate::{Repository, VersioningError};
use mlops_repository::path::name_text;
use mlops_repository::{DvcFile, DvcIgnore, OutEntry};

/// All that pins data in a tree of files.
#[derive(Debug, Default)]
pub struct Pins {
    /// By path.
    pub files: Vec<DvcFile>,
    /// By path.
    pub locks: Vec<LockFile>,
}

/// One pinned path, and what pins it.
#[derive(Debug, Clone)]
pub struct Tracked {
    /// The `.dvc` file or `dvc.lock`.
    pub file: PathBuf,
    /// The stage of a lock.
    pub stage: Option<String>,
    /// The path and its content.
    pub out: OutEntry,
    /// Only this part of a folder is meant.
    pub part: Option<String>,
    /// Whether it comes from elsewhere, which may keep it instead of a remote.
    pub is_import: bool,
    /// Whether it is known where it lies. What isn't can be pushed and fetched, no more.
    pub is_placed: bool,
}

impl Tracked {
    /// Whether nobody promised that its content is in a cache or remote: a lock also tells of
    /// outputs that are not cached.
    pub fn is_optional(&self) -> bool {
        self.stage.is_some() || self.is_import
    }
}

impl Pins {
    /// Every pinned path.
    pub fn all(&self) -> Vec<Tracked> {
        let of_files = self.files.iter().flat_map(of_file);
        let of_locks = self.locks.iter().flat_map(|lock| {
            lock.outs.iter().map(|locked| Tracked {
                file: lock.path.clone(),
                stage: Some(locked.stage.clone()),
                out: locked.out.clone(),
                part: None,
                is_import: false,
                is_placed: locked.is_placed,
            })
        });
        of_files.chain(of_locks).collect()
    }

    /// The pinned paths that targets mean: a `.dvc` file, a tracked path, a path within a tracked
    /// folder, a stage, or with `recursive` all below a folder. No targets mean all.
    ///
    /// # Errors
    /// If a target means none.
    pub fn select(
        &self,
        targets: &[PathBuf],
        recursive: bool,
    ) -> Result<Vec<Tracked>, VersioningError> {
        let all = self.all();
        if targets.is_empty() {
            return Ok(all);
        }
        let mut chosen = Vec::new();
        for target in targets {
            let before = chosen.len();
            for tracked in &all {
                if let Some(part) = means(target, recursive, tracked) {
                    chosen.push(Tracked {
                        part,
                        ..tracked.clone()
                    });
                }
            }
            if chosen.len() == before {
                return Err(VersioningError::refused(
                    target,
                    "is neither a .dvc file, nor tracked, nor a part of what is tracked: \
                     `list` shows what is; `add` tracks it",
                ));
            }
        }
        let mut seen = HashSet::new();
        chosen.retain(|tracked| {
            seen.insert((
                tracked.file.clone(),
                tracked.out.full.clone(),
                tracked.part.clone(),
            ))
        });
        Ok(chosen)
    }
}

/// Whether a target means a pinned path, and which part of it.
fn means(target: &Path, recursive: bool, tracked: &Tracked) -> Option<Option<String>> {
    let full = &tracked.out.full;
    let is_file = target == tracked.file && tracked.stage.is_none();
    let is_stage = tracked.stage.as_ref().is_some_and(|stage| {
        target
            .file_name()
            .is_some_and(|name| name == stage.as_str())
            && target.parent() == tracked.file.parent()
    });
    let below = recursive && (full.starts_with(target) || tracked.file.starts_with(target));
    if is_file || is_stage || below || target == full {
        return Some(None);
    }
    let part = target
        .strip_prefix(full)
        .ok()
        .filter(|_| tracked.out.is_dir())?;
    Some(Some(part.to_str()?.to_string()))
}

/// The paths that a `.dvc` file pins.
pub(crate) fn of_file(file: &DvcFile) -> impl Iterator<Item = Tracked> {
    file.outs.iter().map(|out| Tracked {
        file: file.path.clone(),
        stage: None,
        out: out.clone(),
        part: None,
        is_import: file.is_import,
        is_placed: true,
    })
}

impl Repository {
    /// Reads all that pins data in the workspace.
    ///
    /// # Errors
    /// If one of the files is unsound.
    pub fn pins(&self) -> Result<Pins, VersioningError> {
        let mut pins = self.pins_below(self.root())?;
        pins.files.par_sort_unstable_by(|a, b| a.path.cmp(&b.path));
        pins.locks.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(pins)
    }

    fn pins_below(&self, folder: &Path) -> Result<Pins, VersioningError> {
        let rules = self.ignore().rules(folder)?;
        let of_git = match self.git_ignore() {
            Some(git) => Some(git.rules(folder)?),
            None => None,
        };
        let ignored = |path: &Path, is_dir: bool| {
            rules.ignores(path, is_dir)
                || of_git.as_ref().is_some_and(|git| git.ignores(path, is_dir))
        };
        let mut files = Vec::new();
        let mut locks = Vec::new();
        let mut folders = Vec::new();
        let entries = std::fs::read_dir(folder).map_err(VersioningError::io(folder))?;
        for entry in entries {
            let entry = entry.map_err(VersioningError::io(folder))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(VersioningError::io(&path))?;
            if kind.is_dir() {
                let is_temp = entry.file_name().to_str().is_some_and(disk::is_temp);
                if !is_temp && !ignored(&path, true) && !path.join(mlops_repository::DVC).is_dir() {
                    folders.push(path);
                }
                continue;
            }
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_pin = is_dvc_file(&name);
            if (is_pin || name == "dvc.lock") && !ignored(&path, false) {
                name_text(&entry.file_name(), &path)?;
                if is_pin {
                    files.push(path)
                } else {
                    locks.push(path)
                }
            }
        }
        let files = files
            .into_par_iter()
            .map(|path| DvcFile::read(&path, self.root()))
            .collect::<Result<Vec<_>, _>>()?;
        let locks = locks
            .into_iter()
            .map(|path| LockFile::read(&path, self.root()))
            .collect::<Result<Vec<_>, _>>()?;
        let mut pins = Pins { files, locks };
        // Data has no pins in it, and may be large.
        let data: HashSet<PathBuf> = pins.all().into_iter().map(|pin| pin.out.full).collect();
        let below = folders
            .into_par_iter()
            .filter(|folder| !data.contains(folder))
            .map(|folder| self.pins_below(&folder))
            .collect::<Result<Vec<_>, _>>()?;
        for below in below {
            pins.files.extend(below.files);
            pins.locks.extend(below.locks);
        }
        Ok(pins)
    }

    /// Reads all that pins data in a commit, wherever `.gitignore` of today says.
    ///
    /// # Errors
    /// If Git fails, or one of the files is unsound.
    pub fn pins_of(&self, commit: &str) -> Result<Pins, VersioningError> {
        let Some(git) = self.git() else {
            return Ok(Pins::default());
        };
        let ignore = DvcIgnore::new(self.root());
        let mut wanted = Vec::new();
        for blob in git.files(commit)? {
            let path = git.root().join(&blob.path);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_ours = is_dvc_file(&name) || name == "dvc.lock" || name == "dvc.yaml";
            if is_ours && path.starts_with(self.root()) && !ignore.ignores(&path, false)? {
                wanted.push((path, blob.id));
            }
        }
        let ids: Vec<String> = wanted.iter().map(|(_, id)| id.clone()).collect();
        let paths = wanted.into_iter().map(|(path, _)| path);
        let contents: BTreeMap<PathBuf, Vec<u8>> = paths.zip(git.contents(&ids)?).collect();
        let mut pins = Pins::default();
        for (path, bytes) in &contents {
            let is = |extension: &str| path.extension().is_some_and(|found| found == extension);
            if is("dvc") {
                let file = DvcFile::parse(bytes.clone(), path, self.root())?;
                pins.files.push(file);
            } else if is("lock") {
                let definition = contents.get(&path.with_file_name("dvc.yaml")).cloned();
                let lock = LockFile::parse(bytes.clone(), definition, path, self.root())?;
                pins.locks.push(lock);
            }
        }
        Ok(pins)
    }
}

/// Whether a file's name is that of a `.dvc` file.
pub(crate) fn is_dvc_file(name: &str) -> bool {
    name.len() > 4 && name.ends_with(".dvc")
}
