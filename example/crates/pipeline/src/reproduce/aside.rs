//! What a stage made before lies aside while it runs: a run that fails leaves it as it was.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use mlops_disk as disk;
use mlops_versioning::Repository;
use rustix::process::{Pid, test_kill_process};

use crate::error::{PipelineError, Result};

/// Begins the name of a folder whose outputs couldn't be put back.
const KEPT: &str = "kept-";

/// Outputs that were moved out of a stage's way. Dropped, they go back to where nothing lies now.
#[derive(Debug)]
pub(super) struct Aside {
    folder: PathBuf,
    /// Where each belongs, and where it lies meanwhile.
    moved: Vec<(PathBuf, PathBuf)>,
    /// Something couldn't be put back: the folder stays.
    keep: bool,
}

impl Aside {
    /// Moves away what lies at these paths, which the repository's commands may remove.
    pub fn take(repository: &Repository, paths: &[PathBuf]) -> Result<Self> {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        let number = TAKEN.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", std::process::id());
        let mut aside = Self {
            folder: place(repository).join(name),
            moved: Vec::new(),
            keep: false,
        };
        for path in paths.iter().filter(|path| path.symlink_metadata().is_ok()) {
            repository.check_removable(path)?;
            repository.check_holds_no_repository(path)?;
            disk::create_dir_all(&aside.folder)?;
            let lies = aside.folder.join(aside.moved.len().to_string());
            // Not flushed: after a power cut, cache or Git have it, wherever it lies.
            match disk::rename_unflushed(path, &lies) {
                Ok(()) => aside.moved.push((path.clone(), lies)),
                // It lies on another disk. Moving would be copying, and cache or Git have it.
                Err(_) => repository.remove_output(path)?,
            }
        }
        Ok(aside)
    }

    /// Puts everything back, in place of what a failed command left. What can't be put back stays in [`Aside::folder`].
    pub fn put_back(&mut self, repository: &Repository) -> Result<()> {
        let mut failed = Ok(());
        for (path, lies) in std::mem::take(&mut self.moved) {
            let done = repository
                .remove_output(&path)
                .map_err(PipelineError::from)
                .and_then(|()| put(&path, &lies));
            if let Err(error) = done {
                self.moved.push((path, lies));
                failed = Err(error);
            }
        }
        if failed.is_err() {
            self.keep = true;
            // Under this name, no later run sweeps it away.
            let name = self
                .folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy();
            let kept = self.folder.with_file_name(format!("{KEPT}{name}"));
            if disk::rename(&self.folder, &kept).is_ok() {
                self.folder = kept;
            }
        }
        failed
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// They aren't needed any more.
    pub fn discard(mut self) -> Result<()> {
        self.moved.clear();
        disk::remove_tree(&self.folder)?;
        Ok(())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        self.moved
            .retain(|(path, lies)| path.symlink_metadata().is_ok() || put(path, lies).is_err());
        let lost = self
            .moved
            .iter()
            .any(|(path, _)| path.symlink_metadata().is_err());
        if !lost {
            // What was to be replaced has been.
            let _ = disk::remove_tree(&self.folder);
        }
    }
}

fn put(path: &Path, lies: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        disk::create_dir_all(folder)?;
    }
    Ok(disk::rename(lies, path)?)
}

fn place(repository: &Repository) -> PathBuf {
    repository.tmp().join("aside")
}

/// Removes what killed runs left.
pub(super) fn sweep(repository: &Repository) -> Result<()> {
    let place = place(repository);
    let Ok(entries) = std::fs::read_dir(&place) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry.map_err(PipelineError::io(&place))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(KEPT) {
            continue;
        }
        let number = name
            .split('-')
            .next()
            .and_then(|number| number.parse().ok());
        let owner = number.and_then(Pid::from_raw);
        if owner.is_none_or(|owner| test_kill_process(owner) == Err(rustix::io::Errno::SRCH)) {
            disk::remove_tree(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn repository() -> (tempfile::TempDir, Repository) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join(".dvc")).unwrap();
        fs::create_dir_all(root.join("deep/made")).unwrap();
        fs::write(root.join("deep/made/file"), "old").unwrap();
        let repository = Repository::open(&root).unwrap();
        (folder, repository)
    }

    #[test]
    fn what_lay_there_comes_back_in_place_of_what_a_failure_left() {
        let (_folder, repository) = repository();
        let made = repository.root().join("deep/made");
        let paths = [made.clone(), repository.root().join("nothing")];
        let mut aside = Aside::take(&repository, &paths).unwrap();
        assert!(!made.exists());
        fs::write(&made, "half").unwrap();
        aside.put_back(&repository).unwrap();
        assert_eq!(fs::read(made.join("file")).unwrap(), b"old");
        drop(aside);
        assert_eq!(fs::read_dir(place(&repository)).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_put_back_is_kept_also_by_later_runs() {
        let (_folder, repository) = repository();
        let made = repository.root().join("deep/made");
        let mut aside = Aside::take(&repository, std::slice::from_ref(&made)).unwrap();
        // A file stands where the folder above it was.
        fs::remove_dir(made.parent().unwrap()).unwrap();
        fs::write(made.parent().unwrap(), "in the way").unwrap();
        aside.put_back(&repository).unwrap_err();
        let kept = aside.folder().join("0/file");
        drop(aside);
        sweep(&repository).unwrap();
        assert_eq!(fs::read(kept).unwrap(), b"old");
    }

    #[test]
    fn dropped_it_goes_back_only_where_nothing_lies() {
        let (_folder, repository) = repository();
        let made = repository.root().join("deep/made");
        drop(Aside::take(&repository, std::slice::from_ref(&made)).unwrap());
        assert_eq!(fs::read(made.join("file")).unwrap(), b"old");
        let aside = Aside::take(&repository, std::slice::from_ref(&made)).unwrap();
        fs::write(&made, "new").unwrap();
        drop(aside);
        assert_eq!(fs::read(&made).unwrap(), b"new");
        assert_eq!(fs::read_dir(place(&repository)).unwrap().count(), 0);
    }

    #[test]
    fn the_living_keep_what_they_took_and_the_dead_do_not() {
        let (_folder, repository) = repository();
        let made = repository.root().join("deep/made");
        let aside = Aside::take(&repository, &[made]).unwrap();
        // No system counts processes so far.
        fs::create_dir_all(place(&repository).join("2147483646-0/0")).unwrap();
        fs::create_dir_all(place(&repository).join("what")).unwrap();
        sweep(&repository).unwrap();
        let left: Vec<_> = fs::read_dir(place(&repository)).unwrap().collect();
        assert_eq!(left.len(), 1);
        aside.discard().unwrap();
    }
}
