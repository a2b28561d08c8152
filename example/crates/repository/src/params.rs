//! Files of parameters: YAML, JSON and TOML.

use crate::yaml::{self, Map, Node, Value};

use crate::error::{RepositoryError, Result};
use crate::source::Source;

/// The file that parameters are taken from where none is named.
pub const DEFAULT_FILE: &str = "params.yaml";

/// Why a file of Python isn't read.
pub(crate) const NO_PYTHON: &str =
    "parameters in Python aren't read: write them as YAML, JSON or TOML";

/// Reads a file of parameters or metrics by the ending of its name; an empty one is an empty map,
/// one that isn't there is `None`.
///
/// # Errors
/// If it can't be read or isn't what its name says, with the line.
pub fn read_file(source: &Source, path: &str) -> Result<Option<Node>> {
    let Some(text) = source.text(path)? else {
        return Ok(None);
    };
    parse(path, &text).map(Some)
}

/// Reads the text of a file of parameters or metrics by the ending of its name.
///
/// # Errors
/// If it isn't what its name says, with the line.
pub fn parse(path: &str, text: &str) -> Result<Node> {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    let node = match ending.to_ascii_lowercase().as_str() {
        "json" => json(path, text)?,
        "toml" => toml(path, text)?,
        "py" => {
            return Err(RepositoryError::at(path, 1, "", NO_PYTHON));
        }
        _ => yaml::read(text)
            .map_err(|error| RepositoryError::at(path, error.line, "", error.message))?,
    };
    Ok(match node.value {
        Value::Null => Node {
            line: node.line,
            value: Value::Map(Map::new()),
        },
        _ => node,
    })
}

/// The value of `a.b.0`: maps by key, lists by number.
#[must_use]
pub fn select<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    key.split('.').try_fold(node, |node, step| match &node.value {
        Value::Map(map) => map.get(step).or_else(|| {
            // A key that was written as a number.
            map.iter()
                .find(|entry| matches!(&entry.key, Value::Integer(whole) if whole.to_string() == step))
                .map(|entry| &entry.node)
        }),
        Value::List(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// The tracked values of a file: those of `keys`, or all at the top if there are none.
///
/// # Errors
/// If one is a date, which DVC's lock can't hold.
pub fn tracked(path: &str, node: &Node, keys: &[String]) -> Result<Map> {
    let Value::Map(map) = &node.value else {
        return Err(RepositoryError::at(
            path,
            1,
            "",
            "a map of names to values is expected",
        ));
    };
    let mut values = Map::new();
    if keys.is_empty() {
        values = map.clone();
    }
    for key in keys {
        if let Some(found) = select(node, key) {
            values.insert(key.clone(), found.clone());
        }
    }
    refuse_dates(path, &values)?;
    Ok(values)
}

/// Refuses unquoted dates: DVC stops with "unsupported value of type 'date'".
pub fn refuse_dates(path: &str, map: &Map) -> Result<()> {
    for entry in map {
        let key = entry.key.as_text().unwrap_or_default();
        refuse_date(path, key, &entry.node)?;
    }
    Ok(())
}

fn refuse_date(path: &str, key: &str, node: &Node) -> Result<()> {
    match &node.value {
        Value::Timestamp(text) => Err(RepositoryError::at(
            path,
            node.line,
            key,
            format!("the date {text} must be quoted ('{text}'): DVC can't track dates"),
        )),
        Value::List(items) => items
            .iter()
            .try_for_each(|item| refuse_date(path, key, item)),
        Value::Map(map) => map.iter().try_for_each(|entry| {
            let inner = entry.key.as_text().unwrap_or_default();
            refuse_date(path, &format!("{key}.{inner}"), &entry.node)
        }),
        _ => Ok(()),
    }
}

fn json(path: &str, text: &str) -> Result<Node> {
    if text.trim().is_empty() {
        return Err(RepositoryError::at(
            path,
            1,
            "",
            "the file is empty, JSON is expected",
        ));
    }
    let text = mark_non_finite(text);
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
        RepositoryError::at(path, error.line(), "", format!("this is no JSON: {error}"))
    })?;
    Ok(from_json(&value).into())
}

/// What a bare `NaN` or `Infinity` is made into before JSON is read: Python writes and reads them.
const NON_FINITE: char = '\u{0}';

fn mark_non_finite(text: &str) -> std::borrow::Cow<'_, str> {
    const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];
    if !WORDS.iter().any(|word| text.contains(word)) {
        return text.into();
    }
    let mut marked = String::with_capacity(text.len() + 16);
    let mut rest = text;
    let mut inside = false;
    while let Some(char) = rest.chars().next() {
        let word = WORDS
            .iter()
            .find(|word| !inside && rest.starts_with(**word));
        if let Some(word) = word {
            marked.push_str(&format!("\"\\u{:04x}{word}\"", u32::from(NON_FINITE)));
            rest = &rest[word.len()..];
            continue;
        }
        let mut taken = char.len_utf8();
        if inside && char == '\\' {
            taken += rest[1..].chars().next().map_or(0, char::len_utf8);
        } else if char == '"' {
            inside = !inside;
        }
        marked.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    marked.into()
}

