//! Sentences tied to a recording. `{{#recorded session/name "pattern"}}` is what the first pair of
//! brackets of the pattern finds in the recorded output; `{{#holds session/name "pattern"}}` shows
//! nothing and fails the build when the output doesn't match, for a sentence that states a result in
//! words.

use std::path::Path;

use regex::RegexBuilder;

use super::directive::Directive;
use super::recording;

/// The text that a sentence takes from a recording.
///
/// # Errors
/// If there is no such recording, or nothing in it matches, or not once the same.
pub fn recorded(directive: &Directive, root: &Path) -> Result<String, String> {
    let found = found(directive, root)?;
    let Some(first) = found.first() else {
        return Err("the pattern needs brackets around what is to be shown".to_owned());
    };
    match found.iter().find(|text| *text != first) {
        Some(other) => Err(format!(
            "the pattern finds `{first}` and `{other}`: make it longer"
        )),
        None => Ok(first.clone()),
    }
}

/// Nothing, if the recording still says it.
///
/// # Errors
/// If it doesn't.
pub fn holds(directive: &Directive, root: &Path) -> Result<String, String> {
    found(directive, root).map(|_| String::new())
}

/// What the first brackets of the pattern find, at each place where it matches.
fn found(directive: &Directive, root: &Path) -> Result<Vec<String>, String> {
    let [name, pattern] = directive.arguments.as_slice() else {
        return Err("expected two arguments: session/name \"pattern\"".to_owned());
    };
    let output = recording::read(root, name)?.output;
    let pattern = RegexBuilder::new(pattern)
        .multi_line(true)
        .build()
        .map_err(|error| error.to_string())?;
    let mut matches = pattern.captures_iter(&output).peekable();
    if matches.peek().is_none() {
        return Err(
            "the recording says this no longer: correct the sentence, then the pattern".to_owned(),
        );
    }
    Ok(matches
        .filter_map(|found| found.get(1))
        .map(|text| text.as_str().to_owned())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide::testing::{directive, write};

    fn in_sentence(pattern: &str) -> (Result<String, String>, Result<String, String>) {
        let folder = tempfile::tempdir().unwrap();
        let text = "command = \"x\"\n---\nauc 0.9070\nbrier 0.0938\n2 better, 7 worse\n";
        write(folder.path(), "book/recordings/a/b.txt", text);
        let ask = |name| directive(name, &["a/b", pattern]);
        (
            recorded(&ask("recorded"), folder.path()),
            holds(&ask("holds"), folder.path()),
        )
    }

    #[test]
    fn a_sentence_takes_its_number_from_the_recording() {
        let (text, holds) = in_sentence(r"^auc ([\d.]+)$");
        assert_eq!(text.unwrap(), "0.9070");
        assert_eq!(holds.unwrap(), "");
    }

    #[test]
    fn a_statement_that_no_longer_holds_is_refused() {
        let (text, holds) = in_sentence("8 better, 1 worse");
        assert!(text.unwrap_err().contains("says this no longer"));
        assert!(holds.unwrap_err().contains("says this no longer"));
    }

    #[test]
    fn a_pattern_that_finds_two_things_is_refused() {
        let (text, _) = in_sentence(r"^\w+ (0\.\d+)");
        assert!(text.unwrap_err().contains("`0.9070` and `0.0938`"));
        let (text, holds) = in_sentence("better");
        assert!(text.unwrap_err().contains("needs brackets"));
        assert_eq!(holds.unwrap(), "");
    }
}
