use std::io::Write;
use std::path::Path;

use anstream::{AutoStream, ColorChoice};
use mlops_disk::{DiskError, printable_lines};
use serde::Serialize;

use crate::verdicts::coloured;

/// Where results go: standard output, as text for people or JSON for programs.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Output {
        Output { json }
    }

    /// Whether a program reads.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a result: its JSON form to programs, `text` to people.
    ///
    /// # Errors
    /// If standard output can't be written.
    pub fn show(
        &self,
        result: &impl Serialize,
        text: impl std::fmt::Display,
    ) -> anyhow::Result<()> {
        if self.json {
            print(&format!("{}\n", serde_json::to_string_pretty(result)?))
        } else {
            let text = format!("{}\n", text.to_string().trim_end());
            let text = printable_lines(&text);
            if AutoStream::choice(&std::io::stdout()) == ColorChoice::Never {
                write(&text)
            } else {
                write(&coloured(&text))
            }
        }
    }
}

/// Prints a text, with what a terminal would obey as JSON escapes it: names in it may be anybody's. A reader that has seen enough, such as `head`, is no failure: what else the
/// command does, and its exit code, stay the same.
///
/// # Errors
/// If standard output can't be written.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    write(&printable_lines(text))
}

fn write(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(DiskError::io("write", Path::new("standard output"), error).into()),
        Ok(()) => Ok(()),
    }
}

/// A number with its thousands set apart, for people.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
