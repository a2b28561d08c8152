//! Writes what DVC's writer writes: block style, lists not indented, two spaces a level, lines
//! folded at 80 columns, quotes only where they are needed.

use super::scalar::needs_quotes;
use super::{Map, Node, Value, float_text};

/// Columns after which a line is folded where it may be.
const WIDTH: usize = 80;
/// From this length a key is written `? key`, including the five characters of its tag.
const LONGEST_KEY: usize = 128 - 5;

/// The YAML text of a value, as DVC writes it: ends with a line break.
///
/// Folding leaves a space at a line's end and breaks after `key: ` where DVC's writer does:
/// these bytes are the format.
#[must_use]
pub fn write(value: &Value) -> String {
    let mut writer = Writer {
        text: String::new(),
        column: 0,
    };
    match value {
        Value::Map(map) if !map.is_empty() => writer.map(map, 0),
        Value::List(items) if !items.is_empty() => writer.list(items, 0),
        Value::Map(_) => writer.put("{}"),
        Value::List(_) => writer.put("[]"),
        Value::Null => writer.put("null"),
        other => writer.scalar(other, 0, Place::Item),
    }
    writer.text.push('\n');
    writer.text
}

/// The text of a scalar, as it would stand in a list.
pub(super) fn scalar_text(value: &Value) -> String {
    let mut writer = Writer {
        text: String::new(),
        column: 0,
    };
    writer.scalar(value, 0, Place::Item);
    writer.text
}

struct Writer {
    text: String,
    /// Characters written since the last line break.
    column: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// After `key:`, before any space.
    Value,
    /// After `- `, or at the start.
    Item,
    /// A key.
    Key,
}

#[derive(Clone, Copy)]
enum Style {
    Plain,
    Single,
    Double,
}

