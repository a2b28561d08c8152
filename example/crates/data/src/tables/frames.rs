//! Files as polars frames, for those who need what a [`Table`] doesn't have: whole numbers,
//! instants of time, and one part of a file at a time.

use std::fs::File;
use std::io::{Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};

use polars::io::parquet::metadata::FileMetadata;
use polars::prelude::*;
use polars_parquet::read::{
    BasicDecompressor, ColumnChunkMetadata, PageReader, column_iter_to_arrays, infer_schema,
    read_metadata,
};
use rayon::prelude::*;

use mlops_disk::Staged;

use crate::error::io;
use crate::{DataError, Result, Table};

use super::parquet::{damaged, ends_as_it_begins, guarded, is_consistent, readable};
use super::{columns, csv, instants, load, writer};

/// A Parquet file of which single row groups and columns are read: no more of it is in memory than was
/// asked for.
#[derive(Debug)]
pub struct ParquetFile {
    path: PathBuf,
    content: Content,
    metadata: FileMetadata,
    fields: Vec<ArrowField>,
}

#[derive(Debug)]
enum Content {
    File(File),
    Bytes(Vec<u8>),
}

impl ParquetFile {
    /// Opens a file and reads what it says of itself.
    ///
    /// # Errors
    /// If it cannot be read, is no Parquet, or is damaged.
    pub fn open(path: &Path) -> Result<ParquetFile> {
        let mut file = File::open(path).map_err(|source| io(path, source))?;
        let bytes = file.metadata().map_err(|source| io(path, source))?.len();
        let (metadata, fields) = describe(path, &mut file, bytes)?;
        Ok(ParquetFile {
            path: path.into(),
            content: Content::File(file),
            metadata,
            fields,
        })
    }

    /// The same for a file that is in memory; `name` stands for it in messages.
    ///
    /// # Errors
    /// If it is no Parquet or is damaged.
    pub fn from_bytes(name: &Path, bytes: Vec<u8>) -> Result<ParquetFile> {
        let (metadata, fields) = describe(name, &mut Cursor::new(&bytes), bytes.len() as u64)?;
        Ok(ParquetFile {
            path: name.into(),
            content: Content::Bytes(bytes),
            metadata,
            fields,
        })
    }

    /// Its name in messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names and types of its columns.
    pub fn columns(&self) -> Vec<(String, DataType)> {
        self.fields
            .iter()
            .map(|field| (field.name.to_string(), DataType::from_arrow_field(field)))
            .collect()
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.metadata.num_rows
    }

    /// Number of row groups.
    pub fn groups(&self) -> usize {
        self.metadata.row_groups.len()
    }

    /// Number of rows of a row group; 0 if there is no such group.
    pub fn group_rows(&self, group: usize) -> usize {
        let groups = &self.metadata.row_groups;
        groups.get(group).map_or(0, |group| group.num_rows())
    }

    /// These columns of one row group.
    ///
    /// # Errors
    /// If there is no such group or column, its type isn't read, or the file is damaged.
    pub fn read_group(&self, group: usize, columns: &[&str]) -> Result<DataFrame> {
        let group = self.metadata.row_groups.get(group).ok_or_else(|| {
            damaged(
                &self.path,
                &format!("it has {} row groups", self.metadata.row_groups.len()),
            )
        })?;
        let columns = columns
            .par_iter()
            .map(|name| {
                let field = self.field(name)?;
                readable(&self.path, (name, &field.dtype))?;
                let chunk = group
                    .parquet_columns()
                    .iter()
                    .find(|chunk| {
                        chunk.descriptor().path_in_schema.first().map(|s| &**s) == Some(*name)
                    })
                    .ok_or_else(|| damaged(&self.path, &format!("no pages for column {name:?}")))?;
                let bytes = self.bytes(chunk)?;
                guarded(&self.path, || series(field, chunk, bytes)).map(IntoColumn::into_column)
            })
            .collect::<Result<Vec<_>>>()?;
        guarded(&self.path, || DataFrame::new(group.num_rows(), columns))
    }

