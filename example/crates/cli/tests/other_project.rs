//! A project that has nothing to do with the first one goes through the same
//! life: the toolkit knows neither.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use mlops_cli::{Failure, Outcome, Project};
use mlops_data::{Cell, calendar::Day};
use mlops_features::{Observation, Registry};
use mlops_learning::models::OwnParams;
use mlops_learning::{Dataset, Ensemble, Learner, Link, Node, Predictor, Tree, model_file};

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
- name: before
  description: the day before
  entity: machine
  from: [sensors]
  days: 1
  fields:
  - {name: load_before, unit: kW, description: mean load of the day before, past: [load]}
services:
- {name: evening, issued_at: 20, features: [sensors, before]}
";

const GATES: &str = "
days: 20
scores: [{metric: roc_auc, at_least: 0.7, reason: r}]
row_order: {reason: r}
golden_rows: {at_least: 8, reason: r}
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
            .with("load_before", |window| {
                window.day(1).map_or(f32::NAN, |before| before.load)
            })
    }

    fn learner(&self, own: &OwnParams) -> Outcome<Option<Box<dyn Learner>>> {
        if own.learner != "alarm" {
            return Ok(None);
        }
        match own.params.get("above") {
            Some(above) => Ok(Some(Box::new(Alarm(*above as f32)))),
            None => Err(Failure::user(anyhow::anyhow!(
                "model.own.params: give the vibration from which to warn as `above`"
            ))),
        }
    }
}

/// The project's own kind of model: whatever shakes more than so much, fails as often as those that did.
struct Alarm(f32);

impl Learner for Alarm {
    fn fit(&self, data: &Dataset, _seed: u64) -> mlops_learning::Result<Predictor> {
        data.trainable()?;
        let at = data
            .names
            .iter()
            .position(|name| name == "vibration")
            .unwrap();
        let share = |above: bool| {
            let rows = data.iter().zip(&data.labels);
            let rows = rows.filter(|(row, _)| (row[at] >= self.0) == above);
            let labels: Vec<bool> = rows.map(|(_, label)| *label).collect();
            let failed = labels.iter().filter(|label| **label).count();
            (failed as f32 / labels.len() as f32, labels.len() as f32)
        };
        let leaves = [false, true].map(|above| Node::leaf(share(above).0, share(above).1));
        let root = Node {
            feature: at as u16,
            missing_left: true,
            threshold: self.0,
            left: 1,
            value: 0.0,
            cover: data.rows() as f32,
        };
        let nodes = vec![root, leaves[0], leaves[1]];
        let width = data.width() as u16;
        Ok(Predictor::Ensemble(Ensemble::new(
            width,
            0.0,
            Link::Identity,
            vec![Tree { nodes }],
        )?))
    }
}

