//! How a value stands in a text: as DVC, which is to say Python, puts it there.

use crate::yaml::{Map, Value, float_text};

/// How maps become options of a command: `parsing` of `.dvc/config`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OptionStyle {
    /// `parsing.bool = boolean_optional`: false is written `--no-key` instead of left out.
    pub negated: bool,
    /// `parsing.list = append`: `--key a --key b` instead of `--key a b`.
    pub appended: bool,
}

/// A scalar in a text.
pub(crate) fn scalar(value: &Value) -> Result<String, String> {
    match value {
        Value::Bool(yes) => Ok(yes.to_string()),
        Value::List(_) | Value::Map(_) => Err(format!("{} can't stand in a text", value.kind())),
        other => python_scalar(other),
    }
}

/// `str(value)` of Python.
fn python_scalar(value: &Value) -> Result<String, String> {
    Ok(match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Integer(whole) => whole.to_string(),
        Value::Float(number) if number.is_nan() => "nan".into(),
        Value::Float(number) if number.is_infinite() => {
            if *number > 0.0 { "inf" } else { "-inf" }.into()
        }
        Value::Float(number) => float_text(*number),
        Value::Text(text) | Value::Timestamp(text) => text.clone(),
        Value::List(_) | Value::Map(_) => return Err(format!("{} can't stand here", value.kind())),
    })
}

/// A map as options: `--lr 0.1 --layers 64 32 --verbose`; nested keys are joined with dots.
pub(super) fn options(map: &Map, style: OptionStyle) -> Result<String, String> {
    let mut words = Vec::new();
    push_options(map, "", style, &mut words)?;
    Ok(words.join(" "))
}

fn push_options(
    map: &Map,
    above: &str,
    style: OptionStyle,
    words: &mut Vec<String>,
) -> Result<(), String> {
    for entry in map {
        let key = format!("{above}{}", python_scalar(&entry.key)?);
        match &entry.node.value {
            Value::Map(inner) => push_options(inner, &format!("{key}."), style, words)?,
            Value::Bool(true) => words.push(format!("--{key}")),
            Value::Bool(false) if style.negated => words.push(format!("--no-{key}")),
            Value::Bool(false) => {}
            Value::List(items) => {
                for (number, item) in items.iter().enumerate() {
                    let text = match &item.value {
                        Value::Text(text) => quote(text),
                        Value::List(_) | Value::Map(_) => {
                            return Err(format!("the list {key:?} holds {}", item.value.kind()));
                        }
                        other => python_scalar(other)?,
                    };
                    if number == 0 || style.appended {
                        words.push(format!("--{key}"));
                    }
                    words.push(text);
                }
            }
            Value::Text(text) => words.extend([format!("--{key}"), quote(text)]),
            other => words.extend([format!("--{key}"), python_scalar(other)?]),
        }
    }
    Ok(())
}

/// A word that a POSIX shell takes as it is.
fn quote(word: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "@%+=:,./-_".contains(char);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\"'\"'"))
    }
}
