//! Stops tracking data.

use std::path::Path;

use mlops_disk as disk;

use super::known_outs;
use crate::progress::Report;
use crate::{Repository, VersioningError};
use mlops_repository::{DvcFile, gitignore, is_dvc_file};

/// Removes a `.dvc` file and its lines in `.gitignore`; with `outs` also the data, unless that would
/// lose content (`force` does it all the same). Without, links into the cache become files of their own.
///
/// # Errors
/// If it is no `.dvc` file, or data would be lost.
pub fn remove(
    repository: &Repository,
    target: &Path,
    outs: bool,
    force: bool,
    report: Report<'_>,
) -> Result<(), VersioningError> {
    let _lock = repository.lock()?;
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    if !is_dvc_file(&name) || !target.is_file() {
        let beside = target.with_file_name(format!("{name}.dvc"));
        let message = if beside.is_file() {
            format!("is data: name the file that pins it, {name}.dvc")
        } else {
            "is no .dvc file: `list` shows what is tracked".to_string()
        };
        return Err(VersioningError::refused(target, message));
    }
    let file = DvcFile::read(target, repository.root())?;
    for out in &file.outs {
        if outs {
            let tracked: Vec<_> = file
                .tracked()
                .filter(|pin| pin.out.full == out.full)
                .collect();
            let state = super::status::states(repository, &tracked, report)?;
            let lost = state[0].is_some_and(|state| state != super::status::OutState::Deleted);
            if lost && !force {
                return Err(VersioningError::Unsaved {
                    paths: vec![out.full.clone()],
                });
            }
        }
    }
    if outs {
        // Before the first is removed.
        for out in &file.outs {
            repository.check_removable(&out.full)?;
            repository.check_holds_no_repository(&out.full)?;
        }
    }
    let mut names = Vec::new();
    let mut for_git = vec![target.to_path_buf()];
    for out in &file.outs {
        names.push(repository.inside(&out.full)?);
        if outs {
            repository.remove_output(&out.full)?;
        } else {
            repository.unprotect(&out.full)?;
        }
        for_git.extend(gitignore::remove(repository, &out.full)?);
    }
    known_outs::change(repository, [], &names)?;
    disk::remove_file(target)?;
    repository.autostage(&for_git)?;
    Ok(())
}
