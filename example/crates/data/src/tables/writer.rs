//! Tables out, at once or batch by batch.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use polars::io::parquet::write::BatchedWriter;
use polars::prelude::{
    CompatLevel, DataFrame, ParquetCompression, ParquetWriter, PolarsError, PolarsResult, Series,
};
use polars_parquet::write::{
    CompressedPage, ParquetType, StatisticsOptions, Version, WriteOptions, array_to_columns,
    compress, get_dtype_encoding,
};

use rayon::prelude::*;

use mlops_disk::Staged;

use crate::calendar::{self, Day};
use crate::error::unwritable;
use crate::table::MISSING_DAY;
use crate::{DataError, Result, Table, Values};

use super::staged_file::{StagedFile, WriteFailure};
use super::{Format, frames::frame, text};

/// Rows of a Parquet row group: batches are cut and joined to it, so that the
/// file doesn't tell how its rows came.
pub(super) const ROW_GROUP: usize = 1 << 16;

pub(super) const COMPRESSION: ParquetCompression = ParquetCompression::Zstd(None);

/// Writes a table to a file, `.csv` or `.parquet` by its name.
///
/// The file appears whole or not at all, and the same table gives the same
/// bytes. Missing values are empty fields in CSV and null in Parquet; which
/// words a category allows isn't kept, only those that occur.
///
/// # Errors
/// If the name ends otherwise, the disk refuses, or a value cannot be written
/// (an infinite number, a date that isn't allowed; in CSV a line end inside a word).
pub fn write(path: &Path, table: &Table) -> Result<()> {
    write_apart_from(&[], path, table)
}

/// As [`write()`], for a table that is read again under a contract: a CSV file must not hold a word that stands for
/// "missing" there ([`Contract::missing`](crate::Contract::missing)).
///
/// # Errors
/// Those of [`write()`], and if a word is one of these and the file is CSV.
pub fn write_apart_from(missing: &[String], path: &Path, table: &Table) -> Result<()> {
    let mut writer = TableWriter::create(path)?;
    if writer.format == Format::Csv
        && let Some((row, column, word)) = marked(table, missing)
    {
        return Err(writer.refused(format!(
            "row {row}, column {column:?} holds the word {word:?}, and in CSV this word means \"missing\" by the contract; \
             write Parquet (a name that ends in .parquet), or take the word from the contract's `missing`"
        )));
    }
    writer.write(table)?;
    writer.finish()
}

/// The first word that would be read as missing: its row (from 1), column and itself.
fn marked<'a>(table: &'a Table, missing: &[String]) -> Option<(usize, &'a str, &'a str)> {
    table.columns().iter().find_map(|column| {
        let Values::Category { codes, levels } = &column.values else {
            return None;
        };
        let marked = |level: &String| missing.contains(level);
        let marked: Vec<bool> = levels.iter().map(marked).collect();
        let is_marked = |code: &u32| marked.get(*code as usize) == Some(&true);
        let row = codes.iter().position(is_marked)?;
        let word = levels.get(codes[row] as usize)?;
        Some((row + 1, column.name.as_str(), word.as_str()))
    })
}

/// Writes a table too long for memory, batch by batch.
///
/// The first batch (of any number of rows) fixes names and types of the columns.
/// Nothing stands under the file's name until [`finish`](Self::finish) has
/// succeeded; dropped before, the writer leaves nothing behind.
pub struct TableWriter {
    path: PathBuf,
    format: Format,
    staged: Staged,
    failure: WriteFailure,
    output: Option<Output>,
    rows: usize,
}

/// A table that is whole and on the disk, under another name than it will have. Dropped before it is
/// finished, it leaves nothing behind.
#[derive(Debug)]
pub struct WrittenTable {
    path: PathBuf,
    staged: Staged,
}

impl WrittenTable {
    /// Where it is by now.
    pub fn file(&self) -> &Path {
        self.staged.path()
    }

    /// Puts it in its place.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn finish(self) -> Result<()> {
        Ok(self.staged.finish(&self.path)?)
    }
}

