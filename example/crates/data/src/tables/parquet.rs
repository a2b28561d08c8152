//! Parquet through polars.

mod arrays;
mod delta;
mod file;
mod footer;
mod pages;
mod thrift;

use std::cell::Cell;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;

use polars::prelude::*;

use crate::calendar::{self, Day};
use crate::contract::{ColumnRule, Contract, Kind};
use crate::error::{SHOWN, unreadable};
use crate::table::MISSING_DAY;
use crate::{Column, DataError, Problem, Result, Table, Values, exact};

use super::frames::polars_said;
use super::header::plan;
use super::zones::{self, Zone};
use super::{Found, PARQUET_MAGIC, ReadOptions, columns};

pub use file::ParquetFile;

/// A column that is wanted, and what the contract says of it.
pub(super) type Wanted<'a> = (String, Option<&'a ColumnRule>);

pub(super) fn read(
    file: &ParquetFile,
    contract: &Contract,
    options: ReadOptions,
) -> Result<(Found, u64)> {
    let names: Vec<String> = file.columns().into_iter().map(|(name, _)| name).collect();
    let plan = plan(file.path(), &names, contract, options)?;
    let columns = plan.columns.iter();
    let wanted = columns.map(|(rule, _)| (rule.name.clone(), Some(*rule)));
    let found = Found {
        table: table(file, wanted.collect())?,
        warnings: plan.warnings,
    };
    Ok((found, file.bytes()))
}

pub(super) fn read_any(file: &ParquetFile) -> Result<Table> {
    let wanted = file.columns().into_iter().map(|(name, _)| (name, None));
    table(file, wanted.collect())
}

/// Reads these columns, each as the kind asked for or as what it is.
fn table(file: &ParquetFile, wanted: Vec<Wanted<'_>>) -> Result<Table> {
    fits(file, &wanted)?;
    let names: Vec<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
    let frame = file.read(&names)?;
    converted(file.path(), &frame, 0, wanted)
}

