//! Every metric and curve against scikit-learn's, on the vectors of scripts/oracles/metrics.py.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use mlops_learning::evaluation::{BaselineInputs, Bootstrap, TestRows, curves, evaluate, scores};
use serde_json::Value;

fn cases() -> Vec<Value> {
    let golden: Value = serde_json::from_str(include_str!("golden/metrics.json")).unwrap();
    golden["cases"].as_array().unwrap().clone()
}

fn numbers(values: &Value) -> Vec<f64> {
    values
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

fn labels(case: &Value) -> Vec<bool> {
    numbers(&case["labels"])
        .into_iter()
        .map(|label| label == 1.0)
        .collect()
}

#[track_caller]
fn assert_close(ours: f64, theirs: f64, what: &str) {
    assert!(
        (ours - theirs).abs() <= 1e-12 * theirs.abs().max(1.0),
        "{what}: {ours} is not {theirs}"
    );
}

#[test]
fn every_score_equals_scikit_learns() {
    let cases = cases();
    assert!(cases.len() >= 10);
    for case in cases {
        let threshold = case["threshold"].as_f64().unwrap();
        let ours = scores(&labels(&case), &numbers(&case["probabilities"]), threshold).unwrap();
        let ours = serde_json::to_value(ours).unwrap();
        let ours = ours.as_object().unwrap();
        assert_eq!(ours.len(), 10);
        for (name, ours) in ours {
            let theirs = &case["expected"][name];
            match ours.as_f64() {
                Some(ours) => assert_close(
                    ours,
                    theirs.as_f64().unwrap(),
                    &format!("{}: {name}", case["name"]),
                ),
                None => assert_eq!(ours, theirs, "{}: {name}", case["name"]),
            }
        }
    }
}

#[test]
fn every_curve_equals_scikit_learns() {
    let mut compared = 0;
    for case in cases() {
        let expected = &case["expected"];
        if expected["roc"].is_null() {
            continue;
        }
        let points =
            curves::operating_points(&labels(&case), &numbers(&case["probabilities"])).unwrap();
        for (curve, x, y) in [
            (
                "roc",
                points.iter().map(|p| p.false_positive_rate).collect(),
                points.iter().map(|p| p.true_positive_rate).collect(),
            ),
            (
                "precision_recall",
                points.iter().map(|p| p.true_positive_rate).collect(),
                points.iter().map(|p| p.precision).collect::<Vec<_>>(),
            ),
        ] {
            for (ours, theirs) in [(x, &expected[curve][0]), (y, &expected[curve][1])] {
                let ours: Vec<f64> = ours;
                let theirs = numbers(theirs);
                assert_eq!(ours.len(), theirs.len(), "{}: {curve}", case["name"]);
                for (ours, theirs) in ours.iter().zip(theirs) {
                    assert_close(*ours, theirs, &format!("{}: {curve}", case["name"]));
                }
            }
        }
        compared += 1;
    }
    assert!(compared >= 8);
}

#[test]
fn calibration_bins_equal_scikit_learns() {
    for case in cases() {
        let (labels, probabilities) = (labels(&case), numbers(&case["probabilities"]));
        let days: Vec<i32> = (0..labels.len() as i32).collect();
        let test = TestRows {
            model: "model",
            classes: ["no", "yes"],
            labels: &labels,
            probabilities: &probabilities,
            days: &days,
            threshold: 0.5,
        };
        let none = BaselineInputs::<()> {
            train_labels: &labels,
            today: None,
            entity_month: None,
        };
        let bins = evaluate(
            &test,
            &none,
            Bootstrap {
                rounds: 20,
                block_days: 1,
                seed: 1,
            },
        )
        .unwrap()
        .calibration;
        let (predicted, observed) = (
            &case["expected"]["calibration"][0],
            &case["expected"]["calibration"][1],
        );
        let (predicted, observed) = (numbers(predicted), numbers(observed));
        assert_eq!(bins.len(), predicted.len(), "{}", case["name"]);
        for (bin, (predicted, observed)) in bins.iter().zip(predicted.into_iter().zip(observed)) {
            assert_close(bin.predicted, predicted, "predicted");
            assert_close(bin.observed, observed, "observed");
        }
    }
}
