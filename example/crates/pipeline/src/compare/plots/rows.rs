//! Values to draw, out of a file.

use mlops_repository::yaml::{Map, Node, Value};

use crate::error::{PipelineError, Result};

/// The rows of a file of values: CSV, TSV, or a list of maps in JSON or YAML.
pub(super) fn rows(file: &str, text: &str, header: bool) -> Result<Vec<Map>> {
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    let separator = match ending.to_ascii_lowercase().as_str() {
        "csv" => ',',
        "tsv" => '\t',
        "json" | "yaml" | "yml" => {
            let node = mlops_repository::params::parse(file, text)?;
            return list_of_maps(&node).ok_or_else(|| PipelineError::Unreadable {
                file: file.to_owned(),
                message: "a list of maps is expected in it".into(),
            });
        }
        other => {
            return Err(PipelineError::Unreadable {
                file: file.to_owned(),
                message: format!("{other:?} files can't be plotted: CSV, TSV, JSON and YAML can"),
            });
        }
    };
    let mut lines = separated(text, separator).into_iter();
    let mut names: Option<Vec<String>> = None;
    let mut rows = Vec::new();
    if header {
        names = lines.next();
    }
    for cells in lines {
        let names =
            names.get_or_insert_with(|| (0..cells.len()).map(|at| at.to_string()).collect());
        rows.push(
            names
                .iter()
                .zip(cells)
                .map(|(name, cell)| (name.clone(), Value::Text(cell)))
                .collect(),
        );
    }
    Ok(rows)
}

/// The first list of maps in a value.
fn list_of_maps(node: &Node) -> Option<Vec<Map>> {
    match &node.value {
        Value::List(items) => items
            .iter()
            .map(|item| item.value.as_map().cloned())
            .collect(),
        Value::Map(map) => map.iter().find_map(|entry| list_of_maps(&entry.node)),
        _ => None,
    }
}

/// The cells of each line, quotes taken off.
fn separated(text: &str, separator: char) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut quoted = false;
    let mut chars = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted || cell.is_empty() => quoted = !quoted,
            char if char == separator && !quoted => cells.push(std::mem::take(&mut cell)),
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                cells.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut cells));
            }
            char => cell.push(char),
        }
    }
    if !cell.is_empty() || !cells.is_empty() {
        cells.push(cell);
        lines.push(cells);
    }
    lines.retain(|cells| cells.len() > 1 || cells.iter().any(|cell| !cell.is_empty()));
    lines
}
