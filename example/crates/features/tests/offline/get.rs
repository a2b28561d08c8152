use mlops_features::offline::{Created, Entities, JoinKey, Options, View, get_historical_features};
use polars::prelude::*;

use super::{dates, entities, frame, instants, table, utc, view};

const SEEN: Options = Options {
    created: true,
    full_names: false,
};
const UNSEEN: Options = Options {
    created: false,
    full_names: false,
};

fn numbers(result: &DataFrame, column: &str) -> Vec<Option<i32>> {
    result.column(column).unwrap().i32().unwrap().to_vec()
}

#[test]
fn each_entity_row_gets_what_was_known_at_its_instant() {
    let source = frame(vec![
        Column::new("machine".into(), ["a", "a", "b", "a"]),
        instants("event", &[Some(10), Some(20), Some(15), Some(20)]),
        instants("created", &[Some(10), Some(20), None, Some(30)]),
        Column::new("load".into(), [1, 2, 3, 4]),
    ]);
    let mut view = view(&source, &["load"]);
    view.created = Created::Column("created".into());
    let rows = entities(vec![
        Column::new("machine".into(), ["b", "a", "a", "c", "a", "a"]),
        instants("at", &[20, 9, 25, 99, 25, 30].map(Some)),
        Column::new("label".into(), ["1", "2", "3", "4", "5", "6"]),
    ]);
    let seen = get_historical_features(&rows, std::slice::from_ref(&view), SEEN).unwrap();
    assert_eq!(
        numbers(&seen, "load"),
        [None, None, Some(2), None, Some(2), Some(4)]
    );
    assert_eq!(
        seen.get_column_names(),
        ["machine", "at", "label", "load"],
        "the entity rows' own columns come first, as they were"
    );
    let unseen = get_historical_features(&rows, &[view], UNSEEN).unwrap();
    assert_eq!(
        numbers(&unseen, "load"),
        [Some(3), None, Some(4), None, Some(4), Some(4)]
    );
}

#[test]
fn equal_entity_rows_stay_apart() {
    // Feast's Dask store merges them (#6787), and drops those for which nothing was known in time.
    let source = frame(vec![
        Column::new("machine".into(), ["a"]),
        instants("event", &[Some(10)]),
        Column::new("load".into(), [1]),
    ]);
    let rows = entities(vec![
        Column::new("machine".into(), ["a", "a", "a"]),
        instants("at", &[Some(10), Some(10), Some(9)]),
    ]);
    let result = get_historical_features(&rows, &[view(&source, &["load"])], SEEN).unwrap();
    assert_eq!(numbers(&result, "load"), [Some(1), Some(1), None]);
}

#[test]
fn the_ttl_counts_from_the_entity_row_and_both_its_ends_belong_to_it() {
    let source = frame(vec![
        Column::new("machine".into(), ["a"]),
        dates("event", &[10]),
        Column::new("load".into(), [1]),
    ]);
    let day = 86_400_000_000;
    let mut view = view(&source, &["load"]);
    view.ttl = 2 * day as u64;
    let rows = entities(vec![
        Column::new("machine".into(), ["a"; 4]),
        instants(
            "at",
            &[10 * day - 1, 10 * day, 12 * day, 12 * day + 1].map(Some),
        ),
    ]);
    let result = get_historical_features(&rows, &[view], SEEN).unwrap();
    assert_eq!(numbers(&result, "load"), [None, Some(1), Some(1), None]);
}

#[test]
fn keys_of_two_columns_do_not_run_into_each_other() {
    let source = frame(vec![
        Column::new("plant".into(), [1i64, 12]),
        Column::new("machine".into(), [23i64, 3]),
        dates("event", &[1, 1]),
        Column::new("load".into(), [1, 2]),
    ]);
    let mut view = view(&source, &["load"]);
    view.keys.insert(0, JoinKey::same("plant"));
    let rows = entities(vec![
        Column::new("plant".into(), [12i64, 1, 1]),
        Column::new("machine".into(), [3i64, 23, 3]),
        dates("at", &[1, 1, 1]),
    ]);
    let result = get_historical_features(&rows, &[view], SEEN).unwrap();
    assert_eq!(numbers(&result, "load"), [Some(2), Some(1), None]);
}

