//! Files made to do harm, or damaged as badly: refused with a reason, in bounded time and memory.
//!
//! `FUZZ_SECONDS` is how long files are changed at random (one second if it isn't set), `FUZZ_SEED` where that
//! begins. An allocation that fails ends the process and can't be caught, so `.ci/run` sets a limit to memory; the
//! file that was being read is then left in the folder that is printed first.

use std::path::Path;
use std::time::{Duration, Instant};

use mlops_data::tables::{self, ReadOptions};
use polars::prelude::*;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use crate::golden;

fn number(name: &str, default: u64) -> u64 {
    let set = std::env::var(name).map(|text| text.parse().unwrap());
    set.unwrap_or(default)
}

/// Some bytes of a file changed, mostly those that say how much there is.
fn mutated(whole: &[u8], random: &mut Pcg64Mcg) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let footer = u32::from_le_bytes(*whole[whole.len() - 8..].first_chunk().unwrap()) as usize;
    let body = whole.len() - 8 - footer;
    let region = match random.random_range(0..4) {
        0 => 4..body.min(200),
        1 => 4..body,
        2 => body..whole.len() - 8,
        _ => 4..whole.len(),
    };
    for _ in 0..[1, 1, 2, 4, 8][random.random_range(0..5)] {
        let at = random.random_range(region.clone()).min(bytes.len() - 1);
        match random.random_range(0..6) {
            0 => bytes[at] = random.random(),
            1 => bytes[at] ^= 1 << random.random_range(0..8),
            2 => bytes[at] = [0, 0xFF, 0x7F, 0x80][random.random_range(0..4)],
            3 => {
                let from = random.random_range(region.clone()).min(bytes.len() - 1);
                let length = random.random_range(1..24).min(bytes.len() - from.max(at));
                bytes.copy_within(from..from + length, at);
            }
            4 => put(&mut bytes, at, &[0xFF, 0xFF, 0xFF, 0x7F]),
            _ => {
                let large = [u64::from(u32::MAX), u64::MAX >> 1, 1 << 31, 1 << 62];
                put(&mut bytes, at, &groups(large[random.random_range(0..4)]));
            }
        }
    }
    bytes
}

fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    for (old, new) in bytes[at..].iter_mut().zip(new) {
        *old = *new;
    }
}

/// A number in groups of seven bits, as lengths stand in the file.
fn groups(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[test]
fn files_changed_at_random_are_read_or_refused_with_a_reason() {
    let time = Duration::from_secs(number("FUZZ_SECONDS", 1));
    let mut random = Pcg64Mcg::seed_from_u64(number("FUZZ_SEED", 0));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.parquet");
    println!("the file that is read is {}", path.display());
    let (files, contract) = (golden::files(), golden::contract());
    let (mut count, mut read, mut kinds) = (0, 0, std::collections::BTreeSet::new());
    let start = Instant::now();
    while start.elapsed() < time {
        let (name, whole) = &files[random.random_range(0..files.len())];
        let bytes = mutated(whole, &mut random);
        std::fs::write(&path, &bytes).unwrap();
        let began = Instant::now();
        let result = tables::read(&path, &contract, ReadOptions::default());
        let took = began.elapsed();
        let keep = || {
            let kept = std::env::temp_dir().join("hostile.parquet");
            std::fs::write(&kept, &bytes).unwrap();
            format!("{name}, kept as {}", kept.display())
        };
        assert!(took < Duration::from_secs(10), "{took:?}: {}", keep());
        count += 1;
        match result {
            Ok(reading) => {
                read += 1;
                assert!(reading.table.rows() < 1_000_000, "{}", keep());
            }
            Err(error) => {
                let said = error.to_string().replace(&path.display().to_string(), "");
                let foreign = [
                    "polars",
                    "thrift",
                    "Utf8",
                    "Arrow",
                    "specification",
                    "DataType",
                ];
                let foreign = foreign.iter().find(|word| said.contains(**word));
                assert!(foreign.is_none() && said.len() < 2000, "{said}: {}", keep());
                kinds.insert(
                    said.chars()
                        .filter(char::is_ascii_alphabetic)
                        .take(80)
                        .collect::<String>(),
                );
            }
        }
    }
    println!(
        "fuzzed Parquet: {count} files in {} s, {read} of them read, {} kinds of refusal",
        start.elapsed().as_secs(),
        kinds.len()
    );
}

fn refusal(frame: &mut DataFrame) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.parquet");
    let file = std::fs::File::create(&path).unwrap();
    ParquetWriter::new(file).finish(frame).unwrap();
    let error = tables::read(&path, &golden::contract(), ReadOptions::default()).unwrap_err();
    let folder = format!("{}/", folder.path().display());
    error.to_string().replace(&folder, "")
}

