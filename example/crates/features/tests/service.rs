//! A feature service over a table of machines.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use mlops_data::calendar::Day;
use mlops_data::{Cell, Column, Contract, Table, Values};
use mlops_features::{
    Feature, FeatureError, FeatureService, FeatureType, FeatureView, Observation, Reference,
    Registry, Window, observe,
};

const CONTRACT: &str = "
table: machines
key: [Day, Machine]
time: Day
entity: Machine
label: {column: Fails, positive: fails}
columns:
- {name: Day, type: date, known_at: 0}
- {name: Machine, type: category, known_at: 0}
- {name: Load, type: number, known_at: 9}
- {name: Peak, type: number, known_at: 24}
- {name: Fails, type: category, values: [runs, fails], known_at: 48}
";

#[derive(Debug)]
struct Reading {
    day: Day,
    machine: String,
    load: f32,
    peak: f32,
}

impl Observation for Reading {
    const COLUMNS: &'static [&'static str] = &["Day", "Machine", "Load", "Peak"];

    fn from_cells(cells: &[Cell<'_>]) -> Result<Self, (usize, String)> {
        let number = |at: usize| match cells[at] {
            Cell::Missing => Ok(f32::NAN),
            Cell::Number(value) if value >= 0.0 => Ok(value as f32),
            other => Err((at, format!("{other} is not zero or more"))),
        };
        let (Cell::Date(day), Cell::Text(machine)) = (cells[0], cells[1]) else {
            return Err((0, "a reading has a day and a machine".into()));
        };
        Ok(Reading {
            day,
            machine: machine.into(),
            load: number(2)?,
            peak: number(3)?,
        })
    }

    fn entity(&self) -> &str {
        &self.machine
    }

    fn day(&self) -> Day {
        self.day
    }
}

fn feature(
    name: &'static str,
    inputs: &'static [&'static str],
    function: fn(&Window<'_, Reading>) -> f32,
) -> Feature<Reading> {
    Feature {
        name,
        description: "",
        unit: "kW",
        kind: FeatureType::Number,
        inputs,
        function,
    }
}

fn registry() -> Registry<Reading> {
    let morning = vec![feature("load", &["Load"], |w| w.today.load)];
    let evening = vec![
        feature("peak", &["Peak"], |w| w.today.peak),
        feature("rise", &["Load", "Peak"], |w| w.today.peak - w.today.load),
    ];
    Registry::new(vec![
        FeatureView {
            name: "morning",
            description: "",
            features: morning,
        },
        FeatureView {
            name: "evening",
            description: "",
            features: evening,
        },
        FeatureView {
            name: "broken",
            description: "",
            features: vec![feature("heat", &["Heat"], |_| 0.0)],
        },
    ])
}

fn service(names: &[&str], issued_at: f64) -> Result<FeatureService<Reading>, FeatureError> {
    let contract = Contract::parse(CONTRACT, Path::new("contract.yaml")).unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    FeatureService::new(&registry(), &names, &contract, "shift", issued_at)
}

fn table(load: Vec<f64>, peak: Vec<f64>) -> Table {
    let column = |name: &str, values| Column {
        name: name.into(),
        values: Values::Number(values),
    };
    let day = Column {
        name: "Day".into(),
        values: Values::Date((0..load.len() as Day).collect()),
    };
    let machine = Column {
        name: "Machine".into(),
        values: Values::Category {
            codes: vec![0; load.len()],
            levels: vec!["lathe".into()],
        },
    };
    Table::new(vec![
        day,
        machine,
        column("Peak", peak),
        column("Load", load),
    ])
    .unwrap()
}

#[test]
fn views_and_single_features_come_in_the_order_asked_for_and_once() {
    let names = service(&["rise", "morning", "evening"], 24.0)
        .unwrap()
        .names();
    assert_eq!(names, ["rise", "load", "peak"]);
}

#[test]
fn a_row_alone_has_the_bits_it_has_in_a_table() {
    let service = service(&["morning", "evening"], 24.0).unwrap();
    let table = table(vec![1.5, f64::NAN, 0.1], vec![3.25, 4.0, f64::NAN]);
    let observations = observe::<Reading>(&table).unwrap();
    let all = service.rows(&observations, &Reference::default());
    let one_by_one: Vec<u32> = observations
        .iter()
        .flat_map(|today| service.row(&Window::single(today)))
        .map(f32::to_bits)
        .collect();
    assert_eq!(
        all.values
            .iter()
            .map(|value| value.to_bits())
            .collect::<Vec<_>>(),
        one_by_one
    );
    assert_eq!(all.values[..3], [1.5, 3.25, 1.75]);
    assert!(all.values[3].is_nan(), "a missing value stays missing");
    let columns = all.into_columns();
    let (name, peaks) = &columns[1];
    assert_eq!((name.as_str(), &peaks[..2]), ("peak", &[3.25, 4.0][..]));
}

#[test]
fn a_feature_that_looks_ahead_is_refused_and_named() {
    insta::assert_snapshot!(service(&["evening"], 15.0).unwrap_err(), @r#"feature "peak" reads "Peak", known at hour 24, but service "shift" is issued at hour 15: that would be looking ahead"#);
    assert!(service(&["morning"], 15.0).is_ok());
}

#[test]
fn what_nobody_registered_is_refused_with_what_there_is() {
    insta::assert_snapshot!(service(&["night"], 24.0).unwrap_err(), @r#"no feature or view is called "night"; registered views: morning, evening, broken"#);
    insta::assert_snapshot!(service(&["broken"], 24.0).unwrap_err(), @r#"feature "heat" reads column "Heat", which the contract doesn't have"#);
}

#[test]
fn a_table_that_is_no_observation_is_refused_with_row_and_column() {
    let bad = table(vec![1.0, 2.0], vec![3.0, -4.0]);
    insta::assert_snapshot!(observe::<Reading>(&bad).unwrap_err(), @"row 2, Peak: -4 is not zero or more");
    let short = Table::new(vec![Column {
        name: "Load".into(),
        values: Values::Number(vec![1.0]),
    }])
    .unwrap();
    insta::assert_snapshot!(observe::<Reading>(&short).unwrap_err(), @r#"the table has no column "Day"; it has Load"#);
}
