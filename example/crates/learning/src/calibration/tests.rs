use proptest::prelude::*;

use super::*;

const METHODS: [CalibrationMethod; 2] = [CalibrationMethod::Platt, CalibrationMethod::Isotonic];

fn fitted(method: CalibrationMethod, margins: &[f64], labels: &[bool]) -> Calibration {
    Calibration::fit(method, margins, labels).unwrap().unwrap()
}

fn refused(method: CalibrationMethod, margins: &[f64], labels: &[bool]) -> String {
    Calibration::fit(method, margins, labels)
        .unwrap_err()
        .to_string()
}

#[test]
fn rows_that_fall_are_pooled_by_hand() {
    let margins = [1.0, 2.0, 3.0, 4.0, 4.0];
    let labels = [false, true, false, true, true];
    let Calibration::Isotonic(curve) = fitted(CalibrationMethod::Isotonic, &margins, &labels)
    else {
        panic!("it isn't isotonic");
    };
    assert_eq!(
        curve.knots(),
        [(1.0, 0.0), (2.0, 0.5), (3.0, 0.5), (4.0, 1.0)]
    );
    let at = |margin| curve.probability(margin);
    assert_eq!(
        [at(-9.0), at(1.5), at(2.5), at(3.5), at(9.0)],
        [0.0, 0.25, 0.5, 0.75, 1.0]
    );
    assert_eq!([at(f64::NEG_INFINITY), at(f64::INFINITY)], [0.0, 1.0]);
}

#[test]
fn platts_curve_gives_the_targets_share_on_the_whole() {
    // Where the gradient is 0, probabilities and targets have the same mean.
    let margins = [-2.0, -1.0, 0.5, 1.0, 3.0, 3.5];
    let labels = [false, true, false, true, true, true];
    let curve = fitted(CalibrationMethod::Platt, &margins, &labels);
    let sum: f64 = margins
        .iter()
        .map(|margin| curve.probability(*margin))
        .sum();
    assert!(
        (sum - (4.0 * 5.0 / 6.0 + 2.0 * 1.0 / 4.0)).abs() < 1e-9,
        "{sum}"
    );
}

#[test]
fn a_margin_that_parts_the_classes_gives_no_infinite_curve() {
    let margins = [-1e6, -1.0, 1.0, 1e6];
    let curve = fitted(
        CalibrationMethod::Platt,
        &margins,
        &[false, false, true, true],
    );
    assert!(curve.probability(1e6) < 1.0);
    assert!(curve.probability(1e6) > 0.5);
}

#[test]
fn rows_that_teach_nothing_are_refused() {
    let none = Calibration::fit(CalibrationMethod::None, &[], &[]).unwrap();
    assert_eq!(none, None);
    for method in METHODS {
        insta::allow_duplicates! {
            insta::assert_snapshot!(refused(method, &[], &[]), @"0 of 0 rows to calibrate on are positive: it takes rows of both classes, so begin the calibration period earlier");
            insta::assert_snapshot!(refused(method, &[1.0, 2.0], &[true, true]), @"2 of 2 rows to calibrate on are positive: it takes rows of both classes, so begin the calibration period earlier");
            insta::assert_snapshot!(refused(method, &[1.0], &[true, false]), @"2 labels but 1 margins: give one for each row");
            insta::assert_snapshot!(refused(method, &[1.0, f64::NAN], &[true, false]), @"row 2: the margin is NaN");
            insta::assert_snapshot!(refused(method, &[1.0, 1.0], &[true, false]), @"the model says the same of every row to calibrate on: there is nothing to calibrate");
            insta::assert_snapshot!(refused(method, &[2.0, 1.0], &[false, true]), @"on the rows to calibrate on, the model gives positive rows no higher margins than negative ones: look for swapped labels, or another period");
        }
    }
}

#[test]
fn a_curve_that_falls_is_not_read() {
    let read =
        |text: &str| serde_json::from_str::<Calibration>(text).map_err(|error| error.to_string());
    insta::assert_snapshot!(read(r#"{"Platt": {"slope": -1, "intercept": 0}}"#).unwrap_err(), @"the calibration has slope -1 and intercept 0; it must rise");
    for knots in [
        "[]",
        "[[0, 0.5], [1, 0.4]]",
        "[[1, 0.5], [1, 0.6]]",
        "[[0, 0.5], [1, 1.1]]",
    ] {
        let error = read(&format!(r#"{{"Isotonic": {{"knots": {knots}}}}}"#)).unwrap_err();
        assert!(error.contains("knots don't rise"), "{knots}: {error}");
    }
}

proptest! {
    #[test]
    fn a_higher_margin_never_gets_a_lower_probability(
        rows in prop::collection::vec((-8i32..8, any::<bool>()), 2..60),
        mut asked in prop::collection::vec(-12.0f64..12.0, 2..40),
    ) {
        let (margins, labels): (Vec<f64>, Vec<bool>) =
            rows.into_iter().map(|(margin, label)| (f64::from(margin) / 3.0, label)).unzip();
        asked.extend(&margins);
        asked.sort_by(f64::total_cmp);
        for method in METHODS {
            let Ok(Some(curve)) = Calibration::fit(method, &margins, &labels) else { continue };
            let given: Vec<f64> = asked.iter().map(|margin| curve.probability(*margin)).collect();
            prop_assert!(given.windows(2).all(|pair| pair[0] <= pair[1]), "{:?}", given);
            prop_assert!(given.iter().all(|p| (0.0..=1.0).contains(p)));
        }
    }

    /// Pooling keeps the sum: on the rows it learned from, as many are expected as came.
    #[test]
    fn isotonic_probabilities_add_up_to_the_positives(
        rows in prop::collection::vec((-8i32..8, any::<bool>()), 2..60),
    ) {
        let (margins, labels): (Vec<f64>, Vec<bool>) =
            rows.into_iter().map(|(margin, label)| (f64::from(margin), label)).unzip();
        if let Ok(Some(curve)) = Calibration::fit(CalibrationMethod::Isotonic, &margins, &labels) {
            let sum: f64 = margins.iter().map(|margin| curve.probability(*margin)).sum();
            let positives = labels.iter().filter(|label| **label).count() as f64;
            prop_assert!((sum - positives).abs() < 1e-9, "{} is not {}", sum, positives);
        }
    }
}
