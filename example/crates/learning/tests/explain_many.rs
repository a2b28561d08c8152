//! What features do to many answers, against what is known of the data and against other ways to the same.

#![allow(clippy::unwrap_used)]

use mlops_learning::evaluation::Bootstrap;
use mlops_learning::explain::{
    Computation, Dependence, Parts, Permutation, Repeats, Summary, beeswarm, contributions,
};
use mlops_learning::model_file::{Feature, Metadata, Training};
use mlops_learning::{
    Calibration, CalibrationMethod, Dataset, Model, ModelKind, ModelParams, learner,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

const ROWS: usize = 3000;
const NAMES: [&str; 4] = ["strong", "weak", "noise", "flag"];

/// Log-odds 3 × strong + weak; noise tells nothing; a tenth of `strong` is missing.
fn data() -> Dataset {
    let mut rng = Pcg64Mcg::seed_from_u64(5);
    let (mut features, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..ROWS {
        let [strong, weak, noise]: [f32; 3] = std::array::from_fn(|_| rng.random_range(-2.0..2.0));
        let odds = 3.0 * strong + weak;
        labels.push(rng.random::<f32>() < 1.0 / (1.0 + (-odds).exp()));
        let strong = if rng.random::<f32>() < 0.1 {
            f32::NAN
        } else {
            strong
        };
        features.extend([strong, weak, noise, f32::from(u8::from(noise > 1.0))]);
    }
    Dataset::new(NAMES.map(String::from).into(), features, labels).unwrap()
}

fn model(kind: ModelKind, data: &Dataset) -> Model {
    let mut params = ModelParams {
        kind,
        ..ModelParams::default()
    };
    params.boosting.trees = 30;
    params.forest.trees = 20;
    let predictor = learner(&params).unwrap().fit(data, 1).unwrap();
    let feature = |name: &str| Feature {
        name: name.into(),
        dtype: "number".into(),
    };
    let metadata = Metadata {
        name: "returns".into(),
        kind,
        params: "{}".into(),
        seed: 1,
        features: NAMES.map(feature).into(),
        feature_service: "shop".into(),
        feature_state: "{}".into(),
        issued_at: 24.0,
        label: "returned".into(),
        classes: ["kept".into(), "returned".into()],
        threshold: 0.5,
        training: Training {
            data_hash: "md5:0".into(),
            rows: ROWS as u64,
            first: "2020-01-01".into(),
            last: "2020-01-10".into(),
        },
        golden: Vec::new(),
        toolkit: "0.1.0".into(),
    };
    Model {
        metadata,
        predictor,
        calibration: None,
    }
}

fn permuted(model: &Model, data: &Dataset, count: usize, seed: u64) -> Permutation {
    let days: Vec<i32> = (0..ROWS as i32).map(|row| row / 30).collect();
    let repeats = Repeats { count, seed };
    let (features, labels) = (&data.features, &data.labels);
    Permutation::new(model, features, labels, &days, repeats, drawn(seed)).unwrap()
}

fn drawn(seed: u64) -> Bootstrap {
    Bootstrap {
        rounds: 200,
        block_days: 1,
        seed,
    }
}

#[test]
fn every_kind_is_followed_to_its_margin_to_the_bit() {
    let data = data();
    for kind in ModelKind::ALL {
        let mut model = model(kind, &data);
        let margins = model.predictor.margins(&data.features);
        model.calibration =
            Calibration::fit(CalibrationMethod::Platt, &margins, &data.labels).unwrap();
        for (row, margin) in data.iter().zip(&margins).take(200) {
            let steps = Computation::new(&model, row, 2);
            let last = match &steps.parts {
                Parts::Trees(trees) => {
                    let shown = trees.iter().filter(|tree| tree.path.is_some()).count();
                    assert_eq!(shown, trees.len().min(2));
                    trees.last().unwrap().margin
                }
                Parts::Terms(terms) => terms.last().unwrap().margin,
            };
            assert_eq!(last.to_bits(), margin.to_bits(), "{kind}");
            assert_eq!(steps.margin.to_bits(), margin.to_bits(), "{kind}");
            assert_eq!(steps.probability, model.probability_of(*margin));
        }
    }
}

#[test]
fn a_path_says_what_each_split_asked() {
    let data = data();
    let model = model(ModelKind::Tree, &data);
    let text = Computation::new(&model, &[f32::NAN, 0.5, 0.0, 0.0], 1).to_string();
    assert!(text.starts_with("tree 1\n  node   0: "), "{text}");
    assert!(text.contains("strong is missing, where "), "{text}");
    assert!(text.contains("weak = 0.5 "), "{text}");
    assert!(text.contains("probability  "), "{text}");
    let text = Computation::new(
        &self::model(ModelKind::Logistic, &data),
        &[f32::NAN, 0.5, 0.0, 0.0],
        0,
    );
    assert!(text.to_string().contains("strong     → "), "{text}");
}

#[test]
fn dependence_rises_with_what_raises_the_answer_and_not_with_noise() {
    let data = data();
    for kind in [ModelKind::Boosting, ModelKind::Logistic] {
        let model = model(kind, &data);
        let span = |feature: &str| {
            let made = Dependence::new(&model, &data.features, feature, 1000, 3).unwrap();
            assert_eq!(made.rows, 1000);
            assert!(
                made.points
                    .windows(2)
                    .all(|pair| pair[0].value < pair[1].value)
            );
            assert!(
                made.points
                    .iter()
                    .all(|at| at.answers.low <= at.answers.mean
                        && at.answers.mean <= at.answers.high)
            );
            let (first, last) = (made.points.first().unwrap(), made.points.last().unwrap());
            (last.answers.mean - first.answers.mean, made)
        };
        let (strong, made) = span("strong");
        assert!(strong > 0.7, "{kind}: {strong}");
        let missing = made.missing.unwrap().mean;
        assert!((0.3..0.7).contains(&missing), "{kind}: {missing}");
        let (noise, made) = span("noise");
        assert!(noise.abs() < 0.1, "{kind}: {noise}");
        assert_eq!(made.missing, None);
        let (_, flag) = span("flag");
        assert_eq!(flag.points.len(), 2, "all values of a flag");
        assert!(
            flag.csv().starts_with("flag,mean,low,high\n0,"),
            "{}",
            flag.csv()
        );
        assert!(made.svg().contains("mp-band"));
    }
}

#[test]
fn dependence_is_the_mean_over_rows_given_the_value() {
    let data = data();
    let model = model(ModelKind::Boosting, &data);
    let made = Dependence::new(&model, &data.features, "weak", ROWS, 1).unwrap();
    let at = made.points[7];
    let mut rows = data.features.clone();
    rows.iter_mut()
        .skip(1)
        .step_by(4)
        .for_each(|cell| *cell = at.value);
    let mean = model.probabilities(&rows).iter().sum::<f64>() / ROWS as f64;
    assert_eq!(mean, at.answers.mean);
}

#[test]
fn a_feature_that_is_not_there_is_refused_with_those_that_are() {
    let data = data();
    let model = model(ModelKind::Tree, &data);
    let refused = |features: &[f32], name| {
        Dependence::new(&model, features, name, 10, 1)
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(refused(&data.features, "week"), @r#"the model has no feature "week"; it has strong, weak, noise, flag"#);
    insta::assert_snapshot!(refused(&[f32::NAN; 8], "weak"), @r#""weak" is missing in all 2 rows: give a table that has it"#);
}

#[test]
fn permutation_ranks_features_by_what_they_tell() {
    let data = data();
    for kind in [ModelKind::Boosting, ModelKind::Logistic, ModelKind::Forest] {
        let model = model(kind, &data);
        let made = permuted(&model, &data, 3, 9);
        let names: Vec<&str> = made
            .features
            .iter()
            .map(|worth| worth.feature.as_str())
            .collect();
        assert_eq!(names[..2], ["strong", "weak"], "{kind}");
        let strong = &made.features[0];
        assert!(
            strong.log_loss.low > 0.3 && strong.roc_auc > 0.1,
            "{kind}: {strong:?}"
        );
        assert!(
            strong.log_loss.low < strong.log_loss.value
                && strong.log_loss.value < strong.log_loss.high
        );
        assert_eq!(made, permuted(&model, &data, 3, 9));
        assert_ne!(made, permuted(&model, &data, 3, 10));
    }
}

#[test]
fn a_feature_that_no_tree_asks_for_is_worth_exactly_nothing() {
    let data = data();
    let model = model(ModelKind::Boosting, &data);
    let sizes = contributions(&model.predictor, &data.features)
        .unwrap()
        .mean_absolute();
    let made = permuted(&model, &data, 1, 1);
    for worth in &made.features {
        let at = NAMES
            .iter()
            .position(|name| *name == worth.feature)
            .unwrap();
        assert_eq!(
            sizes[at] == 0.0,
            worth.log_loss.value == 0.0,
            "{}",
            worth.feature
        );
    }
}

#[test]
fn permutation_needs_days_labels_and_repeats() {
    let data = data();
    let model = model(ModelKind::Tree, &data);
    let refused = |labels: &[bool], days: &[i32], count| {
        let repeats = Repeats { count, seed: 1 };
        let rows = &data.features[..40];
        Permutation::new(&model, rows, labels, days, repeats, drawn(1))
            .unwrap_err()
            .to_string()
    };
    let mixed: Vec<bool> = (0..10).map(|row| row % 2 == 0).collect();
    insta::assert_snapshot!(refused(&mixed, &[1; 10], 1), @"all rows lie within one block of 1 day: an interval takes several to draw from, so widen the test period, or shorten evaluate.bootstrap_block_days");
    insta::assert_snapshot!(refused(&mixed, &[1; 9], 1), @"40 values and 9 days for 10 labels: give 4 and one for each");
    insta::assert_snapshot!(refused(&mixed, &[1; 10], 0), @"repeats is 0: it takes one or more");
}

#[test]
fn a_beeswarm_has_a_row_for_each_feature_of_the_summary() {
    let data = data();
    let model = model(ModelKind::Boosting, &data);
    let summary = Summary::new(&model, &data.features, 3).unwrap();
    let svg = beeswarm(&model, &data.features, &summary, 1).unwrap();
    let names = summary.features.iter().map(|(name, _)| name.as_str());
    assert!(
        names
            .clone()
            .all(|name| svg.contains(&format!(">{name}</text>"))),
        "{svg}"
    );
    assert!(svg.len() < 60_000, "{} bytes", svg.len());
    assert!(svg.contains("#7d7d85"), "missing values are grey");
    assert_eq!(svg, beeswarm(&model, &data.features, &summary, 1).unwrap());
    assert_ne!(svg, beeswarm(&model, &data.features, &summary, 2).unwrap());
}
