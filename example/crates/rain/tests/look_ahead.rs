//! No feature sees what isn't known yet: everything known later is changed, and no bit of
//! a feature changes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::Path;

use mlops_data::calendar::{self, Day};
use mlops_data::table::MISSING_CODE;
use mlops_data::tables::{self, LabelNeed, ReadOptions};
use mlops_data::{Column, Contract, Table, Values};
use mlops_features::{Definitions, FeatureService, Reference, observe};
use rain::features;
use rain::generator::{self, Options};
use rain::observation::Weather;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const REAL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../../shared/data/weatherAUS.csv"
);
/// All that features may learn from.
const LEARNED_DAYS: Day = 400;

struct Weathers {
    contract: Contract,
    definitions: Definitions,
    table: Table,
    days: Vec<Day>,
    reference: Reference,
}

impl Weathers {
    fn new(table: impl FnOnce(&Contract) -> Table) -> Weathers {
        let contract = Contract::read(&Path::new(EXAMPLE).join("contract.yaml")).unwrap();
        let features = Path::new(EXAMPLE).join("features.yaml");
        let definitions = Definitions::read(&features, &contract).unwrap();
        let table = table(&contract);
        let Some(Values::Date(days)) = table.get(&contract.time) else {
            panic!("a table of weather has dates");
        };
        let days = days.clone();
        Weathers {
            reference: learn(&table, &days),
            days,
            contract,
            definitions,
            table,
        }
    }

    fn generated() -> Weathers {
        Weathers::new(|_| {
            let options = Options::new(500, 14, 3).unwrap();
            generator::table(rain::climate::embedded().unwrap(), options).unwrap()
        })
    }

    fn real() -> Option<Weathers> {
        let path = Path::new(REAL);
        if !path.exists() {
            eprintln!("SKIPPED: {REAL} isn't there, so this was not tested on real weather");
            return None;
        }
        let options = ReadOptions {
            label: LabelNeed::Optional,
        };
        Some(Weathers::new(|contract| {
            tables::read(path, contract, options).unwrap().table
        }))
    }

    fn first_day(&self) -> Day {
        self.days.iter().copied().min().unwrap()
    }

    fn service(&self, name: &str) -> FeatureService<Weather> {
        FeatureService::declared(&features::registry(), &self.definitions, name, &[]).unwrap()
    }

    /// The table with each value changed for which `change` says so, given its row and column.
    fn changed(&self, change: impl Fn(usize, &str) -> bool) -> Table {
        let key = [&self.contract.time, &self.contract.entity];
        let columns = self.table.columns().iter().map(|column| {
            let mut column: Column = column.clone();
            if !key.contains(&&column.name) {
                for row in 0..self.days.len() {
                    if change(row, &column.name) {
                        alter(&mut column.values, row);
                    }
                }
            }
            column
        });
        Table::new(columns.collect()).unwrap()
    }

    /// The table with everything changed that becomes known after this hour of this day.
    fn changed_after(&self, day: Day, hour: f64) -> Table {
        self.changed(|row, column| {
            let known_at = self.contract.column(column).unwrap().known_at;
            f64::from(self.days[row] - day) * 24.0 + known_at > hour
        })
    }

    /// The features of `service` that differ between the tables in a row up to `until`.
    fn differing(&self, service: &str, other: &Table, until: Day) -> BTreeSet<String> {
        let service = self.service(service);
        let [ours, theirs] = [&self.table, other]
            .map(|table| service.rows(&observe::<Weather>(table).unwrap(), &self.reference));
        let width = ours.names.len();
        let mut differing = BTreeSet::new();
        let rows = self.days.iter().enumerate();
        for (row, _) in rows.filter(|(_, day)| **day <= until) {
            for at in 0..width {
                let [a, b] = [&ours, &theirs].map(|rows| rows.values[row * width + at]);
                if a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan()) {
                    differing.insert(ours.names[at].clone());
                }
            }
        }
        differing
    }

    fn no_feature_looks_ahead(&self, days: &[Day]) {
        for service in &self.definitions.services {
            for day in days {
                let later = self.changed_after(*day, service.issued_at);
                let differing = self.differing(&service.name.value, &later, *day);
                assert!(
                    differing.is_empty(),
                    "{} on {}: {differing:?}",
                    service.name.value,
                    calendar::format_iso(*day)
                );
            }
        }
    }
}

