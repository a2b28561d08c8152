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

#[test]
fn one_row_alone_gives_what_it_gives_among_all() {
    let folder = trained();
    let path = folder.path();
    rain(path)
        .args([
            "predict",
            "data/weatherAUS.csv",
            "--features",
            "--out",
            "all.jsonl",
        ])
        .assert()
        .success();
    let lines = std::fs::read_to_string(path.join("all.jsonl")).unwrap();
    let all: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for row in [1usize, 500, 777, 1501, 4000] {
        let told = json(path, &["debug", &row.to_string()]);
        let predicted = &all[row - 1];
        assert_eq!(told["computation"]["probability"], predicted["probability"]);
        assert_eq!(told["computation"]["margin"], predicted["margin"]);
        assert_eq!(told["observed"]["Date"], predicted["Date"]);
        for given in told["features"].as_array().unwrap() {
            let name = given["feature"].as_str().unwrap();
            let single = |value: &Value| value.as_f64().map(|value| value as f32);
            let (ours, theirs) = (single(&given["value"]), single(&predicted[name]));
            assert_eq!(ours, theirs, "row {row}, {name}");
        }
    }
}

#[test]
fn a_row_is_followed_from_its_observation_to_its_answer() {
    let folder = trained();
    let path = folder.path();
    // More than a year to train on: what neighbours tell is learned from no less.
    let longer = ["--set", "split.test_from=2010-03-01"];
    for command in [&["features", "build"][..], &["train"]] {
        json(path, &[&longer[..], command].concat());
    }
    let told = json(
        path,
        &["debug", "777", "data/weatherAUS.csv", "--trees", "2"],
    );
    let features = told["features"].as_array().unwrap();
    let origin = |name: &str| {
        features
            .iter()
            .find(|given| given["feature"] == name)
            .unwrap()
    };
    let week = origin("humidity_above_week");
    assert_eq!(week["view"], "history");
    assert_eq!(week["columns"], serde_json::json!(["Humidity3pm"]));
    assert!(!week["days_before"].as_array().unwrap().is_empty());
    assert!(
        origin("telling_humidity_3pm")["neighbours"]
            .as_array()
            .unwrap()
            .len()
            > 1
    );
    assert_eq!(origin("humidity_3pm")["neighbours"], serde_json::json!([]));
    let trees = told["computation"]["parts"]["trees"].as_array().unwrap();
    assert_eq!(trees.len(), 20);
    assert!(trees[1]["path"].is_array() && trees[2].get("path").is_none());

    let number = rain(path).args(["debug", "777"]).assert().success();
    let number = String::from_utf8(number.get_output().stdout.clone()).unwrap();
    let (day, place) = (
        told["observed"]["Date"].as_str().unwrap(),
        told["observed"]["Location"].as_str().unwrap(),
    );
    let named = rain(path)
        .args(["debug", &format!("{place}@{day}")])
        .assert()
        .success();
    assert_eq!(
        number,
        String::from_utf8(named.get_output().stdout.clone()).unwrap()
    );
    for part in [
        "1. What was observed",
        "2. What is known besides",
        "3. The features",
        "4. The answer",
        "decision",
    ] {
        assert!(number.contains(part), "{part}: {number}");
    }
    insta::assert_snapshot!(refused(path, &["debug", "4001"]), @"error: row 4001: data/weatherAUS.csv has rows 1 to 4000");
    insta::assert_snapshot!(refused(path, &["debug", "Nowhere@2009-01-01"]), @"error: row Nowhere@2009-01-01: data/weatherAUS.csv has no such row");
    assert!(
        refused(path, &["debug", "tomorrow"])
            .contains("give the number of a row, or ENTITY@yyyy-mm-dd")
    );
}

