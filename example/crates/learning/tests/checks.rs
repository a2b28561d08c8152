//! Behaviour that every kind of model has to show, beside what tests/models.rs holds of them: what
//! users count on without asking.

#![allow(clippy::unwrap_used)]

use mlops_learning::evaluation::{Metric, scores};
use mlops_learning::{Dataset, LearningError, ModelKind, ModelParams, learner};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Pumps that fail when hot and old; every row is complete, and no two values are the same.
fn pumps(rows: usize, seed: u64) -> Dataset {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let (mut features, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let [heat, age, noise] = rng.random::<[f32; 3]>();
        let odds = 9.0 * (heat - 0.6) + 4.0 * (age - 0.5);
        labels.push(rng.random::<f64>() < 1.0 / (1.0 + f64::from(-odds).exp()));
        features.extend([heat, age, noise]);
    }
    let names = ["heat", "age", "noise"].map(String::from).to_vec();
    Dataset::new(names, features, labels).unwrap()
}

/// The same rows with their columns in another order.
fn in_order(data: &Dataset, order: [usize; 3]) -> Dataset {
    let names = order.map(|at| data.names[at].clone()).to_vec();
    let features = data
        .iter()
        .flat_map(|row| order.map(|at| row[at]))
        .collect();
    Dataset::new(names, features, data.labels.clone()).unwrap()
}

fn params(kind: ModelKind) -> ModelParams {
    let mut params = ModelParams {
        kind,
        ..ModelParams::default()
    };
    params.tree.depth = 4;
    params.tree.min_leaf_rows = 50;
    params.forest.trees = 40;
    params.forest.depth = 5;
    params.forest.min_leaf_rows = 20;
    params.boosting.trees = 30;
    params.boosting.depth = 3;
    params.boosting.min_leaf_weight = 10.0;
    params.boosting.colsample = 1.0;
    params
}

fn trained(params: &ModelParams, data: &Dataset) -> mlops_learning::Predictor {
    learner(params).unwrap().fit(data, 3).unwrap()
}

fn area(labels: &[bool], probabilities: &[f64]) -> f64 {
    let scores = scores(labels, probabilities, 0.5).unwrap();
    *Metric::RocAuc.of(&scores.metrics)
}

// ANCHOR: columns
#[test]
fn the_order_of_columns_does_not_matter_where_no_columns_are_drawn() {
    let (train, test) = (pumps(3000, 1), pumps(500, 2));
    for order in [[2, 0, 1], [1, 2, 0]] {
        let (train_other, test_other) = (in_order(&train, order), in_order(&test, order));
        for kind in [ModelKind::Logistic, ModelKind::Tree, ModelKind::Boosting] {
            let params = params(kind);
            let said = trained(&params, &train).probabilities(&test.features);
            let other = trained(&params, &train_other).probabilities(&test_other.features);
            for (a, b) in said.iter().zip(&other) {
                // The solver of `logistic` sums over columns: another order rounds otherwise.
                assert!((a - b).abs() < 1e-6, "{kind} {order:?}: {a} and {b}");
            }
        }
    }
}
// ANCHOR_END: columns

#[test]
fn where_columns_are_drawn_another_order_is_another_draw_and_no_other_quality() {
    let (train, test) = (pumps(3000, 1), pumps(2000, 2));
    let (train_other, test_other) = (in_order(&train, [2, 0, 1]), in_order(&test, [2, 0, 1]));
    for kind in [ModelKind::Forest, ModelKind::Boosting] {
        let mut params = params(kind);
        params.boosting.colsample = 0.5;
        let said = trained(&params, &train).probabilities(&test.features);
        let other = trained(&params, &train_other).probabilities(&test_other.features);
        let (said, other) = (area(&test.labels, &said), area(&test.labels, &other));
        assert!((said - other).abs() < 0.01, "{kind}: {said} and {other}");
    }
}

#[test]
fn the_order_of_rows_is_no_matter_of_quality() {
    let (train, test) = (pumps(3000, 1), pumps(2000, 2));
    let mut backwards = train.clone();
    backwards.labels.reverse();
    let rows = train.features.chunks(train.width()).rev();
    backwards.features = rows.flatten().copied().collect();
    for kind in ModelKind::ALL {
        let params = params(kind);
        let said = trained(&params, &train).probabilities(&test.features);
        let other = trained(&params, &backwards).probabilities(&test.features);
        let (said, other) = (area(&test.labels, &said), area(&test.labels, &other));
        assert!((said - other).abs() < 0.01, "{kind}: {said} and {other}");
    }
}

