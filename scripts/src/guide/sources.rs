//! Where the guide's listings, numbers and plots come from, and that they come from nowhere else.

use std::path::{Component, Path, PathBuf};

/// The folders that a page may take things from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The repository.
    pub root: PathBuf,
    /// A run's folder, for paths that begin with `run:`.
    pub run: Option<PathBuf>,
    /// Where the repository is published, such as `https://github.com/owner/name`.
    pub repository: Option<String>,
    /// The branch, tag or commit that links show.
    pub revision: String,
}

/// A file that a page names.
#[derive(Debug)]
pub struct Source {
    /// Where it is on this machine.
    pub file: PathBuf,
    /// How a reader knows it: its path in the repository or in the run.
    pub name: String,
    /// Its address in the published repository, if it has one.
    pub link: Option<String>,
}

impl Sources {
    /// A file named from the repository's root.
    ///
    /// # Errors
    /// If the path leaves the repository or names no file.
    pub fn in_repository(&self, path: &str) -> Result<Source, String> {
        self.find(path, "")
    }

    /// A file named from `example/`, or with `run:` from the run's folder.
    ///
    /// # Errors
    /// If the path leaves its folder, names no file, or there is no run.
    pub fn in_example(&self, path: &str) -> Result<Source, String> {
        self.find(path, "example/")
    }

    fn find(&self, path: &str, folder: &str) -> Result<Source, String> {
        if let Some(path) = path.strip_prefix("run:") {
            let run = self.run.as_deref().ok_or(
                "`run:` is for pages that are built beside a run (`cargo xtask tour`); this build has none",
            )?;
            return Ok(Source {
                file: inside(run, path)?,
                name: path.to_owned(),
                link: None,
            });
        }
        let name = format!("{folder}{path}");
        let file = inside(&self.root, &name)?;
        let link = self
            .repository
            .as_ref()
            .map(|repository| format!("{repository}/blob/{}/{name}", self.revision));
        Ok(Source { file, name, link })
    }
}

/// The file of a relative path, which may not leave `folder`, not even by a link.
fn inside(folder: &Path, path: &str) -> Result<PathBuf, String> {
    let is_plain = !path.is_empty()
        && !path.contains('\\')
        && Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
    if !is_plain {
        return Err(format!(
            "`{path}` has to be a path without `..`, relative to the repository's root or the run"
        ));
    }
    let file = folder.join(path);
    if !file.is_file() {
        return Err(format!("there is no file `{path}`"));
    }
    let real = |path: &Path| {
        path.canonicalize()
            .map_err(|error| format!("`{}`: {error}", path.display()))
    };
    if !real(&file)?.starts_with(real(folder)?) {
        return Err(format!("`{path}` is a link that leads out of the folder"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use crate::guide::testing::{sources, write};

    #[test]
    fn a_file_is_named_and_linked_as_in_the_repository() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "example/metrics/scores.json", "{}");
        let source = sources(folder.path())
            .in_example("metrics/scores.json")
            .unwrap();
        assert_eq!(source.name, "example/metrics/scores.json");
        assert_eq!(
            source.link.as_deref(),
            Some("https://example.org/guide/blob/main/example/metrics/scores.json")
        );
    }

    #[test]
    fn a_path_that_leaves_the_repository_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "secret", "x");
        write(folder.path(), "root/a.txt", "x");
        let sources = sources(&folder.path().join("root"));
        for path in [
            "../secret",
            "a/../../secret",
            "/etc/hostname",
            "",
            "..\\secret",
        ] {
            let error = sources.in_repository(path).unwrap_err();
            assert!(error.contains("without `..`"), "{path}: {error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leaves_the_repository_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "secret", "x");
        write(folder.path(), "root/a.txt", "x");
        let root = folder.path().join("root");
        std::os::unix::fs::symlink(folder.path().join("secret"), root.join("link")).unwrap();
        let error = sources(&root).in_repository("link").unwrap_err();
        assert_eq!(error, "`link` is a link that leads out of the folder");
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = sources(folder.path()).in_repository("no/such.rs");
        assert_eq!(error.unwrap_err(), "there is no file `no/such.rs`");
    }

    #[test]
    fn a_runs_files_are_there_only_beside_a_run() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "scores.json", "{}");
        let mut sources = sources(&folder.path().join("elsewhere"));
        let error = sources.in_example("run:scores.json").unwrap_err();
        assert!(error.contains("this build has none"), "{error}");
        sources.run = Some(folder.path().to_path_buf());
        let source = sources.in_example("run:scores.json").unwrap();
        assert_eq!((source.name.as_str(), source.link), ("scores.json", None));
        assert!(sources.in_example("run:../scores.json").is_err());
    }
}
