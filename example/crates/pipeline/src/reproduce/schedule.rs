//! Who may start when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{self, RecvTimeoutError};

use std::time::{Duration, Instant};

use super::bookkeeping::{Books, Decision, Known, Prepared};
use super::plan::Plan;
use super::shell::{Ended, Job};
use super::{Event, Interrupt, Summary};
use crate::error::{PipelineError, Result};
use crate::project::Work;
use mlops_repository::Stage;
use mlops_versioning::VersioningError;

/// Stages that end within this time are saved together.
const TOGETHER: Duration = Duration::from_millis(200);
/// Saving waits for so many times as long as it took the last time: it costs at most a fifth of a run.
const RESTS: u32 = 4;

/// A stage whose commands run.
struct Active {
    prepared: Box<Prepared>,
    since: Instant,
    tries_left: u32,
}

/// A stage whose result isn't saved yet: it isn't done, whatever happens.
enum Unsaved {
    /// Its commands ended well, after this time.
    Ran(Box<Prepared>, Duration),
    /// An earlier run made it.
    Known(Box<Known>),
}

/// The state of a run.
struct Run<'p> {
    plan: &'p Plan,
    /// Place in the plan's order.
    place: BTreeMap<usize, usize>,
    /// How many of those it needs aren't done.
    waits_for: BTreeMap<usize, usize>,
    /// Places of those that may start.
    ready: BTreeSet<usize>,
    active: BTreeMap<usize, Active>,
    unsaved: Vec<(usize, Unsaved)>,
    /// When the next saving is due.
    save_at: Instant,
    /// Those whose known result was gone when it was to be put in place.
    tried_again: BTreeSet<usize>,
    failed: Vec<(usize, PipelineError)>,
    given_up: BTreeSet<usize>,
    summary: Summary,
}

impl<'p> Run<'p> {
    fn new(plan: &'p Plan) -> Self {
        let place: BTreeMap<usize, usize> = plan
            .order
            .iter()
            .enumerate()
            .map(|(at, &vertex)| (vertex, at))
            .collect();
        let waits_for: BTreeMap<usize, usize> = plan
            .order
            .iter()
            .map(|&vertex| {
                let needed = plan.graph.upstream(vertex).iter();
                (
                    vertex,
                    needed.filter(|above| place.contains_key(above)).count(),
                )
            })
            .collect();
        let ready = waits_for
            .iter()
            .filter(|(_, count)| **count == 0)
            .map(|(vertex, _)| place[vertex])
            .collect();
        Self {
            plan,
            place,
            waits_for,
            ready,
            active: BTreeMap::new(),
            unsaved: Vec::new(),
            save_at: Instant::now(),
            tried_again: BTreeSet::new(),
            failed: Vec::new(),
            given_up: BTreeSet::new(),
            summary: Summary::default(),
        }
    }

    /// Those that waited only for this one may start.
    fn done(&mut self, vertex: usize) {
        for &below in self.plan.graph.downstream(vertex) {
            if let Some(count) = self.waits_for.get_mut(&below) {
                *count -= 1;
                if *count == 0 && !self.given_up.contains(&below) {
                    self.ready.insert(self.place[&below]);
                }
            }
        }
    }

    fn fail(&mut self, books: &Books<'_>, vertex: usize, error: PipelineError) {
        let name = self.plan.graph.name(vertex).to_owned();
        (books.listener)(Event::Failed(&name, &error));
        if books.options.keep_going {
            for below in self.plan.graph.with_downstream(&[vertex]) {
                if below != vertex && self.place.contains_key(&below) && self.given_up.insert(below)
                {
                    (books.listener)(Event::Skipped(self.plan.graph.name(below), &name));
                }
            }
        }
        self.failed.push((vertex, error));
    }

    /// Whether what isn't saved has waited long enough, or keeps everything else waiting.
    fn must_save(&self, books: &Books<'_>, interrupt: &Interrupt) -> bool {
        let waits = self.ready.is_empty() || self.stops(books, interrupt);
        !self.unsaved.is_empty() && (waits || self.save_at <= Instant::now())
    }

    fn stops(&self, books: &Books<'_>, interrupt: &Interrupt) -> bool {
        interrupt.count() > 0 || (!self.failed.is_empty() && !books.options.keep_going)
    }
}

fn stage_of<'b>(books: &Books<'b>, vertex: usize) -> Option<&'b Stage> {
    match books.project.work(vertex) {
        Work::Stage(stage) => Some(stage),
        Work::Data(_) => None,
    }
}

