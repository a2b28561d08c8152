//! Words of a category as numbers.

use std::collections::HashMap;

use crate::Values;
use crate::table::MISSING_CODE;

use super::octets::Word;
use super::recent::Recent;

/// The words seen so far, each with its number.
pub(super) struct Words {
    levels: Vec<String>,
    known: HashMap<String, u32>,
    recent: Recent<u32>,
    latest: u32,
}

impl Words {
    /// None yet but those that stand for "missing", beside the empty one.
    pub fn new(missing: &[String]) -> Words {
        let missing = missing.iter().cloned().chain([String::new()]);
        Words {
            levels: Vec::new(),
            known: missing.map(|word| (word, MISSING_CODE)).collect(),
            recent: Recent::new(6, MISSING_CODE),
            latest: MISSING_CODE,
        }
    }

    /// The number of the word `text[start..end]`.
    pub fn code_in(&mut self, text: &str, start: usize, end: usize) -> u32 {
        let Some(word) = Word::within(text, start, end) else {
            return self.code(&text[start..end]);
        };
        if let Some(code) = self.recent.get(word) {
            return code;
        }
        let code = self.code(&text[start..end]);
        self.recent.put(word, code);
        code
    }

    /// The number of a word.
    pub fn code(&mut self, word: &str) -> u32 {
        if self.levels.get(self.latest as usize).map(String::as_str) != Some(word) {
            self.latest = match self.known.get(word) {
                Some(code) => *code,
                None => {
                    let code = self.levels.len() as u32;
                    self.levels.push(word.into());
                    self.known.insert(word.into(), code);
                    code
                }
            };
        }
        self.latest
    }

    /// The words by their numbers.
    pub fn into_levels(self) -> Vec<String> {
        self.levels
    }
}

/// A category of codes that were given part by part: how many rows a part has,
/// and its words. The levels are the declared words in their order, then the
/// others by name, however the rows were split.
pub(super) fn category(
    mut codes: Vec<u32>,
    parts: &[(usize, Vec<String>)],
    declared: Option<&[String]>,
) -> Values {
    let declared = declared.unwrap_or_default();
    let mut others: Vec<&String> = parts
        .iter()
        .flat_map(|(_, words)| words)
        .filter(|word| !declared.contains(word))
        .collect();
    others.sort_unstable();
    others.dedup();
    let levels: Vec<String> = declared.iter().chain(others).cloned().collect();
    let known: HashMap<&String, u32> = levels.iter().zip(0..).collect();
    let mut rest = codes.as_mut_slice();
    for (rows, words) in parts {
        let places: Vec<u32> = words.iter().map(|word| known[word]).collect();
        let (part, after) = rest.split_at_mut(*rows);
        for code in part {
            *code = places.get(*code as usize).copied().unwrap_or(MISSING_CODE);
        }
        rest = after;
    }
    Values::Category { codes, levels }
}
