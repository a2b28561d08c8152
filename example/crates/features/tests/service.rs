//! A feature service over a table of machines.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use mlops_data::calendar::Day;
use mlops_data::{Cell, Column, Contract, Table, Values};
use mlops_features::{
    Definitions, FeatureError, FeatureService, Observation, Reference, Registry, Window, observe,
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

const FEATURES: &str = "
entities: [{name: machine, key: Machine}]
sources: [{name: readings, event: Day}]
views:
- name: morning
  description: ''
  entity: machine
  from: [readings]
  days: 2
  fields: [{name: load, unit: kW, description: '', inputs: [Load]}]
- name: evening
  description: ''
  entity: machine
  from: [morning, readings]
  neighbours: 3
  fields:
  - {name: peak, unit: kW, description: '', inputs: [Peak]}
  - {name: rise, unit: kW, description: '', inputs: [load, Peak]}
- name: mistaken
  description: ''
  entity: machine
  from: [readings]
  fields:
  - {name: heat, description: '', inputs: [Load]}
  - {name: half, type: flag, description: '', inputs: [Load]}
services:
- {name: mixed, issued_at: 24, features: [rise, morning, evening]}
- {name: shift, issued_at: 24, features: [morning, evening]}
- {name: broken, issued_at: 24, features: [heat]}
- {name: flags, issued_at: 24, features: [half]}
";

fn registry() -> Registry<Reading> {
    Registry::<Reading>::new()
        .with("load", |w| w.today.load)
        .with("peak", |w| w.today.peak)
        .with("rise", |w| w.today.peak - w.today.load)
        .with("half", |w| w.today.load / 2.0)
}

fn definitions() -> Definitions {
    let contract = Contract::parse(CONTRACT, Path::new("contract.yaml")).unwrap();
    Definitions::parse(FEATURES, Path::new("features.yaml"), &contract).unwrap()
}

fn service(name: &str, without: &[&str]) -> Result<FeatureService<Reading>, FeatureError> {
    let without: Vec<String> = without.iter().map(ToString::to_string).collect();
    FeatureService::declared(&registry(), &definitions(), name, &without)
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
    let mixed = service("mixed", &[]).unwrap();
    assert_eq!(mixed.names(), ["rise", "load", "peak"]);
    let extent = mixed.extent();
    assert_eq!((extent.days, extent.neighbours), (2, 3));
    let less = service("mixed", &["evening"]).unwrap();
    assert_eq!(less.names(), ["load"]);
    assert_eq!(less.extent().neighbours, 0);
}

#[test]
fn a_row_alone_has_the_bits_it_has_in_a_table() {
    let service = service("shift", &[]).unwrap();
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
fn what_is_not_declared_or_not_computable_is_refused_by_name() {
    insta::assert_snapshot!(service("night", &[]).unwrap_err(), @r#"features.yaml has no service "night"; it has mixed, shift, broken, flags"#);
    insta::assert_snapshot!(service("shift", &["dusk"]).unwrap_err(), @r#"no feature or view is called "dusk"; the views are morning, evening, mistaken"#);
    insta::assert_snapshot!(service("shift", &["morning", "evening"]).unwrap_err(), @r#"service "shift" has no features left: leave out less"#);
    insta::assert_snapshot!(service("broken", &[]).unwrap_err(), @r#"service "broken" asks for feature "heat", which this program can't compute: it has no function of this name"#);
}

#[test]
fn a_flag_that_is_neither_0_nor_1_is_named_with_its_row() {
    let service = service("flags", &[]).unwrap();
    let rows = |load: Vec<f64>| {
        let peak = load.clone();
        let observations = observe::<Reading>(&table(load, peak)).unwrap();
        service.check_types(&service.rows(&observations, &Reference::default()))
    };
    assert_eq!(rows(vec![0.0, 2.0, f64::NAN]), Ok(()));
    insta::assert_snapshot!(rows(vec![2.0, 3.0]).unwrap_err(), @r#"feature "half" is a flag, 0 or 1, but is 1.5 in row 2: correct its type or its function"#);
}

#[test]
fn the_hash_changes_with_what_decides_on_values_and_with_nothing_else() {
    let contract = Contract::parse(CONTRACT, Path::new("contract.yaml")).unwrap();
    let hash = |text: &str| {
        let definitions = Definitions::parse(text, Path::new("features.yaml"), &contract).unwrap();
        definitions
            .hash(definitions.service("shift").unwrap(), &[])
            .unwrap()
    };
    let now = hash(FEATURES);
    let of_another_view = FEATURES.replace(
        "inputs: [Load]}\n  - {name: half",
        "inputs: [Peak]}\n  - {name: half",
    );
    for same in [
        FEATURES.replace("description: ''", "description: words"),
        of_another_view,
    ] {
        assert_ne!(same, FEATURES);
        assert_eq!(hash(&same), now);
    }
    for other in [
        FEATURES.replace("days: 2", "days: 3"),
        FEATURES.replace("inputs: [load, Peak]", "inputs: [load]"),
        FEATURES.replace(
            "unit: kW, description: '', inputs: [Peak]",
            "unit: W, description: '', inputs: [Peak]",
        ),
        FEATURES.replace(
            "{name: shift, issued_at: 24",
            "{name: shift, issued_at: 24.0, except: [load]",
        ),
    ] {
        assert_ne!(other, FEATURES);
        assert_ne!(hash(&other), now);
    }
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
