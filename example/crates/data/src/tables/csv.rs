//! Cells of a well-formed CSV body: polars reads them, and where it refuses one
//! this says which.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use polars::prelude::*;
use rayon::prelude::*;

use crate::calendar;
use crate::contract::{ColumnRule, Contract, Kind};
use crate::error::SHOWN;
use crate::{Column, DataError, Problem, Result, Table, Values};

use super::columns::{self, Dates};
use super::header::plan;
use super::scan::{Scan, fields, lines, scan, trim_return};
use super::{Found, ReadOptions};

pub(super) fn read(
    path: &Path,
    bytes: &[u8],
    contract: &Contract,
    options: ReadOptions,
) -> Result<Found> {
    let scan = scan(path, bytes)?;
    let plan = plan(path, &scan.header, contract, options)?;
    let mut warnings = plan.warnings;
    if !scan.ended {
        warnings.push(
            "the last line has no line end; if it was cut off inside its last field, nothing shows it"
                .into(),
        );
    }
    if scan.rows == 0 {
        warnings.push("the file has a header and no rows".into());
    }
    let frame = frame(path, &scan, &plan.columns, contract)?;
    let columns = convert(path, &scan, &frame, &plan.columns, contract)?;
    let table = Table::new(columns).ok_or_else(|| internal(path, "columns differ in length"))?;
    Ok(Found { table, warnings })
}

fn frame(
    path: &Path,
    scan: &Scan<'_>,
    columns: &[(&ColumnRule, usize)],
    contract: &Contract,
) -> Result<DataFrame> {
    let kind_at = |at: usize| columns.iter().find(|(_, place)| *place == at);
    let schema: Schema = scan
        .header
        .iter()
        .enumerate()
        .map(|(at, name)| match kind_at(at) {
            Some((rule, _)) if rule.kind == Kind::Number => {
                Field::new(name.as_str().into(), DataType::Float64)
            }
            _ => Field::new(name.as_str().into(), DataType::String),
        })
        .collect();
    if scan.rows == 0 {
        return Ok(DataFrame::empty_with_schema(&schema));
    }
    let mut projection: Vec<usize> = columns.iter().map(|(_, at)| *at).collect();
    projection.sort_unstable();
    let missing = contract.missing.iter().map(|word| word.as_str().into());
    let frame = CsvReadOptions::default()
        .with_has_header(false)
        .with_schema(Some(Arc::new(schema)))
        .with_projection(Some(Arc::new(projection)))
        .with_rechunk(false)
        .map_parse_options(|options| {
            options
                .with_quote_char(scan.quoted.then_some(b'"'))
                .with_null_values(Some(NullValues::AllColumns(missing.clone().collect())))
        })
        .into_reader_with_file_handle(Cursor::new(scan.body))
        .finish()
        .map_err(|error| diagnose(path, scan, columns, contract, &error.to_string()))?;
    if frame.height() != scan.rows {
        return Err(internal(
            path,
            &format!("polars read {} of {} rows", frame.height(), scan.rows),
        ));
    }
    Ok(frame)
}

fn convert(
    path: &Path,
    scan: &Scan<'_>,
    frame: &DataFrame,
    columns: &[(&ColumnRule, usize)],
    contract: &Contract,
) -> Result<Vec<Column>> {
    let converted: Vec<PolarsResult<Values>> = columns
        .par_iter()
        .map(|(rule, _)| {
            let series = frame.column(&rule.name)?.as_materialized_series();
            match rule.kind {
                Kind::Number => Ok(Values::Number(columns::numbers(series.f64()?))),
                Kind::Category => Ok(columns::category(series.str()?, rule.values.as_deref())),
                Kind::Date => Ok(Values::Date(columns::days(series.str()?, Dates::Iso))),
            }
        })
        .collect();
    let mut converted: Vec<Values> = converted
        .into_iter()
        .collect::<PolarsResult<_>>()
        .map_err(|error| internal(path, &error.to_string()))?;

    let mut dates = Dates::Iso;
    if any_refused_day(&converted) {
        dates = notation(path, scan, columns, contract)?;
    }
    if dates == Dates::DayFirst {
        for ((rule, _), values) in columns.iter().zip(&mut converted) {
            if let (Values::Date(days), Ok(column)) = (values, frame.column(&rule.name))
                && let Ok(strings) = column.as_materialized_series().str()
            {
                *days = columns::days(strings, dates);
            }
        }
    }
    if any_refused_day(&converted) || any_not_finite(frame, columns, &converted) {
        return Err(faults(path, scan, columns, contract, dates)
            .unwrap_or_else(|| internal(path, "a value was refused and accepted again")));
    }
    Ok(columns
        .iter()
        .zip(converted)
        .map(|((rule, _), values)| Column {
            name: rule.name.clone(),
            values,
        })
        .collect())
}

fn any_refused_day(columns: &[Values]) -> bool {
    columns
        .iter()
        .any(|values| matches!(values, Values::Date(days) if days.contains(&columns::REFUSED_DAY)))
}

