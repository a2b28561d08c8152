//! What a store must hold, as plainly as can be.

use std::collections::BTreeMap;

use mlops_data::calendar::Day;
use mlops_features::online::{OnlineStore, Span, Stored};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

pub const VIEW: &str = "observations";

pub type Rows = Vec<(String, Stored)>;

pub fn stored(day: Day, created: i64, cells: &str) -> Stored {
    Stored {
        day,
        created,
        cells: cells.as_bytes().to_vec(),
    }
}

pub fn row(entity: &str, day: Day, created: i64, cells: &str) -> (String, Stored) {
    (entity.into(), stored(day, created, cells))
}

/// Everything of an entity.
pub fn all(entity: &str) -> Span<'_> {
    Span {
        entity,
        from: Day::MIN,
        until: Day::MAX,
    }
}

/// The days of one entity.
pub fn read(store: &dyn OnlineStore, entity: &str) -> Vec<Stored> {
    store.read(VIEW, &[all(entity)]).unwrap().remove(0)
}

/// Observations of some entities and days, in several versions, some of them twice,
/// in no order.
pub fn shuffled(seed: u64, entities: usize, days: Day, versions: i64) -> Rows {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut rows = Rows::new();
    for entity in 0..entities {
        for day in 0..days {
            for created in 0..versions {
                let times = 1 + usize::from(random.random_bool(0.2));
                let cells = format!("{entity} {day} {created}");
                rows.extend(vec![
                    row(&format!("e{entity}"), day, created, &cells);
                    times
                ]);
            }
        }
    }
    rows.shuffle(&mut random);
    rows
}

/// What is left of these rows: of each day the newest, of each entity the newest days.
pub fn expected(rows: &Rows, keep: usize) -> BTreeMap<String, Vec<Stored>> {
    let mut entities: BTreeMap<String, BTreeMap<Day, Stored>> = BTreeMap::new();
    for (entity, row) in rows {
        let days = entities.entry(entity.clone()).or_default();
        let held = days.entry(row.day).or_insert_with(|| row.clone());
        if held.created <= row.created {
            *held = row.clone();
        }
    }
    let last = |days: BTreeMap<Day, Stored>| {
        let skip = days.len().saturating_sub(keep);
        days.into_values().skip(skip).collect()
    };
    entities
        .into_iter()
        .map(|(entity, days)| (entity, last(days)))
        .collect()
}

pub fn assert_holds(store: &dyn OnlineStore, rows: &Rows) {
    for (entity, days) in expected(rows, store.keep().into()) {
        assert_eq!(read(store, &entity), days, "{entity}");
    }
}
