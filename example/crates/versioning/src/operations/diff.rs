//! What data differs between two commits, or between a commit and the workspace.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::manifest::Manifest;
use crate::progress::Report;
use crate::{Repository, VersioningError};
use mlops_repository::{Declarations, ObjectId, Source, Tracked};

/// One path of a diff, in the shape of `dvc diff --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change<P, H> {
    /// Seen from the repository; folders end with `/`.
    pub path: P,
    /// Its hash, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<H>,
}

/// Before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OldNew {
    /// Before.
    pub old: String,
    /// After.
    pub new: String,
}

/// What differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Only after.
    pub added: Vec<Change<String, String>>,
    /// Only before.
    pub deleted: Vec<Change<String, String>>,
    /// Other content.
    pub modified: Vec<Change<String, OldNew>>,
    /// The same content under another path.
    pub renamed: Vec<Change<OldNew, String>>,
    /// Content of before that the cache lacks; only against the workspace.
    #[serde(rename = "not in cache", skip_serializing_if = "Option::is_none")]
    pub not_in_cache: Option<Vec<Change<String, String>>>,
}

impl Diff {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.deleted.is_empty()
            && self.modified.is_empty()
            && self.renamed.is_empty()
            && self.not_in_cache.as_ref().is_none_or(Vec::is_empty)
    }

    /// Takes the hashes away, for a shorter text.
    pub fn without_hashes(mut self) -> Diff {
        for change in self.added.iter_mut().chain(&mut self.deleted) {
            change.hash = None;
        }
        for change in self.not_in_cache.iter_mut().flatten() {
            change.hash = None;
        }
        self.modified
            .iter_mut()
            .for_each(|change| change.hash = None);
        self.renamed
            .iter_mut()
            .for_each(|change| change.hash = None);
        self
    }
}

/// Paths and contents of a state; a folder stands beside its files.
type Index = BTreeMap<String, ObjectId>;

struct State {
    index: Index,
    /// Folders whose files aren't known.
    unknown: BTreeSet<String>,
}

/// Compares two commits, or with `new` left out a commit and the workspace.
///
/// # Errors
/// If Git doesn't know a revision, or something can't be read.
pub fn diff(
    repository: &Repository,
    old: &str,
    new: Option<&str>,
    report: Report<'_>,
) -> Result<Diff, VersioningError> {
    let Some(git) = repository.git() else {
        return Err(VersioningError::refused(
            repository.root(),
            "goes without Git: there is no commit to compare with",
        ));
    };
    let is_empty = |revision: &str| Ok::<_, VersioningError>(git.resolve(revision)?.is_none());
    if is_empty(old)? || new.map(is_empty).transpose()?.unwrap_or(false) {
        return Ok(Diff::default());
    }
    let of = |revision: &str| -> Result<State, VersioningError> {
        let source = Source::revision(repository.root(), revision)?;
        pinned(repository, &repository.declarations_of(&source)?)
    };
    let before = of(old)?;
    let after = match new {
        Some(new) => of(new)?,
        None => workspace(repository, report)?,
    };
    let mut diff = compare(&before, &after);
    if new.is_none() {
        let ids: Vec<ObjectId> = before.index.values().copied().collect();
        let there = repository.cache().has_each(&ids);
        let missing = before.index.iter().zip(there).filter(|(_, there)| !there);
        diff.not_in_cache = Some(missing.map(|((path, id), _)| change(path, id)).collect());
    }
    Ok(diff)
}

/// What the pins say.
fn pinned(repository: &Repository, declared: &Declarations) -> Result<State, VersioningError> {
    let mut state = State {
        index: Index::new(),
        unknown: BTreeSet::new(),
    };
    for pin in &declared.outputs {
        let Some(id) = pin.out.id.filter(|_| pin.out.cached) else {
            continue;
        };
        let name = repository.inside(&pin.out.full)?;
        if !id.dir {
            state.index.insert(name, id);
            continue;
        }
        let folder = format!("{name}/");
        match repository.cache().manifest(&id) {
            Ok(manifest) => insert_files(&mut state.index, &folder, &id, &manifest),
            Err(VersioningError::Missing { .. }) => {
                state.unknown.insert(folder.clone());
            }
            Err(error) => return Err(error),
        }
        state.index.insert(folder, id);
    }
    Ok(state)
}

