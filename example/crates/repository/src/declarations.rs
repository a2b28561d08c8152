//! What the files of one state of a repository declare: stages, pinned data, locks, and the one list of outputs.

mod outputs;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::catalog::{Catalog, FILE};
use crate::definition::Stage;
use crate::dvc_file::DvcFile;
use crate::error::{RepositoryError, Result};
use crate::ignore::DvcIgnore;
use crate::lockfile::{Lock, LockedStage};
use crate::source::Source;
use crate::work_tree::WorkTree;

pub use outputs::Tracked;

/// What the files of a state of the repository declare, read once.
#[derive(Debug)]
pub struct Declarations {
    /// The state: the working tree, or a revision.
    pub source: Source,
    /// The stages, with all their references put in.
    pub catalog: Catalog,
    /// The `.dvc` files, by path.
    pub data: Vec<DvcFile>,
    /// The lock of each file of stages, by that file.
    pub locks: BTreeMap<String, Lock>,
    /// Every output with its flags: those of `.dvc` files, then those of the stages.
    pub outputs: Vec<Tracked>,
}

impl WorkTree {
    /// Reads what the working tree declares.
    ///
    /// # Errors
    /// If one of the files is unsound, or Git ignores it, or an output is ignored by `.dvcignore`.
    pub fn declarations(&self) -> Result<Declarations> {
        let found = walk::walk(self)?;
        let source = Source::workspace(self.root());
        let declared = Declarations::new(source, found.catalog, found.data)?;
        for tracked in &declared.outputs {
            if let Some(rule) = self
                .ignore()
                .rule(&tracked.out.full, tracked.out.is_dir())?
            {
                let message = format!(
                    "the output {:?} is ignored by {rule}: change that rule, or name another output",
                    tracked.out.path
                );
                return Err(RepositoryError::file(
                    &tracked.file,
                    Some(tracked.out.line),
                    message,
                ));
            }
        }
        Ok(declared)
    }

    /// Reads what a state declares: of a revision all that Git has, by its own `.dvcignore`, whatever `.gitignore` says.
    ///
    /// # Errors
    /// If one of the files is unsound; the error names the commit.
    pub fn declarations_of(&self, source: &Source) -> Result<Declarations> {
        let Source::Revision(revision) = source else {
            return self.declarations();
        };
        self.read_files(source, &DvcIgnore::of_source(source), revision.files.keys())
            .map_err(|error| error.in_commit(&revision.commit, self.root()))
    }

    /// Reads what the files in Git's index declare as they are now, also those in a folder that `.gitignore` names:
    /// somebody put them there on purpose. `None` without Git.
    ///
    /// # Errors
    /// If one of the files is unsound.
    pub fn declarations_in_git(&self) -> Result<Option<Declarations>> {
        let Some(git) = self.git() else {
            return Ok(None);
        };
        let files = git.tracked(&[self.root().to_path_buf()])?;
        let files = files.iter().filter_map(|path| self.inside(path).ok());
        let files: Vec<String> = files.collect();
        let source = Source::workspace(self.root());
        self.read_files(&source, self.ignore(), files.iter())
            .map(Some)
    }

    /// Files of pins and stages that Git has although its rules ignore them, each with the rule: no command reads
    /// them, as with DVC, but `gc` keeps what they need.
    ///
    /// # Errors
    /// If Git fails, or a file of rules can't be read.
    pub fn ignored_in_git(&self) -> Result<Vec<(PathBuf, String)>> {
        let (Some(git), Some(rules)) = (self.git(), self.git_ignore()) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for path in git.tracked(&[self.root().to_path_buf()])? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if (name == FILE || is_dvc_file(&name))
                && let Some(rule) = rules.rule(&path, false)?
            {
                found.push((path, rule));
            }
        }
        Ok(found)
    }

    fn read_files<'f>(
        &self,
        source: &Source,
        ignore: &DvcIgnore,
        files: impl Iterator<Item = &'f String>,
    ) -> Result<Declarations> {
        let mut catalog = Catalog::default();
        let mut data = Vec::new();
        for file in files {
            let name = file.rsplit('/').next().unwrap_or(file);
            let path = self.root().join(file);
            let is_ours = name == FILE || is_dvc_file(name);
            if !is_ours || is_in_another(source, file) || ignore.ignores(&path, false)? {
                continue;
            }
            if name == FILE {
                catalog.add(source, file, self.option_style())?;
            } else if let Some(bytes) = source.read(file)? {
                data.push(DvcFile::parse(bytes, &path, self.root())?);
            }
        }
        Declarations::new(source.clone(), catalog, data)
    }
}

