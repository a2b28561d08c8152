//! One of the two states of the repository.

use std::ops::Deref;

use mlops_repository::{Declarations, Source};
use mlops_versioning::Repository;

use super::State;
use crate::error::Result;

pub(super) struct Side {
    pub state: State,
    declared: Declarations,
    /// Files that Git has: of the working tree those of its commit. None without any commit.
    committed: Option<Source>,
}

impl Deref for Side {
    type Target = Declarations;

    fn deref(&self) -> &Declarations {
        &self.declared
    }
}

impl Side {
    /// A revision or the workspace.
    pub fn open(repository: &Repository, name: &str) -> Result<Self> {
        Self::open_commit(repository, name, name)
    }

    /// A revision that goes by another name.
    pub fn open_commit(repository: &Repository, name: &str, revision: &str) -> Result<Self> {
        let root = repository.root();
        let source = Source::revision(root, revision)?;
        let declared = repository.declarations_of(&source)?;
        let (commit, committed) = match &source {
            Source::Workspace { .. } => (None, Source::revision(root, "HEAD").ok()),
            Source::Revision(revision) => (Some(revision.commit.clone()), Some(source.clone())),
        };
        let state = State {
            name: name.to_owned(),
            commit,
        };
        Ok(Self {
            state,
            declared,
            committed,
        })
    }

    /// Whether Git has this path, or something in it.
    pub fn has_committed(&self, path: &str) -> bool {
        let Some(Source::Revision(committed)) = &self.committed else {
            return false;
        };
        committed.files.contains_key(path) || committed.below(path).next().is_some()
    }
}
