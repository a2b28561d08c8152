//! The service over HTTP, and the store it answers from.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

mod admission;
mod callers;
mod limits;
mod machines;
mod store;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::SystemTime;

use machines::{ASKED, expected, inference};
use mlops_features::online::OnlineError;
use mlops_serving::{
    Limits, Online, PredictionLog, Service, ServingError, ServingSettings, WallClock, serve,
};
use serde_json::{Value, json};
use store::{Broken, Fragile};

/// Requests may write.
const STORES: ServingSettings = ServingSettings {
    store_observations: Some(true),
    store_unusual: false,
    days_ahead: 31,
};

/// A service in a thread of its own.
struct Running {
    address: SocketAddr,
    broken: Arc<Broken>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start(folder: &Path) -> Running {
        Running::with(folder, STORES, Limits::default(), Box::new(SystemTime::now))
    }

    fn with(folder: &Path, settings: ServingSettings, limits: Limits, clock: WallClock) -> Running {
        let (store, broken) = Fragile::open(folder, 3);
        let scorer = Online::new(inference(folder), store, "readings", settings).unwrap();
        let log = PredictionLog::open(&folder.join("log.jsonl")).unwrap();
        let service = Service {
            scorer: Box::new(scorer),
            log: Some(Arc::new(log)),
            clock,
            limits,
        };
        Running::run(service, broken)
    }

    fn run(service: Service, broken: Arc<Broken>) -> Running {
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let until = async {
                    let _ = stopped.await;
                };
                serve(listener, service, until).await;
            });
        });
        Running {
            address: told.recv().unwrap(),
            broken,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn ask(&self, machine: &str, day: u8, load: f64) -> (u16, Value) {
        let body = json!({"Day": format!("2024-01-{day:02}"), "Machine": machine, "Load": load});
        self.post(&body.to_string())
    }

    fn post(&self, body: &str) -> (u16, Value) {
        let head = "POST /v1/predict HTTP/1.1\r\nContent-Type: application/json\r\n";
        let length = body.len();
        self.exchange(&format!("{head}Content-Length: {length}\r\n"), body)
    }

    fn ready(&self) -> (u16, Value) {
        self.exchange("GET /v2/health/ready HTTP/1.1\r\n", "")
    }

    fn exchange(&self, head: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let request = format!("{head}Host: localhost\r\nConnection: close\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        let ended = self.thread.take().unwrap().join();
        assert!(std::thread::panicking() || ended.is_ok());
    }
}

fn logged(folder: &Path) -> usize {
    let log = std::fs::read_to_string(folder.join("log.jsonl")).unwrap();
    log.lines().count()
}

#[track_caller]
fn assert_answer(answer: (u16, Value), probability: f64, found: usize) {
    let (status, answer) = answer;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["probability"], probability, "{answer}");
    assert_eq!(
        answer["window"],
        json!({"asked": ASKED, "found": found}),
        "{answer}"
    );
}

#[test]
fn an_answer_is_made_with_what_the_store_holds_and_says_how_much_that_was() {
    let folder = tempfile::tempdir().unwrap();
    let service = Running::start(folder.path());
    assert_answer(service.ask("a", 1, 9.0), expected(9.0, None, None), 0);
    assert_answer(service.ask("b", 2, 8.0), expected(8.0, None, None), 1);
    let all = expected(1.0, Some(9.0), Some(8.0));
    assert_answer(service.ask("a", 2, 1.0), all, 2);
    // Asked again, it doesn't count itself.
    assert_answer(service.ask("a", 2, 1.0), all, 2);
    // After a gap yesterday is unknown, though the days before aren't.
    assert_answer(service.ask("a", 4, 1.0), expected(1.0, None, None), 1);
    // An entity that the model has never seen has no neighbours, but a yesterday.
    assert_eq!(service.ask("c", 1, 9.0).0, 200);
    let (status, answer) = service.ask("c", 2, 9.0);
    assert_eq!(status, 200);
    assert_eq!(answer["probability"], expected(9.0, Some(9.0), None));
    assert_eq!(answer["window"], json!({"asked": 2, "found": 1}));
    assert_eq!(service.ready(), (200, json!({"ready": true})));
    drop(service);
    assert_eq!(logged(folder.path()), 7);
}

