//! The one walk through the working tree: which `dvc.yaml` and `.dvc` files there are.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use mlops_disk as disk;
use rayon::prelude::*;

use super::is_dvc_file;
use crate::catalog::{Catalog, FILE};
use crate::dvc_file::DvcFile;
use crate::error::{RepositoryError, Result};
use crate::ignore::Rules;
use crate::path::name_text;
use crate::source::Source;
use crate::work_tree::{DVC, WorkTree};

/// What a walk has found.
#[derive(Default)]
pub(super) struct Found {
    pub catalog: Catalog,
    pub data: Vec<DvcFile>,
}

/// Reads all files that declare something. What Git or DVC ignores isn't entered, nor are other repositories, nor
/// outputs: data has no declarations in it, and may be large.
pub(super) fn walk(tree: &WorkTree) -> Result<Found> {
    let walk = Walk {
        tree,
        source: Source::workspace(tree.root()),
    };
    let mut found = walk.folder(tree.root(), "", &Outputs::default())?;
    found.data.par_sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

struct Walk<'t> {
    tree: &'t WorkTree,
    source: Source,
}

/// Outputs that the files of a folder and of those above it declare.
#[derive(Default)]
struct Outputs<'a> {
    own: HashSet<PathBuf>,
    above: Option<&'a Outputs<'a>>,
}

impl Outputs<'_> {
    fn has(&self, path: &Path) -> bool {
        self.own.contains(path) || self.above.is_some_and(|above| above.has(path))
    }
}

/// What lies in a folder.
#[derive(Default)]
struct Entries {
    folders: Vec<(PathBuf, String)>,
    pins: Vec<PathBuf>,
    has_stages: bool,
}

impl Walk<'_> {
    fn folder(&self, folder: &Path, inside: &str, above: &Outputs<'_>) -> Result<Found> {
        let entries = self.entries(folder, inside)?;
        let root = self.tree.root();
        let mut found = Found {
            data: entries
                .pins
                .into_par_iter()
                .map(|path| DvcFile::read(&path, root))
                .collect::<Result<_>>()?,
            ..Found::default()
        };
        if entries.has_stages {
            let file = crate::posix_path::join(inside, FILE);
            found
                .catalog
                .add(&self.source, &file, self.tree.option_style())?;
        }
        if !found.catalog.stages.is_empty() {
            // Before the first run writes it, too.
            self.refuse_ignored(&folder.join("dvc.lock"))?;
        }
        let pinned = found.data.iter().flat_map(|file| &file.outs);
        let made = found.catalog.stages.iter().flat_map(|stage| &stage.outs);
        let outputs = Outputs {
            own: pinned
                .map(|out| out.full.clone())
                .chain(made.map(|out| root.join(&out.at.path)))
                .collect(),
            above: Some(above),
        };
        let below = entries
            .folders
            .into_par_iter()
            .filter(|(path, _)| !outputs.has(path))
            .map(|(path, inside)| self.folder(&path, &inside, &outputs))
            .collect::<Result<Vec<_>>>()?;
        for below in below {
            found.data.extend(below.data);
            found.catalog.extend(below.catalog);
        }
        Ok(found)
    }

    fn entries(&self, folder: &Path, inside: &str) -> Result<Entries> {
        let rules = self.tree.ignore().rules(folder)?;
        let git = self.tree.git_ignore();
        let of_git = git.map(|git| git.rules(folder)).transpose()?;
        let by_git = |path: &Path, is_dir| {
            let rules = of_git.as_ref();
            rules.is_some_and(|rules: &std::sync::Arc<Rules>| rules.ignores(path, is_dir))
        };
        let mut entries = Entries::default();
        for entry in std::fs::read_dir(folder).map_err(RepositoryError::io(folder))? {
            let entry = entry.map_err(RepositoryError::io(folder))?;
            let (path, name) = (entry.path(), entry.file_name());
            let kind = entry.file_type().map_err(RepositoryError::io(&path))?;
            let text = name.to_string_lossy();
            if kind.is_dir() {
                let is_ignored = rules.ignores(&path, true) || by_git(&path, true);
                if !disk::is_temp(&text) && !is_ignored && !path.join(DVC).is_dir() {
                    // A name that is no UTF-8 can't stand in a file of ours, nor can what lies below it.
                    if let Ok(name) = name_text(&name, &path) {
                        entries
                            .folders
                            .push((path.clone(), crate::posix_path::join(inside, name)));
                    }
                }
                continue;
            }
            let is_pin = is_dvc_file(&text);
            if !(is_pin || text == FILE) || rules.ignores(&path, false) {
                continue;
            }
            if by_git(&path, false) {
                self.refuse_ignored(&path)?;
            }
            if is_pin {
                name_text(&name, &path)?;
                entries.pins.push(path);
            } else {
                entries.has_stages = true;
            }
        }
        entries.folders.sort_unstable();
        Ok(entries)
    }

    /// A file that Git ignores reaches nobody else, and its data would count as garbage for them.
    fn refuse_ignored(&self, path: &Path) -> Result<()> {
        let git = self.tree.git_ignore();
        let Some(rule) = git.map(|git| git.rule(path, false)).transpose()?.flatten() else {
            return Ok(());
        };
        let message = format!(
            "Git ignores this file by {rule}, so that nobody else would get it: change that rule"
        );
        Err(RepositoryError::file(path, None, message))
    }
}
