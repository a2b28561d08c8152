//! How trials are written: in columns, as settings, along an axis.

use std::fmt;

use mlops_plot::short_number;
use serde_json::Value;

use super::{Domain, Point};

/// Columns side by side, as wide as what stands in them.
pub(super) fn table(f: &mut fmt::Formatter<'_>, rows: &[Vec<String>]) -> fmt::Result {
    let columns = rows.first().map_or(0, Vec::len);
    // The last row's remark may run over the columns on its right.
    let wide = |column: usize| {
        let cells = rows
            .iter()
            .filter(|row| row.len() == columns || column + 1 < row.len());
        cells
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(wide).collect();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, wide)| format!("{cell:<wide$}"))
            .collect();
        writeln!(f, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// Values as `KEY=VALUE`.
pub(super) fn settings(point: &Point) -> Vec<String> {
    point
        .iter()
        .map(|(key, value)| format!("{key}={}", plain(value)))
        .collect()
}

/// Arguments that set them for a run.
pub(super) fn set_line(settings: &[String]) -> String {
    let quoted = |setting: &String| {
        let plain = setting
            .chars()
            .all(|c| c.is_alphanumeric() || "._=-".contains(c));
        if plain {
            format!("--set {setting}")
        } else {
            format!("--set '{setting}'")
        }
    };
    settings.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// A value as YAML takes it on one line.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(plain).collect();
            format!("[{}]", values.join(", "))
        }
        other => other.to_string(),
    }
}

pub(super) fn short(key: &str) -> &str {
    key.strip_prefix("model.").unwrap_or(key)
}

/// What is written beside an axis: each choice, or the ends and the middle.
pub(super) fn ticks(domain: &Domain) -> Vec<(f64, String)> {
    let text = |value: &Value| match value.as_f64() {
        Some(number) => short_number(number),
        None if *value == Value::Array(Vec::new()) => "nothing".into(),
        None => plain(value),
    };
    domain
        .spread(3)
        .iter()
        .filter_map(|value| Some((domain.place(value)?, text(value))))
        .collect()
}
