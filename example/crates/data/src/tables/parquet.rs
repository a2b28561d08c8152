//! Parquet through polars.

use std::io::{Cursor, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use polars::io::parquet::metadata::FileMetadata;
use polars::prelude::*;

use crate::contract::{ColumnRule, Contract, Kind};
use crate::error::SHOWN;
use crate::table::MISSING_DAY;
use crate::{Column, DataError, Problem, Result, Table, Values};

use super::columns::{self, REFUSED_DAY};
use super::header::plan;
use super::{Found, PARQUET_MAGIC, ReadOptions};
use crate::error::io;

pub(super) fn read(
    path: &Path,
    bytes: &[u8],
    contract: &Contract,
    options: ReadOptions,
) -> Result<Found> {
    let file = open(path, bytes)?;
    let names: Vec<String> = file.iter().map(|(name, _)| name.clone()).collect();
    let plan = plan(path, &names, contract, options)?;
    let mut wanted = Vec::new();
    for (rule, at) in &plan.columns {
        let (name, kind) = &file[*at];
        readable(path, (name, kind))?;
        wanted.push((rule.name.clone(), Some(*rule)));
    }
    Ok(Found {
        table: table(path, bytes, wanted)?,
        warnings: plan.warnings,
    })
}

pub(super) fn read_any(path: &Path, bytes: &[u8]) -> Result<Table> {
    let file = open(path, bytes)?;
    for (name, kind) in &file {
        readable(path, (name, kind))?;
    }
    let wanted = file.into_iter().map(|(name, _)| (name, None)).collect();
    table(path, bytes, wanted)
}

/// Reads these columns, each as the kind asked for or as what it is.
fn table(path: &Path, bytes: &[u8], wanted: Vec<(String, Option<&ColumnRule>)>) -> Result<Table> {
    let names = wanted.iter().map(|(name, _)| name.clone()).collect();
    let frame = guarded(path, || {
        ParquetReader::new(Cursor::new(bytes))
            .with_columns(Some(names))
            .finish()
    })?;
    converted(path, &frame, 0, wanted)
}

/// These columns of a frame, whose first row is that one of the file, counted from 0.
pub(super) fn converted(
    path: &Path,
    frame: &DataFrame,
    first_row: usize,
    wanted: Vec<(String, Option<&ColumnRule>)>,
) -> Result<Table> {
    let mut columns = Vec::new();
    let mut problems = Vec::new();
    for (name, rule) in wanted {
        let series = frame
            .column(&name)
            .map_err(|error| damaged(path, &error.to_string()))?
            .as_materialized_series();
        let values = guarded(path, || values(series, rule))?.ok_or_else(|| DataError::File {
            path: path.into(),
            message: format!(
                "column {name:?} has type {}, where the contract wants a {}; convert it before writing the file",
                series.dtype(),
                rule.map_or("known type", |rule| rule.kind.name())
            ),
        })?;
        note_faults(&name, series, &values, &mut problems);
        columns.push(Column { name, values });
    }
    if !problems.is_empty() {
        let count = problems.len();
        for problem in &mut problems {
            problem.line += first_row;
        }
        problems.sort_unstable();
        problems.truncate(SHOWN);
        return Err(DataError::Lines {
            path: path.into(),
            unit: "row",
            problems,
            count,
            advice: "Correct the values where the file is made; missing values are null.".into(),
        });
    }
    Table::new(columns).ok_or_else(|| damaged(path, "its columns differ in length"))
}

/// The values as ours, or `None` if the types don't fit.
fn values(series: &Series, rule: Option<&ColumnRule>) -> PolarsResult<Option<Values>> {
    let number = |series: &Series| {
        Ok(Some(Values::Number(columns::values(
            series.cast(&DataType::Float64)?.f64()?,
            f64::NAN,
        ))))
    };
    match (rule.map(|rule| rule.kind), series.dtype()) {
        (None, DataType::Float32) => Ok(Some(Values::Single(columns::values(
            series.f32()?,
            f32::NAN,
        )))),
        (None | Some(Kind::Number), dtype) if dtype.is_primitive_numeric() => number(series),
        (None | Some(Kind::Number), DataType::Boolean) => number(series),
        (None | Some(Kind::Category), DataType::String) => Ok(Some(columns::category(
            series.str()?,
            rule.and_then(|rule| rule.values.as_deref()),
        ))),
        (None | Some(Kind::Date), DataType::Date | DataType::Datetime(..)) => {
            let days = series.cast(&DataType::Date)?.cast(&DataType::Int32)?;
            Ok(Some(Values::Date(columns::values(
                days.i32()?,
                MISSING_DAY,
            ))))
        }
        (Some(Kind::Date), DataType::String) => {
            Ok(Some(Values::Date(columns::days(series.str()?))))
        }
        _ => Ok(None),
    }
}

/// Values that have the right type and are still none: infinite numbers, texts
/// that are no date, days with an hour.
fn note_faults(name: &str, series: &Series, values: &Values, problems: &mut Vec<Problem>) {
    let mut note = |row: usize, message: String| {
        problems.push(Problem {
            line: row + 1,
            column: Some(name.into()),
            message,
        });
    };
    match values {
        Values::Number(values) => {
            for (row, value) in values.iter().enumerate().filter(|(_, v)| v.is_infinite()) {
                note(row, format!("{value} is not a finite number"));
            }
        }
        Values::Single(values) => {
            for (row, value) in values.iter().enumerate().filter(|(_, v)| v.is_infinite()) {
                note(row, format!("{value} is not a finite number"));
            }
        }
        Values::Date(days) if matches!(series.dtype(), DataType::Datetime(..)) => {
            // Casting a day back gives its midnight.
            let midnight =
                Int32Chunked::from_iter_values(series.name().clone(), days.iter().copied())
                    .into_series()
                    .cast(&DataType::Date)
                    .and_then(|days| days.cast(series.dtype()))
                    .and_then(|days| days.cast(&DataType::Int64));
            let Ok((midnight, exact)) =
                midnight.and_then(|midnight| Ok((midnight, series.cast(&DataType::Int64)?)))
            else {
                return;
            };
            let (Ok(midnight), Ok(exact)) = (midnight.i64(), exact.i64()) else {
                return;
            };
            for (row, (midnight, exact)) in midnight.iter().zip(exact.iter()).enumerate() {
                if exact.is_some() && exact != midnight {
                    note(
                        row,
                        "the value has a time of day, where a date is wanted".into(),
                    );
                }
            }
        }
        Values::Date(days) => {
            let text = |row| series.str().ok().and_then(|column| column.get(row));
            for (row, _) in days.iter().enumerate().filter(|(_, d)| **d == REFUSED_DAY) {
                let text = text(row).unwrap_or("?");
                note(row, format!("{text:?} is not a date written yyyy-mm-dd"));
            }
        }
        Values::Category { .. } => {}
    }
}

/// The names and types of a file's columns.
fn open(path: &Path, bytes: &[u8]) -> Result<Vec<(String, ArrowDataType)>> {
    ends_as_it_begins(path, &mut Cursor::new(bytes), bytes.len() as u64)?;
    let (consistent, columns) = guarded(path, || {
        let mut reader = ParquetReader::new(Cursor::new(bytes));
        let consistent = is_consistent(reader.get_metadata()?, bytes.len() as u64);
        let columns = reader
            .schema()?
            .iter_values()
            .map(|field| (field.name.to_string(), field.dtype.clone()))
            .collect();
        Ok((consistent, columns))
    })?;
    if !consistent {
        return Err(damaged(path, "its sizes contradict each other"));
    }
    Ok(columns)
}

/// Refuses what is no Parquet file from its first bytes to its last.
pub(super) fn ends_as_it_begins(
    path: &Path,
    file: &mut (impl Read + Seek),
    bytes: u64,
) -> Result<()> {
    let mut magic = |from: SeekFrom| {
        let mut found = [0; PARQUET_MAGIC.len()];
        file.seek(from)?;
        file.read_exact(&mut found)?;
        Ok(found == *PARQUET_MAGIC)
    };
    let refused = |message: &str| {
        Err(DataError::File {
            path: path.into(),
            message: message.into(),
        })
    };
    let whole = 3 * PARQUET_MAGIC.len() as u64;
    let begins =
        bytes >= whole / 3 && magic(SeekFrom::Start(0)).map_err(|source| io(path, source))?;
    let ends = bytes >= whole
        && magic(SeekFrom::End(-(PARQUET_MAGIC.len() as i64)))
            .map_err(|source| io(path, source))?;
    match (begins, ends) {
        (true, true) => Ok(()),
        (true, false) => refused(
            "the file begins as Parquet but doesn't end so: it is truncated; export or fetch it again",
        ),
        (false, _) => refused("this is no Parquet file; write one, with the ending .parquet"),
    }
}

/// Whether the sizes that a file states agree. polars makes room for as many rows
/// as it is told of, so a wrong number could ask for more memory than there is.
pub(super) fn is_consistent(metadata: &FileMetadata, bytes: u64) -> bool {
    let groups = &metadata.row_groups;
    let rows = groups
        .iter()
        .try_fold(0usize, |rows, group| rows.checked_add(group.num_rows()));
    rows == Some(metadata.num_rows)
        && groups.iter().all(|group| {
            group.parquet_columns().iter().all(|column| {
                usize::try_from(column.num_values()) == Ok(group.num_rows())
                    && column.byte_range().end <= bytes
            })
        })
}

/// Refuses what polars was not built to read here, before it tries.
pub(super) fn readable(path: &Path, (name, dtype): (&str, &ArrowDataType)) -> Result<()> {
    use ArrowDataType::*;

    match dtype {
        Boolean | Int32 | Int64 | UInt32 | UInt64 | Float32 | Float64 | Date32 | Timestamp(..)
        | Utf8 | LargeUtf8 | Utf8View => Ok(()),
        other => Err(DataError::File {
            path: path.into(),
            message: format!(
                "column {name:?} has type {other:?}, which isn't read; write it as string, float, 32- or 64-bit integer or date"
            ),
        }),
    }
}

/// Runs polars on bytes that may be damaged: it panics on some of them. (What a
/// panic prints on standard error can't be kept back from here.)
pub(super) fn guarded<T>(path: &Path, work: impl FnOnce() -> PolarsResult<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(damaged(path, &error.to_string())),
        Err(_) => Err(damaged(path, "its pages contradict each other")),
    }
}

pub(super) fn damaged(path: &Path, message: &str) -> DataError {
    DataError::File {
        path: path.into(),
        message: format!("the Parquet file is damaged ({message}); export or fetch it again"),
    }
}
