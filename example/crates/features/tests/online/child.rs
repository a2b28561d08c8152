//! Several processes, and processes that are killed.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use mlops_features::online::{OnlineSettings, OnlineStore, RedbStore, materialize, open};

use crate::materialize::{chunks, request, rows};
use crate::model::{VIEW, assert_holds, shuffled};
use crate::over_both_stores;
use crate::places::Place;

over_both_stores!(
    two_processes_that_write_at_once_lose_nothing,
    a_materialization_killed_in_the_middle_goes_on,
);

/// Seeds of what the two processes write: the same observations in different orders.
const SEEDS: [u64; 2] = [10, 11];
const LAST: i32 = 60;

fn observations(seed: u64) -> crate::model::Rows {
    shuffled(seed, 3, 6, 8)
}

/// This program again, to do only what [`act`] does.
fn start(place: &Place, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "--nocapture", "child::act"])
        .env("MLOPS_ONLINE_ROLE", role)
        .env(
            "MLOPS_ONLINE_STORE",
            serde_json::to_string(&place.settings).unwrap(),
        )
        .stdin(Stdio::null());
    command
}

/// What a child does; not a test.
#[test]
#[ignore = "run by the tests of this file, in a process of its own"]
fn act() {
    let role = std::env::var("MLOPS_ONLINE_ROLE").unwrap();
    let settings = std::env::var("MLOPS_ONLINE_STORE").unwrap();
    let settings: OnlineSettings = serde_json::from_str(&settings).unwrap();
    if role == "materialize" {
        let store = open(&settings).unwrap();
        let slow = |from, until| {
            chunks(from, until).inspect(|chunk| {
                println!("chunk {}", chunk.as_ref().unwrap().through);
                std::thread::sleep(Duration::from_millis(20));
            })
        };
        materialize(&*store, &request(1, LAST), slow).unwrap();
        return;
    }
    let rows = observations(role.parse().unwrap());
    for group in rows.chunks(8) {
        // A file is for one process at a time: each opens it for one push.
        patiently(&settings).push(VIEW, group).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn patiently(settings: &OnlineSettings) -> Box<dyn OnlineStore> {
    if settings.store.starts_with("redis://") {
        return open(settings).unwrap();
    }
    let timeout = Duration::from_secs(60);
    Box::new(RedbStore::open(settings.store.as_ref(), settings.keep, timeout).unwrap())
}

fn two_processes_that_write_at_once_lose_nothing(place: &Place) {
    let children = SEEDS.map(|seed| {
        let mut command = start(place, &seed.to_string());
        command.stdout(Stdio::null()).spawn().unwrap()
    });
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let all: Vec<_> = SEEDS.into_iter().flat_map(observations).collect();
    assert_holds(&*place.open(), &all);
}

fn a_materialization_killed_in_the_middle_goes_on(place: &Place) {
    for chunks_before in [1, 5, 3] {
        let mut command = start(place, "materialize");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let said = output.lines().map_while(Result::ok);
        let given = said.filter(|line| line.starts_with("chunk"));
        assert_eq!(given.take(chunks_before).count(), chunks_before);
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
    }
    let store = place.open();
    let done = materialize(&*store, &request(1, LAST), chunks).unwrap();
    assert!(done.resumed, "{done:?}");
    // Three times something was done, and nothing of it twice but the chunk it died in.
    assert!(done.from > 10, "{done:?}");
    assert_holds(&*store, &rows(1, LAST));
}