/// What features learn from the first days.
fn learn(table: &Table, days: &[Day]) -> Reference {
    let until = days.iter().min().unwrap() + LEARNED_DAYS;
    let observations = observe::<Weather>(table).unwrap();
    let training: Vec<&Weather> = observations
        .iter()
        .filter(|day| day.date <= until)
        .collect();
    features::fit_reference(&training)
}

/// Makes another value of a value, a known one of a missing one.
fn alter(values: &mut Values, row: usize) {
    match values {
        Values::Number(values) if values[row].is_nan() => values[row] = 5.0,
        Values::Number(values) => values[row] += 7.5,
        Values::Category { codes, .. } if codes[row] == MISSING_CODE => codes[row] = 0,
        Values::Category { codes, levels } => codes[row] = (codes[row] + 1) % levels.len() as u32,
        Values::Single(_) | Values::Date(_) => {}
    }
}

#[test]
fn what_is_known_later_changes_no_feature_of_any_service() {
    let weather = Weathers::generated();
    let first = weather.first_day();
    weather.no_feature_looks_ahead(&[first + 1, first + 200, first + 444, first + 498]);
}

#[test]
fn what_is_known_later_changes_no_feature_of_real_weather() {
    let Some(weather) = Weathers::real() else {
        return;
    };
    let day = |year, month, day| calendar::day(year, month, day).unwrap();
    weather.no_feature_looks_ahead(&[day(2013, 3, 1), day(2016, 8, 15)]);
}

#[test]
fn the_test_sees_what_would_look_ahead() {
    let weather = Weathers::generated();
    let day = weather.first_day() + 450;
    // The service of midnight, had it been issued at 3 pm: just those features that the
    // service of 3 pm leaves out have seen the rest of the day.
    let later = weather.changed_after(day, 15.0);
    let looking = weather.differing("daily", &later, day);
    let afternoon = weather.definitions.service("afternoon").unwrap();
    let left_out: BTreeSet<String> = afternoon
        .except
        .iter()
        .map(|name| name.value.clone())
        .collect();
    assert_eq!(looking, left_out);
}

#[test]
fn nothing_is_learned_from_days_after_the_training_period() {
    let weather = Weathers::generated();
    let until = weather.first_day() + LEARNED_DAYS;
    let later = weather.changed_after(until, 24.0);
    assert_ne!(later, weather.table);
    assert_eq!(learn(&later, &weather.days), weather.reference);
}

#[test]
fn a_feature_reads_the_columns_it_declares_and_no_others() {
    let weather = Weathers::generated();
    for column in weather.table.columns() {
        let name = &column.name;
        let rule = weather.contract.column(name).unwrap();
        if [&weather.contract.time, &weather.contract.entity].contains(&name) {
            continue;
        }
        let other = weather.changed(|_, changed| changed == name);
        let differing = weather.differing("everything", &other, Day::MAX);
        for feature in weather.service("everything").names() {
            let lineage = weather.definitions.lineage(&feature);
            let declared = lineage.today.contains(name) || lineage.past.contains(name);
            if differing.contains(&feature) {
                assert!(declared, "{feature} reads {name} and doesn't say so");
            }
            // What is learned once reads its past when it is learned.
            if lineage.today.contains(name) {
                assert!(
                    differing.contains(&feature),
                    "{feature} declares {name} ({}) and doesn't read it",
                    rule.description
                );
            }
        }
    }
}
