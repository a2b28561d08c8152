//! What features.yaml declares, kept in the bucket: the plan, the records, the guard.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod project;

use std::path::Path;

use project::{rain, refused};

fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = rain(folder).args(arguments).assert().success();
    let text = output.get_output().stdout.clone();
    String::from_utf8(text).unwrap().trim_end().to_string()
}

fn edit(folder: &Path, file: &str, from: &str, to: &str) {
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
}

fn records(bucket: &Path) -> Vec<String> {
    let found = std::fs::read_dir(bucket.join("definitions")).unwrap();
    let names = found.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

const PLAN: [&str; 2] = ["features", "plan"];
const APPLY: [&str; 2] = ["features", "apply"];

#[test]
fn what_is_applied_is_what_was_planned_and_nothing_is_applied_twice() {
    let folder = project::project();
    let path = folder.path();
    let planned = said(path, &PLAN);
    insta::assert_snapshot!(planned, @"
    nothing was applied in .rain yet: all is new
      + entity station
      + source weather
      + view today, 23 features
      + view calendar, 4 features
      + derived view derived, 8 features
      + derived view history, 10 features
      + derived view rain_history, 9 features
      + derived view telling, 13 features
      + derived view single, 8 features
      + derived view nearest, 7 features
      + derived view climate, 4 features
      + service daily
      + service afternoon
      + service everything
    ");
    assert!(!path.join(".rain").exists(), "a plan writes nothing");
    assert_eq!(
        said(path, &APPLY),
        format!("{planned}\napplied as definitions 1 in .rain")
    );
    assert_eq!(
        said(path, &APPLY),
        "no changes since definitions 1 in .rain"
    );
    assert_eq!(records(&path.join(".rain")), ["000001.json"]);
    let kept = std::fs::read(path.join(".rain/definitions/000001.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
    let shown = said(path, &["--json", "features", "show", "daily"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(kept["versions"]["daily"], shown["version"]);
}

#[test]
fn a_change_is_told_field_by_field_and_what_would_break_is_refused() {
    let folder = project::project();
    let path = folder.path();
    said(path, &APPLY);
    let quiet = ["features", "plan", "--exit-code"];
    rain(path).args(quiet).assert().success();
    edit(
        path,
        "features.yaml",
        "unit: mm, description: rain in",
        "unit: cm, description: rain in",
    );
    edit(
        path,
        "features.yaml",
        "owner: forecasting",
        "owner: research",
    );
    insta::assert_snapshot!(said(path, &PLAN), @"
    changes since definitions 1 in .rain
      ~ feature rainfall of view today
          unit: mm → cm
      ~ derived view derived
          owner: forecasting → research
      ~ service daily
          version: 538bb0ff97e0 → d07b6da9e36a, so it needs a new table and a new model
      ~ service afternoon
          version: f0303b99be3c → a9929fc38aef, so it needs a new table and a new model
      ~ service everything
          version: c76db746a0f2 → 97447efc0747, so it needs a new table and a new model
    ");
    rain(path).args(quiet).assert().code(1);
    assert!(said(path, &APPLY).ends_with("applied as definitions 2 in .rain"));

    let sunshine = "      - {name: sunshine, unit: hours, description: bright sunshine in the day, inputs: [Sunshine]}\n";
    edit(path, "features.yaml", sunshine, "");
    edit(
        path,
        "features.yaml",
        "inputs: [sunshine], past: [sunshine]",
        "inputs: [gust_speed]",
    );
    edit(
        path,
        "features.yaml",
        "mean sunshine, inputs: [sunshine]",
        "mean sunshine, inputs: [gust_speed]",
    );
    edit(
        path,
        "features.yaml",
        "mean sunshine, inputs: [sunshine]",
        "mean sunshine, inputs: [gust_speed]",
    );
    edit(
        path,
        "features.yaml",
        "except: [max_temp, sunshine, ",
        "except: [max_temp, ",
    );
    insta::assert_snapshot!(refused(path, &APPLY), @r#"error: feature "sunshine" is gone from view "today", and all of that view is asked for by service "daily" and service "everything": leave it out there with `except: [sunshine]` and apply that first; or let go of it with `--allow sunshine`"#);
    let plan = rain(path).args(PLAN).assert().code(2);
    let output = plan.get_output();
    assert!(String::from_utf8_lossy(&output.stdout).contains("- feature sunshine of view today"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("would refuse this"));
    assert_eq!(records(&path.join(".rain")).len(), 2);
    let allowed = ["features", "apply", "--allow", "sunshine"];
    assert!(said(path, &allowed).ends_with("applied as definitions 3 in .rain"));
}

#[test]
fn a_program_reads_the_plan_as_json() {
    let folder = project::project();
    let path = folder.path();
    said(path, &APPLY);
    edit(
        path,
        "features.yaml",
        "description: a weather station",
        "description: a station",
    );
    insta::assert_snapshot!(said(path, &["--json", "features", "plan"]), @r#"
    {
      "bucket": ".rain",
      "since": 1,
      "changes": [
        {
          "kind": "entity",
          "name": "station",
          "view": null,
          "action": "changed",
          "fields": [
            {
              "field": "description",
              "from": "a weather station",
              "to": "a station"
            }
          ]
        }
      ],
      "refused": [],
      "model": null
    }
    "#);
}

#[test]
fn of_several_who_apply_at_once_each_gets_a_number_of_its_own() {
    let folders: Vec<_> = (0..6).map(|_| project::project()).collect();
    let bucket = tempfile::tempdir().unwrap();
    let setting = format!("bucket={}", bucket.path().display());
    for (at, folder) in folders.iter().enumerate() {
        // Two of each: they are the same definitions.
        let to = format!("description: station {}", at / 2);
        edit(
            folder.path(),
            "features.yaml",
            "description: a weather station",
            &to,
        );
    }
    let running: Vec<_> = folders
        .iter()
        .map(|folder| {
            std::process::Command::new(assert_cmd::cargo::cargo_bin("rain"))
                .current_dir(folder.path())
                .args(["--set", &setting, "features", "apply"])
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut numbers = Vec::new();
    for child in running {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let number = text.split("applied as definitions ").nth(1);
        numbers.extend(number.map(|rest| rest.split(' ').next().unwrap().to_string()));
    }
    numbers.sort();
    let expected: Vec<String> = (1..=numbers.len())
        .map(|number| number.to_string())
        .collect();
    assert_eq!(numbers, expected, "nobody's record was overwritten");
    assert_eq!(records(bucket.path()).len(), numbers.len());
    assert!((3..=6).contains(&numbers.len()), "{numbers:?}");
}

#[test]
fn the_plan_tells_whether_the_model_knows_the_features_as_they_are() {
    let folder = project::trained();
    let path = folder.path();
    let last = |text: String| text.lines().last().unwrap().to_string();
    insta::assert_snapshot!(last(said(path, &PLAN)), @"models/model.bin was trained on service daily as it is now, version 538bb0ff97e0");
    said(path, &APPLY);
    edit(
        path,
        "features.yaml",
        "unit: mm, description: rain in",
        "unit: cm, description: rain in",
    );
    insta::assert_snapshot!(last(said(path, &PLAN)), @"models/model.bin was trained on version 538bb0ff97e0 of service daily, which is d07b6da9e36a now: build and train again");
    // The project goes on with another service, and the model has lost its own.
    edit(path, "features.yaml", "name: daily", "name: nightly");
    edit(path, "params.yaml", "service: daily", "service: nightly");
    insta::assert_snapshot!(refused(path, &APPLY), @r#"error: service "daily" is gone, and models/model.bin uses it: declare it again, or let models/model.bin use another first; or let go of it with `--allow daily`"#);
    std::fs::write(path.join("models/model.bin"), "no model").unwrap();
    insta::assert_snapshot!(refused(path, &APPLY), @"error: models/model.bin: train it again, or name another with --model: not a model file: it doesn't begin like one; was another file meant?");
}

#[test]
fn a_record_of_another_program_is_left_alone() {
    let folder = project::project();
    let path = folder.path();
    said(path, &APPLY);
    let record = ".rain/definitions/000001.json";
    edit(path, record, "\"format\": 1", "\"format\": 2");
    let output = rain(path).args(APPLY).assert().failure();
    let told = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    assert!(
        told.contains("it has form 2, and this program reads form 1"),
        "{told}"
    );
    assert_eq!(records(&path.join(".rain")), ["000001.json"]);
}
