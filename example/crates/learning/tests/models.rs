//! What every kind of model has to hold, whichever it is.

#![allow(clippy::unwrap_used)]

use mlops_learning::{
    Dataset, Learner, LearningError, ModelKind, ModelParams, Predictor, learner,
    model_file::{self, Feature, GoldenRow, Metadata, Model, Training},
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

const WIDTH: usize = 6;

/// Machines that fail when hot and old, or hot and dry; sensors have gaps, one is stuck, one is dead.
fn machines(rows: usize, seed: u64) -> Dataset {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let (mut features, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let [heat, age, moisture, noise] = rng.random::<[f32; 4]>();
        let odds = 12.0 * (heat - 0.6) + if age > 0.7 { 3.0 } else { 0.0 } - 4.0 * moisture;
        labels.push(rng.random::<f64>() < 1.0 / (1.0 + f64::from(-odds).exp()));
        let mut known = |value: f32| {
            if rng.random::<f32>() < 0.1 {
                f32::NAN
            } else {
                value
            }
        };
        features.extend([
            known(40.0 + 50.0 * heat),
            known(age),
            known(moisture),
            noise,
            7.5,
            f32::NAN,
        ]);
    }
    Dataset::new(names(), features, labels).unwrap()
}

fn names() -> Vec<String> {
    ["heat", "age", "moisture", "noise", "stuck", "dead"]
        .map(String::from)
        .to_vec()
}

/// Small enough to be trained often.
fn learner_of(kind: ModelKind) -> Box<dyn Learner> {
    let mut params = ModelParams {
        kind,
        ..ModelParams::default()
    };
    params.tree.depth = 6;
    params.forest.trees = 20;
    params.boosting.trees = 20;
    params.boosting.subsample = 0.8;
    params.boosting.colsample = 0.5;
    learner(&params).unwrap()
}

fn on_threads<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(run)
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn refused(kind: ModelKind, data: &Dataset) -> String {
    match learner_of(kind).fit(data, 1) {
        Err(LearningError::Data(why)) => why,
        other => panic!("{kind}: {other:?}"),
    }
}

/// The area under the ROC curve, by counting pairs.
fn area(probabilities: &[f64], labels: &[bool]) -> f64 {
    let (mut won, mut pairs) = (0.0, 0.0);
    for (p, _) in probabilities
        .iter()
        .zip(labels)
        .filter(|(_, label)| **label)
    {
        for (q, _) in probabilities
            .iter()
            .zip(labels)
            .filter(|(_, label)| !**label)
        {
            won += if p > q {
                1.0
            } else if p == q {
                0.5
            } else {
                0.0
            };
            pairs += 1.0;
        }
    }
    won / pairs
}

#[test]
fn every_kind_learns_what_makes_machines_fail() {
    let (train, test) = (machines(4000, 1), machines(1500, 2));
    for kind in ModelKind::ALL {
        let model = learner_of(kind).fit(&train, 1).unwrap();
        let area = area(&model.probabilities(&test.features), &test.labels);
        assert!(area > 0.8, "{kind}: ROC AUC {area}");
        let importance = model.importance();
        assert!(
            (importance.iter().sum::<f64>() - 1.0).abs() < 1e-9,
            "{kind}: {importance:?}"
        );
        let most = importance.iter().copied().fold(0.0, f64::max);
        assert_eq!(
            importance[0], most,
            "{kind}: heat matters most: {importance:?}"
        );
        assert_eq!(
            importance[4..],
            [0.0, 0.0],
            "{kind}: a stuck and a dead sensor matter nothing"
        );
    }
}

#[test]
fn probabilities_are_those_of_the_data() {
    let train = machines(4000, 1);
    let rate = train.positives() as f64 / train.rows() as f64;
    for kind in ModelKind::ALL {
        let said = learner_of(kind)
            .fit(&train, 1)
            .unwrap()
            .probabilities(&train.features);
        assert!(said.iter().all(|p| (0.0..=1.0).contains(p)), "{kind}");
        let mean = said.iter().sum::<f64>() / said.len() as f64;
        assert!((mean - rate).abs() < 0.01, "{kind}: says {mean}, is {rate}");
    }
}

#[test]
fn training_again_gives_the_same_bits() {
    let train = machines(3000, 3);
    for kind in ModelKind::ALL {
        let (first, second) = (
            learner_of(kind).fit(&train, 9),
            learner_of(kind).fit(&train, 9),
        );
        assert_eq!(first.unwrap(), second.unwrap(), "{kind}");
    }
}

#[test]
fn another_seed_draws_other_rows() {
    let train = machines(3000, 3);
    for kind in [ModelKind::Forest, ModelKind::Boosting] {
        let (first, second) = (
            learner_of(kind).fit(&train, 9),
            learner_of(kind).fit(&train, 10),
        );
        assert_ne!(first.unwrap(), second.unwrap(), "{kind}");
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    // More rows than the libraries give to one thread at a time.
    let train = machines(40_000, 4);
    for kind in ModelKind::ALL {
        let train = || learner_of(kind).fit(&train, 9).unwrap();
        let (one, two, four) = (
            on_threads(1, train),
            on_threads(2, train),
            on_threads(4, train),
        );
        assert_eq!(one, two, "{kind}");
        assert_eq!(one, four, "{kind}");
    }
}

#[test]
fn many_rows_on_any_threads_give_the_bits_of_one_by_one() {
    let (train, test) = (machines(2000, 5), machines(1003, 6));
    for kind in ModelKind::ALL {
        let model = learner_of(kind).fit(&train, 1).unwrap();
        let single: Vec<f64> = test.iter().map(|row| model.probability(row)).collect();
        for threads in [1, 2] {
            let batch = on_threads(threads, || model.probabilities(&test.features));
            assert_eq!(bits(&batch), bits(&single), "{kind} on {threads}");
        }
        assert!(model.probabilities(&[]).is_empty());
    }
}

#[test]
fn a_row_without_a_single_value_gets_a_probability() {
    for kind in ModelKind::ALL {
        let model = learner_of(kind).fit(&machines(2000, 7), 1).unwrap();
        let probability = model.probability(&[f32::NAN; WIDTH]);
        assert!(
            probability > 0.0 && probability < 1.0,
            "{kind}: {probability}"
        );
        for odd in [
            f32::MAX,
            f32::MIN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MIN_POSITIVE,
        ] {
            let probability = model.probability(&[odd; WIDTH]);
            assert!(
                (0.0..=1.0).contains(&probability),
                "{kind}: {odd} gives {probability}"
            );
        }
    }
}

#[test]
fn rows_that_tell_nothing_give_the_base_rate() {
    let data = Dataset::new(
        names(),
        vec![f32::NAN; 10 * WIDTH],
        (0..10).map(|row| row < 3).collect(),
    )
    .unwrap();
    for kind in ModelKind::ALL {
        let model = learner_of(kind).fit(&data, 1).unwrap();
        let probability = model.probability(&[f32::NAN; WIDTH]);
        assert!((probability - 0.3).abs() < 0.1, "{kind}: {probability}");
        assert_eq!(model.importance(), [0.0; WIDTH], "{kind}");
    }
}

#[test]
fn two_rows_are_enough() {
    let data = Dataset::new(vec!["heat".into()], vec![1.0, 2.0], vec![false, true]).unwrap();
    for kind in ModelKind::ALL {
        let model = learner_of(kind).fit(&data, 1).unwrap();
        assert!(
            model.probability(&[2.0]) >= model.probability(&[1.0]),
            "{kind}"
        );
    }
}

#[test]
fn labels_of_one_class_are_refused() {
    let mut data = machines(50, 8);
    data.labels.fill(false);
    for kind in ModelKind::ALL {
        assert_eq!(
            refused(kind, &data),
            "all 50 rows have the label false; a model needs rows of both classes"
        );
    }
    let one = Dataset::new(vec!["heat".into()], vec![1.0], vec![true]).unwrap();
    for kind in ModelKind::ALL {
        assert_eq!(
            refused(kind, &one),
            "all 1 rows have the label true; a model needs rows of both classes"
        );
    }
}

#[test]
fn no_rows_no_features_and_infinite_values_are_refused() {
    let empty = Dataset::new(names(), vec![], vec![]).unwrap();
    let narrow = Dataset::new(vec![], vec![], vec![true, false]).unwrap();
    let mut infinite = machines(50, 8);
    infinite.features[3 * WIDTH + 1] = f32::INFINITY;
    for kind in ModelKind::ALL {
        assert!(
            refused(kind, &empty).starts_with("there are no rows to learn from"),
            "{kind}"
        );
        assert!(
            refused(kind, &narrow).starts_with("there are no features to learn from"),
            "{kind}"
        );
        assert!(
            refused(kind, &infinite).starts_with(r#"row 4, feature "age": the value is infinite"#),
            "{kind}"
        );
    }
}

#[test]
fn a_saved_model_comes_back_with_the_same_bits() {
    let (train, test) = (machines(2000, 5), machines(500, 6));
    for kind in ModelKind::ALL {
        let model = file_of(kind, learner_of(kind).fit(&train, 1).unwrap(), &test);
        let bytes = model_file::encode(&model).unwrap();
        let back = model_file::decode(&bytes).unwrap();
        let scores = |model: &Model| bits(&model.probabilities(&test.features));
        assert_eq!(scores(&back), scores(&model), "{kind}");
        assert_eq!(model_file::encode(&back).unwrap(), bytes, "{kind}");
        let rows: Vec<&[f32]> = test.iter().collect();
        let features_of = |text: &str| Ok(rows[text.parse::<usize>().unwrap()].to_vec());
        back.verify_golden(features_of).unwrap();
    }
}

fn file_of(kind: ModelKind, predictor: Predictor, test: &Dataset) -> Model {
    let golden = test.iter().take(5).enumerate();
    let golden = golden
        .map(|(at, row)| GoldenRow::new(&predictor, at.to_string(), row.to_vec()))
        .collect();
    let metadata = Metadata {
        name: "failures".into(),
        kind,
        params: "{}".into(),
        seed: 1,
        features: names()
            .into_iter()
            .map(|name| Feature {
                name,
                dtype: "float32".into(),
            })
            .collect(),
        feature_service: "machines".into(),
        feature_state: "{}".into(),
        issued_at: 24.0,
        label: "failed".into(),
        classes: ["runs".into(), "fails".into()],
        threshold: 0.5,
        training: Training {
            data_hash: "none".into(),
            rows: 2000,
            first: "2020-01-01".into(),
            last: "2020-12-31".into(),
        },
        golden,
        toolkit: "0.1.0".into(),
    };
    Model {
        metadata,
        predictor,
        calibration: None,
    }
}
