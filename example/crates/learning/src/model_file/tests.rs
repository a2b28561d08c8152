use super::*;
use crate::{CalibrationMethod, Ensemble, Link, Node, Tree};
use proptest::prelude::*;

/// A small model that other tests can use as well.
pub(crate) fn model() -> Model {
    let nodes = vec![
        Node {
            feature: 1,
            missing_left: true,
            threshold: 2.5,
            left: 1,
            value: 0.0,
            cover: 10.0,
        },
        Node::leaf(-0.5, 7.0),
        Node::leaf(0.75, 3.0),
    ];
    let ensemble = Ensemble::new(2, -1.25, Link::Logistic, vec![Tree { nodes }]).unwrap();
    let predictor = Predictor::Ensemble(ensemble);
    let golden = |text: &str, features| GoldenRow::new(&predictor, text.into(), features);
    let golden = vec![
        golden(r#"{"price": 3}"#, vec![1.0, 3.0]),
        golden("{}", vec![1.0, f32::NAN]),
    ];
    let feature = |name: &str| Feature {
        name: name.into(),
        dtype: "float32".into(),
    };
    let metadata = Metadata {
        name: "returns".into(),
        kind: ModelKind::Boosting,
        params: r#"{"kind":"boosting"}"#.into(),
        seed: 42,
        features: vec![feature("weekday"), feature("price")],
        feature_service: "shop".into(),
        feature_state: "{}".into(),
        issued_at: 24.0,
        label: "returned".into(),
        classes: ["kept".into(), "returned".into()],
        threshold: 0.5,
        training: Training {
            data_hash: "md5:d41d8cd98f00b204e9800998ecf8427e".into(),
            rows: 10,
            first: "2020-01-01".into(),
            last: "2020-01-10".into(),
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

/// The same with a calibration.
fn calibrated() -> Model {
    let margins = [-1.0, 0.0, 1.0, 2.0];
    let labels = [false, true, false, true];
    let calibration = Calibration::fit(CalibrationMethod::Platt, &margins, &labels).unwrap();
    Model {
        calibration,
        ..model()
    }
}

/// A file with a body of our choice and a checksum that fits.
fn sealed(version: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend((body.len() as u64).to_le_bytes());
    bytes.extend(body);
    let checksum = Sha256::digest(&bytes);
    bytes.extend(checksum);
    bytes
}

fn refused(bytes: &[u8]) -> String {
    decode(bytes).unwrap_err().to_string()
}

fn inconsistent(change: fn(&mut Model)) -> String {
    let mut model = calibrated();
    change(&mut model);
    let text = refused(&sealed(
        FORMAT_VERSION,
        &postcard::to_allocvec(&model).unwrap(),
    ));
    assert_eq!(
        encode(&model).unwrap_err().to_string(),
        text,
        "what can't be read can't be written"
    );
    text
}

#[test]
fn a_model_comes_back_as_it_was() {
    let bytes = encode(&model()).unwrap();
    let back = decode(&bytes).unwrap();
    assert_eq!(encode(&back).unwrap(), bytes);
    assert_eq!(back.hash().unwrap(), fingerprint(&bytes));
    assert_eq!(back.predictor, model().predictor);
    assert_eq!(back.metadata.classes, model().metadata.classes);
}

#[test]
fn the_format_stays_what_it_is() {
    // If this changes, files written before cannot be read: raise FORMAT_VERSION.
    insta::assert_snapshot!(model().hash().unwrap(), @"defc4af0213dd7544c5cf9da8a7953afb5d498ee031076e2b9b27726a435f328");
    insta::assert_snapshot!(calibrated().hash().unwrap(), @"136b9750a29c32ea025370c11b6f0580aceeb66fa081bc1ffeddf2fa1db7c2ff");
}

#[test]
fn a_calibrated_model_comes_back_as_it_was_and_others_are_as_before() {
    let bytes = encode(&calibrated()).unwrap();
    assert_eq!(bytes[8..10], [3, 0]);
    let back = decode(&bytes).unwrap();
    assert_eq!(back.calibration, calibrated().calibration);
    assert_eq!(encode(&back).unwrap(), bytes);
    let bytes = encode(&model()).unwrap();
    assert_eq!(bytes[8..10], [2, 0], "programs from before can read it");
    assert_eq!(decode(&bytes).unwrap().calibration, None);
}

#[test]
fn a_calibrated_model_gives_calibrated_probabilities() {
    let (plain, model) = (model(), calibrated());
    let rows = [1.0, 3.0, 1.0, f32::NAN];
    let given = model.probabilities(&rows);
    for (row, given) in rows.chunks(2).zip(&given) {
        let margin = model.predictor.margin(row);
        assert_eq!(
            model.calibration.as_ref().unwrap().probability(margin),
            *given
        );
    }
    assert_ne!(given, plain.probabilities(&rows));
    assert_eq!(
        plain.probabilities(&rows),
        plain.predictor.probabilities(&rows)
    );
}

#[test]
fn a_wrong_file_is_refused_with_a_reason() {
    insta::assert_snapshot!(refused(b""), @"not a model file: 0 bytes are too few");
    insta::assert_snapshot!(refused(b"price,weekday\n1,2\n"), @"not a model file: it doesn't begin like one; was another file meant?");
    insta::assert_snapshot!(refused(&sealed(0, b"")), @"the model file has format version 0, this program reads versions 2 and 3; train the model again");
    insta::assert_snapshot!(refused(&sealed(7, b"")), @"the model file has format version 7, this program reads versions 2 and 3; update the program");
    insta::assert_snapshot!(refused(&sealed(FORMAT_VERSION, b"")), @"the model file holds no model: Hit the end of buffer, expected more data");
}

#[test]
fn a_truncated_or_longer_file_is_refused() {
    let bytes = encode(&model()).unwrap();
    for length in 0..bytes.len() {
        assert!(decode(&bytes[..length]).is_err(), "{length} bytes");
    }
    insta::assert_snapshot!(refused(&bytes[..15]), @"the model file is truncated; copy it again");
    insta::assert_snapshot!(refused(&bytes[..bytes.len() - 1]), @"the model file is truncated or altered: it should hold 283 bytes and holds 282; copy it again");
    assert!(decode(&[bytes, vec![0]].concat()).is_err());
    let body = [postcard::to_allocvec(&calibrated()).unwrap(), vec![0, 0]].concat();
    insta::assert_snapshot!(refused(&sealed(FORMAT_VERSION, &body)), @"the model file holds 2 bytes after the model");
}

#[test]
fn every_flipped_bit_is_noticed() {
    let bytes = encode(&model()).unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut altered = bytes.clone();
            altered[at] ^= 1 << bit;
            assert!(decode(&altered).is_err(), "byte {at}, bit {bit}");
        }
    }
    let mut altered = bytes;
    altered[HEADER + 3] ^= 1;
    insta::assert_snapshot!(refused(&altered), @"the model file is altered: its checksum is wrong; copy it again");
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    insta::assert_snapshot!(inconsistent(|m| { m.metadata.features.pop(); }), @"the model names 1 features, but takes 2");
    insta::assert_snapshot!(inconsistent(|m| m.metadata.features[0].name = "price".into()), @r#"the model has two features of the name "price""#);
    insta::assert_snapshot!(inconsistent(|m| m.metadata.threshold = f64::NAN), @"the decision threshold is NaN; it must be from 0 to 1");
    insta::assert_snapshot!(inconsistent(|m| m.metadata.issued_at = 25.0), @"the forecast is issued at 25 o'clock; it must be from 0 to 24");
    insta::assert_snapshot!(inconsistent(|m| m.metadata.classes[0] = "returned".into()), @r#"both classes have the name "returned""#);
    insta::assert_snapshot!(inconsistent(|m| m.metadata.golden[0].margin += 1e-9), @"golden row 0 should give -0.499999999, but this program gets -0.5; don't use this model with it");
    insta::assert_snapshot!(inconsistent(|m| m.metadata.golden[1].features = vec![]), @"golden row 1 has 0 features, not 2");
}

#[test]
fn feature_code_that_gives_other_bits_is_refused() {
    let model = model();
    let good = |text: &str| Ok(vec![1.0, if text == "{}" { -f32::NAN } else { 3.0 }]);
    assert!(model.verify_golden(good).is_ok());
    let verify =
        |features: fn(&str) -> Result<Vec<f32>, String>| model.verify_golden(features).unwrap_err();
    insta::assert_snapshot!(verify(|_| Ok(vec![1.0, 3.0f32.next_up()])), @r#"golden row 0: feature "price" is 3.0000002 here and was 3.0 in training; the feature code isn't the model's, train again or go back"#);
    insta::assert_snapshot!(verify(|_| Ok(vec![1.0, 3.0])), @r#"golden row 1: feature "price" is 3.0 here and was NaN in training; the feature code isn't the model's, train again or go back"#);
    insta::assert_snapshot!(verify(|_| Ok(vec![1.0])), @"golden row 0: the feature code gives 1 features, the model takes 2");
    insta::assert_snapshot!(verify(|_| Err("no such column: price".into())), @"golden row 0: its features cannot be computed: no such column: price; the feature code isn't the model's");
}

#[test]
fn the_threshold_belongs_to_the_positive_class() {
    assert!(model().decide(0.5));
    assert!(!model().decide(0.5f64.next_down()));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(decode(&bytes).is_err());
        prop_assert!(decode(&sealed(FORMAT_VERSION, &bytes)).is_err());
        prop_assert!(decode(&sealed(UNCALIBRATED, &bytes)).is_err());
    }

    /// Whoever forges a checksum gets no further than a model that can be used.
    #[test]
    fn a_forged_body_is_refused_or_sound(at in 0usize..400, value in any::<u8>(), row in any::<[f32; 4]>()) {
        let mut body = postcard::to_allocvec(&calibrated()).unwrap();
        let at = at % body.len();
        body[at] = value;
        if let Ok(forged) = decode(&sealed(FORMAT_VERSION, &body)) {
            let width = forged.predictor.width();
            prop_assert!(width <= 4);
            let probability = forged.probabilities(&row[..width])[0];
            prop_assert!((0.0..=1.0).contains(&probability), "{}", probability);
        }
    }
}