impl Declarations {
    fn new(source: Source, catalog: Catalog, data: Vec<DvcFile>) -> Result<Self> {
        let mut locks = BTreeMap::new();
        for file in &catalog.files {
            locks.insert(
                file.clone(),
                Lock::read(&source, &crate::lockfile::lock_path(file))?,
            );
        }
        let mut declared = Self {
            source,
            catalog,
            data,
            locks,
            outputs: Vec::new(),
        };
        declared.outputs = declared.list()?;
        Ok(declared)
    }

    /// What the lock says of a stage.
    ///
    /// # Errors
    /// If its entry can't be used.
    pub fn locked(&self, stage: &Stage) -> Result<Option<LockedStage>> {
        match self.locks.get(&stage.file) {
            Some(lock) => lock.stage(&stage.name),
            None => Ok(None),
        }
    }

    /// The outputs that targets mean: a `.dvc` file, a `dvc.yaml`, a stage or a group of them, an output, a path within
    /// an output that is a folder, or with `recursive` all below a folder. No targets mean all.
    ///
    /// # Errors
    /// If a target means none.
    pub fn select(&self, targets: &[PathBuf], recursive: bool) -> Result<Vec<Tracked>> {
        if targets.is_empty() {
            return Ok(self.outputs.clone());
        }
        let mut chosen: Vec<Tracked> = Vec::new();
        for target in targets {
            let mut found = self
                .outputs
                .iter()
                .filter_map(|tracked| tracked.part_meant(target, recursive))
                .peekable();
            if found.peek().is_none() {
                return Err(self.unknown(target));
            }
            chosen.extend(found);
        }
        let mut seen = std::collections::HashSet::new();
        chosen.retain(|tracked| seen.insert((tracked.out.full.clone(), tracked.part.clone())));
        Ok(chosen)
    }

    /// Why a target means nothing.
    fn unknown(&self, target: &Path) -> RepositoryError {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        if let Source::Workspace { root } = &self.source
            && (is_dvc_file(&name) || name == FILE)
            && target.exists()
        {
            let git = crate::Git::find(root).map(|git| DvcIgnore::of_git(git.root()));
            for ignore in [Some(DvcIgnore::new(root)), git].into_iter().flatten() {
                if let Ok(Some(rule)) = ignore.rule(target, target.is_dir()) {
                    let message = format!(
                        "it is ignored by {rule}, so it isn't read: change that rule, or move the file"
                    );
                    return RepositoryError::refused(target, message);
                }
            }
        }
        RepositoryError::refused(
            target,
            "is neither a .dvc file, nor tracked, nor a part of what is tracked: \
             `list` shows what is; `add` tracks it",
        )
    }
}

/// Whether a file belongs to a repository of data within this one.
fn is_in_another(source: &Source, file: &str) -> bool {
    let mut folders = file.match_indices('/').map(|(at, _)| &file[..at]);
    folders.any(|folder| source.exists(&format!("{folder}/.dvc/config")))
}

/// Whether a file's name is that of a `.dvc` file.
#[must_use]
pub fn is_dvc_file(name: &str) -> bool {
    name.len() > ".dvc".len() && name.ends_with(".dvc")
}
