//! What a Parquet file says of itself, checked before it is believed.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use polars::io::parquet::metadata::FileMetadata;
use polars::prelude::*;
use polars_parquet::read::schema::parquet_to_arrow_schema_with_options;
use polars_parquet::read::{
    ColumnChunkMetadata, ParquetType, PrimitiveLogicalType, infer_schema, read_metadata,
};

use crate::error::unreadable;
use crate::{DataError, Result};

use super::super::limits;
use super::{damaged, guarded, thrift};

/// The longest footer that is read: that of 10,000 columns and 50 row groups.
const MAX_FOOTER: u64 = 1 << 27;
/// Groups of columns inside groups.
const MAX_NESTING: usize = 16;

/// The metadata of a file, and its columns as they are stored.
pub(super) type Description = (FileMetadata, Vec<ArrowField>);

/// Reads the footer of a file that begins and ends as Parquet does.
pub(super) fn read(path: &Path, file: &mut (impl Read + Seek), bytes: u64) -> Result<Description> {
    let footer = bytes_of(path, file, bytes)?;
    structure(path, &footer)?;
    let metadata = guarded(path, || read_metadata(file))?;
    sizes(path, &metadata, bytes)?;
    let fields = guarded(path, || fields(&metadata))?;
    let names = fields.iter().map(|field| field.name.as_str());
    limits::header(fields.len(), names).map_err(|message| refused(path, message))?;
    Ok((metadata, fields))
}

fn refused(path: &Path, message: String) -> DataError {
    DataError::File {
        path: path.into(),
        message,
    }
}

fn bytes_of(path: &Path, file: &mut (impl Read + Seek), bytes: u64) -> Result<Vec<u8>> {
    let system = |error| unreadable(path, error);
    let mut ending = [0; 4];
    file.seek(SeekFrom::End(-8)).map_err(system)?;
    file.read_exact(&mut ending).map_err(system)?;
    let length = u64::from(u32::from_le_bytes(ending));
    if length + 12 > bytes {
        return Err(damaged(path, "its footer would begin before the file does"));
    }
    if length > MAX_FOOTER {
        let message = format!(
            "its footer has {} MB and at most {} are read; write it with fewer columns or larger row groups",
            length >> 20,
            MAX_FOOTER >> 20
        );
        return Err(refused(path, message));
    }
    let mut footer = vec![0; length as usize];
    file.seek(SeekFrom::End(-8 - length as i64))
        .map_err(system)?;
    file.read_exact(&mut footer).map_err(system)?;
    file.rewind().map_err(system)?;
    Ok(footer)
}

/// Walks the footer's structure, so that polars can't be made to take memory for what isn't there.
fn structure(path: &Path, footer: &[u8]) -> Result<()> {
    let mut children = Vec::new();
    let walked = thrift::walk(footer, &thrift::FILE, &mut |path, value| match path {
        [2] => children.push(0),
        [2, 0, 5] => *children.last_mut().unwrap_or(&mut 0) = value,
        _ => {}
    });
    if walked.is_none() {
        return Err(damaged(path, "its footer cannot be read"));
    }
    let leaves = children.iter().filter(|count| **count <= 0).count();
    if leaves > limits::MAX_COLUMNS {
        let message = format!(
            "it has {leaves} columns and at most {} are read; remove those that the contract doesn't name",
            limits::MAX_COLUMNS
        );
        return Err(refused(path, message));
    }
    if nesting(&children) > MAX_NESTING {
        return Err(damaged(path, "its columns are nested too deeply"));
    }
    Ok(())
}

/// How deep a schema is, whose elements come parents first, each with the number of its children.
fn nesting(children: &[i64]) -> usize {
    let mut open: Vec<i64> = Vec::new();
    let mut deepest = 0;
    for count in children {
        while open.pop_if(|left| *left == 0).is_some() {}
        if let Some(left) = open.last_mut() {
            *left -= 1;
        }
        if *count > 0 {
            open.push(*count);
            deepest = deepest.max(open.len());
        }
    }
    deepest
}

