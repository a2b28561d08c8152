//! Each gate lets a sound model pass and catches its defect.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod project;

use std::path::Path;

use project::{SMALL, rain, refused, trained};
use serde_json::Value;

/// The example's gates, with room for a model of few trees on few rows.
const GATES: &str = r#"
days: 60
scores:
- {metric: roc_auc, at_least: 0.75, reason: r}
- {metric: brier, at_most: 0.16, reason: r}
- {metric: calibration_error, at_most: 0.12, reason: r}
positives: {between: [0.1, 0.35], reason: r}
unseen: {reason: r}
baselines:
- {metric: roc_auc, reason: r}
champion:
- {metric: roc_auc, reason: r}
slices:
- {name: station, column: Location, metric: roc_auc, at_least: 0.6, rows: 60, reason: r}
- {name: zone, attribute: zone, metric: roc_auc, at_least: 0.6, reason: r}
- name: season
  months: {summer: [12, 1, 2], autumn: [3, 4, 5]}
  metric: brier
  at_most: 0.2
  reason: r
- name: today
  groups: {wet: RainToday == "Yes", dry: RainToday == "No"}
  metric: roc_auc
  at_least: 0.6
  reason: r
- {name: gaps, gaps: {few: [0, 0.15], many: [0.15, 1]}, metric: roc_auc, at_least: 0.6, reason: r}
directions:
- {field: Humidity3pm, change: 10, probability: rises, reason: r}
noise: {columns: {Humidity3pm: 3, Pressure3pm: 0.3}, roc_auc_falls_at_most: 0.03, reason: r}
missing_column: {roc_auc_falls_at_most: 0.1, reason: r}
unknown_entity: {roc_auc_falls_at_most: 0.15, reason: r}
row_order: {reason: r}
leakage: {roc_auc_at_most: 0.95, reason: r}
golden_rows: {at_least: 8, reason: r}
prediction_time: {microseconds_at_most: 100000, reason: r}
model_size: {bytes_at_most: 1000000, reason: r}
"#;
const TABLE: &str = "data/weatherAUS.csv";
const FIRST_TEST_DAY: &str = "2009-12-01";

/// What `validate` reports, and its exit code.
fn validated(folder: &Path, gates: &str, arguments: &[&str]) -> (Value, i32) {
    std::fs::write(folder.join("gates.yaml"), gates).unwrap();
    let words = [&["--json"], &SMALL[..], &["validate"], arguments].concat();
    let output = rain(folder).args(words).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|error| panic!("{error}: {told}"));
    (report, output.status.code().unwrap())
}

fn failed(report: &Value) -> Vec<&str> {
    let gates = report["gates"].as_object().unwrap().iter();
    let failed = gates.filter(|(_, gate)| gate["verdict"] == "failed");
    failed.map(|(name, _)| name.as_str()).collect()
}

fn value(report: &Value, gate: &str) -> f64 {
    report["gates"][gate]["value"].as_f64().unwrap()
}

fn run(folder: &Path, command: &str) {
    let reads_knobs = !command.starts_with("data ");
    let small = &SMALL[..if reads_knobs { SMALL.len() } else { 0 }];
    let words = command.split(' ');
    rain(folder).args(small).args(words).assert().success();
}

#[test]
fn a_sound_model_passes_every_gate_and_on_any_number_of_threads_alike() {
    let folder = trained();
    let path = folder.path();
    let (report, code) = validated(path, GATES, &["--report", "one.json"]);
    assert_eq!((failed(&report), code), (vec![], 0), "{report:#}");
    assert_eq!(report["not_asked"], 1, "no champion was given: {report:#}");
    assert_eq!(report["passed"], 20);
    assert_eq!(report["gates"]["prediction_time"]["value"], Value::Null);
    assert_eq!(value(&report, "row_order"), 0.0);
    assert_eq!(value(&report, "golden_rows"), 8.0);
    let again = [&SMALL[..], &["validate", "--report", "two.json"]].concat();
    rain(path)
        .args(again)
        .env("RAYON_NUM_THREADS", "1")
        .assert()
        .success();
    let read = |name: &str| std::fs::read_to_string(path.join(name)).unwrap();
    assert_eq!(read("one.json"), read("two.json"));
}

#[test]
fn swapped_labels_are_caught_by_what_they_mean() {
    let folder = trained();
    let path = folder.path();
    // All of them: the scores are as good as ever, for "no rain".
    run(
        path,
        &format!("data fault {TABLE} --out swapped.csv swapped-labels"),
    );
    run(path, "features build swapped.csv");
    run(path, "train");
    let (report, code) = validated(path, GATES, &["--observations", "swapped.csv"]);
    assert_eq!(code, 1);
    let failed = failed(&report);
    assert!(failed.contains(&"positives"), "{failed:?}");
    assert!(failed.contains(&"direction Humidity3pm"), "{failed:?}");
    assert!(!failed.contains(&"roc_auc"), "{failed:?}");
}

