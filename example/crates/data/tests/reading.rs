//! What is read, what is refused, and what is said about it.

// Clippy knows test functions, but not the helpers beside them.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use mlops_data::tables::{self, Format, ReadOptions};
use mlops_data::{Cell, Contract, Table, Values, calendar};

fn contract() -> Contract {
    contract_with("[NA, n/a]")
}

const CONTRACT: &str = r#"
table: shop
missing: MISSING
key: [Day, Shop]
time: Day
entity: Shop
label: { column: More, positive: Yes }
columns:
  - { name: Day, type: date, known_at: 0 }
  - { name: Shop, type: category, known_at: 0 }
  - { name: Price, type: number, known_at: 24 }
  - { name: Door, type: category, values: [shut, open], known_at: 24 }
  - { name: More, type: category, values: [No, Yes], known_at: 48 }
forbidden:
  - { column: Takings, reason: it is the label in money }
"#;

fn contract_with(missing: &str) -> Contract {
    let text = CONTRACT.replace("MISSING", missing);
    Contract::parse(&text, Path::new("contract.yaml")).unwrap()
}

const HEADER: &str = "Day,Shop,Price,Door,More\n";

fn try_read(bytes: &[u8], options: ReadOptions) -> Result<tables::Reading, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.csv");
    std::fs::write(&path, bytes).unwrap();
    tables::read(&path, &contract(), options).map_err(|error| {
        error
            .to_string()
            .replace(path.to_str().unwrap(), "shop.csv")
    })
}

fn read(text: &str) -> tables::Reading {
    try_read(text.as_bytes(), ReadOptions::default()).unwrap()
}

fn error(bytes: impl AsRef<[u8]>) -> String {
    try_read(bytes.as_ref(), ReadOptions::default()).unwrap_err()
}

/// The table as text, a row a line.
fn show(table: &Table) -> String {
    let mut lines = vec![
        table
            .columns()
            .iter()
            .map(|column| column.name.clone())
            .collect::<Vec<_>>()
            .join(" "),
    ];
    for row in 0..table.rows() {
        let cells = table
            .columns()
            .iter()
            .map(|c| c.values.cell(row).to_string());
        lines.push(cells.collect::<Vec<_>>().join(" "));
    }
    lines.join("\n")
}