/// Refuses columns that hold something else than the contract wants, before any is read.
pub(super) fn fits(file: &ParquetFile, wanted: &[Wanted<'_>]) -> Result<()> {
    for (name, rule) in wanted {
        let Some(field) = file.fields().iter().find(|field| field.name == *name) else {
            continue;
        };
        arrays::readable(file.path(), field)?;
        let kind = rule.map(|rule| rule.kind);
        if !holds(&arrays::kind(&field.dtype), kind) {
            let wanted = match kind {
                Some(Kind::Number) => "numbers",
                Some(Kind::Date) => "dates",
                Some(Kind::Category) => "words (a category)",
                None => "numbers, texts or dates",
            };
            return Err(DataError::File {
                path: file.path().into(),
                message: format!(
                    "column {name:?} holds {}, where the contract wants {wanted}; convert it before writing the file",
                    arrays::said(&field.dtype)
                ),
            });
        }
    }
    Ok(())
}

/// Whether values of a type can be read as this kind, or at all.
fn holds(dtype: &DataType, kind: Option<Kind>) -> bool {
    match (kind, dtype) {
        (_, DataType::Null) => true,
        (None | Some(Kind::Number), dtype) if dtype.is_primitive_numeric() => true,
        (None | Some(Kind::Number), DataType::Boolean) => true,
        (None | Some(Kind::Category), DataType::String) => true,
        (None | Some(Kind::Date), DataType::Date | DataType::Datetime(..)) => true,
        (Some(Kind::Date), DataType::String) => true,
        _ => false,
    }
}

/// These columns of a frame, whose first row is that one of the file, counted from 0.
pub(super) fn converted(
    path: &Path,
    frame: &DataFrame,
    first_row: usize,
    wanted: Vec<Wanted<'_>>,
) -> Result<Table> {
    let mut columns = Vec::new();
    let mut problems = Vec::new();
    for (name, rule) in wanted {
        let series = frame
            .column(&name)
            .map_err(|error| damaged(path, &polars_said(&error)))?
            .as_materialized_series();
        let mut note = |row: usize, message: String| {
            problems.push(Problem {
                line: row,
                column: Some(name.clone()),
                message,
            });
        };
        let values = guarded(path, || values(series, rule, &mut note))?;
        columns.push(Column { name, values });
    }
    if !problems.is_empty() {
        return Err(refused_rows(path, first_row, problems));
    }
    Table::new(columns).ok_or_else(|| damaged(path, "its columns differ in length"))
}

/// What to say of values that are refused; their rows are counted from 0, and the first is this one of the file.
fn refused_rows(path: &Path, first_row: usize, mut problems: Vec<Problem>) -> DataError {
    let count = problems.len();
    for problem in &mut problems {
        problem.line += first_row + 1;
    }
    problems.sort_unstable();
    problems.truncate(SHOWN);
    DataError::Lines {
        path: path.into(),
        unit: "row",
        problems,
        count,
        advice: "Correct the values where the file is made; missing values are null.".into(),
    }
}

/// The values as ours; those that are refused are noted with their rows.
fn values(
    series: &Series,
    rule: Option<&ColumnRule>,
    note: &mut dyn FnMut(usize, String),
) -> PolarsResult<Values> {
    match (rule.map(|rule| rule.kind), series.dtype()) {
        (Some(Kind::Category), DataType::Null) => {
            let nothing = StringChunked::full_null(series.name().clone(), series.len());
            let declared = rule.and_then(|rule| rule.values.as_deref());
            Ok(columns::category(&nothing, declared))
        }
        (Some(Kind::Date), DataType::Null) => Ok(Values::Date(vec![MISSING_DAY; series.len()])),
        (_, DataType::Null) => Ok(Values::Number(vec![f64::NAN; series.len()])),
        (_, DataType::String) if rule.is_none_or(|rule| rule.kind == Kind::Category) => {
            let declared = rule.and_then(|rule| rule.values.as_deref());
            Ok(columns::category(series.str()?, declared))
        }
        (_, DataType::String) => texts(series.str()?, note),
        (_, DataType::Date) => {
            let days = series.cast(&DataType::Int32)?;
            Ok(Values::Date(columns::values(days.i32()?, MISSING_DAY)))
        }
        (_, DataType::Datetime(unit, zone)) => midnights(series, *unit, zone.as_ref(), note),
        (None, DataType::Float32) => {
            let values = columns::values(series.f32()?, f32::NAN);
            infinite(values.iter().map(|value| f64::from(*value)), note);
            Ok(Values::Single(values))
        }
        (_, dtype) => {
            if matches!(dtype, DataType::Int64 | DataType::UInt64) {
                whole(series, note)?;
            }
            let values = columns::values(series.cast(&DataType::Float64)?.f64()?, f64::NAN);
            infinite(values.iter().copied(), note);
            Ok(Values::Number(values))
        }
    }
}

fn infinite(values: impl Iterator<Item = f64>, note: &mut dyn FnMut(usize, String)) {
    for (row, value) in values.enumerate().filter(|(_, value)| value.is_infinite()) {
        note(row, format!("{value} is not a finite number"));
    }
}

/// Notes whole numbers that a float can't tell from their neighbours.
fn whole(series: &Series, note: &mut dyn FnMut(usize, String)) -> PolarsResult<()> {
    let mut check = |row: usize, number: Option<i128>| {
        if let Some(number) = number.filter(|number| exact::whole(*number).is_none()) {
            note(row, exact::refused(&number.to_string()));
        }
    };
    match series.dtype() {
        DataType::UInt64 => {
            for (row, number) in series.u64()?.iter().enumerate() {
                check(row, number.map(i128::from));
            }
        }
        _ => {
            for (row, number) in series.i64()?.iter().enumerate() {
                check(row, number.map(i128::from));
            }
        }
    }
    Ok(())
}

/// Dates that are written as text.
fn texts(texts: &StringChunked, note: &mut dyn FnMut(usize, String)) -> PolarsResult<Values> {
    let day = |(row, text): (usize, Option<&str>)| match text {
        None | Some("") => MISSING_DAY,
        Some(text) => calendar::parse_iso(text).unwrap_or_else(|| {
            note(row, calendar::explain(text, "yyyy-mm-dd"));
            MISSING_DAY
        }),
    };
    Ok(Values::Date(texts.iter().enumerate().map(day).collect()))
}

/// The days of instants that are midnights, on the clocks of their own time zone.
fn midnights(
    series: &Series,
    unit: TimeUnit,
    zone: Option<&TimeZone>,
    note: &mut dyn FnMut(usize, String),
) -> PolarsResult<Values> {
    let place = zone.and_then(|zone| Zone::parse(zone.as_str()));
    let instants = series.cast(&DataType::Int64)?;
    let day = |(row, count): (usize, Option<i64>)| -> Day {
        let Some(count) = count else {
            return MISSING_DAY;
        };
        // The calendar's bounds were asked when the column was read.
        let local = zones::instant(count, unit).map(|at| match place {
            Some(place) => place.local(at),
            None => at.naive_utc(),
        });
        local.and_then(zones::day).unwrap_or_else(|| {
            let written = local.map_or_else(|| count.to_string(), |local| local.to_string());
            let place = zone.map_or_else(String::new, |zone| format!(" in {}", zone.as_str()));
            note(
                row,
                format!("{written}{place} has a time of day: keep only the date"),
            );
            MISSING_DAY
        })
    };
    Ok(Values::Date(
        instants.i64()?.iter().enumerate().map(day).collect(),
    ))
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
    let begins = bytes >= whole / 3
        && magic(SeekFrom::Start(0)).map_err(|source| unreadable(path, source))?;
    let ends = bytes >= whole
        && magic(SeekFrom::End(-(PARQUET_MAGIC.len() as i64)))
            .map_err(|source| unreadable(path, source))?;
    match (begins, ends) {
        (true, true) => Ok(()),
        (true, false) => refused(
            "the file begins as Parquet but doesn't end so: it is truncated; export or fetch it again",
        ),
        (false, _) => refused("this is no Parquet file; write one, with the ending .parquet"),
    }
}

/// Runs polars on bytes that may be damaged in a way that was not foreseen: it panics on some of them.
///
/// This is the last net. What can be known before is checked before ([`footer`], [`pages`]); here a panic of the
/// decoder becomes an error like any other, and is not printed. (An allocation that fails can't be caught, which is why
/// sizes are checked first.)
fn guarded<T>(path: &Path, work: impl FnOnce() -> PolarsResult<T>) -> Result<T> {
    match quietly(|| catch_unwind(AssertUnwindSafe(work))) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(damaged(path, &polars_said(&error))),
        Err(_) => Err(damaged(path, "its pages contradict each other")),
    }
}

thread_local! {
    /// Whether a panic of this thread is caught and told as an error.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Keeps what a panic of this thread prints from standard error, and leaves all other panics as they are.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !IS_QUIET.get() {
                usual(panic);
            }
        }));
    });
    let before = IS_QUIET.replace(true);
    let result = work();
    IS_QUIET.set(before);
    result
}

pub(super) fn damaged(path: &Path, message: &str) -> DataError {
    DataError::File {
        path: path.into(),
        message: format!("the Parquet file is damaged ({message}); export or fetch it again"),
    }
}
