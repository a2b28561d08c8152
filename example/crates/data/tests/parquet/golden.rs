//! Files of Arrow's own writer, in every encoding that it has: read to the values that went in.

use std::path::Path;

use base64::Engine as _;
use mlops_data::Contract;
use mlops_data::tables::{self, ReadOptions, frames::ParquetFile};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Golden {
    every: Every,
    files: Vec<GoldenFile>,
    refused: Vec<GoldenFile>,
}

#[derive(Deserialize)]
struct Every {
    days: String,
    shops: String,
    more: String,
}

#[derive(Deserialize)]
struct GoldenFile {
    name: String,
    prices: String,
    base64: String,
}

impl Golden {
    fn read() -> Golden {
        serde_json::from_str(include_str!("../golden/parquet_files.json")).unwrap()
    }
}

impl GoldenFile {
    fn bytes(&self) -> Vec<u8> {
        let engine = base64::engine::general_purpose::STANDARD;
        engine.decode(&self.base64).unwrap()
    }
}

/// Every file's name and bytes.
pub fn files() -> Vec<(String, Vec<u8>)> {
    let golden = Golden::read();
    let files = golden.files.into_iter().chain(golden.refused);
    files
        .map(|file| (file.name.clone(), file.bytes()))
        .collect()
}

fn file(name: &str) -> Vec<u8> {
    let found = files().into_iter().find(|(other, _)| other == name);
    found.unwrap().1
}

pub fn contract() -> Contract {
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
"#;
    Contract::parse(text, Path::new("contract.yaml")).unwrap()
}

fn read(bytes: &[u8]) -> Result<mlops_data::Table, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.parquet");
    std::fs::write(&path, bytes).unwrap();
    let reading = tables::read(&path, &contract(), ReadOptions::default());
    let folder = format!("{}/", folder.path().display());
    let said = |error: mlops_data::DataError| error.to_string().replace(&folder, "");
    reading.map(|reading| reading.table).map_err(said)
}

#[test]
fn everyday_files_are_read_to_the_values_that_went_in() {
    let golden = Golden::read();
    for file in &golden.files {
        let table = read(&file.bytes()).unwrap_or_else(|error| panic!("{}: {error}", file.name));
        let cells = |name: &str, between: &str| -> String {
            let values = table.get(name).unwrap();
            let cells = (0..table.rows()).map(|row| values.cell(row).to_string());
            cells.collect::<Vec<_>>().join(between)
        };
        let found = [
            cells("Day", " "),
            cells("Shop", "|"),
            cells("Price", " "),
            cells("More", " "),
        ];
        let every = &golden.every;
        let expected = [&every.days, &every.shops, &file.prices, &every.more];
        assert_eq!(found.each_ref(), expected, "{}", file.name);
    }
}

#[test]
fn a_flipped_bit_of_a_page_with_a_checksum_is_found() {
    let whole = file("checksums");
    let at = |value: f64| {
        let value = value.to_le_bytes();
        let mut places = whole.windows(8).enumerate();
        places.find(|(_, bytes)| *bytes == value).unwrap().0
    };
    let mut flipped = whole.clone();
    flipped[at(2.25) + 6] ^= 0x40;
    insta::assert_snapshot!(read(&flipped).unwrap_err(), @r#"shop.parquet: the Parquet file is damaged (column "Price": the checksum of a page doesn't fit its content); export or fetch it again"#);
    // Without checksums nothing shows it: that is what they are for.
    let mut without = file("plain");
    let place = without
        .windows(8)
        .position(|bytes| bytes == 2.25_f64.to_le_bytes());
    without[place.unwrap() + 6] ^= 0x40;
    assert!(read(&without).is_ok());
}

#[test]
fn no_flipped_bit_of_a_checked_page_gives_other_values() {
    let whole = file("checksums");
    let right = format!("{:?}", read(&whole).unwrap());
    // Pages come first; each has a header that no checksum covers.
    let mut refused = 0;
    for at in 4..1500 {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        match read(&flipped) {
            Ok(table) => assert_eq!(format!("{table:?}"), right, "byte {at}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn instants_that_are_no_days_of_their_place_are_refused() {
    let refused = |name: &str| read(&file(name)).unwrap_err();
    let evening = "row 1, column Day: 2020-01-01 19:00:00 in America/New_York has a time of day";
    assert!(refused("evenings in New York").contains(evening));
    assert!(refused("Atlantis").contains("the time zone \"Atlantis\", which is not known"));
}

#[test]
fn a_group_says_which_of_its_values_is_refused_by_its_row_in_the_file() {
    use polars::prelude::*;

    let mut days = vec![18_262; 30];
    days[27] = 2_932_897;
    let days = Column::new("Day".into(), days)
        .cast(&DataType::Date)
        .unwrap();
    let mut frame = DataFrame::new_infer_height(vec![days]).unwrap();
    let mut bytes = Vec::new();
    let writer = ParquetWriter::new(&mut bytes).with_row_group_size(Some(10));
    writer.finish(&mut frame).unwrap();
    let file = ParquetFile::from_bytes(Path::new("days.parquet"), bytes).unwrap();
    assert!(file.groups() > 1 && file.read_group(0, &["Day"]).is_ok());
    insta::assert_snapshot!(file.read(&["Day"]).unwrap_err(), @r#"
    days.parquet, row 28, column Day: +10000-01-01 is not between 1583-01-01 and 2399-12-31, the dates that are read: leave it missing if it stands for "unknown" or "no end"
    Correct the values where the file is made; missing values are null.
    "#);
}
