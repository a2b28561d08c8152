//! Where a repository's files are read from: the working tree, or a revision of Git.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::blobs::Blobs;
use crate::error::{RepositoryError, Result};
use crate::git::Git;
use crate::posix_path;

/// What a file of metrics, plots or parameters may have at most, in bytes: 1 GiB.
pub(crate) const LARGEST: u64 = 1 << 30;

/// The files of a repository at one state.
#[derive(Debug, Clone)]
pub enum Source {
    /// As they are now.
    Workspace {
        /// The repository's root.
        root: PathBuf,
    },
    /// As Git has them.
    Revision(Arc<Revision>),
}

/// A commit, with the files that it has below the repository's root.
#[derive(Debug)]
pub struct Revision {
    /// The repository's root.
    pub root: PathBuf,
    /// Its commit.
    pub commit: String,
    /// All its files below the root, with their ids in Git. Links aren't files.
    pub files: BTreeMap<String, String>,
    blobs: Arc<Blobs>,
}

impl Source {
    /// The files as they are now.
    #[must_use]
    pub fn workspace(root: impl Into<PathBuf>) -> Self {
        Self::Workspace { root: root.into() }
    }

    /// The files of a Git revision; `workspace` is [`Source::workspace`].
    ///
    /// # Errors
    /// If there is no such revision, or no Git.
    pub fn revision(root: &Path, name: &str) -> Result<Self> {
        if name == "workspace" {
            return Ok(Self::workspace(root));
        }
        let git = Git::find(root).ok_or_else(|| {
            RepositoryError::refused(root, "goes without Git: there are no revisions")
        })?;
        let commit = git
            .resolve(name)?
            .ok_or_else(|| RepositoryError::NoRevision(name.to_owned()))?;
        let blobs = Arc::new(Blobs::new(git.root()));
        Self::commit(&git, root, commit, &blobs)
    }

    /// The files of a commit, whose contents `blobs` reads.
    pub(crate) fn commit(
        git: &Git,
        root: &Path,
        commit: String,
        blobs: &Arc<Blobs>,
    ) -> Result<Self> {
        let folder = git.inside(root).to_string_lossy().into_owned();
        let own = |path: String| match folder.as_str() {
            "" => Some(path),
            folder => Some(path.strip_prefix(folder)?.strip_prefix('/')?.to_owned()),
        };
        let files = git.files(&commit)?.into_iter();
        let files = files.filter_map(|blob| Some((own(blob.path)?, blob.id)));
        Ok(Self::Revision(Arc::new(Revision {
            root: root.to_owned(),
            files: files.collect(),
            commit,
            blobs: Arc::clone(blobs),
        })))
    }

    /// The repository's root.
    #[must_use]
    pub fn root(&self) -> &Path {
        match self {
            Self::Workspace { root } => root,
            Self::Revision(revision) => &revision.root,
        }
    }

    /// Whether there is a file of this path from the root.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        match self {
            Self::Workspace { root } => root.join(path).is_file(),
            Self::Revision(revision) => revision.files.contains_key(path),
        }
    }

    /// The content of a file; `None` if there is none.
    ///
    /// # Errors
    /// If the system or Git refuses.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Workspace { root } => match mlops_disk::read_small(&root.join(path), LARGEST) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.is_missing() => Ok(None),
                Err(error) => Err(error.into()),
            },
            Self::Revision(revision) => {
                let id = revision.files.get(path);
                id.map(|id| revision.blobs.read(id)).transpose()
            }
        }
    }

    /// The text of a file; `None` if there is none.
    ///
    /// # Errors
    /// If it can't be read or isn't UTF-8.
    pub fn text(&self, path: &str) -> Result<Option<String>> {
        let Some(bytes) = self.read(path)? else {
            return Ok(None);
        };
        utf8(path, bytes).map(Some)
    }
}

impl Revision {
    /// The files in a folder, and in those below it.
    pub fn below<'r>(&'r self, folder: &'r str) -> impl Iterator<Item = &'r String> {
        let first = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        let files = self.files.range(first..).map(|(path, _)| path);
        files.take_while(move |path| posix_path::is_in(path, folder))
    }
}
/// Bytes of a file as text.
pub fn utf8(path: &str, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        RepositoryError::at(path, line, "", "this is no UTF-8: save the file as UTF-8")
    })
}
