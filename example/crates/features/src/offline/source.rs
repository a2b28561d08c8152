use std::path::Path;

use mlops_data::tables::frames::{ParquetFile, read_texts};
use polars::prelude::*;

use super::{OfflineError, OfflineResult};

/// A table that is read part by part.
///
/// Of two rows equal in key, event and creation, the one in the later part, or the later row, is preferred.
pub trait Source: Sync {
    /// Its name in messages.
    fn name(&self) -> String;

    /// Names and types of its columns.
    fn columns(&self) -> Vec<(String, DataType)>;

    /// What is known of its parts without reading them.
    fn parts(&self) -> Vec<Part>;

    /// These columns of one part.
    ///
    /// # Errors
    /// If the part cannot be read or a column isn't there.
    fn read(&self, part: usize, columns: &[&str]) -> OfflineResult<DataFrame>;
}

impl<S: Source + ?Sized> Source for &S {
    fn name(&self) -> String {
        (**self).name()
    }

    fn columns(&self) -> Vec<(String, DataType)> {
        (**self).columns()
    }

    fn parts(&self) -> Vec<Part> {
        (**self).parts()
    }

    fn read(&self, part: usize, columns: &[&str]) -> OfflineResult<DataFrame> {
        (**self).read(part, columns)
    }
}

/// What is known of a part of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Number of rows.
    pub rows: usize,
    /// First and last event, microseconds since 1970-01-01, if that is known.
    pub events: Option<(i64, i64)>,
}

/// A part is a row group.
impl Source for ParquetFile {
    fn name(&self) -> String {
        self.path().display().to_string()
    }

    fn columns(&self) -> Vec<(String, DataType)> {
        ParquetFile::columns(self)
    }

    fn parts(&self) -> Vec<Part> {
        (0..self.groups())
            .map(|group| Part {
                rows: self.group_rows(group),
                events: None,
            })
            .collect()
    }

    fn read(&self, part: usize, columns: &[&str]) -> OfflineResult<DataFrame> {
        Ok(self.read_group(part, columns)?)
    }
}

/// A table in memory: one part.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Its name in messages.
    pub name: String,
    /// The table.
    pub table: DataFrame,
}

impl Source for Frame {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn columns(&self) -> Vec<(String, DataType)> {
        columns_of(&self.table)
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part {
            rows: self.table.height(),
            events: None,
        }]
    }

    fn read(&self, _part: usize, columns: &[&str]) -> OfflineResult<DataFrame> {
        let columns = columns.iter().copied();
        self.table
            .select(columns)
            .map_err(OfflineError::frame(&self.name))
    }
}

/// Entity rows: of whom, and as of when, values are wanted. All their columns stay in the result.
#[derive(Debug, Clone)]
pub struct Entities {
    pub(super) place: Place,
    /// The rows.
    pub table: DataFrame,
    /// The column of instants.
    pub time: String,
    /// What a day without an hour stands for: so many microseconds after its midnight. 0 unless it is set.
    pub day_means: u64,
}

impl Entities {
    /// Entity rows in memory; `name` stands for them in messages.
    pub fn new(name: &str, table: DataFrame, time: &str) -> Entities {
        Entities {
            place: Place {
                name: name.into(),
                lines: false,
            },
            table,
            time: time.into(),
            day_means: 0,
        }
    }

    /// Reads them from a file: Parquet, or CSV, whose columns stay text. Of the columns `times`, the first
    /// that is there says as of when values are wanted.
    ///
    /// # Errors
    /// If the file cannot be read or is neither, or has none of the columns.
    pub fn read(path: &Path, times: &[&str]) -> OfflineResult<Entities> {
        let lines = path
            .extension()
            .is_none_or(|ending| !ending.eq_ignore_ascii_case("parquet"));
        let table = if lines {
            read_texts(path)?
        } else {
            let file = ParquetFile::open(path)?;
            let names = ParquetFile::columns(&file);
            file.read(
                &names
                    .iter()
                    .map(|(name, _)| name.as_str())
                    .collect::<Vec<_>>(),
            )?
        };
        let place = Place {
            name: path.display().to_string(),
            lines,
        };
        let there = columns_of(&table);
        let is_there = |time: &&&str| there.iter().any(|(name, _)| name == **time);
        let time = match times.iter().find(is_there) {
            Some(time) => *time,
            None => {
                return Err(OfflineError::MissingColumn {
                    column: times.join("\" or \""),
                    place: place.name,
                    purpose: "which says as of when values are wanted",
                    found: names_of(&there),
                });
            }
        };
        Ok(Entities {
            place,
            table,
            time: time.into(),
            day_means: 0,
        })
    }
}

/// A table's name, and what its rows are called.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub name: String,
    /// Whether it is a text file, whose first row is line 2.
    pub lines: bool,
}

impl Place {
    pub fn of(source: &dyn Source) -> Place {
        Place {
            name: source.name(),
            lines: false,
        }
    }

    pub fn row(&self, row: usize) -> String {
        if self.lines {
            format!("line {}", row + 2)
        } else {
            format!("row {}", row + 1)
        }
    }
}

pub(super) fn columns_of(table: &DataFrame) -> Vec<(String, DataType)> {
    table
        .schema()
        .iter()
        .map(|(name, kind)| (name.to_string(), kind.clone()))
        .collect()
}

/// The type of a column, or an error that says what it was wanted for.
pub(super) fn kind_of(
    columns: &[(String, DataType)],
    place: &str,
    column: &str,
    purpose: &'static str,
) -> OfflineResult<DataType> {
    let found = columns.iter().find(|(name, _)| name == column);
    match found {
        Some((_, kind)) => Ok(kind.clone()),
        None => Err(OfflineError::MissingColumn {
            place: place.into(),
            column: column.into(),
            purpose,
            found: names_of(columns),
        }),
    }
}

fn names_of(columns: &[(String, DataType)]) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    names.join(", ")
}
