//! Text to values, each with its line.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::scalar::{self, Plain};
use super::{Map, Node, Value, YamlError};

/// How much a file may unfold to before it is refused.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Bytes of text.
    pub bytes: usize,
    /// Lists and maps inside one another.
    pub depth: usize,
    /// Values that aliases (`*name`) and merges (`<<`) repeat.
    pub repeated: usize,
}

impl Default for Budget {
    /// 256 MiB of text, 100 levels, 1 million repeated values.
    fn default() -> Self {
        Self {
            bytes: 256 << 20,
            depth: 100,
            repeated: 1_000_000,
        }
    }
}

/// Reads one YAML document; an empty one is [`Value::Null`].
///
/// # Errors
/// If the text isn't YAML, repeats a key, has several documents, uses a tag beyond the core
/// schema, or goes beyond the default [`Budget`].
pub fn read(text: &str) -> Result<Node, YamlError> {
    read_within(text, Budget::default()).map_err(|error| conflict(text).unwrap_or(error))
}

/// What Git leaves of a merge that it couldn't make. Only looked for in what can't be read: a text may have such a
/// line, too.
fn conflict(text: &str) -> Option<YamlError> {
    let line = text.lines().position(|line| line.starts_with("<<<<<<< "))?;
    Some(YamlError {
        line: line + 1,
        column: 1,
        message: "a merge conflict: keep one of its sides, and remove the lines that begin with <<<<<<<, ======= and >>>>>>>"
            .into(),
    })
}

/// [`read`] with a budget of the caller's.
///
/// # Errors
/// As [`read`].
pub fn read_within(text: &str, budget: Budget) -> Result<Node, YamlError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > budget.bytes {
        return Err(YamlError {
            line: 1,
            column: 1,
            message: format!(
                "the file has {} bytes; more than {} aren't read",
                text.len(),
                budget.bytes
            ),
        });
    }
    let mut options = granit_parser::Options::default();
    options.set_emit_comments(false);
    let mut reader = Reader {
        parser: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        budget,
    };
    let mut document = None;
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::StreamStart | Event::DocumentEnd => {}
            Event::StreamEnd => break,
            Event::DocumentStart(_, version) => {
                if document.is_some() {
                    return Err(fault(
                        &span,
                        "a second document starts here; one is expected",
                    ));
                }
                if version.is_some_and(|version| (version.major, version.minor) == (1, 1)) {
                    return Err(fault(&span, "YAML 1.1 is declared; 1.2 is expected"));
                }
            }
            event => document = Some(reader.node(event, &span, 0)?.node),
        }
    }
    Ok(document.unwrap_or(Value::Null.into()))
}

/// The lines of a text, from 1, that go on with a scalar begun above: what looks like a comment there is none,
/// up to the column, from 0, at which the scalar ends; none if it goes on to the line's end.
pub(crate) fn continued_lines(text: &str) -> HashMap<usize, Option<usize>> {
    let mut options = granit_parser::Options::default();
    options.set_emit_comments(false);
    let events = Parser::new_from_str_with_options(text, options);
    let mut lines = HashMap::new();
    for (event, span) in events.map_while(Result::ok) {
        if matches!(event, Event::Scalar(..)) {
            let (start, end) = (span.start.line(), span.end.line());
            lines.extend((start + 1..end).map(|line| (line, None)));
            // A block ends where the line after it begins.
            if end > start && span.end.col() > 0 {
                lines.insert(end, Some(span.end.col()));
            }
        }
    }
    lines
}

/// An anchored value: what repeating it costs.
#[derive(Clone)]
struct Anchored {
    node: Node,
    count: usize,
    height: usize,
}

/// A value with how many values it holds and how deep it goes.
struct Measured {
    node: Node,
    count: usize,
    height: usize,
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Anchored>,
    budget: Budget,
}

