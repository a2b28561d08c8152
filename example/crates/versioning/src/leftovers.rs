//! What killed commands left beside and in data: removed by the next command that writes there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mlops_disk as disk;

use crate::{Repository, VersioningError};

/// Between making a file and locking it a process may be interrupted, hardly for so long.
const SETTLED: Duration = Duration::from_secs(10);

impl Repository {
    /// Removes temporary files beside tracked paths, and in those that are folders; says which. What a living
    /// process writes stays. To be called with the repository's lock.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn sweep_leftovers<'a>(
        &self,
        paths: impl IntoIterator<Item = &'a PathBuf>,
    ) -> Result<Vec<PathBuf>, VersioningError> {
        self.sweep_around(paths, SETTLED)
    }

    /// The same of what is at least so old.
    pub(crate) fn sweep_around<'a>(
        &self,
        paths: impl IntoIterator<Item = &'a PathBuf>,
        age: Duration,
    ) -> Result<Vec<PathBuf>, VersioningError> {
        let mut swept = Vec::new();
        let mut folders: BTreeSet<&Path> = BTreeSet::new();
        for path in paths {
            folders.extend(path.parent());
            if path.is_dir() && !path.is_symlink() {
                swept.extend(disk::sweep_temps(path, age)?);
            }
        }
        // A folder that is a link may lead anywhere.
        let is_ours = |folder: &&Path| {
            folder.starts_with(self.root()) && folder.is_dir() && !folder.is_symlink()
        };
        for folder in folders.into_iter().filter(is_ours) {
            swept.extend(disk::sweep_temps_in(folder, age)?);
        }
        Ok(swept)
    }
}
