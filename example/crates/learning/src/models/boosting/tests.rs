use super::{sample::Sample, split::Bounds, *};
use crate::sigmoid::sigmoid;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Readings of sensors, one in five missing; the label hangs on two of them, and on whether one is missing.
fn sensors(rows: usize, width: usize, seed: u64) -> Dataset {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut reading = || {
        let value = (rng.random::<f32>() * 180.0).round() / 20.0 - 4.0;
        if rng.random::<f32>() < 0.2 {
            f32::NAN
        } else {
            value
        }
    };
    let features: Vec<f32> = (0..rows * width).map(|_| reading()).collect();
    let positive = |row: &[f32]| {
        if row[0].is_nan() {
            row[1] > 0.0
        } else {
            row[0] * row[1] > 1.0
        }
    };
    let labels = features.chunks(width).map(positive).collect();
    let names = (0..width).map(|at| format!("sensor {at}")).collect();
    Dataset::new(names, features, labels).unwrap()
}

fn params() -> BoostingParams {
    BoostingParams {
        trees: 20,
        depth: 4,
        colsample: 1.0,
        ..BoostingParams::default()
    }
}

#[test]
fn what_is_learned_from_is_what_the_trees_say() {
    let data = sensors(30_000, 11, 5);
    for (subsample, colsample) in [(1.0, 1.0), (0.4, 1.0), (1.0, 0.5), (0.7, 0.3)] {
        let params = BoostingParams {
            subsample,
            colsample,
            ..params()
        };
        let (trees, rounds) = params.trees(&data, 1).unwrap();
        let ensemble = Ensemble::new(11, rounds.base, Link::Logistic, trees).unwrap();
        assert_eq!(ensemble.margins(&data.features), rounds.margins);
        let spread = rounds
            .margins
            .iter()
            .filter(|margin| (**margin - rounds.base).abs() > 0.5);
        assert!(spread.count() > 1000, "it learns");
    }
}

#[test]
fn the_order_of_rows_changes_no_bit() {
    let data = sensors(20_000, 5, 6);
    let mut backwards = data.clone();
    backwards.labels.reverse();
    backwards.features = data.features.chunks(5).rev().flatten().copied().collect();
    let bits = |data| serde_json::to_string(&params().fit(data, 1).unwrap()).unwrap();
    assert_eq!(bits(&data), bits(&backwards));
}

#[test]
fn a_leaf_that_bounds_hold_back_stays_within_them() {
    let rules = params().rules();
    let sums = Sample::new(0, 0.25, true).packed().sums();
    let free = rules.value(sums, Bounds::NONE);
    assert!((free - 0.75 / (0.25 * 0.75 + 1.0)).abs() < 1e-4, "{free}");
    let [low, high] = Bounds::NONE.of_children(Some(Monotone::Increasing), 0.25, 0.5);
    assert_eq!(rules.value(sums, low), 0.375);
    assert_eq!(rules.value(sums, high), free);
    assert!(rules.score(sums, low) < rules.score(sums, Bounds::NONE));
}

#[test]
fn rows_that_no_tree_draws_get_a_model_that_says_the_share() {
    let data = Dataset::new(
        vec!["x".into()],
        vec![1.0, 2.0, 3.0],
        vec![true, false, false],
    );
    let params = BoostingParams {
        subsample: 1e-9,
        l2: 0.0,
        ..params()
    };
    let model = params.fit(&data.unwrap(), 1).unwrap();
    assert!((model.probability(&[2.0]) - 1.0 / 3.0).abs() < 1e-12);
}

/// By how much the best parting of the rows lowers the loss, found by trying every value of every feature, with the
/// missing on either side.
fn least_loss_by_trial(data: &Dataset, params: &BoostingParams) -> f64 {
    let share = data.positives() as f64 / data.rows() as f64;
    let halved_square = |rows: &[bool]| {
        let gradients = rows
            .iter()
            .map(|positive| share - f64::from(u8::from(*positive)));
        let hessian = share * (1.0 - share) * rows.len() as f64;
        (
            gradients.sum::<f64>().powi(2) / (hessian + params.l2) / 2.0,
            hessian,
        )
    };
    let mut best = 0.0f64;
    for feature in 0..data.width() {
        let values: Vec<f32> = data.column(feature).collect();
        for cut in values.iter().copied().chain([f32::INFINITY]) {
            for missing_left in [false, true] {
                let is_left = |value: f32| value < cut || (value.is_nan() && missing_left);
                let side = |left: bool| -> Vec<bool> {
                    let rows = values.iter().zip(&data.labels);
                    let rows = rows.filter(|(value, _)| is_left(**value) == left);
                    rows.map(|(_, label)| *label).collect()
                };
                let [(left, l), (right, r)] =
                    [side(true), side(false)].map(|rows| halved_square(&rows));
                if l.min(r) >= params.min_leaf_weight {
                    best = best.max(left + right - halved_square(&data.labels).0);
                }
            }
        }
    }
    best
}

