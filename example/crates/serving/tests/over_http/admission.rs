//! What a request may do to the answers that others get.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use mlops_serving::{Limits, ServingSettings};
use serde_json::json;

use super::machines::expected;
use super::{Running, STORES, assert_answer, logged};

fn service(folder: &Path, settings: ServingSettings) -> Running {
    Running::with(
        folder,
        settings,
        Limits::default(),
        Box::new(SystemTime::now),
    )
}

#[test]
fn a_service_that_doesnt_store_gives_the_same_answer_whatever_was_asked_before() {
    let folder = tempfile::tempdir().unwrap();
    let stores = service(folder.path(), STORES);
    let (_, answer) = stores.ask("a", 1, 9.0);
    assert_eq!(answer["stored"], true);
    drop(stores);
    let never = ServingSettings {
        store_observations: Some(false),
        ..STORES
    };
    let service = service(folder.path(), never);
    for day in [1, 2, 3] {
        let (status, answer) = service.ask("a", day, 1.0);
        assert_eq!((status, &answer["stored"]), (200, &json!(false)));
        let why = answer["not_stored_because"].as_str().unwrap();
        assert_eq!(why, "this service stores no observations");
    }
    assert_answer(service.ask("a", 2, 9.0), expected(9.0, Some(9.0), None), 1);
    service.broken.writes.store(true, Ordering::SeqCst);
    assert_eq!(service.ready().0, 200, "it needs to write nothing");
}

#[test]
fn what_is_left_open_is_decided_by_who_can_reach_the_address() {
    let stores = |ip: &str| {
        let settings = ServingSettings::default().on(ip.parse().unwrap());
        settings.store_observations.unwrap()
    };
    assert_eq!(["127.0.0.1", "::1"].map(stores), [true, true]);
    assert_eq!(["0.0.0.0", "::", "10.0.0.1"].map(stores), [false; 3]);
    assert_eq!(STORES.on("0.0.0.0".parse().unwrap()), STORES);
}

#[test]
fn absurd_values_and_days_far_ahead_are_answered_and_dont_enter_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path(), STORES);
    service.ask("a", 1, 9.0);
    let (status, answer) = service.ask("a", 1, 99.0);
    assert_eq!(status, 200);
    assert_eq!(answer["not_stored_because"], "Load has an unusual value");
    let trusting = ServingSettings {
        store_unusual: true,
        ..STORES
    };
    let other = tempfile::tempdir().unwrap();
    let answer = self::service(other.path(), trusting).ask("a", 1, 99.0).1;
    assert_eq!(answer["stored"], true);
    // Enough to push everything out of a store of three days.
    for day in 1..=9 {
        let ahead = json!({"Day": format!("2025-01-0{day}"), "Machine": "a", "Load": 1});
        let (status, answer) = service.post(&ahead.to_string());
        assert_eq!((status, &answer["stored"]), (200, &json!(false)));
        let why = answer["not_stored_because"].as_str().unwrap();
        assert_eq!(why, "its day is more than 31 days after the latest stored");
    }
    assert_answer(service.ask("a", 2, 9.0), expected(9.0, Some(9.0), None), 1);
    // A gap of some weeks is no attack.
    let later = json!({"Day": "2024-02-02", "Machine": "a", "Load": 1});
    assert_eq!(service.post(&later.to_string()).1["stored"], true);
}

/// A clock that a test sets.
fn clock() -> (Arc<AtomicU64>, mlops_serving::WallClock) {
    let seconds = Arc::new(AtomicU64::new(1_735_000_000));
    let told = Arc::clone(&seconds);
    let clock = move || SystemTime::UNIX_EPOCH + Duration::from_secs(told.load(Ordering::SeqCst));
    (seconds, Box::new(clock))
}

#[test]
fn with_the_clock_set_back_corrections_hold_and_a_wrong_clock_is_not_the_callers_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let (seconds, clock) = clock();
    let service = Running::with(folder.path(), STORES, Limits::default(), clock);
    service.ask("a", 1, 9.0);
    for (back, load) in [(3600, 2.0), (7200, 9.0), (7200, 2.0), (0, 9.0)] {
        seconds.store(1_735_000_000 - back, Ordering::SeqCst);
        service.ask("a", 1, load);
        assert_answer(service.ask("a", 2, 9.0), expected(9.0, Some(load), None), 1);
    }
    let answered = logged(folder.path());
    seconds.store(1_035_000_000, Ordering::SeqCst);
    let (status, answer) = service.ask("a", 3, 9.0);
    assert_eq!(status, 503, "{answer}");
    assert!(answer["error"].as_str().unwrap().contains("clock"));
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(service.ready().0, 503);
    seconds.store(1_735_000_000, Ordering::SeqCst);
    assert_eq!(service.ready().0, 200);
    assert_eq!(logged(folder.path()), answered);
}

#[test]
fn a_clock_that_was_wrong_from_the_start_is_found_out_by_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let (seconds, clock) = clock();
    // The model was trained on 2024-01-01.
    seconds.store(1_535_000_000, Ordering::SeqCst);
    let service = Running::with(folder.path(), STORES, Limits::default(), clock);
    assert_eq!(service.ready().0, 503);
    assert_eq!(service.ask("a", 1, 9.0).0, 503);
}

#[test]
fn while_the_log_cant_be_written_it_gives_no_answer_and_isnt_ready() {
    let folder = tempfile::tempdir().unwrap();
    let service = Running::start(folder.path());
    assert_eq!(service.ask("a", 1, 9.0).0, 200);
    let held = File::open(folder.path().join("log.jsonl")).unwrap();
    held.lock().unwrap();
    assert_eq!(service.ask("a", 2, 9.0).0, 503);
    let (status, answer) = service.ready();
    assert_eq!(status, 503);
    assert!(answer["error"].as_str().unwrap().contains("prediction log"));
    held.unlock().unwrap();
    assert_eq!(service.ready().0, 200);
    assert_eq!(service.ask("a", 2, 9.0).0, 200);
    assert_eq!(logged(folder.path()), 2);
}
