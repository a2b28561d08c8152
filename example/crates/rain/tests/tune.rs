//! Search, curves and splits, from the command line.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

#[allow(dead_code)] // other suites use the rest
mod project;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use project::{project, rain, refused};
use serde_json::{Value, json};

const TABLE: &str = "data/weatherAUS.csv";

/// What is tuned: a small forest, on two folds of a small table.
fn settings(text: &str) -> String {
    text.replace("test_from: \"2015-07-01\"", "test_from: \"2009-12-01\"")
        .replace("count: 4, days: 365", "count: 2, days: 90")
        .replace("kind: boosting #", "kind: tree #")
        .split_once("  space:")
        .unwrap()
        .0
        .to_owned()
        + "  space:\n    model.tree.depth: {from: 2, to: 12}\n    model.tree.min_leaf_rows: {from: 1, to: 200, scale: log}\n"
}

/// A project with a table of some 500 days and its `tune` section.
fn tunable() -> tempfile::TempDir {
    let folder = project();
    let path = folder.path();
    let generate = [
        "data",
        "generate",
        "--days",
        "700",
        "--stations",
        "6",
        "--out",
        TABLE,
    ];
    rain(path).args(generate).assert().success();
    let text = std::fs::read_to_string(path.join("params.yaml")).unwrap();
    std::fs::write(path.join("params.yaml"), settings(&text)).unwrap();
    folder
}

fn json_of(folder: &Path, words: &[&str]) -> Value {
    let output = rain(folder).arg("--json").args(words).assert().success();
    serde_json::from_slice(&output.get_output().stdout).unwrap()
}

fn text_of(folder: &Path, words: &[&str]) -> String {
    let output = rain(folder).args(words).assert().success();
    String::from_utf8(output.get_output().stdout.clone()).unwrap()
}

fn csv(folder: &Path, out: &str) -> String {
    std::fs::read_to_string(folder.join(out).join("trials.csv")).unwrap()
}

/// Trials in a log, those cut off by whoever reads too early not counted.
fn logged(folder: &Path, out: &str) -> usize {
    let text = std::fs::read_to_string(folder.join(out).join("trials.jsonl")).unwrap_or_default();
    text.lines().count().saturating_sub(1)
}

#[test]
fn a_search_killed_anywhere_goes_on_and_ends_as_the_undisturbed_one() {
    let folder = tunable();
    let path = folder.path();
    let words = |out: &'static str| ["tune", "--trials", "14", "--out", out];
    text_of(path, &words("whole"));
    let whole = csv(path, "whole");
    assert_eq!(
        whole.lines().count(),
        1 + 14 + 1,
        "a header, the trials, what stands in params.yaml:\n{whole}"
    );

    let mut killed = 0;
    for round in 1.. {
        assert!(round < 20, "it never ends");
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("rain"))
            .args(words("killed"))
            .current_dir(path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let before = logged(path, "killed");
        let begun = Instant::now();
        let done = loop {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                break true;
            }
            if logged(path, "killed") >= before + 3 {
                break false;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(120),
                "it stands still"
            );
            std::thread::sleep(Duration::from_millis(1));
        };
        if done {
            break;
        }
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        killed += 1;
    }
    assert!(killed > 0, "it was killed in the middle");
    assert_eq!(csv(path, "killed"), whole);

    let single = rain(path)
        .env("RAYON_NUM_THREADS", "1")
        .args(words("single"))
        .assert()
        .success();
    drop(single);
    assert_eq!(
        csv(path, "single"),
        whole,
        "the number of threads changes nothing"
    );

    // A log that is there is used, and more trials go on from it.
    text_of(path, &["tune", "--trials", "16", "--out", "killed"]);
    text_of(path, &["tune", "--trials", "16", "--out", "longer"]);
    assert_eq!(csv(path, "killed"), csv(path, "longer"));
}

