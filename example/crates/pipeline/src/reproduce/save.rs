//! What stages made is saved for many of them at once: as durable as one by one, at the cost of a few flushes in all.
//! A stage counts as done, and those that need it start, when this is through.

use std::path::{Path, PathBuf};

use mlops_repository::lockfile::{LockedPath, LockedStage};
use mlops_repository::{HashKind, Output, OutputKind, Saved, Stage};
use mlops_versioning::{Target, VersioningError, silent};

use super::Event;
use super::bookkeeping::{Books, Known, Prepared};
use crate::error::{PipelineError, Result};
use crate::run_cache::RunCache;

impl Books<'_> {
    /// Looks at what a stage left when its commands ended well, before others run.
    pub fn check_ended(&self, stage: &Stage, prepared: &Prepared) -> Result<()> {
        self.workspace.forget();
        for out in &stage.outs {
            if !self.workspace.full(&out.at).exists() {
                return Err(not_made(stage, out));
            }
        }
        for (before, dep) in prepared.inputs.deps.iter().zip(&stage.deps) {
            let kind = before.id.map_or(HashKind::Md5, |id| id.kind);
            let after = self.workspace.content(&dep.at, kind)?;
            if after.map(|after| after.id) != before.id {
                let what = format!(
                    "{} changed while the stage ran, which is noted as made from what it was before",
                    dep.at.path
                );
                (self.listener)(Event::Warning(&stage.address(), &what));
            }
        }
        Ok(())
    }

    /// Saves what stages made and notes it. Where not all can be saved, each that can is; the answers are in their order.
    pub fn finish(&mut self, ended: &[(&Stage, &Prepared)]) -> Vec<Result<()>> {
        match self.finish_together(ended) {
            Ok(()) => ended.iter().map(|_| Ok(())).collect(),
            Err(error) if ended.len() == 1 => vec![Err(error)],
            Err(_) => ended
                .chunks(1)
                .map(|one| self.finish_together(one))
                .collect(),
        }
    }

    fn finish_together(&mut self, ended: &[(&Stage, &Prepared)]) -> Result<()> {
        self.workspace.forget();
        let stages: Vec<&Stage> = ended.iter().map(|(stage, _)| *stage).collect();
        let outs = self.save_outs(&stages)?;
        let made: Vec<(&Stage, LockedStage)> = ended
            .iter()
            .zip(outs)
            .map(|((stage, prepared), outs)| {
                let inputs = prepared.inputs.clone();
                (*stage, LockedStage { outs, ..inputs })
            })
            .collect();
        let kept = made.iter().map(|(stage, made)| (*stage, made));
        self.keep_results(kept.filter(|(stage, _)| RunCache::takes(stage)))?;
        self.note(made)
    }

    /// Saves the outputs of stages, for each of which it says what they are.
    pub fn save_outs(&self, stages: &[&Stage]) -> Result<Vec<Vec<LockedPath>>> {
        let repository = self.repository();
        let outs = || stages.iter().flat_map(|stage| &stage.outs);
        let is_saved = |out: &Output| out.cache && !self.options.no_commit;
        let paths: Vec<(PathBuf, HashKind)> = outs()
            .filter(|out| is_saved(out))
            .map(|out| (self.workspace.full(&out.at), HashKind::Md5))
            .collect();
        let contents = repository.store_many(&paths, &silent)?;
        let linked: Vec<_> = paths
            .iter()
            .zip(&contents)
            .filter_map(|((path, _), content)| Some((path.as_path(), content.as_ref()?)))
            .collect();
        repository.relink_many(&linked, &silent)?;
        let mut contents = contents.into_iter();
        let mut all = Vec::with_capacity(stages.len());
        for stage in stages {
            let mut locked = Vec::with_capacity(stage.outs.len());
            for out in &stage.outs {
                let saved: Option<Saved> = if is_saved(out) {
                    contents.next().flatten().map(|content| content.saved)
                } else {
                    self.workspace.content(&out.at, HashKind::Md5)?
                };
                let saved = saved.ok_or_else(|| not_made(stage, out))?;
                locked.push(LockedPath::of(&out.at.written, &saved));
            }
            all.push(locked);
        }
        let hidden: Vec<PathBuf> = outs()
            .filter(|out| out.cache && out.at.is_inside())
            .map(|out| self.workspace.full(&out.at))
            .collect();
        let ignoring = repository.keep_out_of_git(&hidden)?;
        repository.autostage(&ignoring)?;
        Ok(all)
    }

    /// Lets later runs, DVC's too, take these results. Metrics and plots that Git holds are put into
    /// the cache for it; with other uncached outputs a result would lack a part.
    pub fn keep_results<'s>(
        &self,
        made: impl Iterator<Item = (&'s Stage, &'s LockedStage)>,
    ) -> Result<()> {
        if self.options.no_commit {
            return Ok(());
        }
        let partial = |out: &Output| !out.cache && out.kind == OutputKind::Data;
        let whole: Vec<_> = made
            .filter(|(stage, _)| !stage.outs.iter().any(partial))
            .collect();
        let outs = whole.iter().flat_map(|(stage, _)| &stage.outs);
        let uncached: Vec<_> = outs
            .filter(|out| !out.cache)
            .map(|out| (self.workspace.full(&out.at), HashKind::Md5))
            .collect();
        self.repository().store_many(&uncached, &silent)?;
        let results = whole.into_iter().map(|(_, made)| made);
        let folders = self.run_cache.keep(results)?;
        let cache = self.repository().cache();
        cache.share()?;
        Ok(cache.share_folders(&folders)?)
    }

    /// Puts the results of earlier runs in place and notes them; the answers are as those of [`finish`](Self::finish).
    pub fn restore(&mut self, known: &[(&Stage, &Known)]) -> Vec<Result<()>> {
        match self.restore_together(known) {
            Ok(()) => known.iter().map(|_| Ok(())).collect(),
            Err(error) if known.len() == 1 => vec![Err(error)],
            Err(_) => known
                .chunks(1)
                .map(|one| self.restore_together(one))
                .collect(),
        }
    }

    fn restore_together(&mut self, known: &[(&Stage, &Known)]) -> Result<()> {
        let results: Vec<(&Stage, &LockedStage)> = known
            .iter()
            .map(|(stage, known)| (*stage, &known.result))
            .collect();
        self.put_in_place(&results)?;
        let made = known.iter().map(|(stage, known)| {
            let outs = known.result.outs.clone();
            let inputs = known.inputs.clone();
            (*stage, LockedStage { outs, ..inputs })
        });
        self.note(made.collect())?;
        self.workspace.forget();
        Ok(())
    }

    /// Puts what earlier runs made at the places of outputs.
    pub fn put_in_place(&self, results: &[(&Stage, &LockedStage)]) -> Result<()> {
        let mut targets = Vec::new();
        for (stage, result) in results {
            for out in &stage.outs {
                let known = result.out(&out.at.written);
                let Some((id, known)) = known.and_then(|known| Some((known.id?, known))) else {
                    continue;
                };
                if out.cache || id.dir {
                    let path = self.workspace.full(&out.at);
                    let is_exec = known.is_exec;
                    targets.push((Target { path, id, is_exec }, None));
                } else {
                    self.put_into_git(out, id, known.is_exec)?;
                }
            }
        }
        let plans = self.repository().plan_many(&targets, false, &silent)?;
        let mut work = Vec::with_capacity(plans.len());
        for ((target, _), plan) in targets.into_iter().zip(plans) {
            if let Some(missing) = plan.missing.first() {
                let path = self.repository().inside(&target.path)?;
                return Err(PipelineError::Versioning(VersioningError::Missing {
                    objects: vec![format!("{path} ({missing})")],
                    place: "the cache".into(),
                    advice: mlops_versioning::PULL,
                }));
            }
            work.push((target, plan));
        }
        Ok(self.repository().apply_many(&work, &silent)?)
    }

    /// Writes `dvc.lock`, each once.
    pub fn note(&mut self, made: Vec<(&Stage, LockedStage)>) -> Result<()> {
        let mut changed = Vec::new();
        for (stage, made) in made {
            let Some(lock) = self.locks.get_mut(&stage.file) else {
                continue;
            };
            if lock.stage(&stage.name)?.as_ref().map(LockedStage::to_map) == Some(made.to_map()) {
                continue;
            }
            let rank = self.ranks.get(&stage.address()).copied();
            lock.set(&stage.name, &made, rank.unwrap_or(usize::MAX - 1));
            if !changed.contains(&&*stage.file) {
                changed.push(&*stage.file);
            }
        }
        let root: &Path = self.project.repository.root();
        let mut written = Vec::new();
        for file in changed {
            if let Some(lock) = self.locks.get_mut(file) {
                lock.write(root)?;
                written.push(root.join(&lock.file));
            }
        }
        if !written.is_empty() {
            self.repository().autostage(&written)?;
        }
        Ok(())
    }
}

fn not_made(stage: &Stage, out: &Output) -> PipelineError {
    let message = if stage.frozen {
        format!(
            "it is frozen, so it doesn't run, and {} is not there: `checkout` or `pull` it, or take `frozen` out of {}:{}",
            out.at.path, stage.file, stage.line
        )
    } else {
        format!(
            "it ended well but didn't make {}: let it, or take it out of {}:{}",
            out.at.path, stage.file, stage.line
        )
    };
    PipelineError::Missing {
        stage: stage.address(),
        message,
    }
}
