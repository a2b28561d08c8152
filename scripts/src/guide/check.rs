//! `guide check` and `guide record`: whether the guide is still true.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use similar::TextDiff;

use super::build::Built;
use super::count;
use super::finish::files_below;
use super::page_check;
use super::recording::{FOLDER, Recording};
use super::replay::{Outcome, Session, Stage, sessions};
use super::site_check::check_site;

/// Checks a built guide; with `replay`, runs its recorded commands again.
///
/// # Errors
/// Everything that is wrong, in one message.
pub fn check(root: &Path, built: &Built, replay: bool) -> Result<()> {
    let site = check_site(&built.output, &built.base)?;
    println!(
        "{}, {} followed, {} to other sites not followed; heaviest page: {} ({} KB)",
        count(site.pages, "page"),
        count(site.internal, "link"),
        site.external,
        site.heaviest.0,
        site.heaviest.1 / 1000
    );
    println!("Spelling is not checked here: codespell does that in CI.");
    for note in &site.notes {
        println!("note: {note}");
    }
    let mut problems = site.problems;
    let sessions = sessions(root)?;
    problems.extend(unlisted_pages(root)?);
    problems.extend(unused(&sessions, &built.recordings));
    problems.extend(page_check::check(root)?);
    if replay {
        problems.extend(replayed(&Stage::new(root)?, &sessions)?);
    } else {
        println!("Recorded commands are NOT run again (--no-recordings).");
    }
    ensure!(
        problems.is_empty(),
        "the guide has {}:\n{}",
        count(problems.len(), "fault"),
        problems.join("\n")
    );
    println!("The guide is in order.");
    Ok(())
}

/// Pages that stand in the folder but not in the list of contents.
fn unlisted_pages(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("book/src");
    let summary = std::fs::read_to_string(folder.join("SUMMARY.md")).context("SUMMARY.md")?;
    let mut problems = Vec::new();
    for file in files_below(&folder)? {
        let name = file
            .strip_prefix(&folder)?
            .to_string_lossy()
            .replace('\\', "/");
        let is_page = name.ends_with(".md") && name != "SUMMARY.md" && name != "404.md";
        if is_page && !summary.contains(&format!("({name})")) {
            problems.push(format!("book/src/{name}: isn't in SUMMARY.md"));
        }
    }
    Ok(problems)
}

fn unused(sessions: &[Session], shown: &[String]) -> Vec<String> {
    sessions
        .iter()
        .flat_map(|session| &session.recordings)
        .filter(|(name, _)| !shown.contains(name))
        .map(|(name, _)| format!("{FOLDER}/{name}.txt: no page shows it; `setup` is for the rest"))
        .collect()
}

/// Runs all sessions; gives the faults and tells, aloud, what wasn't run.
fn replayed(stage: &Stage, sessions: &[Session]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let (mut same, mut skipped) = (0, Vec::new());
    for session in sessions {
        let outcomes = stage.play(session)?;
        for ((name, recording), (_, outcome)) in session.recordings.iter().zip(outcomes) {
            match outcome {
                Outcome::Ran(output) => match difference(recording, &output) {
                    None => same += 1,
                    Some(difference) => problems.push(format!(
                        "{FOLDER}/{name}.txt: `{}` prints something else now; if that is right, \
                         `cargo xtask guide record {name}`\n{difference}",
                        recording.header.command
                    )),
                },
                Outcome::Skipped(need) => skipped.push(format!("{name} (needs {need})")),
                Outcome::Failed(message) => problems.push(format!(
                    "{FOLDER}/{name}.txt: `{}` {message}",
                    recording.header.command
                )),
            }
        }
    }
    println!(
        "{} printed what the guide shows.",
        count(same, "recorded command")
    );
    if !skipped.is_empty() {
        println!(
            "{} NOT run again: {}",
            count(skipped.len(), "recorded command"),
            skipped.join(", ")
        );
    }
    Ok(problems)
}

/// How an output differs from the recorded one, if more than times do.
fn difference(recording: &Recording, output: &str) -> Option<String> {
    let (old, new) = (
        recording.normal(&recording.output),
        recording.normal(output),
    );
    (old != new).then(|| {
        TextDiff::from_lines(&old, &new)
            .unified_diff()
            .context_radius(2)
            .missing_newline_hint(false)
            .header("recorded", "now")
            .to_string()
    })
}

/// Runs the commands whose name begins with `only` (all, if it is empty) and writes down what they
/// print, where more than times changed.
///
/// # Errors
/// If a command doesn't end as its header says, or a file can't be written.
pub fn record(root: &Path, only: &str) -> Result<()> {
    let stage = Stage::new(root)?;
    let mut failures = Vec::new();
    let mut found = false;
    for session in sessions(root)? {
        let is_meant = |name: &str| {
            name == only || only.is_empty() || {
                name.strip_prefix(only)
                    .is_some_and(|rest| rest.starts_with('/'))
            }
        };
        if !session.recordings.iter().any(|(name, _)| is_meant(name)) {
            continue;
        }
        found = true;
        let outcomes = stage.play(&session)?;
        for ((name, recording), (_, outcome)) in session.recordings.iter().zip(outcomes) {
            if !is_meant(name) {
                continue;
            }
            match outcome {
                Outcome::Ran(output) if difference(recording, &output).is_none() => {
                    println!("{name}: as recorded");
                }
                Outcome::Ran(output) => {
                    let path = root.join(FOLDER).join(format!("{name}.txt"));
                    std::fs::write(&path, recording.with_output(&output))
                        .with_context(|| path.display().to_string())?;
                    println!("{name}: written");
                }
                Outcome::Skipped(need) => println!("{name}: NOT recorded, it needs {need}"),
                Outcome::Failed(message) => failures.push(format!("{name} {message}")),
            }
        }
    }
    ensure!(found, "there is no recording `{only}` below {FOLDER}");
    if !failures.is_empty() {
        bail!("{}", failures.join("\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_shown_line_by_line() {
        let recording = Recording::parse("command = 'x'\n---\none\ntwo in 3 s\nthree\n").unwrap();
        assert_eq!(difference(&recording, "one\ntwo in 9 ms\nthree\n"), None);
        insta::assert_snapshot!(
            difference(&recording, "one\ntwo in 9 ms\nfour\n").unwrap(),
            @r"
        --- recorded
        +++ now
        @@ -1,3 +1,3 @@
         one
         two in <duration>
        -three
        +four
        "
        );
    }

    #[test]
    fn a_recording_that_no_page_shows_is_a_fault() {
        let recording = Recording::parse("command = 'x'").unwrap();
        let session = Session {
            recordings: vec![
                ("a/1".to_owned(), recording.clone()),
                ("a/2".to_owned(), recording),
            ],
        };
        let problems = unused(&[session], &["a/1".to_owned()]);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("book/recordings/a/2.txt: no page shows it"));
    }
}