/// What lies there.
fn workspace(repository: &Repository, report: Report<'_>) -> Result<State, VersioningError> {
    let pins: Vec<Tracked> = repository
        .declarations()?
        .outputs
        .into_iter()
        .filter(|pin| pin.out.cached)
        .collect();
    let paths: Vec<_> = pins
        .iter()
        .map(|pin| (pin.out.full.clone(), pin.out.kind))
        .collect();
    let contents = repository.hash_many(&paths, report)?;
    let mut index = Index::new();
    for (pin, content) in pins.iter().zip(contents) {
        let Some(content) = content else { continue };
        let name = repository.inside(&pin.out.full)?;
        let id = content.saved.id;
        match &content.manifest() {
            None => {
                index.insert(name, id);
            }
            Some(manifest) => {
                let folder = format!("{name}/");
                insert_files(&mut index, &folder, &id, manifest);
                index.insert(folder, id);
            }
        }
    }
    Ok(State {
        index,
        unknown: BTreeSet::new(),
    })
}

fn insert_files(index: &mut Index, folder: &str, id: &ObjectId, manifest: &Manifest) {
    for entry in manifest.entries() {
        let file = ObjectId::file(id.kind, entry.checksum);
        index.insert(format!("{folder}{}", entry.path), file);
    }
}

fn change(path: &str, id: &ObjectId) -> Change<String, String> {
    Change {
        path: path.to_string(),
        hash: Some(id.to_string()),
    }
}

fn compare(before: &State, after: &State) -> Diff {
    let is_unknown = |path: &str| {
        let folders = before.unknown.iter().chain(&after.unknown);
        folders
            .into_iter()
            .any(|folder| path.starts_with(folder) && path != folder)
    };
    let mut added: Vec<(&String, &ObjectId)> = Vec::new();
    let mut deleted: Vec<(&String, &ObjectId)> = Vec::new();
    let mut diff = Diff::default();
    for (path, new) in &after.index {
        match before.index.get(path) {
            _ if is_unknown(path) => {}
            None => added.push((path, new)),
            Some(old) if old != new => diff.modified.push(Change {
                path: path.clone(),
                hash: Some(OldNew {
                    old: old.to_string(),
                    new: new.to_string(),
                }),
            }),
            Some(_) => {}
        }
    }
    let gone = before
        .index
        .iter()
        .filter(|(path, _)| !after.index.contains_key(*path));
    deleted.extend(gone.filter(|(path, _)| !is_unknown(path)));
    // As DVC: each new path takes the first gone one with its content.
    let mut by_content: BTreeMap<&ObjectId, Vec<&String>> = BTreeMap::new();
    for (path, id) in deleted.iter().rev() {
        by_content.entry(id).or_default().push(path);
    }
    let mut renamed = BTreeSet::new();
    for (path, id) in added {
        let Some(old) = by_content.get_mut(id).and_then(Vec::pop) else {
            diff.added.push(change(path, id));
            continue;
        };
        renamed.insert(old);
        diff.renamed.push(Change {
            path: OldNew {
                old: old.clone(),
                new: path.clone(),
            },
            hash: Some(id.to_string()),
        });
    }
    deleted.retain(|(path, _)| !renamed.contains(path));
    diff.deleted = deleted
        .into_iter()
        .map(|(path, id)| change(path, id))
        .collect();
    diff.renamed.sort_by(|a, b| a.path.old.cmp(&b.path.old));
    diff
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlops_repository::{Checksum, HashKind};

    fn state(files: &[(&str, &str)]) -> State {
        let id = |content: &str| ObjectId::file(HashKind::Md5, Checksum::of(content.as_bytes()));
        State {
            index: files
                .iter()
                .map(|(path, content)| (path.to_string(), id(content)))
                .collect(),
            unknown: BTreeSet::new(),
        }
    }

    #[test]
    fn paths_are_sorted_into_added_deleted_modified_and_renamed() {
        let before = state(&[
            ("same", "1"),
            ("changed", "2"),
            ("gone", "3"),
            ("old name", "4"),
        ]);
        let after = state(&[
            ("same", "1"),
            ("changed", "5"),
            ("fresh", "6"),
            ("new name", "4"),
        ]);
        let diff = compare(&before, &after).without_hashes();
        let text = serde_json::to_string(&diff).unwrap();
        assert_eq!(
            text,
            r#"{"added":[{"path":"fresh"}],"deleted":[{"path":"gone"}],"modified":[{"path":"changed"}],"renamed":[{"path":{"old":"old name","new":"new name"}}]}"#
        );
        assert!(compare(&after, &after).is_empty());
    }

    #[test]
    fn files_of_a_folder_whose_manifest_is_not_there_are_not_called_new() {
        let mut before = state(&[("d/", "x")]);
        before.unknown.insert("d/".into());
        let after = state(&[("d/", "y"), ("d/a", "1"), ("e", "2")]);
        let diff = compare(&before, &after);
        assert_eq!(diff.added.len(), 1);
        assert_eq!(diff.modified[0].path, "d/");
    }
}
