//! Who may ask, and what a request must be to get an answer.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::{Running, logged};

const BODY: &str = r#"{"Day": "2024-01-01", "Machine": "a", "Load": 1}"#;

/// The whole answer to a request with these headers.
fn ask(service: &Running, first: &str, headers: &[&str], body: &str) -> String {
    let length = format!("Content-Length: {}", body.len());
    let lines = [&[first][..], headers, &[&length, "Connection: close"]].concat();
    let request = format!("{}\r\n\r\n{body}", lines.join("\r\n"));
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn predict(service: &Running, headers: &[&str], body: &str) -> String {
    let json = ["Content-Type: application/json"];
    ask(
        service,
        "POST /v1/predict HTTP/1.1",
        &[headers, &json].concat(),
        body,
    )
}

#[track_caller]
fn assert_refused(answer: &str, status: u16, said: &str) {
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status} ")),
        "{answer}"
    );
    assert!(answer.contains(said), "{answer}");
}

#[test]
fn pages_of_other_sites_get_no_answer_from_a_service_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let service = Running::start(folder.path());
    for host in ["evil.example", "evil.example:8080", "10.0.0.1", ""] {
        let host = format!("Host: {host}");
        assert_refused(&predict(&service, &[&host], BODY), 403, "this machine only");
        let ready = ask(&service, "GET /v2/health/ready HTTP/1.1", &[&host], "");
        assert_refused(&ready, 403, "this machine only");
    }
    for origin in ["https://evil.example", "null"] {
        let headers = ["Host: localhost", &format!("Origin: {origin}")];
        assert_refused(&predict(&service, &headers, BODY), 403, origin);
    }
    for (host, origin) in [
        ("127.0.0.1:1", "http://localhost:3000"),
        ("[::1]", "http://127.0.0.1"),
    ] {
        let headers = [format!("Host: {host}"), format!("Origin: {origin}")];
        let answer = predict(&service, &[&headers[0], &headers[1]], BODY);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    drop(service);
    assert_eq!(logged(folder.path()), 2);
}

#[test]
fn a_request_that_could_mean_two_things_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let service = Running::start(folder.path());
    let own = ["Host: localhost"];
    let twice = r#"{"Day": "2024-01-01", "Machine": "a", "Load": 1, "Load": 2}"#;
    let said = r#"the field \"Load\" is there more than once"#;
    assert_refused(&predict(&service, &own, twice), 400, said);
    let first = "POST /v1/predict HTTP/1.1";
    let utf16 = [own[0], "Content-Type: application/json; charset=utf-16"];
    assert_refused(
        &ask(&service, first, &utf16, BODY),
        415,
        "send JSON in UTF-8",
    );
    let utf8 = [own[0], "Content-Type: application/json; Charset=\"UTF-8\""];
    assert_refused(&ask(&service, first, &utf8, BODY), 200, "probability");
    assert_refused(
        &predict(&service, &own, "[]"),
        400,
        "the body is no JSON object",
    );
    assert_refused(
        &predict(&service, &own, "{\"a\": "),
        400,
        "the body is no JSON (line 1",
    );
}

#[test]
fn another_method_is_refused_with_those_that_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let service = Running::start(folder.path());
    for (first, methods) in [
        ("GET /v1/predict HTTP/1.1", "POST"),
        ("OPTIONS /v1/predict HTTP/1.1", "POST"),
        ("POST /v2/health/ready HTTP/1.1", "GET,HEAD"),
    ] {
        let answer = ask(&service, first, &["Host: localhost"], "");
        assert_refused(&answer, 405, &format!("no other method than {methods}"));
        let allow = format!("allow: {methods}\r\n");
        assert_eq!(
            answer.to_lowercase().matches(&allow.to_lowercase()).count(),
            1,
            "{answer}"
        );
    }
}

#[test]
fn another_way_to_write_a_known_name_is_refused_and_a_new_name_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let service = Running::start(folder.path());
    for near in ["A", "a ", " a", "\u{ff41}"] {
        let (status, answer) = service.ask(near, 1, 9.0);
        assert_eq!(status, 400, "{answer}");
        let said = format!("Machine: {near:?} is not known, but \"a\" is: write it like this");
        assert_eq!(answer["error"], said);
    }
    assert_eq!(service.ask("c", 1, 9.0).0, 200);
    drop(service);
    assert_eq!(logged(folder.path()), 1);
}