    /// These columns of all rows.
    ///
    /// # Errors
    /// As [`read_group`](Self::read_group).
    pub fn read(&self, columns: &[&str]) -> Result<DataFrame> {
        let mut whole: Option<DataFrame> = None;
        for group in 0..self.groups() {
            let part = self.read_group(group, columns)?;
            match &mut whole {
                None => whole = Some(part),
                Some(whole) => {
                    guarded(&self.path, || whole.vstack_mut_owned(part).map(|_| ()))?;
                }
            }
        }
        match whole {
            Some(whole) => Ok(whole),
            None => {
                let empty = columns
                    .iter()
                    .map(|name| {
                        let kind = DataType::from_arrow_field(self.field(name)?);
                        Ok(Column::new_empty((*name).into(), &kind))
                    })
                    .collect::<Result<Vec<_>>>()?;
                guarded(&self.path, || DataFrame::new(0, empty))
            }
        }
    }

    fn field(&self, name: &str) -> Result<&ArrowField> {
        let found = self.fields.iter().find(|field| field.name == name);
        found.ok_or_else(|| DataError::File {
            path: self.path.clone(),
            message: format!(
                "there is no column {name:?}; it has {}",
                self.fields
                    .iter()
                    .map(|field| field.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        })
    }

    fn bytes(&self, chunk: &ColumnChunkMetadata) -> Result<Vec<u8>> {
        let range = chunk.byte_range();
        match &self.content {
            Content::File(file) => {
                let mut bytes = vec![0; range.end.saturating_sub(range.start) as usize];
                std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, range.start)
                    .map_err(|source| io(&self.path, source))?;
                Ok(bytes)
            }
            Content::Bytes(bytes) => bytes
                .get(range.start as usize..range.end as usize)
                .map(<[u8]>::to_vec)
                .ok_or_else(|| damaged(&self.path, "its sizes contradict each other")),
        }
    }
}

fn describe(
    path: &Path,
    reader: &mut (impl Read + Seek),
    bytes: u64,
) -> Result<(FileMetadata, Vec<ArrowField>)> {
    ends_as_it_begins(path, reader, bytes)?;
    let (metadata, fields) = guarded(path, || {
        let metadata = read_metadata(reader)?;
        let schema = infer_schema(&metadata)?;
        Ok((metadata, schema.iter_values().cloned().collect()))
    })?;
    if !is_consistent(&metadata, bytes) {
        return Err(damaged(path, "its sizes contradict each other"));
    }
    Ok((metadata, fields))
}

fn series(field: &ArrowField, chunk: &ColumnChunkMetadata, bytes: Vec<u8>) -> PolarsResult<Series> {
    let pages = PageReader::new(Cursor::new(bytes.into()), chunk, Vec::new(), usize::MAX);
    let (arrays, _) = column_iter_to_arrays(
        vec![BasicDecompressor::new(pages, Vec::new())],
        vec![&chunk.descriptor().descriptor.primitive_type],
        field.clone(),
        None,
    )?;
    Series::try_from((field, arrays))
}

/// Reads a CSV file with every column as text, null where the field is empty.
///
/// # Errors
/// If the file cannot be read, is no text, or its lines differ in their number of fields.
pub fn read_texts(path: &Path) -> Result<DataFrame> {
    frame(&csv::read_texts(path, &load(path)?)?).map_err(|error| unwritable(path, &error))
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
    let mut file = std::io::BufWriter::with_capacity(1 << 18, staged.try_clone()?);
    write_parquet(&mut file, frame).map_err(|error| unwritable(path, &error))?;
    file.flush().map_err(|source| io(path, source))?;
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

fn unwritable(path: &Path, error: &PolarsError) -> DataError {
    DataError::File {
        path: path.into(),
        message: format!("cannot be written: {error}"),
    }
}
