//! Pushing and reading.

use mlops_data::calendar::Day;
use mlops_features::online::{OnlineStore, Span};

use crate::model::{VIEW, all, assert_holds, read, row, shuffled, stored};
use crate::over_both_stores;
use crate::places::Place;

over_both_stores!(
    what_is_held_depends_on_no_order,
    a_repeated_push_changes_nothing,
    an_older_version_is_not_taken,
    of_two_created_at_once_the_last_pushed_holds,
    a_span_has_its_first_and_its_last_day,
    the_newest_days_are_kept,
    any_text_names_a_view_or_an_entity,
    the_extremes_of_time_are_ordered,
    threads_that_write_at_once_lose_nothing,
    a_store_opened_again_holds_the_same,
    many_entities,
);

fn what_is_held_depends_on_no_order(place: &Place) {
    let store = place.open();
    let rows = shuffled(1, 5, 12, 4);
    for group in rows.chunks(7) {
        store.push(VIEW, group).unwrap();
    }
    assert_holds(&*store, &rows);
}

fn a_repeated_push_changes_nothing(place: &Place) {
    let store = place.open();
    let rows = [
        row("a", 1, 5, "x"),
        row("a", 2, 5, "y"),
        row("b", 1, 5, "z"),
    ];
    assert_eq!(store.push(VIEW, &rows).unwrap(), 3);
    assert_eq!(store.push(VIEW, &rows).unwrap(), 0);
    assert_eq!(store.push(VIEW, &[]).unwrap(), 0);
}

fn an_older_version_is_not_taken(place: &Place) {
    let store = place.open();
    store.push(VIEW, &[row("a", 1, 5, "new")]).unwrap();
    assert_eq!(store.push(VIEW, &[row("a", 1, 4, "old")]).unwrap(), 0);
    assert_eq!(read(&*store, "a"), [stored(1, 5, "new")]);
    assert_eq!(store.push(VIEW, &[row("a", 1, 6, "newest")]).unwrap(), 1);
    assert_eq!(read(&*store, "a"), [stored(1, 6, "newest")]);
}

fn of_two_created_at_once_the_last_pushed_holds(place: &Place) {
    let store = place.open();
    let both = [row("a", 1, 5, "first"), row("a", 1, 5, "second")];
    assert_eq!(store.push(VIEW, &both).unwrap(), 1);
    assert_eq!(read(&*store, "a"), [stored(1, 5, "second")]);
    assert_eq!(store.push(VIEW, &[row("a", 1, 5, "third")]).unwrap(), 1);
    assert_eq!(read(&*store, "a"), [stored(1, 5, "third")]);
}

fn a_span_has_its_first_and_its_last_day(place: &Place) {
    let store = place.open();
    let rows: Vec<_> = [-3, -1, 0, 2, 3].map(|day| row("a", day, 1, "x")).into();
    store.push(VIEW, &rows).unwrap();
    store.push("other view", &[row("a", 1, 1, "x")]).unwrap();
    let span = |entity, from, until| Span {
        entity,
        from,
        until,
    };
    let spans = [
        span("a", -1, 2),
        span("nobody", -1, 2),
        span("a", 1, 1),
        span("a", 3, -3),
        span("a", -1000, 2),
        span("a", 4, Day::MAX),
        span("a", 3, 3),
    ];
    let days: Vec<Vec<Day>> = store
        .read(VIEW, &spans)
        .unwrap()
        .iter()
        .map(|rows| rows.iter().map(|row| row.day).collect())
        .collect();
    let expected: [&[Day]; 7] = [&[-1, 0, 2], &[], &[], &[], &[-3, -1, 0, 2], &[], &[3]];
    assert_eq!(days, expected);
    assert_eq!(store.read("no view", &[all("a")]).unwrap(), [[]]);
}

fn the_newest_days_are_kept(place: &Place) {
    let store = place.keeping(3);
    let days = [5, 1, 9, 7, 8].map(|day| row("a", day, 1, "x"));
    assert_eq!(store.push(VIEW, &days[..3]).unwrap(), 3);
    // 1 falls off, then 5.
    assert_eq!(store.push(VIEW, &days[3..]).unwrap(), 2);
    let kept = |store: &dyn OnlineStore| -> Vec<Day> {
        read(store, "a").iter().map(|row| row.day).collect()
    };
    assert_eq!(kept(&*store), [7, 8, 9]);
    // Older than all that are kept: not taken.
    assert_eq!(store.push(VIEW, &[row("a", 6, 9, "x")]).unwrap(), 0);
    let all: Vec<_> = (0..20).map(|day| row("b", day, 1, "x")).collect();
    assert_eq!(store.push(VIEW, &all).unwrap(), 3);
    assert_eq!(kept(&*store), [7, 8, 9]);
}

