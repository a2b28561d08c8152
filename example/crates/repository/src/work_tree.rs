//! The working tree of a repository of data: a folder with `.dvc` in it, beside Git's.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use mlops_disk as disk;

use crate::blobs::Blobs;
use crate::config::Config;
use crate::error::{RepositoryError, Result};
use crate::git::{Git, Revisions};
use crate::ignore::DvcIgnore;
use crate::path;
use crate::source::Source;

/// The folder of DVC's files.
pub const DVC: &str = ".dvc";
/// Folders of [`DVC`] that commands write to.
const OWN_FOLDERS: [&str; 8] = [
    "tmp",
    "tmp/aside",
    "tmp/hashes",
    "tmp/repro",
    "cache",
    "cache/files",
    "cache/files/md5",
    "cache/runs",
];

/// An open working tree, with what is configured and ignored in it.
#[derive(Debug)]
pub struct WorkTree {
    root: PathBuf,
    config: Config,
    ignore: DvcIgnore,
    git: Option<Git>,
    git_ignore: OnceLock<DvcIgnore>,
}

impl WorkTree {
    /// The working tree that a folder lies in.
    ///
    /// # Errors
    /// If there is none, or its configuration is unsound.
    pub fn find(start: &Path) -> Result<WorkTree> {
        let start = std::path::absolute(start).map_err(RepositoryError::io(start))?;
        let start = path::normal(&start);
        for root in start.ancestors() {
            let dvc = root.join(DVC);
            match std::fs::metadata(&dvc) {
                Ok(metadata) if metadata.is_dir() => return WorkTree::open(root),
                // Another one above must not be taken for it.
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    return Err(RepositoryError::io(dvc)(error));
                }
                _ => {}
            }
        }
        Err(RepositoryError::NotARepository { start })
    }

    /// The working tree whose folder this is, absolute.
    ///
    /// # Errors
    /// If its configuration is unsound.
    pub fn open(root: &Path) -> Result<WorkTree> {
        let dvc = root.join(DVC);
        // A clone may bring it along: cache, locks and configuration would be written to somewhere else.
        if dvc.is_symlink() && disk::inside(root, Path::new(".dvc/config")).is_err() {
            return Err(RepositoryError::refused(
                dvc,
                "is a symbolic link that leads out of the repository: replace it by a folder \
                 (`cache.dir` in its config names a cache elsewhere)",
            ));
        }
        let links: Vec<PathBuf> = OWN_FOLDERS
            .iter()
            .map(|name| dvc.join(name))
            .filter(|path| path.is_symlink())
            .collect();
        if let Some(link) = links
            .iter()
            .find(|link| !link.starts_with(dvc.join("cache")))
        {
            return Err(RepositoryError::refused(
                link,
                "is a symbolic link, and locks and temporary files would be written to where it leads: \
                 remove the link, the folder is made again",
            ));
        }
        let config = Config::load(&dvc)?;
        let git = if config.is_on("core", "no_scm") {
            None
        } else {
            Git::find(root)
        };
        // A user may lay the own cache elsewhere by a link; one that Git brings is a stranger's.
        if let (Some(git), false) = (&git, links.is_empty())
            && let Some(link) = git.tracked(&links)?.first()
        {
            return Err(RepositoryError::refused(
                link,
                "is a symbolic link that Git tracks, and objects would be written and deleted where it leads: \
                 remove the link (`cache.dir` in .dvc/config.local names a cache elsewhere)",
            ));
        }
        Ok(WorkTree {
            ignore: DvcIgnore::new(root),
            root: root.to_path_buf(),
            config,
            git,
            git_ignore: OnceLock::new(),
        })
    }

    /// Its folder, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is configured.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What is configured, to be changed.
    pub fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// What `.dvcignore` says.
    pub fn ignore(&self) -> &DvcIgnore {
        &self.ignore
    }

    /// The working copy of Git it lies in, unless it goes without.
    pub fn git(&self) -> Option<&Git> {
        self.git.as_ref()
    }

    /// What `.gitignore` says.
    pub fn git_ignore(&self) -> Option<&DvcIgnore> {
        let git = self.git.as_ref()?;
        Some(
            self.git_ignore
                .get_or_init(|| DvcIgnore::of_git(git.root())),
        )
    }

    /// `.dvc/tmp`, which may not be there yet.
    pub fn tmp(&self) -> PathBuf {
        self.root.join(DVC).join("tmp")
    }

    /// The commits that count, their files read by one process of Git.
    ///
    /// # Errors
    /// If there is no Git, or it fails.
    pub fn history(&self, which: &Revisions) -> Result<impl Iterator<Item = Result<Source>>> {
        let Some(git) = self.git() else {
            let message = "goes without Git: there are no branches, tags or commits";
            return Err(RepositoryError::refused(&self.root, message));
        };
        let blobs = Arc::new(Blobs::new(git.root()));
        let commits = git.commits(which)?.into_iter();
        Ok(commits.map(move |commit| Source::commit(git, &self.root, commit, &blobs)))
    }

    /// A path as seen from the repository's folder, with forward slashes.
    ///
    /// # Errors
    /// If it lies outside, or is no UTF-8.
    pub fn inside(&self, path: &Path) -> Result<String> {
        if !path.starts_with(&self.root) {
            return Err(RepositoryError::refused(
                path,
                format!("lies outside of the repository {}", self.root.display()),
            ));
        }
        path::relative(path, &self.root)
    }
}