#[test]
fn labels_swapped_in_the_test_are_caught_by_the_scores_and_at_one_station_by_its_slice() {
    let folder = trained();
    let path = folder.path();
    for (only, expected) in [("", "roc_auc"), ("--only Albany ", "slices station")] {
        run(
            path,
            &format!(
                "data fault {TABLE} --from {FIRST_TEST_DAY} {only}--out swapped.csv swapped-labels"
            ),
        );
        run(path, "features build swapped.csv --model models/model.bin");
        let (report, code) = validated(path, GATES, &["--observations", "swapped.csv"]);
        assert_eq!(code, 1);
        assert!(failed(&report).contains(&expected), "{:?}", failed(&report));
        if !only.is_empty() {
            let detail = report["gates"]["slices station"]["detail"]
                .as_str()
                .unwrap();
            assert!(detail.contains("Albany"), "{detail}");
        }
    }
}

#[test]
fn a_column_that_is_the_label_is_caught_by_the_probe() {
    let folder = trained();
    let path = folder.path();
    let text = std::fs::read_to_string(path.join(TABLE)).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let evaporation = header
        .iter()
        .position(|name| *name == "Evaporation")
        .unwrap();
    let leaking = lines.map(|mut line| {
        line[evaporation] = if line.last() == Some(&"Yes") {
            "2"
        } else {
            "1"
        };
        line.join(",")
    });
    let text = [header.join(",")]
        .into_iter()
        .chain(leaking)
        .collect::<Vec<_>>();
    std::fs::write(path.join("leaking.csv"), text.join("\n")).unwrap();
    run(path, "features build leaking.csv");
    run(path, "train");
    let (report, code) = validated(path, GATES, &["--observations", "leaking.csv"]);
    assert_eq!(code, 1);
    assert_eq!(value(&report, "leakage"), 1.0);
    let detail = report["gates"]["leakage"]["detail"].as_str().unwrap();
    assert!(detail.contains("evaporation"), "{detail}");
    // A model that hangs on one column doesn't do without it.
    assert!(failed(&report).contains(&"missing_column"), "{report:#}");
}

#[test]
fn another_unit_in_the_test_is_caught_by_the_scores() {
    let folder = trained();
    let path = folder.path();
    run(
        path,
        &format!("data fault {TABLE} --from {FIRST_TEST_DAY} --out f.csv unit Humidity3pm 0.01*x"),
    );
    run(path, "features build f.csv --model models/model.bin");
    let (report, code) = validated(path, GATES, &["--observations", "f.csv"]);
    assert_eq!(code, 1);
    let failed = failed(&report);
    assert!(
        failed.contains(&"roc_auc") || failed.contains(&"calibration_error"),
        "{failed:?}"
    );
}

#[test]
fn a_random_split_is_caught_by_the_days_that_were_trained_on() {
    let folder = trained();
    let path = folder.path();
    let split = "split={by: random, test_share: 0.3}";
    for command in [&["features", "build"][..], &["train"]] {
        let set = ["--set", split, "--set", "model.boosting.trees=20"];
        rain(path).args(set).args(command).assert().success();
    }
    std::fs::write(path.join("gates.yaml"), GATES).unwrap();
    let output = rain(path)
        .args(["--json", "validate", "--set", split])
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(failed(&report).contains(&"unseen"), "{report:#}");
    assert_eq!(value(&report, "unseen"), report["rows"].as_f64().unwrap());
}

#[test]
fn a_model_that_is_worse_than_the_champion_is_caught_and_an_equal_one_is_not() {
    let folder = trained();
    let path = folder.path();
    std::fs::rename(path.join("models/model.bin"), path.join("champion.bin")).unwrap();
    let split = "split.test_from=2009-12-01";
    let weak = "train --set model.boosting.trees=1 --set model.boosting.depth=1 --set";
    let weak = weak.split(' ').chain([split]);
    rain(path).args(weak).assert().success();
    let champion = ["--champion", "champion.bin"];
    let (report, code) = validated(path, GATES, &champion);
    assert_eq!(code, 1);
    assert!(failed(&report).contains(&"champion roc_auc"), "{report:#}");
    assert!(report["champion_sha256"].is_string());

    std::fs::copy(path.join("champion.bin"), path.join("models/model.bin")).unwrap();
    let (report, code) = validated(path, GATES, &champion);
    assert_eq!(
        (value(&report, "champion roc_auc"), code),
        (0.0, 0),
        "against itself"
    );

    // One that has seen the test days would win by memory.
    for command in [
        "features build --out later.parquet",
        "train later.parquet --out later.bin",
    ] {
        let command = format!("{command} --set split.test_from=2010-02-01");
        rain(path).args(command.split(' ')).assert().success();
    }
    let words = [&SMALL[..], &["validate", "--champion", "later.bin"]].concat();
    insta::assert_snapshot!(refused(path, &words), @"error: --champion later.bin: it was trained until 2010-01-31, and the test begins on 2009-12-01: compare on days that it hasn't seen, with a later split.test_from");
}

