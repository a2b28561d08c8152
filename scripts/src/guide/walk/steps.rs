//! The commands that a reader of a page sees, in the order in which they stand there.

use std::path::Path;

use anyhow::{Result, anyhow};

use super::super::directive;
use super::super::prose::note;
use super::super::recording;

/// The file that only some readers have.
const REAL: &str = "../weatherAUS.csv";

/// Something to be typed at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// Line in the page, from 1.
    pub line: usize,
    /// What is typed.
    pub script: String,
    /// The exit code that the page announces.
    pub exit: i32,
    /// Words that the output must contain.
    pub expect: Vec<String>,
    /// A service: it is ready when it prints this, and runs to the page's end.
    pub until: Option<String>,
    /// Its output comes from the real file: it is typed if the reader has another table in its place.
    pub needs_table: bool,
    /// It makes what this command stands on, unless that was done on an earlier page.
    pub once: bool,
    /// Why it isn't typed.
    pub not_typed: Option<String>,
}

/// A page's steps: its recordings, each with what was run before it, and its fenced commands.
///
/// # Errors
/// If a recording can't be read.
pub fn steps(root: &Path, page: &str, text: &str) -> Result<Vec<Step>> {
    let mut steps = fenced(text);
    for (line, name) in recordings(text) {
        let header = recording::read(root, &name)
            .map_err(|message| anyhow!("{page}:{line}: {message}"))?
            .header;
        let step = |script: &str| Step {
            line,
            script: script.to_owned(),
            needs_table: header.needs.iter().any(|need| need == "real"),
            not_typed: header.not_typed.clone().or_else(|| needs_real(script)),
            ..Step::default()
        };
        steps.extend(header.setup.iter().map(|script| Step {
            once: script.contains("--into "),
            ..step(script)
        }));
        steps.push(Step {
            exit: header.exit,
            expect: header.expect.clone(),
            until: header.until.clone(),
            ..step(&header.command)
        });
    }
    // Both kinds are in their order; a page's line has one of them.
    steps.sort_by_key(|step| step.line);
    Ok(steps)
}

fn needs_real(script: &str) -> Option<String> {
    script
        .contains(REAL)
        .then(|| "it needs the real file".to_owned())
}

fn recordings(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    // What can't be read has failed the build.
    let _ = directive::replace(text, |directive| {
        if let ("command", [name]) = (directive.name.as_str(), directive.arguments.as_slice()) {
            found.push((directive.line, name.clone()));
        }
        Ok(String::new())
    });
    found
}

/// Commands in fences (```` ```sh ````). In a `console`, they follow `$`; the rest is output.
fn fenced(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut not_typed = None;
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if let Some(why) = note(line, "not typed") {
            not_typed = Some(why.to_owned());
            continue;
        }
        let Some(language) = line.strip_prefix("```") else {
            if !line.trim().is_empty() {
                not_typed = None;
            }
            continue;
        };
        let inside: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| line.trim_end() != "```")
            .collect();
        let script = match language.trim() {
            "sh" | "bash" => inside.join("\n"),
            "console" => inside
                .iter()
                .filter_map(|line| line.strip_prefix("$ "))
                .collect::<Vec<_>>()
                .join("\n"),
            _ => continue,
        };
        steps.push(Step {
            line: index + 1,
            not_typed: not_typed.take().or_else(|| needs_real(&script)),
            script,
            ..Step::default()
        });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide::testing::write;

    #[test]
    fn a_reader_sees_fences_and_recordings_with_what_was_run_before_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let recording = "command = 'rain b'\nexit = 2\nexpect = ['no']\nsetup = ['one', 'cp ../weatherAUS.csv x']\n";
        write(folder.path(), "book/recordings/s/b.txt", recording);
        let page = "# P\n\n```sh\nrain a\n```\n\n{{#command s/b}}\n\n```yaml\nrain: no\n```\n\n```console\n$ rain c   # why\noutput\n$ rain d\n```\n";
        let steps = steps(folder.path(), "p.md", page).unwrap();
        let seen: Vec<(usize, &str, i32, bool)> = steps
            .iter()
            .map(|step| {
                (
                    step.line,
                    step.script.as_str(),
                    step.exit,
                    step.not_typed.is_some(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (3, "rain a", 0, false),
                (7, "one", 0, false),
                (7, "cp ../weatherAUS.csv x", 0, true),
                (7, "rain b", 2, false),
                (13, "rain c   # why\nrain d", 0, false),
            ]
        );
        assert_eq!(steps[3].expect, ["no"]);
    }

    #[test]
    fn a_note_says_why_the_next_fence_is_not_typed() {
        let page = "<!-- not typed: it needs a bucket -->\n```sh\na\n```\n\n```sh\nb\n```\n<!-- not typed: lost -->\ntext\n```sh\nc\n```\n";
        let why: Vec<Option<String>> = fenced(page)
            .into_iter()
            .map(|step| step.not_typed)
            .collect();
        assert_eq!(why, [Some("it needs a bucket".to_owned()), None, None]);
    }
}
