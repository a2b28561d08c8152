//! Files as polars frames, for those who need what a [`Table`] doesn't have: whole numbers,
//! instants of time, and one part of a file at a time.

use std::io::Write;
use std::path::Path;

use polars::prelude::*;
use rayon::prelude::*;

use mlops_disk::Staged;

use crate::error::unwritable;
use crate::{DataError, Result, Table, input};

use super::staged_file::{StagedFile, WriteFailure};
use super::{columns, csv, instants, writer};

pub use super::parquet::ParquetFile;

/// Reads a CSV file with every column as text, null where the field is empty.
///
/// # Errors
/// If the file cannot be read, is no text, or its lines differ in their number of fields.
pub fn read_texts(path: &Path) -> Result<DataFrame> {
    frame(&csv::read_texts(path, &input::read(path)?)?).map_err(|error| refused(path, &error))
}

/// A table as a frame, null where it is missing.
///
/// # Errors
/// If polars refuses; of a sound table it doesn't.
pub fn frame(table: &Table) -> PolarsResult<DataFrame> {
    let columns = table
        .columns()
        .par_iter()
        .map(|column| Ok(columns::series(column)?.into_column()))
        .collect::<PolarsResult<_>>()?;
    DataFrame::new(table.rows(), columns)
}

/// A frame as a table: instants become text, as do whole numbers too long for a number. `name` stands for it
/// in messages.
///
/// # Errors
/// If a column has a type that is no text, number, date or instant.
pub fn table(name: &Path, frame: &DataFrame) -> Result<Table> {
    instants::as_table(name, frame)
}

/// Writes a frame to a file, `.csv` or `.parquet` by its name.
///
/// The file appears whole or not at all, and the same frame gives the same bytes. In CSV, instants are
/// written `yyyy-mm-dd hh:mm:ss`, those of a known zone in UTC with a `Z` behind them.
///
/// # Errors
/// If the name ends otherwise, the disk refuses, or a value cannot be written (a list; in CSV an infinite
/// number or a line end inside a text).
pub fn write(path: &Path, frame: &DataFrame) -> Result<()> {
    if path
        .extension()
        .is_none_or(|ending| !ending.eq_ignore_ascii_case("parquet"))
    {
        return writer::write(path, &instants::as_table(path, frame)?);
    }
    let staged = Staged::beside(path)?;
    let failure = WriteFailure::default();
    let file = StagedFile::new(staged.try_clone()?, &failure);
    let mut file = std::io::BufWriter::with_capacity(1 << 18, file);
    write_parquet(&mut file, frame).map_err(|error| match failure.take() {
        Some(system) => unwritable(path, system),
        None => refused(path, &error),
    })?;
    file.flush().map_err(|error| unwritable(path, error))?;
    Ok(staged.finish(path)?)
}

/// Writes a frame as Parquet; the same frame gives the same bytes.
///
/// # Errors
/// If the writer refuses or a column's type has no place in Parquet.
pub fn write_parquet(target: impl Write, frame: &DataFrame) -> PolarsResult<()> {
    let mut file = ParquetWriter::new(target)
        .with_compression(writer::COMPRESSION)
        .batched(frame.schema())?;
    let mut start = 0;
    while start < frame.height() {
        let group = frame.slice(start as i64, writer::ROW_GROUP);
        start += group.height();
        writer::group_out(&mut file, group)?;
    }
    file.finish()?;
    Ok(())
}

fn refused(path: &Path, error: &PolarsError) -> DataError {
    DataError::File {
        path: path.into(),
        message: format!("cannot be written: {}", polars_said(error)),
    }
}

/// What an error of polars says of the data, without what it says of polars.
pub(super) fn polars_said(error: &impl std::fmt::Display) -> String {
    const INNER: [&str; 4] = [
        "parquet: ",
        "File out of specification: ",
        "not yet implemented: ",
        "underlying IO error: ",
    ];
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let said = INNER
        .iter()
        .fold(line, |said, inner| said.strip_prefix(inner).unwrap_or(said));
    // What is left may still speak of how tables are held in memory, which helps nobody.
    const FOREIGN: [&str; 6] = ["thrift", "Thrift", "rrow", "Utf8", "olars", "DataType"];
    if FOREIGN.iter().any(|word| said.contains(word)) {
        return "its parts contradict each other".into();
    }
    said.into()
}
