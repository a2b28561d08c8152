//! Windows from the store are those from the table, to the bit.

use std::collections::BTreeMap;

use mlops_data::calendar::Day;
use mlops_data::table::MISSING_CODE;
use mlops_data::{Cell, Column, Table, Values};
use mlops_features::online::{
    Newest, OnlineError, OnlineStore, OnlineWindows, Schema, Stored, TableSource, materialize,
};
use mlops_features::{
    DAY_MICROS, Extent, History, Learned, Neighbour, Observation, Reference, Window, Windows,
    end_of,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::model::VIEW;
use crate::over_both_stores;
use crate::places::Place;

over_both_stores!(
    a_day_by_day_replay_gives_the_offline_rows,
    so_it_does_with_half_of_the_entities_late_and_with_corrections,
    values_of_other_columns_are_refused,
    values_that_are_damaged_are_refused,
    a_table_is_materialized_by_day_whatever_its_order,
);

const ENTITIES: usize = 9;
const DAYS: Day = 50;
const EXTENT: Extent = Extent {
    days: 30,
    neighbours: 5,
    neighbour_days: 2,
};

#[derive(Debug, Clone)]
struct Reading {
    entity: String,
    day: Day,
    level: f32,
    flag: Option<bool>,
}

impl Observation for Reading {
    const COLUMNS: &'static [&'static str] = &["day", "entity", "level", "flag"];

    fn from_cells(cells: &[Cell<'_>]) -> Result<Self, (usize, String)> {
        Ok(Reading {
            day: match cells[0] {
                Cell::Date(day) => day,
                other => return Err((0, format!("{other} is not a date"))),
            },
            entity: cells[1].to_string(),
            level: cells[2].number().map_or(f32::NAN, |level| level as f32),
            flag: match cells[3] {
                Cell::Text(text) => Some(text == "yes"),
                _ => None,
            },
        })
    }

    fn entity(&self) -> &str {
        &self.entity
    }

    fn day(&self) -> Day {
        self.day
    }
}

/// Looks at everything that a window has.
fn row(window: &Window<'_, Reading>) -> Vec<u32> {
    let level = |reading: Option<&Reading>| reading.map_or(f32::NAN, |reading| reading.level);
    let flag = |reading: Option<&Reading>| {
        let flag = reading.and_then(|reading| reading.flag);
        flag.map_or(f32::NAN, |flag| f32::from(u8::from(flag)))
    };
    let mut values = vec![window.today.level, window.learned("usual", 0)];
    for before in 0..EXTENT.days + 2 {
        values.extend([level(window.day(before)), flag(window.day(before))]);
    }
    for near in window.neighbours() {
        values.extend(&near.learned.values);
        for before in 0..EXTENT.neighbour_days + 2 {
            let there = near.recent.day(before);
            values.extend([level(there), flag(there)]);
        }
    }
    values.into_iter().map(f32::to_bits).collect()
}

fn reference() -> Reference {
    let name = |at: usize| format!("e{}", at % ENTITIES);
    let learned = |at: usize| Learned {
        neighbours: (1..7)
            .map(|step| Neighbour {
                entity: name(at + step),
                values: vec![step as f32],
            })
            .collect(),
        tables: BTreeMap::from([("usual".into(), vec![Some(at as f32 / 3.0)])]),
    };
    let entities = (0..ENTITIES).map(|at| (name(at), learned(at)));
    Reference {
        entities: entities.collect(),
    }
}

/// Readings with gaps, each with the moment it became known. If `late`, every second
/// entity reports up to three days late, and some readings are corrected afterwards.
fn readings(late: bool) -> Vec<(Reading, i64)> {
    let mut random = Pcg64Mcg::seed_from_u64(5);
    let mut readings = Vec::new();
    for day in 0..DAYS {
        for entity in 0..ENTITIES {
            if random.random_bool(0.1) {
                continue;
            }
            let mut reading = Reading {
                entity: format!("e{entity}"),
                day,
                level: f32::NAN,
                flag: random.random_bool(0.9).then(|| random.random_bool(0.5)),
            };
            if random.random_bool(0.9) {
                reading.level = random.random_range(-50.0..50.0);
            }
            let mut created = end_of(day);
            if late && entity % 2 == 1 {
                created += random.random_range(0..3 * DAY_MICROS);
            }
            readings.push((reading.clone(), created));
            if late && random.random_bool(0.1) {
                reading.level = 99.5;
                readings.push((reading, created + random.random_range(1..5 * DAY_MICROS)));
            }
        }
    }
    readings
}

fn encoded(reading: &Reading, created: i64) -> (String, Stored) {
    let cells = [
        Cell::Date(reading.day),
        Cell::Text(&reading.entity),
        match reading.level.is_nan() {
            true => Cell::Missing,
            false => Cell::Number(f64::from(reading.level)),
        },
        reading.flag.map_or(Cell::Missing, |flag| {
            Cell::Text(if flag { "yes" } else { "no" })
        }),
    ];
    let cells = Schema::new(Reading::COLUMNS).encode(&cells).unwrap();
    let stored = Stored {
        day: reading.day,
        created,
        cells,
    };
    (reading.entity.clone(), stored)
}

/// Each reading is pushed when it becomes known. At the end of each day the rows of
/// that day, and of a few days before as they look by then, equal those of the table.
fn replay(store: &dyn OnlineStore, late: bool) {
    let readings = readings(late);
    let reference = reference();
    let history = History::with_created(readings.iter().map(|(reading, at)| (reading, *at)));
    let offline = Windows::new(&history, &reference, EXTENT);
    let online = OnlineWindows::<Reading>::new(store, VIEW, &reference, EXTENT);
    let mut waiting: Vec<&(Reading, i64)> = readings.iter().collect();
    waiting.sort_by_key(|(_, created)| *created);
    let (mut pushed, mut compared, mut without_late) = (0, 0, 0);
    for day in 0..DAYS {
        let now = end_of(day);
        let known = waiting.partition_point(|(_, created)| *created <= now);
        let new: Vec<_> = waiting[pushed..known]
            .iter()
            .map(|(reading, created)| encoded(reading, *created))
            .collect();
        store.push(VIEW, &new).unwrap();
        pushed = known;
        for (today, _) in readings
            .iter()
            .filter(|(r, _)| (day - 2..=day).contains(&r.day))
        {
            let expected = offline.with(today, now, &mut Vec::new(), row);
            let around = online.around(today).unwrap();
            assert_eq!(
                around.window(today, now, row),
                expected,
                "{today:?} at {now}"
            );
            compared += 1;
            let as_if_punctual = offline.with(today, i64::MAX, &mut Vec::new(), row);
            without_late += usize::from(as_if_punctual != expected);
        }
    }
    assert!(compared > 1000);
    assert_eq!(
        without_late > 100,
        late,
        "lateness shows in {without_late} rows"
    );
}

fn a_day_by_day_replay_gives_the_offline_rows(place: &Place) {
    replay(&*place.open(), false);
}

fn so_it_does_with_half_of_the_entities_late_and_with_corrections(place: &Place) {
    replay(&*place.open(), true);
}

/// What is said when the store holds these values for a reading.
fn said(place: &Place, change: impl Fn(Vec<u8>) -> Vec<u8>) -> OnlineError {
    let store = place.open();
    let (reading, created) = readings(false).swap_remove(0);
    let (entity, mut stored) = encoded(&reading, created);
    stored.cells = change(stored.cells);
    store.push(VIEW, &[(entity.clone(), stored)]).unwrap();
    let reference = Reference::default();
    let windows = OnlineWindows::<Reading>::new(&*store, VIEW, &reference, EXTENT);
    windows.around(&reading).unwrap_err()
}

fn values_of_other_columns_are_refused(place: &Place) {
    let other = Schema::new(&["day", "entity", "level"]);
    let cells = [Cell::Date(0), Cell::Text("e0"), Cell::Missing];
    let error = said(place, |_| other.encode(&cells).unwrap());
    assert!(matches!(error, OnlineError::OtherSchema { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("another list of columns"), "{message}");
    assert!(message.contains("1970-01-01"), "{message}");
    assert!(message.contains("materialize again"), "{message}");
    // The right columns with a value of the wrong kind.
    let same = Schema::new(Reading::COLUMNS);
    let error = said(place, |_| same.encode(&[Cell::Missing; 4]).unwrap());
    assert!(matches!(error, OnlineError::OtherSchema { .. }), "{error}");
}

fn values_that_are_damaged_are_refused(place: &Place) {
    let error = said(place, |mut cells| {
        cells[6] ^= 1;
        cells
    });
    assert!(matches!(error, OnlineError::Damaged { .. }), "{error}");
}

/// The readings as a table sorted by entity, as files often are.
fn table(readings: &[Reading]) -> Table {
    let column = |name: &str, values| Column {
        name: name.into(),
        values,
    };
    let code = |level: Option<usize>| level.map_or(MISSING_CODE, |level| level as u32);
    let entity = |reading: &Reading| reading.entity[1..].parse().ok();
    let flag = |reading: &Reading| reading.flag.map(usize::from);
    let category = |codes: &dyn Fn(&Reading) -> Option<usize>, levels: Vec<String>| {
        let codes = readings
            .iter()
            .map(|reading| code(codes(reading)))
            .collect();
        Values::Category { codes, levels }
    };
    let names = (0..ENTITIES).map(|at| format!("e{at}")).collect();
    let days = readings.iter().map(|reading| reading.day).collect();
    let levels = readings.iter().map(|reading| f64::from(reading.level));
    Table::new(vec![
        column("level", Values::Number(levels.collect())),
        column("entity", category(&entity, names)),
        column("flag", category(&flag, vec!["no".into(), "yes".into()])),
        column("day", Values::Date(days)),
    ])
    .unwrap()
}

fn a_table_is_materialized_by_day_whatever_its_order(place: &Place) {
    let store = place.open();
    let mut readings: Vec<Reading> = readings(false).into_iter().map(|(r, _)| r).collect();
    readings.sort_by(|a, b| (&a.entity, a.day).cmp(&(&b.entity, b.day)));
    let table = table(&readings);
    let created = |_: usize, day| end_of(day);
    let request = crate::materialize::request(3, DAYS - 1);
    let mut newest = Newest::<Reading>::new("entity", "day", 3..=DAYS - 1, store.keep());
    newest.add(0, &table, created).unwrap();
    let chunks = |from, until| newest.chunks(from, until);
    let done = materialize(&*store, &request, chunks).unwrap();
    let late_enough = readings.iter().filter(|reading| reading.day >= 3);
    let mut of_entity = BTreeMap::new();
    for reading in late_enough {
        *of_entity.entry(&reading.entity).or_insert(0) += 1;
    }
    let kept = of_entity
        .values()
        .map(|days: &usize| (*days).min(store.keep().into()));
    assert_eq!(done.rows, kept.sum::<usize>());
    assert_eq!(newest.seen(), of_entity.values().sum::<usize>());
    let source = TableSource::<Reading>::new(&table).unwrap();
    let rows = source.rows(created).unwrap();
    assert_eq!(rows.len(), readings.len());
    let kept: Vec<_> = rows.into_iter().filter(|(_, row)| row.day >= 3).collect();
    crate::model::assert_holds(&*store, &kept);

    let reference = reference();
    let history = History::new(&readings);
    let offline = Windows::new(&history, &reference, EXTENT);
    let online = OnlineWindows::<Reading>::new(&*store, VIEW, &reference, EXTENT);
    for today in readings.iter().filter(|reading| reading.day == DAYS - 1) {
        let now = end_of(DAYS - 1);
        let expected = offline.with(today, now, &mut Vec::new(), row);
        let around = online.around(today).unwrap();
        assert_eq!(around.window(today, now, row), expected);
    }
}