/// A JSON value in the form that all parameters have.
#[must_use]
pub fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(yes) => Value::Bool(*yes),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::Integer(whole.into()),
            (None, Some(whole)) => Value::Integer(whole.into()),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => match text.strip_prefix(NON_FINITE) {
            Some("NaN") => Value::Float(f64::NAN),
            Some("Infinity") => Value::Float(f64::INFINITY),
            Some("-Infinity") => Value::Float(f64::NEG_INFINITY),
            _ => Value::Text(text.clone()),
        },
        serde_json::Value::Array(items) => {
            Value::List(items.iter().map(|item| from_json(item).into()).collect())
        }
        serde_json::Value::Object(map) => Value::Map(
            map.iter()
                .map(|(key, value)| (key.clone(), from_json(value)))
                .collect(),
        ),
    }
}

fn toml(path: &str, text: &str) -> Result<Node> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = 1 + text.as_bytes()[..at]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        RepositoryError::at(
            path,
            line,
            "",
            format!("this is no TOML: {}", error.message()),
        )
    })?;
    Ok(from_toml(&toml::Value::Table(table)).into())
}

fn from_toml(toml: &toml::Value) -> Value {
    match toml {
        toml::Value::String(text) => Value::Text(text.clone()),
        toml::Value::Integer(whole) => Value::Integer((*whole).into()),
        toml::Value::Float(number) => Value::Float(*number),
        toml::Value::Boolean(yes) => Value::Bool(*yes),
        toml::Value::Datetime(moment) => Value::Timestamp(moment.to_string()),
        toml::Value::Array(items) => {
            Value::List(items.iter().map(|item| from_toml(item).into()).collect())
        }
        toml::Value::Table(table) => Value::Map(
            table
                .iter()
                .map(|(key, value)| (key.clone(), from_toml(value)))
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(path: &str, text: &str) -> String {
        yaml::write(&parse(path, text).unwrap().value)
    }

    #[test]
    fn the_three_formats_give_the_same_values() {
        let yaml = "lr: 1e-05\nlayers: [64, 32]\nnet: {depth: 3, name: 'x'}\n";
        let json = r#"{"lr": 1e-05, "layers": [64, 32], "net": {"depth": 3, "name": "x"}}"#;
        let toml = "lr = 1e-5\nlayers = [64, 32]\n[net]\ndepth = 3\nname = \"x\"\n";
        let expected = "lr: 1e-05\nlayers:\n- 64\n- 32\nnet:\n  depth: 3\n  name: x\n";
        assert_eq!(shown("p.yaml", yaml), expected);
        assert_eq!(shown("p.json", json), expected);
        assert_eq!(shown("p.toml", toml), expected);
    }

    #[test]
    fn numbers_that_are_none_are_read_as_python_writes_them() {
        let text = r#"{"a": NaN, "b": [-Infinity, Infinity], "c": "NaN \" Infinity"}"#;
        assert_eq!(
            shown("m.json", text),
            "a: .nan\nb:\n- -.inf\n- .inf\nc: NaN \" Infinity\n"
        );
    }

    #[test]
    fn keys_walk_maps_and_lists() {
        let node = parse("p.yaml", "a: {b: [x, {c: 1}]}\n'7': s\n1: n\n").unwrap();
        let at = |key| select(&node, key).map(|node| yaml::write(&Value::List(vec![node.clone()])));
        assert_eq!(at("a.b.1.c").as_deref(), Some("- 1\n"));
        assert_eq!(at("7").as_deref(), Some("- s\n"));
        assert_eq!(at("1").as_deref(), Some("- n\n"));
        assert_eq!(at("a.b.2"), None);
        assert_eq!(at("a.b.x"), None);
    }

    #[test]
    fn errors_name_the_file_and_the_line() {
        let fault = |path: &str, text: &str| parse(path, text).unwrap_err().to_string();
        assert!(fault("a/p.toml", "a = 1\nb = \n").starts_with("a/p.toml:2: this is no TOML"));
        assert!(fault("p.json", "{\n\"a\": }").starts_with("p.json:2: this is no JSON"));
        assert!(fault("p.yaml", "a: 1\na: 2\n").starts_with("p.yaml:2: "));
        assert!(fault("p.py", "a = 1").contains("Python"));
        let node = parse("p.yaml", "a:\n  b: 2015-07-01\n").unwrap();
        let fault = tracked("p.yaml", &node, &[]).unwrap_err().to_string();
        assert_eq!(
            fault,
            "p.yaml:2: a.b: the date 2015-07-01 must be quoted ('2015-07-01'): DVC can't track dates"
        );
    }
}
