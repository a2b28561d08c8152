//! Numbers typed in prose. A number belongs into a `{{#metric …}}` or `{{#recorded …}}`, or it stands
//! in a recording or listing that the same page shows; anything else needs a note that says why it
//! may be typed:
//!
//! ```text
//! <!-- typed numbers: an example -->
//! ```
//!
//! Years, dates, times of day, exit codes, versions, the numbers of a list, 0 and 1 are nobody's results.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::prose::blocks;

/// The faults of one page. `shown` is the text of its recordings and listings.
pub fn check(name: &str, page: &str, shown: &str) -> Vec<String> {
    let shown: BTreeSet<String> = numbers(shown).map(|(_, number)| number).collect();
    let is_tied = |number: &String| number.len() >= 2 && shown.contains(number);
    let mut faults = Vec::new();
    for block in blocks(page) {
        let mut typed = Vec::new();
        let mut is_plain = true;
        for (index, line) in block.text.lines().enumerate() {
            for (excerpt, number) in numbers(&without_common(line)) {
                is_plain = false;
                if !is_tied(&number) {
                    typed.push((block.line + index, excerpt));
                }
            }
        }
        match (&block.typed, typed.first()) {
            (Some(note), _) if note.why.len() < 4 => faults.push(format!(
                "{name}:{}: say why these numbers may be typed",
                note.line
            )),
            (Some(note), _) if is_plain => faults.push(format!(
                "{name}:{}: no number is typed in the block after this note any more: delete it",
                note.line
            )),
            (None, Some((line, _))) => {
                let all: Vec<&str> = typed.iter().map(|(_, text)| text.as_str()).collect();
                faults.push(format!(
                    "{name}:{line}: typed in prose: {}. Take it from its file with {{{{#metric}}}} or \
                     {{{{#recorded}}}}, or say why it may be typed: `<!-- typed numbers: … -->` before \
                     the block",
                    all.join(", ")
                ));
            }
            _ => {}
        }
    }
    faults
}

/// Numbers of a text, as they stand there and without the commas between thousands.
fn numbers(text: &str) -> impl Iterator<Item = (String, String)> {
    #[expect(
        clippy::expect_used,
        reason = "the pattern is constant and every test compiles it"
    )]
    static NUMBER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?:\b|\.)\d(?:[\d.,]*\d)?").expect("a valid pattern"));
    NUMBER.find_iter(text).map(|found| {
        let number = found.as_str();
        (number.to_owned(), number.replace(',', ""))
    })
}

/// A line less the numbers that state no result.
fn without_common(line: &str) -> String {
    #[expect(
        clippy::expect_used,
        reason = "the patterns are constant and every test compiles them"
    )]
    static COMMON: LazyLock<[Regex; 8]> = LazyLock::new(|| {
        [
            r"^\s*\d+\.\s",                                // the number of a list
            r"^> \*\*Time:\*\*.*",                         // the time that reading takes
            r"\b(19|20)\d\d(-\d\d){0,2}\b",                // years and dates
            r"\b\d{1,2} (January|February|March|April|May|June|July|August|September|October|November|December)\b",
            r"\b\d{1,2}:\d\d\b|\b\d{1,2} (am|pm)\b",       // times of day
            r"#\d+|\b[Cc]odes? \d\b|\bends with \d\b",   // an issue; an exit code
            r"(^|[^\d.,])[01]($|[^\d.,]|[.,]($|\D))",      // none and one
            r"\b(DVC|IEEE|Python|Rust|Git|HTTP|TLS|SHA|GPL|LGPL|Apache|MPL|BSD|OAuth|UTF|Level)[ -]v?\d+(\.\d+)*\b", // its version
        ]
        .map(|text| Regex::new(text).expect("a valid pattern"))
    });
    let mut text = line.to_owned();
    for pattern in COMMON.iter() {
        text = pattern.replace_all(&text, "…").into_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(page: &str) -> Vec<String> {
        check("p.md", page, "auc 0.9070\n145460 rows\n")
    }

    #[test]
    fn a_number_typed_in_prose_is_a_fault() {
        let found = faults("# A\n\nWe reach\n.91 in 7 of 9 cases.\n");
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("p.md:4: typed in prose: .91, 7, 9. Take it"),
            "{found:?}"
        );
    }

    #[test]
    fn a_number_that_the_page_shows_is_tied_to_it() {
        assert_eq!(faults("Of 145,460 rows, 0.9070.\n"), [""; 0]);
        assert_eq!(faults("Of 145,461 rows.\n").len(), 1);
        assert_eq!(
            faults("0.907\n").len(),
            1,
            "other digits are another statement"
        );
    }

    #[test]
    fn a_note_allows_the_next_block_only_and_must_be_needed() {
        let note = "<!-- typed numbers: an example -->\n";
        assert_eq!(faults(&format!("{note}\nSay 5 of 6.\n")), [""; 0]);
        let found = faults(&format!("{note}Say 5.\n\nSay 6.\n"));
        assert!(found[0].starts_with("p.md:4: typed"), "{found:?}");
        let found = faults(&format!("{note}Say five.\n"));
        assert!(
            found[0].starts_with("p.md:1: no number is typed"),
            "{found:?}"
        );
        let found = faults("<!-- typed numbers: -->\nSay 5.\n");
        assert!(found[0].starts_with("p.md:1: say why"), "{found:?}");
    }

    #[test]
    fn dates_times_versions_and_lists_are_no_results() {
        for text in [
            "1. the first",
            "> **Time:** 20 minutes.",
            "in 2015, on 2017-05-27, checked in 2026-11",
            "until 30 June 2015",
            "at 9:00 or 15:30, or 3 pm",
            "DVC 3, Python 3.12, Apache-2.0 and SHA-256",
            "ends with 2, or with code 1; see #6787",
            "a share between 0 and 1, above 0.",
            "`0.03` and [a page](x-9.md#y-8)",
        ] {
            assert_eq!(faults(text), [""; 0], "{text}");
        }
        for text in ["The 4 kinds", "10 of 20", "0.9 and 1.5", "Score 0.907"] {
            assert_eq!(faults(text).len(), 1, "{text}");
        }
    }
}