enum Output {
    Csv {
        file: BufWriter<StagedFile>,
        shape: Shape,
    },
    Parquet {
        file: Box<BatchedWriter<BufWriter<StagedFile>>>,
        shape: Shape,
        /// Rows of the row group begun.
        pending: DataFrame,
    },
}

/// Names and types of the columns.
type Shape = Vec<(String, &'static str)>;

impl TableWriter {
    /// Begins a file, `.csv` or `.parquet` by its name.
    ///
    /// # Errors
    /// If the name ends otherwise or its folder cannot be written to.
    pub fn create(path: &Path) -> Result<TableWriter> {
        let ending = path.extension().and_then(|ending| ending.to_str());
        let format = match ending.map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => Format::Csv,
            Some("parquet") => Format::Parquet,
            _ => {
                return Err(DataError::File {
                    path: path.into(),
                    message: "the name must end in .csv or .parquet, to say how to write it".into(),
                });
            }
        };
        Ok(TableWriter {
            path: path.into(),
            format,
            staged: Staged::beside(path)?,
            failure: WriteFailure::default(),
            output: None,
            rows: 0,
        })
    }

    /// Rows written so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Appends the rows of a batch.
    ///
    /// # Errors
    /// If the disk refuses, the columns differ from those of the first batch,
    /// or a value cannot be written.
    pub fn write(&mut self, batch: &Table) -> Result<()> {
        if let Some((row, column)) = infinite(batch) {
            let row = self.rows + row + 1;
            return Err(self.refused(format!("row {row}, column {column:?} is infinite")));
        }
        if let Some((row, column, day)) = far(batch) {
            let row = self.rows + row + 1;
            let day = calendar::day_not_allowed(day);
            return Err(self.refused(format!("row {row}, column {column:?}: {day}")));
        }
        let mut output = match self.output.take() {
            Some(output) => output,
            None => self.begin(batch)?,
        };
        let shape = match &output {
            Output::Csv { shape, .. } | Output::Parquet { shape, .. } => shape,
        };
        if *shape != shape_of(batch) {
            return Err(self.refused(format!(
                "the first batch had the columns {}, this one has {}",
                describe(shape),
                describe(&shape_of(batch))
            )));
        }
        match &mut output {
            Output::Csv { file, .. } => text::rows(&self.path, batch, self.rows + 2, |text| {
                file.write_all(text).map_err(|e| unwritable(&self.path, e))
            })?,
            Output::Parquet { file, pending, .. } => {
                let frame = frame(batch).map_err(|e| self.polars(&e))?;
                pending.vstack_mut(&frame).map_err(|e| self.polars(&e))?;
                while pending.height() >= ROW_GROUP {
                    let group = pending.slice(0, ROW_GROUP);
                    group_out(file, group).map_err(|e| self.polars(&e))?;
                    *pending = pending.slice(ROW_GROUP as i64, pending.height() - ROW_GROUP);
                }
            }
        }
        self.output = Some(output);
        self.rows += batch.rows();
        Ok(())
    }

    /// Completes the file and puts it in its place.
    ///
    /// # Errors
    /// If the disk refuses or no batch was ever written.
    pub fn finish(self) -> Result<()> {
        self.complete()?.finish()
    }

    /// Completes the file, which then has all but its name: for who puts several files in their places
    /// together.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn complete(mut self) -> Result<WrittenTable> {
        match self.output.take() {
            None => {
                return Err(self.refused("no batch was written, so there are no columns".into()));
            }
            Some(Output::Csv { file, .. }) => {
                // Dropped with data in it, the buffer would keep an error to itself.
                file.into_inner()
                    .map_err(|e| unwritable(&self.path, e.into_error()))?;
            }
            Some(Output::Parquet {
                mut file, pending, ..
            }) => {
                group_out(&mut file, pending).map_err(|e| self.polars(&e))?;
                file.finish().map_err(|e| self.polars(&e))?;
            }
        }
        self.staged.flush_data()?;
        Ok(WrittenTable {
            path: self.path,
            staged: self.staged,
        })
    }

    fn begin(&self, batch: &Table) -> Result<Output> {
        let shape = shape_of(batch);
        let file = StagedFile::new(self.staged.try_clone()?, &self.failure);
        let mut file = BufWriter::with_capacity(1 << 18, file);
        match self.format {
            Format::Csv => {
                let header = text::header(&self.path, batch)?;
                file.write_all(&header)
                    .map_err(|e| unwritable(&self.path, e))?;
                Ok(Output::Csv { file, shape })
            }
            Format::Parquet => {
                let pending = frame(batch).map_err(|e| self.polars(&e))?.clear();
                let file = ParquetWriter::new(file)
                    .with_compression(COMPRESSION)
                    .batched(pending.schema())
                    .map_err(|e| self.polars(&e))?;
                Ok(Output::Parquet {
                    file: Box::new(file),
                    shape,
                    pending,
                })
            }
        }
    }

    fn refused(&self, message: String) -> DataError {
        DataError::File {
            path: self.path.clone(),
            message: format!("cannot be written: {message}"),
        }
    }

    fn polars(&self, error: &PolarsError) -> DataError {
        match self.failure.take() {
            Some(system) => unwritable(&self.path, system),
            None => self.refused(error.to_string()),
        }
    }
}