/// By how much a tree with one split lowers the second-order loss, from its leaves.
fn loss_lowered(data: &Dataset, tree: &Tree, params: &BoostingParams) -> f64 {
    let share = data.positives() as f64 / data.rows() as f64;
    let mut lowered = 0.0;
    for leaf in tree.nodes.iter().filter(|node| node.is_leaf()) {
        let value = f64::from(leaf.value);
        lowered -= (f64::from(leaf.cover) + params.l2) * value * value / 2.0;
    }
    for (row, label) in data.iter().zip(&data.labels) {
        let gradient = share - f64::from(u8::from(*label));
        lowered -= gradient * f64::from(tree.leaf_value(row));
    }
    lowered
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_first_split_lowers_the_loss_as_much_as_any(seed in any::<u64>(), rows in 4usize..120, weight in 0.1f64..3.0) {
        let data = sensors(rows, 3, seed);
        prop_assume!(data.trainable().is_ok());
        let params = BoostingParams { trees: 1, depth: 1, learning_rate: 1.0, min_leaf_weight: weight, ..params() };
        let (trees, _) = params.trees(&data, 1).unwrap();
        let best = least_loss_by_trial(&data, &params);
        if trees[0].nodes.len() == 3 {
            let lowered = loss_lowered(&data, &trees[0], &params);
            let unsplit = loss_lowered(&data, &Tree { nodes: vec![crate::Node::leaf(0.0, 0.0)] }, &params);
            prop_assert!((lowered - unsplit - best).abs() < 1e-3, "{lowered} for {best}");
        } else {
            prop_assert!(best < 1e-3, "no split, though one lowers the loss by {best}");
        }
    }

    #[test]
    fn derivatives_are_kept_to_the_quantum(margin in -30.0f64..30.0, positive in any::<bool>()) {
        let probability = sigmoid(margin);
        let sums = Sample::new(0, probability, positive).packed().sums();
        let gradient = probability - f64::from(u8::from(positive));
        prop_assert!((sums.gradient - gradient).abs() <= 1.0 / f64::from(1 << 15));
        prop_assert!((sums.hessian - probability * (1.0 - probability)).abs() <= 1.0 / f64::from(1 << 18));
        prop_assert!(sums.hessian > 0.0);
    }
}

#[test]
fn a_full_block_of_extremes_adds_up_exactly() {
    for (probability, positive) in [(1.0, false), (0.0, true), (0.5, true)] {
        let one = Sample::new(0, probability, positive);
        let rows = 3 * sample::BLOCK + 5;
        let sums = sample::Sums::of(&vec![one; rows]);
        let each = one.packed().sums();
        assert_eq!(sums.gradient, each.gradient * rows as f64);
        assert_eq!(sums.hessian, each.hessian * rows as f64);
    }
}

#[test]
fn a_node_without_one_child_is_the_other_to_the_last_bit() {
    let data = sensors(90_000, 9, 7);
    let records = ArrayView2::from_shape((data.rows(), 9), &data.features).unwrap();
    let binned = Binned::new(records, MISSING);
    let tiles = Tile::all(&binned, &[0, 2, 3, 4, 5, 6, 7, 8, 1]);
    let mut rng = Pcg64Mcg::seed_from_u64(8);
    let sample = |row: u32| Sample::new(row, rng.random(), data.labels[row as usize]);
    let samples: Vec<Sample> = (0..90_000).map(sample).collect();
    let (child, other) = samples.split_at(70_001);
    let whole = histogram::Histogram::new(&tiles, &samples);
    let left = whole.minus(&histogram::Histogram::new(&tiles, child));
    let right = histogram::Histogram::new(&tiles, other);
    for (place, feature) in [0, 2, 3, 4, 5, 6, 7, 8, 1].into_iter().enumerate() {
        assert_eq!(left.bins(place), right.bins(place));
        let mut by_hand = [sample::Sums::ZERO; 256];
        for sample in other {
            let bin = binned.columns[feature].bins[sample.row as usize];
            let here = &mut by_hand[usize::from(bin)];
            *here = here.plus(sample.packed().sums());
        }
        assert_eq!(&by_hand, right.bins(place));
    }
}
