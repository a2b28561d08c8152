//! No feature sees what isn't known yet: everything known later is changed, and no bit of
//! a feature changes. Later means a later instant, whatever the clocks show: a reading of 15:00 in Perth
//! is later than one of 15:00 in Sydney.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::Path;

use mlops_data::calendar::{self, Day};
use mlops_data::table::MISSING_CODE;
use mlops_data::tables::{self, LabelNeed, ReadOptions};
use mlops_data::{Column, Contract, Table, Values};
use mlops_features::definitions::Clock;
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
    /// The station of each row.
    stations: Vec<String>,
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
        let Some(Values::Category { codes, levels }) = table.get(&contract.entity) else {
            panic!("a table of weather has stations");
        };
        let station = |code: &u32| levels[*code as usize].clone();
        Weathers {
            stations: codes.iter().map(station).collect(),
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

    /// The table with everything changed that becomes known after this hour of this day by clocks so far
    /// ahead of UTC.
    fn changed_after(&self, day: Day, hour: f64, utc: f64) -> Table {
        let instant = f64::from(day) * 24.0 + hour - utc;
        self.changed(|row, column| {
            let known_at = self.contract.column(column).unwrap().known_at;
            let day = self.days[row];
            f64::from(day) * 24.0 + known_at - utc_of(&self.stations[row], day) > instant
        })
    }

    /// How far the clocks of the stations are ahead of UTC on a day, each once, the least first.
    fn clocks(&self, day: Day) -> Vec<f64> {
        let stations: BTreeSet<&String> = self.stations.iter().collect();
        let mut hours: Vec<f64> = stations.iter().map(|name| utc_of(name, day)).collect();
        hours.sort_by(f64::total_cmp);
        hours.dedup();
        hours
    }

    /// The features of a service that differ between the tables in a row for which `which` is true.
    fn differing(
        &self,
        service: &FeatureService<Weather>,
        other: &Table,
        which: impl Fn(usize) -> bool,
    ) -> BTreeSet<String> {
        let [ours, theirs] = [&self.table, other]
            .map(|table| service.rows(&observe::<Weather>(table).unwrap(), &self.reference));
        let width = ours.names.len();
        let mut differing = BTreeSet::new();
        for row in (0..self.days.len()).filter(|row| which(*row)) {
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
            let (name, hour) = (&service.name.value, service.issued_at);
            let computed = self.service(name);
            for day in days {
                let clocks = self.clocks(*day);
                let issued_by = match service.clock {
                    // One instant for all: when the clock that is behind all others shows the hour.
                    Clock::Latest => &clocks[..1],
                    Clock::Own => &clocks,
                };
                for utc in issued_by {
                    let later = self.changed_after(*day, hour, *utc);
                    let differing = self.differing(&computed, &later, |row| {
                        let own = utc_of(&self.stations[row], *day) == *utc;
                        self.days[row] <= *day && (own || service.clock == Clock::Latest)
                    });
                    assert!(
                        differing.is_empty(),
                        "{name} on {}, {utc} hours ahead of UTC: {differing:?}",
                        calendar::format_iso(*day)
                    );
                }
            }
        }
    }
}

/// By how many hours a station's clocks are ahead of UTC on a day, by what the states' laws said from 2007-11
/// to 2017: not from features.yaml, which is what is tested here.
fn utc_of(station: &str, day: Day) -> f64 {
    let is_within = |from: Day, until: Day| (from..until).contains(&day);
    let date = |year, month, day| calendar::day(year, month, day).unwrap();
    let first_sunday = |year, month| {
        let first = date(year, month, 1);
        first + (-(first + 4)).rem_euclid(7) // 1970-01-01 was a Thursday
    };
    let is_summer =
        (2007..2018).any(|year| is_within(first_sunday(year, 10), first_sunday(year + 1, 4)));
    let summer = if is_summer { 1.0 } else { 0.0 };
    match station {
        "Albany" | "PearceRAAF" | "Perth" | "PerthAirport" | "SalmonGums" | "Walpole"
        | "Witchcliffe" => {
            let trial = is_within(date(2007, 10, 28), date(2008, 3, 30))
                || is_within(date(2008, 10, 26), date(2009, 3, 29));
            if trial { 9.0 } else { 8.0 }
        }
        "AliceSprings" | "Darwin" | "Katherine" | "Uluru" => 9.5,
        "Adelaide" | "MountGambier" | "Nuriootpa" | "Woomera" => 9.5 + summer,
        "Brisbane" | "Cairns" | "GoldCoast" | "Townsville" => 10.0,
        "NorfolkIsland" if day < date(2015, 10, 4) => 11.5,
        "NorfolkIsland" => 11.0,
        _ => 10.0 + summer,
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
    let perth = weather.clocks(day)[0];
    let later = weather.changed_after(day, 15.0, perth);
    let until = |row: usize| weather.days[row] <= day;
    let looking = weather.differing(&weather.service("daily"), &later, until);
    let afternoon = weather.definitions.service("afternoon").unwrap();
    let left_out: BTreeSet<String> = afternoon
        .except
        .iter()
        .map(|name| name.value.clone())
        .collect();
    assert_eq!(looking, left_out);
}

#[test]
fn the_test_sees_a_neighbour_in_the_west_that_has_not_read_its_instruments() {
    let weather = Weathers::generated();
    let day = weather.first_day() + 450;
    let east = utc_of("Canberra", day);
    let later = weather.changed_after(day, 15.0, east);
    let here = |row: usize| weather.days[row] == day && utc_of(&weather.stations[row], day) == east;
    // 15:00 of every station as one instant, as if there were no time zones.
    let looking = weather.differing(&weather.service("afternoon").by(None), &later, here);
    for feature in [
        "telling_humidity_3pm",
        "first_humidity_3pm",
        "telling_pressure_change",
    ] {
        assert!(looking.contains(feature), "{looking:?}");
    }
    assert!(!looking.contains("telling_wet"), "read at 9: {looking:?}");
    let service = weather.service("afternoon");
    assert_eq!(weather.differing(&service, &later, here), BTreeSet::new());
}

#[test]
fn every_station_has_its_zone_and_no_reading_is_hidden_among_equal_clocks() {
    let weather = Weathers::generated();
    let service = weather.service("afternoon");
    let clocks = service.clocks().unwrap();
    for one in rain::stations::all() {
        assert!(clocks.entities.contains_key(one.name), "{}", one.name);
        for other in rain::stations::all() {
            let lead = clocks.lead(other.name, one.name);
            let days = [
                (2008, 7, 1),
                (2009, 1, 1),
                (2012, 1, 1),
                (2016, 1, 1),
                (2016, 7, 1),
            ];
            let leads = days.map(|(year, month, day)| {
                let day = calendar::day(year, month, day).unwrap();
                utc_of(other.name, day) - utc_of(one.name, day)
            });
            let least = leads.into_iter().fold(f64::INFINITY, f64::min);
            assert!(lead <= least, "{} for {}: {lead}", other.name, one.name);
            if clocks.entities[one.name] == clocks.entities[other.name] {
                assert_eq!(leads, [0.0; 5], "{} and {}", other.name, one.name);
                assert_eq!(lead, 0.0, "{} and {}", other.name, one.name);
            }
        }
    }
}

#[test]
fn nothing_is_learned_from_days_after_the_training_period() {
    let weather = Weathers::generated();
    let until = weather.first_day() + LEARNED_DAYS;
    let later = weather.changed_after(until, 24.0, weather.clocks(until)[0]);
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
        let differing = weather.differing(&weather.service("everything"), &other, |_| true);
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
