//! From a table of generated weather to feature rows, step by step.

// A benchmark that cannot prepare its table may stop.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mlops_data::{Contract, Table};
use mlops_features::online::{
    OnlineSettings, OnlineWindows, TableSource, get_online_features, open,
};
use mlops_features::{Definitions, FeatureService, Reference, Window, end_of, observe};
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
    online(criterion, &service, &table, &reference);
}

/// One station's row from the observations in a store: `MLOPS_REDIS_URL` names a server to
/// try besides the file.
fn online(
    criterion: &mut Criterion,
    service: &FeatureService<Weather>,
    table: &Table,
    reference: &Reference,
) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("online.redb").display().to_string();
    let source = TableSource::<Weather>::new(table).unwrap();
    let rows = source.rows(|_, day| end_of(day)).unwrap();
    let mut group = criterion.benchmark_group("online row");
    let server = std::env::var("MLOPS_REDIS_URL").ok();
    for (name, store) in [("redb", Some(file)), ("redis", server)] {
        let Some(store) = store else { continue };
        let store = open(&OnlineSettings {
            store,
            ..OnlineSettings::default()
        })
        .unwrap();
        store.push("weather", &rows).unwrap();
        let windows = OnlineWindows::new(&*store, "weather", reference, service.extent());
        let ttl = vec![2; service.features().len()];
        let (station, last) = rows.last().unwrap();
        let now = last.created;
        let vector = get_online_features(&windows, service, &ttl, station, now).unwrap();
        assert_eq!(vector.event, Some(last.day));
        group.bench_function(name, |bencher| {
            bencher.iter(|| get_online_features(&windows, service, &ttl, station, now));
        });
    }
    group.finish();
}

criterion_group!(benches, rows);
criterion_main!(benches);
