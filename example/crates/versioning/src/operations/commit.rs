//! Saves what changed in the workspace, and pins it.

use std::path::PathBuf;

use super::add::kind_to_save;
use super::known_outs;
use crate::lock::PathLock;
use crate::progress::Report;
use crate::{Repository, VersioningError, gitignore};

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
    let pins = repository.pins()?;
    let chosen = pins.select(targets, recursive)?;
    let written: Vec<PathBuf> = chosen.iter().map(|pin| pin.out.full.clone()).collect();
    let _paths = PathLock::acquire(&repository.tmp(), "commit", &[], &written)?;
    let mut changed = Vec::new();
    for mut file in pins.files {
        for at in 0..file.outs.len() {
            let out = file.outs[at].clone();
            let mine = chosen.iter().any(|pin| {
                pin.stage.is_none() && pin.file == file.path && pin.out.full == out.full
            });
            if !mine {
                continue;
            }
            let id = out.id.map(|id| id.to_string());
            let kind = kind_to_save(repository, &out.full, out.kind, id, report)?;
            let content = if out.cached {
                repository.save(&out.full, kind, relink, report)?
            } else {
                repository.hash(&out.full, kind, report)?
            };
            let Some(content) = content else {
                return Err(VersioningError::refused(
                    &out.full,
                    "isn't there, so nothing can be saved: `checkout` brings it back, `remove` forgets it",
                ));
            };
            if file.is_import && out.id.is_some_and(|id| id != content.saved.id) {
                return Err(VersioningError::refused(
                    &out.full,
                    "is imported and was changed: `checkout` brings it back, `dvc update` renews it",
                ));
            }
            file.set(at, &content.saved);
            if out.cached {
                gitignore::add(repository, std::slice::from_ref(&out.full))?;
                known_outs::change(repository, [repository.inside(&out.full)?], &[])?;
            }
        }
        if file.write()? {
            changed.push(file.path);
        }
    }
    Ok(changed)
}
