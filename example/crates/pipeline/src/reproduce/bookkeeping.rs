//! What is known before a stage runs, and what is noted after.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use mlops_disk as disk;
use mlops_repository::lockfile::{Lock, LockedPath, LockedStage};
use mlops_repository::{DvcFile, HashKind, Output, OutputKind, RepositoryError, Stage};
use mlops_versioning::{PathLock, Repository, RepositoryLock, VersioningError, silent};

use super::aside::{self, Aside};
use super::shell::Job;
use super::{Event, Interrupt, Listener, Options};
use crate::error::{PipelineError, Result};
use crate::project::{Project, Work};
use crate::run_cache::RunCache;
use crate::status::{self, StageStatus};
use crate::workspace::Workspace;

/// Locks, caches and options of one run.
pub(super) struct Books<'a> {
    pub project: &'a Project<'a>,
    pub options: &'a Options,
    pub listener: Listener<'a>,
    locks: BTreeMap<String, Lock>,
    pub workspace: Workspace<'a>,
    pub run_cache: RunCache,
    held: Option<RepositoryLock>,
    /// Place of each stage, by its address, in the plan.
    ranks: HashMap<String, usize>,
}

/// What is to be done about a vertex.
pub(super) enum Decision {
    Unchanged,
    Restored,
    Verified,
    Run(Box<Prepared>),
}

/// A stage that is about to run.
pub(super) struct Prepared {
    pub job: Job,
    pub reasons: Vec<String>,
    pub retries: u32,
    /// What it reads, hashed before.
    inputs: LockedStage,
    /// What it made before.
    pub aside: Aside,
    /// Others see that its paths are in use until this is dropped.
    _paths: PathLock,
}

impl<'a> Books<'a> {
    pub fn open(
        project: &'a Project<'a>,
        options: &'a Options,
        listener: Listener<'a>,
        order: &[usize],
    ) -> Result<Self> {
        let repository = project.repository;
        let held = Some(repository.lock()?);
        let mut books = Self {
            project,
            options,
            listener,
            locks: project.locks.clone(),
            workspace: Workspace::new(repository, &project.source),
            run_cache: RunCache::of(repository.cache().root()),
            held,
            ranks: order
                .iter()
                .enumerate()
                .map(|(rank, &vertex)| (project.graph.name(vertex).to_owned(), rank))
                .collect(),
        };
        books.refresh()?;
        if !options.dry {
            aside::sweep(repository)?;
            books.sweep_leftovers(order)?;
        }
        if options.pull && !options.no_run_cache && !options.dry {
            books.fetch_run_cache();
        }
        if !options.force {
            status::look_at_all(&books.workspace, project, order)?;
        }
        Ok(books)
    }

    /// Removes what killed stages left beside their outputs.
    fn sweep_leftovers(&self, order: &[usize]) -> Result<()> {
        let mut outs = Vec::new();
        for &vertex in order {
            if let Work::Stage(stage) = self.project.work(vertex) {
                let own = stage.outs.iter().filter(|out| out.at.is_inside());
                outs.extend(own.map(|out| self.workspace.full(&out.at)));
            }
        }
        self.repository().sweep_leftovers(&outs)?;
        Ok(())
    }

    pub fn close(self) -> BTreeMap<String, Lock> {
        self.locks
    }

