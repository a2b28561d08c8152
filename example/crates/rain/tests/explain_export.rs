//! Explanations, exports, calibration and costs, from the command line.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod project;

use std::path::Path;

use project::{SMALL, rain, refused, trained};
use serde_json::Value;

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let words = [&SMALL[..], &["--json"], arguments].concat();
    let output = rain(folder).args(words).assert().success();
    serde_json::from_slice(&output.get_output().stdout).unwrap()
}

#[test]
fn an_explanation_ends_at_the_probability_that_predict_gives() {
    let folder = trained();
    let path = folder.path();
    let table = "data/weatherAUS.csv";
    let told = json(
        path,
        &[
            "explain", table, "--row", "700", "--top", "5", "--svg", "row.svg",
        ],
    );
    let steps = told["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 6, "five by name, the others together");
    let last = steps[5]["probability"].as_f64().unwrap();
    let output = rain(path).args(["predict", table]).assert().success();
    let lines = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let predicted: Value = serde_json::from_str(lines.lines().nth(699).unwrap()).unwrap();
    assert_eq!(told["key"]["Date"], predicted["Date"]);
    assert_eq!(told["probability"], predicted["probability"]);
    assert!((last - predicted["probability"].as_f64().unwrap()).abs() < 1e-6);
    assert!(
        std::fs::read_to_string(path.join("row.svg"))
            .unwrap()
            .contains("What makes it")
    );

    let all = json(path, &["explain", table, "--top", "3"]);
    assert_eq!(all["rows"], 4000);
    assert_eq!(all["features"].as_array().unwrap().len(), 3);
    insta::assert_snapshot!(refused(path, &["explain", table, "--row", "0"]), @"error: --row 0: data/weatherAUS.csv has rows 1 to 4000");
}

#[test]
fn a_model_is_exported_beside_itself() {
    let folder = trained();
    let path = folder.path();
    for format in ["json", "onnx"] {
        rain(path)
            .args(["export", "--format", format])
            .assert()
            .success();
    }
    let lists: Value =
        serde_json::from_slice(&std::fs::read(path.join("models/model.json")).unwrap()).unwrap();
    assert_eq!(lists["kind"], "boosting");
    assert_eq!(lists["golden"].as_array().unwrap().len(), 8);
    assert!(
        std::fs::metadata(path.join("models/model.onnx"))
            .unwrap()
            .len()
            > 1000
    );
}

#[test]
fn days_kept_from_training_calibrate_and_choose_the_threshold() {
    let folder = trained();
    let path = folder.path();
    let settings = [
        "--set",
        "calibration.method=platt",
        "--set",
        "calibration.from=2009-09-01",
        "--set",
        "costs={false_alarm: 1, miss: 4}",
        "--set",
        "threshold=from_costs",
    ];
    let run = |arguments: &[&str]| json(path, &[&settings[..], arguments].concat());
    let not_rebuilt = [&SMALL[..], &settings[..], &["train"]].concat();
    insta::assert_snapshot!(refused(path, &not_rebuilt), @"error: data/features.parquet has features that learned from the days until 2009-11-30, but params.yaml trains until 2009-08-31: build it again with `features build`");
    run(&["features", "build"]);
    let made = run(&["train"]);
    assert_eq!(made["last_day"], "2009-08-31");
    assert_eq!(made["calibrated"]["method"], "platt");
    let threshold = made["threshold"].as_f64().unwrap();
    assert!(
        threshold > 0.0 && threshold < 0.5,
        "a miss costs more: {threshold}"
    );
    let scores = run(&["evaluate"]);
    let costs = &scores["costs"];
    assert!(costs["hindsight"]["cost"].as_f64() <= costs["model"]["cost"].as_f64());
    assert!(costs["model"]["cost"].as_f64() < costs["usual"]["cost"].as_f64());
    let curve = std::fs::read_to_string(path.join("metrics/costs.csv")).unwrap();
    assert_eq!(curve.lines().count(), 102);
    assert!(path.join("metrics/costs.svg").exists());
}

#[test]
fn slips_in_calibration_and_costs_are_named() {
    let folder = project::project();
    let slip = |setting: &str| refused(folder.path(), &["train", "--set", setting]);
    insta::assert_snapshot!(slip("calibration.method=platt"), @"error: params.yaml: calibration.method needs days that aren't trained on: give the first as calibration.from");
    insta::assert_snapshot!(slip("calibration.from=2016-01-01"), @r#"error: params.yaml: calibration.from is "2016-01-01": give a day before split.test_from, and a split by time"#);
    insta::assert_snapshot!(slip("calibration.from=soon"), @r#"error: params.yaml: calibration.from is "soon": give a date as yyyy-mm-dd"#);
    insta::assert_snapshot!(slip("threshold=from_costs"), @"error: params.yaml: threshold is from_costs, but there are no `costs`: say what a false_alarm and a miss cost");
    insta::assert_snapshot!(slip("costs={false_alarm: 1, miss: -4}"), @"error: params.yaml: costs.miss is -4: it must be more than 0");
    insta::assert_snapshot!(slip("threshold=1.5"), @"error: params.yaml: threshold is 1.5: give a probability between 0 and 1");
}
