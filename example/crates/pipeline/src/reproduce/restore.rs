//! What needn't be run: outputs of earlier runs, here or at a remote, put in place.

use std::path::{Path, PathBuf};

use mlops_disk as disk;
use mlops_repository::lockfile::{LockedPath, LockedStage};
use mlops_repository::{DvcFile, ObjectId, Output, Stage, Tracked};
use mlops_versioning::operations::transfer::{self, TransferOptions};
use mlops_versioning::silent;

use super::Event;
use super::bookkeeping::Books;
use crate::error::{PipelineError, Result};
use crate::run_cache::{self, RunCache};
use crate::status;

impl Books<'_> {
    /// Gets a stage's outputs from the remote, if the lock names them and the remote has them.
    pub fn pull(&mut self, stage: &Stage) -> Result<bool> {
        let Some(locked) = self.locked(stage)? else {
            return Ok(false);
        };
        self.fetch_result(stage, &locked)?;
        if !self.is_whole(stage, &locked)? {
            return Ok(false);
        }
        self.put_in_place(&[(stage, &locked)])?;
        self.workspace.forget();
        Ok(true)
    }

    /// Gets what the remotes have of these; what they lack shows later.
    fn fetch_tracked(&self, tracked: &[Tracked]) -> Result<()> {
        let options = TransferOptions::default();
        transfer::fetch(self.repository(), tracked, &options, &silent)?;
        Ok(())
    }

    /// Gets what a run made, as far as the remote has it.
    fn fetch_result(&self, stage: &Stage, result: &LockedStage) -> Result<()> {
        let root = self.project.source.root();
        let outs = stage.outs.iter().filter(|out| out.at.is_inside());
        let tracked: Vec<Tracked> = outs
            .map(|out| {
                let mut tracked = Tracked::of_stage(root, stage, out, result.out(&out.at.written));
                // Metrics that Git holds are kept with the result, too.
                tracked.out.cached = true;
                tracked
            })
            .collect();
        self.fetch_tracked(&tracked)
    }

    /// Gets the results of other people's runs, so that they needn't be run here. A remote without them is no failure.
    pub fn fetch_run_cache(&self) {
        let options = TransferOptions::default();
        let (told, name) = match run_cache::fetch(self.repository(), &options, &silent) {
            Ok(moved) if moved.refused.is_empty() => return,
            Ok(moved) => (
                format!(
                    "{} results aren't what their names say",
                    moved.refused.len()
                ),
                moved.refused[0].clone(),
            ),
            Err(error) => (error.to_string(), "run cache".into()),
        };
        (self.listener)(Event::Warning(&name, &told));
    }

    pub fn pull_deps(&mut self, stage: &Stage) -> Result<()> {
        let missing: Vec<PathBuf> = stage
            .deps
            .iter()
            .filter(|dep| dep.at.is_inside())
            .map(|dep| self.workspace.full(&dep.at))
            .filter(|path| !path.exists())
            .collect();
        let is_wanted = |out: &Path| missing.iter().any(|path| path.starts_with(out));
        let project = self.project;
        for file in &project.data {
            if file.outs.iter().any(|out| is_wanted(&out.full)) {
                self.pull_data(file)?;
            }
        }
        // With only a part of the pipeline, those who make it aren't looked at.
        for maker in &project.catalog.stages {
            let is_maker = |out: &Output| is_wanted(&self.workspace.full(&out.at));
            if maker.outs.iter().any(is_maker) {
                self.pull(maker)?;
            }
        }
        Ok(())
    }

    /// Gets data that isn't there from the cache, or from the remote, if that has it.
    pub fn pull_data(&mut self, file: &DvcFile) -> Result<()> {
        for out in file.outs.iter().filter(|out| !out.full.exists()) {
            let Some(id) = out.id else { continue };
            let mine = file
                .tracked()
                .filter(|tracked| tracked.out.full == out.full);
            self.fetch_tracked(&mine.collect::<Vec<_>>())?;
            if self.workspace.is_cached(&id)? {
                let target = mlops_versioning::Target {
                    path: out.full.clone(),
                    id,
                    is_exec: out.is_exec,
                };
                let plan = self.repository().plan(&target, false, &silent)?;
                self.repository().apply(&target, plan, &silent)?;
            }
        }
        self.workspace.forget();
        Ok(())
    }

    /// The outputs that these inputs led to before, if the cache has them all.
    pub fn known_result(
        &self,
        stage: &Stage,
        inputs: &LockedStage,
        locked: Option<&LockedStage>,
    ) -> Result<Option<LockedStage>> {
        if let Some(locked) = locked
            && locked.command == inputs.command
            && locked.to_map().get("deps") == inputs.to_map().get("deps")
            && locked.to_map().get("params") == inputs.to_map().get("params")
            && self.is_whole(stage, locked)?
        {
            return Ok(Some(locked.clone()));
        }
        if self.options.no_run_cache {
            return Ok(None);
        }
        let mut wanted = inputs.clone();
        wanted.outs = stage
            .outs
            .iter()
            .map(|out| LockedPath {
                path: out.at.written.clone(),
                id: None,
                size: None,
                nfiles: None,
                is_exec: false,
            })
            .collect();
        let Some(result) = self.run_cache.find(&wanted)? else {
            return Ok(None);
        };
        if self.options.pull && !self.options.dry && !self.is_whole(stage, &result)? {
            self.fetch_result(stage, &result)?;
        }
        Ok(self.is_whole(stage, &result)?.then_some(result))
    }

    /// Whether a result names all of a stage's outputs and the cache has them, or Git put them in place.
    pub fn is_whole(&self, stage: &Stage, result: &LockedStage) -> Result<bool> {
        if result.outs.len() != stage.outs.len() {
            return Ok(false);
        }
        for out in &stage.outs {
            let Some(id) = result.out(&out.at.written).and_then(|known| known.id) else {
                return Ok(false);
            };
            let is_in_place = || -> Result<bool> {
                let there = self.workspace.content(&out.at, id.kind)?;
                Ok(there.is_some_and(|saved| saved.id == id))
            };
            if !self.workspace.is_cached(&id)? && (out.cache || !is_in_place()?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Puts a file in place that Git holds: it must be one like any other.
    pub fn put_into_git(&self, out: &Output, id: ObjectId, is_exec: bool) -> Result<()> {
        let path = self.workspace.full(&out.at);
        let same = self.workspace.content(&out.at, id.kind)?;
        if same.is_some_and(|saved| saved.id == id) {
            return Ok(());
        }
        if path.is_dir() {
            self.repository().remove_output(&path)?;
        }
        if let Some(folder) = path.parent() {
            disk::create_dir_all(folder)?;
        }
        disk::copy(&self.repository().cache().path(&id), &path)?;
        disk::set_mode(&path, if is_exec { 0o755 } else { 0o644 })?;
        Ok(())
    }

    /// Whether a stage that changed could be taken from an earlier run.
    pub fn could_restore(&self, stage: &Stage) -> Result<bool> {
        if self.options.force || !RunCache::takes(stage) {
            return Ok(false);
        }
        let locked = self.locked(stage)?;
        let inputs = match status::inputs(&self.workspace, stage, locked.as_ref()) {
            Ok(inputs) => inputs,
            Err(PipelineError::Missing { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        Ok(self
            .known_result(stage, &inputs, locked.as_ref())?
            .is_some())
    }
}
