//! The one list of outputs that every command uses.

use std::path::{Path, PathBuf};

use super::Declarations;
use crate::definition::{Output, Stage};
use crate::dvc_file::{DvcFile, OutEntry};
use crate::error::Result;
use crate::lockfile::LockedPath;

// ANCHOR: tracked
/// An output with its flags, and who makes it.
#[derive(Debug, Clone)]
pub struct Tracked {
    /// The `.dvc` file or `dvc.yaml` that declares it.
    pub file: PathBuf,
    /// The stage of a `dvc.yaml`.
    pub stage: Option<String>,
    /// The path, its content and its flags.
    pub out: OutEntry,
    /// Only this part of a folder is meant.
    pub part: Option<String>,
    /// Whether it comes from elsewhere, which keeps it instead of a remote.
    pub is_import: bool,
    /// Whether nothing here makes it again.
    pub is_frozen: bool,
}
// ANCHOR_END: tracked

impl Declarations {
    pub(super) fn list(&self) -> Result<Vec<Tracked>> {
        let mut outputs: Vec<Tracked> = self.data.iter().flat_map(DvcFile::tracked).collect();
        for stage in &self.catalog.stages {
            let locked = self.locked(stage)?;
            // What lies elsewhere is in no cache.
            for out in stage.outs.iter().filter(|out| out.at.is_inside()) {
                let known = locked
                    .as_ref()
                    .and_then(|locked| locked.out(&out.at.written));
                outputs.push(Tracked::of_stage(self.source.root(), stage, out, known));
            }
        }
        Ok(outputs)
    }
}

impl DvcFile {
    /// The paths it pins.
    pub fn tracked(&self) -> impl Iterator<Item = Tracked> {
        self.outs.iter().map(|out| Tracked {
            file: self.path.clone(),
            stage: None,
            out: out.clone(),
            part: None,
            is_import: self.is_import,
            is_frozen: self.is_import,
        })
    }
}

impl Tracked {
    /// An output of a stage, with what a lock or an earlier run says of its content.
    #[must_use]
    pub fn of_stage(root: &Path, stage: &Stage, out: &Output, known: Option<&LockedPath>) -> Self {
        let mut entry = OutEntry::fresh(&out.at.written, root.join(&out.at.path));
        if let Some(known) = known {
            entry.id = known.id;
            entry.kind = known.id.map_or(entry.kind, |id| id.kind);
            entry.size = known.size;
            entry.nfiles = known.nfiles;
            entry.is_exec = known.is_exec;
        }
        entry.cached = out.cache;
        entry.push = out.push;
        entry.persist = out.persist;
        entry.remote.clone_from(&out.remote);
        entry.line = out.line;
        Self {
            file: root.join(&stage.file),
            stage: Some(stage.name.clone()),
            out: entry,
            part: None,
            is_import: false,
            is_frozen: stage.frozen,
        }
    }

    /// What declares it, for messages: `the stage train of a/dvc.yaml`, `a/x.dvc`.
    #[must_use]
    pub fn declared_by(&self) -> String {
        match &self.stage {
            Some(stage) => format!("the stage {stage} of {}", self.file.display()),
            None => self.file.display().to_string(),
        }
    }

    /// Itself, or its part that a target means; `None` if it means another.
    pub(super) fn part_meant(&self, target: &Path, recursive: bool) -> Option<Self> {
        let full = &self.out.full;
        let is_file = target == self.file;
        let is_stage = self.stage.as_ref().is_some_and(|stage| {
            let name = target.file_name().and_then(|name| name.to_str());
            let name = name.map(|name| name.strip_prefix("dvc.yaml:").unwrap_or(name));
            let group = stage.split('@').next();
            (name == Some(stage) || name == group) && target.parent() == self.file.parent()
        });
        let below = recursive && (full.starts_with(target) || self.file.starts_with(target));
        let part = if is_file || is_stage || below || target == full {
            None
        } else {
            let inside = target.strip_prefix(full).ok();
            Some(inside.filter(|_| self.out.is_dir())?.to_str()?.to_string())
        };
        Some(Self {
            part,
            ..self.clone()
        })
    }
}
