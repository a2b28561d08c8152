//! The program as a user meets it: on generated weather, in a folder of its own.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod project;

use project::{SMALL, project, rain, refused, trained};
use tempfile::TempDir;

#[test]
fn the_same_seed_gives_the_same_model_and_scores_on_one_thread_and_on_two() {
    let folders: Vec<TempDir> = ["1", "2"]
        .into_iter()
        .map(|threads| {
            let folder = trained();
            let path = folder.path();
            let mut train = rain(path);
            train
                .args(SMALL)
                .arg("train")
                .env("RAYON_NUM_THREADS", threads)
                .assert()
                .success();
            let mut evaluate = rain(path);
            evaluate
                .args(SMALL)
                .arg("evaluate")
                .env("RAYON_NUM_THREADS", threads)
                .assert()
                .success();
            folder
        })
        .collect();
    for file in [
        "data/weatherAUS.csv",
        "models/model.bin",
        "metrics/scores.json",
        "metrics/roc.svg",
    ] {
        let [one, two] =
            [0, 1].map(|at: usize| std::fs::read(folders[at].path().join(file)).unwrap());
        assert!(one == two, "{file} differs");
    }
}

#[test]
fn predictions_are_the_same_from_csv_parquet_and_json_lines() {
    let folder = trained();
    let path = folder.path();
    let parquet = [
        "data",
        "generate",
        "--days",
        "500",
        "--stations",
        "8",
        "--out",
        "data/w.parquet",
    ];
    rain(path).args(parquet).assert().success();
    rain(path)
        .args(["predict", "data/weatherAUS.csv", "--out", "a.jsonl"])
        .assert()
        .success();
    rain(path)
        .args(["predict", "data/w.parquet", "--out", "b.jsonl"])
        .assert()
        .success();
    let read = |name: &str| std::fs::read_to_string(path.join(name)).unwrap();
    assert_eq!(read("a.jsonl"), read("b.jsonl"));

    // A few rows alone, with the table as their history.
    let golden = std::fs::read_to_string(path.join("data/features.golden.jsonl")).unwrap();
    let rows: Vec<String> = golden
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["content"]["today"].to_string()
        })
        .collect();
    std::fs::write(path.join("rows.jsonl"), rows.join("\n")).unwrap();
    let alone = |history: &[&str]| {
        let mut command = rain(path);
        command.args(["predict", "rows.jsonl"]).args(history);
        let output = command.assert().success().get_output().clone();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(String::from).collect::<Vec<_>>()
    };
    let among_others = read("a.jsonl");
    let with_history = alone(&["--history", "data/weatherAUS.csv"]);
    assert_eq!(with_history.len(), 8);
    for line in &with_history {
        assert!(among_others.contains(line), "{line}");
    }
    assert_ne!(alone(&[]), with_history, "history and neighbours count");
}

#[test]
fn generated_weather_keeps_the_contract() {
    let folder = project();
    let generate = ["data", "generate", "--days", "800", "--out", "w.csv"];
    rain(folder.path()).args(generate).assert().success();
    rain(folder.path())
        .args(["data", "check", "w.csv", "--out", "w.parquet"])
        .assert()
        .success();
    assert!(folder.path().join("w.parquet").exists());
}

#[test]
fn a_broken_contract_ends_with_code_2_and_says_what_is_broken() {
    let folder = trained();
    let fault = "data fault data/weatherAUS.csv --from 2010-03-01 --out f.csv unit MaxTemp celsius_to_fahrenheit";
    rain(folder.path())
        .args(fault.split(' '))
        .assert()
        .success();
    let output = rain(folder.path())
        .args(["data", "check", "f.csv", "--out", "f.parquet"])
        .assert()
        .code(2)
        .get_output()
        .clone();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("error    range MaxTemp"), "{text}");
    assert!(!folder.path().join("f.parquet").exists());
}