impl Writer {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.chars().count();
    }

    fn put_chars(&mut self, chars: &[char]) {
        self.text.extend(chars);
        self.column += chars.len();
    }

    fn line_break(&mut self) {
        self.text.push('\n');
        self.column = 0;
    }

    fn new_line(&mut self, indent: usize) {
        self.line_break();
        self.put(&" ".repeat(indent));
    }

    /// Keys at `indent`; the first stands where the writer is.
    fn map(&mut self, map: &Map, indent: usize) {
        for (number, entry) in map.iter().enumerate() {
            if number > 0 {
                self.new_line(indent);
            }
            if is_simple_key(&entry.key) {
                self.scalar(&entry.key, indent, Place::Key);
                self.put(":");
                self.value(&entry.node, indent);
                continue;
            }
            self.put("? ");
            self.scalar(&entry.key, indent, Place::Item);
            self.new_line(indent);
            self.put(":");
            match &entry.node.value {
                Value::Map(map) if !map.is_empty() => {
                    self.put(" ");
                    self.map(map, indent + 2);
                }
                Value::List(items) if !items.is_empty() => {
                    self.put(" ");
                    self.list(items, indent + 2);
                }
                _ => self.value(&entry.node, indent),
            }
        }
    }

    /// What follows `key:`.
    fn value(&mut self, node: &Node, indent: usize) {
        match &node.value {
            Value::Map(map) if map.is_empty() => self.put(" {}"),
            Value::List(items) if items.is_empty() => self.put(" []"),
            Value::Map(map) => {
                self.new_line(indent + 2);
                self.map(map, indent + 2);
            }
            Value::List(items) => {
                self.new_line(indent);
                self.list(items, indent);
            }
            scalar => self.scalar(scalar, indent, Place::Value),
        }
    }

    /// Dashes at `indent`; the first stands where the writer is.
    fn list(&mut self, items: &[Node], indent: usize) {
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                self.new_line(indent);
            }
            self.put("- ");
            match &item.value {
                Value::Map(map) if map.is_empty() => self.put("{}"),
                Value::List(items) if items.is_empty() => self.put("[]"),
                Value::Map(map) => self.map(map, indent + 2),
                Value::List(items) => self.list(items, indent + 2),
                scalar => self.scalar(scalar, indent, Place::Item),
            }
        }
    }

    fn scalar(&mut self, value: &Value, indent: usize, place: Place) {
        let (text, style) = match value {
            Value::Null if place == Place::Key => ("null".to_owned(), Style::Plain),
            Value::Null => return,
            Value::Bool(yes) => (yes.to_string(), Style::Plain),
            Value::Integer(whole) => (whole.to_string(), Style::Plain),
            Value::Float(number) => (float_text(*number), Style::Plain),
            Value::Timestamp(text) => (text.clone(), Style::Plain),
            Value::Text(text) => (text.clone(), style_of(text)),
            Value::List(_) | Value::Map(_) => return,
        };
        let chars: Vec<char> = text.chars().collect();
        if place == Place::Value {
            self.put(" ");
        }
        let (start, column) = (self.text.len(), self.column);
        // DVC folds a long key, too, and can't read it then.
        let (fold, width) = match place {
            Place::Key => (false, usize::MAX),
            _ => (true, WIDTH),
        };
        self.styled(&chars, style, indent + 2, fold, width);
        // Some of DVC's folds read back as another text: two spaces before a long word, an escape
        // at a line's end. These lines aren't folded.
        let written = &self.text[start..];
        if matches!(value, Value::Text(_)) && written.contains('\n') && !reads_as(written, &text) {
            self.text.truncate(start);
            self.column = column;
            self.styled(&chars, style, indent + 2, false, usize::MAX);
        }
    }

    fn styled(&mut self, text: &[char], style: Style, indent: usize, fold: bool, width: usize) {
        match style {
            Style::Plain => self.plain(text, indent, fold, width),
            Style::Single => self.single_quoted(text, indent, fold),
            Style::Double => self.double_quoted(text, indent, fold),
        }
    }

    fn plain(&mut self, text: &[char], indent: usize, fold: bool, width: usize) {
        let mut start = 0;
        let mut spaces = false;
        for end in 0..=text.len() {
            let char = text.get(end).copied();
            if spaces {
                if char != Some(' ') {
                    if start + 1 == end && self.column >= WIDTH && fold {
                        self.new_line(indent);
                    } else {
                        self.put_chars(&text[start..end]);
                    }
                    start = end;
                }
            } else if matches!(char, None | Some(' ')) {
                let word = &text[start..end];
                if self.column > indent && word.len() > width.saturating_sub(self.column) {
                    self.new_line(indent);
                }
                self.put_chars(word);
                start = end;
            }
            spaces = char == Some(' ');
        }
    }

    /// Text without line breaks: with one, it is double quoted.
    fn single_quoted(&mut self, text: &[char], indent: usize, fold: bool) {
        self.put("'");
        let mut start = 0;
        let mut spaces = false;
        for end in 0..=text.len() {
            let char = text.get(end).copied();
            if spaces {
                if char != Some(' ') {
                    let foldable = start != 0 && end != text.len();
                    if start + 1 == end && self.column > WIDTH && fold && foldable {
                        self.new_line(indent);
                    } else {
                        self.put_chars(&text[start..end]);
                    }
                    start = end;
                }
            } else if matches!(char, None | Some(' ' | '\'')) && start < end {
                self.put_chars(&text[start..end]);
                start = end;
            }
            if char == Some('\'') {
                self.put("''");
                start = end + 1;
            }
            spaces = char == Some(' ');
        }
        self.put("'");
    }

    fn double_quoted(&mut self, text: &[char], indent: usize, fold: bool) {
        self.put("\"");
        let mut start = 0;
        for end in 0..=text.len() {
            let char = text.get(end).copied();
            if char.is_none_or(must_escape) {
                if start < end {
                    self.put_chars(&text[start..end]);
                    start = end;
                }
                if let Some(char) = char {
                    self.put(&escape(char));
                    start = end + 1;
                }
            }
            let inside = end > 0 && end + 1 < text.len();
            if inside
                && fold
                && (char == Some(' ') || start >= end)
                && self.column + end > WIDTH + start
            {
                let escaped = !folds_at_space(text, start, end);
                if start < end {
                    self.put_chars(&text[start..end]);
                    start = end;
                }
                if escaped {
                    self.put("\\");
                }
                self.new_line(indent);
                if text.get(start) == Some(&' ') {
                    if escaped {
                        self.put("\\");
                    } else {
                        start += 1;
                    }
                }
            }
        }
        self.put("\"");
    }
}

