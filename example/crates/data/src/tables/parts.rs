//! A table that need not fit into memory, some thousand rows at a time.

use std::fs::File;
use std::io::{Read, Seek};
use std::ops::ControlFlow;
use std::path::Path;

use crate::{Contract, DataError, Result, Table};

use super::frames::ParquetFile;
use super::header::plan;
use super::{PARQUET_MAGIC, ReadOptions, csv, parquet, read};
use crate::contract::ColumnRule;
use crate::error::unreadable;

/// Whether to go on to the next part.
pub(super) type Step = ControlFlow<()>;

/// Some rows of a table.
pub struct Part<'a> {
    /// The number of the first row, counted from 0.
    pub first_row: usize,
    content: Content<'a>,
}

enum Content<'a> {
    /// Of CSV all cells have to be looked at to find one.
    Read(Table),
    /// Reads these columns of a row group, or all.
    Group(&'a dyn Fn(Option<&[&str]>) -> Result<Table>),
}

impl Part<'_> {
    /// These columns alone, which of Parquet spares reading the others.
    ///
    /// # Errors
    /// Those of [`read`] for these columns.
    pub fn columns(&self, names: &[&str]) -> Result<Table> {
        match &self.content {
            Content::Read(table) => Ok(table.select(names)),
            Content::Group(read) => read(Some(names)),
        }
    }

    /// All columns.
    ///
    /// # Errors
    /// Those of [`read`] for these rows.
    pub fn read(self) -> Result<Table> {
        match self.content {
            Content::Read(table) => Ok(table),
            Content::Group(read) => read(None),
        }
    }
}