#[test]
fn a_log_of_another_search_is_refused_with_what_differs() {
    let folder = tunable();
    let path = folder.path();
    text_of(path, &["tune", "--trials", "2"]);
    insta::assert_snapshot!(refused(path, &["tune", "--trials", "2", "--set", "seed=1"]), @"error: out/tune/trials.jsonl holds trials of another search: params.seed was 42 and is 1. Give another --out, or remove the file to start over");
    insta::assert_snapshot!(refused(path, &["tune", "--trials", "2", "--sampler", "random"]), @r#"error: out/tune/trials.jsonl holds trials of another search: tune.sampler was "tpe" and is "random". Give another --out, or remove the file to start over"#);
    let table = std::fs::read_to_string(path.join(TABLE)).unwrap();
    let shorter = &table[..table.trim_end().rfind('\n').unwrap() + 1];
    std::fs::write(path.join(TABLE), shorter).unwrap();
    let message = refused(path, &["tune", "--trials", "2"]);
    assert!(
        message.contains("holds trials of another search: data.sha256 was"),
        "{message}"
    );
    std::fs::write(path.join("out/tune/trials.jsonl"), "nonsense\n").unwrap();
    let message = refused(path, &["tune", "--trials", "2"]);
    assert!(
        message.contains("trials.jsonl, line 1: this isn't what `tune` wrote"),
        "{message}"
    );
}

#[test]
fn a_fold_is_scored_as_training_and_evaluation_score_its_days() {
    let folder = tunable();
    let path = folder.path();
    // The last fold ends with 2009-11-30; its 90 days begin with 2009-09-02.
    let folds = ["--set", "tune.folds={by: rolling, count: 1, days: 90}"];
    let board = json_of(path, &[&["tune", "--trials", "1"][..], &folds].concat());
    let split = ["--set", "split.test_from=2009-09-02"];
    for words in [
        &["features", "build"][..],
        &["train"],
        &["evaluate", "--until", "2009-11-30"],
    ] {
        rain(path).args(words).args(split).assert().success();
    }
    let text = std::fs::read_to_string(path.join("metrics/scores.json")).unwrap();
    let scores: Value = serde_json::from_str(&text).unwrap();
    let (ours, theirs) = (
        &board["baseline"]["scores"][0],
        &scores["model"]["log_loss"]["value"],
    );
    let apart = (ours.as_f64().unwrap() - theirs.as_f64().unwrap()).abs();
    assert!(apart < 1e-6, "{ours} {theirs}");
}

#[test]
fn days_of_the_test_are_not_looked_at() {
    let folder = tunable();
    let path = folder.path();
    text_of(path, &["tune", "--trials", "3"]);
    let whole = csv(path, "out/tune");
    let table = std::fs::read_to_string(path.join(TABLE)).unwrap();
    let before: String = table
        .lines()
        .filter(|line| line.starts_with("Date") || *line < "2009-12-01")
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(before.len() < table.len());
    std::fs::write(path.join(TABLE), before).unwrap();
    text_of(path, &["tune", "--trials", "3", "--out", "before"]);
    assert_eq!(csv(path, "before"), whole);
}

#[test]
fn a_list_in_the_place_of_a_value_means_an_experiment_each() {
    let folder = tunable();
    let path = folder.path();
    let list = [
        "--set",
        "model.tree.depth=[2, 4, 30]",
        "--set",
        "features.without=[[], [telling, single]]",
    ];
    let board = json_of(path, &[&["tune", "--grid"][..], &list].concat());
    let trials = board["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 6);
    assert!(trials.iter().all(|trial| trial["outcome"] == "complete"));
    assert_eq!(board["baseline"], Value::Null);
    let mut tried: Vec<&Value> = trials.iter().map(|trial| &trial["values"]).collect();
    tried.sort_by_key(|values| values.to_string());
    assert_eq!(
        *tried[0],
        json!({"features.without": ["telling", "single"], "model.tree.depth": 2})
    );

    insta::assert_snapshot!(refused(path, &[&["train"][..], &list].concat()), @"error: params.yaml: features.without is a list where one value is expected: `tune --grid` runs an experiment for each; for anything else, give one value");
    insta::assert_snapshot!(refused(path, &[&["tune"][..], &list].concat()), @"error: params.yaml: features.without is a list where one value is expected: `tune --grid` runs an experiment for each; for anything else, give one value");
    insta::assert_snapshot!(refused(path, &["tune", "--grid"]), @"error: no list stands where one value is expected: write several in its place, as `depth: [4, 6, 8]` in params.yaml or --set 'model.boosting.depth=[4, 6, 8]'");
    insta::assert_snapshot!(refused(path, &["tune", "--grid", "--set", "bucket=[a, b]"]), @"error: params.yaml: bucket is a list, but `tune --grid` tries lists only of model.…, features.without or seed: give one value");
}

#[test]
fn what_cannot_be_searched_over_is_told_before_the_first_trial() {
    let folder = tunable();
    let path = folder.path();
    let space = |space: &str| refused(path, &["tune", "--set", &format!("tune.space={space}")]);
    insta::assert_snapshot!(space("{}"), @"error: tune.space is empty: name at least one parameter, as `model.boosting.depth: {from: 3, to: 9}`");
    insta::assert_snapshot!(space("{threshold: [0.3, 0.5]}"), @"error: tune.space.threshold: what may be searched over is model.…, features.without and seed");
    insta::assert_snapshot!(space("{model.tree.depth: {from: 3, to: 99}}"), @"error: tune.space.model.tree.depth: params.yaml: model.tree.depth is 99: it must be from 1 to 30");
    insta::assert_snapshot!(space("{model.tree.deepness: [3]}"), @"error: tune.space.model.tree.deepness: params.yaml: unknown field `deepness`, expected one of depth, min_leaf_rows, impurity, min_decrease, missing");
    insta::assert_snapshot!(space("{model.forest.depth: [3, 4]}"), @"error: tune.space.model.forest.depth: it changes nothing while model.kind is tree: search over model.kind too, or leave it out");
    insta::assert_snapshot!(space("{features.without: [[], [nowhere]]}"), @r#"error: tune.space.features.without: no feature or view is called "nowhere"; the views are today, calendar, derived, history, rain_history, telling, single, nearest, climate"#);
    insta::assert_snapshot!(refused(path, &["tune", "--set", "tune.folds={by: rolling, count: 9, days: 365}"]), @"error: fold 1 of 9 has no rows to test on: the rows span 365 days, and 9 folds of 365 days need more: take fewer or shorter folds");
    insta::assert_snapshot!(refused(path, &["tune", "--set", "split={by: random, test_share: 0.3}"]), @"error: split.by parts rows at random: a search has to leave the test alone, and its rows would lie among those trained on. Split by time or by group");
    insta::assert_snapshot!(refused(path, &["tune", "--seconds", "0"]), @"error: --seconds: give a number of more than 0");
    assert!(!path.join("out/tune/trials.jsonl").exists());
}

#[test]
fn kinds_and_views_are_searched_over_as_numbers_are() {
    let folder = tunable();
    let path = folder.path();
    let space = "tune.space={model.kind: [tree, logistic], model.tree.depth: {from: 2, to: 9}, features.without: [[], [telling]]}";
    let board = json_of(path, &["tune", "--trials", "12", "--set", space]);
    let trials = board["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 12);
    for trial in trials {
        let values = &trial["values"];
        assert_eq!(
            values["model.kind"] == "tree",
            values.get("model.tree.depth").is_some(),
            "{values}"
        );
    }
    let svg = std::fs::read_to_string(path.join("out/tune/trials.svg")).unwrap();
    assert!(svg.contains(">kind</text>") && svg.contains(">log loss</text>"));
}

#[test]
fn curves_rise_and_fall_as_they_should() {
    let folder = tunable();
    let path = folder.path();
    let curve = json_of(path, &["curves", "learning", "--points", "3"]);
    let rows: Vec<f64> = curve["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point["at"].as_f64().unwrap())
        .collect();
    assert!(
        rows.len() == 3 && rows[0] < rows[1] && rows[1] < rows[2],
        "{rows:?}"
    );
    let curve = json_of(
        path,
        &[
            "curves",
            "validation",
            "model.tree.depth",
            "--values",
            "12,1,3",
        ],
    );
    let points = curve["points"].as_array().unwrap();
    let learned: Vec<f64> = points
        .iter()
        .map(|point| point["train"][0].as_f64().unwrap())
        .collect();
    assert!(
        learned[0] > learned[1] && learned[1] > learned[2],
        "a deeper tree knows its own rows better: {learned:?}"
    );
    assert!(
        path.join("out/curves/validation.svg").exists()
            && path.join("out/curves/learning.csv").exists()
    );
    insta::assert_snapshot!(refused(path, &["curves", "validation", "model.tree.impurity"]), @"error: model.tree.impurity: it isn't in tune.space: say which values, as --values 2,4,8");
}

#[test]
fn a_split_by_group_holds_out_whole_stations_and_what_they_taught() {
    let folder = tunable();
    let path = folder.path();
    let split = |by: &str| format!("split={{by: {by}, test_share: 0.3}}");
    let group = split("group");
    let random = split("random");
    rain(path)
        .args(["features", "build", "--set", &random])
        .assert()
        .success();
    let message = refused(path, &["train", "--set", &group]);
    assert!(
        message.contains("has features that learned from")
            && message.contains("which `split` holds out"),
        "{message}"
    );
    rain(path)
        .args(["features", "build", "--set", &group])
        .assert()
        .success();
    let trained = json_of(path, &["train", "--set", &group]);
    let rows = trained["rows"].as_u64().unwrap();
    let state = std::fs::read_to_string(path.join("data/features.state.json")).unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    assert_eq!(
        state["content"]["reference"]["entities"]
            .as_object()
            .unwrap()
            .len(),
        4,
        "of six, two are held out"
    );
    rain(path)
        .args(["evaluate", "--set", &group])
        .assert()
        .success();
    let scores = std::fs::read_to_string(path.join("metrics/scores.json")).unwrap();
    let scores: Value = serde_json::from_str(&scores).unwrap();
    let tested = scores["rows"].as_u64().unwrap();
    assert!(
        tested * 2 > rows * 9 / 10 && tested * 2 < rows * 11 / 10,
        "{tested} of {rows}"
    );

    let stratified = split("stratified");
    rain(path)
        .args(["features", "build", "--set", &stratified])
        .assert()
        .success();
    let output = rain(path)
        .args(["train", "--set", &stratified])
        .assert()
        .success();
    let said = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    assert!(
        said.contains("split at random: the scores flatter"),
        "{said}"
    );
    // A search over held-out stations' rows is none either.
    json_of(
        path,
        &[
            "tune",
            "--trials",
            "1",
            "--set",
            &group,
            "--set",
            "tune.folds={by: group, count: 2}",
        ],
    );
}
