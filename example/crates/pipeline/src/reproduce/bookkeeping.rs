//! What is known before a stage runs, and what is noted after.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mlops_disk as disk;
use mlops_repository::lockfile::{Lock, LockedPath, LockedStage};
use mlops_repository::{DvcFile, HashKind, RepositoryError, Stage};
use mlops_versioning::{PathLock, Repository, RepositoryLock, VersioningError, silent};

use super::aside::{self, Aside};
use super::shell::Job;
use super::{Interrupt, Listener, Options};
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
    pub(super) locks: BTreeMap<String, Lock>,
    pub workspace: Workspace<'a>,
    pub run_cache: RunCache,
    held: Option<RepositoryLock>,
    /// Place of each stage, by its address, in the plan.
    pub(super) ranks: HashMap<String, usize>,
    /// Results that lie there unchanged, to be kept for later runs.
    unchanged: Vec<(&'a Stage, LockedStage)>,
    /// Which outputs Git tracks, and what its index looked like when it was asked.
    in_git: RefCell<InGit>,
}

/// What Git's index looked like, and which outputs it had.
type InGit = Option<(Option<(SystemTime, u64)>, Vec<PathBuf>)>;

/// What is to be done about a vertex.
pub(super) enum Decision {
    Unchanged,
    Restored,
    Verified,
    Restore(Box<Known>),
    Run(Box<Prepared>),
}

/// What an earlier run made of the same.
pub(super) struct Known {
    pub inputs: LockedStage,
    pub result: LockedStage,
}

/// A stage that is about to run.
pub(super) struct Prepared {
    pub job: Job,
    pub reasons: Vec<String>,
    pub retries: u32,
    /// What it reads, hashed before.
    pub inputs: LockedStage,
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
            unchanged: Vec::new(),
            in_git: RefCell::default(),
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

    fn decide_stage(&mut self, stage: &'a Stage) -> Result<Decision> {
        let mut status = StageStatus::default();
        if !self.options.force || stage.frozen {
            status = self.status(stage)?;
            if status.is_unchanged() {
                self.note_unchanged(stage)?;
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
            let known = Known { inputs, result };
            return Ok(Decision::Restore(Box::new(known)));
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
        for out in stage
            .outs
            .iter()
            .filter(|out| out.cache && out.at.is_inside())
        {
            let path = self.workspace.full(&out.at);
            if path.symlink_metadata().is_err() {
                continue;
            }
            if let Some(tracked) = self.in_git(&path)? {
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

    /// A file that Git tracks at an output's place. All outputs are asked for at once, and again when the index is another.
    fn in_git(&self, out: &Path) -> Result<Option<PathBuf>> {
        let Some(git) = self.repository().git() else {
            return Ok(None);
        };
        let index = git.index();
        let mut known = self.in_git.borrow_mut();
        if index.is_none() || known.as_ref().is_none_or(|(seen, _)| *seen != index) {
            let stages = self.project.catalog.stages.iter();
            let outs = stages.flat_map(|stage| &stage.outs);
            let outs: Vec<PathBuf> = outs
                .filter(|out| out.cache && out.at.is_inside())
                .map(|out| self.workspace.full(&out.at))
                .collect();
            *known = Some((index, git.tracked(&outs)?));
        }
        let tracked = known.iter().flat_map(|(_, tracked)| tracked);
        Ok(tracked.filter(|file| file.starts_with(out)).min().cloned())
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

    /// Notes what lies there unchanged as a result too: a clone, or a lock of another tool's, brings it without, and
    /// a parameter that is changed and changed back would run the stage.
    fn note_unchanged(&mut self, stage: &'a Stage) -> Result<()> {
        let Some(locked) = self.locked(stage)?.filter(|_| RunCache::takes(stage)) else {
            return Ok(());
        };
        let is_known = |path: &LockedPath| path.id.is_some_and(|id| id.kind == HashKind::Md5);
        let is_whole = locked.deps.iter().chain(&locked.outs).all(is_known);
        if is_whole && !self.run_cache.has(&locked) && self.is_whole(stage, &locked)? {
            self.unchanged.push((stage, locked));
        }
        Ok(())
    }

    /// Keeps what was noted so.
    pub fn keep_unchanged(&mut self) -> Result<()> {
        let unchanged = std::mem::take(&mut self.unchanged);
        if unchanged.is_empty() {
            return Ok(());
        }
        self.keep_results(unchanged.iter().map(|(stage, made)| (*stage, made)))
    }

    /// A frozen stage isn't run: what lies there now is what it made.
    fn verify_frozen(&mut self, stage: &Stage) -> Result<Decision> {
        let locked = self.locked(stage)?;
        let inputs = status::inputs(&self.workspace, stage, locked.as_ref())?;
        let outs = self.save_outs(&[stage])?.into_iter().flatten().collect();
        self.note(vec![(stage, LockedStage { outs, ..inputs })])?;
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
                self.repository().autostage(&[file.path])?;
                self.workspace.forget();
                Ok(Decision::Verified)
            }
        }
    }
}
