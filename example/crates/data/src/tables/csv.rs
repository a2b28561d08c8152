//! CSV under a contract. The cells are read here and not by polars, which is
//! several times slower at it and doesn't say which cell it refuses.

use std::path::Path;

use rayon::prelude::*;

use crate::contract::{ColumnRule, Contract};
use crate::{Column, DataError, Problem, Result, Table, Values};

use super::cells::{self, Filled, Slots, Target};
use super::header::plan;
use super::scan::{self, Cells, Faults, Text};
use super::{Found, ReadOptions, words};

pub(super) fn read(
    path: &Path,
    bytes: &[u8],
    contract: &Contract,
    options: ReadOptions,
) -> Result<Found> {
    // A file that is no text mostly breaks something else first.
    table(path, bytes, contract, options)
        .map_err(|error| scan::no_text(path, bytes).unwrap_or(error))
}

fn table(path: &Path, bytes: &[u8], contract: &Contract, options: ReadOptions) -> Result<Found> {
    let text = scan::open(path, bytes)?;
    let plan = plan(path, &text.header, contract, options)?;
    let mut warnings = plan.warnings;
    if !text.ended {
        warnings.push(
            "the last line has no line end; if it was cut off inside its last field, nothing shows it"
                .into(),
        );
    }
    if text.rows == 0 {
        warnings.push("the file has a header and no rows".into());
    }
    let columns = fill(path, &text, &plan.columns, contract)?;
    let table = Table::new(columns).ok_or_else(|| DataError::File {
        path: path.into(),
        message: "the file cannot be read, and it is not clear why: columns differ in length"
            .into(),
    })?;
    Ok(Found { table, warnings })
}

/// Reads all blocks at once, each into its part of the columns.
fn fill(
    path: &Path,
    text: &Text<'_>,
    rules: &[(&ColumnRule, usize)],
    contract: &Contract,
) -> Result<Vec<Column>> {
    let mut columns: Vec<Values> = rules
        .iter()
        .map(|(rule, _)| cells::empty(rule.kind, text.rows))
        .collect();
    let mut slots: Vec<Slots<'_>> = columns.iter_mut().map(Slots::of).collect();
    let mut parts = Vec::new();
    for block in &text.blocks {
        let targets = rules
            .iter()
            .zip(&mut slots)
            .map(|((rule, place), slots)| Target {
                name: &rule.name,
                place: *place,
                slots: slots.take(block.rows),
            });
        parts.push((block, targets.collect::<Vec<_>>()));
    }
    let filled: Vec<Result<Filled, Faults>> = parts
        .into_par_iter()
        .map(|(block, targets)| {
            let cells = Cells::new(block, text.header.len())?;
            Ok(cells::fill(block, &cells, targets, &contract.missing))
        })
        .collect();
    let filled = accepted(path, text, filled, contract)?;

    let mut words: Vec<Vec<(usize, Vec<String>)>> = vec![Vec::new(); rules.len()];
    for (block, filled) in text.blocks.iter().zip(filled) {
        for (words, found) in words.iter_mut().zip(filled.words) {
            words.push((block.rows, found));
        }
    }
    Ok(rules
        .par_iter()
        .zip(columns)
        .zip(words)
        .map(|(((rule, _), values), words)| Column {
            name: rule.name.clone(),
            values: match values {
                Values::Category { codes, .. } => {
                    words::category(codes, &words, rule.values.as_deref())
                }
                values => values,
            },
        })
        .collect())
}

/// What was read, if none of it was refused; a line that doesn't split is worse
/// than two notations of dates, and that is worse than a cell that doesn't fit.
fn accepted(
    path: &Path,
    text: &Text<'_>,
    blocks: Vec<Result<Filled, Faults>>,
    contract: &Contract,
) -> Result<Vec<Filled>> {
    let mut accepted = Vec::new();
    let mut ragged = Faults::default();
    let mut wrong = Faults::default();
    let mut notations = [None, None];
    for block in blocks {
        match block {
            Err(faults) => ragged.append(faults),
            Ok(mut filled) => {
                wrong.append(std::mem::take(&mut filled.faults));
                for (first, later) in notations.iter_mut().zip(&mut filled.notations) {
                    *first = first.take().or(later.take());
                }
                accepted.push(filled);
            }
        }
    }
    if ragged.count > 0 {
        return Err(scan::refused(path, text, ragged));
    }
    // `01/02/2015` beside `2015-02-01` means that two sources were mixed, and
    // nobody can say what the first one meant.
    if let [Some(iso), Some(slashes)] = notations {
        let place = |date: Problem| format!("line {} has {:?}", date.line, date.message);
        return Err(DataError::File {
            path: path.into(),
            message: format!(
                "dates stand in two notations: {}, {}; write all of them as yyyy-mm-dd",
                place(iso),
                place(slashes)
            ),
        });
    }
    if wrong.count > 0 {
        return Err(DataError::Lines {
            path: path.into(),
            unit: "line",
            problems: wrong.first,
            count: wrong.count,
            advice: format!(
                "Correct the values; a word that stands for \"missing\" belongs under `missing` in {}.",
                contract.path.display()
            ),
        });
    }
    Ok(accepted)
}
