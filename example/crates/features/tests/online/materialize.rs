//! From a source into the store: again, in pieces, and killed in between.

use mlops_data::calendar::Day;
use mlops_features::online::{
    Chunk, Materialized, OnlineError, OnlineStore, Request, Start, last_end, materialize,
    next_start,
};

use crate::model::{Rows, VIEW, assert_holds, row};
use crate::over_both_stores;
use crate::places::Place;

over_both_stores!(
    a_second_run_changes_nothing,
    an_incremental_run_starts_at_the_last_end,
    without_a_last_end_it_goes_as_far_back_as_is_fresh_or_kept,
    an_interrupted_run_goes_on_where_it_was,
    another_source_or_another_start_begins_anew,
    a_source_out_of_order_is_refused,
);

/// Three entities on each of these days.
pub fn rows(from: Day, until: Day) -> Rows {
    let of_day = |day| ["a", "b", "c"].map(|entity| row(entity, day, i64::from(day), "values"));
    (from..=until).flat_map(of_day).collect()
}

/// The same, two days at a time.
pub fn chunks(from: Day, until: Day) -> impl Iterator<Item = Result<Chunk, String>> {
    (from..=until).step_by(2).map(move |day| {
        let through = until.min(day.saturating_add(1));
        Ok(Chunk {
            through,
            rows: rows(day, through),
        })
    })
}

pub fn request(from: Day, until: Day) -> Request {
    Request {
        view: VIEW.into(),
        source: "hash of the source".into(),
        from,
        until,
    }
}

fn run(store: &dyn OnlineStore, from: Day, until: Day) -> Materialized {
    materialize(store, &request(from, until), chunks).unwrap()
}

fn a_second_run_changes_nothing(place: &Place) {
    let store = place.open();
    let first = run(&*store, 1, 9);
    let all = Materialized {
        from: 1,
        until: 9,
        resumed: false,
        rows: 27,
        changed: 27,
    };
    assert_eq!(first, all);
    assert_holds(&*store, &rows(1, 9));
    assert_eq!(run(&*store, 1, 9), Materialized { changed: 0, ..all });
    assert_eq!(last_end(&*store, VIEW).unwrap(), Some(9));
    // An earlier stretch doesn't take the end back, and an empty one sets none.
    run(&*store, 1, 3);
    run(&*store, 20, 19);
    assert_eq!(last_end(&*store, VIEW).unwrap(), Some(9));
}

fn an_incremental_run_starts_at_the_last_end(place: &Place) {
    let store = place.open();
    let start = Start {
        now: 30,
        ttl: Some(7),
    };
    run(&*store, 1, 9);
    assert_eq!(next_start(&*store, VIEW, start).unwrap(), 9);
    assert_eq!(next_start(&*store, "other view", start).unwrap(), 30 - 40);
    let done = run(&*store, 9, 12);
    assert_eq!((done.rows, done.changed), (12, 9));
    assert_holds(&*store, &rows(1, 12));
}

fn without_a_last_end_it_goes_as_far_back_as_is_fresh_or_kept(place: &Place) {
    let store = place.open();
    let start = |now, ttl| next_start(&*store, VIEW, Start { now, ttl }).unwrap();
    assert_eq!(start(1000, Some(7)), 1000 - 40);
    assert_eq!(start(1000, Some(365)), 1000 - 365);
    assert_eq!(start(1000, None), Day::MIN);
    assert_eq!(start(Day::MIN, Some(u32::MAX)), Day::MIN);
}

fn an_interrupted_run_goes_on_where_it_was(place: &Place) {
    let store = place.open();
    let broken = |from, until| {
        let mut given = 0;
        chunks(from, until).map(move |chunk| {
            given += 1;
            if given > 2 {
                Err("the disk is gone".into())
            } else {
                chunk
            }
        })
    };
    let error = materialize(&*store, &request(1, 9), broken).unwrap_err();
    assert!(matches!(error, OnlineError::SourceFailed { .. }), "{error}");
    assert_holds(&*store, &rows(1, 4));
    assert_eq!(last_end(&*store, VIEW).unwrap(), None);
    // A later end is the same run, gone on with.
    let done = run(&*store, 1, 11);
    assert_eq!((done.from, done.resumed, done.rows), (5, true, 21));
    assert_holds(&*store, &rows(1, 11));
    assert!(!run(&*store, 1, 11).resumed);
}

fn another_source_or_another_start_begins_anew(place: &Place) {
    let store = place.open();
    for other in [
        Request {
            source: "another hash".into(),
            ..request(1, 9)
        },
        request(2, 9),
    ] {
        let broken = |from, until| chunks(from, until).take(2).chain([Err("gone".into())]);
        materialize(&*store, &request(1, 9), broken).unwrap_err();
        let done = materialize(&*store, &other, chunks).unwrap();
        assert_eq!((done.from, done.resumed), (other.from, false));
    }
}

fn a_source_out_of_order_is_refused(place: &Place) {
    let store = place.open();
    let chunk = |through, days: [Day; 2]| Chunk {
        through,
        rows: rows(days[0], days[1]),
    };
    for bad in [
        vec![chunk(4, [1, 4]), chunk(3, [3, 3])],
        vec![chunk(4, [1, 5])],
        vec![chunk(4, [1, 4]), chunk(6, [4, 6])],
        vec![chunk(10, [1, 9])],
        vec![chunk(0, [0, 0])],
    ] {
        let source = |_, _| bad.into_iter().map(Ok::<_, String>);
        let error = materialize(&*store, &request(1, 9), source).unwrap_err();
        assert!(matches!(error, OnlineError::Source { .. }), "{error}");
        assert_eq!(last_end(&*store, VIEW).unwrap(), None);
    }
}
