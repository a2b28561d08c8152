//! Words that differ only in what people don't see or don't mean: blanks, upper and lower case, Unicode forms.
//!
//! `Cairns`, `cairns` and `Cairns ` are three entities for a program and one for whoever typed them.

use std::collections::{BTreeSet, HashMap};

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::Values;
use crate::contract::nearest;
use crate::table::MISSING_CODE;

/// A word that is nearly another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// The word, which fewer rows have.
    pub word: String,
    /// How many rows have it.
    pub rows: usize,
    /// The word that it is nearly.
    pub like: String,
}

/// The words of a category that are nearly a more frequent one of it, in the order of the levels. Of values that are
/// no words there are none.
pub fn near_words(values: &Values) -> Vec<Near> {
    let Values::Category { codes, levels } = values else {
        return Vec::new();
    };
    let rows = rows_of(codes, levels.len());
    let mut alike: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, level) in levels.iter().enumerate().filter(|(at, _)| rows[*at] > 0) {
        alike.entry(form(level)).or_default().push(at);
    }
    let mut near: Vec<(usize, usize)> = Vec::new();
    for group in alike.values().filter(|group| group.len() > 1) {
        // Of two as frequent, the first.
        let most = group.iter().copied().rev().max_by_key(|at| rows[*at]);
        let most = most.unwrap_or_default();
        near.extend(group.iter().filter(|at| **at != most).map(|at| (*at, most)));
    }
    near.sort_unstable();
    let named = |(at, most): (usize, usize)| Near {
        word: levels[at].clone(),
        rows: rows[at],
        like: levels[most].clone(),
    };
    near.into_iter().map(named).collect()
}

/// The known word that differs from this one only in blanks, case or Unicode form; `None` for a word that is known
/// itself, or like none.
pub fn same_but_for_form<'a>(
    word: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let (is_known, own) = (known.clone().any(|other| other == word), form(word));
    let like = || known.into_iter().find(|other| form(other) == own);
    (!is_known).then(like).flatten()
}

/// A word that is none of those known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The word.
    pub word: String,
    /// How many rows have it.
    pub rows: usize,
    /// The known word that is most like it, if any is.
    pub like: Option<String>,
}

/// The words of a category that are none of those known, in the order of the levels.
pub fn unknown_words<'a>(values: &Values, known: impl Iterator<Item = &'a str>) -> Vec<Unknown> {
    let Values::Category { codes, levels } = values else {
        return Vec::new();
    };
    let known: BTreeSet<&str> = known.collect();
    // Of two known words of one form, the first.
    let forms: HashMap<String, &str> = known.iter().rev().map(|word| (form(word), *word)).collect();
    let rows = rows_of(codes, levels.len());
    let unknown = levels
        .iter()
        .zip(rows)
        .filter(|(level, rows)| *rows > 0 && !known.contains(level.as_str()));
    unknown
        .enumerate()
        .map(|(at, (level, rows))| {
            // To compare spellings takes long, and nobody reads a thousand guesses.
            let guess = || (at < GUESSES).then(|| nearest(level, known.iter().copied()))?;
            let like = forms.get(&form(level)).copied().or_else(guess);
            Unknown {
                word: level.clone(),
                rows,
                like: like.map(String::from),
            }
        })
        .collect()
}

/// How many unknown words are compared with the known ones by their spelling.
const GUESSES: usize = 20;

fn rows_of(codes: &[u32], levels: usize) -> Vec<usize> {
    let mut rows = vec![0; levels];
    for code in codes.iter().filter(|code| **code != MISSING_CODE) {
        rows[*code as usize] += 1;
    }
    rows
}

/// What is left of a word without blanks at its ends, with one between, in lower case and in one Unicode form.
fn form(word: &str) -> String {
    let normalizer = ComposingNormalizerBorrowed::new_nfkc();
    let unified = normalizer.normalize(word).to_lowercase();
    // Characters of no width, which come along when text is copied.
    let seen = |letter: char| !matches!(letter, '\u{200B}'..='\u{200F}' | '\u{FEFF}' | '\u{AD}');
    let visible: String = unified.chars().filter(|letter| seen(*letter)).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(words: &[&str]) -> Values {
        let mut levels: Vec<String> = words.iter().map(|word| word.to_string()).collect();
        levels.sort();
        levels.dedup();
        let code = |word: &&str| levels.iter().position(|level| level == word).unwrap() as u32;
        Values::Category {
            codes: words.iter().map(code).collect(),
            levels,
        }
    }

    #[test]
    fn words_that_look_alike_are_found() {
        let stations = category(&[
            "Cairns",
            "Cairns",
            "cairns",
            "Cairns ",
            "Caf\u{e9}",
            "Cafe\u{301}",
            "Cafe\u{301}",
            "Alice  Springs",
            "Alice Springs",
            "Alice\u{a0}Springs",
            "Alice Springs",
            "Albury",
            "Albany",
        ]);
        let near: Vec<String> = near_words(&stations)
            .iter()
            .map(|near| format!("{:?} is like {:?} ({})", near.word, near.like, near.rows))
            .collect();
        insta::assert_snapshot!(near.join("\n"), @r#"
        "Alice  Springs" is like "Alice Springs" (1)
        "Alice\u{a0}Springs" is like "Alice Springs" (1)
        "Café" is like "Cafe\u{301}" (1)
        "Cairns " is like "Cairns" (1)
        "cairns" is like "Cairns" (1)
        "#);
        assert_eq!(near_words(&category(&["a", "b"])), []);
        assert_eq!(near_words(&Values::Number(vec![1.0])), []);
    }

    #[test]
    fn a_word_is_known_by_another_form_of_it() {
        let known = ["Cairns", "Caf\u{e9}"];
        let like = |word| same_but_for_form(word, known.into_iter());
        assert_eq!(like("cairns "), Some("Cairns"));
        assert_eq!(like("Cafe\u{301}"), Some("Caf\u{e9}"));
        for word in ["Cairns", "Cairn", "Oslo", ""] {
            assert_eq!(like(word), None, "{word:?}");
        }
    }

    #[test]
    fn unknown_words_are_told_with_the_known_one_that_may_be_meant() {
        let known = ["Cairns", "Sydney", "Perth"];
        let asked = category(&["Cairns", "cairns ", "Sidney", "Oslo", "Oslo"]);
        let found: Vec<String> = unknown_words(&asked, known.into_iter())
            .iter()
            .map(|unknown| format!("{:?} {} {:?}", unknown.word, unknown.rows, unknown.like))
            .collect();
        insta::assert_snapshot!(found.join("\n"), @r#"
        "Oslo" 2 None
        "Sidney" 1 Some("Sydney")
        "cairns " 1 Some("Cairns")
        "#);
    }
}
