//! The program as a user meets it: on generated weather, in a folder of its own.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod project;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

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
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["today"].to_string())
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

#[test]
fn mistakes_are_told_with_file_and_what_to_do() {
    let folder = trained();
    let path = folder.path();
    std::fs::write(path.join("model.bin"), "a poem").unwrap();
    std::fs::write(path.join("short.csv"), "Date,Location\n2010-01-01,Sydney\n").unwrap();
    insta::assert_snapshot!(refused(path, &["data", "check", "none.csv"]), @"error: none.csv: No such file or directory (os error 2)");
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

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(folder: &Path, options: &[&str]) -> (Server, String) {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("rain"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(options)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line
        .split("http://")
        .nth(1)
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_string();
    (Server(child), address)
}

/// The rows of the table's last five days as JSON, each with what is predicted of it.
fn last_days(folder: &Path) -> Vec<(String, serde_json::Value)> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let table = read("data/weatherAUS.csv");
    let mut lines = table
        .lines()
        .map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let predictions = read("p.jsonl");
    let days: Vec<_> = lines
        .zip(predictions.lines())
        .map(|(cells, prediction)| (cells, serde_json::from_str(prediction).unwrap()))
        .collect();
    let mut dates: Vec<&str> = days.iter().map(|(cells, _)| cells[0]).collect();
    dates.sort_unstable();
    dates.dedup();
    let last = dates[dates.len() - 5];
    days.iter()
        .filter(|(cells, _)| cells[0] >= last)
        .map(|(cells, prediction): &(_, serde_json::Value)| {
            let fields = names
                .iter()
                .zip(cells)
                .filter(|(name, cell)| **name != "RainTomorrow" && **cell != "NA");
            let value = |cell: &str| match cell.parse::<f64>() {
                Ok(number) => serde_json::json!(number),
                Err(_) => serde_json::json!(cell),
            };
            let record: serde_json::Map<String, serde_json::Value> = fields
                .map(|(name, cell)| ((*name).to_string(), value(cell)))
                .collect();
            (
                serde_json::Value::Object(record).to_string(),
                prediction.clone(),
            )
        })
        .collect()
}

fn post(address: &str, body: &str) -> (String, serde_json::Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = "POST /v1/predict HTTP/1.1\r\nHost: rain\r\nConnection: close\r\nContent-Type: application/json\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().into(),
        serde_json::from_str(body).unwrap(),
    )
}

#[test]
fn the_service_gives_what_predict_gives_refuses_nonsense_and_logs_what_it_answered() {
    let folder = trained();
    let path = folder.path();
    let table = ["--history", "data/weatherAUS.csv"];
    rain(path)
        .args(["predict", "data/weatherAUS.csv", "--out", "p.jsonl"])
        .assert()
        .success();
    let (server, address) = serve(path, &table);
    let mut asked = 0;
    for (observation, expected) in last_days(path) {
        let (status, answer) = post(&address, &observation);
        assert_eq!(status, "200", "{answer}");
        assert_eq!(
            answer["probability"], expected["probability"],
            "{observation}"
        );
        assert_eq!(answer["decision"], expected["RainTomorrow"]);
        asked += 1;
    }
    assert_eq!(asked, 5 * 8);
    let refusals = [
        "rain?",
        "[1]",
        "{}",
        r#"{"Date": "2010-01-01", "Location": "Sydney", "Humidity3pm": "damp"}"#,
    ];
    let said = refusals.map(|nonsense| {
        let (status, answer) = post(&address, nonsense);
        assert_eq!(status, "400", "{nonsense}");
        answer["error"].as_str().unwrap().to_string()
    });
    insta::assert_snapshot!(said.join("\n"), @r#"
    Failed to parse the request body as JSON: expected value at line 1 column 1
    Failed to deserialize the JSON body into the target type: invalid type: sequence, expected a map at line 1 column 0
    Date: this field is required: a date written "yyyy-mm-dd"
    Humidity3pm: "damp" is not a number from 0 to 100 %
    "#);
    drop(server);
    let log = std::fs::read_to_string(path.join("predictions/log.jsonl")).unwrap();
    assert_eq!(log.lines().count(), asked);
}
