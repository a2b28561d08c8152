//! A command and what it printed, as `book/recordings/<session>/<name>.txt` holds it:
//!
//! ```text
//! command = "rain data check data/weatherAUS.csv"
//! exit = 2                # the exit code; 0 is the default
//! expect = ["passed"]     # words the output must contain; required if `exit` isn't 0
//! announces = "refuses"   # words that the page's text before it must contain; required if it shows an error
//! needs = ["real"]        # the real data file, or the name of a program
//! setup = ["mkdir out"]   # run before, shown folded above the command, has to end with 0
//! ---
//! what it printed
//! ```
//!
//! A command of several lines stops at the first line that fails, as with `set -e`.
//!
//! The recordings of a session run one after another in one folder, in the order of their names.
//! `{{#command session/name}}` shows one.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use super::directive::Directive;
use super::listing::fenced;

/// Where recordings stand in the repository.
pub const FOLDER: &str = "book/recordings";

/// A recorded command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// How it is to be run.
    pub header: Header,
    /// The header as the author wrote it, comments included.
    pub head: String,
    /// What the command printed, on both streams.
    pub output: String,
}

/// How a command is to be run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The command as a reader types it, run by `sh` in a copy of `example/`.
    pub command: String,
    /// The exit code it has to end with.
    #[serde(default)]
    pub exit: i32,
    /// `real` for the real data file, which is then `../weatherAUS.csv`; or names of programs.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Words that the output must contain. An exit code alone can be right for a wrong reason.
    #[serde(default)]
    pub expect: Vec<String>,
    /// Words by which the page's text, between the heading and the recording, says that an error follows.
    #[serde(default)]
    pub announces: Option<String>,
    /// Commands to be run before; they are shown folded, without their output.
    #[serde(default)]
    pub setup: Vec<String>,
    /// Why `guide walk` doesn't type it. What names the real file, `../weatherAUS.csv`, needs no reason.
    #[serde(default)]
    pub not_typed: Option<String>,
    /// A service: it goes on to the session's end, and its output ends at the first line with
    /// this text.
    #[serde(default)]
    pub until: Option<String>,
    /// Patterns of what may differ from run to run, besides times and durations.
    #[serde(default)]
    pub varies: Vec<String>,
}

impl Recording {
    /// Reads a recording.
    ///
    /// # Errors
    /// If the header isn't as described above.
    pub fn parse(text: &str) -> Result<Recording, String> {
        let (head, output) = match text.split_once("\n---\n") {
            Some((head, output)) => (head, output),
            None => (text.trim_end().trim_end_matches("\n---"), ""),
        };
        let header: Header = toml::from_str(head).map_err(|error| {
            let line = error.span().map_or(1, |span| {
                1 + head
                    .get(..span.start)
                    .unwrap_or_default()
                    .matches('\n')
                    .count()
            });
            format!("line {line}: {}", error.message())
        })?;
        for pattern in &header.varies {
            Regex::new(pattern).map_err(|error| format!("varies: {error}"))?;
        }
        if header.exit != 0 && header.expect.is_empty() {
            return Err(format!(
                "exit = {}: give `expect = [\"…\"]`, words that the output must contain, since an \
                 exit code alone can be right for a wrong reason",
                header.exit
            ));
        }
        Ok(Recording {
            header,
            head: head.to_owned(),
            output: output.to_owned(),
        })
    }

    /// The first of the expected words that an output doesn't contain.
    pub fn unmet<'a>(&'a self, output: &str) -> Option<&'a str> {
        self.header
            .expect
            .iter()
            .map(String::as_str)
            .find(|words| !output.contains(words))
    }

    /// Whether it shows an error to the reader, who must have been told before.
    pub fn shows_an_error(&self) -> bool {
        let is_error = |line: &str| {
            let text = line.split_once(" | ").map_or(line, |(_, text)| text);
            line.starts_with("error:") || text.starts_with("error:") || line.contains("{\"error\":")
        };
        self.header.exit != 0 || self.output.lines().any(is_error)
    }

    /// The file's text with another output.
    pub fn with_output(&self, output: &str) -> String {
        format!("{}\n---\n{output}", self.head.trim_end())
    }

    /// The output less what differs from run to run.
    pub fn normal(&self, output: &str) -> String {
        let mut text = normalise(output);
        for pattern in &self.header.varies {
            if let Ok(pattern) = Regex::new(pattern) {
                text = pattern.replace_all(&text, "<varies>").into_owned();
            }
        }
        text
    }
}