/// Whether a text was read as infinite or as NaN. NaN is also how a missing
/// number is kept; polars has counted those, so one too many came from the text.
fn any_not_finite(
    frame: &DataFrame,
    columns: &[(&ColumnRule, usize)],
    converted: &[Values],
) -> bool {
    columns.iter().zip(converted).any(|((rule, _), values)| {
        let Values::Number(values) = values else {
            return false;
        };
        let missing = values.iter().filter(|value| value.is_nan()).count();
        values.iter().any(|value| value.is_infinite())
            || frame
                .column(&rule.name)
                .is_ok_and(|column| column.null_count() != missing)
    })
}

/// One notation for all dates of a file: `01/02/2015` beside `2015-02-01` means
/// that two sources were mixed, and nobody can say what the first one meant.
fn notation(
    path: &Path,
    scan: &Scan<'_>,
    columns: &[(&ColumnRule, usize)],
    contract: &Contract,
) -> Result<Dates> {
    let mut first: [Option<(usize, String)>; 2] = [None, None];
    for_each_cell(scan, |row, at, text| {
        let is_date = columns
            .iter()
            .any(|(rule, place)| *place == at && rule.kind == Kind::Date);
        if is_date && !is_missing(text, contract) {
            let seen = usize::from(text.contains('/'));
            if first[seen].is_none() {
                first[seen] = Some((row + 2, text.to_string()));
            }
        }
    });
    match &first {
        [Some((iso_line, iso)), Some((slash_line, slash))] => Err(DataError::File {
            path: path.into(),
            message: format!(
                "dates stand in two notations: line {iso_line} has {iso:?}, line {slash_line} has {slash:?}; \
                 write all of them as yyyy-mm-dd"
            ),
        }),
        [None, Some(_)] => Ok(Dates::DayFirst),
        _ => Ok(Dates::Iso),
    }
}

/// Every cell that doesn't fit its type, as an error.
fn faults(
    path: &Path,
    scan: &Scan<'_>,
    columns: &[(&ColumnRule, usize)],
    contract: &Contract,
    dates: Dates,
) -> Option<DataError> {
    let mut count = 0;
    let mut problems = Vec::new();
    for_each_cell(scan, |row, at, text| {
        let Some((rule, _)) = columns.iter().find(|(_, place)| *place == at) else {
            return;
        };
        let Some(message) = fault(text, rule.kind, contract, dates) else {
            return;
        };
        count += 1;
        if problems.len() < SHOWN {
            problems.push(Problem {
                line: row + 2,
                column: Some(rule.name.clone()),
                message,
            });
        }
    });
    (count > 0).then(|| DataError::Lines {
        path: path.into(),
        unit: "line",
        problems,
        count,
        advice: format!(
            "Correct the values; a word that stands for \"missing\" belongs under `missing` in {}.",
            contract.path.display()
        ),
    })
}

fn fault(text: &str, kind: Kind, contract: &Contract, dates: Dates) -> Option<String> {
    if is_missing(text, contract) {
        return None;
    }
    match kind {
        Kind::Category => None,
        Kind::Number => match text.trim_start_matches([' ', '\t']).parse::<f64>() {
            Ok(value) if value.is_finite() => None,
            Ok(_) => Some(format!("{text:?} is not a finite number")),
            Err(_) if text.trim_start_matches([' ', '\t']).is_empty() => None,
            Err(_) => Some(format!("{text:?} is not a number")),
        },
        Kind::Date => match dates {
            Dates::Iso if calendar::parse_iso(text).is_none() => {
                Some(format!("{text:?} is not a date written yyyy-mm-dd"))
            }
            Dates::DayFirst if calendar::parse_day_first(text).is_none() => Some(format!(
                "{text:?} is not a date written dd/mm/yyyy (the month never comes first)"
            )),
            _ => None,
        },
    }
}

fn is_missing(text: &str, contract: &Contract) -> bool {
    text.is_empty() || contract.missing.iter().any(|word| word == text)
}

/// Calls `see(row, column of the file, text)` for each cell: slow, for errors only.
fn for_each_cell(scan: &Scan<'_>, mut see: impl FnMut(usize, usize, &str)) {
    for (row, line) in lines(scan.body).enumerate() {
        // The scan has seen that each line is text and splits.
        let Ok(Ok(cells)) = std::str::from_utf8(trim_return(line)).map(fields) else {
            continue;
        };
        for (at, cell) in cells.iter().enumerate() {
            see(row, at, cell);
        }
    }
}

fn diagnose(
    path: &Path,
    scan: &Scan<'_>,
    columns: &[(&ColumnRule, usize)],
    contract: &Contract,
    said: &str,
) -> DataError {
    match notation(path, scan, columns, contract) {
        Ok(dates) => {
            faults(path, scan, columns, contract, dates).unwrap_or_else(|| internal(path, said))
        }
        Err(error) => error,
    }
}

fn internal(path: &Path, message: &str) -> DataError {
    DataError::File {
        path: path.into(),
        message: format!("the file cannot be read, and it is not clear why: {message}"),
    }
}