fn reads_as(written: &str, text: &str) -> bool {
    super::read(written).is_ok_and(|node| node.value.as_text() == Some(text))
}

/// Whether a double-quoted line may be folded at a space without a backslash.
fn folds_at_space(text: &[char], start: usize, end: usize) -> bool {
    let Some(mut at) = (end..text.len()).find(|&at| text[at] == ' ') else {
        return false;
    };
    if let Some(line_end) = (end..at).find(|&at| text[at] == '\n') {
        at = line_end;
    }
    let Some(&next) = text.get(at + 1) else {
        return false;
    };
    if text[at] == '\n' && next != ' ' {
        return false;
    }
    let has_quote = text[end..at].iter().any(|char| matches!(char, '"' | '\''));
    let in_spaces = text[end - 1] == ' ' && text[end] == ' ';
    !has_quote && !in_spaces && !matches!(next, ' ' | '\n') && start != end
}

fn is_simple_key(key: &Value) -> bool {
    match key {
        Value::Text(text) => !text.contains(is_break) && text.chars().count() < LONGEST_KEY,
        _ => true,
    }
}

fn is_break(char: char) -> bool {
    matches!(char, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank(char: char) -> bool {
    is_break(char) || matches!(char, '\0' | ' ' | '\t' | '\r')
}

/// What may stand between quotes or without any as it is.
fn is_printable(char: char) -> bool {
    char != '\u{feff}'
        && matches!(char, '\n' | '\x20'..='\x7e' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn must_escape(char: char) -> bool {
    matches!(char, '"' | '\\' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}') || !is_printable(char)
}

fn escape(char: char) -> String {
    let short = match char {
        '\0' => '0',
        '\x07' => 'a',
        '\x08' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\x0b' => 'v',
        '\x0c' => 'f',
        '\r' => 'r',
        '\x1b' => 'e',
        '"' | '\\' => char,
        '\u{85}' => 'N',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        other => {
            let code = u32::from(other);
            return match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}

fn style_of(text: &str) -> Style {
    if text.is_empty() {
        return Style::Single;
    }
    let chars: Vec<char> = text.chars().collect();
    let multiline = chars.iter().any(|&char| is_break(char));
    let special = !chars.iter().all(|&char| is_printable(char));
    let space_at_edge = chars[0] == ' ' || chars[chars.len() - 1] == ' ';
    let plain =
        !multiline && !special && !space_at_edge && !has_indicator(&chars) && !needs_quotes(text);
    if plain {
        return Style::Plain;
    }
    let mixed = chars
        .windows(2)
        .any(|pair| (pair[0] == ' ' && is_break(pair[1])) || (is_break(pair[0]) && pair[1] == ' '));
    if special || mixed || multiline || text.contains('\'') {
        Style::Double
    } else {
        Style::Single
    }
}

/// Whether the text would be taken for something else than text outside of `[]` and `{}`.
fn has_indicator(chars: &[char]) -> bool {
    let blank_after = |at: usize| chars.get(at + 1).is_none_or(|&char| is_blank(char));
    if chars.starts_with(&['-', '-', '-']) || chars.starts_with(&['.', '.', '.']) {
        return true;
    }
    chars.iter().enumerate().any(|(at, &char)| match char {
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
        | '@' | '`'
            if at == 0 =>
        {
            true
        }
        '?' | '-' => at == 0 && blank_after(at),
        ':' => blank_after(at),
        '#' => is_blank(chars[at - 1]),
        _ => false,
    })
}
