//! The service as a user meets it: it answers from the online store.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod project;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use project::{SMALL, rain, refused, trained};
use serde_json::{Value, json};

/// A process that doesn't outlive its test.
struct Process(Child);

impl Process {
    fn kill(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts a service; gives its address and the line that told it.
fn serve(folder: &Path, options: &[&str]) -> (Process, String, String) {
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
    let address = line.split("http://").nth(1).unwrap();
    let address = address.split(',').next().unwrap().to_string();
    (Process(child), address, line)
}

fn exchange(address: &str, head: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("{head}Host: localhost\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

fn post(address: &str, body: &str) -> (u16, Value) {
    let head = "POST /v1/predict HTTP/1.1\r\nContent-Type: application/json\r\n";
    let length = body.len();
    exchange(
        address,
        &format!("{head}Content-Length: {length}\r\n"),
        body,
    )
}

fn ready(address: &str) -> (u16, Value) {
    exchange(address, "GET /v2/health/ready HTTP/1.1\r\n", "")
}

fn materialize(folder: &Path, until: &str, options: &[&str]) {
    let command = ["features", "materialize", "--until", until];
    rain(folder).args(options).args(command).assert().success();
}

/// An observation as a request has it, and what `predict` says of it among all others.
struct Asked {
    observation: String,
    expected: Value,
}

/// The table's last five days, each with its observations.
fn last_days(folder: &Path) -> Vec<(String, Vec<Asked>)> {
    rain(folder)
        .args(["predict", "data/weatherAUS.csv", "--out", "p.jsonl"])
        .assert()
        .success();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let (table, predictions) = (read("data/weatherAUS.csv"), read("p.jsonl"));
    let mut lines = table.lines().map(|line| line.split(','));
    let names: Vec<&str> = lines.next().unwrap().collect();
    let mut days = BTreeMap::<String, Vec<Asked>>::new();
    for (cells, prediction) in lines.zip(predictions.lines()) {
        let fields = names.iter().zip(cells);
        let known = fields.filter(|(name, cell)| **name != "RainTomorrow" && *cell != "NA");
        let observation: serde_json::Map<String, Value> = known
            .map(|(name, cell)| {
                let number = cell.parse::<f64>();
                let value = number.map_or_else(|_| json!(cell), |number| json!(number));
                ((*name).to_string(), value)
            })
            .collect();
        let day = observation["Date"].as_str().unwrap().to_string();
        days.entry(day).or_default().push(Asked {
            observation: Value::Object(observation).to_string(),
            expected: serde_json::from_str(prediction).unwrap(),
        });
    }
    let skipped = days.len() - 5;
    days.into_iter().skip(skipped).collect()
}

#[track_caller]
fn assert_as_predicted(address: &str, asked: &Asked) {
    let (status, answer) = post(address, &asked.observation);
    assert_eq!(status, 200, "{answer}");
    let expected = &asked.expected;
    assert_eq!(
        answer["probability"], expected["probability"],
        "{}",
        asked.observation
    );
    assert_eq!(answer["decision"], expected["decision"]);
    assert_eq!(answer["window"]["asked"], 7 + 7 * 2);
    assert_eq!(answer["window"]["found"], 7 + 7 * 2);
}

/// What `predict` says of these observations alone, with the table as their history.
fn predicted_with_history(folder: &Path, observations: &[Asked]) -> Vec<Value> {
    let rows = observations.iter().map(|asked| asked.observation.as_str());
    std::fs::write(
        folder.join("rows.jsonl"),
        rows.collect::<Vec<_>>().join("\n"),
    )
    .unwrap();
    let mut command = rain(folder);
    command.args(["predict", "rows.jsonl", "--history", "data/weatherAUS.csv"]);
    let output = command.assert().success().get_output().stdout.clone();
    let lines = String::from_utf8(output).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

#[test]
fn the_service_gives_what_predict_gives_refuses_nonsense_and_logs_what_it_answered() {
    let folder = trained();
    let path = folder.path();
    let days = last_days(path);
    let (last, observations) = days.last().unwrap();
    let expected = observations.iter().map(|asked| asked.expected.clone());
    let alone = predicted_with_history(path, observations);
    assert_eq!(alone, expected.collect::<Vec<_>>());
    materialize(path, last, &[]);
    let (server, address, _) = serve(path, &[]);
    let mut asked = 0;
    for observation in days.iter().flat_map(|(_, observations)| observations) {
        assert_as_predicted(&address, observation);
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
        assert_eq!(status, 400, "{nonsense}");
        answer["error"].as_str().unwrap().to_string()
    });
    insta::assert_snapshot!(said.join("\n"), @r#"
    the body is no JSON (line 1, character 1): send one observation, as an object with the contract's columns as fields
    the body is no JSON object: send one observation, as an object with the contract's columns as fields
    Date: this field is required: a date written "yyyy-mm-dd"
    Humidity3pm: "damp" is not a number from 0 to 100 %
    "#);
    drop(server);
    let log = std::fs::read_to_string(path.join("predictions/log.jsonl")).unwrap();
    assert_eq!(log.lines().count(), asked);
}

/// Every station reports its day; then the forecasts are asked for.
fn live_through(address: &str, days: &[(String, Vec<Asked>)]) {
    for (_, observations) in days {
        for report in observations {
            assert_eq!(post(address, &report.observation).0, 200);
        }
        for observation in observations {
            assert_as_predicted(address, observation);
        }
    }
}

#[test]
fn what_requests_bring_is_known_to_those_that_follow_also_after_a_restart() {
    let folder = trained();
    let path = folder.path();
    let days = last_days(path);
    let (first, _) = &days[0];
    materialize(path, first, &[]);
    let (server, address, _) = serve(path, &[]);
    live_through(&address, &days[1..3]);
    drop(server);
    let (_server, address, _) = serve(path, &[]);
    live_through(&address, &days[3..]);
}

#[test]
fn with_nothing_in_the_store_it_answers_and_says_what_it_lacks() {
    let folder = trained();
    let path = folder.path();
    let (_server, address, line) = serve(path, &["--store", "other/store.redb"]);
    assert!(
        line.contains("windows from other/store.redb, where `features materialize`"),
        "{line}"
    );
    let (_, last) = last_days(path).pop().unwrap();
    let (status, answer) = post(&address, &last[0].observation);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["window"], json!({"asked": 21, "found": 0}));
    assert_ne!(answer["probability"], last[0].expected["probability"]);
    assert!(path.join("other/store.redb").exists());
    assert!(!path.join("data/online.redb").exists());
}

#[test]
fn a_store_it_cant_use_is_told_at_the_start() {
    let folder = trained();
    let path = folder.path();
    let no_server = refused(path, &["serve", "--store", "redis://127.0.0.1:1/0"]);
    assert!(
        no_server.contains("Start it (`redis-server`)"),
        "{no_server}"
    );
    let (_server, _, _) = serve(path, &[]);
    let second = refused(path, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(
        second.contains("another process has this online store open"),
        "{second}"
    );
}

/// A Redis server on this port that keeps what it was told; `None` if there is no such
/// program here.
fn redis(folder: &Path, port: u16) -> Option<Process> {
    let started = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args([
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--dir",
        ])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    let Ok(server) = started else {
        let message = "there is no `redis-server` on the PATH (scripts/check_redis.sh needs it)";
        assert!(
            std::env::var("MLOPS_REDIS").as_deref() != Ok("required"),
            "{message}"
        );
        eprintln!("SKIPPED: {message}");
        return None;
    };
    let server = Process(server);
    let start = Instant::now();
    while !answers(port) {
        assert!(start.elapsed() < Duration::from_secs(20), "no redis-server");
        std::thread::sleep(Duration::from_millis(10));
    }
    Some(server)
}

/// Whether it is there and has read its file.
fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let mut answer = [0; 5];
    stream.write_all(b"PING\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && answer == *b"+PONG"
}

#[test]
fn with_redis_gone_it_gives_no_answer_and_with_redis_back_the_same_as_predict() {
    let folder = trained();
    let path = folder.path();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let Some(mut server) = redis(path, port) else {
        return;
    };
    let store = format!("redis://127.0.0.1:{port}/0");
    let setting = format!("online.store={store}");
    let days = last_days(path);
    materialize(path, &days[0].0, &["--set", &setting]);
    // Two services share the store: what one is sent, the other knows.
    let (_service, address, _) = serve(path, &["--store", &store]);
    let (_other, other, _) = serve(path, &["--store", &store, "--log", "other.jsonl"]);
    let (_, reports) = &days[1];
    for report in reports {
        assert_eq!(post(&address, &report.observation).0, 200);
    }
    assert_as_predicted(&other, &reports[0]);
    server.kill();
    let (status, answer) = post(&address, &reports[0].observation);
    assert_eq!(status, 503, "{answer}");
    insta::assert_snapshot!(answer["error"].as_str().unwrap(), @"no answer is given now: the online store, which holds the days before, can't be used. Try again later");
    assert_eq!(ready(&address).0, 503);
    let _server = redis(path, port);
    assert_eq!(ready(&address), (200, json!({"ready": true})));
    live_through(&address, &days[1..]);
}

fn signal(process: &Process, name: &str) {
    let number = process.0.id().to_string();
    let sent = Command::new("kill").args([name, &number]).status().unwrap();
    assert!(sent.success());
}

/// Starts a service whose own log goes into a file.
fn serve_verbose(folder: &Path) -> (Process, String) {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("rain"))
        .args(["-v", "serve", "--listen", "127.0.0.1:0"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(folder.join("stderr")).unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).unwrap();
    (Process(child), address.split(',').next().unwrap().into())
}

#[test]
fn its_log_can_be_rotated_what_callers_send_forges_no_line_and_a_second_signal_ends_it_at_once() {
    let folder = trained();
    let path = folder.path();
    let (mut server, address) = serve_verbose(path);
    let (_, days) = last_days(path).pop().unwrap();
    let asks = || assert_eq!(post(&address, &days[0].observation).0, 200);
    let lines = |name: &str| {
        let text = std::fs::read_to_string(path.join("predictions").join(name)).unwrap();
        text.lines().count()
    };
    asks();
    std::fs::rename(
        path.join("predictions/log.jsonl"),
        path.join("predictions/log.1"),
    )
    .unwrap();
    signal(&server, "-HUP");
    asks();
    signal(&server, "-HUP");
    asks();
    assert_eq!((lines("log.1"), lines("log.jsonl")), (1, 2));

    let forged = json!({"x\n ERROR can't answer error=\"forged\" \u{1b}[31m": 1}).to_string();
    assert_eq!(post(&address, &forged).0, 400);
    let log = std::fs::read_to_string(path.join("stderr")).unwrap();
    assert!(log.contains("forged"), "{log}");
    assert!(log.lines().all(|line| !line.starts_with(" ERROR")), "{log}");
    assert!(!log.contains('\u{1b}'), "{log:?}");

    // A client that never finishes its question keeps it from ending by itself for some seconds.
    let mut half_open = TcpStream::connect(&address).unwrap();
    half_open
        .write_all(b"POST /v1/predict HTTP/1.1\r\n")
        .unwrap();
    std::thread::sleep(Duration::from_millis(200));
    signal(&server, "-TERM");
    std::thread::sleep(Duration::from_millis(300));
    assert!(server.0.try_wait().unwrap().is_none(), "it ended too soon");
    let start = Instant::now();
    signal(&server, "-TERM");
    assert_eq!(server.0.wait().unwrap().code(), Some(128 + 15));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_answer_is_explained_from_the_log_with_the_model_that_gave_it_also_when_another_is_in_its_place()
 {
    let folder = trained();
    let path = folder.path();
    let days = last_days(path);
    materialize(path, &days[0].0, &[]);
    let (server, address, _) = serve(path, &[]);
    let mut given = Vec::new();
    for asked in days.iter().flat_map(|(_, observations)| observations) {
        given.push(post(&address, &asked.observation).1);
    }
    drop(server);
    let answer = &given[17];
    let id = answer["id"].as_str().unwrap();
    let log = "predictions/log.jsonl";
    let explain = ["explain", log, "--id", id];
    let explained = |path: &Path| {
        let mut command = rain(path);
        let output = command.args(["--json"]).args(explain);
        let output = output.assert().success().get_output().stdout.clone();
        serde_json::from_slice::<Value>(&output).unwrap()
    };
    let first = explained(path);
    assert_eq!(first["probability"], answer["probability"]);
    assert_eq!(first["key"]["Date"], json!(days[2].0));
    // Seven days of its own, the day before of its seven neighbours, and today of the one that was asked before it:
    // all came from the store, and are in the features that were logged.
    assert_eq!(answer["window"]["found"], 7 + 7 + 1);

    std::fs::rename(path.join("models/model.bin"), path.join("models/old.bin")).unwrap();
    rain(path)
        .args(SMALL)
        .args(["--set", "seed=7", "train"])
        .assert()
        .success();
    let again = explained(path);
    assert_eq!(again["model"], "models/old.bin");
    assert_eq!(again["steps"], first["steps"]);
    let wrong_model = refused(path, &["explain", log]);
    assert!(
        wrong_model.contains("none of its 40 answers"),
        "{wrong_model}"
    );
    rain(path)
        .args(["explain", log, "--model", "models/old.bin"])
        .assert()
        .success();
    std::fs::remove_file(path.join("models/old.bin")).unwrap();
    let gone = refused(path, &explain);
    assert!(gone.contains(answer["model"].as_str().unwrap()), "{gone}");
    // The log is a table for drift as well: too short a one here.
    let table = "data/weatherAUS.csv";
    let drift = refused(path, &["drift", "--reference", table, "--current", log]);
    assert!(drift.contains("40"), "{drift}");
}
