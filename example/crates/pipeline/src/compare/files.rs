//! Files of a state: as Git or the workspace has them, else from the cache by what that state declares.

use std::collections::BTreeMap;

use mlops_repository::{Catalog, ObjectId, Source};
use mlops_versioning::Repository;

use crate::error::{PipelineError, Result};

/// A state of the repository: the workspace, or a revision.
pub(super) struct State<'r> {
    repository: &'r Repository,
    pub source: Source,
    pub catalog: Catalog,
    /// The content of outputs, by path.
    locked: BTreeMap<String, ObjectId>,
}

impl<'r> State<'r> {
    pub fn open(repository: &'r Repository, revision: &str) -> Result<Self> {
        let source = Source::revision(repository.root(), revision)?;
        let declared = repository.declarations_of(&source)?;
        let mut locked = BTreeMap::new();
        for tracked in declared.outputs {
            if let Some(id) = tracked.out.id {
                locked.insert(repository.inside(&tracked.out.full)?, id);
            }
        }
        Ok(Self {
            repository,
            source,
            catalog: declared.catalog,
            locked,
        })
    }

    /// A file's text; `None` if neither Git, workspace nor cache has it.
    pub fn text(&self, path: &str) -> Result<Option<String>> {
        let Some(bytes) = self.bytes(path)? else {
            return Ok(None);
        };
        Ok(mlops_repository::utf8(path, bytes).map(Some)?)
    }

    /// A file's content; `None` if neither Git, workspace nor cache has it.
    pub fn bytes(&self, path: &str) -> Result<Option<Vec<u8>>> {
        if let Some(bytes) = self.source.read(path)? {
            return Ok(Some(bytes));
        }
        let Some(id) = self.object(path)? else {
            return Ok(None);
        };
        let object = self.repository.cache().path(&id);
        match std::fs::read(&object) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(PipelineError::io(object)(error)),
        }
    }

    /// The content of a path by the lock: of an output, or of a file in one.
    fn object(&self, path: &str) -> Result<Option<ObjectId>> {
        if let Some(id) = self.locked.get(path) {
            return Ok((!id.dir).then_some(*id));
        }
        let above = path
            .match_indices('/')
            .map(|(at, _)| (&path[..at], &path[at + 1..]));
        for (folder, inside) in above {
            if let Some(id) = self.locked.get(folder).filter(|id| id.dir && self.has(id)) {
                let manifest = self.repository.cache().manifest(id)?;
                return Ok(manifest
                    .get(inside)
                    .map(|checksum| ObjectId::file(id.kind, checksum)));
            }
        }
        Ok(None)
    }

    fn has(&self, id: &ObjectId) -> bool {
        self.repository.cache().has(id)
    }

    /// The files that a path means: itself, or if it is a folder all in it.
    pub fn files(&self, path: &str) -> Result<Vec<String>> {
        let inside = |names: Vec<String>| -> Vec<String> {
            names
                .into_iter()
                .map(|name| format!("{path}/{name}"))
                .collect()
        };
        match &self.source {
            Source::Workspace { root } if root.join(path).is_dir() => {
                let found = mlops_versioning::scan(&root.join(path), self.repository.ignore())?;
                return Ok(inside(
                    found.into_iter().map(|file| file.path.into()).collect(),
                ));
            }
            Source::Revision(revision) => {
                let found: Vec<String> = revision.below(path).cloned().collect();
                if !found.is_empty() {
                    return Ok(found);
                }
            }
            Source::Workspace { .. } => {}
        }
        // An output of its own, or a folder in one.
        let parts = path.match_indices('/');
        let above = parts.map(|(at, _)| (&path[..at], &path[at + 1..]));
        for (folder, part) in std::iter::once((path, "")).chain(above) {
            let Some(id) = self.locked.get(folder).filter(|id| id.dir && self.has(id)) else {
                continue;
            };
            let manifest = self.repository.cache().manifest(id)?;
            let names = manifest.entries().iter().filter_map(|entry| {
                if part.is_empty() {
                    return Some(entry.path.clone());
                }
                let name = entry.path.strip_prefix(part)?.strip_prefix('/')?;
                Some(name.to_owned())
            });
            let names: Vec<String> = names.collect();
            if !names.is_empty() {
                return Ok(inside(names));
            }
        }
        Ok(vec![path.to_owned()])
    }

    /// The values of a file of metrics or parameters.
    pub fn values(&self, path: &str) -> Result<mlops_repository::yaml::Value> {
        let text = self.text(path)?.ok_or_else(|| PipelineError::Unreadable {
            file: path.to_owned(),
            message: "is not there".into(),
        })?;
        Ok(mlops_repository::params::parse(path, &text)?.value)
    }
}
