//! `${…}`: values of `params.yaml`, of `vars`, and of a generated stage, put where they are named.

mod expression;
pub(crate) mod text;
mod variables;

#[cfg(test)]
mod tests;

use std::cell::RefCell;

use crate::yaml::{Map, Node, Value};

use expression::{Reference, references, steps};
pub use text::OptionStyle;
pub(crate) use variables::{Loading, Used, Variables};

/// What is wrong, and in which line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub line: usize,
    pub message: String,
}

/// What names stand for in one stage.
pub(crate) struct Scope<'a> {
    variables: &'a Variables,
    /// `item` and `key` of a generated stage; they hide what else has these names.
    generated: Vec<(&'static str, Node)>,
    style: OptionStyle,
    used: RefCell<Used>,
}

/// Where a text stands, which decides what may be put into it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Place {
    /// In `cmd`, where a map becomes options.
    Command,
    /// Elsewhere in a stage: scalars only.
    Stage,
    /// What a group of stages is made from: anything, as a whole.
    Group,
}

impl<'a> Scope<'a> {
    pub fn new(variables: &'a Variables, style: OptionStyle) -> Self {
        Self {
            variables,
            generated: Vec::new(),
            style,
            used: RefCell::default(),
        }
    }

    pub fn with(mut self, generated: Vec<(&'static str, Node)>) -> Self {
        self.generated = generated;
        self
    }

    /// What was taken from files, by file and path.
    pub fn used(self) -> Used {
        self.used.into_inner()
    }

    /// The value with every reference in it, keys included, put in.
    pub fn resolve(&self, node: &Node, place: Place) -> Result<Node, Fault> {
        let at = |line: usize| move |message| Fault { line, message };
        let value = match &node.value {
            Value::Text(text) => {
                let put = self.resolve_text(text, place).map_err(at(node.line))?;
                return Ok(Node {
                    line: node.line,
                    value: put,
                });
            }
            Value::List(items) => Value::List(
                items
                    .iter()
                    .map(|item| self.resolve(item, place))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Map(map) => {
                let mut resolved = Map::new();
                for entry in map {
                    let key = match &entry.key {
                        Value::Text(key) => {
                            self.resolve_text(key, place).map_err(at(entry.line))?
                        }
                        other => other.clone(),
                    };
                    let node = self.resolve(&entry.node, place)?;
                    match key {
                        Value::Text(key) => resolved.insert(
                            key,
                            Node {
                                line: node.line,
                                ..node
                            },
                        ),
                        key => resolved.push(key, entry.line, node),
                    }
                }
                Value::Map(resolved)
            }
            other => other.clone(),
        };
        Ok(Node {
            line: node.line,
            value,
        })
    }

    /// A text that is one reference becomes its value, of whatever kind; else a text.
    pub fn resolve_text(&self, text: &str, place: Place) -> Result<Value, String> {
        let found = references(text);
        if let [Reference { range, inner }] = found.as_slice()
            && *range == (0..text.len())
        {
            let value = &self.select(inner)?.value;
            if place != Place::Group {
                self.check(inner, value, place)?;
            }
            self.variables.spend_value(value)?;
            return Ok(value.clone());
        }
        self.variables.spend_text(text)?;
        let mut put = String::with_capacity(text.len());
        let mut from = 0;
        for Reference { range, inner } in found {
            put.push_str(&text[from..range.start]);
            from = range.end;
            let value = &self.select(inner)?.value;
            self.check(inner, value, place)?;
            self.variables.spend_value(value)?;
            match value {
                Value::Map(map) => put.push_str(
                    &text::options(map, self.style)
                        .map_err(|message| format!("${{{inner}}} as options: {message}"))?,
                ),
                other => put.push_str(&text::scalar(other)?),
            }
        }
        put.push_str(&text[from..]);
        Ok(Value::Text(put.replace("\\${", "${")))
    }

    fn check(&self, inner: &str, value: &Value, place: Place) -> Result<(), String> {
        match value {
            Value::Map(_) if place == Place::Command => Ok(()),
            Value::Map(_) | Value::List(_) => Err(format!(
                "${{{inner}}} is {}, which can't stand here{}",
                value.kind(),
                if matches!(value, Value::Map(_)) {
                    ": only in cmd, where it becomes options"
                } else {
                    ": name one of its items, ${list[0]}"
                }
            )),
            _ => Ok(()),
        }
    }

    fn select(&self, inner: &str) -> Result<&Node, String> {
        let path = steps(inner)?;
        let missing = |at: usize, why: &str| {
            let found = path[..at].join(".");
            if at == 0 {
                format!("${{{inner}}}: there is no {:?}{}", path[0], self.names())
            } else {
                format!("${{{inner}}}: {found:?} {why} {:?}", path[at])
            }
        };
        let mut node = self
            .generated
            .iter()
            .find(|(name, _)| *name == path[0])
            .map(|(_, node)| node)
            .or_else(|| self.variables.get(path[0]))
            .ok_or_else(|| missing(0, ""))?;
        for (at, step) in path.iter().enumerate().skip(1) {
            node = match &node.value {
                Value::Map(map) => map.get(step).ok_or_else(|| missing(at, "has no key"))?,
                Value::List(items) => {
                    item(items, step).ok_or_else(|| missing(at, "is a list without item"))?
                }
                _ => return Err(missing(at, "is a single value, without")),
            };
        }
        if !self.generated.iter().any(|(name, _)| *name == path[0])
            && let Some(source) = self.variables.source(path[0])
            && !matches!(node.value, Value::Map(_))
        {
            self.used
                .borrow_mut()
                .entry(source.to_owned())
                .or_default()
                .insert(path.join("."), node.clone());
        }
        Ok(node)
    }

    fn names(&self) -> String {
        let generated = self.generated.iter().map(|(name, _)| (*name).to_owned());
        let names: Vec<String> = generated.chain(self.variables.names()).take(12).collect();
        if names.is_empty() {
            " (no params.yaml beside dvc.yaml, no vars)".into()
        } else {
            format!("; there are {}", names.join(", "))
        }
    }
}

/// An item by its number; negative numbers count from the end.
fn item<'n>(items: &'n [Node], step: &str) -> Option<&'n Node> {
    let number: isize = step.parse().ok()?;
    let at = if number < 0 {
        items.len().checked_sub(number.unsigned_abs())?
    } else {
        number.unsigned_abs()
    };
    items.get(at)
}

/// Whether a value has a reference anywhere in it.
pub(crate) fn has_references(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) => !references(text).is_empty(),
        Value::List(items) => items.iter().any(has_references),
        Value::Map(map) => map.iter().any(|entry| {
            has_references(&entry.node)
                || entry
                    .key
                    .as_text()
                    .is_some_and(|key| !references(key).is_empty())
        }),
        _ => false,
    }
}