#[test]
fn a_column_that_never_changes_changes_nothing() {
    let (train, test) = (pumps(3000, 1), pumps(500, 2));
    let widened = |data: &Dataset| {
        let names = [&data.names[..], &["stuck".into()]].concat();
        let features = data.iter().flat_map(|row| [row, &[7.5]].concat()).collect();
        Dataset::new(names, features, data.labels.clone()).unwrap()
    };
    for kind in [ModelKind::Logistic, ModelKind::Tree, ModelKind::Boosting] {
        let params = params(kind);
        let said = trained(&params, &train).probabilities(&test.features);
        let model = trained(&params, &widened(&train));
        assert_eq!(model.importance()[3], 0.0, "{kind}");
        let with = model.probabilities(&widened(&test).features);
        for (a, b) in said.iter().zip(&with) {
            assert!((a - b).abs() < 1e-9, "{kind}: {a} and {b}");
        }
    }
}

#[test]
fn a_value_that_was_never_seen_counts_as_far_out_and_gets_a_probability() {
    let train = pumps(3000, 1);
    for kind in ModelKind::ALL {
        let model = trained(&params(kind), &train);
        let at = |heat: f32| model.probability(&[heat, 0.5, 0.5]);
        // Trained on 0 to 1. Beyond, trees stay where they were and a weighted sum goes on.
        for (inside, outside) in [(0.999, 1e6), (0.001, -1e6)] {
            let (inside, outside) = (at(inside), at(outside));
            assert!((0.0..=1.0).contains(&outside), "{kind}: {outside}");
            let goes_on = (outside - 0.5).abs() >= (inside - 0.5).abs() - 0.02;
            assert!(goes_on, "{kind}: {inside} within, {outside} beyond");
        }
    }
}

#[test]
fn one_positive_in_a_thousand_keeps_its_share() {
    let mut rng = Pcg64Mcg::seed_from_u64(5);
    let rows = 20_000;
    let features: Vec<f32> = (0..rows * 2).map(|_| rng.random()).collect();
    let labels: Vec<bool> = (0..rows).map(|row| row % 1000 == 0).collect();
    let names = ["load", "speed"].map(String::from).to_vec();
    let data = Dataset::new(names, features, labels).unwrap();
    for kind in ModelKind::ALL {
        let said = trained(&params(kind), &data).probabilities(&data.features);
        let mean = said.iter().sum::<f64>() / rows as f64;
        assert!((mean - 0.001).abs() < 5e-4, "{kind} says {mean}");
        assert!(said.iter().all(|p| (0.0..0.5).contains(p)), "{kind}");
    }
}

#[test]
fn gaps_that_tell_something_are_learned_by_trees_and_not_by_a_weighted_sum() {
    // Half of the failures have no heat reading: the sensor fails first.
    let mut train = pumps(4000, 1);
    for row in (0..4000).filter(|row| row % 2 == 0) {
        if train.labels[row] {
            train.features[row * 3] = f32::NAN;
        }
    }
    for kind in ModelKind::ALL {
        let model = trained(&params(kind), &train);
        let (gap, usual) = (
            model.probability(&[f32::NAN, 0.5, 0.5]),
            model.probability(&[0.5, 0.5, 0.5]),
        );
        if kind == ModelKind::Logistic {
            // A gap is filled: it says what the fill says.
            assert!((gap - usual).abs() < 0.2, "{kind}: {gap} and {usual}");
        } else {
            // A gap has a side of its own; or, in `tree`, the fill is a value that nothing else has.
            assert!(gap > usual + 0.3, "{kind}: {gap} and {usual}");
        }
    }
}

