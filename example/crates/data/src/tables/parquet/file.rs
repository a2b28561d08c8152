//! A Parquet file of which single row groups and columns are read.

use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use polars::io::parquet::metadata::FileMetadata;
use polars::prelude::*;
use polars_parquet::read::{
    BasicDecompressor, ColumnChunkMetadata, PageReader, column_iter_to_arrays,
};
use rayon::prelude::*;

use crate::error::unreadable;
use crate::{DataError, Result};

use super::super::frames::polars_said;
use super::{arrays, damaged, ends_as_it_begins, footer, guarded, pages, refused_rows};

/// A Parquet file of which single row groups and columns are read: no more of it is in memory than was
/// asked for.
///
/// What the file says of itself is checked before it is believed, and every page before it is decoded, its
/// checksum too if it has one.
#[derive(Debug)]
pub struct ParquetFile {
    path: PathBuf,
    content: Content,
    metadata: Box<FileMetadata>,
    /// The columns as they are stored.
    fields: Vec<ArrowField>,
    /// The first row of each row group.
    first_rows: Vec<usize>,
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
    /// If it cannot be read, is no Parquet, is damaged, or would take far more memory than its size makes likely.
    pub fn open(path: &Path) -> Result<ParquetFile> {
        let mut file = File::open(path).map_err(|source| unreadable(path, source))?;
        let bytes = file
            .metadata()
            .map_err(|source| unreadable(path, source))?
            .len();
        let description = describe(path, &mut file, bytes)?;
        Ok(ParquetFile::new(path, Content::File(file), description))
    }

    /// The same for a file that is in memory; `name` stands for it in messages.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(name: &Path, bytes: Vec<u8>) -> Result<ParquetFile> {
        let description = describe(name, &mut Cursor::new(&bytes), bytes.len() as u64)?;
        Ok(ParquetFile::new(name, Content::Bytes(bytes), description))
    }

    fn new(path: &Path, content: Content, (metadata, fields): footer::Description) -> ParquetFile {
        let groups = metadata.row_groups.iter();
        let first_rows = groups.scan(0, |next, group| {
            let first = *next;
            *next += group.num_rows();
            Some(first)
        });
        ParquetFile {
            path: path.into(),
            content,
            first_rows: first_rows.collect(),
            metadata: Box::new(metadata),
            fields,
        }
    }

    /// Its name in messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names and types of its columns, as they are read.
    pub fn columns(&self) -> Vec<(String, DataType)> {
        self.fields
            .iter()
            .map(|field| (field.name.to_string(), arrays::kind(&field.dtype)))
            .collect()
    }

    /// Names of its columns, and their types as they are stored.
    pub(super) fn fields(&self) -> &[ArrowField] {
        &self.fields
    }

    /// Its size.
    pub(super) fn bytes(&self) -> u64 {
        match &self.content {
            Content::File(file) => file.metadata().map_or(0, |metadata| metadata.len()),
            Content::Bytes(bytes) => bytes.len() as u64,
        }
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
    /// If there is no such group or column, its type isn't read, a value isn't, or the file is damaged.
    pub fn read_group(&self, group: usize, columns: &[&str]) -> Result<DataFrame> {
        let first_row = self.first_rows.get(group).copied().unwrap_or(0);
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
                arrays::readable(&self.path, field)?;
                let chunk = group
                    .parquet_columns()
                    .iter()
                    .find(|chunk| {
                        chunk.descriptor().path_in_schema.first().map(|s| &**s) == Some(*name)
                    })
                    .ok_or_else(|| damaged(&self.path, &format!("no pages for column {name:?}")))?;
                Ok(self.series(field, chunk, first_row)?.into_column())
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
                        let field = self.field(name)?;
                        arrays::readable(&self.path, field)?;
                        Ok(Column::new_empty(
                            (*name).into(),
                            &arrays::kind(&field.dtype),
                        ))
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

    fn series(
        &self,
        field: &ArrowField,
        chunk: &ColumnChunkMetadata,
        first_row: usize,
    ) -> Result<Series> {
        let bytes = self.chunk(chunk)?;
        let named =
            |message: &str| damaged(&self.path, &format!("column {:?}: {message}", field.name));
        pages::check(chunk, &bytes).map_err(|message| named(&message))?;
        let arrays = guarded(&self.path, || {
            let most = bytes.len();
            let pages = PageReader::new(Cursor::new(bytes.into()), chunk, Vec::new(), most);
            let (arrays, _) = column_iter_to_arrays(
                vec![BasicDecompressor::new(pages, Vec::new())],
                vec![&chunk.descriptor().descriptor.primitive_type],
                field.clone(),
                None,
            )?;
            Ok(arrays)
        })?;
        let (arrays, problems) =
            arrays::converted(field, arrays).map_err(|error| named(&polars_said(&error)))?;
        if !problems.is_empty() {
            return Err(refused_rows(&self.path, first_row, problems));
        }
        let dtype = arrays.first().map_or(&field.dtype, |array| array.dtype());
        let field = ArrowField::new(field.name.clone(), dtype.clone(), field.is_nullable);
        guarded(&self.path, || Series::try_from((&field, arrays)))
    }

    fn chunk(&self, chunk: &ColumnChunkMetadata) -> Result<Vec<u8>> {
        let contradiction = || damaged(&self.path, "its sizes contradict each other");
        // Lies in the file: that was checked when it was opened.
        let range = footer::range(chunk).ok_or_else(contradiction)?;
        match &self.content {
            Content::File(file) => {
                let mut bytes = vec![0; (range.end - range.start) as usize];
                std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, range.start)
                    .map_err(|source| unreadable(&self.path, source))?;
                Ok(bytes)
            }
            Content::Bytes(bytes) => bytes
                .get(range.start as usize..range.end as usize)
                .map(<[u8]>::to_vec)
                .ok_or_else(contradiction),
        }
    }
}

fn describe(path: &Path, file: &mut (impl Read + Seek), bytes: u64) -> Result<footer::Description> {
    ends_as_it_begins(path, file, bytes)?;
    footer::read(path, file, bytes)
}
