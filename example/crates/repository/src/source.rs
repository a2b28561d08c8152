//! Where a project's files are read from: the workspace, or a Git revision.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{RepositoryError, Result};

/// What a file of metrics, plots or parameters may have at most, in bytes: 1 GiB.
const LARGEST: u64 = 1 << 30;

/// The files of a repository at one state.
#[derive(Debug, Clone)]
pub enum Source {
    /// As they are now.
    Workspace {
        /// The repository's root.
        root: PathBuf,
    },
    /// As Git has them.
    Revision {
        /// The repository's root.
        root: PathBuf,
        /// The revision as it was asked for: `HEAD`, `main`, `v1.2`.
        name: String,
        /// Its commit.
        commit: String,
        /// All its files below the root.
        files: BTreeSet<String>,
    },
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
        let commit = git(
            root,
            &[
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                &format!("{name}^{{commit}}"),
            ],
        )
        .map_err(|_| RepositoryError::NoRevision(name.to_owned()))?;
        let commit = String::from_utf8_lossy(&commit).trim().to_owned();
        let listing = git(root, &["ls-tree", "-r", "-z", "--name-only", &commit])?;
        let files = listing
            .split(|&byte| byte == 0)
            .filter(|name| !name.is_empty())
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect();
        Ok(Self::Revision {
            root: root.to_owned(),
            name: name.to_owned(),
            commit,
            files,
        })
    }

    /// The repository's root.
    #[must_use]
    pub fn root(&self) -> &Path {
        match self {
            Self::Workspace { root } | Self::Revision { root, .. } => root,
        }
    }

    /// Whether there is a file of this path from the root.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        match self {
            Self::Workspace { root } => root.join(path).is_file(),
            Self::Revision { files, .. } => files.contains(path),
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
            Self::Revision {
                root,
                commit,
                files,
                ..
            } => {
                if !files.contains(path) {
                    return Ok(None);
                }
                git(root, &["cat-file", "blob", &format!("{commit}:./{path}")]).map(Some)
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

/// Names of revisions: of branches, of tags, or all commits that these or HEAD lead to.
///
/// # Errors
/// If Git refuses.
pub fn revisions(root: &Path, branches: bool, tags: bool, commits: bool) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut add = |arguments: &[&str]| -> Result<()> {
        let printed = git(root, arguments)?;
        for name in String::from_utf8_lossy(&printed).lines() {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Ok(())
    };
    if branches {
        add(&["for-each-ref", "--format=%(refname:short)", "refs/heads"])?;
    }
    if tags {
        add(&["for-each-ref", "--format=%(refname:short)", "refs/tags"])?;
    }
    if commits {
        add(&["rev-list", "--branches", "--tags", "HEAD"])?;
    }
    Ok(names)
}

/// What a Git command prints, run in a folder.
pub fn git(folder: &Path, arguments: &[&str]) -> Result<Vec<u8>> {
    let fault = |message: String| RepositoryError::Git {
        command: arguments.join(" "),
        message,
    };
    let output = Command::new("git")
        .current_dir(folder)
        .args(arguments)
        .output()
        .map_err(|error| fault(error.to_string()))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(fault(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ))
    }
}