/// Reads a file as [`read`] does, but shows its rows part by part, so that no more of them are in
/// memory: of Parquet a row group, of CSV a few megabytes. They come from the last to the first: what
/// is newest mostly stands at the end. Gives what a person should know of the file.
///
/// # Errors
/// Those of [`read`], when the parts after the fault have been shown, and what `each` fails with.
pub fn read_parts<E: From<DataError>>(
    path: &Path,
    contract: &Contract,
    options: ReadOptions,
    mut each: impl FnMut(Part<'_>) -> Result<(), E>,
) -> Result<Vec<String>, E> {
    let mut failed = None;
    let mut shown = false;
    let found = show(path, contract, options, &mut |part| {
        shown = true;
        match each(part) {
            Ok(()) => Step::Continue(()),
            Err(error) => {
                failed = Some(error);
                Step::Break(())
            }
        }
    });
    match (failed, found) {
        (Some(error), _) => Err(error),
        (None, Ok(Some(warnings))) => Ok(warnings),
        (None, Err(error)) => Err(error.into()),
        // What is wrong is found again, and named, with all of the file in memory; if nothing is,
        // the file is only unusual, such as one with a megabyte of blank lines at its end.
        (None, Ok(None)) => {
            let reading = read(path, contract, options)?;
            if shown {
                return Err(E::from(DataError::File {
                    path: path.into(),
                    message: "the file changed while it was read: try again when it is whole"
                        .into(),
                }));
            }
            each(Part {
                first_row: 0,
                content: Content::Read(reading.table),
            })?;
            Ok(reading.warnings)
        }
    }
}

/// Shows the parts; `None` if that can't be done part by part.
fn show(
    path: &Path,
    contract: &Contract,
    options: ReadOptions,
    each: &mut dyn FnMut(Part<'_>) -> Step,
) -> Result<Option<Vec<String>>> {
    let mut file = File::open(path).map_err(|source| unreadable(path, source))?;
    let kind = file.metadata().map_err(|source| unreadable(path, source))?;
    let mut magic = [0; PARQUET_MAGIC.len()];
    let begun = file.read_exact(&mut magic).and_then(|()| file.rewind());
    if begun.is_err() || !kind.is_file() {
        return Ok(None);
    }
    if magic == *PARQUET_MAGIC {
        return row_groups(path, contract, options, each).map(Some);
    }
    let bytes = kind.len() as usize;
    let found = csv::read_parts(
        path,
        &file,
        bytes,
        contract,
        options,
        &mut |first_row, rows| {
            each(Part {
                first_row,
                content: Content::Read(rows),
            })
        },
    );
    Ok(found.ok())
}

fn row_groups(
    path: &Path,
    contract: &Contract,
    options: ReadOptions,
    each: &mut dyn FnMut(Part<'_>) -> Step,
) -> Result<Vec<String>> {
    let file = ParquetFile::open(path)?;
    let names: Vec<String> = file.columns().into_iter().map(|(name, _)| name).collect();
    let plan = plan(path, &names, contract, options)?;
    let mut first_row = file.rows();
    for group in (0..file.groups()).rev() {
        first_row -= file.group_rows(group);
        let read = |only: Option<&[&str]>| {
            let rules = plan.columns.iter().map(|(rule, _)| *rule);
            let rules: Vec<&ColumnRule> = rules
                .filter(|rule| only.is_none_or(|only| only.contains(&rule.name.as_str())))
                .collect();
            let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
            let wanted = rules.iter().map(|rule| (rule.name.clone(), Some(*rule)));
            let wanted: Vec<parquet::Wanted<'_>> = wanted.collect();
            parquet::fits(&file, &wanted)?;
            let frame = file.read_group(group, &names)?;
            parquet::converted(path, &frame, first_row, wanted)
        };
        let part = Part {
            first_row,
            content: Content::Group(&read),
        };
        if each(part).is_break() {
            break;
        }
    }
    Ok(plan.warnings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{TableWriter, writer::ROW_GROUP};
    use crate::{Column, Values};

    fn contract() -> Contract {
        let text = r#"
table: shop
key: [Day, Shop]
time: Day
entity: Shop
label: { column: More, positive: "yes" }
columns:
  - { name: Day, type: date, known_at: 0 }
  - { name: Shop, type: category, known_at: 0 }
  - { name: Price, type: number, known_at: 24 }
  - { name: More, type: category, values: ["no", "yes"], known_at: 48 }
forbidden:
  - { column: Takings, reason: it is the label in money }
"#;
        Contract::parse(text, Path::new("contract.yaml")).unwrap()
    }

    fn shop(rows: usize) -> Table {
        let column = |name: &str, values| Column {
            name: name.into(),
            values,
        };
        let codes = |levels: u32| (0..rows as u32).map(|row| row * 7 % levels).collect();
        let levels = |names: [&str; 2]| names.map(String::from).to_vec();
        Table::new(vec![
            column("Day", Values::Date((0..rows as i32).collect())),
            column(
                "Shop",
                Values::Category {
                    codes: codes(2),
                    levels: levels(["north", "south"]),
                },
            ),
            column(
                "Price",
                Values::Number((0..rows).map(|row| row as f64 / 4.0).collect()),
            ),
            column(
                "More",
                Values::Category {
                    codes: codes(3),
                    levels: levels(["no", "yes"]),
                },
            ),
            column("Takings", Values::Number(vec![1.0; rows])),
        ])
        .unwrap()
    }

    fn written(name: &str, table: &Table) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let mut writer = TableWriter::create(&path).unwrap();
        writer.write(table).unwrap();
        writer.finish().unwrap();
        (folder, path)
    }

    #[test]
    fn the_parts_of_a_file_are_the_file() {
        for (name, rows) in [
            ("shop.csv", 3_000),
            ("shop.parquet", ROW_GROUP + 1_000),
            ("none.csv", 0),
        ] {
            let (_folder, path) = written(name, &shop(rows));
            let options = ReadOptions::default();
            let whole = read(&path, &contract(), options).unwrap();
            let (mut end, mut parts) = (rows, 0);
            let warnings = read_parts(&path, &contract(), options, |part| {
                let first = part.first_row;
                let days = part.columns(&["Day"])?;
                let part = part.read()?;
                assert_eq!(first + part.rows(), end);
                assert_eq!(days, part.select(&["Day"]));
                for (column, expected) in part.columns().iter().zip(whole.table.columns()) {
                    assert_eq!(column.name, expected.name);
                    for row in 0..part.rows() {
                        let (found, expected) =
                            (column.values.cell(row), expected.values.cell(first + row));
                        assert_eq!(found, expected, "{name}, row {}", first + row);
                    }
                }
                end = first;
                parts += 1;
                Ok::<_, DataError>(())
            })
            .unwrap();
            assert_eq!((end, parts > 1), (0, rows > 0), "{name}");
            assert_eq!(warnings, whole.warnings, "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_as_if_the_file_was_read_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.csv");
        let rows: String = (1..999).map(|_| "2020-01-01,north,1.5,no\n").collect();
        for (content, parts_before) in [
            (
                format!("Day,Shop,Price,More\n2020-01-01,north,dear,no\n{rows}"),
                true,
            ),
            (format!("Day,Shop,Price\n{rows}"), false),
            ("x".into(), false),
            (String::new(), false),
        ] {
            std::fs::write(&path, &content).unwrap();
            let mut parts = 0;
            let error = read_parts(&path, &contract(), ReadOptions::default(), |_| {
                parts += 1;
                Ok::<_, DataError>(())
            });
            let expected = read(&path, &contract(), ReadOptions::default()).unwrap_err();
            assert_eq!(error.unwrap_err().to_string(), expected.to_string());
            assert_eq!(parts > 0, parts_before);
        }
        let error = read_parts(
            &folder.path().join("none"),
            &contract(),
            ReadOptions::default(),
            |part| part.read().map(|_| ()),
        );
        assert!(error.is_err());
    }

    #[test]
    fn a_value_of_a_later_row_group_is_named_by_its_row_in_the_file() {
        let mut columns = shop(ROW_GROUP + 10).columns().to_vec();
        columns.truncate(4);
        let days =
            (0..ROW_GROUP as i32 + 10).map(|day| if day == ROW_GROUP as i32 + 4 { 1 } else { 0 });
        let texts = Values::Category {
            codes: days.map(|code| code as u32).collect(),
            levels: vec!["2020-01-01".into(), "soon".into()],
        };
        columns[0].values = texts;
        let (_folder, path) = written("shop.parquet", &Table::new(columns).unwrap());
        let error = read_parts(&path, &contract(), ReadOptions::default(), |part| {
            part.read().map(|_| ())
        });
        let error = error.unwrap_err().to_string();
        assert!(error.contains(&format!("row {}", ROW_GROUP + 5)), "{error}");
    }

    #[test]
    fn an_unusual_file_is_one_part() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.csv");
        let blank = "\n".repeat(1 << 19);
        std::fs::write(
            &path,
            format!("Day,Shop,Price,More\n2020-01-01,north,1.5,no\n{blank}"),
        )
        .unwrap();
        let mut prices = Vec::new();
        read_parts(&path, &contract(), ReadOptions::default(), |part| {
            let part = part.read()?;
            prices
                .extend((0..part.rows()).map(|row| part.get("Price").unwrap().cell(row).number()));
            Ok::<_, DataError>(())
        })
        .unwrap();
        assert_eq!(prices, [Some(1.5)]);
    }
}