/// Whether a gate of the last report failed.
fn fails(folder: &Path, gate: &str) -> bool {
    let report = std::fs::read_to_string(folder.join("gates.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    report["gates"][gate]["verdict"] == "failed"
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

    own_kind(folder);
    gates(folder);

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

/// A kind of model that the project brings is trained, evaluated and used like any other.
fn own_kind(folder: &Path) {
    let own = "model={kind: own, own: {learner: alarm, params: {above: 25.5}}}";
    succeeds(folder, &["train", "--set", own, "--out", "own.bin"]);
    let evaluate = ["evaluate", "--model", "own.bin", "--out", "own"];
    succeeds(folder, &evaluate);
    let scores = std::fs::read_to_string(folder.join("own/scores.json")).unwrap();
    let scores: serde_json::Value = serde_json::from_str(&scores).unwrap();
    assert_eq!(scores["kind"], "own");
    assert!(scores["model"]["roc_auc"]["value"].as_f64().unwrap() > 0.8);
    let predict = [
        "predict",
        "machines.csv",
        "--model",
        "own.bin",
        "--out",
        "own.jsonl",
    ];
    succeeds(folder, &predict);
    succeeds(
        folder,
        &["export", "--model", "own.bin", "--format", "json"],
    );
    for wrong in [
        "model={kind: own, own: {learner: siren}}",
        "model={kind: own, own: {learner: alarm}}",
        "model={kind: own}",
    ] {
        let refused = run(folder, &["train", "--set", wrong, "--out", "none.bin"]);
        assert_eq!(refused, ExitCode::from(2), "{wrong}");
    }
    assert!(!folder.join("none.bin").exists());
    search_of_own_kind(folder, own);
}

/// Its parameters are searched like any others: the alarm is to ring at the vibration from which most fail, 25.
fn search_of_own_kind(folder: &Path, own: &str) {
    let tune = "tune={trials: 12, folds: {by: rolling, count: 2, days: 15}, space: {model.own.params.above: {from: 5.0, to: 45.0}}}";
    succeeds(folder, &["tune", "--set", own, "--set", tune]);
    let trials = std::fs::read_to_string(folder.join("out/tune/trials.csv")).unwrap();
    let mut lines = trials.lines();
    let column = |name: &str| {
        let header = trials.lines().next().unwrap().split(',');
        header.into_iter().position(|own| own == name).unwrap()
    };
    let (above, best) = (column("model.own.params.above"), lines.nth(1).unwrap());
    let above: f64 = best.split(',').nth(above).unwrap().parse().unwrap();
    let as_set = 1;
    assert_eq!(trials.lines().count(), 1 + 12 + as_set);
    assert!((20.0..30.0).contains(&above), "{trials}");
}

/// The gates that only other code can break: golden rows that this program computes otherwise, and an order of
/// rows that matters.
fn gates(folder: &Path) {
    std::fs::write(folder.join("gates.yaml"), GATES).unwrap();
    let validate = ["validate", "--report", "gates.json"];
    succeeds(folder, &validate);

    let sound = std::fs::read(folder.join("models/model.bin")).unwrap();
    let mut model = model_file::decode(&sound).unwrap();
    let golden = &mut model.metadata.golden[3].observation;
    *golden = golden.replacen("\"Vibration\":", "\"Vibration\":1", 1);
    std::fs::write(
        folder.join("models/model.bin"),
        model_file::encode(&model).unwrap(),
    )
    .unwrap();
    assert_eq!(run(folder, &validate), ExitCode::from(1));
    assert!(fails(folder, "golden_rows") && !fails(folder, "row_order"));
    assert_eq!(run(folder, &["predict", "machines.csv"]), ExitCode::from(2));
    std::fs::write(folder.join("models/model.bin"), sound).unwrap();

    // Every day twice, with another load: which of the two was yesterday's depends on the order.
    let text = table();
    let twice = text.lines().skip(1).enumerate().map(|(at, line)| {
        let cells: Vec<&str> = line.split(',').collect();
        let other = format!("{},{},99,{},{}", cells[0], cells[1], cells[3], cells[4]);
        if at % 2 == 0 {
            format!("{line}\n{other}\n")
        } else {
            format!("{other}\n{line}\n")
        }
    });
    let twice: String = twice.collect();
    let header = text.lines().next().unwrap();
    std::fs::write(folder.join("twice.csv"), format!("{header}\n{twice}")).unwrap();
    let build = ["features", "build", "twice.csv", "--out", "twice.parquet"];
    succeeds(folder, &build);
    // A forest of many trees reads the load of the day before somewhere.
    let forest = ["--set", "model={kind: forest, forest: {trees: 20}}"];
    let train = [
        &["train", "twice.parquet", "--out", "twice.bin"][..],
        &forest,
    ]
    .concat();
    succeeds(folder, &train);
    let validate = [
        &validate[..],
        &[
            "twice.parquet",
            "--observations",
            "twice.csv",
            "--model",
            "twice.bin",
        ],
    ]
    .concat();
    assert_eq!(run(folder, &validate), ExitCode::from(1));
    assert!(fails(folder, "row_order") && !fails(folder, "golden_rows"));
}