fn fault(span: &Span, message: impl Into<String>) -> YamlError {
    YamlError {
        line: span.start.line(),
        column: span.start.col() + 1,
        message: message.into(),
    }
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, YamlError> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok(pair)) => Ok(Some(pair)),
            Some(Err(error)) => Err(YamlError {
                line: error.marker().line(),
                column: error.marker().col() + 1,
                message: error.kind().to_string(),
            }),
        }
    }

    fn expect(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        self.next()?.ok_or_else(|| YamlError {
            line: 1,
            column: 1,
            message: "the file ends too soon".into(),
        })
    }

    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<Measured, YamlError> {
        if depth > self.budget.depth {
            return Err(fault(
                span,
                format!("more than {} levels of nesting", self.budget.depth),
            ));
        }
        let line = span.start.line();
        let (anchor, measured) = match event {
            Event::Alias(anchor) => return self.alias(anchor, span, depth),
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar_value(&text, style, tag.as_deref(), span)?;
                (anchor, Measured::scalar(Node { line, value }))
            }
            Event::SequenceStart(_, anchor, tag) => {
                check_tag(tag, "seq", span)?;
                (anchor, self.list(line, depth)?)
            }
            Event::MappingStart(_, anchor, tag) => {
                check_tag(tag, "map", span)?;
                (anchor, self.map(line, depth)?)
            }
            _ => return Err(fault(span, "a value is expected here")),
        };
        if anchor != 0 {
            let Measured {
                node,
                count,
                height,
            } = &measured;
            self.anchors.insert(
                anchor,
                Anchored {
                    node: node.clone(),
                    count: *count,
                    height: *height,
                },
            );
        }
        Ok(measured)
    }

    fn alias(&mut self, anchor: usize, span: &Span, depth: usize) -> Result<Measured, YamlError> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(fault(span, "this alias stands inside what it names"));
        };
        if anchored.count > self.budget.repeated {
            return Err(fault(
                span,
                "the aliases of this file repeat more values than are read (a YAML bomb?)",
            ));
        }
        if depth + anchored.height > self.budget.depth {
            return Err(fault(
                span,
                format!("more than {} levels of nesting", self.budget.depth),
            ));
        }
        self.budget.repeated -= anchored.count;
        let Anchored {
            node,
            count,
            height,
        } = anchored.clone();
        Ok(Measured {
            node,
            count,
            height,
        })
    }

    fn list(&mut self, line: usize, depth: usize) -> Result<Measured, YamlError> {
        let mut items = Vec::new();
        let (mut count, mut height) = (1, 0);
        loop {
            let (event, span) = self.expect()?;
            if event == Event::SequenceEnd {
                break;
            }
            let item = self.node(event, &span, depth + 1)?;
            count += item.count;
            height = height.max(item.height);
            items.push(item.node);
        }
        Ok(Measured {
            node: Node {
                line,
                value: Value::List(items),
            },
            count,
            height: height + 1,
        })
    }

    fn map(&mut self, line: usize, depth: usize) -> Result<Measured, YamlError> {
        let mut own = Map::new();
        let mut seen = HashSet::new();
        let mut merged: Option<Vec<Map>> = None;
        let (mut count, mut height) = (1, 0);
        loop {
            let (event, span) = self.expect()?;
            if event == Event::MappingEnd {
                break;
            }
            let is_merge =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = if is_merge {
                None
            } else {
                Some(self.key(event, &span, depth, &mut seen)?)
            };
            let (event, value_span) = self.expect()?;
            let value = self.node(event, &value_span, depth + 1)?;
            count += value.count;
            height = height.max(value.height);
            match key {
                Some(key) => own.push(key, span.start.line(), value.node),
                None if merged.is_some() => {
                    return Err(fault(&span, "a second << in the same map"));
                }
                None => merged = Some(maps_to_merge(value.node, &value_span)?),
            }
        }
        let map = match merged {
            Some(merged) => merge(merged, own),
            None => own,
        };
        Ok(Measured {
            node: Node {
                line,
                value: Value::Map(map),
            },
            count,
            height: height + 1,
        })
    }

    fn key(
        &mut self,
        event: Event<'a>,
        span: &Span,
        depth: usize,
        seen: &mut HashSet<String>,
    ) -> Result<Value, YamlError> {
        let key = self.node(event, span, depth + 1)?.node.value;
        let name = match &key {
            Value::Text(text) => format!("\"{text}"),
            Value::Null => String::new(),
            Value::Bool(yes) => u8::from(*yes).to_string(),
            Value::Integer(whole) => whole.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Timestamp(text) => text.clone(),
            Value::List(_) | Value::Map(_) => {
                return Err(fault(span, format!("{} can't be a key", key.kind())));
            }
        };
        if !seen.insert(name) {
            let shown = match &key {
                Value::Text(text) => shorten(text),
                other => super::emit::scalar_text(other),
            };
            return Err(fault(span, format!("the key {shown:?} stands here twice")));
        }
        Ok(key)
    }
}

impl Measured {
    fn scalar(node: Node) -> Self {
        Self {
            node,
            count: 1,
            height: 0,
        }
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn scalar_value(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    span: &Span,
) -> Result<Value, YamlError> {
    let plain = match tag {
        None if style == ScalarStyle::Plain => scalar::resolve(text),
        None => return Ok(Value::Text(text.to_owned())),
        Some(tag) => match tag.core_suffix() {
            Some("str") => return Ok(Value::Text(text.to_owned())),
            Some("float") => match scalar::resolve(text) {
                #[allow(clippy::cast_precision_loss)]
                Plain::Value(Value::Integer(whole)) => Plain::Value(Value::Float(whole as f64)),
                other => other,
            },
            Some("int" | "bool" | "null") => scalar::resolve(text),
            _ if tag.handle() == "!" && tag.suffix().is_empty() => {
                return Ok(Value::Text(text.to_owned()));
            }
            _ => return Err(unknown_tag(tag, span)),
        },
    };
    match plain {
        Plain::Value(value) => Ok(value),
        Plain::Merge => Err(fault(span, "<< is a key that merges maps, not a value")),
        Plain::Impossible(why) => Err(fault(span, format!("{}: {why}", shorten(text)))),
    }
}

fn unknown_tag(tag: &Tag, span: &Span) -> YamlError {
    fault(
        span,
        format!("the tag {} isn't known here: leave it out", tag.original()),
    )
}

fn check_tag(tag: Option<Cow<'_, Tag>>, expected: &str, span: &Span) -> Result<(), YamlError> {
    match tag {
        Some(tag) if tag.core_suffix() != Some(expected) => Err(unknown_tag(&tag, span)),
        _ => Ok(()),
    }
}

fn maps_to_merge(node: Node, span: &Span) -> Result<Vec<Map>, YamlError> {
    let wrong = || fault(span, "<< merges a map or a list of maps");
    match node.value {
        Value::Map(map) => Ok(vec![map]),
        Value::List(items) => items
            .into_iter()
            .map(|item| match item.value {
                Value::Map(map) => Ok(map),
                _ => Err(wrong()),
            })
            .collect(),
        _ => Err(wrong()),
    }
}

/// What is merged comes first; of a list, the later maps come first and the earlier win.
fn merge(merged: Vec<Map>, own: Map) -> Map {
    let mut all = Map::new();
    for entry in merged.into_iter().rev().flatten().chain(own) {
        match entry.key {
            Value::Text(key) => {
                let had = all.entry(&key).is_some();
                if had {
                    all.insert(key, entry.node);
                } else {
                    all.push(Value::Text(key), entry.line, entry.node);
                }
            }
            key => all.push(key, entry.line, entry.node),
        }
    }
    all
}
