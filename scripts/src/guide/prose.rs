//! What a page says in its own words: its source less code, directives, markup and addresses, in
//! blocks, each with its line.

use std::sync::LazyLock;

use regex::Regex;

/// A paragraph, list, table or heading.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Line in the page, from 1.
    pub line: usize,
    /// The words, a line of the page each.
    pub text: String,
    /// Why numbers may be typed in it: what `<!-- typed numbers: … -->` before it says.
    pub typed: Option<Note>,
}

/// A note to the checks, on a line of its own: `<!-- name: why -->`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Line in the page, from 1.
    pub line: usize,
    /// What follows the name.
    pub why: String,
}

/// The note of a line, if it is one with that name.
pub fn note<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let inside = line.trim().strip_prefix("<!--")?.strip_suffix("-->")?;
    let why = inside.trim().strip_prefix(name)?.strip_prefix(':')?;
    Some(why.trim())
}

/// A page without its notes, which are for us and not for readers.
pub fn without_notes(page: &str) -> String {
    let is_note = |line: &str| {
        ["typed numbers", "not typed"]
            .iter()
            .any(|name| note(line, name).is_some())
    };
    let kept: Vec<&str> = page.split('\n').filter(|line| !is_note(line)).collect();
    kept.join("\n")
}

/// A page's blocks of prose.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut block = Block::default();
    let mut typed = None;
    let mut fence: Option<&str> = None;
    for (index, line) in page.lines().enumerate() {
        let number = index + 1;
        let marks = fence_marks(line);
        if let Some(open) = fence {
            if marks.is_some_and(|marks| marks.len() >= open.len() && line.trim() == marks) {
                fence = None;
            }
            continue;
        }
        if marks.is_some() {
            fence = marks;
        }
        let why = note(line, "typed numbers");
        if line.trim().is_empty() || marks.is_some() || why.is_some() {
            if !block.text.is_empty() {
                blocks.push(std::mem::take(&mut block));
            }
            if let Some(why) = why {
                typed = Some(Note {
                    line: number,
                    why: why.to_owned(),
                });
            }
            continue;
        }
        if block.text.is_empty() {
            block.line = number;
            block.typed = typed.take();
        }
        block.text.push_str(&words(line));
        block.text.push('\n');
    }
    if !block.text.is_empty() {
        blocks.push(block);
    }
    blocks
}

/// The backticks or tildes with which a line opens or closes a block of code.
fn fence_marks(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = line.len() - line.trim_start_matches(mark).len();
    (length >= 3).then(|| &line[..length])
}

/// A line less directives, code, addresses and tags.
fn words(line: &str) -> String {
    #[expect(
        clippy::expect_used,
        reason = "the patterns are constant and every test compiles them"
    )]
    static MARKUP: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
        let pattern = |text| Regex::new(text).expect("a valid pattern");
        [
            (pattern(r"\{\{#[^{}\n]*\}\}"), "…"),
            (pattern(r"`[^`\n]*`"), "…"),
            (pattern(r"\]\([^)\n]*\)"), "]"),
            (pattern(r"</?[a-z][^<>\n]*>"), ""),
            (pattern(r"https?://\S+"), "…"),
        ]
    });
    let mut text = line.to_owned();
    for (pattern, instead) in MARKUP.iter() {
        text = pattern.replace_all(&text, *instead).into_owned();
    }
    text
}

/// The page's text between a line's heading, or the code or recording shown before it, and that
/// line (from 1): what a reader has just read.
pub fn before(page: &str, line: usize) -> String {
    let mut text = Vec::new();
    for line in page.lines().take(line.saturating_sub(1)) {
        if line.starts_with('#') || line.starts_with("{{#") {
            text.clear();
        } else {
            text.push(line);
        }
    }
    text.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_what_stands_outside_of_code_directives_and_addresses() {
        let page = "# One\n\nTwo `3` {{#metric a.json b}} [four](x5.md).\nsix\n\n```sh\nseven 7\n```\n\n<b>8</b>\n";
        let texts: Vec<(usize, String)> = blocks(page)
            .into_iter()
            .map(|block| (block.line, block.text))
            .collect();
        assert_eq!(
            texts,
            [
                (1, "# One\n".to_owned()),
                (3, "Two … … [four].\nsix\n".to_owned()),
                (10, "8\n".to_owned()),
            ]
        );
    }

    #[test]
    fn a_note_belongs_to_the_next_block_and_is_no_part_of_the_page() {
        let page = "a\n<!-- typed numbers: an example -->\n\n3 b\n\n4 c\n<!-- kept -->\n";
        let blocks = blocks(page);
        let why: Vec<Option<&str>> = blocks
            .iter()
            .map(|block| block.typed.as_ref().map(|note| note.why.as_str()))
            .collect();
        assert_eq!(why, [None, Some("an example"), None]);
        assert_eq!(without_notes(page), "a\n\n3 b\n\n4 c\n<!-- kept -->\n");
    }

    #[test]
    fn a_fence_is_closed_by_one_as_long() {
        let page = "````text\n```\n5\n```\n6\n````\nseven\n";
        let blocks = blocks(page);
        assert_eq!(blocks.len(), 1);
        assert_eq!((blocks[0].line, blocks[0].text.as_str()), (7, "seven\n"));
    }

    #[test]
    fn what_was_read_before_begins_after_the_last_heading_or_recording() {
        let page = "old\n## Head\none\n{{#command a/b}}\ntwo\nthree\n{{#command a/c}}\n";
        assert_eq!(before(page, 4), "one");
        assert_eq!(before(page, 7), "two\nthree");
    }
}