impl std::fmt::Debug for TableWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableWriter")
            .field("path", &self.path)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

/// Encodes and compresses the columns side by side; polars would compress them
/// one after the other.
pub(super) fn group_out<W: Write>(
    file: &mut BatchedWriter<W>,
    mut group: DataFrame,
) -> PolarsResult<()> {
    if group.height() == 0 {
        return Ok(());
    }
    group.rechunk_mut();
    let types = file.parquet_schema().fields();
    let columns = group.columns().par_iter().zip(types);
    let pages: Vec<_> = columns
        .map(|(column, kind)| pages(column.as_materialized_series(), kind))
        .collect::<PolarsResult<_>>()?;
    file.write_row_group(group.height() as u64, &pages)
}

fn pages(column: &Series, kind: &ParquetType) -> PolarsResult<Vec<CompressedPage>> {
    let array = column.to_arrow(0, CompatLevel::newest());
    let encoding = get_dtype_encoding(array.dtype());
    let options = WriteOptions {
        statistics: StatisticsOptions::default(),
        version: Version::V1,
        compression: COMPRESSION.into(),
        data_page_size: None,
    };
    array_to_columns(array, kind.clone(), options, &encoding)?
        .into_iter()
        .flatten()
        .map(|page| Ok(compress(page?, Vec::new(), options.compression)?))
        .collect()
}

fn shape_of(table: &Table) -> Shape {
    table
        .columns()
        .iter()
        .map(|column| {
            let kind = match column.values {
                Values::Number(_) => "number",
                Values::Single(_) => "single",
                Values::Category { .. } => "category",
                Values::Date(_) => "date",
            };
            (column.name.clone(), kind)
        })
        .collect()
}

fn describe(shape: &Shape) -> String {
    shape
        .iter()
        .map(|(name, kind)| format!("{name} ({kind})"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Row (from 0), column and day of the first date that would not be read again.
fn far(table: &Table) -> Option<(usize, &str, Day)> {
    table.columns().iter().find_map(|column| {
        let Values::Date(days) = &column.values else {
            return None;
        };
        let far = |day: &Day| *day != MISSING_DAY && !calendar::ALLOWED.contains(day);
        let row = days.iter().position(far)?;
        Some((row, column.name.as_str(), days[row]))
    })
}

/// Row (from 0) and column of the first infinite value.
fn infinite(table: &Table) -> Option<(usize, &str)> {
    table.columns().iter().find_map(|column| {
        let row = match &column.values {
            Values::Number(values) => values.iter().position(|value| value.is_infinite()),
            Values::Single(values) => values.iter().position(|value| value.is_infinite()),
            _ => None,
        };
        Some((row?, column.name.as_str()))
    })
}
