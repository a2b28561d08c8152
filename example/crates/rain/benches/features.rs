//! From a table of generated weather to feature rows, step by step.

// A benchmark that cannot prepare its table may stop.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mlops_data::Contract;
use mlops_features::{Definitions, FeatureService, Window, observe};
use rain::generator::{self, Options};
use rain::observation::Weather;
use rain::{climate, features};

const CONTRACT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contract.yaml");

const DEFINITIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../features.yaml");

fn rows(criterion: &mut Criterion) {
    let contract = Contract::read(Path::new(CONTRACT)).unwrap();
    let definitions = Definitions::read(Path::new(DEFINITIONS), &contract).unwrap();
    let service =
        FeatureService::declared(&features::registry(), &definitions, "daily", &[]).unwrap();
    let options = Options::new(2_000, 49, 1).unwrap();
    let table = generator::table(climate::embedded().unwrap(), options).unwrap();
    let observations = observe::<Weather>(&table).unwrap();
    let reference = features::fit_reference(&observations.iter().collect::<Vec<_>>());

    let mut group = criterion.benchmark_group("features");
    group.throughput(Throughput::Elements(table.rows() as u64));
    group.bench_function("observe", |bencher| {
        bencher.iter(|| observe::<Weather>(black_box(&table)));
    });
    group.bench_function("rows", |bencher| {
        bencher.iter(|| service.rows(black_box(&observations), &reference));
    });
    group.bench_function("columns", |bencher| {
        bencher.iter_with_setup(
            || service.rows(&observations, &reference),
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
