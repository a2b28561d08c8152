//! `.dvcignore`: what data never contains. Syntax and nesting are those of `.gitignore`.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, Glob};

use crate::RepositoryError;
use crate::source::Source;

/// The name of the files with the patterns.
pub const IGNORE_FILE: &str = ".dvcignore";

/// The patterns of a repository, read as its folders are walked.
#[derive(Debug)]
pub struct DvcIgnore {
    root: PathBuf,
    file: &'static str,
    source: Source,
    known: Mutex<HashMap<PathBuf, Arc<Rules>>>,
}

/// What holds in a folder: its own patterns go before those of the folders above.
#[derive(Debug, Default)]
pub struct Rules {
    own: Option<Gitignore>,
    above: Option<Arc<Rules>>,
}

impl DvcIgnore {
    /// No file is read yet; `root` is the repository's folder.
    pub fn new(root: &Path) -> DvcIgnore {
        DvcIgnore::of(root, IGNORE_FILE)
    }

    /// The same for `.gitignore`, which has the same form.
    pub fn of_git(root: &Path) -> DvcIgnore {
        DvcIgnore::of(root, ".gitignore")
    }

    /// The `.dvcignore` files of a state of the repository.
    pub fn of_source(source: &Source) -> DvcIgnore {
        DvcIgnore {
            source: source.clone(),
            ..DvcIgnore::new(source.root())
        }
    }

    fn of(root: &Path, file: &'static str) -> DvcIgnore {
        DvcIgnore {
            root: root.to_path_buf(),
            file,
            source: Source::workspace(root),
            known: Mutex::default(),
        }
    }

    /// The rule that ignores a path or a folder above it, as `.gitignore:1: *.lock`; `None` if none does.
    ///
    /// # Errors
    /// As [`rules`](DvcIgnore::rules).
    pub fn rule(&self, path: &Path, is_dir: bool) -> Result<Option<String>, RepositoryError> {
        let Ok(inside) = path.strip_prefix(&self.root) else {
            return Ok(None);
        };
        let count = inside.components().count();
        let mut whole = self.root.clone();
        for (at, name) in inside.components().enumerate() {
            let rules = self.rules(&whole)?;
            whole.push(name);
            if let Some((is_ignored, glob)) = rules.pattern(&whole, is_dir || at + 1 < count)
                && is_ignored
            {
                let place = glob.from().unwrap_or(Path::new(self.file));
                return Ok(Some(format!("{}: {}", place.display(), glob.original())));
            }
        }
        Ok(None)
    }

