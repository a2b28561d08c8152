//! Parquet files that others wrote: what is read, what is refused, and what is said about it.
#![cfg(feature = "tables")]
#![allow(clippy::unwrap_used)] // helpers of tests are tests too

mod golden;
mod hostile;

use std::path::{Path, PathBuf};

use mlops_data::tables::{self, Format, ReadOptions};
use mlops_data::{Cell, Contract};
use polars::prelude::*;

fn contract() -> Contract {
    let text = "
table: shop
key: [Day, Shop]
time: Day
entity: Shop
label: { column: More, positive: Yes }
columns:
  - { name: Day, type: date, known_at: 0 }
  - { name: Shop, type: category, known_at: 0 }
  - { name: Price, type: number, known_at: 24 }
  - { name: More, type: category, values: [No, Yes], known_at: 48 }
forbidden:
  - { column: Takings, reason: it is the label in money }
";
    Contract::parse(text, Path::new("contract.yaml")).unwrap()
}

struct Shop(tempfile::TempDir);

impl Shop {
    fn new() -> Shop {
        Shop(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("shop.parquet")
    }

    /// A good table with these columns put in their place, or added.
    fn with(&self, columns: Vec<Column>) -> &Shop {
        let mut frame = df!(
            "Day" => ["2020-01-01", "2020-01-02", "2020-01-03"],
            "Shop" => ["a", "b", "a"],
            "Price" => [1.5, 2.5, 3.5],
            "More" => ["Yes", "No", "Yes"],
        )
        .unwrap();
        for column in columns {
            frame.with_column(column).unwrap();
        }
        self.write(&mut frame)
    }

    fn without(&self, name: &str) -> &Shop {
        let mut frame = df!(
            "Day" => ["2020-01-01"], "Shop" => ["a"], "Price" => [1.5], "More" => ["Yes"],
        )
        .unwrap();
        frame.drop_in_place(name).unwrap();
        self.write(&mut frame)
    }

    fn write(&self, frame: &mut DataFrame) -> &Shop {
        let file = std::fs::File::create(self.path()).unwrap();
        ParquetWriter::new(file).finish(frame).unwrap();
        self
    }

    fn read(&self) -> Result<tables::Reading, String> {
        tables::read(&self.path(), &contract(), ReadOptions::default())
            .map_err(|error| self.said(&error))
    }

    fn error(&self) -> String {
        self.read().unwrap_err()
    }

    fn said(&self, error: &mlops_data::DataError) -> String {
        let folder = format!("{}/", self.0.path().display());
        error.to_string().replace(&folder, "")
    }
}

#[test]
fn other_peoples_types_are_read_where_they_mean_the_same() {
    let shop = Shop::new();
    let days = Column::new("Day".into(), [18_262, 18_263, 18_264]);
    let reading = shop
        .with(vec![
            days.cast(&DataType::Date).unwrap(),
            Column::new("Price".into(), [Some(1i64), None, Some(3)]),
            Column::new("Takings".into(), [9.0, 9.0, 9.0]),
        ])
        .read()
        .unwrap();
    assert_eq!(reading.format, Format::Parquet);
    let cells = |name: &str| -> Vec<String> {
        let values = reading.table.get(name).unwrap();
        (0..3).map(|row| values.cell(row).to_string()).collect()
    };
    assert_eq!(cells("Day"), ["2020-01-01", "2020-01-02", "2020-01-03"]);
    assert_eq!(cells("Price"), ["1", "NA", "3"]);
    assert_eq!(
        reading.warnings,
        ["column \"Takings\" is dropped: it is the label in money"]
    );

    let midnights = [18_262i64, 18_263, 18_264].map(|day| day * 86_400_000);
    let midnights = Column::new("Day".into(), midnights);
    let midnight = DataType::Datetime(TimeUnit::Milliseconds, None);
    let again = shop.with(vec![midnights.cast(&midnight).unwrap()]).read();
    let again = again.unwrap();
    assert_eq!(again.table.get("Day"), reading.table.get("Day"));
    assert_eq!(again.table.get("Price").unwrap().cell(2), Cell::Number(3.5));
}

#[test]
fn a_column_of_another_type_is_named_with_the_type_it_has() {
    let shop = Shop::new();
    let errors = [
        shop.with(vec![Column::new("Price".into(), ["1", "2", "cheap"])])
            .error(),
        shop.with(vec![Column::new("Shop".into(), [1i32, 2, 3])])
            .error(),
        shop.with(vec![Column::new("More".into(), [true, false, true])])
            .error(),
        shop.with(vec![Column::new("Day".into(), [20_200_101i64; 3])])
            .error(),
        shop.with(vec![Column::new(
            "Price".into(),
            [b"1".as_slice(), b"2", b"3"],
        )])
        .error(),
    ];
    insta::assert_snapshot!(errors.join("\n"), @r#"
    shop.parquet: column "Price" holds texts, where the contract wants numbers; convert it before writing the file
    shop.parquet: column "Shop" holds whole numbers, where the contract wants words (a category); convert it before writing the file
    shop.parquet: column "More" holds true and false, where the contract wants words (a category); convert it before writing the file
    shop.parquet: column "Day" holds whole numbers, where the contract wants dates; convert it before writing the file
    shop.parquet: column "Price" holds bytes, which are not read; write it as texts, numbers, dates or instants
    "#);
}

#[test]
fn a_refused_value_is_named_with_row_and_column() {
    let shop = Shop::new();
    let noon = [18_262i64, 18_263, 18_264].map(|day| day * 86_400_000);
    let noon = Column::new("Day".into(), [noon[0], noon[1] + 43_200_000, noon[2]]);
    let noon = noon.cast(&DataType::Datetime(TimeUnit::Milliseconds, None));
    let errors = [
        shop.with(vec![Column::new(
            "Price".into(),
            [1.0, f64::INFINITY, f64::NEG_INFINITY],
        )])
        .error(),
        shop.with(vec![Column::new(
            "Day".into(),
            ["2020-01-01", "2020-02-30", "2020-03-01"],
        )])
        .error(),
        shop.with(vec![noon.unwrap()]).error(),
    ];
    insta::assert_snapshot!(errors.join("\n---\n"), @r#"
    shop.parquet: 2 faults:
      row 2, column Price: inf is not a finite number
      row 3, column Price: -inf is not a finite number
    Correct the values where the file is made; missing values are null.
    ---
    shop.parquet, row 2, column Day: "2020-02-30" is not a date written yyyy-mm-dd
    Correct the values where the file is made; missing values are null.
    ---
    shop.parquet, row 2, column Day: 2020-01-02 12:00:00 has a time of day: keep only the date
    Correct the values where the file is made; missing values are null.
    "#);
    // Missing is not wrong.
    let missing = Column::new("Price".into(), [Some(f64::NAN), None, Some(1.0)]);
    assert!(shop.with(vec![missing]).read().is_ok());
}

#[test]
fn a_wrong_header_is_explained() {
    let shop = Shop::new();
    let errors = [
        shop.without("Price").error(),
        shop.with(vec![Column::new("Colour".into(), ["red"; 3])])
            .error(),
    ];
    insta::assert_snapshot!(errors.join("\n---\n"), @r#"
    shop.parquet: the header doesn't fit contract.yaml:
      column "Price" is missing
    Rename or add the file's columns, or change the contract.
    ---
    shop.parquet: the header doesn't fit contract.yaml:
      column "Colour" is not in the contract
    Rename or add the file's columns, or change the contract.
    "#);
}

#[test]
fn a_file_cut_off_or_altered_is_refused_wherever_it_happens() {
    let shop = Shop::new();
    shop.with(vec![]);
    let whole = std::fs::read(shop.path()).unwrap();
    let cut = |length: usize| {
        std::fs::write(shop.path(), &whole[..length]).unwrap();
        shop.error()
    };
    // The last byte, the footer's end, the footer itself, all but the magic.
    let errors = [
        cut(whole.len() - 1),
        cut(whole.len() - 8),
        cut(whole.len() / 2),
        cut(4),
    ];
    for error in &errors {
        assert_eq!(
            error,
            "shop.parquet: the file begins as Parquet but doesn't end so: it is truncated; export or fetch it again"
        );
    }
    // The middle is lost and both ends are there: the footer's length leads nowhere.
    let without_middle = [&whole[..8], &whole[whole.len() - 8..]].concat();
    std::fs::write(shop.path(), without_middle).unwrap();
    insta::assert_snapshot!(shop.error(), @"shop.parquet: the Parquet file is damaged (its footer would begin before the file does); export or fetch it again");
    // The footer is overwritten.
    let mut altered = whole.clone();
    let footer = whole.len() - 40;
    altered[footer..footer + 30].fill(0xFF);
    std::fs::write(shop.path(), altered).unwrap();
    insta::assert_snapshot!(shop.error(), @"shop.parquet: the Parquet file is damaged (its footer cannot be read); export or fetch it again");
}

#[test]
fn a_feature_table_must_be_parquet_of_types_that_are_read() {
    let shop = Shop::new();
    std::fs::write(shop.path(), "Day,Price\n2020-01-01,1\n").unwrap();
    let any = |shop: &Shop| shop.said(&tables::read_any(&shop.path()).unwrap_err());
    insta::assert_snapshot!(any(&shop), @"shop.parquet: this is no Parquet file; only Parquet brings its own types");
    let lists = Series::new("Price".into(), [Series::new("".into(), [1.0])]);
    let mut frame = DataFrame::new_infer_height(vec![lists.into()]).unwrap();
    insta::assert_snapshot!(any(shop.write(&mut frame)), @r#"shop.parquet: column "Price" holds lists, which are not read; write it as texts, numbers, dates or instants"#);
}

#[test]
fn whole_numbers_are_kept_or_refused_and_never_merged() {
    let shop = Shop::new();
    let long = |numbers: [i64; 3]| {
        let shop = shop.with(vec![Column::new("Price".into(), numbers)]);
        shop.read()
            .map(|reading| reading.table.get("Price").unwrap().cell(2).number())
    };
    let kept = long([1, -(1 << 53), 1 << 60]).unwrap();
    assert_eq!(kept, Some((1_i64 << 60) as f64));
    insta::assert_snapshot!(long([1, (1 << 53) + 1, -(1 << 53) - 1]).unwrap_err(), @"
    shop.parquet: 2 faults:
      row 2, column Price: 9007199254740993 is a whole number that a 64-bit number can't keep (above 9007199254740992 it is rounded to a neighbour); if it names something, declare the column as a category and write it as text
      row 3, column Price: -9007199254740993 is a whole number that a 64-bit number can't keep (above 9007199254740992 it is rounded to a neighbour); if it names something, declare the column as a category and write it as text
    Correct the values where the file is made; missing values are null.
    ");
    let unsigned = Column::new("Price".into(), [1, u64::MAX, 3]);
    assert!(
        shop.with(vec![unsigned])
            .error()
            .contains("18446744073709551615")
    );
}

#[test]
fn a_column_of_nothing_is_what_the_contract_wants() {
    let shop = Shop::new();
    for name in ["Day", "Shop", "Price", "More"] {
        let nothing = Column::full_null(name.into(), 3, &DataType::Null);
        let reading = shop.with(vec![nothing]).read().unwrap();
        assert_eq!(
            reading.table.get(name).unwrap().cell(1),
            Cell::Missing,
            "{name}"
        );
    }
}
