//! Observations as JSON objects: what a service is asked, and lines of a file.

use std::path::Path;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::{Map, Number, Value};

use crate::calendar::{self, Day};
use crate::check::refuse;
use crate::contract::{ColumnRule, Contract, Kind, nearest};
use crate::table::{MISSING_CODE, MISSING_DAY};
use crate::{Cell, Column, DataError, Problem, Result, Table, Values, exact, input};

/// A table of observations given as JSON objects, with the contract's columns.
///
/// `null` or an absent field is missing; the key must be there. The label may be
/// absent: if no record has it, the table lacks its column.
///
/// # Errors
/// [`DataError::Field`] at the first field that is unknown, has the wrong type,
/// lies outside its range or isn't one of its values, with the number of the
/// record if there are several.
pub fn table_from_json(records: &[Map<String, Value>], contract: &Contract) -> Result<Table> {
    build(records, contract).map_err(|fault| DataError::Field {
        column: fault.field,
        message: match records.len() {
            1 => fault.message,
            _ => format!("{} (in record {})", fault.message, fault.record + 1),
        },
    })
}

/// Reads a file with one JSON object a line, as [`table_from_json`] does.
///
/// # Errors
/// If the file cannot be read, a line is no JSON object, or a field doesn't fit;
/// with the number of the line.
pub fn read_json_lines(path: &Path, contract: &Contract) -> Result<Table> {
    let bytes = input::read(path)?;
    let at_line = |line: usize, column: Option<String>, message: String| DataError::Lines {
        path: path.into(),
        unit: "line",
        problems: vec![Problem {
            line,
            column,
            message,
        }],
        count: 1,
        advice:
            "Each line is one observation as a JSON object, with the contract's columns as fields."
                .into(),
    };
    let mut records = Vec::new();
    let mut lines = Vec::new();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let record = object(line).map_err(|message| at_line(at + 1, None, message))?;
        records.push(record);
        lines.push(at + 1);
    }
    build(&records, contract).map_err(|fault| {
        let line = lines.get(fault.record).copied().unwrap_or(1);
        at_line(line, Some(fault.field), fault.message)
    })
}

/// A JSON object, and whether it names a field more than once: then nobody can say which value is meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// The fields; of one that is named again, the last value.
    pub fields: Map<String, Value>,
    /// The first field that is named again.
    pub repeated: Option<String>,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut object = Object {
            fields: Map::new(),
            repeated: None,
        };
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if object.fields.contains_key(&name) {
                object.repeated.get_or_insert_with(|| name.clone());
            }
            object.fields.insert(name, value);
        }
        Ok(object)
    }
}

fn object(line: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(line) {
        Ok(Object {
            fields,
            repeated: None,
        }) => return Ok(fields),
        Ok(Object {
            repeated: Some(field),
            ..
        }) => return Err(format!("the field {field:?} is there more than once")),
        // Parsed once more, for a message that says what it is.
        Err(_) => {}
    }
    let value = serde_json::from_slice(line).map_err(|error: serde_json::Error| {
        let place = error.column();
        match error.classify() {
            Category::Eof => "no JSON object: the line ends before the object does".into(),
            _ if error.to_string().starts_with("number out of range") => {
                format!("the number before character {place} is too large")
            }
            _ => format!("no JSON object: character {place} can't stand there"),
        }
    })?;
    let kind = match value {
        Value::Object(fields) => return Ok(fields),
        Value::Array(_) => "a list",
        Value::String(_) => "a text",
        Value::Number(_) => "a number",
        Value::Bool(_) => "true or false",
        Value::Null => "null",
    };
    Err(format!("no JSON object, but {kind}"))
}

/// One row of a table as a JSON object; missing values are `null`.
///
/// # Panics
/// If `row` is not below the table's number of rows.
pub fn row_to_json(table: &Table, row: usize) -> Map<String, Value> {
    table
        .columns()
        .iter()
        .map(|column| (column.name.clone(), cell_to_json(column.values.cell(row))))
        .collect()
}

pub(crate) fn cell_to_json(cell: Cell<'_>) -> Value {
    match cell {
        Cell::Missing => Value::Null,
        // 44, not 44.0: the way that people write it.
        Cell::Number(value) if value.fract() == 0.0 && value.abs() < 1e15 => {
            Value::from(value as i64)
        }
        // JSON has no infinite number.
        Cell::Number(value) => {
            Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number)
        }
        Cell::Text(text) => Value::from(text),
        Cell::Date(day) => Value::from(calendar::format_iso(day)),
    }
}

/// A field that doesn't fit.
struct Fault {
    record: usize,
    field: String,
    message: String,
}