/// Takes times of day, durations and rates out of a text, with the spaces that align them.
fn normalise(text: &str) -> String {
    #[expect(
        clippy::expect_used,
        reason = "the patterns are constant and every test compiles them"
    )]
    static VARYING: LazyLock<[(Regex, &str); 3]> = LazyLock::new(|| {
        let pattern = |text| Regex::new(text).expect("a valid pattern");
        [
            (
                pattern(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?"),
                "<when>",
            ),
            (
                pattern(
                    r"[ \t]*\b\d[\d.,]*[ \u{202f}]?[kMG]?( ?[\w-]+)?(/s| per second| a second)\b",
                ),
                " <rate>",
            ),
            (
                pattern(
                    r"[ \t]*\b\d+(\.\d+)?[ \u{202f}]?(ns|µs|us|ms|s|sec|seconds?|min|minutes?)\b",
                ),
                " <duration>",
            ),
        ]
    });
    let mut text = text.to_owned();
    for (pattern, name) in VARYING.iter() {
        text = pattern.replace_all(&text, *name).into_owned();
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

/// Reads the recording `session/name`.
///
/// # Errors
/// If there is none of that name, or it can't be understood.
pub fn read(root: &Path, name: &str) -> Result<Recording, String> {
    let is_plain = name.split('/').count() == 2
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '/'));
    if !is_plain {
        return Err(format!("`{name}` isn't of the form session/name"));
    }
    let path = format!("{FOLDER}/{name}.txt");
    let text = std::fs::read_to_string(root.join(&path)).map_err(|error| {
        format!("`{path}`: {error}; write its header, then `cargo xtask guide record {name}`")
    })?;
    Recording::parse(&text).map_err(|message| format!("`{path}`: {message}"))
}

/// The markdown that shows a recording.
///
/// # Errors
/// If it isn't there or has no output yet.
pub fn expand(directive: &Directive, root: &Path) -> Result<String, String> {
    let [name] = directive.arguments.as_slice() else {
        return Err("expected one argument: session/name".to_owned());
    };
    let recording = read(root, name)?;
    let header = &recording.header;
    let mut notes = Vec::new();
    if header.needs.iter().any(|need| need == "real") {
        notes.push("on the real data".to_owned());
    }
    if header.exit != 0 {
        notes.push(format!("ends with exit code {}", header.exit));
    }
    if header.until.is_some() {
        notes.push("keeps running".to_owned());
    }
    let caption = match notes.is_empty() {
        true => String::new(),
        false => format!("<figcaption>{}</figcaption>\n", notes.join("; ")),
    };
    let output = match recording.output.trim().is_empty() {
        true => String::new(),
        false => fenced("text", &recording.output),
    };
    Ok(format!(
        "<figure class=\"command\">\n\n{}{}\n{output}\n{caption}</figure>\n",
        setup(header),
        fenced("bash", &header.command)
    ))
}

