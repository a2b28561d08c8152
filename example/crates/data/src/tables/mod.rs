//! Tables as files: CSV and Parquet in and out, told apart by what is in them.
//!
//! [`read`] reads under a contract and refuses whatever doesn't fit its types;
//! [`check`](crate::check()) then says what of the contract's other rules is
//! broken. [`read_any`] reads a Parquet file that brings its own types, and
//! [`frames`] what a table has no types for.

mod cells;
mod columns;
mod csv;
mod decimal;
pub mod frames;
mod header;
mod instants;
mod limits;
mod octets;
mod parquet;
mod parts;
mod recent;
mod scan;
mod source;
mod staged_file;
mod text;
mod words;
mod writer;
mod zones;

use std::fs::File;
use std::path::Path;

use crate::{Contract, DataError, Problem, Result, Table, input};

use frames::ParquetFile;

pub use parts::{Part, read_parts};
pub use writer::{TableWriter, WrittenTable, write, write_apart_from};

/// A table, and what its file was like.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The contract's columns, in its order.
    pub table: Table,
    /// What a person should know, such as a forbidden column that was dropped.
    pub warnings: Vec<String>,
    /// Size of the file.
    pub bytes: u64,
    /// What the file turned out to be.
    pub format: Format,
}

/// A way to keep a table in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text, fields separated by commas, a header line.
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// What [`read`] insists on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// Whether the label's column must be there.
    pub label: LabelNeed,
}

/// Whether a table must have the column to be predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LabelNeed {
    /// To train and to evaluate.
    #[default]
    Required,
    /// To predict: without it the table has one column less.
    Optional,
}

impl ReadOptions {
    /// For prediction: the label may be absent.
    pub fn without_label() -> Self {
        ReadOptions {
            label: LabelNeed::Optional,
        }
    }
}

/// A table with what is to be said about it.
struct Found {
    table: Table,
    warnings: Vec<String>,
}

const PARQUET_MAGIC: &[u8; 4] = b"PAR1";

/// Reads a CSV or Parquet file under a contract.
///
/// The table has the contract's columns in the contract's order, whatever their
/// order in the file. In CSV the empty field (or one of blanks only, in a number
/// column) and the contract's words are missing; in Parquet null and NaN are.
///
/// # Errors
/// If the file cannot be opened, is neither format, is damaged, has other
/// columns, holds a value that isn't of its column's type (the first such values are named with line and column),
/// or would take far more memory than its size makes likely.
pub fn read(path: &Path, contract: &Contract, options: ReadOptions) -> Result<Reading> {
    if let Some(reading) = read_by_block(path, contract, options) {
        return Ok(reading);
    }
    match open(path)? {
        Opened::Parquet(file) => {
            let (found, bytes) = parquet::read(&file, contract, options)?;
            Ok(reading(found, Format::Parquet, bytes as usize))
        }
        Opened::Other(bytes) => {
            let found = csv::read(path, &bytes, contract, options)?;
            Ok(reading(found, Format::Csv, bytes.len()))
        }
    }
}

/// A file: Parquet, of which parts are read when they are wanted, or any other, read whole.
enum Opened {
    Parquet(ParquetFile),
    Other(Vec<u8>),
}

fn open(path: &Path) -> Result<Opened> {
    // A pipe shows what it is only once.
    let is_file = path.metadata().is_ok_and(|kind| kind.is_file());
    if is_file && is_parquet(path) {
        return Ok(Opened::Parquet(ParquetFile::open(path)?));
    }
    let bytes = input::read(path)?;
    match bytes.starts_with(PARQUET_MAGIC) {
        true => Ok(Opened::Parquet(ParquetFile::from_bytes(path, bytes)?)),
        false => Ok(Opened::Other(bytes)),
    }
}

/// Reads observations: as [`read`] does, and refuses what [`refuse`](crate::refuse) does.
///
/// # Errors
/// Those of [`read`], and if a value is impossible, with its line and column.
pub fn read_observations(
    path: &Path,
    contract: &Contract,
    options: ReadOptions,
) -> Result<Reading> {
    let reading = read(path, contract, options)?;
    refuse_rows(path, contract, 0, &reading.table)?;
    Ok(reading)
}

/// Refuses rows of a file with an impossible value; `first_row` is the number of the first, counted from 0.
///
/// # Errors
/// If there is one, with its line (of Parquet its row) and column.
pub fn refuse_rows(
    path: &Path,
    contract: &Contract,
    first_row: usize,
    table: &Table,
) -> Result<()> {
    let refused = crate::refuse(table, contract);
    if refused.count == 0 {
        return Ok(());
    }
    let (unit, first) = match is_parquet(path) {
        true => ("row", 1),
        // The header is line 1.
        false => ("line", 2),
    };
    let problems = refused.first.into_iter().map(|refusal| Problem {
        line: first_row + refusal.row + first,
        column: Some(refusal.column),
        message: refusal.message,
    });
    Err(DataError::Lines {
        path: path.into(),
        unit,
        problems: problems.collect(),
        count: refused.count,
        advice: format!(
            "{} says what is possible: correct the value where it is made, or leave it out if nobody knows it. `data check` lists all that is wrong.",
            contract.path.display()
        ),
    })
}

fn is_parquet(path: &Path) -> bool {
    use std::io::Read;

    let mut magic = [0; PARQUET_MAGIC.len()];
    let file = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    file.is_ok() && magic == *PARQUET_MAGIC
}

/// A sound CSV file in one go. Whatever is wrong is found again, and named, with all
/// of the file in memory; so is a table in a file that changes just now.
fn read_by_block(path: &Path, contract: &Contract, options: ReadOptions) -> Option<Reading> {
    use std::io::Read;

    let mut file = File::open(path).ok()?;
    let bytes = file.metadata().ok().filter(|kind| kind.is_file())?.len() as usize;
    let mut magic = [0; PARQUET_MAGIC.len()];
    file.read_exact(&mut magic).ok()?;
    if magic == *PARQUET_MAGIC {
        return None;
    }
    let found = csv::read_by_block(path, &file, bytes, contract, options).ok()?;
    Some(reading(found, Format::Csv, bytes))
}

fn reading(found: Found, format: Format, bytes: usize) -> Reading {
    Reading {
        table: found.table,
        warnings: found.warnings,
        bytes: bytes as u64,
        format,
    }
}

/// Reads a Parquet file with the types it declares: 32-bit floats as
/// [`Values::Single`](crate::Values::Single), other numbers as
/// [`Values::Number`](crate::Values::Number), strings as categories with their
/// levels in order of name, dates as dates.
///
/// # Errors
/// If the file cannot be opened, is no Parquet, is damaged, or has a column of
/// another type.
pub fn read_any(path: &Path) -> Result<Table> {
    match open(path)? {
        Opened::Parquet(file) => parquet::read_any(&file),
        Opened::Other(_) => Err(no_parquet(path)),
    }
}

/// The same of a file whose bytes were read already, by someone who needs their hash too; `path` is only
/// named in errors.
///
/// # Errors
/// As [`read_any`].
pub fn read_any_bytes(path: &Path, bytes: Vec<u8>) -> Result<Table> {
    if !bytes.starts_with(PARQUET_MAGIC) {
        return Err(no_parquet(path));
    }
    parquet::read_any(&ParquetFile::from_bytes(path, bytes)?)
}

fn no_parquet(path: &Path) -> DataError {
    DataError::File {
        path: path.into(),
        message: "this is no Parquet file; only Parquet brings its own types".into(),
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;

    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
