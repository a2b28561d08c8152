//! A project of machines with a model of three features: today's load, yesterday's, and
//! the neighbour's.

use std::path::Path;

use mlops_data::{Cell, Contract, calendar::Day};
use mlops_features::{
    Extent, FeatureState, Learned, Neighbour, Observation, Reference, Registry, Window,
};
use mlops_learning::model_file::{self, Feature, Metadata, Training};
use mlops_learning::{Ensemble, Link, Model, ModelKind, Node, Predictor, Tree};
use mlops_serving::Inference;

const CONTRACT: &str = "
table: machines
key: [Day, Machine]
time: Day
entity: Machine
label: {column: Fails, positive: fails}
columns:
- {name: Day, type: date, known_at: 0}
- {name: Machine, type: category, known_at: 0}
- {name: Load, type: number, unit: kW, range: [0, 100], usual: [0, 50], known_at: 9}
- {name: Fails, type: category, values: [runs, fails], known_at: 48}
";

/// Two days of the machine itself, and today and yesterday of its neighbour.
pub const ASKED: usize = 2 + 2;
const EXTENT: Extent = Extent {
    days: 2,
    neighbours: 1,
    neighbour_days: 1,
};
/// What each feature adds to the margin if it is 5 or more, and what if not.
const WEIGHTS: [[f64; 2]; 3] = [[1.0, -1.0], [0.5, -0.25], [0.125, -0.0625]];

#[derive(Debug)]
pub struct Reading {
    day: Day,
    machine: String,
    load: f32,
}

impl Observation for Reading {
    const COLUMNS: &'static [&'static str] = &["Day", "Machine", "Load"];

    fn from_cells(cells: &[Cell<'_>]) -> Result<Self, (usize, String)> {
        let (Cell::Date(day), Cell::Text(machine)) = (cells[0], cells[1]) else {
            return Err((0, "a reading has a day and a machine".into()));
        };
        Ok(Reading {
            day,
            machine: machine.into(),
            load: cells[2].number().map_or(f32::NAN, |load| load as f32),
        })
    }

    fn entity(&self) -> &str {
        &self.machine
    }

    fn day(&self) -> Day {
        self.day
    }
}

fn neighbour(window: &Window<'_, Reading>) -> f32 {
    let near = window.neighbours().first();
    near.and_then(|near| near.recent.day(0))
        .map_or(f32::NAN, |reading| reading.load)
}

fn registry() -> Registry<Reading> {
    Registry::<Reading>::new()
        .with("load", |w| w.today.load)
        .with("yesterday", |w| w.day(1).map_or(f32::NAN, |r| r.load))
        .with("neighbour", neighbour)
}

/// The probability of these loads; `None` is unknown.
pub fn expected(today: f64, yesterday: Option<f64>, neighbour: Option<f64>) -> f64 {
    let loads = [Some(today), yesterday, neighbour];
    let above = |load: Option<f64>| load.is_some_and(|load| load >= 5.0);
    let terms = loads.into_iter().zip(WEIGHTS);
    let margin = terms.map(|(load, [high, low])| if above(load) { high } else { low });
    Link::Logistic.probability(margin.sum())
}

/// Machines `a` and `b` are each other's neighbours.
fn reference() -> Reference {
    let near = |entity: &str| Learned {
        neighbours: vec![Neighbour {
            entity: entity.into(),
            values: Vec::new(),
        }],
        ..Learned::default()
    };
    Reference {
        entities: [("a".into(), near("b")), ("b".into(), near("a"))].into(),
    }
}

fn tree(feature: u16, [high, low]: [f64; 2]) -> Tree {
    let split = Node {
        feature,
        missing_left: true,
        threshold: 5.0,
        left: 1,
        value: 0.0,
        cover: 2.0,
    };
    let leaf = |value: f64| Node::leaf(value as f32, 1.0);
    Tree {
        nodes: vec![split, leaf(low), leaf(high)],
    }
}

/// The model, written into the folder and opened.
pub fn inference(folder: &Path) -> Inference<Reading> {
    let names = ["load", "yesterday", "neighbour"];
    let trees = (0..).zip(WEIGHTS).map(|(at, weights)| tree(at, weights));
    let ensemble = Ensemble::new(3, 0.0, Link::Logistic, trees.collect()).unwrap();
    let state = FeatureState {
        clocks: None,
        extent: EXTENT,
        reference: reference(),
        ..FeatureState::default()
    };
    let feature = |name: &str| Feature {
        name: name.into(),
        dtype: "number".into(),
    };
    let metadata = Metadata {
        name: "machines".into(),
        kind: ModelKind::Boosting,
        params: "{}".into(),
        seed: 1,
        features: names.map(feature).into(),
        feature_service: "daily".into(),
        feature_state: serde_json::to_string(&state).unwrap(),
        issued_at: 24.0,
        label: "Fails".into(),
        classes: ["runs".into(), "fails".into()],
        threshold: 0.5,
        training: Training {
            data_hash: "md5:0".into(),
            rows: 1,
            first: "2024-01-01".into(),
            last: "2024-01-01".into(),
        },
        golden: Vec::new(),
        toolkit: "test".into(),
    };
    let model = Model {
        metadata,
        predictor: Predictor::Ensemble(ensemble),
        calibration: None,
    };
    let path = folder.join("model.bin");
    std::fs::write(&path, model_file::encode(&model).unwrap()).unwrap();
    let contract = Contract::parse(CONTRACT, Path::new("contract.yaml")).unwrap();
    Inference::open(&path, &registry(), contract).unwrap()
}
