//! A project that has nothing to do with the first one goes through the same
//! life: the toolkit knows neither.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use mlops_cli::Project;
use mlops_data::{Cell, calendar::Day};
use mlops_features::{Observation, Registry};

const CONTRACT: &str = "
table: machines
key: [Day, Machine]
time: Day
entity: Machine
label: {column: FailsTomorrow, positive: fails}
columns:
- {name: Day, type: date, known_at: 0}
- {name: Machine, type: category, known_at: 0}
- {name: Load, type: number, unit: kW, range: [0, 100], known_at: 20}
- {name: Vibration, type: number, unit: mm/s, range: [0, 50], known_at: 20}
- {name: FailsTomorrow, type: category, values: [runs, fails], known_at: 48}
";

const PARAMS: &str = "
seed: 7
data: {file: machines.csv}
features: {service: evening}
split: {by: time, test_from: 2024-03-01}
model: {kind: tree}
threshold: 0.5
evaluate: {bootstrap_rounds: 50}
";

const FEATURES: &str = "
entities: [{name: machine, key: Machine}]
sources: [{name: readings, event: Day}]
views:
- name: sensors
  description: what the sensors said
  entity: machine
  from: [readings]
  fields:
  - {name: load, unit: kW, description: mean load, inputs: [Load]}
  - {name: vibration, unit: mm/s, description: mean vibration, inputs: [Vibration]}
services:
- {name: evening, issued_at: 20, features: [sensors]}
";

struct Machines;

struct Reading {
    day: Day,
    machine: String,
    load: f32,
    vibration: f32,
}

impl Observation for Reading {
    const COLUMNS: &'static [&'static str] = &["Day", "Machine", "Load", "Vibration"];

    fn from_cells(cells: &[Cell<'_>]) -> Result<Self, (usize, String)> {
        let number = |at: usize| cells[at].number().map_or(f32::NAN, |value| value as f32);
        let (Cell::Date(day), Cell::Text(machine)) = (cells[0], cells[1]) else {
            return Err((0, "a reading has a day and a machine".into()));
        };
        Ok(Reading {
            day,
            machine: machine.into(),
            load: number(2),
            vibration: number(3),
        })
    }

    fn entity(&self) -> &str {
        &self.machine
    }

    fn day(&self) -> Day {
        self.day
    }
}

impl Project for Machines {
    type Observation = Reading;

    fn name(&self) -> &'static str {
        "machines"
    }

    fn about(&self) -> &'static str {
        "Will it fail tomorrow?"
    }

    fn registry(&self) -> Registry<Reading> {
        Registry::<Reading>::new()
            .with("load", |window| window.today.load)
            .with("vibration", |window| window.today.vibration)
    }
}

/// Machines that shake fail the next day; every tenth reading misleads.
fn table() -> String {
    let mut text = "Day,Machine,Load,Vibration,FailsTomorrow\n".to_string();
    for day in 0..120 {
        for machine in 0..10 {
            let step = day * 7 + machine * 13;
            let vibration = step % 40;
            let fails = (vibration > 25) != (step % 10 == 3);
            let (month, day) = (day / 28 + 1, day % 28 + 1);
            let label = if fails { "fails" } else { "runs" };
            // Writing to a string can't fail.
            let _ = writeln!(
                text,
                "2024-{month:02}-{day:02},m{machine},{},{vibration},{label}",
                step % 90
            );
        }
    }
    text
}

fn run(folder: &Path, arguments: &[&str]) -> ExitCode {
    let mut words: Vec<OsString> = vec!["machines".into(), "-C".into(), folder.into()];
    words.extend(arguments.iter().map(OsString::from));
    mlops_cli::run(&Machines, words)
}

#[track_caller]
fn succeeds(folder: &Path, arguments: &[&str]) {
    assert_eq!(run(folder, arguments), ExitCode::SUCCESS, "{arguments:?}");
}

// One test: the commands follow each other, and -C moves the whole process.
#[test]
fn another_table_with_another_label_goes_through_the_whole_life() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("contract.yaml"), CONTRACT).unwrap();
    std::fs::write(folder.join("features.yaml"), FEATURES).unwrap();
    std::fs::write(folder.join("params.yaml"), PARAMS).unwrap();
    std::fs::write(folder.join("machines.csv"), table()).unwrap();

    succeeds(folder, &["data", "check", "machines.csv"]);
    succeeds(folder, &["features", "build"]);
    for kind in ["logistic", "tree", "forest", "boosting"] {
        succeeds(folder, &["train", "--set", &format!("model.kind={kind}")]);
        succeeds(folder, &["evaluate"]);
        let scores = std::fs::read_to_string(folder.join("metrics/scores.json")).unwrap();
        let scores: serde_json::Value = serde_json::from_str(&scores).unwrap();
        let auc = scores["model"]["roc_auc"]["value"].as_f64().unwrap();
        // Vibration decides nine labels in ten; a straight line finds it as well.
        assert!(auc > 0.8, "{kind}: {auc}");
    }
    succeeds(folder, &["predict", "machines.csv", "--out", "out.jsonl"]);
    let predictions = std::fs::read_to_string(folder.join("out.jsonl")).unwrap();
    assert_eq!(predictions.lines().count(), 1200);

    let fault = [
        "data",
        "fault",
        "machines.csv",
        "--out",
        "broken.csv",
        "offset",
        "Vibration",
        "9",
    ];
    succeeds(folder, &fault);
    let drift = [
        "drift",
        "--reference",
        "machines.csv",
        "--current",
        "broken.csv",
    ];
    assert_eq!(run(folder, &drift), ExitCode::from(1));

    let early = FEATURES.replace("issued_at: 20", "issued_at: 12");
    std::fs::write(folder.join("features.yaml"), early).unwrap();
    assert_eq!(
        run(folder, &["features", "build"]),
        ExitCode::from(2),
        "a sensor is read that isn't known by noon"
    );
}
