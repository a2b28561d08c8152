//! What a client may take of the service, and how it stops.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mlops_features::online::Coverage;
use mlops_serving::{Answer, Limits, Prediction, Result, Score, Service};
use serde_json::{Map, Value, json};

use super::{Broken, Running, STORES};

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(200);
/// No test waits for longer.
const AT_MOST: Duration = Duration::from_secs(20);

const PATIENT: Limits = Limits {
    header: LONG,
    body: LONG,
    connection: LONG,
    drain: SHORT,
    connections: 1024,
};

fn service(folder: &std::path::Path, limits: Limits) -> Running {
    Running::with(folder, STORES, limits, Box::new(SystemTime::now))
}

fn connect(service: &Running, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream.set_read_timeout(Some(AT_MOST)).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    stream
}

/// What comes until the service closes the connection.
#[track_caller]
fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) => assert_eq!(
            error.kind(),
            ErrorKind::ConnectionReset,
            "not closed: {error}"
        ),
    }
    String::from_utf8(answer).unwrap()
}

const HALF_HEAD: &str = "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n";
const HALF_BODY: &str = "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{";
const READY: &str = "GET /v2/health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn a_client_that_falls_silent_is_disconnected_wherever_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        header: SHORT,
        body: SHORT,
        ..PATIENT
    };
    let service = service(folder.path(), limits);
    for (bytes, answer) in [
        ("", ""),
        (HALF_HEAD, ""),
        (HALF_BODY, "408"),
        (READY, "200"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
    ] {
        let said = rest(&mut connect(&service, bytes));
        assert_eq!(said.get(9..12).unwrap_or_default(), answer, "{bytes:?}");
    }
    // A limit each: one can't do the work of the other.
    let slow_body = Limits {
        body: LONG,
        ..limits
    };
    let other = self::service(tempfile::tempdir().unwrap().path(), slow_body);
    let mut stream = connect(&other, HALF_BODY);
    stream.set_read_timeout(Some(4 * SHORT)).unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert!(matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    ));
}

#[test]
fn a_connection_doesnt_last_for_ever_however_busy() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        connection: SHORT,
        ..PATIENT
    };
    let service = service(folder.path(), limits);
    assert!(rest(&mut connect(&service, READY)).starts_with("HTTP/1.1 200"));
}

#[test]
fn it_stops_in_time_whatever_its_clients_do() {
    for bytes in ["", HALF_HEAD, HALF_BODY, READY] {
        let folder = tempfile::tempdir().unwrap();
        let service = service(folder.path(), PATIENT);
        let _client = connect(&service, bytes);
        std::thread::sleep(SHORT);
        let start = Instant::now();
        drop(service);
        assert!(start.elapsed() < AT_MOST, "{bytes:?}");
    }
}

/// Answers after a while.
struct Slow;

impl Score for Slow {
    fn score(&self, _observation: &Map<String, Value>, _now: SystemTime) -> Result<Answer> {
        std::thread::sleep(2 * SHORT);
        Ok(Answer {
            prediction: Prediction {
                probability: 0.5,
                decision: "yes".into(),
                model: "none".into(),
                window: Coverage { asked: 0, found: 0 },
                stored: false,
                not_stored_because: None,
            },
            features: vec![f32::NAN],
        })
    }

    fn ready(&self, _now: SystemTime) -> Result<()> {
        Ok(())
    }
}

#[test]
fn what_is_under_way_when_it_stops_is_answered() {
    let service = Service {
        scorer: Box::new(Slow),
        log: None,
        clock: Box::new(SystemTime::now),
        limits: Limits {
            drain: AT_MOST,
            ..PATIENT
        },
    };
    let service = Running::run(service, Arc::<Broken>::default());
    let body = HALF_BODY.replace("500", "2").replace('{', "{}");
    let mut client = connect(&service, &body);
    std::thread::sleep(SHORT);
    drop(service);
    let answer = rest(&mut client);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn who_comes_when_there_are_too_many_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        connections: 2,
        ..PATIENT
    };
    let service = service(folder.path(), limits);
    let held = [connect(&service, HALF_HEAD), connect(&service, HALF_HEAD)];
    std::thread::sleep(SHORT);
    let (status, answer) = service.ready();
    assert_eq!(status, 503, "{answer}");
    let said = answer["error"].as_str().unwrap();
    assert!(said.contains("too many connections"), "{said}");
    drop(held);
    let start = Instant::now();
    while service.ready().0 != 200 {
        assert!(start.elapsed() < AT_MOST);
        std::thread::sleep(SHORT / 10);
    }
}

#[test]
fn bodies_that_are_no_observation_are_refused_in_plain_words() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path(), PATIENT);
    let said = |body: &str| {
        let (status, answer) = service.post(body);
        format!("{status} {}", answer["error"].as_str().unwrap())
    };
    let large = json!({"Machine": "x".repeat(70_000)}).to_string();
    let long = json!({"Day": "2024-01-01", "Machine": "x".repeat(300)}).to_string();
    let long_field = json!({"y".repeat(300): 1}).to_string();
    let all = ["[1]", "{\"Day\"\n:", "", &large, &long, &long_field].map(said);
    insta_lines(&all.join("\n"));
    let other = "POST /v1/predict HTTP/1.1\r\nContent-Length: 2\r\n";
    assert_eq!(service.exchange(other, "{}").0, 415);
}

#[track_caller]
fn insta_lines(said: &str) {
    let expected = "\
400 the body is no JSON object: send one observation, as an object with the contract's columns as fields
400 the body is no JSON (line 2, character 1): send one observation, as an object with the contract's columns as fields
400 the body is no JSON (line 1, character 0): send one observation, as an object with the contract's columns as fields
413 the body has more than 65536 bytes: send one observation
400 Machine: it has 300 bytes, and at most 256 are taken: shorten it
400 yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy: it has 300 bytes, and at most 256 are taken: shorten it";
    assert_eq!(said, expected);
}
