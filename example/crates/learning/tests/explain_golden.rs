//! SHAP values against those of Python's shap, on the trees of scripts/oracles/shap_values.py.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use mlops_learning::{Ensemble, Link, Node, Predictor, Tree, explain};
use serde_json::Value;

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn node(value: &Value) -> Node {
    let [feature, missing_left, threshold, left, value, cover] = list(value) else {
        panic!("{value} has not six fields");
    };
    let single = |number: &Value| number.as_f64().unwrap() as f32;
    Node {
        feature: feature.as_u64().unwrap() as u16,
        missing_left: missing_left.as_bool().unwrap(),
        threshold: single(threshold),
        left: left.as_u64().unwrap() as u32,
        value: single(value),
        cover: single(cover),
    }
}

fn ensemble(case: &Value) -> Ensemble {
    let tree = |nodes: &Value| Tree {
        nodes: list(nodes).iter().map(node).collect(),
    };
    Ensemble::new(
        case["features"].as_u64().unwrap() as u16,
        case["base"].as_f64().unwrap(),
        Link::Logistic,
        list(&case["trees"]).iter().map(tree).collect(),
    )
    .unwrap()
}

#[test]
fn values_are_those_of_shap() {
    let golden: Value = serde_json::from_str(include_str!("golden/shap_values.json")).unwrap();
    let cases = list(&golden["cases"]);
    assert!(cases.len() >= 5);
    for case in cases {
        let rows = list(&case["rows"]).iter().flat_map(list);
        let rows: Vec<f32> = rows
            .map(|value| value.as_f64().map_or(f32::NAN, |value| value as f32))
            .collect();
        let made = explain::contributions(&Predictor::Ensemble(ensemble(case)), &rows).unwrap();
        let expected = case["expected"].as_f64().unwrap();
        assert!((made.expected - expected).abs() < 1e-9, "{}", case["name"]);
        let theirs = list(&case["shap_values"]);
        assert_eq!(theirs.len(), made.rows().len());
        for (ours, theirs) in made.rows().zip(theirs) {
            assert_eq!(ours.len(), list(theirs).len());
            for (ours, theirs) in ours.iter().zip(list(theirs)) {
                let theirs = theirs.as_f64().unwrap();
                assert!(
                    (ours - theirs).abs() < 1e-9,
                    "{}: {ours} is not {theirs}",
                    case["name"]
                );
            }
        }
    }
}
