//! Colours for the words that say how something turned out.

use std::fmt::Write as _;

use clap::builder::styling::{AnsiColor, Style};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DOUBTFUL: Style = AnsiColor::Yellow.on_default();

/// The words, longer ones before those that they begin with.
const WORDS: [(&str, Style); 15] = [
    ("passed", GOOD),
    ("better", GOOD),
    ("failed", BAD),
    ("FAILED", BAD),
    ("refused", BAD),
    ("error", BAD),
    ("worse", BAD),
    ("deleted", BAD),
    ("corrupt", BAD),
    ("warning", DOUBTFUL),
    ("modified", DOUBTFUL),
    ("renamed", DOUBTFUL),
    ("not in cache", DOUBTFUL),
    ("not asked", DOUBTFUL),
    ("new", DOUBTFUL),
];

/// The text with such words coloured where they stand as a verdict: at the start of a line or of a table's
/// cell, or behind a colon. The same word within a sentence, or a value of the user's, stays as it is.
pub(crate) fn coloured(text: &str) -> String {
    let mut coloured = String::with_capacity(text.len() + 64);
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        let mut at_start = true;
        while let Some(next) = rest.chars().next() {
            let word = at_start.then(|| verdict(rest)).flatten();
            if let Some((word, style)) = word {
                // Writing to a string can't fail.
                let _ = write!(coloured, "{style}{word}{style:#}");
                rest = &rest[word.len()..];
                at_start = false;
                continue;
            }
            coloured.push(next);
            rest = &rest[next.len_utf8()..];
            at_start = next == '\t'
                || (next == ' ' && (coloured.ends_with("  ") || coloured.ends_with(": ")))
                || (next == ' ' && coloured.ends_with("\n "));
        }
    }
    coloured
}

fn verdict(text: &str) -> Option<(&'static str, Style)> {
    let is_over = |rest: &str| {
        rest.is_empty() || rest.starts_with([' ', '\n', '\t', ':', ',', ';', '.', '('])
    };
    WORDS
        .iter()
        .find(|(word, _)| text.strip_prefix(word).is_some_and(is_over))
        .copied()
}

#[cfg(test)]
mod tests {
    use super::{BAD, coloured};

    /// With what colours look like in a test.
    fn shown(text: &str) -> String {
        coloured(text)
            .replace("\u{1b}[32m", "<good>")
            .replace(&format!("{BAD}"), "<bad>")
            .replace("\u{1b}[33m", "<doubtful>")
            .replace("\u{1b}[0m", "</>")
    }

    #[test]
    fn verdicts_are_coloured_and_the_same_words_elsewhere_are_not() {
        for (text, expected) in [
            (
                "weather: 9 rows: passed (0 errors, 1 warning)\n",
                "weather: 9 rows: <good>passed</> (0 errors, 1 warning)\n",
            ),
            (
                "warning  usual Rain: 2 of 9: a warning is no error\n         line 3 (x, better): Rain 371",
                "<doubtful>warning</>  usual Rain: 2 of 9: a warning is no error\n         line 3 (x, better): Rain 371",
            ),
            (
                "FAILED     positives  ≤ 0.3  what passed is not new",
                "<bad>FAILED</>     positives  ≤ 0.3  what passed is not new",
            ),
            (
                "\tchanged outs:\n\t\tmodified:           data/new.csv",
                "\tchanged outs:\n\t\t<doubtful>modified</>:           data/new.csv",
            ),
            (
                "roc_auc  0.9  0.8  worse, beyond the noise",
                "roc_auc  0.9  0.8  <bad>worse</>, beyond the noise",
            ),
            ("newer: newest", "newer: newest"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn only_colours_are_added() {
        let text = "  error: passed\n\n: new\tbetter\u{1f327} failed";
        let stripped = anstream::adapter::strip_str(&coloured(text)).to_string();
        assert_eq!(stripped, text);
    }
}
