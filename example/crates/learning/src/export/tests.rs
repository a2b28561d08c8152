use serde_json::Value;

use super::*;
use crate::{
    Calibration, CalibrationMethod, Ensemble, Link, Model, Node, Predictor, Tree,
    model_file::{self, GoldenRow},
    models::{Linear, linear::Term},
};

fn trees() -> Predictor {
    let split = |feature, threshold, left| Node {
        feature,
        threshold,
        missing_left: feature == 0,
        left,
        ..Node::leaf(0.0, 4.0)
    };
    let one = vec![
        split(0, f32::INFINITY, 1),
        split(1, 0.1, 3),
        Node::leaf(0.3, 1.0),
        Node::leaf(-0.7, 2.0),
        Node::leaf(1e-7, 1.0),
    ];
    let other = vec![
        split(1, -2.5, 1),
        Node::leaf(1.5, 1.0),
        Node::leaf(-1.5, 3.0),
    ];
    let trees = [one, other].map(|nodes| Tree { nodes }).to_vec();
    Predictor::Ensemble(Ensemble::new(2, 0.1, Link::Logistic, trees).unwrap())
}

fn linear() -> Predictor {
    let term = Term {
        fill: 1.0,
        mean: 2.0,
        scale: 3.0,
        weight: 0.5,
    };
    Predictor::Linear(Linear::new(-1.0, vec![term; 2]).unwrap())
}

fn model(predictor: Predictor, method: CalibrationMethod) -> Model {
    let margins = [-1.0, 0.0, 1.0, 2.0];
    let calibration = Calibration::fit(method, &margins, &[false, true, false, true]).unwrap();
    let golden = [[0.0, 0.1], [f32::NAN, 0.0], [1.0, f32::NAN], [0.0, -3.0]];
    let mut model = model_file::tests::model();
    model.metadata.golden = golden
        .iter()
        .map(|row| GoldenRow::new(&predictor, String::new(), row.to_vec()))
        .collect();
    Model {
        predictor,
        calibration,
        ..model
    }
}

/// A reader as a page would have it.
fn margin(lists: &Value, row: &Value) -> f64 {
    let single = |value: &Value| value.as_f64().unwrap() as f32;
    let at_place = |list: &str, at: usize| &lists[list][at];
    let mut sum = lists["base"].as_f64().unwrap();
    for root in lists["roots"].as_array().unwrap() {
        let mut at = root.as_u64().unwrap() as usize;
        loop {
            let step = at_place("step", at).as_u64().unwrap() as usize;
            let number = single(at_place("number", at));
            if step == 0 {
                sum += f64::from(number);
                break;
            }
            let value = &row[at_place("feature", at).as_u64().unwrap() as usize];
            let left = match value.is_null() {
                true => at_place("missing_left", at) == 1,
                false => single(value) < number,
            };
            at += step + usize::from(!left);
        }
    }
    sum
}

#[test]
fn a_reader_of_the_lists_gets_the_same_bits() {
    let model = model(trees(), CalibrationMethod::None);
    let text = serde_json::to_string(&portable(&model)).unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    let golden = read["golden"].as_array().unwrap();
    assert_eq!(golden.len(), 4);
    for row in golden {
        let ours = margin(&read["predictor"]["trees"], &row["features"]);
        assert_eq!(Some(ours), row["margin"].as_f64());
    }
}

#[test]
fn the_lists_stay_as_readers_know_them() {
    let text = serde_json::to_string(&portable(&model(trees(), CalibrationMethod::Platt))).unwrap();
    insta::assert_snapshot!(text, @r#"{"version":1,"name":"returns","kind":"boosting","features":["weekday","price"],"classes":["kept","returned"],"threshold":0.5,"predictor":{"trees":{"base":0.1,"link":"Logistic","roots":[0,5],"step":[1,2,0,0,0,1,0,0],"feature":[0,1,0,0,0,1,0,0],"missing_left":[1,0,0,0,0,0,0,0],"number":[1e+39,0.1,0.3,-0.7,1e-7,-2.5,1.5,-1.5],"cover":[4.0,4.0,1.0,2.0,1.0,4.0,1.0,3.0]}},"calibration":{"Platt":{"slope":0.41146921241354445,"intercept":-0.20573460620677206}},"golden":[{"features":[0.0,0.1],"margin":-1.3999998999999987,"probability":0.31393391338290666},{"features":[null,0.0],"margin":-2.099999988079071,"probability":0.25543732671200997},{"features":[1.0,null],"margin":-1.3999998999999987,"probability":0.31393391338290666},{"features":[0.0,-3.0],"margin":0.9000000119209289,"probability":0.5410542872822827}]}"#);
    let text = serde_json::to_string(&portable(&model(linear(), CalibrationMethod::None))).unwrap();
    insta::assert_snapshot!(text, @r#"{"version":1,"name":"returns","kind":"boosting","features":["weekday","price"],"classes":["kept","returned"],"threshold":0.5,"predictor":{"linear":{"intercept":-1.0,"terms":[{"fill":1.0,"mean":2.0,"scale":3.0,"weight":0.5},{"fill":1.0,"mean":2.0,"scale":3.0,"weight":0.5}]}},"golden":[{"features":[0.0,0.1],"margin":-1.6499999997516472,"probability":0.16110894961015082},{"features":[null,0.0],"margin":-1.5,"probability":0.18242552380635632},{"features":[1.0,null],"margin":-1.3333333333333335,"probability":0.2086085273260449},{"features":[0.0,-3.0],"margin":-2.1666666666666665,"probability":0.10278402491725176}]}"#);
}

#[test]
fn an_onnx_file_is_the_same_every_time_and_an_isotonic_one_is_refused() {
    // That runtimes read it is checked by scripts/check_export.py.
    let made = |method| onnx(&model(trees(), method));
    let bytes = made(CalibrationMethod::Platt).unwrap();
    assert_eq!(bytes, made(CalibrationMethod::Platt).unwrap());
    assert_ne!(bytes, made(CalibrationMethod::None).unwrap());
    insta::assert_snapshot!(made(CalibrationMethod::Isotonic).unwrap_err(), @"an isotonic calibration has steps, at which a runtime's rounding would matter: export it as json, or calibrate with platt");
}
