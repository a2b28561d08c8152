use std::io::Write;

use serde::Serialize;

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
    /// If standard output is closed.
    pub fn show(
        &self,
        result: &impl Serialize,
        text: impl std::fmt::Display,
    ) -> anyhow::Result<()> {
        let mut out = anstream::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(result)?)?;
        } else {
            writeln!(out, "{}", text.to_string().trim_end())?;
        }
        Ok(())
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
