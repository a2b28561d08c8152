//! Words of a category as numbers.

use std::collections::HashMap;

use crate::Values;
use crate::table::MISSING_CODE;

/// The words seen so far, each with its number.
pub(super) struct Words {
    levels: Vec<String>,
    known: HashMap<String, u32>,
    /// Most words were seen a moment ago: looked for by a few of their bytes first.
    recent: [u32; 256],
}

impl Words {
    pub fn new() -> Words {
        Words {
            levels: Vec::new(),
            known: HashMap::new(),
            recent: [0; 256],
        }
    }

    /// The number of a word; the empty one is missing.
    pub fn code(&mut self, word: &str) -> u32 {
        let bytes = word.as_bytes();
        let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
            return MISSING_CODE;
        };
        let middle = bytes[bytes.len() / 2];
        let slot =
            first.wrapping_mul(31) ^ middle.wrapping_mul(7) ^ last.wrapping_add(bytes.len() as u8);
        let code = &mut self.recent[usize::from(slot)];
        if self.levels.get(*code as usize).map(String::as_str) != Some(word) {
            *code = match self.known.get(word) {
                Some(code) => *code,
                None => {
                    let code = self.levels.len() as u32;
                    self.levels.push(word.into());
                    self.known.insert(word.into(), code);
                    code
                }
            };
        }
        *code
    }

    /// The words by their numbers.
    pub fn into_levels(self) -> Vec<String> {
        self.levels
    }
}

/// A category of codes that were given part by part: how many rows a part has,
/// and its words. The levels are the declared words in their order, then the
/// others by name, however the rows were parted.
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
