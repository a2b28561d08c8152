//! What a window shows of gaps, second versions and neighbours.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use mlops_data::{Cell, calendar::Day};
use mlops_features::{
    Extent, History, Learned, Neighbour, Observation, Recent, Reference, Windows, end_of,
};
use proptest::prelude::*;

#[derive(Debug, Clone, PartialEq)]
struct Reading {
    machine: String,
    day: Day,
    load: f32,
}

impl Observation for Reading {
    const COLUMNS: &'static [&'static str] = &[];

    fn from_cells(_: &[Cell<'_>]) -> Result<Self, (usize, String)> {
        Err((0, "these readings come from no table".into()))
    }

    fn entity(&self) -> &str {
        &self.machine
    }

    fn day(&self) -> Day {
        self.day
    }
}

fn reading(machine: &str, day: Day, load: f32) -> Reading {
    Reading {
        machine: machine.into(),
        day,
        load,
    }
}

const EXTENT: Extent = Extent {
    days: 3,
    neighbours: 2,
    neighbour_days: 1,
};

#[test]
fn yesterday_is_the_day_before_and_not_the_row_before() {
    let readings = [
        reading("lathe", 10, 1.0),
        reading("lathe", 12, 2.0),
        reading("lathe", 13, 3.0),
    ];
    let history = History::new(&readings);
    let reference = Reference::default();
    let windows = Windows::new(&history, &reference, EXTENT);
    let seen = |today: &Reading| {
        windows.with(today, end_of(today.day), &mut Vec::new(), |window| {
            [0, 1, 2, 3, 4].map(|before| window.day(before).map(|reading| reading.load))
        })
    };
    assert_eq!(seen(&readings[1]), [Some(2.0), None, Some(1.0), None, None]);
    assert_eq!(
        seen(&readings[2]),
        [Some(3.0), Some(2.0), None, Some(1.0), None]
    );
}

#[test]
fn what_lies_beyond_the_window_is_not_seen() {
    let readings: Vec<Reading> = (0..9).map(|day| reading("lathe", day, 0.0)).collect();
    let history = History::new(&readings);
    let recent = Recent::new(history.of("lathe"), 6, i64::MAX, 3);
    let seen = |before| recent.day(before).map(|reading| reading.day);
    assert_eq!([0, 1, 2, 3].map(seen), [Some(6), Some(5), Some(4), Some(3)]);
    assert_eq!(seen(4), None);
}

#[test]
fn a_version_is_seen_from_the_moment_it_was_created() {
    let (first, second) = (reading("lathe", 5, 1.0), reading("lathe", 5, 2.0));
    let late = end_of(5) + 1;
    let history = History::with_created([(&second, late), (&first, end_of(5))]);
    let seen = |as_of| {
        let recent = Recent::new(history.of("lathe"), 6, as_of, 3);
        recent.day(1).map(|reading| reading.load)
    };
    assert_eq!(seen(end_of(5) - 1), None);
    assert_eq!(seen(end_of(5)), Some(1.0));
    assert_eq!(seen(late), Some(2.0));
}

#[test]
fn neighbours_come_nearest_first_and_absent_ones_keep_their_place() {
    let readings = [
        reading("lathe", 3, 1.0),
        reading("drill", 3, 2.0),
        reading("drill", 2, 4.0),
        reading("press", 3, 8.0),
    ];
    let near = |entity: &str| Neighbour {
        entity: entity.into(),
        values: vec![0.5],
    };
    let learned = Learned {
        neighbours: vec![near("saw"), near("drill"), near("press")],
        tables: BTreeMap::from([("mean".into(), vec![None, Some(7.0)])]),
    };
    let reference = Reference {
        entities: BTreeMap::from([("lathe".into(), learned)]),
    };
    let history = History::new(&readings);
    let windows = Windows::new(&history, &reference, EXTENT);
    windows.with(&readings[0], end_of(3), &mut Vec::new(), |window| {
        let load = |before| {
            window
                .neighbours()
                .iter()
                .map(|near| near.recent.day(before).map(|reading| reading.load))
                .collect::<Vec<_>>()
        };
        assert_eq!(load(0), [None, Some(2.0)], "the third is beyond the extent");
        assert_eq!(load(1), [None, Some(4.0)]);
        assert!(window.learned("mean", 0).is_nan() && window.learned("median", 0).is_nan());
        assert_eq!(window.learned("mean", 1), 7.0);
    });
}

proptest! {
    /// Against the definition: of all versions of that day known by then, the latest.
    #[test]
    fn a_window_is_what_a_search_through_all_rows_finds(
        rows in prop::collection::vec((0..12, 0..4_i64), 0..40),
        today in 0..14, as_of in 0..18, days in 0..9_u16, before in 0..12_u16,
    ) {
        let readings: Vec<(Reading, i64)> = rows
            .iter()
            .enumerate()
            .map(|(at, (day, late))| (reading("lathe", *day, at as f32), end_of(*day) + late * end_of(0)))
            .collect();
        let as_of = end_of(as_of);
        let history = History::with_created(readings.iter().map(|(reading, at)| (reading, *at)));
        let found = Recent::new(history.of("lathe"), today, as_of, days).day(before);
        let expected = readings
            .iter()
            .filter(|(reading, created)| reading.day == today - Day::from(before) && *created <= as_of)
            .max_by_key(|(_, created)| *created)
            .filter(|_| before <= days)
            .map(|(reading, _)| reading);
        prop_assert_eq!(found, expected);
    }
}
