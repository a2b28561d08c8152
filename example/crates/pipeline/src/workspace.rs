//! What lies in the workspace now.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mlops_repository::yaml::Node;
use mlops_repository::{
    HashKind, Location, ObjectId, ParameterFile, RepositoryError, Saved, Source, hash_file, params,
};
use mlops_versioning::{Cache, Repository, Signature, VersioningError, silent};

use crate::error::{PipelineError, Result};

/// A file that changed longer ago than this shows any later change in its times, whatever the step
/// in which its file system counts them.
const SETTLED: Duration = Duration::from_millis(2100);

/// Looks at paths, each file once as long as it looks the same.
#[derive(Debug)]
pub(crate) struct Workspace<'r> {
    pub repository: &'r Repository,
    pub source: &'r Source,
    seen: Mutex<HashMap<(PathBuf, HashKind), (Signature, Saved)>>,
    files: Mutex<HashMap<String, Option<Node>>>,
}

impl<'r> Workspace<'r> {
    pub fn new(repository: &'r Repository, source: &'r Source) -> Self {
        Self {
            repository,
            source,
            seen: Mutex::default(),
            files: Mutex::default(),
        }
    }

    /// Forgets what was read: something ran. Hashes are only kept of files that show a change.
    pub fn forget(&self) {
        self.files
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// A path of a stage, absolute.
    pub fn full(&self, at: &Location) -> PathBuf {
        let path = self.repository.root().join(&at.path);
        if at.is_inside() {
            path
        } else {
            mlops_repository::path::normal(&path)
        }
    }

    /// Looks at many files at once, which costs less than one by one.
    pub fn look_at(&self, paths: impl Iterator<Item = (PathBuf, HashKind)>) -> Result<()> {
        let mut wanted: Vec<(PathBuf, HashKind)> = Vec::new();
        let mut asked = HashSet::new();
        for (path, kind) in paths {
            // Folders have tables of their own.
            if asked.insert((path.clone(), kind)) && path.is_file() {
                wanted.push((path, kind));
            }
        }
        let contents = self.repository.hash_many(&wanted, &silent)?;
        for (key, content) in wanted.into_iter().zip(contents) {
            if let Some(content) = content
                && let [file] = content.files.as_slice()
            {
                self.remember(key, file.signature, content.saved);
            }
        }
        Ok(())
    }

    fn remember(&self, key: (PathBuf, HashKind), signature: Signature, saved: Saved) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let latest = signature.modified.max(signature.changed);
        if i128::from(latest) + SETTLED.as_nanos().cast_signed() < now.as_nanos().cast_signed() {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.insert(key, (signature, saved));
        }
    }

    /// What lies at a path; `None` if nothing does.
    pub fn content(&self, at: &Location, kind: HashKind) -> Result<Option<Saved>> {
        let path = self.full(at);
        let Ok(metadata) = std::fs::metadata(&path) else {
            return Ok(None);
        };
        if !at.is_inside() {
            return outside(&path, kind);
        }
        let signature = Signature::of(&metadata);
        let key = (path, kind);
        if metadata.is_file() {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((before, saved)) = seen.get(&key)
                && *before == signature
            {
                return Ok(Some(*saved));
            }
        }
        let Some(content) = self.repository.hash(&key.0, kind, &silent)? else {
            return Ok(None);
        };
        if metadata.is_file() {
            self.remember(key, signature, content.saved);
        }
        Ok(Some(content.saved))
    }

    /// The content of a file of parameters; `None` if there is none.
    pub fn params(&self, file: &ParameterFile) -> Result<Option<Node>> {
        let known = {
            let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            files.get(&file.at.path).cloned()
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let read = params::read_file(self.source, &file.at.path)?;
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.insert(file.at.path.clone(), read.clone());
        Ok(read)
    }

    /// Whether the cache has an object, and of a folder all that is in it.
    pub fn is_cached(&self, id: &ObjectId) -> Result<bool> {
        let cache: &Cache = self.repository.cache();
        if !cache.has(id) {
            return Ok(false);
        }
        if !id.dir {
            return Ok(true);
        }
        let manifest = match cache.manifest(id) {
            Ok(manifest) => manifest,
            Err(VersioningError::Missing { .. } | VersioningError::Corrupt { .. }) => {
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        let ids: Vec<ObjectId> = manifest
            .entries()
            .iter()
            .map(|entry| ObjectId::file(id.kind, entry.checksum))
            .collect();
        Ok(cache.has_each(&ids).into_iter().all(|there| there))
    }
}

/// A file that lies outside of the repository, which nothing is noted of.
fn outside(path: &Path, kind: HashKind) -> Result<Option<Saved>> {
    if path.is_dir() {
        let message = "a folder outside of the repository can't be followed: name its files";
        return Err(RepositoryError::refused(path, message).into());
    }
    let (checksum, size) = hash_file(kind, path).map_err(PipelineError::io(path))?;
    Ok(Some(Saved {
        id: ObjectId::file(kind, checksum),
        size: Some(size),
        nfiles: None,
        is_exec: false,
    }))
}
