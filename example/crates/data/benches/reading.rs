//! Reading, checking and writing a table of a hundred thousand rows.

// A benchmark that cannot prepare its table may stop.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mlops_data::tables::{self, ReadOptions};
use mlops_data::{Column, Contract, Table, Values, check};

const ROWS: usize = 100_000;

const CONTRACT: &str = r#"
table: machines
missing: [NA]
key: [Day, Machine]
time: Day
entity: Machine
label: { column: Failed, positive: "Yes" }
columns:
  - { name: Day, type: date, known_at: 0 }
  - { name: Machine, type: category, known_at: 0 }
  - { name: Heat, type: number, range: [-50, 500], known_at: 24 }
  - { name: Speed, type: number, range: [0, 9000], known_at: 24 }
  - { name: Load, type: number, range: [0, 100], known_at: 24 }
  - { name: Mode, type: category, values: [idle, slow, fast], known_at: 24 }
  - { name: Failed, type: category, values: ["No", "Yes"], known_at: 48 }
rules:
  - { name: idle-is-idle, holds: 'Mode == "idle" => Speed < 10', level: error }
"#;

fn machines() -> Table {
    let number = |scale: f64| {
        (0..ROWS)
            .map(|row| match row % 11 {
                0 => f64::NAN,
                _ => ((row * 7919) % 1000) as f64 * scale,
            })
            .collect()
    };
    let words = |words: &[&str], every: usize| Values::Category {
        codes: (0..ROWS)
            .map(|row| (row / every % words.len()) as u32)
            .collect(),
        levels: words.iter().map(ToString::to_string).collect(),
    };
    let columns = [
        (
            "Day",
            Values::Date((0..ROWS).map(|row| 15_000 + (row % 2_500) as i32).collect()),
        ),
        (
            "Machine",
            Values::Category {
                codes: (0..ROWS).map(|row| (row / 2_500) as u32).collect(),
                levels: (0..ROWS.div_ceil(2_500))
                    .map(|m| format!("M{m:03}"))
                    .collect(),
            },
        ),
        ("Heat", Values::Number(number(0.1))),
        ("Speed", Values::Number(number(1.0))),
        ("Load", Values::Number(number(0.01))),
        ("Mode", words(&["idle", "slow", "fast"], 3)),
        ("Failed", words(&["No", "Yes"], 5)),
    ]
    .map(|(name, values)| Column {
        name: name.into(),
        values,
    });
    Table::new(columns.into()).unwrap()
}

fn checking(criterion: &mut Criterion) {
    let contract = Contract::parse(CONTRACT, Path::new("contract.yaml")).unwrap();
    let table = machines();
    criterion.bench_function("check", |bencher| {
        bencher.iter(|| check(black_box(&table), &contract));
    });
}

fn reading(criterion: &mut Criterion) {
    let contract = Contract::parse(CONTRACT, Path::new("contract.yaml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let table = machines();
    for name in ["machines.csv", "machines.parquet"] {
        let path = folder.path().join(name);
        tables::write(&path, &table).unwrap();
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(ROWS as u64));
        group.bench_function("read", |bencher| {
            bencher.iter(|| tables::read(black_box(&path), &contract, ReadOptions::default()));
        });
        group.bench_function("write", |bencher| {
            bencher.iter(|| tables::write(&path, black_box(&table)));
        });
        group.finish();
    }
}

criterion_group!(benches, reading, checking);
criterion_main!(benches);
