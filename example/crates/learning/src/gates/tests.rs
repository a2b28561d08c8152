use super::*;
use crate::Dataset;
use crate::evaluation::Metric;

#[test]
fn a_limit_holds_up_to_its_end_and_never_for_nan() {
    let cases = [
        (Limit::AtLeast(0.5), 0.5, 0.49),
        (Limit::AtMost(0.5), 0.5, 0.51),
        (Limit::MoreThan(0.0), 0.001, 0.0),
        (Limit::Between([0.1, 0.3]), 0.3, 0.31),
    ];
    for (limit, kept, broken) in cases {
        assert!(limit.holds(kept), "{limit}");
        assert!(!limit.holds(broken), "{limit}");
        assert!(!limit.holds(f64::NAN), "{limit}");
    }
}

#[test]
fn a_report_reads_as_a_table_and_as_a_map_by_name() {
    let mut report = Report::default();
    report.add(
        Judged::new("roc_auc", 0.91234567, Limit::AtLeast(0.9), "worth its keep")
            .detail("worst of 3"),
    );
    report.add(Judged::new("time", 3.25, Limit::AtMost(100.0), "nobody waits").measured("µs"));
    report.add(Judged::new(
        "seen",
        12.0,
        Limit::AtMost(0.0),
        "an exam needs new questions",
    ));
    report.add(Judged::not_asked(
        "champion",
        Limit::AtLeast(0.0),
        "no step back",
        "no --champion",
    ));
    insta::assert_snapshot!(report.to_string(), @"
               gate          value  limit  reason
    passed     roc_auc      0.9123  ≥ 0.9  worth its keep
               worst of 3
    passed     time         3.2 µs  ≤ 100  nobody waits
    FAILED     seen             12  ≤ 0    an exam needs new questions
    not asked  champion             ≥ 0    no step back
               no --champion

    2 passed, 1 failed, 1 not asked
    ");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["passed"], 2);
    assert_eq!(json["failed"], 1);
    assert_eq!(json["gates"]["roc_auc"]["value"], 0.912346);
    assert_eq!(json["gates"]["roc_auc"]["limit"]["at_least"], 0.9);
    assert_eq!(
        json["gates"]["time"]["value"],
        serde_json::Value::Null,
        "a time is another in every run"
    );
    assert_eq!(json["gates"]["champion"]["verdict"], "not_asked");
}

fn probed(columns: &[&[f32]], labels: &[bool]) -> Vec<Probe> {
    let names = (0..columns.len()).map(|at| format!("f{at}")).collect();
    let features = (0..labels.len())
        .flat_map(|row| columns.iter().map(move |column| column[row]))
        .collect();
    probes(&Dataset::new(names, features, labels.to_vec()).unwrap())
}

#[test]
fn a_feature_that_is_the_label_is_found_whichever_way_it_points() {
    let labels: Vec<bool> = (0..300).map(|row| row % 3 == 0).collect();
    let as_number = |label: &bool| f32::from(u8::from(*label));
    let same: Vec<f32> = labels.iter().map(as_number).collect();
    let opposite: Vec<f32> = same.iter().map(|value| -7.0 * value).collect();
    let unrelated: Vec<f32> = (0..300_u16).map(|row| f32::from(row / 3)).collect();
    for leak in [&same, &opposite] {
        let found = probed(&[&unrelated, leak], &labels);
        assert_eq!((found[0].feature.as_str(), found[0].roc_auc), ("f1", 1.0));
        assert!(found[1].roc_auc < 0.52, "{found:?}");
    }
}

#[test]
fn gaps_leak_too() {
    let labels: Vec<bool> = (0..300).map(|row| row % 3 == 0).collect();
    let gappy: Vec<f32> = labels
        .iter()
        .map(|label| if *label { f32::NAN } else { 5.0 })
        .collect();
    let found = probed(&[&gappy], &labels);
    assert_eq!((found[0].roc_auc, found[0].by), (1.0, Alone::Missing));
}

#[test]
fn few_rows_in_order_prove_nothing() {
    let labels: Vec<bool> = (0..40).map(|row| row % 2 == 0).collect();
    let same: Vec<f32> = labels
        .iter()
        .map(|label| f32::from(u8::from(*label)))
        .collect();
    assert_eq!(probed(&[&same], &labels)[0].roc_auc, 0.5);
}

#[test]
fn the_worst_slice_comes_first_and_small_ones_are_named() {
    let labels: Vec<bool> = (0..200).map(|row| row % 2 == 0).collect();
    // Right on the first hundred rows, wrong on the second.
    let said: Vec<f64> = (0..200)
        .map(|row| {
            if (row % 2 == 0) == (row < 100) {
                0.9
            } else {
                0.1
            }
        })
        .collect();
    let slice = |name: &str, rows: std::ops::Range<usize>| Slice {
        name: name.into(),
        rows: rows.collect(),
    };
    let slices = [
        slice("good", 0..100),
        slice("bad", 100..200),
        slice("small", 0..5),
        Slice {
            name: "one class".into(),
            rows: (0..200).step_by(2).collect(),
        },
    ];
    for (metric, worst) in [(Metric::RocAuc, 0.0), (Metric::Brier, 0.81)] {
        let how = Slices {
            metric,
            least_rows: 50,
        };
        let found = how.judge(&labels, &said, 0.5, &slices).unwrap();
        assert_eq!(found.judged[0].0, "bad", "{metric:?}");
        assert!((found.judged[0].1 - worst).abs() < 1e-9);
        assert_eq!(found.judged.len(), 2);
        assert_eq!(
            found.left_out,
            [("small".into(), 5), ("one class".into(), 100)]
        );
    }
    let how = Slices {
        metric: Metric::F1,
        least_rows: 1,
    };
    let error = how.judge(&labels, &said, 0.5, &[slice("beyond", 199..201)]);
    assert_eq!(
        error.unwrap_err().to_string(),
        r#"slice "beyond" names row 200 of 200"#
    );
}

#[test]
fn shifts_and_falls_are_seen() {
    let labels = [true, false, true, false];
    let before = [0.8, 0.2, 0.7, 0.3];
    let after = [0.9, 0.1, 0.2, 0.3];
    let shift = Shift::new(&before, &after).unwrap();
    assert!((shift.mean + 0.125).abs() < 1e-12);
    assert_eq!((shift.rise, shift.fall), (0.25, 0.5));
    // Of four pairs one is now in the wrong order.
    assert_eq!(roc_auc_falls(&labels, &before, &after).unwrap(), 0.25);
    assert_eq!(roc_auc_falls(&labels, &after, &before).unwrap(), -0.25);
    assert!(Shift::new(&before, &after[1..]).is_err());
}
