//! What is written comes back, and nothing half-written is ever seen.

// Clippy knows test functions, but not the helpers beside them.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use mlops_data::table::{MISSING_CODE, MISSING_DAY};
use mlops_data::tables::{self, ReadOptions, TableWriter};
use mlops_data::{Cell, Column, Contract, Table, Values};
use proptest::prelude::*;

fn contract() -> Contract {
    let text = r#"
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
"#;
    Contract::parse(text, Path::new("contract.yaml")).unwrap()
}

type Row = (Option<i32>, Option<String>, Option<f64>, Option<bool>);

fn table(rows: &[Row]) -> Table {
    let mut shops: Vec<String> = rows.iter().filter_map(|row| row.1.clone()).collect();
    shops.sort();
    shops.dedup();
    let codes = rows
        .iter()
        .map(|row| match &row.1 {
            Some(shop) => shops.iter().position(|s| s == shop).unwrap() as u32,
            None => MISSING_CODE,
        })
        .collect();
    let columns = [
        (
            "Day",
            Values::Date(
                rows.iter()
                    .map(|row| row.0.unwrap_or(MISSING_DAY))
                    .collect(),
            ),
        ),
        (
            "Shop",
            Values::Category {
                codes,
                levels: shops,
            },
        ),
        (
            "Price",
            Values::Number(rows.iter().map(|row| row.2.unwrap_or(f64::NAN)).collect()),
        ),
        (
            "More",
            Values::Category {
                codes: rows
                    .iter()
                    .map(|row| row.3.map_or(MISSING_CODE, u32::from))
                    .collect(),
                levels: vec!["No".into(), "Yes".into()],
            },
        ),
    ]
    .map(|(name, values)| Column {
        name: name.into(),
        values,
    });
    Table::new(columns.into()).unwrap()
}

/// Every cell, numbers by their bits.
fn cells(table: &Table) -> Vec<String> {
    let mut cells = Vec::new();
    for column in table.columns() {
        for row in 0..table.rows() {
            cells.push(match column.values.cell(row) {
                Cell::Number(value) => format!("{} {:x}", column.name, value.to_bits()),
                cell => format!("{} {cell:?}", column.name),
            });
        }
    }
    cells
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    // Words without line ends, none empty.
    let row = (
        prop::option::of(mlops_data::calendar::ALLOWED),
        prop::option::of("[^\r\n\0]{1,8}"),
        prop::option::of(prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO),
        prop::option::of(any::<bool>()),
    );
    prop::collection::vec(row, 1..40)
}

