//! One of the two states of the repository.

use std::collections::{BTreeMap, BTreeSet};

use mlops_repository::lockfile::{Lock, LockedStage, lock_path};
use mlops_repository::{Catalog, DvcFile, Source, Stage};
use mlops_versioning::Repository;

use super::State;
use crate::error::Result;

pub(super) struct Side {
    pub state: State,
    pub catalog: Catalog,
    /// What `.dvc` files track.
    pub data: Vec<DvcFile>,
    /// Files that Git has.
    pub committed: BTreeSet<String>,
    locks: BTreeMap<String, Lock>,
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
        let catalog = Catalog::of(repository, &source)?;
        let mut locks = BTreeMap::new();
        for file in &catalog.files {
            locks.insert(file.clone(), Lock::read(&source, &lock_path(file))?);
        }
        let mut data = Vec::new();
        let (commit, committed) = match &source {
            Source::Workspace { .. } => {
                for path in mlops_repository::find(repository)?.data {
                    data.push(DvcFile::read(&path, root)?);
                }
                // Without any commit, Git has none of the files.
                let committed = match Source::revision(root, "HEAD") {
                    Ok(Source::Revision { files, .. }) => files,
                    _ => BTreeSet::new(),
                };
                (None, committed)
            }
            Source::Revision { commit, files, .. } => {
                for file in files.iter().filter(|file| is_pin(file)) {
                    let bytes = source.read(file)?.unwrap_or_default();
                    data.push(DvcFile::parse(bytes, &root.join(file), root)?);
                }
                (Some(commit.clone()), files.clone())
            }
        };
        let state = State {
            name: name.to_owned(),
            commit,
        };
        Ok(Self {
            state,
            catalog,
            data,
            committed,
            locks,
        })
    }

    /// Whether Git has this path, or something in it.
    pub fn has_committed(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        let inside = self.committed.range(folder.clone()..).next();
        self.committed.contains(path) || inside.is_some_and(|file| file.starts_with(&folder))
    }

    /// What the lock says of a stage.
    pub fn locked(&self, stage: &Stage) -> Result<Option<LockedStage>> {
        match self.locks.get(&stage.file) {
            Some(lock) => Ok(lock.stage(&stage.name)?),
            None => Ok(None),
        }
    }
}

fn is_pin(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.len() > ".dvc".len() && name.ends_with(".dvc")
}