    pub fn repository(&self) -> &'a Repository {
        self.project.repository
    }

    /// Lets others at the repository while commands run.
    pub fn release(&mut self) {
        self.held = None;
    }

    /// Reads again what another command wrote while the repository was free: what this one writes
    /// would undo it.
    fn refresh(&mut self) -> Result<()> {
        let source = &self.project.source;
        let mut locks = self.locks.values_mut();
        Ok(locks.try_for_each(|lock| lock.refresh(source))?)
    }

    /// Takes the repository again; however long another command keeps it, unless interrupted.
    pub fn acquire(&mut self, interrupt: &Interrupt) -> Result<()> {
        while self.held.is_none() {
            match self.repository().lock() {
                Ok(lock) => self.held = Some(lock),
                Err(VersioningError::Locked { .. }) if interrupt.count() < 2 => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.refresh()
    }

    pub fn locked(&self, stage: &Stage) -> Result<Option<LockedStage>> {
        match self.locks.get(&stage.file) {
            Some(lock) => Ok(lock.stage(&stage.name)?),
            None => Ok(None),
        }
    }

    /// What changed in a stage, as far as the options want to know.
    pub fn status(&self, stage: &Stage) -> Result<StageStatus> {
        let locked = self.locked(stage)?;
        let mut status = status::status(&self.workspace, stage, locked.as_ref())?;
        if self.options.allow_missing && status.is_only_missing() {
            status = StageStatus::default();
        }
        Ok(status)
    }

    /// Decides about a vertex and does all but run it.
    pub fn decide(&mut self, vertex: usize) -> Result<Decision> {
        match self.project.work(vertex) {
            Work::Data(file) => self.verify_data(file),
            Work::Stage(stage) => self.decide_stage(stage),
        }
    }

    fn decide_stage(&mut self, stage: &Stage) -> Result<Decision> {
        let mut status = StageStatus::default();
        if !self.options.force || stage.frozen {
            status = self.status(stage)?;
            if status.is_unchanged() {
                self.keep_unchanged(stage)?;
                return Ok(Decision::Unchanged);
            }
            if self.options.pull {
                if status.is_only_missing() && self.pull(stage)? {
                    return Ok(Decision::Restored);
                }
                self.pull_deps(stage)?;
            }
        }
        if stage.frozen {
            return self.verify_frozen(stage);
        }
        let locked = self.locked(stage)?;
        let inputs = status::inputs(&self.workspace, stage, locked.as_ref())?;
        if !self.options.force
            && RunCache::takes(stage)
            && let Some(result) = self.known_result(stage, &inputs, locked.as_ref())?
        {
            self.put_in_place(stage, &result)?;
            let outs = result.outs;
            self.note(stage, LockedStage { outs, ..inputs })?;
            self.workspace.forget();
            return Ok(Decision::Restored);
        }
        let reasons = if self.options.force {
            vec!["it is forced to".to_owned()]
        } else {
            status.reasons()
        };
        self.prepare(stage, inputs, reasons)
            .map(|prepared| Decision::Run(Box::new(prepared)))
    }

    /// Clears the way and takes the paths of a stage that is to run.
    fn prepare(
        &mut self,
        stage: &Stage,
        inputs: LockedStage,
        reasons: Vec<String>,
    ) -> Result<Prepared> {
        let repository = self.repository();
        let folder = repository.root().join(&stage.folder);
        if !folder.is_dir() {
            return Err(PipelineError::Missing {
                stage: stage.address(),
                message: format!("its wdir {} is not there: make the folder", stage.folder),
            });
        }
        let full = |at| self.workspace.full(at);
        let reads: Vec<PathBuf> = stage.deps.iter().map(|dep| full(&dep.at)).collect();
        let writes: Vec<PathBuf> = stage.outs.iter().map(|out| full(&out.at)).collect();
        let paths = PathLock::acquire(&repository.tmp(), "rain repro", &reads, &writes)?;
        self.check_not_in_git(stage)?;
        self.free_persistent(stage)?;
        let replaced: Vec<PathBuf> = stage
            .outs
            .iter()
            .filter(|out| !out.persist)
            .map(|out| full(&out.at))
            .collect();
        let aside = Aside::take(repository, &replaced)?;
        let logs = repository.tmp().join("repro");
        disk::create_dir_all(&logs)?;
        let name: String = stage
            .address()
            .chars()
            .map(|char| {
                if char.is_alphanumeric() || "@-_.".contains(char) {
                    char
                } else {
                    '_'
                }
            })
            .take(200)
            .collect();
        Ok(Prepared {
            job: Job {
                stage: stage.address(),
                commands: stage
                    .command
                    .lines()
                    .into_iter()
                    .map(str::to_owned)
                    .collect(),
                folder,
                root: repository.root().to_owned(),
                timeout: stage.timeout,
                log: logs.join(format!("{name}.log")),
            },
            reasons,
            retries: stage.retries,
            inputs,
            aside,
            _paths: paths,
        })
    }

    /// Refuses to remove what the cache can't hold anyway: sources that Git has, or work beside them that nobody has.
    fn check_not_in_git(&self, stage: &Stage) -> Result<()> {
        let Some(git) = self.repository().git() else {
            return Ok(());
        };
        for out in stage
            .outs
            .iter()
            .filter(|out| out.cache && out.at.is_inside())
        {
            let path = self.workspace.full(&out.at);
            if path.symlink_metadata().is_err() {
                continue;
            }
            if let Some(tracked) = git.tracked(&[path])?.first() {
                let message = format!(
                    "{} is tracked by Git, and {} is an output that a run replaces: `git rm -r --cached` what is made and commit, give the output `cache: false`, or name another",
                    tracked.display(),
                    out.at.path
                );
                let key = format!("stages.{}", stage.name);
                return Err(RepositoryError::at(&stage.file, out.line, key, message).into());
            }
        }
        Ok(())
    }

    /// Outputs that persist are only freed from the cache.
    fn free_persistent(&self, stage: &Stage) -> Result<()> {
        for out in stage.outs.iter().filter(|out| out.persist) {
            self.repository().unprotect(&self.workspace.full(&out.at))?;
        }
        Ok(())
    }

    /// Removes what a failed command left, before it is tried again.
    pub fn clear(&self, stage: &Stage) -> Result<()> {
        self.workspace.forget();
        for out in stage.outs.iter().filter(|out| !out.persist) {
            self.repository()
                .remove_output(&self.workspace.full(&out.at))?;
        }
        Ok(())
    }

    /// Saves what a stage made and notes it.
    pub fn finish(&mut self, stage: &Stage, prepared: &Prepared) -> Result<()> {
        self.workspace.forget();
        let outs = self.save_outs(stage)?;
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
        let made = LockedStage {
            outs,
            ..prepared.inputs.clone()
        };
        self.keep_result(stage, &made)?;
        self.note(stage, made)
    }

    fn save_outs(&self, stage: &Stage) -> Result<Vec<LockedPath>> {
        let repository = self.repository();
        let mut outs = Vec::new();
        let mut hidden = Vec::new();
        for out in &stage.outs {
            let path = self.workspace.full(&out.at);
            let saved = if out.cache && !self.options.no_commit {
                let content = repository.save(&path, HashKind::Md5, true, &silent)?;
                content.map(|content| content.saved)
            } else {
                self.workspace.content(&out.at, HashKind::Md5)?
            };
            let saved = saved.ok_or_else(|| PipelineError::Missing {
                stage: stage.address(),
                message: if stage.frozen {
                    let what = &out.at.path;
                    format!(
                        "it is frozen, and its output {what} is not there: `checkout` or `pull` it"
                    )
                } else {
                    format!(
                        "it ended well but didn't make {}: let it, or take it out of {}:{}",
                        out.at.path, stage.file, stage.line
                    )
                },
            })?;
            outs.push(LockedPath::of(&out.at.written, &saved));
            if out.cache && out.at.is_inside() {
                hidden.push(path);
            }
        }
        repository.keep_out_of_git(&hidden)?;
        Ok(outs)
    }

    /// Lets later runs, DVC's too, take this result. Metrics and plots that Git holds are put into
    /// the cache for it; with other uncached outputs the result would lack a part.
    fn keep_result(&self, stage: &Stage, made: &LockedStage) -> Result<()> {
        let partial = |out: &Output| !out.cache && out.kind == OutputKind::Data;
        if self.options.no_commit || !RunCache::takes(stage) || stage.outs.iter().any(partial) {
            return Ok(());
        }
        for out in stage.outs.iter().filter(|out| !out.cache) {
            self.repository()
                .store(&self.workspace.full(&out.at), HashKind::Md5, &silent)?;
        }
        self.run_cache.keep(made)
    }

    /// Keeps what lies there unchanged as a result too: a clone, or a lock of another tool's, brings it without, and
    /// a parameter that is changed and changed back would run the stage.
    fn keep_unchanged(&self, stage: &Stage) -> Result<()> {
        let Some(locked) = self.locked(stage)?.filter(|_| RunCache::takes(stage)) else {
            return Ok(());
        };
        let is_known = |path: &LockedPath| path.id.is_some_and(|id| id.kind == HashKind::Md5);
        let is_whole = locked.deps.iter().chain(&locked.outs).all(is_known);
        if is_whole && !self.run_cache.has(&locked) && self.is_whole(stage, &locked)? {
            self.keep_result(stage, &locked)?;
        }
        Ok(())
    }

    /// Writes `dvc.lock`.
    fn note(&mut self, stage: &Stage, made: LockedStage) -> Result<()> {
        let Some(lock) = self.locks.get_mut(&stage.file) else {
            return Ok(());
        };
        if lock.stage(&stage.name)?.as_ref().map(LockedStage::to_map) == Some(made.to_map()) {
            return Ok(());
        }
        let rank = self
            .ranks
            .get(&stage.address())
            .copied()
            .unwrap_or(usize::MAX - 1);
        lock.set(&stage.name, &made, rank);
        Ok(lock.write(self.project.repository.root())?)
    }

    /// A frozen stage isn't run: what lies there now is what it made.
    fn verify_frozen(&mut self, stage: &Stage) -> Result<Decision> {
        let locked = self.locked(stage)?;
        let inputs = status::inputs(&self.workspace, stage, locked.as_ref())?;
        let outs = self.save_outs(stage)?;
        self.note(stage, LockedStage { outs, ..inputs })?;
        Ok(Decision::Verified)
    }

    /// Data that somebody changed is saved, as DVC does it.
    fn verify_data(&mut self, file: &DvcFile) -> Result<Decision> {
        if self.options.pull && !self.options.dry {
            self.pull_data(file)?;
        }
        let mut changed = None;
        for (at, out) in file.outs.iter().enumerate() {
            let content = self.repository().hash(&out.full, out.kind, &silent)?;
            let Some(content) = content else {
                if self.options.allow_missing {
                    continue;
                }
                return Err(PipelineError::Missing {
                    stage: self.repository().inside(&file.path)?,
                    message: format!(
                        "{} is not there: {}{}",
                        out.full.display(),
                        if file.is_import {
                            "its source has it, from where only DVC fetches it (`dvc pull`)"
                        } else {
                            "run `checkout` or `pull`"
                        },
                        out.desc
                            .iter()
                            .map(|desc| format!("; {desc}"))
                            .collect::<String>()
                    ),
                });
            };
            if out.id == Some(content.saved.id) || file.is_import {
                continue;
            }
            if self.options.dry {
                return Ok(Decision::Verified);
            }
            let kind = HashKind::Md5;
            self.repository().check_own_content(&out.full)?;
            let saved = if out.cached && !self.options.no_commit {
                self.repository().save(&out.full, kind, true, &silent)?
            } else {
                self.repository().hash(&out.full, kind, &silent)?
            };
            if let Some(saved) = saved {
                changed
                    .get_or_insert_with(|| file.clone())
                    .set(at, &saved.saved);
            }
        }
        match changed {
            None => Ok(Decision::Unchanged),
            Some(mut file) => {
                file.write()?;
                self.workspace.forget();
                Ok(Decision::Verified)
            }
        }
    }
}
