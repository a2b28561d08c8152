//! Runs the pipeline and tells what happens, each line behind its stage's name.

use std::io::Write;

use anyhow::Context as _;
use mlops_pipeline::Project;
use mlops_pipeline::reproduce::{Event, Interrupt, Options, Summary, reproduce};
use serde_json::json;

use super::Here;
use super::arguments::ReproArguments;
use crate::{Context, Outcome};

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
    let interrupt = Interrupt::on_signals().context("signals can't be watched")?;
    let json = context.output.is_json();
    let listener = |event: Event<'_>| {
        let Some(line) = line_of(&event, keep_going) else {
            return;
        };
        // A reader that went away must not end the stages.
        let _ = if json {
            writeln!(anstream::stderr().lock(), "{line}")
        } else {
            writeln!(anstream::stdout().lock(), "{line}")
        };
    };
    let summary = reproduce(&mut project, &options, &interrupt, &listener)?;
    let result = json!({
        "ran": summary.ran,
        "restored": summary.restored,
        "unchanged": summary.unchanged,
        "verified": summary.verified,
        "would_run": summary.would_run,
    });
    Ok(context.output.show(&result, in_words(&summary))?)
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