#[test]
fn columns_come_in_the_contracts_order_and_its_words_first() {
    let reading = read(
        "More,Door,Shop,Day,Price\nYes,open,b,2020-02-29,1.50\nNo,ajar,a,2020-03-01,NA\n,,b,2020-03-02,-3e2\n",
    );
    insta::assert_snapshot!(show(&reading.table), @r"
    Day Shop Price Door More
    2020-02-29 b 1.5 open Yes
    2020-03-01 a NA ajar No
    2020-03-02 b -300 NA NA
    ");
    assert_eq!(
        reading.table.get("Door"),
        Some(&Values::Category {
            codes: vec![1, 2, u32::MAX],
            levels: vec!["shut".into(), "open".into(), "ajar".into()],
        })
    );
    assert_eq!(
        reading.table.get("Shop"),
        Some(&Values::Category {
            codes: vec![1, 0, 1],
            levels: vec!["a".into(), "b".into()],
        })
    );
    assert_eq!(reading.format, Format::Csv);
    assert_eq!(reading.bytes, 96);
    assert!(reading.warnings.is_empty(), "{:?}", reading.warnings);
}

#[test]
fn line_ends_a_byte_order_mark_quotes_and_blank_lines_make_no_difference() {
    let plain = format!(
        "{HEADER}2020-01-01,\"a, b\",1,open,Yes\n2020-01-02,\"say \"\"no\"\"\",\"2\",shut,No\n"
    );
    let table = read(&plain).table;
    assert_eq!(table.get("Shop").unwrap().cell(0), Cell::Text("a, b"));
    assert_eq!(table.get("Shop").unwrap().cell(1), Cell::Text("say \"no\""));
    assert_eq!(table.get("Price").unwrap().cell(1), Cell::Number(2.0));
    for other in [
        plain.replace('\n', "\r\n"),
        format!("\u{feff}{plain}"),
        format!("{plain}\n\r\n\n"),
        plain.trim_end().to_string(),
        plain.replace("Day,Shop", "\"Day\",\"Shop\""),
    ] {
        assert_eq!(read(&other).table, table, "{other:?}");
    }
    assert_eq!(
        read(plain.trim_end()).warnings,
        [
            "the last line has no line end; if it was cut off inside its last field, nothing shows it"
        ]
    );
}

#[test]
fn every_word_for_missing_is_missing_in_every_type() {
    let reading = read(&format!(
        "{HEADER}NA,n/a,NA,,n/a\n\"\",\"NA\",\"\",\"\",No\n"
    ));
    insta::assert_snapshot!(show(&reading.table), @r"
    Day Shop Price Door More
    NA NA NA NA NA
    NA NA NA NA No
    ");
}

#[test]
fn day_first_dates_are_read_and_never_guessed() {
    let reading = read(&format!(
        "{HEADER}01/02/2020,a,1,open,Yes\n,a,1,open,Yes\n29/02/2020,a,1,open,Yes\n"
    ));
    insta::assert_snapshot!(show(&reading.table), @r"
    Day Shop Price Door More
    2020-02-01 a 1 open Yes
    NA a 1 open Yes
    2020-02-29 a 1 open Yes
    ");
    insta::assert_snapshot!(error(format!("{HEADER}01/02/2020,a,1,open,Yes\n02/13/2020,a,1,open,Yes\n")), @r#"
    shop.csv, line 3, column Day: "02/13/2020" is not a date written dd/mm/yyyy (if the month comes first, the contract must say so with `dates: month-first`)
    Write each date as yyyy-mm-dd, without a time of day.
    "#);
    insta::assert_snapshot!(error(format!("{HEADER}2020-02-01,a,1,open,Yes\n,a,1,open,Yes\n02/02/2020,a,1,open,Yes\n")), @r#"shop.csv: dates stand in two notations: line 2 has "2020-02-01", line 4 has "02/02/2020"; write all of them as yyyy-mm-dd"#);
    insta::assert_snapshot!(error(format!("{HEADER}2020-02-30,a,1,open,Yes\n")), @r#"
    shop.csv, line 2, column Day: "2020-02-30" is not a date written yyyy-mm-dd
    Write each date as yyyy-mm-dd, without a time of day.
    "#);
}

#[test]
fn a_forbidden_column_is_dropped_aloud() {
    let reading = read("Day,Shop,Takings,Price,Door,More\n2020-01-01,a,999,1,open,Yes\n");
    assert_eq!(reading.table.columns().len(), 5);
    assert_eq!(
        reading.warnings,
        ["column \"Takings\" is dropped: it is the label in money"]
    );
}

#[test]
fn only_a_table_to_predict_from_may_lack_its_label() {
    let text = b"Day,Shop,Price,Door\n2020-01-01,a,1,open\n";
    let table = try_read(text, ReadOptions::without_label()).unwrap().table;
    assert_eq!(table.columns().len(), 4);
    insta::assert_snapshot!(error(text), @r#"
    shop.csv: the header doesn't fit contract.yaml:
      column "More" is missing
    Rename or add the file's columns, or change the contract.
    "#);
    insta::assert_snapshot!(try_read(b"Day,Shop,Door\n", ReadOptions::without_label()).unwrap_err(), @r#"
    shop.csv: the header doesn't fit contract.yaml:
      column "Price" is missing
    Rename or add the file's columns, or change the contract.
    "#);
}

#[test]
fn a_wrong_header_is_explained() {
    let all: Vec<String> = [
        "day,Shop,Pryce,Door,More\n",
        "Day,Shop,Price,Door,More,Price\n",
        "Day,Shop,Price,Door,More,Colour\n",
        "Day;Shop;Price;Door;More\n",
        "2020-01-01,a,1,open,Yes\n",
    ]
    .map(error)
    .into();
    insta::assert_snapshot!(all.join("\n---\n"), @r#"
    shop.csv: the header doesn't fit contract.yaml:
      column "day" is not in the contract
      column "Pryce" is not in the contract
      column "Day" is missing; is it "day"?
      column "Price" is missing; is it "Pryce"?
    Rename or add the file's columns, or change the contract.
    ---
    shop.csv: the header doesn't fit contract.yaml:
      column "Price" is there twice
    Rename or add the file's columns, or change the contract.
    ---
    shop.csv: the header doesn't fit contract.yaml:
      column "Colour" is not in the contract
    Rename or add the file's columns, or change the contract.
    ---
    shop.csv: the header has no comma; its fields seem to be separated by ';': export the file with commas
    ---
    shop.csv: the header doesn't fit contract.yaml:
      column "2020-01-01" is not in the contract
      column "a" is not in the contract
      column "1" is not in the contract
      column "open" is not in the contract
      column "Yes" is not in the contract
      column "Day" is missing
      column "Shop" is missing
      column "Price" is missing
      column "Door" is missing
      column "More" is missing
    Rename or add the file's columns, or change the contract.
    "#);
}

#[test]
fn a_file_that_is_no_table_is_refused() {
    let all: Vec<String> = [
        b"".to_vec(),
        b"PK\x03\x04rest".to_vec(),
        b"\x1f\x8b\x08".to_vec(),
        b"\xff\xfeD\0a\0y\0".to_vec(),
        b"Day,Shop\n\0\x01".to_vec(),
        [HEADER.as_bytes(), b"2020-01-01,a\0,1,open,Yes\n"].concat(),
        b"D\xe9y,Shop\n".to_vec(),
        [
            HEADER.as_bytes(),
            b"2020-01-01,a,1,open,Yes\n2020-01-02,caf\xe9,1,open,Yes\n",
        ]
        .concat(),
        b"PAR1".to_vec(),
        b"PAR1 and then nothing of the kind PAR1".to_vec(),
    ]
    .map(error)
    .into();
    insta::assert_snapshot!(all.join("\n---\n"), @"
    shop.csv: the file is empty (0 bytes); export or fetch it again
    ---
    shop.csv: this is a zip archive (or a spreadsheet); unpack it or export it as CSV first
    ---
    shop.csv: this is a gzip archive; unpack it first
    ---
    shop.csv: this is UTF-16 text; save it as UTF-8
    ---
    shop.csv: byte 10 is 0, so this is a binary file and no CSV; give a CSV or Parquet file
    ---
    shop.csv: byte 38 is 0, so this is a binary file and no CSV; give a CSV or Parquet file
    ---
    shop.csv, line 1: byte 2 of the line is 0xE9, which is not UTF-8; save the file as UTF-8
    The file is damaged or no CSV with commas; repair these lines or export it again.
    ---
    shop.csv, line 3: byte 15 of the line is 0xE9, which is not UTF-8; save the file as UTF-8
    The file is damaged or no CSV with commas; repair these lines or export it again.
    ---
    shop.csv: the file begins as Parquet but doesn't end so: it is truncated; export or fetch it again
    ---
    shop.csv: the Parquet file is damaged (its footer would begin before the file does); export or fetch it again
    ");
    let missing = tables::read(
        Path::new("no/shop.csv"),
        &contract(),
        ReadOptions::default(),
    );
    insta::assert_snapshot!(missing.unwrap_err(), @"no/shop.csv: could not read: it doesn't exist");
}

#[test]
fn a_damaged_line_is_named() {
    let row = "2020-01-01,a,1,open,Yes\n";
    let all: Vec<String> = [
        format!("{HEADER}{row}2020-01-02,a,1,open\n{row}"),
        format!("{HEADER}{row}2020-01-02,a,1,5,open,Yes\n{row}\n{row}"),
        format!("{HEADER}{row}2020-01-02,a,1"),
        format!("{HEADER}{row}2020-01-02,\"a,1,open,Yes\n{row}"),
        format!("{HEADER}{row}2020-01-02,a\"b,1,open,Yes\n{row}"),
        format!("{HEADER}{row}2020-01-02,\"a\"b,1,open,Yes\n{row}"),
        format!("{HEADER}{row}2020-01-02,a\rb,1,open,Yes\n{row}"),
    ]
    .map(error)
    .into();
    insta::assert_snapshot!(all.join("\n---\n"), @r#"
    shop.csv, line 3: 4 fields where the header has 5
    The file is damaged or no CSV with commas; repair these lines or export it again.
    ---
    shop.csv: 2 faults:
      line 3: 6 fields where the header has 5
      line 5: 1 field where the header has 5
    The file is damaged or no CSV with commas; repair these lines or export it again.
    ---
    shop.csv: line 3 is the last one and is cut off: it has 3 of 5 fields and no line end, so the file is truncated; export or fetch it again
    ---
    shop.csv, line 3: a quoted field isn't closed on its line (a field can't hold a line end)
    The file is damaged or no CSV with commas; repair these lines or export it again.
    ---
    shop.csv, line 3: a quote stands inside the field "a\"b"; enclose the whole field in quotes and double it
    The file is damaged or no CSV with commas; repair these lines or export it again.
    ---
    shop.csv, line 3: "b,1,open,Yes" stands after the closing quote of a field
    The file is damaged or no CSV with commas; repair these lines or export it again.
    ---
    shop.csv, line 3: a carriage return stands inside the line; save the file with usual line ends
    The file is damaged or no CSV with commas; repair these lines or export it again.
    "#);
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_line_and_column() {
    let all: Vec<String> = [
        format!("{HEADER}2020-01-01,a,cheap,open,Yes\n"),
        format!("{HEADER}2020-01-01,a,inf,open,Yes\n"),
        format!("{HEADER}2020-01-01,a,1,open,Yes\n2020-01-01,a,NaN,open,Yes\n"),
        format!("{HEADER}2020-01-01,a,1e999,open,Yes\n"),
        format!("{HEADER}2020-01-01,a,\"1,5\",open,Yes\n"),
        format!("{HEADER}yesterday,a,1,open,Yes\n2020-01-01,a,5 EUR,open,Yes\n"),
        format!("{HEADER}{}", "2020-01-01,a,x,open,Yes\n".repeat(9)),
    ]
    .map(error)
    .into();
    insta::assert_snapshot!(all.join("\n---\n"), @r#"
    shop.csv, line 2, column Price: "cheap" is not a number
    Correct the values; a word that stands for "missing" belongs under `missing` in contract.yaml.
    ---
    shop.csv, line 2, column Price: "inf" is not a finite number
    Correct the values; a word that stands for "missing" belongs under `missing` in contract.yaml.
    ---
    shop.csv, line 3, column Price: "NaN" is not a finite number
    Correct the values; a word that stands for "missing" belongs under `missing` in contract.yaml.
    ---
    shop.csv, line 2, column Price: "1e999" is not a finite number
    Correct the values; a word that stands for "missing" belongs under `missing` in contract.yaml.
    ---
    shop.csv, line 2, column Price: "1,5" is not a number
    Correct the values; a word that stands for "missing" belongs under `missing` in contract.yaml.
    ---
    shop.csv: 2 faults:
      line 2, column Day: "yesterday" is not a date written yyyy-mm-dd
      line 3, column Price: "5 EUR" is not a number
    Correct the values; a word that stands for "missing" belongs under `missing` in contract.yaml.
    ---
    shop.csv: 9 faults, the first of them:
      line 2, column Price: "x" is not a number
      line 3, column Price: "x" is not a number
      line 4, column Price: "x" is not a number
      line 5, column Price: "x" is not a number
      line 6, column Price: "x" is not a number
    Correct the values; a word that stands for "missing" belongs under `missing` in contract.yaml.
    "#);
}

#[test]
fn a_word_for_missing_may_look_like_a_number() {
    let contract = contract_with("[\"-99\", \"999999999\"]");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.csv");
    let row = |price: &str| format!("2020-01-01,a,{price},open,Yes\n");
    let rows = ["-99", "99", "999999999", "-999", "-99.0"]
        .map(row)
        .concat();
    std::fs::write(&path, format!("{HEADER}{rows}")).unwrap();
    let table = tables::read(&path, &contract, ReadOptions::default())
        .unwrap()
        .table;
    let price = table.get("Price").unwrap();
    let prices: Vec<Cell> = (0..5).map(|row| price.cell(row)).collect();
    assert_eq!(
        prices,
        [
            Cell::Missing,
            Cell::Number(99.0),
            Cell::Missing,
            Cell::Number(-999.0),
            Cell::Number(-99.0)
        ]
    );
}

#[test]
fn a_long_file_keeps_its_line_numbers_and_its_rows() {
    let row = "2020-01-01,a,1.25,open,Yes\n";
    let mut text = format!("{HEADER}{}", row.repeat(100_000));
    let reading = read(&text);
    assert_eq!(reading.table.rows(), 100_000);
    assert_eq!(
        reading.table.get("Price").unwrap().cell(99_999),
        Cell::Number(1.25)
    );
    text += "2020-01-01,a,x,open,Yes\n";
    assert!(error(&text).contains("line 100002, column Price: \"x\""));
    text += "2020-01-01,a,x,open\n";
    assert!(error(&text).contains("line 100003: 4 fields"));
    let mut bytes = text.into_bytes();
    let end = bytes.len() - 3;
    bytes[end] = 0xFF;
    assert!(error(&bytes).contains("line 100003: byte 18 of the line is 0xFF"));
}

#[test]
fn words_and_dates_of_a_long_file_are_the_same_whatever_block_they_stand_in() {
    // Two megabytes: a word that comes late sorts first, and a quote that comes
    // late makes its part of the file a slower one to read.
    let row = |day: usize, shop: &str| {
        format!(
            "{},{shop},{}.5,shut,No\n",
            calendar::format_iso(day as i32),
            day % 1000
        )
    };
    let mut text = String::from(HEADER);
    for day in 0..80_000 {
        text += &row(day, ["m", "a long name of a shop", "k"][day % 3]);
    }
    text += &row(80_000, "\"a, b\"");
    text += &row(80_001, "b");
    let table = read(&text).table;
    let Some(Values::Category { codes, levels }) = table.get("Shop") else {
        panic!("no words");
    };
    assert_eq!(levels, &["a long name of a shop", "a, b", "b", "k", "m"]);
    assert_eq!((codes[0], codes[1], codes[79_997]), (4, 0, 3));
    assert_eq!(codes[80_000..], [1, 2]);
    for row in [0, 4321, 79_999, 80_001] {
        assert_eq!(table.get("Day").unwrap().cell(row), Cell::Date(row as i32));
        let price = (row % 1000) as f64 + 0.5;
        assert_eq!(table.get("Price").unwrap().cell(row), Cell::Number(price));
    }
    text += "01/02/2020,c,1,open,Yes\n";
    assert!(error(&text).contains("line 2 has \"1970-01-01\", line 80004 has \"01/02/2020\""));
}

#[test]
fn dates_with_slashes_that_could_be_others_are_refused() {
    let firsts: String = (1..=12)
        .map(|month| format!("{month:02}/01/2020,a,1,open,Yes\n"))
        .collect();
    insta::assert_snapshot!(error(format!("{HEADER}{firsts}")), @r#"shop.csv: line 3, column Day: "02/01/2020" could be two dates, and no date of the file shows whether day or month comes first; write dates as yyyy-mm-dd, or declare `dates: day-first` or `dates: month-first` for Day in contract.yaml"#);
    // The same day either way, and a day that shows the order anywhere in the file.
    for lines in [
        "02/02/2020,a,1,open,Yes\n",
        &format!("{firsts}13/01/2020,a,1,open,Yes\n"),
    ] {
        read(&format!("{HEADER}{lines}"));
    }
    // Or the contract says it.
    let read = |order: &str, text: &str| {
        let declared = format!("name: Day, type: date, dates: {order},");
        let contract = CONTRACT
            .replace("MISSING", "[NA]")
            .replace("name: Day, type: date,", &declared);
        let contract = Contract::parse(&contract, Path::new("contract.yaml")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.csv");
        std::fs::write(&path, format!("{HEADER}{text}")).unwrap();
        let reading = tables::read(&path, &contract, ReadOptions::default());
        let day = |reading: tables::Reading| reading.table.get("Day").unwrap().cell(0).to_string();
        let folder = format!("{}/", folder.path().display());
        reading
            .map(day)
            .map_err(|error| error.to_string().replace(&folder, ""))
    };
    let line = "03/04/2020,a,1,open,Yes\n";
    assert_eq!(read("day-first", line).unwrap(), "2020-04-03");
    assert_eq!(read("month-first", line).unwrap(), "2020-03-04");
    insta::assert_snapshot!(read("month-first", "13/04/2020,a,1,open,Yes\n").unwrap_err(), @r#"
    shop.csv, line 2, column Day: "13/04/2020" is not a date written mm/dd/yyyy
    Write each date as yyyy-mm-dd, without a time of day.
    "#);
}

#[test]
fn a_part_of_a_file_never_settles_what_its_slashes_mean() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.csv");
    // The day that shows the order is in the first of many parts.
    let rows = "01/02/2020,a,1,open,Yes\n".repeat(400_000);
    std::fs::write(&path, format!("{HEADER}29/02/2020,a,1,open,Yes\n{rows}")).unwrap();
    let mut count = 0;
    tables::read_parts(&path, &contract(), ReadOptions::default(), |part| {
        let part = part.read()?;
        let last = part.get("Day").unwrap().cell(part.rows() - 1);
        assert_eq!(last.to_string(), "2020-02-01");
        count += part.rows();
        Ok::<_, mlops_data::DataError>(())
    })
    .unwrap();
    assert_eq!(count, 400_001);
}

#[test]
fn only_dates_of_the_allowed_years_are_read() {
    let errors = [
        error(format!("{HEADER}9999-12-31,a,1,open,Yes\n")),
        error(format!("{HEADER}31/12/1066,a,1,open,Yes\n")),
    ];
    insta::assert_snapshot!(errors.join("\n"), @r#"
    shop.csv, line 2, column Day: "9999-12-31" is not between 1583-01-01 and 2399-12-31, the dates that are read: leave it missing if it stands for "unknown" or "no end"
    Write each date as yyyy-mm-dd, without a time of day.
    shop.csv, line 2, column Day: "31/12/1066" is not between 1583-01-01 and 2399-12-31, the dates that are read: leave it missing if it stands for "unknown" or "no end"
    Write each date as yyyy-mm-dd, without a time of day.
    "#);
    for day in ["1583-01-01", "2399-12-31"] {
        read(&format!("{HEADER}{day},a,1,open,Yes\n"));
    }
}

#[test]
fn whole_numbers_are_kept_or_refused_and_never_merged() {
    read(&format!(
        "{HEADER}2020-01-01,a,9007199254740992,open,Yes\n2020-01-02,a,1e300,open,Yes\n"
    ));
    insta::assert_snapshot!(error(format!("{HEADER}2020-01-01,a,9007199254740993,open,Yes\n")), @r#"
    shop.csv, line 2, column Price: 9007199254740993 is a whole number that a 64-bit number can't keep (above 9007199254740992 it is rounded to a neighbour); if it names something, declare the column as a category and write it as text
    Correct the values; a word that stands for "missing" belongs under `missing` in contract.yaml.
    "#);
}

#[test]
fn very_wide_tables_are_refused_at_once() {
    let start = std::time::Instant::now();
    let names: Vec<String> = (0..200_000).map(|at| format!("c{at}")).collect();
    let wide = error(format!("{}\n{}\n", names.join(","), ",".repeat(199_999)));
    let endless = error(format!("Day{}", ",".repeat(20 << 20)));
    let long = error(format!("{}\n", "x".repeat(2000)));
    // The widest that is read, none of whose columns the contract knows.
    let unknown = error(format!("{}\n", names[..10_000].join(",")));
    let ragged = error(format!("{HEADER}{}\n", ",".repeat(20 << 20)));
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    assert!(unknown.contains("column \"c0\" is not in the contract") && unknown.len() < 2000);
    insta::assert_snapshot!([wide, endless, long, ragged].join("\n---\n"), @r#"
    shop.csv, line 1: the header has 200000 columns and at most 10000 are read; remove the columns that the contract doesn't name
    The file is damaged or no CSV with commas; repair these lines or export it again.
    ---
    shop.csv, line 1: the header has 20971523 bytes and at most 4194304 are read; is this a table with a line of names?
    The file is damaged or no CSV with commas; repair these lines or export it again.
    ---
    shop.csv, line 1: the name of a column has 2000 bytes and at most 1000 are read; it begins with "xxxxxxxxxxxxxxxxxxxx"
    The file is damaged or no CSV with commas; repair these lines or export it again.
    ---
    shop.csv, line 2: 20971521 fields where the header has 5
    The file is damaged or no CSV with commas; repair these lines or export it again.
    "#);
}

#[test]
fn what_other_programs_leave_in_a_file_is_named() {
    let errors = [
        error(format!("{HEADER}2020-01-01 00:00:00,a,1,open,Yes\n")),
        error(format!("{HEADER}2020-01-01,a,1.5 ,open,Yes\n")),
        error(",Day,Shop,Price,Door,More\n0,2020-01-01,a,1,open,Yes\n"),
    ];
    insta::assert_snapshot!(errors.join("\n"), @r#"
    shop.csv, line 2, column Day: "2020-01-01 00:00:00" has a time of day: write only the date, as yyyy-mm-dd
    Write each date as yyyy-mm-dd, without a time of day.
    shop.csv, line 2, column Price: "1.5 " has a blank behind the number; remove it
    Correct the values; a word that stands for "missing" belongs under `missing` in contract.yaml.
    shop.csv: the header doesn't fit contract.yaml:
      column 1 has no name (a row number that was saved with the table?)
    Rename or add the file's columns, or change the contract.
    "#);
}