/// What was run before, folded.
fn setup(header: &Header) -> String {
    if header.setup.is_empty() {
        return String::new();
    }
    format!(
        "<details class=\"setup\">\n<summary>Run before this, if you haven't yet</summary>\n\n{}\n</details>\n\n",
        fenced("bash", &header.setup.join("\n"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide::testing::{directive, write};

    const TEXT: &str = "command = \"rain data check a.csv\"\nexit = 2 # on purpose\nexpect = [\"broken\"]\nneeds = [\"real\"]\n---\nrule broken\n--- in 0.3 s\n";

    #[test]
    fn a_recording_is_read_and_written_back_as_it_was() {
        let recording = Recording::parse(TEXT).unwrap();
        assert_eq!(recording.header.command, "rain data check a.csv");
        assert_eq!(recording.header.exit, 2);
        assert_eq!(recording.output, "rule broken\n--- in 0.3 s\n");
        assert_eq!(recording.with_output(&recording.output), TEXT);
    }

    #[test]
    fn a_new_recording_needs_a_command_only() {
        for text in [
            "command = \"ls\"",
            "command = \"ls\"\n",
            "command = \"ls\"\n---",
        ] {
            let recording = Recording::parse(text).unwrap();
            assert_eq!((recording.header.exit, recording.output.as_str()), (0, ""));
            assert_eq!(recording.with_output("a\n"), "command = \"ls\"\n---\na\n");
        }
    }

    #[test]
    fn a_wrong_header_names_its_line() {
        let message = |text| Recording::parse(text).unwrap_err();
        assert_eq!(message("exit = 1\n"), "line 1: missing field `command`");
        let error = message("command = \"ls\"\nexitt = 1\n---\nx");
        assert!(
            error.starts_with("line 2: unknown field `exitt`"),
            "{error}"
        );
        let error = message("command = \"ls\"\nvaries = [\"(\"]");
        assert!(error.starts_with("varies: "), "{error}");
    }

    #[test]
    fn an_exit_code_needs_words_that_the_output_must_contain() {
        let error = Recording::parse("command = \"x\"\nexit = 2\n---\nx").unwrap_err();
        assert!(error.starts_with("exit = 2: give `expect"), "{error}");
        let recording = Recording::parse(TEXT).unwrap();
        assert_eq!(recording.unmet("the rule is broken"), None);
        assert_eq!(recording.unmet("usage: rain data check"), Some("broken"));
    }

    #[test]
    fn an_error_in_the_output_is_seen_whatever_the_exit_code() {
        let shows = |output: &str| {
            Recording::parse(&format!("command = \"x\"\n---\n{output}"))
                .unwrap()
                .shows_an_error()
        };
        assert!(shows("all well\nerror: no such file\n"));
        assert!(shows("train | error: no rows\n"));
        assert!(shows("{\"error\":\"not JSON\"} (400)\n"));
        assert!(!shows(
            "passed (0 errors, 13 warnings)\nstandard error: 0.2\n"
        ));
        assert!(Recording::parse(TEXT).unwrap().shows_an_error());
    }

    #[test]
    fn what_was_run_before_is_shown_folded() {
        let folder = tempfile::tempdir().unwrap();
        let text = "command = \"ls\"\nsetup = [\"mkdir out\", \"touch out/a\"]\n---\na\n";
        write(folder.path(), "book/recordings/data/ls.txt", text);
        let shown = expand(&directive("command", &["data/ls"]), folder.path()).unwrap();
        insta::assert_snapshot!(shown, @r#"
        <figure class="command">

        <details class="setup">
        <summary>Run before this, if you haven't yet</summary>

        ```bash
        mkdir out
        touch out/a
        ```

        </details>

        ```bash
        ls
        ```

        ```text
        a
        ```

        </figure>
        "#);
    }

    #[test]
    fn only_what_varies_is_forgiven() {
        let recording = Recording::parse("command = \"x\"\nvaries = [\"port \\\\d+\"]").unwrap();
        let same = |a: &str, b: &str| recording.normal(a) == recording.normal(b);
        assert!(same("took 0.31 s", "took   12 ms"));
        assert!(same("read 1.2 M rows/s", "read 870 k rows/s"));
        assert!(same(
            "at 2026-11-01T10:00:00Z on port 8080",
            "at 2026-11-02 11:30:05.25 on port 9"
        ));
        assert!(same("end  \n\n", "end"));
        assert!(!same("145460 rows", "145461 rows"));
        assert!(!same("AUC 0.886", "AUC 0.887"));
        assert!(!same("2016-01-01", "2016-01-02"));
        assert!(!same("9 mm", "8 mm"));
    }

    #[test]
    fn a_recording_is_shown_as_command_and_output() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "book/recordings/data/check.txt", TEXT);
        let shown = expand(&directive("command", &["data/check"]), folder.path()).unwrap();
        insta::assert_snapshot!(shown, @r#"
        <figure class="command">

        ```bash
        rain data check a.csv
        ```

        ```text
        rule broken
        --- in 0.3 s
        ```

        <figcaption>on the real data; ends with exit code 2</figcaption>
        </figure>
        "#);
    }

    #[test]
    fn a_missing_recording_says_how_to_make_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(folder.path(), "data/check").unwrap_err();
        assert!(error.contains("book/recordings/data/check.txt"), "{error}");
        assert!(
            error.contains("cargo xtask guide record data/check"),
            "{error}"
        );
        for name in ["check", "../x/y", "data/../check", "Data/check", ""] {
            let error = read(folder.path(), name).unwrap_err();
            assert!(error.contains("session/name"), "{name}: {error}");
        }
    }
}
