//! How long training and scoring take, for each kind of model, on a table of ordinary size.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mlops_learning::{Dataset, ModelKind, ModelParams, explain::contributions, learner};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

const ROWS: usize = 20_000;
const WIDTH: usize = 20;

/// Labels that hang on a few of the features; a tenth of the values is missing.
fn table() -> Dataset {
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    let (mut features, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..ROWS {
        let row: Vec<f32> = (0..WIDTH).map(|_| rng.random()).collect();
        let odds = 8.0 * (row[0] * row[1] - 0.3) + 2.0 * (row[2] - 0.5);
        labels.push(rng.random::<f32>() < 1.0 / (1.0 + (-odds).exp()));
        features.extend(row.into_iter().map(|value| {
            if rng.random::<f32>() < 0.1 {
                f32::NAN
            } else {
                value
            }
        }));
    }
    let names = (0..WIDTH).map(|feature| format!("f{feature}")).collect();
    Dataset::new(names, features, labels).unwrap_or_else(|error| panic!("{error}"))
}

fn models(criterion: &mut Criterion) {
    let data = table();
    for kind in ModelKind::ALL {
        let params = ModelParams {
            kind,
            ..ModelParams::default()
        };
        let learner = learner(&params).unwrap_or_else(|error| panic!("{error}"));
        let fit = || {
            learner
                .fit(&data, 1)
                .unwrap_or_else(|error| panic!("{error}"))
        };
        let mut group = criterion.benchmark_group(kind.name());
        group
            .sample_size(10)
            .throughput(Throughput::Elements(ROWS as u64));
        group.bench_function("fit", |bench| bench.iter(|| black_box(fit())));
        let model = fit();
        group.bench_function("predict", |bench| {
            bench.iter(|| black_box(model.probabilities(&data.features)))
        });
        group.bench_function("explain", |bench| {
            let explain = || contributions(&model, &data.features);
            bench.iter(|| black_box(explain().unwrap_or_else(|error| panic!("{error}"))))
        });
        group.finish();
    }
}

criterion_group!(benches, models);
criterion_main!(benches);