/// The same impossible humidity in each format, given to whatever takes observations.
#[test]
fn an_impossible_value_is_refused_wherever_it_comes_in_and_in_every_format() {
    let folder = trained();
    let path = folder.path();
    for file in ["f.csv", "f.parquet"] {
        let fault = [
            "data",
            "fault",
            "data/weatherAUS.csv",
            "--only",
            "Albany",
            "--out",
            file,
        ];
        let offset = ["offset", "Humidity3pm", "9000"];
        rain(path).args(fault).args(offset).assert().success();
    }
    let csv = std::fs::read_to_string(path.join("f.csv")).unwrap();
    let mut lines = csv.lines();
    let header = lines.next().unwrap();
    let broken = lines
        .find(|line| line.contains(",Albany,") && line.contains(",90"))
        .unwrap();
    let fields = header.split(',').zip(broken.split(','));
    let json = fields
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| {
            let number = value.parse::<f64>().is_ok();
            (
                name.to_string(),
                if number {
                    value.parse().unwrap()
                } else {
                    value.into()
                },
            )
        });
    let json: serde_json::Map<String, serde_json::Value> = json.collect();
    let day = json["Date"].as_str().unwrap().to_string();
    std::fs::write(
        path.join("f.jsonl"),
        serde_json::Value::Object(json).to_string(),
    )
    .unwrap();
    for file in ["f.csv", "f.parquet", "f.jsonl"] {
        for command in [
            format!("predict {file}"),
            format!("predict data/weatherAUS.csv --history {file}"),
            format!("explain {file} --row 1"),
            format!("debug 1 {file}"),
            format!("features push {file} --now {day}"),
            format!("features materialize {file} --until {day}"),
            format!("features build {file} --out o.parquet"),
            format!("validate --observations {file} --set split.test_from=2009-12-01"),
        ] {
            let said = refused(path, &command.split(' ').collect::<Vec<_>>());
            for part in [
                file,
                "column Humidity3pm",
                "is not a number from 0 to 100 %",
            ] {
                assert!(said.contains(part), "{command}: {said}");
            }
        }
    }
    assert!(!path.join("o.parquet").exists());
    // To look at it is allowed: that is how one finds out.
    for command in [
        "data describe f.csv",
        "data fault f.csv --out g.csv offset MaxTemp 1",
    ] {
        rain(path).args(command.split(' ')).assert().success();
    }
}

#[test]
fn mistakes_are_told_with_file_and_what_to_do() {
    let folder = trained();
    let path = folder.path();
    std::fs::write(path.join("model.bin"), "a poem").unwrap();
    std::fs::write(path.join("short.csv"), "Date,Location\n2010-01-01,Sydney\n").unwrap();
    insta::assert_snapshot!(refused(path, &["data", "check", "none.csv"]), @"error: none.csv: could not read: it doesn't exist");
    insta::assert_snapshot!(refused(path, &["train", "--set", "model.kind=magic"]));
    insta::assert_snapshot!(refused(path, &["train", "--set", "model.forest.trees=0"]));
    insta::assert_snapshot!(refused(
        path,
        &["train", "--set", "split.test_from=2100-01-01"]
    ));
    insta::assert_snapshot!(refused(path, &["train", "--set", "split.test_from=soon"]));
    insta::assert_snapshot!(refused(
        path,
        &["features", "build", "--set", "features.service=night"]
    ));
    insta::assert_snapshot!(refused(
        path,
        &["features", "build", "--set", "features.without=[tomorrow]"]
    ));
    insta::assert_snapshot!(refused(
        path,
        &["predict", "data/weatherAUS.csv", "--model", "model.bin"]
    ));
    insta::assert_snapshot!(refused(
        path,
        &["data", "generate", "--days", "0", "--out", "w.csv"]
    ));
    insta::assert_snapshot!(refused(path, &["data", "check", "short.csv"]));
    insta::assert_snapshot!(refused(&path.join("data"), &["train"]));
}

/// A cloned project may hold links; what a command writes by itself stays in the project.
#[test]
fn no_output_goes_through_a_link_out_of_the_project() {
    let folder = project();
    let outside = tempfile::tempdir().unwrap();
    let path = folder.path();
    let table = "data/small.csv";
    let generate = ["data", "generate", "--days", "400", "--stations", "8"];
    rain(path)
        .args(generate)
        .args(["--out", table])
        .assert()
        .success();
    std::os::unix::fs::symlink(outside.path(), path.join("linked")).unwrap();
    let check = |out: &str| refused(path, &["data", "check", table, "--out", out]);
    for out in ["linked/t.csv", "linked/deep/t.csv", "./linked/t.parquet"] {
        let said = check(out);
        assert!(said.contains("outside of the project"), "{said}");
    }
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    // Named in full, it is what the user means.
    let named = outside.path().join("t.csv");
    rain(path)
        .args(["data", "check", table, "--out"])
        .arg(&named)
        .assert()
        .success();
    assert!(named.is_file());
}
