//! Where a repository ends: what its commands may remove, and what they may take into the cache without being told.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use mlops_disk as disk;

use crate::scan::scan;
use crate::{Repository, VersioningError};
use mlops_repository::path;

impl Repository {
    /// Whether a command may remove and replace what lies at a path. What lies outside of the repository, because
    /// the user named it so, must be a file.
    ///
    /// # Errors
    /// If it is the repository or holds it, lies in the folders of Git or DVC, or behind a link that leads out or
    /// there.
    pub fn check_removable(&self, path: &Path) -> Result<(), VersioningError> {
        let refuse = |why: String| {
            let message = format!("{why}: a command must not remove or replace it");
            Err(VersioningError::refused(path, message))
        };
        if self.root().starts_with(path) {
            return refuse("is or holds the repository".into());
        }
        let folder = path.parent().unwrap_or(path);
        if let Ok(inside) = path.strip_prefix(self.root()) {
            return match path::check_names(inside) {
                Err(why) => refuse(why),
                Ok(()) => Ok(path::check_no_link_out(self.root(), folder)?),
            };
        }
        let real = folder.canonicalize().unwrap_or_else(|_| folder.into());
        if let Err(why) = path::check_names(path).and_then(|()| path::check_names(&real)) {
            return refuse(why);
        }
        if path.is_dir() && !path.is_symlink() {
            return refuse("is a folder outside of the repository".into());
        }
        Ok(())
    }

