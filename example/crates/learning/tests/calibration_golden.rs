//! Calibrated probabilities against scikit-learn's, on the vectors of scripts/oracles/calibration.py.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use mlops_learning::calibration::{Calibration, CalibrationMethod};
use serde_json::Value;

fn numbers(values: &Value) -> Vec<f64> {
    let values = values.as_array().unwrap();
    values.iter().map(|value| value.as_f64().unwrap()).collect()
}

#[test]
fn probabilities_are_those_of_scikit_learn() {
    let golden: Value = serde_json::from_str(include_str!("golden/calibration.json")).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() >= 6);
    for case in cases {
        let labels: Vec<bool> = numbers(&case["labels"])
            .iter()
            .map(|label| *label == 1.0)
            .collect();
        let margins = numbers(&case["margins"]);
        for (method, name, near) in [
            // Theirs stops when its own solver does; ours has the same optimum.
            (CalibrationMethod::Platt, "platt", 1e-7),
            (CalibrationMethod::Isotonic, "isotonic", 1e-11),
        ] {
            let curve = Calibration::fit(method, &margins, &labels)
                .unwrap()
                .unwrap();
            let asked = numbers(&case["asked"]);
            let theirs = numbers(&case[name]);
            assert_eq!(asked.len(), theirs.len());
            for (margin, theirs) in asked.iter().zip(theirs) {
                let ours = curve.probability(*margin);
                assert!(
                    (ours - theirs).abs() < near,
                    "{}, {name} of {margin}: {ours} is not {theirs}",
                    case["name"]
                );
            }
        }
    }
}