#[test]
fn limits_that_are_not_kept_fail() {
    let folder = trained();
    for (gate, from, to) in [
        ("brier", "at_most: 0.16", "at_most: 0.01"),
        ("calibration_error", "at_most: 0.12", "at_most: 0.0001"),
        (
            "slices zone",
            "attribute: zone, metric: roc_auc, at_least: 0.6",
            "attribute: zone, metric: roc_auc, at_least: 0.99",
        ),
        ("slices season", "at_most: 0.2", "at_most: 0.02"),
        (
            "slices gaps",
            "many: [0.15, 1]}, metric: roc_auc, at_least: 0.6",
            "many: [0.15, 1]}, metric: roc_auc, at_least: 0.99",
        ),
        ("direction Humidity3pm", "change: 10", "change: -10"),
        ("noise", "{Humidity3pm: 3", "{Humidity3pm: 60"),
        (
            "missing_column",
            "missing_column: {roc_auc_falls_at_most: 0.1",
            "missing_column: {roc_auc_falls_at_most: -0.1",
        ),
        (
            "unknown_entity",
            "unknown_entity: {roc_auc_falls_at_most: 0.15",
            "unknown_entity: {roc_auc_falls_at_most: -0.5",
        ),
        ("golden_rows", "at_least: 8", "at_least: 9"),
        (
            "prediction_time",
            "microseconds_at_most: 100000",
            "microseconds_at_most: 0",
        ),
        (
            "model_size",
            "bytes_at_most: 1000000",
            "bytes_at_most: 1000",
        ),
    ] {
        assert!(GATES.contains(from), "{from}");
        let (report, code) = validated(folder.path(), &GATES.replace(from, to), &[]);
        assert_eq!((failed(&report), code), (vec![gate], 1), "{report:#}");
    }
}

#[test]
fn mistakes_in_gates_yaml_are_told_with_file_line_and_key() {
    let folder = trained();
    let path = folder.path();
    let told = |gates: &str| {
        std::fs::write(path.join("gates.yaml"), gates).unwrap();
        refused(path, &[&SMALL[..], &["validate"]].concat())
    };
    let reason = "reason: r";
    let told = [
        told("scores:\n- {metric: roc_auc, at_least: 0.8, reason: r}\nslicse: []\n"),
        told("scores:\n- {metric: auc, at_least: 0.8, reason: r}\n"),
        told("scores:\n- {metric: roc_auc, atleast: 0.8, reason: r}\n"),
        told("scores:\n- {metric: brier, at_least: 0.8, reason: r}\n"),
        told("scores:\n- {metric: roc_auc, at_least: 0.8}\n"),
        told("unseen: {reason: ' '}\n"),
        told(&format!(
            "slices:\n- {{name: a, column: Locaton, metric: f1, at_least: 0.1, {reason}}}\n"
        )),
        told(&format!(
            "slices:\n- {{name: a, attribute: region, metric: f1, at_least: 0.1, {reason}}}\n- {{name: b, metric: f1, at_least: 0.1, {reason}}}\n"
        )),
        told(&format!(
            "slices:\n- {{name: a, groups: {{wet: RainToday = \"Yes\"}}, metric: f1, at_least: 0.1, {reason}}}\n"
        )),
        told(&format!(
            "directions:\n- {{field: Location, change: 1, probability: rises, {reason}}}\n"
        )),
        told("days: 5\n"),
        refused(
            path,
            &[&SMALL[..], &["validate", "--gates", "doors.yaml"]].concat(),
        ),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    error: gates.yaml: line 3 column 1: unknown field `slicse`; did you mean `slices`?
    error: gates.yaml: line 2 column 12: unknown variant `auc`, expected one of roc_auc, pr_auc, brier, log_loss, calibration_error, accuracy, precision, recall, f1
    error: gates.yaml: line 2 column 21: unknown field `atleast`; did you mean `at_least`?
    error: gates.yaml: line 2: gate "brier": brier takes at_most, and nothing else
    error: gates.yaml: line 2 column 21: missing field `reason`
    error: gates.yaml: line 1: gate "unseen": its reason is empty: say why there is this gate
    error: gates.yaml: line 2: gate "slices a": the contract has no column "Locaton"; it has Date, Location, MinTemp, MaxTemp, Rainfall, Evaporation, Sunshine, WindGustDir, WindGustSpeed, WindDir9am, WindDir3pm, WindSpeed9am, WindSpeed3pm, Humidity9am, Humidity3pm, Pressure9am, Pressure3pm, Cloud9am, Cloud3pm, Temp9am, Temp3pm, RainToday, RainTomorrow
    error: gates.yaml: line 2: gate "slices a": entities have no attribute "region"; the project's code gives them zone
    gates.yaml: line 3: gate "slices b": say by which slices: one of column, attribute, months, groups and gaps
    error: gates.yaml: line 2: gate "slices a": wet: in the rule `RainToday = "Yes"`, character 11: write == to compare
    error: gates.yaml: line 2: gate "direction Location": column "Location" is a category, a number is needed
    error: gates.yaml: it declares no gate: a model would always pass
    error: doors.yaml: a project's gates stand there; name another file with --gates: No such file or directory
    "#);
    std::fs::write(path.join("gates.yaml"), GATES).unwrap();
    run(
        path,
        "data generate --days 500 --stations 8 --seed 5 --out other.csv",
    );
    let other = [&SMALL[..], &["validate", "--observations", "other.csv"]].concat();
    insta::assert_snapshot!(refused(path, &other), @"error: other.csv: its rows aren't those of the feature table: name the file that `features build` read with --observations");
}

fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
    let mut command = std::process::Command::new("git");
    command.current_dir(folder).args(identity).args(arguments);
    assert!(command.status().unwrap().success(), "git {arguments:?}");
}