    /// Whether nothing would be lost that a command didn't make: no repository in a folder (Git's or DVC's).
    ///
    /// # Errors
    /// If there is one, or a folder can't be read.
    pub fn check_holds_no_repository(&self, path: &Path) -> Result<(), VersioningError> {
        if !path.is_dir() || path.is_symlink() {
            return Ok(());
        }
        let mut folders = vec![path.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).map_err(VersioningError::io(&folder))? {
                let entry = entry.map_err(VersioningError::io(&folder))?;
                if path::check_names(Path::new(&entry.file_name())).is_err() {
                    return Err(VersioningError::refused(
                        path,
                        format!(
                            "holds a repository, {}, which would be lost: move it away or remove it first",
                            entry.path().display()
                        ),
                    ));
                }
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path());
                }
            }
        }
        Ok(())
    }

    /// Removes what lies at a tracked path, a file, a link or a whole folder; nothing there is fine.
    ///
    /// # Errors
    /// As [`check_removable`](Repository::check_removable) and
    /// [`check_holds_no_repository`](Repository::check_holds_no_repository), or if the system refuses.
    pub fn remove_output(&self, path: &Path) -> Result<(), VersioningError> {
        self.check_removable(path)?;
        self.check_holds_no_repository(path)?;
        if path.is_dir() && !path.is_symlink() {
            disk::remove_tree(path)?;
        } else {
            disk::remove_file(path)?;
        }
        Ok(())
    }

    /// Whether what lies at a pinned path may be saved although nobody named it: a clone may bring links to files
    /// of its user's. Links into the cache are how it puts content into place.
    ///
    /// # Errors
    /// If it is, lies behind or has in it a link that leads out of the repository, or into the folders of Git or DVC.
    pub fn check_own_content(&self, path: &Path) -> Result<(), VersioningError> {
        path::check_no_link_out(self.root(), path.parent().unwrap_or(path))?;
        if path.is_symlink() {
            return self.check_link(path);
        }
        if !path.is_dir() {
            return Ok(());
        }
        scan(path, self.ignore())?
            .iter()
            .filter(|file| file.is_link)
            .try_for_each(|file| self.check_link(&path.join(&*file.path)))
    }

    fn check_link(&self, link: &Path) -> Result<(), VersioningError> {
        if self.leads_into_cache(link) {
            return Ok(());
        }
        let Ok(real) = link.canonicalize() else {
            return Ok(()); // what isn't there can't be taken in
        };
        let root = self.root().canonicalize();
        let root = root.map_err(VersioningError::io(self.root()))?;
        let inside = real.strip_prefix(root).ok();
        if inside.is_some_and(|inside| path::check_names(inside).is_ok()) {
            return Ok(());
        }
        Err(VersioningError::refused(
            link,
            format!(
                "is a symbolic link to {}, which is not data of this repository: remove the link, or replace it by a copy of that file",
                real.display()
            ),
        ))
    }

    fn leads_into_cache(&self, link: &Path) -> bool {
        let cache = self.cache().root();
        std::fs::read_link(link).is_ok_and(|target| target.starts_with(cache))
            || cache.canonicalize().is_ok_and(|cache| {
                link.canonicalize()
                    .is_ok_and(|real| real.starts_with(cache))
            })
    }

    /// Makes files of their own out of links into the cache, this one or another in which it was before, so that they
    /// may be changed.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn unprotect(&self, path: &Path) -> Result<(), VersioningError> {
        let Ok(metadata) = path.symlink_metadata() else {
            return Ok(());
        };
        if metadata.is_dir() {
            for entry in std::fs::read_dir(path).map_err(VersioningError::io(path))? {
                self.unprotect(&entry.map_err(VersioningError::io(path))?.path())?;
            }
            return Ok(());
        }
        if metadata.is_symlink() {
            let is_object = std::fs::read_link(path).is_ok_and(|there| path::is_object(&there));
            if !is_object && !self.leads_into_cache(path) {
                return Ok(());
            }
        }
        if metadata.is_symlink() || metadata.nlink() > 1 {
            let Ok(real) = path.canonicalize() else {
                return Ok(()); // a link to an object that is gone
            };
            disk::copy(&real, path)?;
            return Ok(());
        }
        let mode = metadata.mode() & 0o777;
        if mode & 0o200 == 0 {
            disk::set_mode(path, mode | 0o200)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn repositories_and_what_leads_to_them_stay() {
        let outside = tempfile::tempdir().unwrap();
        let top = tempfile::tempdir().unwrap();
        let root = top.path().canonicalize().unwrap().join("r");
        fs::create_dir_all(root.join(".dvc/tmp")).unwrap();
        fs::create_dir_all(root.join(".git/refs")).unwrap();
        fs::create_dir_all(root.join("clones/a/.git")).unwrap();
        fs::create_dir_all(root.join("made/deep")).unwrap();
        fs::write(root.join("made/deep/file"), "").unwrap();
        symlink(".git", root.join("to-git")).unwrap();
        symlink(&root, outside.path().join("back")).unwrap();
        symlink(outside.path(), root.join("out")).unwrap();
        fs::write(outside.path().join("file"), "").unwrap();
        fs::create_dir(outside.path().join("folder")).unwrap();
        let repository = Repository::open(&root).unwrap();
        for path in [
            root.clone(),
            top.path().canonicalize().unwrap(),
            "/".into(),
            root.join(".git"),
            root.join(".GIT/refs"),
            root.join(".dvc/tmp"),
            root.join("to-git/refs"),
            root.join("clones"),
            root.join("clones/a/.git"),
            root.join("out/file"),
            outside.path().join("folder"),
            outside.path().join("back/.git/refs"),
        ] {
            let error = repository.remove_output(&path).unwrap_err();
            assert!(error.is_user_error(), "{error}");
        }
        for path in [
            root.join("made"),
            root.join("to-git"),
            outside.path().join("file"),
        ] {
            repository.remove_output(&path).unwrap();
            assert!(fs::symlink_metadata(path).is_err());
        }
        repository.remove_output(&root.join("nothing")).unwrap();
        assert!(root.join(".git/refs").is_dir() && root.join("clones/a/.git").is_dir());
    }
    #[test]
    fn a_link_to_somebody_elses_files_is_not_taken_in() {
        let outside = tempfile::tempdir().unwrap();
        let top = tempfile::tempdir().unwrap();
        let root = top.path().canonicalize().unwrap();
        let object = root.join(".dvc/cache/files/md5/ab/c");
        fs::create_dir_all(object.parent().unwrap()).unwrap();
        fs::create_dir_all(root.join("data/deep")).unwrap();
        for file in [
            &object,
            &root.join("data/own"),
            &root.join(".dvc/config"),
            &outside.path().join("key"),
        ] {
            fs::write(file, "").unwrap();
        }
        let repository = Repository::open(&root).unwrap();
        symlink(&object, root.join("data/of-cache")).unwrap();
        symlink("../own", root.join("data/deep/of-data")).unwrap();
        repository.check_own_content(&root.join("data")).unwrap();
        symlink(outside.path(), root.join("folder")).unwrap();
        symlink(outside.path().join("key"), root.join("file")).unwrap();
        symlink("../.dvc/config", root.join("data/config")).unwrap();
        for path in ["folder", "folder/key", "file", "data"] {
            let error = repository.check_own_content(&root.join(path)).unwrap_err();
            assert!(error.is_user_error(), "{error}");
        }
        fs::remove_file(root.join("data/config")).unwrap();
        symlink(outside.path().join("key"), root.join("data/deep/key")).unwrap();
        let error = repository
            .check_own_content(&root.join("data"))
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("data/deep/key: is a symbolic link to "),
            "{error}"
        );
        repository.unprotect(&root.join("data")).unwrap();
        assert!(
            !root.join("data/of-cache").is_symlink() && root.join("data/deep/key").is_symlink()
        );
    }
}
