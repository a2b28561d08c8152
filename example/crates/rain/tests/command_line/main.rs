//! What the commands say to people and to programs: standard output, standard error, exit codes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../project/mod.rs"]
mod project;
mod refusals;
#[path = "../../../data/tests/server/mod.rs"]
#[allow(dead_code)] // the crate it stands in uses the rest
mod server;
mod table_import;

use std::path::Path;
use std::process::Output;

use predicates::prelude::*;
use predicates::str::contains;
use project::{SMALL, project, rain, refused, trained};
use serde_json::Value;
use server::{Server, Site};

const TABLE: &str = "data/weatherAUS.csv";

/// What a command prints that must succeed.
fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = output(folder, arguments, 0);
    String::from_utf8(output.stdout).unwrap()
}

fn output(folder: &Path, arguments: &[&str], code: i32) -> Output {
    let run = rain(folder).args(arguments).assert().code(code);
    run.get_output().clone()
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[test]
fn completions_know_every_command_of_every_shell_they_are_made_for() {
    let folder = tempfile::tempdir().unwrap();
    let commands = [
        "data",
        "features",
        "train",
        "evaluate",
        "predict",
        "serve",
        "drift",
        "import",
        "fetch",
        "check",
        "describe",
        "fault",
        "generate",
        "fit-climate",
        "compare",
        "--project",
        "--json",
    ];
    for (shell, sign) in [
        ("bash", "complete -F _rain"),
        ("zsh", "#compdef rain"),
        ("fish", "complete -c rain"),
    ] {
        let script = printed(folder.path(), &["completions", shell]);
        assert!(script.contains(sign), "{shell}: {script}");
        for command in commands {
            // fish writes a long option without its hyphens.
            let name = if shell == "fish" {
                command.trim_start_matches("--")
            } else {
                command
            };
            assert!(script.contains(name), "{shell}: {command}");
        }
    }
    let error = refused(folder.path(), &["completions", "basic"]);
    assert!(error.contains("invalid value 'basic'"), "{error}");
    assert!(error.contains("bash"), "{error}");
}

#[test]
fn a_table_is_described_for_people_and_for_programs() {
    let folder = project();
    let path = folder.path();
    let header = std::fs::read_to_string(path.join("contract.yaml")).unwrap();
    assert!(header.contains("Rainfall"));
    printed(
        path,
        &words("data generate --days 30 --stations 3 --out w.csv"),
    );
    let text = printed(path, &["data", "describe", "w.csv"]);
    insta::assert_snapshot!(text, @r"
    90 rows
    Date               0.0 % missing  2008-12-01 to 2008-12-30
    Location           0.0 % missing  Adelaide 30, Albany 30, Albury 30
    MinTemp            0.0 % missing  mean 15.49, std 3.62, 10.5 to 31.6, quartiles 13.1 14.9 16.675
    MaxTemp            1.1 % missing  mean 27.88, std 6.25, 18.1 to 41.5, quartiles 22.2 28.8 32.4
    Rainfall           1.1 % missing  mean 0.67, std 3.52, 0 to 32.2, quartiles 0 0 0
    Evaporation       52.2 % missing  mean 7.04, std 3.99, 1.8 to 26.6, quartiles 5.2 6.6 7.5
    Sunshine          76.7 % missing  mean 9.49, std 3.76, 2.5 to 13.3, quartiles 6.6 11.3 12.7
    WindGustDir       34.4 % missing  N 1, NNE 2, NE 2, ENE 2 and 12 more
    WindGustSpeed     34.4 % missing  mean 39.07, std 9.46, 19 to 63, quartiles 30.5 39 46
    WindDir9am         2.2 % missing  N 2, NNE 5, NE 8, ENE 5 and 12 more
    WindDir3pm         4.4 % missing  N 5, NNE 2, NE 5, ENE 2 and 12 more
    WindSpeed9am       0.0 % missing  mean 10.68, std 6.27, 0 to 37, quartiles 6.25 9 13
    WindSpeed3pm       4.4 % missing  mean 18.98, std 7.98, 6 to 37, quartiles 13 19 24
    Humidity9am        0.0 % missing  mean 56.48, std 19.16, 13 to 97, quartiles 42.5 53.5 73.25
    Humidity3pm        0.0 % missing  mean 42.28, std 22.71, 6 to 92, quartiles 23.25 35 65.75
    Pressure9am        0.0 % missing  mean 1014.80, std 5.48, 998.6 to 1027.6, quartiles 1011.2 1015.5 1018.4
    Pressure3pm        0.0 % missing  mean 1012.85, std 5.20, 999.9 to 1024.9, quartiles 1009.025 1013.3 1016.425
    Cloud9am          60.0 % missing  mean 4.94, std 2.41, 0 to 8, quartiles 3.75 5 7
    Cloud3pm          54.4 % missing  mean 3.51, std 2.36, 0 to 8, quartiles 2 3 5
    Temp9am            0.0 % missing  mean 20.87, std 3.92, 14.1 to 31.9, quartiles 18.125 20.2 22.75
    Temp3pm            0.0 % missing  mean 25.71, std 6.15, 16.4 to 39.9, quartiles 20.4 25.25 30.175
    RainToday          1.1 % missing  No 82, Yes 7
    RainTomorrow       1.1 % missing  No 80, Yes 9
    ");
    let json: Value =
        serde_json::from_str(&printed(path, &["--json", "data", "describe", "w.csv"])).unwrap();
    let columns = json["columns"].as_array().unwrap();
    assert_eq!(columns.len(), text.lines().count() - 1);
    let rain = columns.iter().find(|c| c["name"] == "Rainfall").unwrap();
    let mean = rain["number"]["mean"].as_f64().unwrap();
    let line = text.lines().find(|l| l.starts_with("Rainfall")).unwrap();
    assert!(line.contains(&format!("mean {mean:.2},")), "{line} {mean}");
}

#[test]
fn with_json_every_command_prints_json_and_nothing_else() {
    let folder = trained();
    let path = folder.path();
    let small = ["--set", SMALL[1], "--set", SMALL[3]];
    let server = Server::new(Site {
        body: std::fs::read(path.join(TABLE)).unwrap(),
        ..Site::default()
    });
    let fetch = format!(
        "data fetch --replace --update-pin --allow-http --url {}",
        server.url
    );
    std::fs::copy(path.join(TABLE), path.join("copy.csv")).unwrap();
    let commands = [
        ("data import copy.csv --update-pin", 0),
        (fetch.as_str(), 0),
        ("data check copy.csv", 0),
        ("data describe copy.csv", 0),
        ("data generate --days 40 --stations 2 --out w.csv", 0),
        ("data fit-climate copy.csv --out climate.csv", 0),
        ("data compare copy.csv w.csv", 0),
        ("data fault copy.csv --out f.csv offset MaxTemp 9", 0),
        ("data fault copy.csv --out g.csv missing Rainfall", 0),
        ("data check g.csv", 2),
        ("features list", 0),
        ("features build", 0),
        ("train", 0),
        ("evaluate", 0),
        ("predict copy.csv --out p.csv", 0),
        ("drift --reference copy.csv --current f.csv", 1),
        ("drift --reference copy.csv --current copy.csv", 0),
    ];
    for (command, code) in commands {
        let mut arguments = vec!["--json"];
        if ["features build", "train", "evaluate"].contains(&command) {
            arguments.extend(small);
        }
        arguments.extend(words(command));
        let output = output(path, &arguments, code);
        let text = String::from_utf8(output.stdout).unwrap();
        let parsed: Result<Value, _> = serde_json::from_str(&text);
        let is_result = parsed.is_ok_and(|value| value.is_object() || value.is_array());
        assert!(is_result, "{command} printed {text}");
    }
    // Predictions are JSON lines, with the option or without it.
    let lines = printed(path, &["--json", "predict", TABLE]);
    assert_eq!(lines.lines().count(), 4000);
    for line in lines.lines() {
        serde_json::from_str::<Value>(line).unwrap()["probability"]
            .as_f64()
            .unwrap();
    }
}

#[test]
fn logs_go_to_standard_error_and_only_when_asked_for() {
    let folder = project();
    let path = folder.path();
    printed(
        path,
        &words("data generate --days 400 --stations 3 --out data/weatherAUS.csv"),
    );
    let random = "split={by: random, test_share: 0.3}";
    printed(path, &["features", "build", "--set", random]);
    let train = ["train", "--set", random, "--set", "model.kind=tree"];
    let quiet = output(path, &train, 0);
    let complaint = String::from_utf8(quiet.stderr).unwrap();
    insta::assert_snapshot!(complaint.trim(), @"WARN rows of a time series are split at random: the scores flatter the model");

    let text = std::fs::read_to_string(path.join(TABLE)).unwrap();
    std::fs::write(path.join("cut.csv"), text.trim_end()).unwrap();
    let describe = ["data", "describe", "cut.csv"];
    let quiet = printed(path, &describe);
    rain(path)
        .args(["-vv", "data", "describe", "cut.csv"])
        .assert()
        .success()
        .stdout(quiet)
        .stderr(contains("cut.csv: the last line has no line end"));
    rain(path)
        .args(describe)
        .env("RUST_LOG", "off")
        .assert()
        .success()
        .stderr(predicate::str::is_empty());
}

#[test]
fn help_shows_set_only_where_it_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let shows = |command: &str| {
        let help = [&words(command)[..], &["--help"]].concat();
        printed(folder.path(), &help).contains("--set <KEY=VALUE>")
    };
    for command in [
        "",
        "train",
        "features build",
        "features get",
        "curves learning",
        "data fetch",
    ] {
        assert!(shows(command), "{command}");
    }
    for command in [
        "drift",
        "predict",
        "repro",
        "data check",
        "data generate",
        "features list",
        "remote add",
    ] {
        assert!(!shows(command), "{command}");
    }
}

#[test]
fn exit_codes_tell_whose_turn_it_is() {
    let folder = project();
    let path = folder.path();
    printed(
        path,
        &words("data generate --days 800 --stations 3 --out w.csv"),
    );
    printed(
        path,
        &words("data fault w.csv --out f.csv offset MaxTemp 9"),
    );
    let drift = |current: &str| {
        let command = format!("drift --reference w.csv --current {current}");
        let run = rain(path).args(words(&command)).assert();
        run.get_output().status.code()
    };
    // All well, something found, something of the user's to change.
    assert_eq!(drift("w.csv"), Some(0));
    assert_eq!(drift("f.csv"), Some(1));
    assert_eq!(drift("none.csv"), Some(2));
    for (arguments, code) in [
        (vec!["--help"], 0),
        (vec!["--version"], 0),
        (vec![], 2),
        (vec!["data"], 2),
        (vec!["fly"], 2),
        (vec!["train", "--fast"], 2),
    ] {
        rain(path).args(&arguments).assert().code(code);
    }
    // A disk that is full is nobody's turn: the run failed.
    #[cfg(target_os = "linux")]
    {
        let full = std::fs::File::options().write(true).open("/dev/full");
        let status = std::process::Command::new(assert_cmd::cargo::cargo_bin!("rain"))
            .args(["--json", "features", "list"])
            .current_dir(path)
            .stdout(full.unwrap())
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(1));
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = project();
    printed(
        folder.path(),
        &["data", "generate", "--days", "30", "--out", TABLE],
    );
    for arguments in [&["completions", "bash"][..], &["data", "describe", TABLE]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = std::process::Command::new(assert_cmd::cargo::cargo_bin!("rain"))
            .args(arguments)
            .current_dir(folder.path())
            .stdout(writer)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(
            (ended.status.code(), &*told),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_report_names_changed_features_code_and_directions() {
    let folder = project();
    let path = folder.path();
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
        let mut command = std::process::Command::new("git");
        command.current_dir(path).args(identity).args(arguments);
        assert!(command.status().unwrap().success(), "git {arguments:?}");
    };
    let write = |name: &str, text: &str| std::fs::write(path.join(name), text).unwrap();
    git(&["init", "--quiet", "--initial-branch", "main"]);
    rain(path).args(["init", "--quiet"]).assert().success();
    write(
        "dvc.yaml",
        "stages:\n  score:\n    cmd: score\n    deps: [features.yaml]\n    metrics: [{m.json: {cache: false}}]\n",
    );
    write("m.json", r#"{"roc_auc": 0.9}"#);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "before"]);
    git(&["switch", "--quiet", "--create", "mine"]);
    let features = std::fs::read_to_string(path.join("features.yaml")).unwrap();
    let daily = "features: [today, calendar, history, telling, single]";
    assert!(features.contains(daily) && features.contains("highest temperature from 9 am on"));
    let features = features
        .replacen(daily, "features: [today, calendar, history, telling]", 1)
        .replacen("highest temperature from 9 am on", "warmest", 1);
    write("features.yaml", &features);
    write("code.rs", "fn main() {}\n");
    write("m.json", r#"{"roc_auc": 0.8}"#);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "after"]);
    let output = rain(path)
        .args(["report", "--base", "main"])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    for line in [
        "| `roc_auc` | 0.9 | 0.8 | −0.1 | higher | ❌ worse |",
        "| feature of | `today: max_temp` | changed: description |",
        "| service | `daily` | changed: features, version |",
        "| `features.yaml` | +2 −2 | `score` |",
        "| `code.rs` | +1 −0 |  |",
    ] {
        assert!(told.lines().any(|told| told == line), "{line}\n{told}");
    }
    assert!(told.contains("to `mine` ("), "{told}");
}
