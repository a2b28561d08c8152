//! Which test rows belong to which slice.

use std::collections::BTreeMap;

use mlops_data::expression::{Expression, Outcome as Answer};
use mlops_data::neighbours::Neighbours;
use mlops_data::{Cell, Contract, Table, Values, calendar};
use mlops_learning::gates::Slice;

use super::declared::SliceGate;
use super::observed::Observed;
use crate::{Failure, Outcome, Project};

/// The slices of a gate, in the order of their names.
pub(super) fn slices<P: Project>(
    project: &P,
    gate: &SliceGate,
    observed: &Observed,
    contract: &Contract,
) -> Outcome<Vec<Slice>> {
    let (table, rows) = (&observed.table, &observed.tested);
    if let Some(groups) = &gate.groups {
        return conditions(groups, table, rows, contract);
    }
    let mut slices: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut put = |at: usize, name: String| slices.entry(name).or_default().push(at);
    if let Some(column) = &gate.column {
        let values = column_of(table, column)?;
        for (at, row) in rows.iter().enumerate() {
            put(at, values.cell(*row).to_string());
        }
    } else if let Some(attribute) = &gate.attribute {
        let values = column_of(table, &contract.entity)?;
        for (at, row) in rows.iter().enumerate() {
            let entity = values.cell(*row).to_string();
            let value = project.attribute(attribute, &entity);
            put(at, value.unwrap_or_else(|| "unknown".into()));
        }
    } else if let Some(months) = &gate.months {
        let values = column_of(table, &contract.time)?;
        for (at, row) in rows.iter().enumerate() {
            let Cell::Date(day) = values.cell(*row) else {
                continue;
            };
            let month = calendar::month(day);
            for (name, _) in months.iter().filter(|(_, months)| months.contains(&month)) {
                put(at, name.clone());
            }
        }
    } else if let Some(gaps) = &gate.gaps {
        let columns = measured(table, contract);
        for (at, row) in rows.iter().enumerate() {
            let missing = columns
                .iter()
                .filter(|values| values.cell(*row) == Cell::Missing);
            let share = missing.count() as f64 / columns.len().max(1) as f64;
            let within = |[from, below]: &[f64; 2]| {
                share >= *from && (share < *below || *below == 1.0 && share == 1.0)
            };
            for (name, _) in gaps.iter().filter(|(_, range)| within(range)) {
                put(at, name.clone());
            }
        }
    }
    let slices = slices.into_iter();
    Ok(slices.map(|(name, rows)| Slice { name, rows }).collect())
}

/// The columns that are measured: all but those that name the row, and the label.
pub(super) fn measured<'a>(table: &'a Table, contract: &Contract) -> Vec<&'a Values> {
    let names = measured_names(contract);
    names.iter().filter_map(|name| table.get(name)).collect()
}

/// Their names, in the order of the contract.
pub(super) fn measured_names(contract: &Contract) -> Vec<&str> {
    let names = contract.columns.iter().map(|column| column.name.as_str());
    let measured = |name: &&str| {
        *name != contract.time
            && *name != contract.entity
            && *name != contract.label.column
            && !contract.key.iter().any(|key| key == name)
    };
    names.filter(measured).collect()
}

fn conditions(
    groups: &BTreeMap<String, String>,
    table: &Table,
    rows: &[usize],
    contract: &Contract,
) -> Outcome<Vec<Slice>> {
    let neighbours = Neighbours::new(table, contract);
    let slice = |(name, condition): (&String, &String)| {
        let answers = Expression::parse(condition, contract)?.evaluate(table, &neighbours);
        let answers = answers.ok_or_else(|| {
            Failure::user(anyhow::anyhow!(
                "the observations lack a column of {condition:?}"
            ))
        })?;
        let holds = rows.iter().enumerate();
        let holds = holds.filter(|(_, row)| answers[**row] == Answer::Holds);
        Ok(Slice {
            name: name.clone(),
            rows: holds.map(|(at, _)| at).collect(),
        })
    };
    groups.iter().map(slice).collect()
}

fn column_of<'a>(table: &'a Table, column: &str) -> Outcome<&'a Values> {
    table.get(column).ok_or_else(|| {
        Failure::user(anyhow::anyhow!(
            "the observations have no column {column:?}"
        ))
    })
}
