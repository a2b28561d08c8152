//! Runs the pipeline and tells what happens, each line behind its stage's name.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use mlops_pipeline::Project;
use mlops_pipeline::reproduce::{Event, Interrupt, Options, Summary, reproduce};
use serde_json::json;

use super::Here;
use super::arguments::ReproArguments;
use crate::{Context, Outcome, Unit};

pub(super) fn run(here: &Here, arguments: ReproArguments, context: &Context) -> Outcome<()> {
    let keep_going = arguments.keep_going;
    let options = Options {
        targets: arguments.targets,
        folder: here.folder.clone(),
        all: arguments.all_pipelines,
        pipeline: arguments.pipeline,
        downstream: arguments.downstream,
        single_item: arguments.single_item,
        jobs: arguments.jobs,
        dry: arguments.dry,
        force: arguments.force,
        keep_going,
        allow_missing: arguments.allow_missing,
        pull: arguments.pull,
        no_run_cache: arguments.no_run_cache,
        no_commit: arguments.no_commit,
    };
    let mut project = Project::open(&here.repository)?;
    let total = count(&project, &options)?;
    let interrupt = Interrupt::on_signals().context("signals can't be watched")?;
    let json = context.output.is_json();
    let progress = context.output.progress("stages", Unit::Steps);
    let stages = Mutex::new(Stages::default());
    let listener = |event: Event<'_>| {
        let mut stages = stages.lock().unwrap_or_else(PoisonError::into_inner);
        stages.note(&event);
        progress.to(stages.ended, total);
        progress.say(stages.in_words());
        drop(stages);
        let Some(line) = line_of(&event, keep_going) else {
            return;
        };
        // A reader that went away must not end the stages.
        let _ = progress.hidden_while(|| match json {
            true => writeln!(anstream::stderr().lock(), "{line}"),
            false => writeln!(anstream::stdout().lock(), "{line}"),
        });
    };
    let summary = reproduce(&mut project, &options, &interrupt, &listener)?;
    drop(progress);
    let result = json!({
        "ran": summary.ran,
        "restored": summary.restored,
        "unchanged": summary.unchanged,
        "verified": summary.verified,
        "would_run": summary.would_run,
    });
    Ok(context.output.show(&result, in_words(&summary))?)
}

/// How many stages and files of data are looked at: of targets, themselves and what they need.
fn count(project: &Project<'_>, options: &Options) -> Outcome<u64> {
    let mut chosen = Vec::new();
    for target in &options.targets {
        chosen.extend(project.select(target, &options.folder)?);
    }
    let is_part = !(chosen.is_empty() || options.pipeline || options.downstream);
    let count = match is_part {
        true if options.single_item => chosen.len(),
        true => project.graph.with_upstream(&chosen).len(),
        false => project.graph.len(),
    };
    Ok(count as u64)
}

/// How far the stages are.
#[derive(Debug, Default)]
struct Stages {
    ended: u64,
    running: Vec<String>,
}

impl Stages {
    fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Started(stage, _) => self.running.push((*stage).into()),
            Event::Unchanged(stage)
            | Event::Restored(stage)
            | Event::Verified(stage)
            | Event::Done(stage, _)
            | Event::Failed(stage, _)
            | Event::Skipped(stage, _) => {
                self.ended += 1;
                self.running.retain(|running| running != stage);
            }
            _ => {}
        }
    }

    fn in_words(&self) -> String {
        match self.running.as_slice() {
            [] => "stages".into(),
            running => format!("{}, stages", running.join(", ")),
        }
    }
}

fn line_of(event: &Event<'_>, keep_going: bool) -> Option<String> {
    let (stage, text) = match event {
        Event::Unchanged(stage) => (stage, "unchanged".to_owned()),
        Event::Restored(stage) => (stage, "made before, taken from the cache".to_owned()),
        Event::Verified(stage) => (stage, "changed, saved".to_owned()),
        Event::Started(stage, reasons) => (stage, format!("runs: {}", few(reasons))),
        Event::Command(stage, command) => (stage, format!("$ {command}")),
        Event::Line(stage, line) => (stage, (*line).to_owned()),
        Event::Retry(stage, how, left) => (
            stage,
            format!("{how}; is tried again ({left} more after that)"),
        ),
        Event::Done(stage, took) => (stage, format!("done in {:.1} s", took.as_secs_f64())),
        // A single failure is told at the end.
        Event::Failed(stage, error) if keep_going => (stage, error.to_string()),
        Event::Skipped(stage, failed) => (stage, format!("not run, since {failed} failed")),
        Event::WouldRun(stage, reasons) => (stage, format!("would run: {}", few(reasons))),
        Event::MightRun(stage) => (
            stage,
            "runs if what comes before makes something new".to_owned(),
        ),
        Event::Warning(stage, what) => (stage, format!("warning: {what}")),
        _ => return None,
    };
    Some(format!("{stage} | {text}"))
}

fn few(reasons: &[String]) -> String {
    let more = reasons.len().saturating_sub(3);
    let shown = reasons
        .iter()
        .take(3)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if more > 0 {
        format!("{shown} and {more} more")
    } else {
        shown
    }
}

fn in_words(summary: &Summary) -> String {
    let counts = [
        (summary.ran.len(), "ran"),
        (summary.restored.len(), "taken from the cache"),
        (summary.verified.len(), "saved"),
        (summary.would_run.len(), "would run"),
        (summary.unchanged.len(), "unchanged"),
    ];
    let words: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if words.is_empty() {
        "there are no stages".into()
    } else {
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_that_run_are_named_and_those_that_ended_are_counted() {
        let mut stages = Stages::default();
        let changed = ["it is new".to_owned()];
        stages.note(&Event::Unchanged("build"));
        stages.note(&Event::Started("train", &changed));
        stages.note(&Event::Started("check", &changed));
        stages.note(&Event::Line("train", "tree 1"));
        assert_eq!(
            (stages.ended, stages.in_words().as_str()),
            (1, "train, check, stages")
        );
        stages.note(&Event::Done("train", std::time::Duration::ZERO));
        stages.note(&Event::Skipped("evaluate", "check"));
        assert_eq!(
            (stages.ended, stages.in_words().as_str()),
            (3, "check, stages")
        );
    }
}