proptest! {
    #[test]
    fn any_table_comes_back_from_csv_and_parquet(rows in rows()) {
        let table = table(&rows);
        let folder = tempfile::tempdir().unwrap();
        for name in ["t.csv", "t.parquet"] {
            let path = folder.path().join(name);
            tables::write(&path, &table).unwrap();
            let again = tables::read(&path, &contract(), ReadOptions::default()).unwrap();
            prop_assert_eq!(cells(&again.table), cells(&table));
            prop_assert!(again.warnings.is_empty());
        }
    }

    #[test]
    fn batches_make_the_same_file_as_the_whole(rows in rows(), cut in 0usize..40) {
        let folder = tempfile::tempdir().unwrap();
        let cut = cut.min(rows.len());
        for name in ["csv", "parquet"] {
            let [whole, parts] = ["whole", "parts"].map(|n| folder.path().join(n).with_extension(name));
            tables::write(&whole, &table(&rows)).unwrap();
            let mut writer = TableWriter::create(&parts).unwrap();
            writer.write(&table(&rows[..cut])).unwrap();
            writer.write(&table(&rows[cut..])).unwrap();
            writer.finish().unwrap();
            prop_assert_eq!(std::fs::read(whole).unwrap(), std::fs::read(parts).unwrap());
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_bytes(&bytes);
        read_bytes(&[b"Day,Shop,Price,More\n", bytes.as_slice()].concat());
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "([0-9a-z.,\"\r\n/-]|NA|2020-01-01|\u{e9}){0,80}") {
        read_bytes(format!("Day,Shop,Price,More\n{text}").as_bytes());
    }

    #[test]
    fn no_damage_to_a_parquet_file_goes_further_than_an_error(
        at in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        let rows: Vec<Row> = (0..30)
            .map(|at| (Some(at), Some(format!("s{at}")), Some(1.0), None))
            .collect();
        tables::write(&path, &table(&rows)).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        for (index, byte) in at {
            let index = index.index(bytes.len());
            bytes[index] ^= byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_bytes(&bytes);
    }
}

/// Whatever it says, it says it as a result.
fn read_bytes(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    std::fs::write(&path, bytes).unwrap();
    let _ = tables::read(&path, &contract(), ReadOptions::default());
    let _ = tables::read_any(&path);
}

fn sample() -> Table {
    table(&[
        (Some(0), Some("a, b".into()), Some(44.0), Some(true)),
        (Some(1), Some("say \"no\"".into()), Some(0.1), Some(false)),
        (None, None, None, None),
        (Some(2), Some("c".into()), Some(-1e21), None),
    ])
}

#[test]
fn csv_is_written_as_people_write_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    tables::write(&path, &sample()).unwrap();
    insta::assert_snapshot!(std::fs::read_to_string(path).unwrap(), @r#"
    Day,Shop,Price,More
    1970-01-01,"a, b",44,Yes
    1970-01-02,"say ""no""",0.1,No
    ,,,
    1970-01-03,c,-1e+21,
    "#);
}

#[test]
fn a_feature_table_brings_its_own_types() {
    let table = Table::new(vec![
        Column {
            name: "f".into(),
            values: Values::Single(vec![0.1, f32::NAN]),
        },
        Column {
            name: "n".into(),
            values: Values::Number(vec![f64::NAN, 0.1]),
        },
        Column {
            name: "d".into(),
            values: Values::Date(vec![MISSING_DAY, 18_000]),
        },
        Column {
            name: "c".into(),
            values: Values::Category {
                codes: vec![1, MISSING_CODE],
                levels: vec!["x".into(), "a".into()],
            },
        },
    ])
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    tables::write(&path, &table).unwrap();
    let again = tables::read_any(&path).unwrap();
    assert_eq!(cells(&again), cells(&table));
    assert!(matches!(again.get("f"), Some(Values::Single(_))));
    assert!(matches!(again.get("n"), Some(Values::Number(_))));
    // Only words that occur are kept, by name.
    assert!(matches!(again.get("c"), Some(Values::Category { levels, .. }) if levels == &["a"]));
}

#[test]
fn the_bytes_are_the_same_on_one_thread_and_on_many() {
    let rows: Vec<Row> = (0..150_000)
        .map(|at| {
            (
                Some(at % 5000),
                Some(format!("s{}", at % 97)),
                Some(f64::from(at) / 10.0),
                Some(at % 3 == 0),
            )
        })
        .collect();
    let table = table(&rows);
    let folder = tempfile::tempdir().unwrap();
    for name in ["csv", "parquet"] {
        let [one, many] = ["one", "many"].map(|n| folder.path().join(n).with_extension(name));
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        pool.install(|| tables::write(&one, &table)).unwrap();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(5)
            .build()
            .unwrap();
        pool.install(|| tables::write(&many, &table)).unwrap();
        assert!(std::fs::read(&one).unwrap() == std::fs::read(&many).unwrap());
        let again = tables::read(&one, &contract(), ReadOptions::default()).unwrap();
        assert!(cells(&again.table) == cells(&table));
    }
}

#[test]
fn nothing_is_left_where_a_writer_was_dropped_or_failed() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["t.csv", "t.parquet"] {
        let path = folder.path().join(name);
        let mut writer = TableWriter::create(&path).unwrap();
        writer.write(&sample()).unwrap();
        assert!(!path.exists());
        drop(writer);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

        // A file that was there stays as it was.
        std::fs::write(&path, "before").unwrap();
        let mut wrong = sample().into_columns();
        wrong[2].values = Values::Number(vec![1.0, 2.0, f64::INFINITY, 3.0]);
        tables::write(&path, &Table::new(wrong).unwrap()).unwrap_err();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before");
        tables::write(&path, &sample()).unwrap();
        assert_ne!(std::fs::read(&path).unwrap(), b"before");
        std::fs::remove_file(path).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_written_file_may_be_read_by_others_as_any_file_may() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let [plain, table] = ["plain", "t.csv"].map(|name| folder.path().join(name));
    std::fs::write(&plain, "").unwrap();
    tables::write(&table, &sample()).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
    assert_eq!(mode(&table), mode(&plain));
}

#[test]
fn what_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let said = |error: mlops_data::DataError| {
        error
            .to_string()
            .replace(folder.path().to_str().unwrap(), "folder")
    };
    let with = |at: usize, values: Values| {
        let mut columns = sample().into_columns();
        columns[at].values = values;
        Table::new(columns).unwrap()
    };
    let infinite = with(2, Values::Number(vec![1.0, f64::INFINITY, 2.0, 3.0]));
    let late = with(0, Values::Date(vec![1, 2, i32::MAX, 3]));
    let word = with(
        1,
        Values::Category {
            codes: vec![0; 4],
            levels: vec!["a\nb".into()],
        },
    );
    let mut writer = TableWriter::create(&path("batches.parquet")).unwrap();
    writer.write(&sample()).unwrap();
    let all = [
        said(tables::write(&path("t.txt"), &sample()).unwrap_err()),
        said(tables::write(&path("none/t.csv"), &sample()).unwrap_err()),
        said(tables::write(&path("t.csv"), &infinite).unwrap_err()),
        said(tables::write(&path("t.csv"), &late).unwrap_err()),
        said(tables::write(&path("t.csv"), &word).unwrap_err()),
        said(
            writer
                .write(&with(2, Values::Date(vec![1; 4])))
                .unwrap_err(),
        ),
        said(
            TableWriter::create(&path("t.csv"))
                .unwrap()
                .finish()
                .unwrap_err(),
        ),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    folder/t.txt: the name must end in .csv or .parquet, to say how to write it
    folder/none: could not write a file there: there is no such folder. Create it first
    folder/t.csv: cannot be written: row 2, column "Price" is infinite
    folder/t.csv: cannot be written: row 3, column "Day": the date 2147483647 days after 1970-01-01 is not between 1583-01-01 and 2399-12-31, the dates that are read: leave it missing if it stands for "unknown" or "no end"
    folder/t.csv: "a\nb" holds a line end, which a CSV field must not (from line 2 on); write Parquet instead
    folder/batches.parquet: cannot be written: the first batch had the columns Day (date), Shop (category), Price (number), More (category), this one has Day (date), Shop (category), Price (date), More (category)
    folder/t.csv: cannot be written: no batch was written, so there are no columns
    "#);
}

#[test]
fn a_word_that_means_missing_by_the_contract_is_not_written_as_csv() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let missing = vec!["NA".to_string()];
    let mut columns = sample().into_columns();
    columns[1].values = Values::Category {
        codes: vec![0, u32::MAX, 1, 0],
        levels: vec!["Windhoek".into(), "NA".into(), "n/a".into()],
    };
    let table = Table::new(columns).unwrap();
    let error = tables::write_apart_from(&missing, &path("t.csv"), &table).unwrap_err();
    let said = error
        .to_string()
        .replace(folder.path().to_str().unwrap(), "folder");
    insta::assert_snapshot!(said, @r#"folder/t.csv: cannot be written: row 3, column "Shop" holds the word "NA", and in CSV this word means "missing" by the contract; write Parquet (a name that ends in .parquet), or take the word from the contract's `missing`"#);
    assert!(!path("t.csv").exists());
    // Parquet keeps the word, and a word that no row has is none.
    tables::write_apart_from(&missing, &path("t.parquet"), &table).unwrap();
    let again = tables::read(&path("t.parquet"), &contract(), ReadOptions::default()).unwrap();
    assert_eq!(cells(&again.table), cells(&table));
    let without = sample();
    tables::write_apart_from(&missing, &path("t.csv"), &without).unwrap();
}