/// Runs a plan.
pub(super) fn run(books: &mut Books<'_>, plan: &Plan, interrupt: &Interrupt) -> Result<Summary> {
    let jobs = match books.options.jobs {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        jobs => jobs,
    };
    let listener = books.listener;
    let mut run = Run::new(plan);
    std::thread::scope(|scope| {
        let (send, ended) = mpsc::channel::<(usize, Result<Ended>)>();
        let start = |vertex: usize, job: Job| {
            let send = send.clone();
            let interrupt = interrupt.clone();
            scope.spawn(move || {
                let result = job.run(
                    &interrupt,
                    &|command| listener(Event::Command(&job.stage, command)),
                    &|line| listener(Event::Line(&job.stage, line)),
                );
                // The receiver lives as long as something is active.
                let _ = send.send((vertex, result));
            });
        };
        loop {
            while run.active.len() < jobs
                && !run.stops(books, interrupt)
                && (run.unsaved.is_empty() || Instant::now() < run.save_at)
                && let Some(at) = run.ready.pop_first()
            {
                let vertex = plan.order[at];
                match books.decide(vertex) {
                    Ok(Decision::Run(prepared)) => {
                        listener(Event::Started(&prepared.job.stage, &prepared.reasons));
                        start(vertex, prepared.job.clone());
                        let tries_left = prepared.retries;
                        run.active.insert(
                            vertex,
                            Active {
                                prepared,
                                since: Instant::now(),
                                tries_left,
                            },
                        );
                    }
                    Ok(Decision::Restore(known)) => {
                        run.unsaved.push((vertex, Unsaved::Known(known)));
                    }
                    Ok(decision) => {
                        settle(&mut run, books, vertex, &decision);
                        run.done(vertex);
                    }
                    Err(error) => run.fail(books, vertex, error),
                }
            }
            if run.must_save(books, interrupt) {
                save(&mut run, books, interrupt);
                continue;
            }
            if run.active.is_empty() {
                break;
            }
            books.release();
            let message = if run.unsaved.is_empty() {
                ended.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                ended.recv_timeout(run.save_at.saturating_duration_since(Instant::now()))
            };
            let (vertex, result) = match message {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            // Even if this fails, the others are waited for.
            if let Err(error) = books.acquire(interrupt) {
                run.active.remove(&vertex);
                run.fail(books, vertex, error);
                continue;
            }
            if let Some(again) = ended_one(&mut run, books, vertex, result, interrupt) {
                start(vertex, again);
            }
        }
    });
    finish(run, interrupt)
}

fn settle(run: &mut Run<'_>, books: &Books<'_>, vertex: usize, decision: &Decision) {
    let name = run.plan.graph.name(vertex).to_owned();
    match decision {
        Decision::Unchanged => {
            (books.listener)(Event::Unchanged(&name));
            run.summary.unchanged.push(name);
        }
        Decision::Restored => {
            (books.listener)(Event::Restored(&name));
            run.summary.restored.push(name);
        }
        Decision::Verified => {
            (books.listener)(Event::Verified(&name));
            run.summary.verified.push(name);
        }
        Decision::Run(_) | Decision::Restore(_) => {}
    }
}

/// Saves all that isn't yet, and lets start what waited for it.
fn save(run: &mut Run<'_>, books: &mut Books<'_>, interrupt: &Interrupt) {
    let since = Instant::now();
    let unsaved = std::mem::take(&mut run.unsaved);
    if let Err(error) = books.acquire(interrupt) {
        for (vertex, _) in unsaved {
            let missing = PipelineError::Missing {
                stage: run.plan.graph.name(vertex).to_owned(),
                message: format!("what it made isn't saved, so it will run again: {error}"),
            };
            run.fail(books, vertex, missing);
        }
        return;
    }
    let (mut ran, mut known) = (Vec::new(), Vec::new());
    for (vertex, unsaved) in unsaved {
        match unsaved {
            Unsaved::Ran(prepared, took) => ran.push((vertex, prepared, took)),
            Unsaved::Known(result) => known.push((vertex, result)),
        }
    }
    let ended: Vec<_> = ran
        .iter()
        .filter_map(|(vertex, prepared, _)| Some((stage_of(books, *vertex)?, &**prepared)))
        .collect();
    let outcomes = books.finish(&ended);
    for ((vertex, prepared, took), outcome) in ran.into_iter().zip(outcomes) {
        match outcome.and_then(|()| prepared.aside.discard()) {
            Ok(()) => {
                let name = run.plan.graph.name(vertex).to_owned();
                (books.listener)(Event::Done(&name, took));
                run.summary.ran.push(name);
                run.done(vertex);
            }
            Err(error) => run.fail(books, vertex, error),
        }
    }
    let results: Vec<_> = known
        .iter()
        .filter_map(|(vertex, known)| Some((stage_of(books, *vertex)?, &**known)))
        .collect();
    let outcomes = books.restore(&results);
    for ((vertex, _), outcome) in known.into_iter().zip(outcomes) {
        match outcome {
            Ok(()) => {
                settle(run, books, vertex, &Decision::Restored);
                run.done(vertex);
            }
            // Somebody removed it from the cache while the repository was free: the stage runs.
            Err(PipelineError::Versioning(VersioningError::Missing { .. }))
                if run.tried_again.insert(vertex) =>
            {
                run.ready.insert(run.place[&vertex]);
            }
            Err(error) => run.fail(books, vertex, error),
        }
    }
    run.save_at = Instant::now() + TOGETHER.max(since.elapsed() * RESTS);
}

/// Notes how a stage ended; gives the job back if it is to be tried again.
fn ended_one(
    run: &mut Run<'_>,
    books: &mut Books<'_>,
    vertex: usize,
    result: Result<Ended>,
    interrupt: &Interrupt,
) -> Option<Job> {
    let mut active = run.active.remove(&vertex)?;
    let stage = stage_of(books, vertex)?;
    let outcome = match result {
        Ok(Ended::Well) => books.check_ended(stage, &active.prepared),
        Ok(Ended::Interrupted) => {
            put_back(books, stage, &mut active);
            return None;
        }
        Ok(Ended::Badly(failure)) if active.tries_left > 0 && !run.stops(books, interrupt) => {
            active.tries_left -= 1;
            (books.listener)(Event::Retry(
                &failure.stage,
                &failure.how,
                active.tries_left,
            ));
            match books.clear(stage) {
                Ok(()) => {
                    let job = active.prepared.job.clone();
                    run.active.insert(vertex, active);
                    return Some(job);
                }
                Err(error) => Err(error),
            }
        }
        Ok(Ended::Badly(failure)) => {
            put_back(books, stage, &mut active);
            Err(PipelineError::Failed(Box::new(failure)))
        }
        Err(error) => {
            put_back(books, stage, &mut active);
            Err(error)
        }
    };
    match outcome {
        Ok(()) => {
            let ran = Unsaved::Ran(active.prepared, active.since.elapsed());
            run.unsaved.push((vertex, ran));
        }
        Err(error) => run.fail(books, vertex, error),
    }
    None
}

/// What the stage made before its commands failed is there again.
fn put_back(books: &Books<'_>, stage: &Stage, active: &mut Active) {
    if let Err(error) = active.prepared.aside.put_back(books.repository()) {
        let place = active.prepared.aside.folder().display();
        let what = format!("its previous outputs couldn't be put back and are in {place}: {error}");
        (books.listener)(Event::Warning(&stage.address(), &what));
    }
    books.workspace.forget();
}

fn finish(run: Run<'_>, interrupt: &Interrupt) -> Result<Summary> {
    let Run {
        plan,
        mut failed,
        summary,
        ..
    } = run;
    if interrupt.count() > 0 {
        let done = summary.ran.len()
            + summary.restored.len()
            + summary.unchanged.len()
            + summary.verified.len();
        return Err(PipelineError::Interrupted {
            done,
            planned: plan.order.len(),
        });
    }
    match failed.len() {
        0 => Ok(summary),
        1 => Err(failed.remove(0).1),
        _ => Err(PipelineError::SeveralFailed {
            stages: failed
                .iter()
                .map(|(vertex, _)| plan.graph.name(*vertex).to_owned())
                .collect(),
        }),
    }
}

/// Says what would run, and changes nothing.
pub(super) fn dry(books: &mut Books<'_>, plan: &Plan) -> Result<Summary> {
    let listener = books.listener;
    let mut summary = Summary::default();
    let mut open: BTreeSet<usize> = BTreeSet::new();
    for &vertex in &plan.order {
        let name = plan.graph.name(vertex).to_owned();
        let after_open = plan
            .graph
            .upstream(vertex)
            .iter()
            .any(|above| open.contains(above));
        let Some(stage) = stage_of(books, vertex) else {
            match books.decide(vertex)? {
                Decision::Verified => {
                    listener(Event::WouldRun(&name, &["its data changed".to_owned()]));
                    summary.would_run.push(name);
                }
                _ => {
                    listener(Event::Unchanged(&name));
                    summary.unchanged.push(name);
                }
            }
            continue;
        };
        let status = books.status(stage)?;
        let forced = books.options.force && !stage.frozen;
        if status.is_unchanged() && !forced {
            if after_open {
                listener(Event::MightRun(&name));
                open.insert(vertex);
                summary.would_run.push(name);
            } else {
                listener(Event::Unchanged(&name));
                summary.unchanged.push(name);
            }
            continue;
        }
        if !forced && !after_open && books.could_restore(stage)? {
            listener(Event::Restored(&name));
            summary.restored.push(name);
            continue;
        }
        let reasons = if forced {
            vec!["it is forced to".to_owned()]
        } else {
            status.reasons()
        };
        listener(Event::WouldRun(&name, &reasons));
        open.insert(vertex);
        summary.would_run.push(name);
    }
    Ok(summary)
}
