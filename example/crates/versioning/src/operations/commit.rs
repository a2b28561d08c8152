//! Saves what changed in the workspace, and pins it.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::add::kind_to_save;
use super::known_outs;
use crate::content::Content;
use crate::lock::PathLock;
use crate::progress::Report;
use crate::{Repository, VersioningError};
use mlops_repository::{HashKind, Tracked, gitignore};

/// Saves the content of tracked paths (all of them, if none are named) and writes their `.dvc`
/// files where it changed. Gives the files that were written.
///
/// # Errors
/// If a path isn't there, is imported, or the system refuses.
pub fn commit(
    repository: &Repository,
    targets: &[PathBuf],
    recursive: bool,
    relink: bool,
    report: Report<'_>,
) -> Result<Vec<PathBuf>, VersioningError> {
    let _lock = repository.lock()?;
    let declared = repository.declarations()?;
    let chosen = declared.select(targets, recursive)?;
    let written: Vec<PathBuf> = chosen.iter().map(|pin| pin.out.full.clone()).collect();
    let _paths = PathLock::acquire(&repository.tmp(), "commit", &[], &written)?;
    repository.sweep_leftovers(&written)?;
    let contents = contents(repository, &chosen, relink, report)?;
    let mut changed = Vec::new();
    let mut kept = Vec::new();
    let chosen_pins: HashSet<(&PathBuf, &PathBuf)> = chosen
        .iter()
        .map(|pin| (&pin.file, &pin.out.full))
        .collect();
    for mut file in declared.data {
        for at in 0..file.outs.len() {
            let out = file.outs[at].clone();
            let mine = chosen_pins.contains(&(&file.path, &out.full));
            let Some(content) = contents.get(&out.full).filter(|_| mine) else {
                continue;
            };
            if file.is_import && out.id.is_some_and(|id| id != content.saved.id) {
                return Err(VersioningError::refused(
                    &out.full,
                    "is imported and was changed: `checkout` brings it back, `dvc update` renews it",
                ));
            }
            file.set(at, &content.saved);
            if out.cached {
                kept.push(out.full);
            }
        }
        changed.push(file);
    }
    // Before the .dvc files: what they pin must not be taken in by Git.
    let ignoring = gitignore::add(repository, &kept)?;
    let names = kept.iter().map(|path| repository.inside(path));
    known_outs::change(repository, names.collect::<Result<Vec<_>, _>>()?, &[])?;
    let mut written = Vec::new();
    for mut file in changed {
        if file.write()? {
            written.push(file.path);
        }
    }
    repository.autostage(&[ignoring, written.clone()].concat())?;
    Ok(written)
}

/// Hashes what is chosen, and saves what is to be in the cache.
fn contents(
    repository: &Repository,
    chosen: &[Tracked],
    relink: bool,
    report: Report<'_>,
) -> Result<HashMap<PathBuf, Content>, VersioningError> {
    let mut wanted: Vec<(PathBuf, HashKind, bool)> = Vec::new();
    for pin in chosen.iter().filter(|pin| pin.stage.is_none()) {
        // An import may have been noted without its data.
        if pin.is_import && pin.out.id.is_none() && !pin.out.full.exists() {
            continue;
        }
        repository.check_own_content(&pin.out.full)?;
        let id = pin.out.id.map(|id| id.to_string());
        let kind = kind_to_save(repository, &pin.out.full, pin.out.kind, id, report)?;
        wanted.push((pin.out.full.clone(), kind, pin.out.cached));
    }
    let mut contents: HashMap<PathBuf, Content> = HashMap::new();
    for cached in [true, false] {
        let mine = wanted
            .iter()
            .filter(|(_, _, is_cached)| *is_cached == cached);
        let paths: Vec<_> = mine.map(|(path, kind, _)| (path.clone(), *kind)).collect();
        let found = if cached {
            repository.store_many(&paths, report)?
        } else {
            repository.hash_many(&paths, report)?
        };
        if cached && relink {
            let there = paths.iter().zip(&found);
            let there: Vec<_> = there
                .filter_map(|((path, _), content)| Some((path.as_path(), content.as_ref()?)))
                .collect();
            repository.relink_many(&there, report)?;
        }
        for ((path, _), content) in paths.into_iter().zip(found) {
            let Some(content) = content else {
                return Err(VersioningError::refused(
                    path,
                    "isn't there, so nothing can be saved: `checkout` brings it back, `remove` forgets it",
                ));
            };
            contents.insert(path, content);
        }
    }
    Ok(contents)
}
