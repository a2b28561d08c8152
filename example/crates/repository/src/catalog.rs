//! Every file of stages of a repository, at one state of it.

use std::path::PathBuf;

use crate::yaml::Node;

use crate::definition::{Definition, Stage, expand};
use crate::error::{RepositoryError, Result};
use crate::ignore::DvcIgnore;
use crate::interpolation::OptionStyle;
use crate::source::Source;
use crate::work_tree::WorkTree;

/// The name of a file of stages.
pub const FILE: &str = "dvc.yaml";

/// The stages of a repository, and what its files say beside them.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Files of stages, from the repository's root.
    pub files: Vec<String>,
    /// The stages of all files, in their order.
    pub stages: Vec<Stage>,
    /// Files of parameters named at the top of a file, from the repository's root.
    pub params: Vec<String>,
    /// Files of metrics named at the top of a file, from the repository's root.
    pub metrics: Vec<String>,
    /// Plots named at the top of a file: the file, and what it says.
    pub plots: Vec<(String, Node)>,
}

/// Files of a workspace that say what to do: of stages, and `.dvc` files.
#[derive(Debug, Default)]
pub struct Found {
    pub stages: Vec<String>,
    pub data: Vec<PathBuf>,
}

impl Catalog {
    /// Reads the given files of stages.
    ///
    /// # Errors
    /// If one of them can't be used.
    pub fn read(source: &Source, files: Vec<String>, style: OptionStyle) -> Result<Self> {
        let mut catalog = Self::default();
        for file in files {
            let Some(definition) = Definition::read(source, &file)? else {
                continue;
            };
            let expanded = expand(&definition, source, style)?;
            catalog.stages.extend(expanded.stages);
            catalog.params.extend(expanded.params);
            catalog.metrics.extend(expanded.metrics);
            let plots = expanded.plots.into_iter().map(|plot| (file.clone(), plot));
            catalog.plots.extend(plots);
            catalog.files.push(file);
        }
        Ok(catalog)
    }

    /// Reads all files of stages of the workspace, or of a revision.
    ///
    /// # Errors
    /// If one of them can't be used.
    pub fn of(tree: &WorkTree, source: &Source) -> Result<Self> {
        let files = match source {
            Source::Workspace { .. } => find(tree)?.stages,
            Source::Revision { files, .. } => files
                .iter()
                .filter(|file| file.rsplit('/').next() == Some(FILE))
                .cloned()
                .collect(),
        };
        Self::read(source, files, style(tree))
    }
}

/// How the repository wants maps written as options.
pub fn style(tree: &WorkTree) -> OptionStyle {
    let is = |key: &str, value: &str| tree.config().get("parsing", key).as_deref() == Some(value);
    OptionStyle {
        negated: is("bool", "boolean_optional"),
        appended: is("list", "append"),
    }
}

/// Looks through the workspace; what Git or DVC ignores and data that is tracked aren't entered.
pub fn find(tree: &WorkTree) -> Result<Found> {
    let git = tree.git().map(|git| DvcIgnore::of_git(git.root()));
    let mut found = Found::default();
    let mut open = vec![(tree.root().to_path_buf(), String::new())];
    while let Some((folder, inside)) = open.pop() {
        let rules = tree.ignore().rules(&folder)?;
        let of_git = git.as_ref().map(|git| git.rules(&folder)).transpose()?;
        let ignored = |path: &std::path::Path, is_dir: bool| {
            rules.ignores(path, is_dir)
                || of_git.as_ref().is_some_and(|git| git.ignores(path, is_dir))
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(RepositoryError::io(&folder))? {
            let entry = entry.map_err(RepositoryError::io(&folder))?;
            let kind = entry
                .file_type()
                .map_err(RepositoryError::io(entry.path()))?;
            // A name that is no UTF-8 can't stand in DVC's files.
            if let Ok(name) = entry.file_name().into_string() {
                names.push((name, kind.is_dir()));
            }
        }
        names.sort_unstable();
        let mut below = Vec::new();
        for (name, is_dir) in &names {
            let path = folder.join(name);
            if *is_dir {
                let pin = (format!("{name}.dvc"), false);
                let is_data = names.binary_search(&pin).is_ok();
                if !is_data && !ignored(&path, true) && !path.join(".dvc").is_dir() {
                    below.push((path, crate::posix_path::join(&inside, name)));
                }
            } else if name == FILE {
                if ignored(&path, false) {
                    continue;
                }
                found.stages.push(crate::posix_path::join(&inside, name));
            } else if name.ends_with(".dvc") && name.len() > 4 && !ignored(&path, false) {
                found.data.push(path);
            }
        }
        open.extend(below.into_iter().rev());
    }
    Ok(found)
}
