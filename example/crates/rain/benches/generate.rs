//! How many station-days a second: two cores should write a million as CSV.

use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rain::climate;
use rain::generator::{CsvSink, Options, generate};

fn csv(c: &mut Criterion) {
    let Ok(climate) = climate::embedded() else {
        return;
    };
    let mut group = c.benchmark_group("generate");
    group.sample_size(10);
    for (days, stations) in [(20_000, 49), (200, 5_000)] {
        let Ok(options) = Options::new(days, stations, 1) else {
            continue;
        };
        group.throughput(Throughput::Elements(u64::from(days) * u64::from(stations)));
        group.bench_function(format!("csv, {stations} stations"), |b| {
            b.iter(|| {
                let mut sink = CsvSink::new(std::io::sink(), Path::new("nowhere")).ok()?;
                generate(climate, options, &mut sink).ok()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, csv);
criterion_main!(benches);