#[test]
fn the_champion_of_a_revision_comes_from_cache_or_remote_and_may_be_missing_if_gates_say_so() {
    let folder = trained();
    let path = folder.path();
    git(path, &["init", "--quiet", "--initial-branch", "main"]);
    let remote = tempfile::tempdir().unwrap();
    let remote = remote.path().display().to_string();
    for command in [
        &["init", "--quiet"][..],
        &["remote", "add", "--default", "team", &remote],
        &["add", "--quiet", "models/model.bin"],
        &["push", "--quiet", "models/model.bin"],
    ] {
        rain(path).args(command).assert().success();
    }
    git(path, &["add", "models", ".dvc"]);
    git(path, &["commit", "--quiet", "--message", "the champion"]);
    std::fs::remove_file(path.join("models/model.bin")).unwrap();
    let weak = "train --set model.boosting.trees=1 --set model.boosting.depth=1 --set split.test_from=2009-12-01";
    rain(path).args(weak.split(' ')).assert().success();

    let champion = ["--champion", "main:models/model.bin"];
    let is_asked_and_lost = || {
        let (report, code) = validated(path, GATES, &champion);
        assert!(failed(&report).contains(&"champion roc_auc"), "{report:#}");
        assert!(code == 1 && report["champion_sha256"].is_string());
    };
    is_asked_and_lost();
    std::fs::remove_dir_all(path.join(".dvc/cache")).unwrap();
    is_asked_and_lost(); // fetched again

    std::fs::remove_dir_all(path.join(".dvc/cache")).unwrap();
    std::fs::remove_dir_all(&remote).unwrap();
    let words = |named: &'static str| [&SMALL[..], &["validate", "--champion", named]].concat();
    for (named, why) in [
        (
            "main:models/model.bin",
            "neither in the cache nor on a remote",
        ),
        ("nope:models/model.bin", "there is no such revision"),
        ("main:models/other.bin", "models/other.bin"),
    ] {
        let told = refused(path, &words(named));
        let is_told = [named, why, "champion_optional: true"];
        assert!(is_told.iter().all(|part| told.contains(part)), "{told}");
        // Said to be optional, it is counted, with the same words wherever it runs.
        let gates = format!("{GATES}champion_optional: true\n");
        let (report, _) = validated(path, &gates, &["--champion", named]);
        assert_eq!(report["not_asked"], 1, "{report:#}");
        assert_eq!(
            report["gates"]["champion roc_auc"]["detail"],
            format!("there is no model at {named}")
        );
        let output = rain(path).args(words(named)).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("WARN") && told.contains(why), "{told}");
        std::fs::write(path.join("gates.yaml"), GATES).unwrap();
    }
}
