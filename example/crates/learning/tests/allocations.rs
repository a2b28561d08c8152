//! A request for one row waits for no memory.

#![allow(clippy::unwrap_used)]

use allocation_counter::measure;
use mlops_learning::{Dataset, ModelKind, ModelParams, learner};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

// ANCHOR: allocations
#[test]
fn one_row_is_scored_without_asking_for_memory() {
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    let features: Vec<f32> = (0..4000).map(|_| rng.random()).collect();
    let labels = features.chunks(4).map(|row| row[0] * row[1] > 0.3);
    let names = ["a", "b", "c", "d"].map(String::from).to_vec();
    let data = Dataset::new(names, features.clone(), labels.collect()).unwrap();
    for kind in ModelKind::ALL {
        let params = ModelParams {
            kind,
            ..ModelParams::default()
        };
        let model = learner(&params).unwrap().fit(&data, 1).unwrap();
        let mut sum = 0.0;
        let asked = measure(|| {
            for row in data.iter() {
                sum += model.probability(row);
            }
        });
        assert_eq!(asked.count_total, 0, "{kind}");
        assert!(sum > 0.0);
    }
    let asked = measure(|| assert_eq!(data.with_features(&[true; 4]).rows(), 1000));
    assert!(asked.count_total > 0, "what asks for memory is seen");
}
// ANCHOR_END: allocations
