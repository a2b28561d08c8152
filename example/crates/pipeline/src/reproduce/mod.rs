//! Runs what changed, in order, several stages at once.
//!
//! One thread decides and keeps the books: what changed, what can be taken from an earlier run, what
//! the lock says. Commands run on threads of their own. The repository's lock is held while books are
//! kept and free while commands run, so that they may use the repository themselves.

mod aside;
mod bookkeeping;
mod plan;
mod restore;
mod save;
mod schedule;
mod shell;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::error::{PipelineError, Result};
use crate::project::Project;

/// What to run, and how.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Stages, groups, files of stages, `.dvc` files, outputs; without any, the stages of the
    /// folder's `dvc.yaml`.
    pub targets: Vec<String>,
    /// The folder that targets are seen from, from the repository's root.
    pub folder: String,
    /// Every stage of the repository.
    pub all: bool,
    /// Every stage that is connected with the targets.
    pub pipeline: bool,
    /// The targets and what comes after them, not what comes before.
    pub downstream: bool,
    /// Only the targets.
    pub single_item: bool,
    /// How many stages run at once; 0 means as many as there are processors.
    pub jobs: usize,
    /// Only say what would run.
    pub dry: bool,
    /// Run even what hasn't changed, and what an earlier run has made.
    pub force: bool,
    /// After a failure, run what doesn't depend on it.
    pub keep_going: bool,
    /// Data that isn't there doesn't count as changed.
    pub allow_missing: bool,
    /// Get data that isn't there, and results of other people's runs, from the remote.
    pub pull: bool,
    /// Don't take results of earlier runs.
    pub no_run_cache: bool,
    /// Don't put outputs into the cache.
    pub no_commit: bool,
}

/// What happens.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Nothing changed.
    Unchanged(&'a str),
    /// An earlier run made the same; its outputs are put in place.
    Restored(&'a str),
    /// Data of a `.dvc` file changed and was saved, or a frozen stage's outputs were.
    Verified(&'a str),
    /// A stage runs because of these changes.
    Started(&'a str, &'a [String]),
    /// One of its commands begins.
    Command(&'a str, &'a str),
    /// It printed a line.
    Line(&'a str, &'a str),
    /// It failed, and is tried again so many times more.
    Retry(&'a str, &'a str, u32),
    /// It ended well, after this time.
    Done(&'a str, Duration),
    /// It failed.
    Failed(&'a str, &'a PipelineError),
    /// It doesn't run, because that other one failed.
    Skipped(&'a str, &'a str),
    /// It would run because of these changes (`dry`).
    WouldRun(&'a str, &'a [String]),
    /// Whether it would run depends on what those before it make (`dry`).
    MightRun(&'a str),
    /// Something to look at that doesn't stop the run.
    Warning(&'a str, &'a str),
}

/// Who is told; called from several threads.
pub type Listener<'a> = &'a (dyn Fn(Event<'_>) + Sync);

/// What became of the stages, by name, in the order in which it happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Ran and ended well.
    pub ran: Vec<String>,
    /// Taken from an earlier run.
    pub restored: Vec<String>,
    /// Nothing to do.
    pub unchanged: Vec<String>,
    /// Data that was saved anew.
    pub verified: Vec<String>,
    /// Would run, or might (`dry`).
    pub would_run: Vec<String>,
}

/// How often the user asked to stop.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Counts SIGINT and SIGTERM of this process from now on, in place of ending it.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn on_signals() -> std::io::Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM};

        let interrupt = Self::default();
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
        let counter = interrupt.clone();
        std::thread::spawn(move || {
            for _ in signals.forever() {
                counter.raise();
            }
        });
        Ok(interrupt)
    }

    /// Asks to stop: the first time commands are asked to end, the second time they are killed.
    pub fn raise(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Runs what changed.
///
/// # Errors
/// If a target is unknown, an output is what no run may remove (before anything runs), a stage fails or lacks what
/// it reads, or the user interrupts. What ended
/// well before that is in `dvc.lock`.
pub fn reproduce(
    project: &mut Project<'_>,
    options: &Options,
    interrupt: &Interrupt,
    listener: Listener<'_>,
) -> Result<Summary> {
    let plan = plan::plan(project, options)?;
    plan::check_outputs(project, &plan)?;
    let mut books = bookkeeping::Books::open(project, options, listener, &plan.order)?;
    let result = if options.dry {
        schedule::dry(&mut books, &plan)
    } else {
        schedule::run(&mut books, &plan, interrupt)
    };
    let kept = if options.dry {
        Ok(())
    } else {
        books.keep_unchanged()
    };
    let result = result.and_then(|summary| kept.map(|()| summary));
    let locks = books.close();
    project.declared.locks = locks;
    result
}