/// Whether the sizes that a file states agree with each other and with the bytes that are there.
fn sizes(path: &Path, metadata: &FileMetadata, bytes: u64) -> Result<()> {
    let contradiction = || damaged(path, "its sizes contradict each other");
    let groups = &metadata.row_groups;
    let rows = groups
        .iter()
        .try_fold(0usize, |rows, group| rows.checked_add(group.num_rows()));
    if rows != Some(metadata.num_rows) {
        return Err(contradiction());
    }
    let columns = metadata.schema().fields().len();
    limits::rows(metadata.num_rows as u64, columns as u64, bytes)
        .map_err(|message| refused(path, message))?;
    let (mut stored, mut unpacked) = (0_u64, 0_u64);
    for group in groups {
        for column in group.parquet_columns() {
            let flat = column.descriptor().descriptor.max_rep_level == 0;
            let range = range(column).filter(|range| range.end <= bytes);
            let size = u64::try_from(column.uncompressed_size()).ok();
            let (Some(range), Some(size)) = (range, size) else {
                return Err(contradiction());
            };
            if flat && usize::try_from(column.num_values()) != Ok(group.num_rows()) {
                return Err(contradiction());
            }
            stored = stored.saturating_add(range.end - range.start);
            unpacked = unpacked.saturating_add(size);
        }
    }
    if stored > bytes {
        return Err(contradiction());
    }
    if unpacked > limits::memory(bytes) {
        let message = format!(
            "its columns would take {} MB once they are decompressed, for a file of {} kB; split it into files of fewer rows",
            unpacked >> 20,
            bytes >> 10
        );
        return Err(refused(path, message));
    }
    Ok(())
}

/// Where the bytes of a column chunk are.
pub(super) fn range(column: &ColumnChunkMetadata) -> Option<std::ops::Range<u64>> {
    let start = column.dictionary_page_offset();
    let start = u64::try_from(start.unwrap_or(column.data_page_offset())).ok()?;
    let length = u64::try_from(column.compressed_size()).ok()?;
    Some(start..start.checked_add(length)?)
}

/// The columns as Parquet stores them: what the writer called category or 64-bit date is text and date there.
/// Only time zones, spans of time and short floats are taken from what an Arrow program noted of its own types.
fn fields(metadata: &FileMetadata) -> PolarsResult<Vec<ArrowField>> {
    let noted = infer_schema(metadata)?;
    let types = metadata.schema().fields();
    let stored = parquet_to_arrow_schema_with_options(types, &None);
    let merged = stored.iter_values().map(|field| {
        let noted = noted.get(&field.name).map(|noted| &noted.dtype);
        let logical = types.iter().find_map(|kind| match kind {
            ParquetType::PrimitiveType(kind) if kind.field_info.name == field.name => {
                kind.logical_type
            }
            _ => None,
        });
        let dtype = match (&field.dtype, noted) {
            (ArrowDataType::Timestamp(unit, Some(_)), Some(ArrowDataType::Timestamp(_, zone))) => {
                // A zone of no name, or none at all, is what Parquet says: UTC.
                let zone = zone.clone().filter(|zone| !zone.is_empty());
                ArrowDataType::Timestamp(*unit, zone.or(Some("UTC".into())))
            }
            (_, Some(span @ ArrowDataType::Duration(_))) => span.clone(),
            _ if logical == Some(PrimitiveLogicalType::Unknown) => ArrowDataType::Null,
            (ArrowDataType::FixedSizeBinary(2), _)
                if logical == Some(PrimitiveLogicalType::Float16) =>
            {
                ArrowDataType::Float16
            }
            (stored, _) => stored.clone(),
        };
        ArrowField::new(field.name.clone(), dtype, field.is_nullable)
    });
    Ok(merged.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_depth_of_a_schema_is_counted() {
        assert_eq!(nesting(&[2, 0, 0]), 1);
        assert_eq!(nesting(&[2, 1, 1, 0, 0]), 3);
        assert_eq!(nesting(&[1; 100]), 100);
        assert_eq!(nesting(&[]), 0);
    }
}