fn build(records: &[Map<String, Value>], contract: &Contract) -> Result<Table, Fault> {
    for (record, fields) in records.iter().enumerate() {
        for field in fields.keys() {
            if contract.column(field).is_none() {
                return Err(Fault {
                    record,
                    field: field.clone(),
                    message: unknown(field, contract),
                });
            }
        }
    }
    let label = &contract.label.column;
    let labelled = records.iter().any(|fields| fields.contains_key(label));
    let columns = contract
        .columns
        .iter()
        .filter(|rule| labelled || rule.name != *label)
        .map(|rule| {
            Ok(Column {
                name: rule.name.clone(),
                values: column(records, rule, contract)?,
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    // A contract's names are unique, and each column has a value a record.
    let table = Table::new(columns).unwrap_or_default();
    match refuse(&table, contract).first.into_iter().next() {
        None => Ok(table),
        Some(refused) => Err(Fault {
            record: refused.row,
            field: refused.column,
            message: refused.message,
        }),
    }
}

fn unknown(field: &str, contract: &Contract) -> String {
    if let Some(forbidden) = contract.forbidden.iter().find(|f| f.column == field) {
        return format!("leave this field out: {}", forbidden.reason.trim());
    }
    let names = contract.columns.iter().map(|column| column.name.as_str());
    match nearest(field, names) {
        Some(name) => format!("there is no such field; did you mean {name:?}?"),
        None => format!(
            "there is no such field; there are {}",
            contract
                .columns
                .iter()
                .map(|column| column.name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

fn column(
    records: &[Map<String, Value>],
    rule: &ColumnRule,
    contract: &Contract,
) -> Result<Values, Fault> {
    let must = contract.key.contains(&rule.name);
    let cells = records.iter().enumerate().map(|(record, fields)| {
        let value = fields.get(&rule.name).filter(|value| !value.is_null());
        let fault = move |message: String| Fault {
            record,
            field: rule.name.clone(),
            message,
        };
        match value {
            None if must => Err(fault(format!(
                "this field is required: {}",
                rule.expected()
            ))),
            found => Ok((found, fault)),
        }
    });
    match rule.kind {
        Kind::Number => cells
            .map(|cell| {
                let (value, fault) = cell?;
                value.map_or(Ok(f64::NAN), |value| number(value, rule).map_err(fault))
            })
            .collect::<Result<_, _>>()
            .map(Values::Number),
        Kind::Date => cells
            .map(|cell| {
                let (value, fault) = cell?;
                value.map_or(Ok(MISSING_DAY), |value| date(value, rule).map_err(fault))
            })
            .collect::<Result<_, _>>()
            .map(Values::Date),
        Kind::Category => {
            let words = cells
                .map(|cell| {
                    let (value, fault) = cell?;
                    value
                        .map(|value| word(value, rule).map_err(fault))
                        .transpose()
                })
                .collect::<Result<Vec<_>, _>>()?;
            Ok(category(&words, rule))
        }
    }
}

fn number(value: &Value, rule: &ColumnRule) -> Result<f64, String> {
    let number = value.as_f64().filter(|number| number.is_finite());
    let number = number.ok_or_else(|| format!("{value} is not {}", rule.expected()))?;
    let whole = value.as_i64().map(i128::from);
    let whole = whole.or_else(|| value.as_u64().map(i128::from));
    match whole.filter(|whole| exact::whole(*whole).is_none()) {
        Some(whole) => Err(exact::refused(&whole.to_string())),
        None => Ok(number),
    }
}

fn date(value: &Value, rule: &ColumnRule) -> Result<Day, String> {
    match value.as_str() {
        Some(text) => {
            calendar::parse_iso(text).ok_or_else(|| calendar::explain(text, "\"yyyy-mm-dd\""))
        }
        None => Err(format!("{value} is not {}", rule.expected())),
    }
}

fn word<'a>(value: &'a Value, rule: &ColumnRule) -> Result<&'a str, String> {
    let word = value.as_str().filter(|word| !word.is_empty());
    word.ok_or_else(|| format!("{value} is not {}", rule.expected()))
}

/// The declared words first, then any others by name.
fn category(words: &[Option<&str>], rule: &ColumnRule) -> Values {
    let mut levels = rule.values.clone().unwrap_or_default();
    let others: std::collections::BTreeSet<&str> = words
        .iter()
        .flatten()
        .copied()
        .filter(|word| !levels.iter().any(|level| level == word))
        .collect();
    levels.extend(others.into_iter().map(String::from));
    let places: std::collections::HashMap<&str, u32> =
        levels.iter().map(String::as_str).zip(0..).collect();
    let codes = words
        .iter()
        .map(|word| word.and_then(|word| places.get(word).copied()))
        .map(|code| code.unwrap_or(MISSING_CODE))
        .collect();
    Values::Category { codes, levels }
}

#[cfg(test)]
mod tests;