#[test]
fn a_small_file_of_very_many_rows_is_refused_before_they_are_read() {
    let rows = 40_000_000;
    let nothing = |name: &str| Column::full_null(name.into(), rows, &DataType::Boolean);
    let columns = ["Day", "Shop", "Price", "More"].map(nothing).to_vec();
    let said = refusal(&mut DataFrame::new(rows, columns).unwrap());
    assert!(said.starts_with("shop.parquet: the file says that it has 40000000 rows of 4 columns, which would take 1220 MB of memory"), "{said}");
}

#[test]
fn very_many_columns_and_very_long_names_are_refused() {
    let column = |at: usize| Column::new(format!("c{at}").into(), [1.0]);
    let mut wide = DataFrame::new(1, (0..10_001).map(column).collect()).unwrap();
    insta::assert_snapshot!(refusal(&mut wide), @"shop.parquet: it has 10001 columns and at most 10000 are read; remove those that the contract doesn't name");
    let mut long = DataFrame::new(1, vec![Column::new("x".repeat(1_001).into(), [1.0])]).unwrap();
    insta::assert_snapshot!(refusal(&mut long), @r#"shop.parquet: the name of a column has 1001 bytes and at most 1000 are read; it begins with "xxxxxxxxxxxxxxxxxxxx""#);
}

#[test]
fn days_that_are_not_allowed_are_refused_with_their_rows() {
    let shop = |days: Column| {
        let mut frame = df!("Shop" => ["a", "b"], "Price" => [1.5, 2.5], "More" => ["yes", "no"])
            .unwrap()
            .hstack(&[days])
            .unwrap();
        refusal(&mut frame)
    };
    let days = |last: i32| {
        Column::new("Day".into(), [18_262, last])
            .cast(&DataType::Date)
            .unwrap()
    };
    let far = DataType::Datetime(TimeUnit::Milliseconds, None);
    let instants = Column::new("Day".into(), [1_577_836_800_000_i64, i64::MAX - 1])
        .cast(&far)
        .unwrap();
    let said = [
        shop(days(i32::MAX - 1)),
        shop(days(2_932_896)),
        shop(days(-800_000)),
        shop(instants),
        shop(Column::new("Day".into(), ["2020-01-01", "9999-12-31"])),
    ];
    let first_lines: Vec<&str> = said.iter().filter_map(|said| said.lines().next()).collect();
    insta::assert_snapshot!(first_lines.join("\n"), @r#"
    shop.parquet, row 2, column Day: the date 2147483646 days after 1970-01-01 is not between 1583-01-01 and 2399-12-31, the dates that are read: leave it missing if it stands for "unknown" or "no end"
    shop.parquet, row 2, column Day: 9999-12-31 is not between 1583-01-01 and 2399-12-31, the dates that are read: leave it missing if it stands for "unknown" or "no end"
    shop.parquet, row 2, column Day: -0221-09-04 is not between 1583-01-01 and 2399-12-31, the dates that are read: leave it missing if it stands for "unknown" or "no end"
    shop.parquet, row 2, column Day: the instant 9223372036854775806 is not between 1583-01-01 and 2399-12-31, the dates that are read: leave it missing if it stands for "unknown" or "no end"
    shop.parquet, row 2, column Day: "9999-12-31" is not between 1583-01-01 and 2399-12-31, the dates that are read: leave it missing if it stands for "unknown" or "no end"
    "#);
}

#[test]
fn a_path_that_never_ends_is_no_table() {
    let error = tables::read(
        Path::new("/dev/zero"),
        &golden::contract(),
        ReadOptions::default(),
    );
    insta::assert_snapshot!(error.unwrap_err(), @"/dev/zero: this is no file on a disk, and more than 1 GB comes out of it: save it in a file first");
}
