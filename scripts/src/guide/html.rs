//! Just enough HTML: text made safe for it, and a built page taken apart for its checks.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

/// Text that means itself in HTML and in a quoted attribute, and in markdown around it.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// A piece of a page, in the order of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// An element begins; with its attributes.
    Start(String, Vec<(String, String)>),
    /// An element ends.
    End(String),
    /// Text, with entities read.
    Text(String),
}

impl Piece {
    /// The value of an attribute, if this begins an element that has it.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        match self {
            Piece::Start(_, attributes) => attributes
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str()),
            _ => None,
        }
    }
}

/// Elements without content or end.
pub fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "source"
            | "wbr"
    )
}

/// Takes a page apart. Scripts and styles are one text each. An element closed in place (`<x/>`)
/// has its end, too; void elements have none.
pub fn pieces(html: &str) -> Vec<Piece> {
    let tokenizer = Tokenizer::new(Collector::default(), TokenizerOpts::default());
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from(html));
    // A collector never asks for a script to be run, so one call takes all.
    let _ = tokenizer.feed(&queue);
    tokenizer.end();
    tokenizer.sink.pieces.take()
}

#[derive(Default)]
struct Collector {
    pieces: RefCell<Vec<Piece>>,
}

impl Collector {
    fn start(&self, tag: &Tag) -> TokenSinkResult<()> {
        let name = tag.name.to_string();
        let attributes = tag
            .attrs
            .iter()
            .map(|a| (a.name.local.to_string(), a.value.to_string()))
            .collect();
        let mut pieces = self.pieces.borrow_mut();
        pieces.push(Piece::Start(name.clone(), attributes));
        if tag.self_closing && !is_void(&name) {
            pieces.push(Piece::End(name));
            return TokenSinkResult::Continue;
        }
        match name.as_str() {
            "script" => TokenSinkResult::RawData(RawKind::ScriptData),
            "style" => TokenSinkResult::RawData(RawKind::Rawtext),
            _ => TokenSinkResult::Continue,
        }
    }
}

impl TokenSink for Collector {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => return self.start(&tag),
            Token::TagToken(tag) => {
                let end = Piece::End(tag.name.to_string());
                self.pieces.borrow_mut().push(end);
            }
            Token::CharacterTokens(text) => {
                let mut pieces = self.pieces.borrow_mut();
                if let Some(Piece::Text(before)) = pieces.last_mut() {
                    before.push_str(&text);
                } else {
                    pieces.push(Piece::Text(text.to_string()));
                }
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_taken_apart_with_entities_read() {
        let html = "<p class=a>x &amp; y<br><svg/></p><script>if (a<b) {}</script>";
        let text = |text: &str| Piece::Text(text.to_owned());
        let start = |name: &str| Piece::Start(name.to_owned(), vec![]);
        let end = |name: &str| Piece::End(name.to_owned());
        assert_eq!(
            pieces(html),
            [
                Piece::Start("p".to_owned(), vec![("class".to_owned(), "a".to_owned())]),
                text("x & y"),
                start("br"),
                start("svg"),
                end("svg"),
                end("p"),
                start("script"),
                text("if (a<b) {}"),
                end("script"),
            ]
        );
    }
}
