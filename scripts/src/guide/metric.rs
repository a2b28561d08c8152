//! `{{#metric file.json path.to.value format}}`: a number in a sentence, taken from where it was
//! measured, or from the YAML file where somebody decided it.

use std::path::Path;

use serde_json::Value;

use super::directive::Directive;
use super::sources::Sources;

/// The number as text.
///
/// # Errors
/// If the file, the key or the format isn't there or doesn't fit.
pub fn expand(directive: &Directive, sources: &Sources) -> Result<String, String> {
    let (file, path, format) = match directive.arguments.as_slice() {
        [file, path] => (file, path, None),
        [file, path, format] => (file, path, Some(format.as_str())),
        _ => return Err("expected: file.json path.to.value [format]".to_owned()),
    };
    let source = sources.in_example(file)?;
    let text = std::fs::read_to_string(&source.file)
        .map_err(|error| format!("`{}` can't be read: {error}", source.name))?;
    let is_yaml = Path::new(file).extension().is_some_and(|end| end == "yaml");
    let json: Value = if is_yaml {
        serde_saphyr::from_str(&text).map_err(|error| format!("`{}`: {error}", source.name))?
    } else {
        serde_json::from_str(&text)
            .map_err(|error| format!("`{}` isn't JSON: {error}", source.name))?
    };
    let value = look_up(&json, path).map_err(|message| format!("`{}` {message}", source.name))?;
    show(value, format).map_err(|message| format!("`{path}` {message}"))
}

/// Follows keys and positions (from 0), separated by dots.
fn look_up<'a>(json: &'a Value, path: &str) -> Result<&'a Value, String> {
    let mut value = json;
    let mut done = String::new();
    for key in path.split('.') {
        let next = match value {
            Value::Object(fields) => fields.get(key),
            Value::Array(items) => key.parse().ok().and_then(|at: usize| items.get(at)),
            _ => None,
        };
        value = next.ok_or_else(|| {
            let here = if done.is_empty() { "the top" } else { &done };
            format!("has no `{key}` in {here}; there is {}", choices(value))
        })?;
        if !done.is_empty() {
            done.push('.');
        }
        done.push_str(key);
    }
    Ok(value)
}

fn choices(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&str> = fields.keys().map(String::as_str).take(12).collect();
            if fields.len() > names.len() {
                names.push("…");
            }
            names.join(", ")
        }
        Value::Array(items) => format!("a list of {}", items.len()),
        other => format!("only {other}"),
    }
}

fn show(value: &Value, format: Option<&str>) -> Result<String, String> {
    let Some(format) = format else {
        return match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
            _ => Err("isn't a single value".to_owned()),
        };
    };
    let number = value
        .as_f64()
        .ok_or_else(|| format!("is {value}, not a number to be formatted"))?;
    let (style, decimals) = match format.split_once('.') {
        Some((style, digits)) => (style, digits.parse::<usize>().ok().filter(|n| *n <= 12)),
        None => (format, Some(0)),
    };
    match (style, decimals) {
        ("", Some(decimals)) if !format.is_empty() => Ok(format!("{number:.decimals$}")),
        ("percent", Some(decimals)) => Ok(format!("{:.decimals$} %", number * 100.0)),
        ("thousands", Some(decimals)) => Ok(grouped(&format!("{number:.decimals$}"))),
        _ => Err(format!(
            "can't be shown as `{format}`: use .3, percent, percent.1, thousands or thousands.2"
        )),
    }
}

/// Puts a comma before every third digit of the integer part.
fn grouped(number: &str) -> String {
    let (sign, rest) = match number.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", number),
    };
    let whole = rest.split('.').next().unwrap_or_default();
    let mut out = sign.to_owned();
    for (index, digit) in rest.chars().enumerate() {
        if index > 0 && index < whole.len() && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide::testing::{directive, sources, write};

    const SCORES: &str = r#"{
        "model": {"roc_auc": 0.88649, "name": "boosting", "ci": [0.88, 0.89]},
        "rows": 145460, "share": 0.2242, "change": -1234.5
    }"#;

    fn metric(arguments: &[&str]) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "example/metrics/scores.json", SCORES);
        let mut all = vec!["metrics/scores.json"];
        all.extend(arguments);
        expand(&directive("metric", &all), &sources(folder.path()))
    }

    #[test]
    fn numbers_are_rounded_grouped_and_made_percentages() {
        let show = |arguments: &[&str]| metric(arguments).unwrap();
        assert_eq!(show(&["model.roc_auc", ".3"]), "0.886");
        assert_eq!(show(&["share", "percent.1"]), "22.4 %");
        assert_eq!(show(&["share", "percent"]), "22 %");
        assert_eq!(show(&["rows", "thousands"]), "145,460");
        assert_eq!(show(&["change", "thousands.1"]), "-1,234.5");
        assert_eq!(show(&["model.ci.1", ".2"]), "0.89");
        assert_eq!(show(&["model.name"]), "boosting");
        assert_eq!(show(&["rows"]), "145460");
        assert_eq!(grouped("100"), "100");
        assert_eq!(grouped("-100000"), "-100,000");
    }

    #[test]
    fn a_decision_comes_from_its_yaml() {
        let folder = tempfile::tempdir().unwrap();
        let text = "evaluate:\n  bootstrap_rounds: 2000 # enough\n";
        write(folder.path(), "example/params.yaml", text);
        let arguments = ["params.yaml", "evaluate.bootstrap_rounds", "thousands"];
        let shown = expand(&directive("metric", &arguments), &sources(folder.path()));
        assert_eq!(shown.unwrap(), "2,000");
    }

    #[test]
    fn what_isnt_there_is_named() {
        let message = |arguments: &[&str]| metric(arguments).unwrap_err();
        assert_eq!(
            message(&["model.auc", ".3"]),
            "`example/metrics/scores.json` has no `auc` in model; there is roc_auc, name, ci"
        );
        assert_eq!(
            message(&["nope"]),
            "`example/metrics/scores.json` has no `nope` in the top; there is model, rows, share, change"
        );
        assert_eq!(
            message(&["model.ci.7"]),
            "`example/metrics/scores.json` has no `7` in model.ci; there is a list of 2"
        );
        assert_eq!(message(&["model"]), "`model` isn't a single value");
        assert_eq!(
            message(&["model.name", ".2"]),
            "`model.name` is \"boosting\", not a number to be formatted"
        );
        assert_eq!(
            message(&["rows", "euro"]),
            "`rows` can't be shown as `euro`: use .3, percent, percent.1, thousands or thousands.2"
        );
        assert_eq!(message(&[]), "expected: file.json path.to.value [format]");
    }

    #[test]
    fn a_file_that_isnt_json_is_named() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "example/a.json", "{");
        let error = expand(
            &directive("metric", &["a.json", "x"]),
            &sources(folder.path()),
        );
        assert!(
            error
                .unwrap_err()
                .starts_with("`example/a.json` isn't JSON")
        );
    }
}
