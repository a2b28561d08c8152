//! How long it takes to score a model and its baselines with bootstrap intervals.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mlops_learning::evaluation::{BaselineInputs, Bootstrap, TestRows, TrainTest, evaluate};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

const DAYS: usize = 700;
const ROWS_A_DAY: usize = 50;
const ROUNDS: usize = 2000;

fn evaluation(criterion: &mut Criterion) {
    let rows = DAYS * ROWS_A_DAY;
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    let probabilities: Vec<f64> = (0..rows).map(|_| rng.random::<f64>().powi(2)).collect();
    let labels: Vec<bool> = probabilities
        .iter()
        .map(|probability| rng.random::<f64>() < *probability)
        .collect();
    let days: Vec<i32> = (0..rows).map(|row| (row / ROWS_A_DAY) as i32).collect();
    let today: Vec<Option<bool>> = labels.iter().copied().map(Some).collect();
    let keys: Vec<u32> = (0..rows).map(|row| (row % 600) as u32).collect();
    let test = TestRows {
        model: "model",
        classes: ["no", "yes"],
        labels: &labels,
        probabilities: &probabilities,
        days: &days,
        threshold: 0.5,
    };
    let baselines = BaselineInputs {
        train_labels: &labels,
        today: Some(TrainTest {
            train: &today,
            test: &today,
        }),
        entity_month: Some(TrainTest {
            train: &keys,
            test: &keys,
        }),
    };
    let bootstrap = Bootstrap {
        rounds: ROUNDS,
        block_days: 7,
        seed: 1,
    };
    let mut group = criterion.benchmark_group("evaluation");
    group
        .sample_size(10)
        .throughput(Throughput::Elements((rows * ROUNDS) as u64));
    group.bench_function("bootstrap", |bench| {
        bench.iter(|| {
            black_box(evaluate(&test, &baselines, bootstrap))
                .unwrap_or_else(|error| panic!("{error}"))
        })
    });
    group.finish();
}

criterion_group!(benches, evaluation);
criterion_main!(benches);