#[test]
fn a_counterfactual_turns_the_answer_when_it_is_asked() {
    let folder = trained();
    let path = folder.path();
    let table = "data/weatherAUS.csv";
    let mut turned = 0;
    for row in ["40", "777", "1501", "2600", "3999"] {
        let told = json(path, &["explain", table, "--row", row, "--counterfactual"]);
        let Some(otherwise) = told["otherwise"].as_object() else {
            continue;
        };
        assert_ne!(otherwise["decision"], told["decision"]);
        // The row with these changes, in the place of the one that was.
        let text = std::fs::read_to_string(path.join(table)).unwrap();
        let mut lines: Vec<String> = text.lines().map(String::from).collect();
        let names: Vec<String> = lines[0].split(',').map(String::from).collect();
        let at: usize = row.parse().unwrap();
        let mut cells: Vec<String> = lines[at].split(',').map(String::from).collect();
        for change in otherwise["changes"].as_array().unwrap() {
            let column = names
                .iter()
                .position(|name| *name == change["column"])
                .unwrap();
            assert_eq!(cells[column].parse::<f64>().ok(), change["from"].as_f64());
            cells[column] = change["to"].to_string();
        }
        lines[at] = cells.join(",");
        std::fs::write(path.join("changed.csv"), format!("{}\n", lines.join("\n"))).unwrap();
        let again = json(path, &["debug", row, "changed.csv"]);
        assert_eq!(
            again["computation"]["probability"], otherwise["probability"],
            "row {row}"
        );
        assert_eq!(again["computation"]["decision"], otherwise["decision"]);
        turned += 1;
    }
    assert!(turned >= 3, "{turned} of 5 rows were turned");
    let never = json(
        path,
        &[
            "explain",
            table,
            "--row",
            "40",
            "--counterfactual",
            "--changes",
            "0",
        ],
    );
    assert_eq!(never["otherwise"], Value::Null);
}

#[test]
fn a_project_without_controllable_columns_is_told_where_to_mark_them() {
    let folder = trained();
    let path = folder.path();
    let contract = std::fs::read_to_string(path.join("contract.yaml")).unwrap();
    std::fs::write(
        path.join("contract.yaml"),
        contract.replace("    controllable: true\n", ""),
    )
    .unwrap();
    let refused = refused(
        path,
        &[
            "explain",
            "data/weatherAUS.csv",
            "--row",
            "7",
            "--counterfactual",
        ],
    );
    insta::assert_snapshot!(refused, @"error: contract.yaml: no column is controllable: add `controllable: true` to those numbers that might be others");
}

#[test]
fn dependence_permutation_and_beeswarm_are_drawn_and_written() {
    let folder = trained();
    let path = folder.path();
    let table = "data/weatherAUS.csv";
    let made = json(
        path,
        &[
            "explain",
            table,
            "--dependence",
            "humidity_3pm",
            "--svg",
            "d.svg",
            "--csv",
            "d.csv",
        ],
    );
    assert_eq!(made["rows"], 4000);
    let made = json(
        path,
        &[
            "explain",
            table,
            "--permutation",
            "--repeats",
            "2",
            "--top",
            "4",
            "--svg",
            "p.svg",
            "--csv",
            "p.csv",
        ],
    );
    assert_eq!(made["features"].as_array().unwrap().len(), 4);
    let all = std::fs::read_to_string(path.join("p.csv")).unwrap();
    assert!(all.lines().count() > 40, "the table names all features");
    json(
        path,
        &[
            "explain",
            table,
            "--beeswarm",
            "b.svg",
            "--svg",
            "bars.svg",
            "--csv",
            "s.csv",
        ],
    );
    for file in ["d.svg", "p.svg", "b.svg", "bars.svg"] {
        assert!(
            std::fs::read_to_string(path.join(file))
                .unwrap()
                .starts_with("<svg "),
            "{file}"
        );
    }
    assert!(std::fs::metadata(path.join("b.svg")).unwrap().len() < 200_000);
    let early = [
        "explain",
        table,
        "--permutation",
        "--dependence",
        "humidity_3pm",
    ];
    assert!(refused(path, &early).contains("cannot be used with"));
    let text = std::fs::read_to_string(path.join(table)).unwrap();
    let head: Vec<&str> = text.lines().take(50).collect();
    std::fs::write(path.join("early.csv"), format!("{}\n", head.join("\n"))).unwrap();
    insta::assert_snapshot!(refused(path, &["explain", "early.csv", "--permutation"]), @r#"error: no row after 2009-11-30, the last day trained on, has a known "RainTomorrow": give a table of later days"#);
}
