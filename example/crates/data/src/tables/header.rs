//! Which column of a file is which column of the contract.

use std::collections::HashSet;
use std::path::Path;

use crate::contract::{ColumnRule, Contract, nearest};
use crate::{DataError, Result};

use super::{LabelNeed, ReadOptions};

/// Where the columns of a table stand in a file.
pub(super) struct Plan<'a> {
    /// Contract columns that the file has, in the contract's order, with their place in it.
    pub columns: Vec<(&'a ColumnRule, usize)>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

pub(super) fn plan<'a>(
    path: &Path,
    header: &[String],
    contract: &'a Contract,
    options: ReadOptions,
) -> Result<Plan<'a>> {
    let mut faults = Vec::new();
    let mut warnings = Vec::new();
    let mut seen = HashSet::new();
    for (at, name) in header.iter().enumerate() {
        if !seen.insert(name) {
            faults.push(format!("column {name:?} is there twice"));
        } else if let Some(forbidden) = contract.forbidden.iter().find(|f| f.column == *name) {
            warnings.push(format!(
                "column {name:?} is dropped: {}",
                forbidden.reason.trim()
            ));
        } else if name.is_empty() {
            faults.push(format!(
                "column {} has no name (a row number that was saved with the table?)",
                at + 1
            ));
        } else if contract.column(name).is_none() {
            faults.push(unknown(at, name));
        }
    }
    let mut columns = Vec::new();
    for rule in &contract.columns {
        match header.iter().position(|name| *name == rule.name) {
            Some(at) => columns.push((rule, at)),
            None if options.label == LabelNeed::Optional && rule.name == contract.label.column => {}
            None => {
                let unknown = header
                    .iter()
                    .map(String::as_str)
                    .filter(|name| contract.column(name).is_none());
                faults.push(match nearest(&rule.name, unknown) {
                    Some(name) => format!("column {:?} is missing; is it {name:?}?", rule.name),
                    None => format!("column {:?} is missing", rule.name),
                });
            }
        }
    }
    if faults.is_empty() {
        return Ok(Plan { columns, warnings });
    }
    Err(DataError::File {
        path: path.into(),
        message: describe(header, contract, &faults),
    })
}

/// A column that the contract doesn't know.
fn unknown(at: usize, name: &str) -> String {
    let index = "pandas writes its index like this: write the file with `index=False`";
    match name.trim() {
        "" => format!("column {} has no name ({index})", at + 1),
        name if name.starts_with("Unnamed: ") || name == "__index_level_0__" => {
            format!("column {name:?} is not in the contract ({index})")
        }
        _ => format!("column {name:?} is not in the contract"),
    }
}

fn describe(header: &[String], contract: &Contract, faults: &[String]) -> String {
    if let [only] = header
        && let Some(separator) = [';', '\t', '|'].into_iter().find(|c| only.contains(*c))
    {
        return format!(
            "the header has no comma; its fields seem to be separated by {separator:?}: export the file with commas"
        );
    }
    let more = faults.len().saturating_sub(SHOWN);
    let more = match more {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    format!(
        "the header doesn't fit {}:\n  {}{more}\nRename or add the file's columns, or change the contract.",
        contract.path.display(),
        faults[..faults.len().min(SHOWN)].join("\n  ")
    )
}

/// Few enough to read, however wrong the file is.
const SHOWN: usize = 10;