#[test]
fn gaps_are_refused_if_nothing_stands_for_them() {
    let complete = pumps(500, 1);
    let mut gappy = complete.clone();
    gappy.features[4] = f32::NAN;
    for section in ["logistic", "tree"] {
        let json = format!(r#"{{"kind": "{section}", "{section}": {{"missing": "none"}}}}"#);
        let params: ModelParams = serde_json::from_str(&json).unwrap();
        let model = trained(&params, &complete);
        assert!((0.0..=1.0).contains(&model.probability(&[f32::NAN; 3])));
        let error = learner(&params).unwrap().fit(&gappy, 1).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(r#"row 2, feature "age": the value is missing"#),
            "{error}"
        );
    }
}

#[test]
fn scaling_changes_the_penalty_and_not_the_form_of_the_model() {
    let (train, test) = (pumps(3000, 1), pumps(1000, 2));
    // In other units: heat in thousandths, age in thousands.
    let in_units = |data: &Dataset| {
        let features = data
            .iter()
            .flat_map(|row| [row[0] * 1000.0, row[1] / 1000.0, row[2]]);
        Dataset::new(data.names.clone(), features.collect(), data.labels.clone()).unwrap()
    };
    let (train, test) = (in_units(&train), in_units(&test));
    let scaled = |scaling: &str| {
        let json = format!(
            r#"{{"kind": "logistic", "logistic": {{"scaling": "{scaling}", "max_iterations": 2000}}}}"#
        );
        trained(&serde_json::from_str(&json).unwrap(), &train)
    };
    let [standard, min_max, none] = ["standard", "min_max", "none"].map(scaled);
    let of = |model: &mlops_learning::Predictor| {
        area(&test.labels, &model.probabilities(&test.features))
    };
    assert!((of(&standard) - of(&min_max)).abs() < 0.005);
    // Unscaled, the penalty forbids the weight that an age in thousands needs.
    assert!(
        of(&standard) > of(&none) + 0.005,
        "{} and {}",
        of(&standard),
        of(&none)
    );
    assert!(none.importance()[1] < 0.1 * standard.importance()[1]);
    assert!(
        (min_max.importance()[0] - standard.importance()[0]).abs() < 0.05,
        "importance is that of standardised features whatever the fit was scaled by"
    );
}

#[test]
fn a_monotone_feature_only_goes_its_way() {
    // Heat matters up and down: without the constraint the model follows.
    let mut rng = Pcg64Mcg::seed_from_u64(8);
    let rows = 4000;
    let (mut features, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let [heat, age] = rng.random::<[f32; 2]>();
        let odds = 6.0 * (7.0 * heat).sin() + 3.0 * age;
        labels.push(rng.random::<f64>() < 1.0 / (1.0 + f64::from(-odds).exp()));
        features.extend([if age > 0.9 { f32::NAN } else { heat }, age]);
    }
    let data = Dataset::new(["heat", "age"].map(String::from).to_vec(), features, labels).unwrap();
    let worst_step = |json: &str, sign: f64| {
        let params: ModelParams = serde_json::from_str(json).unwrap();
        let model = trained(&params, &data);
        let mut worst = f64::INFINITY;
        for age in [0.1, 0.5, 0.8, f32::NAN] {
            let curve: Vec<f64> = (0..200)
                .map(|step| model.margin(&[step as f32 / 200.0, age]))
                .collect();
            for pair in curve.windows(2) {
                worst = worst.min(sign * (pair[1] - pair[0]));
            }
        }
        worst
    };
    assert!(worst_step("{}", 1.0) < -0.1, "free, it goes down somewhere");
    for (way, sign) in [("increasing", 1.0), ("decreasing", -1.0)] {
        let json = format!(r#"{{"boosting": {{"monotone": {{"heat": "{way}"}}}}}}"#);
        assert!(worst_step(&json, sign) >= 0.0, "{way}");
    }
    let unknown: ModelParams =
        serde_json::from_str(r#"{"boosting": {"monotone": {"heta": "increasing"}}}"#).unwrap();
    let error = learner(&unknown).unwrap().fit(&data, 1).unwrap_err();
    insta::assert_snapshot!(error, @"model.boosting.monotone is heta: the features are heat, age");
}

#[test]
fn probabilities_of_no_rows_are_none_and_of_one_row_one() {
    let train = pumps(300, 1);
    for kind in ModelKind::ALL {
        let model = trained(&params(kind), &train);
        assert!(model.probabilities(&[]).is_empty(), "{kind}");
        let one = model.probabilities(&train.features[..3]);
        assert_eq!(one, [model.probability(&train.features[..3])], "{kind}");
    }
}

#[test]
fn a_kind_of_the_projects_own_is_not_taken_for_one_that_is_here() {
    let refused = |json: &str| {
        let params: ModelParams = serde_json::from_str(json).unwrap();
        match learner(&params) {
            Err(LearningError::Parameter { name, expected, .. }) => format!("{name}: {expected}"),
            _ => String::new(),
        }
    };
    insta::assert_snapshot!(refused(r#"{"kind": "own"}"#), @"model.kind: name the learner as model.own.learner");
    let named = refused(r#"{"kind": "own", "own": {"learner": "nearest"}}"#);
    assert!(named.starts_with("model.kind: this is done with the kinds that are here only"));
}
