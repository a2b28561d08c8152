//! Keeps data out of Git: a line in the `.gitignore` beside it, as DVC writes it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use mlops_disk as disk;

use crate::{RepositoryError, WorkTree};

impl WorkTree {
    /// Puts files that a command wrote or removed into Git's index, if `core.autostage` asks for it; says whether it does.
    ///
    /// # Errors
    /// If Git fails.
    pub fn autostage(&self, changed: &[PathBuf]) -> Result<bool, RepositoryError> {
        let Some(git) = self
            .git()
            .filter(|_| self.config().is_on("core", "autostage"))
        else {
            return Ok(false);
        };
        let (there, gone): (Vec<_>, Vec<_>) =
            changed.iter().cloned().partition(|path| path.exists());
        git.add(&there)?;
        if !gone.is_empty() {
            git.add(&git.tracked(&gone)?)?;
        }
        Ok(true)
    }

    /// Names paths in the `.gitignore` beside them, unless Git ignores them already; says which
    /// files were changed.
    ///
    /// # Errors
    /// If Git tracks one of them, or the system refuses.
    pub fn keep_out_of_git(&self, paths: &[PathBuf]) -> Result<Vec<PathBuf>, RepositoryError> {
        if let Some(git) = self.git().filter(|_| !paths.is_empty())
            && let Some(tracked) = git.tracked(paths)?.into_iter().next()
        {
            return Err(RepositoryError::refused(
                tracked,
                "is tracked by Git: `git rm -r --cached` it and commit, so that the cache can hold it",
            ));
        }
        add(self, paths)
    }
}

/// Names the paths in the `.gitignore` of their folders, unless Git ignores them already; says
/// which files were changed.
pub fn add(tree: &WorkTree, paths: &[PathBuf]) -> Result<Vec<PathBuf>, RepositoryError> {
    let Some(git) = tree.git() else {
        return Ok(Vec::new());
    };
    let mut texts: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut unnamed = Vec::new();
    for path in paths {
        let (file, line) = entry(path)?;
        let text = match texts.entry(file.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let text = read(new.key())?;
                new.insert(text)
            }
        };
        if !text.lines().any(|known| known == line) {
            unnamed.push((path.clone(), file, line));
        }
    }
    if unnamed.is_empty() {
        // Nothing to ask Git, which costs a process.
        return Ok(Vec::new());
    }
    let asked: Vec<PathBuf> = unnamed.iter().map(|(path, ..)| path.clone()).collect();
    let mut changed = BTreeSet::new();
    for ((_, file, line), ignored) in unnamed.into_iter().zip(git.ignored(&asked)?) {
        let Some(text) = texts.get_mut(&file).filter(|_| !ignored) else {
            continue;
        };
        // One line may name two paths.
        if text.lines().any(|known| known == line) {
            continue;
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&line);
        text.push('\n');
        changed.insert(file);
    }
    for (file, text) in texts.iter().filter(|(file, _)| changed.contains(*file)) {
        disk::write_whole(file, text.as_bytes())?;
    }
    Ok(changed.into_iter().collect())
}

/// Takes a path out again, and the file away if nothing is left in it; says whether it was changed.
pub fn remove(tree: &WorkTree, path: &Path) -> Result<Option<PathBuf>, RepositoryError> {
    if tree.git().is_none() {
        return Ok(None);
    }
    let (file, line) = entry(path)?;
    let text = read(&file)?;
    let plain = format!(
        "/{}",
        path.file_name().unwrap_or_default().to_string_lossy()
    );
    let left: String = text
        .split_inclusive('\n')
        .filter(|known| {
            let known = known.trim_end_matches(['\r', '\n']);
            known != line && known != plain
        })
        .collect();
    if left == text {
        return Ok(None);
    }
    if left.is_empty() {
        disk::remove_file(&file)?;
    } else {
        disk::write_whole(&file, left.as_bytes())?;
    }
    Ok(Some(file))
}

/// The `.gitignore` for a path, and the line that names it there.
fn entry(path: &Path) -> Result<(PathBuf, String), RepositoryError> {
    let name = path.file_name().unwrap_or_default();
    let name = crate::path::name_text(name, path)?;
    let mut line = String::from("/");
    for character in name.chars() {
        if "\\[]!*#?".contains(character) {
            line.push('\\');
        }
        line.push(character);
    }
    // Git takes a final space away unless it is escaped, and can't hold a line break: DVC writes
    // neither right, so that Git would take the data in.
    if let Some(without) = line.strip_suffix(' ') {
        line = format!("{without}\\ ");
    }
    Ok((
        path.with_file_name(".gitignore"),
        line.replace(['\n', '\r'], "?"),
    ))
}

fn read(file: &Path) -> Result<String, RepositoryError> {
    match disk::read_small_text(file, disk::MAX_SMALL) {
        Ok(text) => Ok(text),
        Err(error) if error.is_missing() => Ok(String::new()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_dvc() {
        let line = |name: &str| entry(&Path::new("/r/a").join(name)).unwrap().1;
        assert_eq!(line("data"), "/data");
        assert_eq!(line("star*?"), "/star\\*\\?");
        assert_eq!(line("a b!#[x].txt"), "/a b\\!\\#\\[x\\].txt");
        assert_eq!(line("é"), "/é");
        assert_eq!(line("end "), "/end\\ ");
        assert_eq!(line("new\nline"), "/new?line");
    }
}
