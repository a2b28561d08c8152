//! JSON as Python's `json.dumps` writes it: the run cache's names are hashes of it, and what DVC prints
//! for programs is it.

use std::fmt::Write as _;

use mlops_repository::yaml::{Map, Value, float_text};

/// The text of a value, keys in their order.
#[must_use]
pub(crate) fn dumps(value: &Value) -> String {
    let mut text = String::new();
    push(value, None, &mut text);
    text
}

/// The text of a value, keys sorted; of maps, at any depth, without the keys `left_out`.
#[must_use]
pub(crate) fn dumps_sorted(value: &Value, left_out: &[&str]) -> String {
    let mut text = String::new();
    push(value, Some(left_out), &mut text);
    text
}

fn push(value: &Value, left_out: Option<&[&str]>, out: &mut String) {
    match value {
        Value::List(items) => {
            out.push('[');
            for (number, item) in items.iter().enumerate() {
                if number > 0 {
                    out.push_str(", ");
                }
                push(&item.value, left_out, out);
            }
            out.push(']');
        }
        Value::Map(map) => push_map(map, left_out, out),
        Value::Text(text) | Value::Timestamp(text) => push_text(text, out),
        scalar => out.push_str(&word(scalar)),
    }
}

fn push_map(map: &Map, left_out: Option<&[&str]>, out: &mut String) {
    let mut entries: Vec<(String, &Value)> = map
        .iter()
        .map(|entry| (word(&entry.key), &entry.node.value))
        .collect();
    if let Some(left_out) = left_out {
        entries.retain(|(key, _)| !left_out.contains(&key.as_str()));
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
    out.push('{');
    for (number, (key, value)) in entries.into_iter().enumerate() {
        if number > 0 {
            out.push_str(", ");
        }
        push_text(&key, out);
        out.push_str(": ");
        push(value, left_out, out);
    }
    out.push('}');
}

/// A scalar without quotes.
fn word(scalar: &Value) -> String {
    match scalar {
        Value::Bool(yes) => yes.to_string(),
        Value::Integer(whole) => whole.to_string(),
        Value::Float(number) if number.is_nan() => "NaN".into(),
        Value::Float(number) if number.is_infinite() => if *number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .into(),
        Value::Float(number) => float_text(*number),
        Value::Text(text) | Value::Timestamp(text) => text.clone(),
        Value::Null | Value::List(_) | Value::Map(_) => "null".into(),
    }
}

fn push_text(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='\u{7f}' => out.push(char),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use mlops_repository::yaml;

    use super::dumps_sorted;

    #[test]
    fn json_is_written_as_python_writes_it() {
        // Expected: Python 3.11, json.dumps(value, sort_keys=True).
        let value = yaml::read(
            "{b: [1, 1.0, 1e-05, true, null, .inf], a: {size: 3, \"é\": \"\\u007f\\n\\\"😀\\x01\"}, 1: x}",
        )
        .unwrap()
        .value;
        assert_eq!(
            dumps_sorted(&value, &["size"]),
            "{\"1\": \"x\", \"a\": {\"\\u00e9\": \"\u{7f}\\n\\\"\\ud83d\\ude00\\u0001\"}, \
             \"b\": [1, 1.0, 1e-05, true, null, Infinity]}"
        );
    }
}