    /// What holds in a folder of the repository.
    ///
    /// # Errors
    /// If a `.dvcignore` can't be read or has a pattern that is none.
    pub fn rules(&self, folder: &Path) -> Result<Arc<Rules>, RepositoryError> {
        let known = |path: &Path| {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(path).cloned()
        };
        if let Some(rules) = known(folder) {
            return Ok(rules);
        }
        let above = match folder.parent() {
            Some(parent) if folder != self.root && folder.starts_with(&self.root) => {
                Some(self.rules(parent)?)
            }
            _ => None,
        };
        let file = folder.join(self.file);
        let ignored = above
            .as_ref()
            .is_some_and(|above| above.ignores(&file, false));
        let own = if ignored || !folder.starts_with(&self.root) {
            None
        } else {
            self.read(&file, folder)?
        };
        let rules = match (own, above) {
            // Most folders have nothing to say: no longer chain for them.
            (None, Some(above)) => above,
            (own, above) => Arc::new(Rules { own, above }),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(folder.to_path_buf(), Arc::clone(&rules));
        Ok(rules)
    }

    /// Whether a path of the repository, or a folder above it, is ignored.
    ///
    /// # Errors
    /// As [`rules`](DvcIgnore::rules).
    pub fn ignores(&self, path: &Path, is_dir: bool) -> Result<bool, RepositoryError> {
        let Ok(inside) = path.strip_prefix(&self.root) else {
            return Ok(false);
        };
        let count = inside.components().count();
        let mut whole = self.root.clone();
        for (at, name) in inside.components().enumerate() {
            let rules = self.rules(&whole)?;
            whole.push(name);
            if rules.ignores(&whole, is_dir || at + 1 < count) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads a file of patterns. Git takes lines as they are and passes over those that are no pattern,
    /// DVC takes white space at both ends away and is `strict`.
    fn read(&self, file: &Path, folder: &Path) -> Result<Option<Gitignore>, RepositoryError> {
        let strict = self.file == IGNORE_FILE;
        let inside = file.strip_prefix(&self.root).unwrap_or(file);
        let inside = inside.to_string_lossy();
        let bytes = match &self.source {
            Source::Revision(_) => self.source.read(&inside)?,
            Source::Workspace { .. } => match mlops_disk::read_small(file, mlops_disk::MAX_SMALL) {
                Ok(bytes) => Some(bytes),
                Err(error) if error.is_missing() => None,
                Err(error) => return Err(error.into()),
            },
        };
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut builder = GitignoreBuilder::new(folder);
        let mut patterns = 0;
        for (at, line) in text.lines().enumerate() {
            let line = if strict { line.trim() } else { line };
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            patterns += 1;
            let added = builder
                .add_line(Some(format!("{inside}:{}", at + 1).into()), line)
                .map(|_| ());
            if let Err(error) = added.map_err(|error| error.to_string())
                && strict
            {
                let message = format!("{line:?} is no pattern: {error}");
                return Err(RepositoryError::file(file, Some(at + 1), message));
            }
        }
        if patterns == 0 {
            return Ok(None);
        }
        let rules = builder
            .build()
            .map_err(|error| RepositoryError::file(file, None, error.to_string()))?;
        Ok(Some(rules))
    }
}

impl Rules {
    /// Whether a file or folder of that folder is ignored; the path is absolute.
    pub fn ignores(&self, path: &Path, is_dir: bool) -> bool {
        let name = path.file_name().unwrap_or_default();
        Rules::ignores_always(name, is_dir) || self.by_pattern(path, is_dir)
    }

    /// Whether a name is ignored without any pattern.
    pub fn ignores_always(name: &OsStr, is_dir: bool) -> bool {
        match name.to_str() {
            Some(".git") => true,
            Some(".hg" | ".dvc") => is_dir,
            _ => false,
        }
    }

    /// Whether there are patterns at all.
    pub fn has_patterns(&self) -> bool {
        self.own.is_some()
            || self
                .above
                .as_ref()
                .is_some_and(|above| above.has_patterns())
    }

    fn by_pattern(&self, path: &Path, is_dir: bool) -> bool {
        self.pattern(path, is_dir)
            .is_some_and(|(is_ignored, _)| is_ignored)
    }

    /// The pattern that decides, and whether it ignores.
    fn pattern(&self, path: &Path, is_dir: bool) -> Option<(bool, &Glob)> {
        let mut rules = Some(self);
        while let Some(here) = rules {
            if let Some(own) = &here.own {
                match own.matched(path, is_dir) {
                    Match::None => {}
                    Match::Ignore(glob) => return Some((true, glob)),
                    Match::Whitelist(glob) => return Some((false, glob)),
                }
            }
            rules = here.above.as_deref();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[track_caller]
    fn ignored(files: &[(&str, &str)], cases: &[(&str, bool)]) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let ignore = DvcIgnore::new(root.path());
        for (path, expected) in cases {
            let is_dir = path.ends_with('/');
            let path_in = root.path().join(path.trim_end_matches('/'));
            assert_eq!(
                ignore.ignores(&path_in, is_dir).unwrap(),
                *expected,
                "{path}"
            );
        }
    }

    #[test]
    fn the_folders_of_git_and_dvc_are_always_ignored() {
        let cases = [
            (".git/", true),
            ("a/.git", true),
            (".dvc/", true),
            (".dvc/tmp/x", true),
            ("a.dvc", false),
        ];
        ignored(&[], &cases);
    }

    #[test]
    fn patterns_are_those_of_git() {
        ignored(
            &[(".dvcignore", "# c\n*.tmp\n/only\nlogs/\n!keep.tmp\n")],
            &[
                ("a.tmp", true),
                ("x/a.tmp", true),
                ("keep.tmp", false),
                ("only", true),
                ("x/only", false),
                ("logs/", true),
                ("logs", false),
                ("logs/a", true),
                ("a", false),
            ],
        );
    }

    #[test]
    fn a_deeper_file_goes_before_those_above() {
        ignored(
            &[(".dvcignore", "*.csv\n"), ("a/.dvcignore", "!*.csv\nb\n")],
            &[
                ("x.csv", true),
                ("a/x.csv", false),
                ("a/c/x.csv", false),
                ("a/b", true),
                ("b", false),
            ],
        );
    }

    #[test]
    fn what_lies_in_an_ignored_folder_is_ignored() {
        ignored(
            &[(".dvcignore", "a\n!a/b\n"), ("a/.dvcignore", "!b\n")],
            &[("a/b", true)],
        );
    }
}
