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
    let value: serde_json::Value = serde_json::from_str(&mark_numbers(text)).map_err(|error| {
        RepositoryError::at(path, error.line(), "", format!("this is no JSON: {error}"))
    })?;
    let value = from_json(&value);
    refuse_long(path, text, &value)?;
    Ok(value.into())
}

/// Begins the text that a number is made into which `serde_json` doesn't read, or not exactly: `NaN` and `Infinity`, which
/// Python writes and reads; whole numbers of more than 64 bits; and fractions of which it reads a neighbour.
const MARK: char = '\u{0}';

fn mark_numbers(text: &str) -> std::borrow::Cow<'_, str> {
    let mut marked = String::new();
    let mut copied = 0;
    let mut at = 0;
    let mut inside = false;
    let bytes = text.as_bytes();
    while at < bytes.len() {
        let byte = bytes[at];
        if inside || byte == b'"' {
            inside = (byte == b'"') != inside;
            at += if byte == b'\\' { 2 } else { 1 };
            continue;
        }
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        let length = bytes[at..].iter().take_while(|byte| is_part(byte)).count();
        let word = text.get(at..at + length).unwrap_or_default();
        if needs_mark(word) {
            marked.push_str(&text[copied..at]);
            marked.push_str(&format!("\"\\u{:04x}{word}\"", u32::from(MARK)));
            copied = at + length;
        }
        at += length.max(1);
    }
    if copied == 0 {
        return text.into();
    }
    marked.push_str(&text[copied..]);
    marked.into()
}

fn needs_mark(word: &str) -> bool {
    let begins = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
    if !word.as_bytes().first().is_some_and(begins) || !is_number(word) {
        return matches!(word, "NaN" | "Infinity" | "-Infinity");
    }
    if is_whole(word) {
        return word.parse::<i64>().is_err() && word.parse::<u64>().is_err() || word == "-0";
    }
    serde_json::from_str::<f64>(word).ok() != word.parse::<f64>().ok()
}

fn is_whole(number: &str) -> bool {
    !number.contains(['.', 'e', 'E'])
}

/// Whether a word is a number as JSON wants it.
fn is_number(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let word = word.strip_prefix('-').unwrap_or(word);
    let (number, power) = match word.split_once(['e', 'E']) {
        Some((number, power)) => (
            number,
            Some(power.strip_prefix(['+', '-']).unwrap_or(power)),
        ),
        None => (word, None),
    };
    let (whole, part) = match number.split_once('.') {
        Some((whole, part)) => (whole, Some(part)),
        None => (number, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && part.is_none_or(digits)
        && power.is_none_or(digits)
}

/// The number that a text was made of.
fn marked_number(word: &str) -> Value {
    match word {
        "NaN" => Value::Float(f64::NAN),
        "Infinity" => Value::Float(f64::INFINITY),
        "-Infinity" => Value::Float(f64::NEG_INFINITY),
        whole if is_whole(whole) => match whole.parse::<i128>() {
            Ok(whole) => Value::Integer(whole),
            // No number of this program's: told of where the line is known.
            Err(_) => Value::Text(format!("{MARK}{whole}")),
        },
        number => number
            .parse()
            .map_or_else(|_| Value::Text(number.into()), Value::Float),
    }
}

/// Refuses whole numbers that are too long for this program.
fn refuse_long(path: &str, text: &str, value: &Value) -> Result<()> {
    match value {
        Value::Text(word) if word.starts_with(MARK) && is_number(&word[1..]) => {
            let line = text.lines().position(|line| line.contains(&word[1..]));
            Err(RepositoryError::at(
                path,
                line.map_or(1, |line| line + 1),
                "",
                format!(
                    "the number {} has more than 38 digits: quote it if it is a text",
                    &word[1..]
                ),
            ))
        }
        Value::List(items) => items
            .iter()
            .try_for_each(|item| refuse_long(path, text, &item.value)),
        Value::Map(map) => map
            .iter()
            .try_for_each(|entry| refuse_long(path, text, &entry.node.value)),
        _ => Ok(()),
    }
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
        serde_json::Value::String(text) => match text.strip_prefix(MARK) {
            Some(word) if needs_mark(word) => marked_number(word),
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
    fn numbers_in_json_are_exact() {
        // Expected: what Python 3.11's json.loads and ruamel.yaml make of it.
        let text = r#"{"a": 0.9731049537658691, "b": [123456789012345678901234567890, -18446744073709551616],
            "c": "0.9731049537658691 \\", "d": 1E400, "e": -0, "f": 5e-324, "g": 18446744073709551615}"#;
        assert_eq!(
            shown("m.json", text),
            "a: 0.9731049537658691\nb:\n- 123456789012345678901234567890\n- -18446744073709551616\n\
             c: 0.9731049537658691 \\\nd: .inf\ne: 0\nf: 5e-324\ng: 18446744073709551615\n"
        );
        for wrong in ["1.2.3", "01", "--1", "1e", ".5", "1.", "0x10", "-NaN"] {
            let text = format!("{{\n\"a\": {wrong}}}");
            let told = parse("m.json", &text).unwrap_err().to_string();
            assert!(told.starts_with("m.json:2: this is no JSON"), "{told}");
        }
        let long = format!("{{\n\"a\":\n{}}}", "9".repeat(39));
        let told = parse("m.json", &long).unwrap_err().to_string();
        assert!(told.starts_with("m.json:3: the number 999"), "{told}");
    }

    proptest::proptest! {
        #[test]
        fn any_fraction_in_json_is_read_as_itself(bits: u64) {
            let number = f64::from_bits(bits);
            proptest::prop_assume!(number.is_finite());
            let node = parse("m.json", &format!("[{number:e}]")).unwrap();
            let Value::List(items) = &node.value else { panic!("no list") };
            let Value::Float(read) = items[0].value else { panic!("no fraction") };
            proptest::prop_assert_eq!(read.to_bits(), bits);
        }
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