#[test]
fn a_key_may_have_another_name_in_the_entity_rows() {
    let source = frame(vec![
        Column::new("machine".into(), ["a", "b"]),
        dates("event", &[1, 1]),
        Column::new("load".into(), [1, 2]),
    ]);
    let from = view(&source, &["load"]);
    let mut to = from.clone();
    to.name = "next".into();
    to.keys[0].asked_as = "then".into();
    let rows = entities(vec![
        Column::new("machine".into(), ["a"]),
        Column::new("then".into(), ["b"]),
        dates("at", &[1]),
    ]);
    let full = Options {
        full_names: true,
        ..SEEN
    };
    let result = get_historical_features(&rows, &[from.clone(), to.clone()], full).unwrap();
    assert_eq!(numbers(&result, "readings__load"), [Some(1)]);
    assert_eq!(numbers(&result, "next__load"), [Some(2)]);
    let clash = get_historical_features(&rows, &[from, to], SEEN).unwrap_err();
    insta::assert_snapshot!(clash, @r#"the result would have two columns called "load" ("load" of view "readings" and "load" of view "next"): ask for full feature names, or for one of them only"#);
}

#[test]
fn views_of_one_table_and_of_none_stand_side_by_side() {
    let source = frame(vec![
        Column::new("machine".into(), ["a", "b"]),
        dates("event", &[1, 2]),
        Column::new("load".into(), [1, 2]),
        Column::new("word".into(), ["one", "two"]),
    ]);
    let one = view(&source, &["word"]);
    let mut everyone = view(&source, &["load"]);
    everyone.name = "everyone".into();
    everyone.keys.clear();
    let rows = entities(vec![
        Column::new("machine".into(), ["a", "b", "c"]),
        dates("at", &[9, 9, 9]),
    ]);
    let result = get_historical_features(&rows, &[one, everyone], SEEN).unwrap();
    let words = result.column("word").unwrap().str().unwrap();
    assert_eq!(
        words.iter().collect::<Vec<_>>(),
        [Some("one"), Some("two"), None]
    );
    assert_eq!(numbers(&result, "load"), [Some(2); 3]);
}

#[test]
fn instants_with_and_without_a_zone_are_not_compared() {
    let source = |event| {
        frame(vec![
            Column::new("machine".into(), ["a"]),
            event,
            Column::new("load".into(), [1]),
        ])
    };
    let (naive, aware) = (
        source(instants("event", &[Some(1)])),
        source(utc("event", &[Some(1)])),
    );
    let rows = |at| entities(vec![Column::new("machine".into(), ["a"]), at]);
    let join = |source, at| {
        get_historical_features(&rows(at), &[view(source, &["load"])], SEEN)
            .map(|result| numbers(&result, "load"))
    };
    let error = join(&naive, utc("at", &[Some(1)])).unwrap_err();
    insta::assert_snapshot!(error, @r#"column "at" of entities has a time zone and column "event" of readings has none: which of two such instants came first can't be known. Give both a zone (Z for UTC), or neither"#);
    assert!(join(&aware, instants("at", &[Some(1)])).is_err());
    for (source, at) in [
        (&naive, instants("at", &[Some(1)])),
        (&aware, utc("at", &[Some(1)])),
        // A day goes with both: it is its midnight.
        (&naive, dates("at", &[1])),
        (&aware, dates("at", &[1])),
    ] {
        assert_eq!(join(source, at).unwrap(), [Some(1)]);
    }
}

#[test]
fn units_of_time_do_not_matter() {
    for (unit, second) in [
        (TimeUnit::Milliseconds, 1_000i64),
        (TimeUnit::Microseconds, 1_000_000),
        (TimeUnit::Nanoseconds, 1_000_000_000),
    ] {
        let kind = DataType::Datetime(unit, None);
        let source = frame(vec![
            Column::new("machine".into(), ["a"]),
            Column::new("event".into(), [5 * second])
                .cast(&kind)
                .unwrap(),
            Column::new("load".into(), [1]),
        ]);
        let rows = entities(vec![
            Column::new("machine".into(), ["a", "a"]),
            instants("at", &[Some(5_000_000), Some(4_999_999)]),
        ]);
        let result = get_historical_features(&rows, &[view(&source, &["load"])], SEEN).unwrap();
        assert_eq!(numbers(&result, "load"), [Some(1), None], "{unit}");
    }
    let kind = DataType::Datetime(TimeUnit::Nanoseconds, None);
    let source = frame(vec![
        Column::new("machine".into(), ["a"]),
        Column::new("event".into(), [1i64]).cast(&kind).unwrap(),
        Column::new("load".into(), [1]),
    ]);
    let rows = entities(vec![
        Column::new("machine".into(), ["a"]),
        dates("at", &[1]),
    ]);
    let error = get_historical_features(&rows, &[view(&source, &["load"])], SEEN).unwrap_err();
    insta::assert_snapshot!(error, @r#"readings, row 1, column "event": the instant is finer than a microsecond: round it"#);
}

#[test]
fn entity_rows_of_a_text_file_are_read_as_the_view_needs_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("entities.csv");
    std::fs::write(
        &path,
        "machine,at,label\n7,2015-07-01 09:00:00,yes\n007,2015-06-30,\n,2015-07-01 08:59:59.999999,no\n",
    )
    .unwrap();
    let nine = 1_435_741_200_000_000;
    let mut source = frame(vec![
        Column::new("machine".into(), [7i64]),
        instants("event", &[Some(nine)]),
        Column::new("load".into(), [1]),
    ]);
    let rows = Entities::read(&path, &["event_timestamp", "at"]).unwrap();
    let result = get_historical_features(&rows, &[view(&source, &["load"])], SEEN).unwrap();
    assert_eq!(numbers(&result, "load"), [Some(1), None, None]);
    source
        .table
        .with_column(Column::new("machine".into(), ["7"]))
        .unwrap();
    let result = get_historical_features(&rows, &[view(&source, &["load"])], SEEN).unwrap();
    assert_eq!(numbers(&result, "load"), [Some(1), None, None]);
    source.table.with_column(dates("machine", &[7])).unwrap();
    let error = get_historical_features(&rows, &[view(&source, &["load"])], SEEN).unwrap_err();
    let said = error.to_string();
    let said = said.replace(&folder.path().display().to_string(), "");
    insta::assert_snapshot!(said, @r#"/entities.csv, line 2, column "machine": "7" is not a date, as the view's key is"#);
}

#[test]
fn a_day_without_an_hour_may_stand_for_an_hour_of_it() {
    let source = frame(vec![
        Column::new("machine".into(), ["a", "a"]),
        dates("event", &[1, 2]),
        Column::new("load".into(), [1, 2]),
    ]);
    let day = 86_400_000_000;
    let mut view = view(&source, &["load"]);
    view.created = Created::After(day);
    let get = |at: Column, means: u64| {
        let mut rows = entities(vec![Column::new("machine".into(), ["a"]), at]);
        rows.day_means = means;
        let result = get_historical_features(&rows, std::slice::from_ref(&view), SEEN);
        numbers(&result.unwrap(), "load")[0]
    };
    assert_eq!(
        get(dates("at", &[2]), 0),
        Some(1),
        "its midnight: day 2 isn't over"
    );
    assert_eq!(get(dates("at", &[2]), day), Some(2));
    assert_eq!(get(instants("at", &[Some(2 * day as i64)]), day), Some(1));
}

#[test]
fn mistakes_are_told_with_table_column_and_row() {
    let source = frame(vec![
        Column::new("machine".into(), ["a", "b"]),
        instants("event", &[Some(1), None]),
        Column::new("load".into(), [1, 2]),
        Column::new("part".into(), [0.5, 0.5]),
    ]);
    let rows = |machine: Column, at: Column| entities(vec![machine, at]);
    let good = rows(
        Column::new("machine".into(), ["a"]),
        instants("at", &[Some(1)]),
    );
    let mut said = Vec::new();
    let mut say = |rows: &Entities, view: View<'_>| {
        let error = get_historical_features(rows, &[view], SEEN).unwrap_err();
        assert!(error.is_user_error());
        said.push(error.to_string());
    };
    say(&good, view(&source, &["lode"]));
    say(&good, view(&source, &["load"]));
    let broken = |change: fn(&mut View<'_>)| {
        let mut view = view(&source, &["load"]);
        change(&mut view);
        view
    };
    say(&good, broken(|view| view.event = "load".into()));
    say(&good, broken(|view| view.keys[0].column = "part".into()));
    say(
        &good,
        broken(|view| view.keys[0].asked_as = "engine".into()),
    );
    say(
        &rows(
            Column::new("machine".into(), [1i64]),
            instants("at", &[Some(1)]),
        ),
        view(&source, &["load"]),
    );
    say(
        &rows(
            Column::new("machine".into(), ["a", "a"]),
            instants("at", &[Some(1), None]),
        ),
        view(&source, &["load"]),
    );
    let texts = Column::new("at".into(), ["2015-07-01 09:00", "2015-07-01T09:00Z"]);
    say(
        &rows(Column::new("machine".into(), ["a", "a"]), texts),
        view(&source, &["load"]),
    );
    let no_time = Entities::new("entities", table(vec![Column::new("a".into(), [1])]), "at");
    say(&no_time, view(&source, &["load"]));
    insta::assert_snapshot!(said.join("\n"), @r#"
    readings has no column "lode", which is a field of the view; it has machine, event, load, part
    readings, row 2, column "event": the instant is missing: fill it in, or leave the row out
    readings: column "load" has type i32, where a date or an instant is expected
    readings: column "part" has type f64, where a key (text, a whole number or a date) is expected
    entities has no column "engine", which is a key of a view; it has machine, at
    column "machine" of readings is text and column "machine" of entities is a whole number: they are never equal. Convert one of them
    entities, row 2, column "at": the instant is missing: fill it in, or leave the row out
    entities, row 2, column "at": "2015-07-01T09:00Z" has a time zone, unlike row 1: give all of them one, or none
    entities has no column "at", which says as of when values are wanted; it has a
    "#);
}

#[test]
fn a_day_is_known_when_it_is_over_and_an_instant_at_once() {
    let day = 86_400_000_000;
    let asked = [2 * day - 1, 2 * day, 2 * day + 1, 3 * day].map(Some);
    let rows = || {
        entities(vec![
            Column::new("machine".into(), ["a"; 4]),
            instants("at", &asked),
        ])
    };
    let of = |event: Column| {
        frame(vec![
            Column::new("machine".into(), ["a", "a"]),
            event,
            dates("known", &[1, 2]),
            Column::new("load".into(), [1, 2]),
        ])
    };
    let loads = |event: Column, created: Created| {
        let source = of(event);
        let mut view = view(&source, &["load"]);
        view.created = created;
        numbers(
            &get_historical_features(&rows(), &[view], SEEN).unwrap(),
            "load",
        )
    };
    let by_day = [None, Some(1), Some(1), Some(2)];
    assert_eq!(loads(dates("event", &[1, 2]), Created::WithEvent), by_day);
    let texts = Column::new("event".into(), ["1970-01-02", "1970-01-03"]);
    assert_eq!(loads(texts, Created::WithEvent), by_day);
    let known = Created::Column("known".into());
    assert_eq!(loads(dates("event", &[1, 2]), known), by_day);
    let at_once = instants("event", &[Some(day), Some(2 * day)]);
    assert_eq!(
        loads(at_once, Created::WithEvent),
        [Some(1), Some(2), Some(2), Some(2)]
    );
}
