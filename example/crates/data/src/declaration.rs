//! Declarations (contract.yaml, params.yaml and the like) read from YAML, with errors in the
//! words of who writes them and not in those of the parser.

use serde::de::DeserializeOwned;

use crate::contract::nearest;

/// Reads a declaration; an error is one line that says where and what instead.
///
/// # Errors
/// If the text isn't YAML, or not of the form that `T` has.
pub fn from_yaml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_saphyr::from_str(text).map_err(|error| plainly(&error.to_string()))
}

/// The first line of what a parser of YAML or JSON says, plainly: its type names and options are left out,
/// and for a name that it doesn't know the nearest one that it does. What isn't known here stays as it is.
pub fn plainly(said: &str) -> String {
    let line = said.lines().next().unwrap_or(said);
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let (place, what) = split_place(line);
    format!("{place}{}", reworded(what))
}

/// `line 2 column 1: ` and what follows.
fn split_place(line: &str) -> (&str, &str) {
    let after = line.strip_prefix("line ").and_then(|_| line.find(": "));
    match after {
        Some(at) => line.split_at(at + 2),
        None => ("", line),
    }
}

fn reworded(what: &str) -> String {
    if let Some(name) = what
        .strip_prefix("duplicate mapping key: ")
        .and_then(|rest| rest.split(", set DuplicateKeyPolicy").next())
    {
        return format!("{name} is there twice: keep one");
    }
    if let Some((name, known)) = unknown(what, "unknown field ") {
        return format!("unknown field `{name}`{}", instead(name, &known));
    }
    if let Some((name, known)) = unknown(what, "unknown variant ") {
        return format!("unknown variant `{name}`{}", instead(name, &known));
    }
    if let Some((got, expected)) = what
        .strip_prefix("invalid type: ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        // JSON's parser counts the characters of a text that nobody wrote.
        let expected = expected.split(" at line ").next().unwrap_or(expected);
        return format!(
            "this is {}, where {} is expected",
            found(got),
            type_name(expected)
        );
    }
    match what {
        "expected mapping start" => "keys with values are expected here, as in `key: value`".into(),
        "expected sequence start" => "a list is expected here, as in `[a, b]`".into(),
        "invalid floating point" => "a number is expected here".into(),
        "invalid length 1, expected an array of length 2" => "two values are expected here".into(),
        other if other.starts_with("unexpected end of input") => {
            format!("the text is empty or ends too early ({other})")
        }
        other => other.into(),
    }
}

/// The unknown name, and the known ones.
fn unknown<'a>(what: &'a str, prefix: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let (name, known) = what.strip_prefix(prefix)?.split_once(", expected ")?;
    let known = known.strip_prefix("one of ").unwrap_or(known);
    let known = known.split(" at line ").next().unwrap_or(known);
    let names = known.split([',']).flat_map(|name| name.split(" or "));
    let bare = |name: &'a str| name.trim().trim_matches('`');
    Some((bare(name), names.map(bare).collect()))
}

/// The nearest known name, or all.
fn instead(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(other) => format!("; did you mean `{other}`?"),
        None => format!(", expected one of {}", known.join(", ")),
    }
}

fn found(got: &str) -> &str {
    match got {
        "null" | "unit value" => "nothing",
        "sequence" => "a list",
        "map" => "keys with values",
        // The value itself says of which type it is.
        other => ["integer ", "floating point ", "boolean ", "string "]
            .iter()
            .find_map(|kind| other.strip_prefix(kind))
            .unwrap_or(other)
            .trim_matches('`'),
    }
}

/// A type of the program, as the writer of a file knows it.
fn type_name(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" | "a JSON number" => "a number",
        "a boolean" => "true or false",
        "a string" => "a text",
        "a sequence" => "a list",
        "a map" => "an object of keys with values",
        other if other.starts_with("struct ") => "an object of keys with values",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)] // only read from text
    struct Declared {
        table: String,
        key: Vec<String>,
        #[serde(default)]
        share: f64,
        #[serde(default)]
        kind: Option<crate::contract::Kind>,
    }

    #[test]
    fn an_error_names_what_the_writer_knows() {
        let said = |text: &str| from_yaml::<Declared>(text).unwrap_err();
        let all = [
            "",
            "[1, 2]",
            "table: a\ntable: b\nkey: [c]",
            "tablex: a\nkey: [c]",
            "weather: a\nkey: [c]",
            "table: a\nkey: c",
            "table: a",
            "table: a\nkey: [c]\nshare: much",
            "table: a\nkey: [c]\nkind: numbeer",
            "table: a\nkey: [c]\nkind: blue",
        ]
        .map(said);
        insta::assert_snapshot!(all.join("\n"), @r"
        the text is empty or ends too early (unexpected end of input at line 1, column 1)
        line 1 column 1: keys with values are expected here, as in `key: value`
        line 2 column 1: table is there twice: keep one
        line 1 column 1: unknown field `tablex`; did you mean `table`?
        line 1 column 1: unknown field `weather`, expected one of table, key, share, kind
        line 2 column 6: a list is expected here, as in `[a, b]`
        line 1 column 1: missing field `key`
        line 3 column 8: a number is expected here
        line 3 column 7: unknown variant `numbeer`; did you mean `number`?
        line 3 column 7: unknown variant `blue`, expected one of date, number, category
        ");
    }

    #[test]
    fn jsons_errors_are_reworded_too() {
        let said = |text: &str| {
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            plainly(
                &serde_json::from_value::<Declared>(value)
                    .unwrap_err()
                    .to_string(),
            )
        };
        let all = [
            r#"{"table": 1, "key": []}"#,
            r#"{"table": "a", "key": null}"#,
            r#"{"table": "a", "key": [], "share": "x"}"#,
            r#"{"table": "a", "kee": []}"#,
        ]
        .map(said);
        insta::assert_snapshot!(all.join("\n"), @r#"
        this is 1, where a text is expected
        this is nothing, where a list is expected
        this is "x", where a number is expected
        unknown field `kee`; did you mean `key`?
        "#);
    }
}