#[test]
fn of_two_observations_of_a_day_the_later_holds() {
    let folder = tempfile::tempdir().unwrap();
    let service = Running::start(folder.path());
    service.ask("a", 1, 9.0);
    service.ask("a", 1, 2.0);
    assert_answer(service.ask("a", 2, 9.0), expected(9.0, Some(2.0), None), 1);
}

#[test]
fn days_to_come_are_refused_and_drive_nothing_out_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let service = Running::start(folder.path());
    service.ask("a", 1, 9.0);
    for day in 1..=9 {
        let mistyped = json!({"Day": format!("2124-01-0{day}"), "Machine": "a", "Load": 1});
        let (status, answer) = service.post(&mistyped.to_string());
        assert_eq!(status, 400, "{answer}");
        assert!(answer["error"].as_str().unwrap().contains("hasn't begun"));
    }
    assert_answer(service.ask("a", 2, 9.0), expected(9.0, Some(9.0), None), 1);
}

#[test]
fn another_service_over_the_same_store_knows_what_the_first_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let first = Running::start(folder.path());
    first.ask("a", 1, 9.0);
    drop(first);
    let second = Running::start(folder.path());
    assert_answer(second.ask("a", 2, 9.0), expected(9.0, Some(9.0), None), 1);
}

#[test]
fn without_its_store_the_service_gives_no_answer_and_isnt_ready() {
    let folder = tempfile::tempdir().unwrap();
    let service = Running::start(folder.path());
    service.ask("a", 1, 9.0);
    for broken in [&service.broken.reads, &service.broken.writes] {
        broken.store(true, Ordering::SeqCst);
        let (status, answer) = service.ask("a", 2, 1.0);
        assert_eq!(status, 503, "{answer}");
        let said = answer["error"].as_str().unwrap();
        assert!(said.contains("online store"), "{said}");
        assert!(!said.contains("secret"), "{said}");
        assert!(answer.get("probability").is_none(), "{answer}");
        assert_eq!(service.ready().0, 503);
        let (status, answer) = service.post(r#"{"Day": "2024-01-02", "Machine": "a", "Load": -3}"#);
        assert_eq!(status, 400, "the caller's mistake stays one: {answer}");
        broken.store(false, Ordering::SeqCst);
    }
    service.broken.reads.store(true, Ordering::SeqCst);
    let (status, answer) = service.ready();
    assert_eq!(status, 503, "{answer}");
    assert!(answer["error"].as_str().unwrap().contains("online store"));
    service.broken.reads.store(false, Ordering::SeqCst);
    assert_eq!(service.ready().0, 200);
    assert_answer(service.ask("a", 2, 1.0), expected(1.0, Some(9.0), None), 1);
    drop(service);
    assert_eq!(logged(folder.path()), 2, "what got no answer isn't logged");
}

#[test]
fn requests_at_the_same_time_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let service = Running::start(folder.path());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let service = &service;
            scope.spawn(move || {
                for day in 1..=10 {
                    let machine = format!("machine {thread}");
                    let yesterday = (day > 1).then_some(9.0);
                    let (status, answer) = service.ask(&machine, day, 9.0);
                    assert_eq!(status, 200);
                    assert_eq!(answer["probability"], expected(9.0, yesterday, None));
                }
            });
        }
    });
    drop(service);
    assert_eq!(logged(folder.path()), 80);
}

#[test]
fn a_store_that_keeps_too_few_days_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Fragile::open(folder.path(), 2);
    let error = Online::new(inference(folder.path()), store, "readings", STORES).unwrap_err();
    assert!(
        matches!(error, ServingError::Store(OnlineError::Place { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("over 3 days"), "{error}");
}

#[test]
fn a_store_that_cant_be_read_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (store, broken) = Fragile::open(folder.path(), 3);
    broken.reads.store(true, Ordering::SeqCst);
    let error = Online::new(inference(folder.path()), store, "readings", STORES).unwrap_err();
    assert!(error.to_string().contains("no answer"), "{error}");
}
