//! From a table of generated weather to feature rows, step by step.

// A benchmark that cannot prepare its table may stop.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mlops_data::Contract;
use mlops_features::{FeatureService, Reference, Window, observe};
use rain::generator::{self, Options};
use rain::observation::Weather;
use rain::{climate, features};

const CONTRACT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contract.yaml");

fn rows(criterion: &mut Criterion) {
    let contract = Contract::read(Path::new(CONTRACT)).unwrap();
    let views = ["today", "calendar", "derived"].map(String::from);
    let service =
        FeatureService::new(&features::registry(), &views, &contract, "daily", 24.0).unwrap();
    let options = Options::new(2_000, 49, 1).unwrap();
    let table = generator::table(climate::embedded().unwrap(), options).unwrap();
    let observations = observe::<Weather>(&table).unwrap();

    let mut group = criterion.benchmark_group("features");
    group.throughput(Throughput::Elements(table.rows() as u64));
    group.bench_function("observe", |bencher| {
        bencher.iter(|| observe::<Weather>(black_box(&table)));
    });
    group.bench_function("rows", |bencher| {
        bencher.iter(|| service.rows(black_box(&observations), &Reference::default()));
    });
    group.bench_function("columns", |bencher| {
        bencher.iter_with_setup(
            || service.rows(&observations, &Reference::default()),
            |rows| rows.into_columns(),
        );
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("one row", |bencher| {
        let today = &observations[0];
        bencher.iter(|| service.row(black_box(&Window::single(today))));
    });
    group.finish();
}

criterion_group!(benches, rows);
criterion_main!(benches);
