//! A repository of data: its files, its cache, its locks.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use mlops_disk as disk;
use mlops_repository::{Level, WorkTree};

use crate::VersioningError;
use crate::cache::Cache;
use crate::lock::RepositoryLock;

/// An open repository: a [`WorkTree`] with the objects that its files name.
#[derive(Debug)]
pub struct Repository {
    tree: WorkTree,
    cache: Cache,
}

impl Deref for Repository {
    type Target = WorkTree;

    fn deref(&self) -> &WorkTree {
        &self.tree
    }
}

impl Repository {
    /// The repository that a folder lies in.
    ///
    /// # Errors
    /// If there is none, or its configuration is unsound.
    pub fn find(start: &Path) -> Result<Repository, VersioningError> {
        Ok(WorkTree::find(start)?.into())
    }

    /// The repository whose folder this is, absolute.
    ///
    /// # Errors
    /// If its configuration is unsound.
    pub fn open(root: &Path) -> Result<Repository, VersioningError> {
        Ok(WorkTree::open(root)?.into())
    }

    /// What is configured, to be changed.
    pub fn config_mut(&mut self) -> &mut mlops_repository::Config {
        self.tree.config_mut()
    }

    /// Its objects.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Where the tables of known hashes are.
    pub(crate) fn state_folder(&self) -> PathBuf {
        self.tmp().join("hashes")
    }

    /// Takes the repository's lock, the same as DVC's.
    ///
    /// # Errors
    /// If another process keeps it for more than 3 s.
    pub fn lock(&self) -> Result<RepositoryLock, VersioningError> {
        if self.config().is_on("core", "hardlink_lock") {
            return Err(VersioningError::refused(
                self.config().path_of(Level::Repository),
                "core.hardlink_lock is on, which locks in a way only DVC knows: switch it off",
            ));
        }
        let tmp = self.tmp();
        disk::create_dir_all(&tmp)?;
        RepositoryLock::acquire(&tmp)
    }
}

impl From<WorkTree> for Repository {
    fn from(tree: WorkTree) -> Repository {
        let cache = Cache::of(tree.config(), &tree.root().join(mlops_repository::DVC));
        Repository { tree, cache }
    }
}