fn any_text_names_a_view_or_an_entity(place: &Place) {
    let store = place.open();
    let names = ["", "a", "a:b", "b", ":", "%", "%3A", "ünï\n\0", "a:b:c"];
    for view in names {
        for entity in names {
            let cells = format!("{view}|{entity}");
            assert_eq!(store.push(view, &[row(entity, 1, 1, &cells)]).unwrap(), 1);
            store
                .set_note(view, entity, Some(cells.as_bytes()))
                .unwrap();
        }
    }
    for view in names {
        let spans = names.map(all);
        for (entity, rows) in names.iter().zip(store.read(view, &spans).unwrap()) {
            let cells = format!("{view}|{entity}");
            assert_eq!(rows, [stored(1, 1, &cells)]);
            let note = store.note(view, entity).unwrap();
            assert_eq!(note.as_deref(), Some(cells.as_bytes()));
        }
    }
    store.set_note("a", "b", None).unwrap();
    assert_eq!(store.note("a", "b").unwrap(), None);
}

fn the_extremes_of_time_are_ordered(place: &Place) {
    let store = place.open();
    let times = [i64::MIN, -1, 0, 1, 1 << 53, (1 << 53) + 1, i64::MAX];
    for created in times {
        let cells = created.to_string();
        assert_eq!(
            store.push(VIEW, &[row("a", 0, created, &cells)]).unwrap(),
            1
        );
        let older = row("a", 0, created.saturating_sub(1), "older");
        let changed = store.push(VIEW, &[older]).unwrap();
        assert_eq!(changed, usize::from(created == i64::MIN));
    }
    let days = [Day::MIN, -1, Day::MAX].map(|day| row("b", day, 1, "x"));
    store.push(VIEW, &days).unwrap();
    let found: Vec<Day> = read(&*store, "b").iter().map(|row| row.day).collect();
    assert_eq!(found, [Day::MIN, -1, Day::MAX]);
    let last = Span {
        entity: "b",
        from: Day::MAX,
        until: Day::MAX,
    };
    assert_eq!(store.read(VIEW, &[last]).unwrap()[0].len(), 1);
}

fn threads_that_write_at_once_lose_nothing(place: &Place) {
    let store = place.keeping(6);
    let rows = shuffled(2, 3, 8, 6);
    let (store, done) = (&*store, &std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut seen = std::collections::BTreeMap::new();
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                for row in read(store, "e0") {
                    let before = seen.insert(row.day, row.created);
                    assert!(before.is_none_or(|before| before <= row.created));
                    assert_eq!(
                        row.cells,
                        format!("0 {} {}", row.day, row.created).as_bytes()
                    );
                }
            }
        });
        let part = rows.len().div_ceil(4);
        let writers: Vec<_> = rows
            .chunks(part)
            .map(|rows| {
                scope.spawn(move || {
                    for group in rows.chunks(5) {
                        store.push(VIEW, group).unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert_holds(store, &rows);
}

fn a_store_opened_again_holds_the_same(place: &Place) {
    let rows = shuffled(3, 4, 9, 2);
    {
        let store = place.open();
        store.push(VIEW, &rows).unwrap();
        store.set_note(VIEW, "note", Some(b"kept")).unwrap();
    }
    let store = place.open();
    assert_holds(&*store, &rows);
    assert_eq!(store.note(VIEW, "note").unwrap().unwrap(), b"kept");
    assert_eq!(store.push(VIEW, &rows).unwrap(), 0);
}

/// As many as `MLOPS_ONLINE_KEYS` says; without, few enough for every day.
fn many_entities(place: &Place) {
    let keys = std::env::var("MLOPS_ONLINE_KEYS").map_or(20_000, |keys| keys.parse().unwrap());
    let store = place.open();
    let name = |at: usize| format!("entity {at}");
    let start = std::time::Instant::now();
    for first in (0..keys).step_by(10_000) {
        let last = keys.min(first + 10_000);
        let rows: Vec<_> = (first..last)
            .map(|at| row(&name(at), 7, 1, &"x".repeat(60)))
            .collect();
        assert_eq!(store.push(VIEW, &rows).unwrap(), rows.len());
    }
    let pushed = start.elapsed();
    let mut times = Vec::new();
    for at in (0..keys).step_by((keys / 997).max(1)) {
        let start = std::time::Instant::now();
        assert_eq!(read(&*store, &name(at)).len(), 1);
        times.push(start.elapsed());
    }
    assert!(read(&*store, &name(keys)).is_empty());
    times.sort();
    println!(
        "{keys} entities pushed in {pushed:.1?}, one read in {:?} (median)",
        times[times.len() / 2]
    );
}
