use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mlops_features::Period;
use mlops_features::offline::{
    Created, JoinKey, OfflineError, OfflineStore, Options, Source, TableSpec, View,
    get_historical_features,
};
use mlops_store::faults::{Faults, Faulty};
use mlops_store::{Bucket, Retry, Settings};
use polars::prelude::*;

use super::{dates, entities, table};

fn bucket() -> Bucket {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let settings = Settings {
        retry: Retry {
            tries: 2,
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_millis(1),
            timeout: Duration::from_secs(5),
        },
        ..Settings::default()
    };
    Bucket::open(&format!("memory://offline-{count}"), &settings).unwrap()
}

fn counted(bucket: &Bucket) -> (OfflineStore, Arc<Faulty>) {
    let (bucket, calls) = bucket.with_faults(Faults::none(0));
    (OfflineStore::new(bucket).unwrap(), calls)
}

fn spec() -> TableSpec {
    TableSpec {
        keys: vec!["machine".into()],
        event: "day".into(),
        created: None,
        period: Period::Year,
        source_hash: "abc".into(),
    }
}

/// A row a day from 2010-01-01 on for each of two machines.
fn readings(days: i32, load: f32) -> DataFrame {
    let first = 14_610; // 2010-01-01
    let day: Vec<i32> = (0..days).flat_map(|day| [first + day; 2]).collect();
    let machine: Vec<&str> = (0..days).flat_map(|_| ["a", "b"]).collect();
    table(vec![
        Column::new("machine".into(), machine),
        dates("day", &day),
        Column::new("load".into(), vec![load; day.len()]),
    ])
}

fn view(source: &dyn Source) -> View<'_> {
    View {
        name: "readings".into(),
        source,
        keys: vec![JoinKey::same("machine")],
        event: "day".into(),
        created: Created::After(0),
        ttl: 0,
        fields: vec!["load".into()],
    }
}

const DAY: i64 = 86_400_000_000;

#[test]
fn a_table_comes_back_as_it_was_written() {
    let store = OfflineStore::new(bucket()).unwrap();
    assert!(store.open("readings").unwrap().is_none());
    let whole = readings(1000, 0.5);
    let (generation, manifest) = store
        .write("readings", &spec(), [Ok(whole.clone())])
        .unwrap();
    let snapshot = store.open("readings").unwrap().unwrap();
    assert_eq!((generation, snapshot.generation()), (1, 1));
    assert_eq!(snapshot.manifest(), &manifest);
    assert_eq!(manifest.rows, 2000);
    assert_eq!(manifest.first_event, Some(14_610 * DAY));
    assert_eq!(manifest.last_event, Some(15_609 * DAY));
    let periods: Vec<_> = manifest
        .partitions
        .iter()
        .map(|p| p.period.as_str())
        .collect();
    assert_eq!(periods, ["2010", "2011", "2012"]);
    let mut back = DataFrame::default();
    for part in snapshot.scan(&["machine", "day", "load"], i64::MIN..=i64::MAX) {
        back.vstack_mut_owned(part.unwrap()).unwrap();
    }
    assert!(back.equals(&whole));
    let other = store.write("other", &spec(), [Ok(whole)]).unwrap().1;
    assert_eq!(other.schema_hash, manifest.schema_hash);
    assert_eq!(
        other.partitions, manifest.partitions,
        "the same rows are the same bytes"
    );
}

#[test]
fn a_range_of_dates_reads_its_partitions_only() {
    let bucket = bucket();
    let (store, calls) = counted(&bucket);
    let batches = [
        readings(1000, 0.5).slice(0, 1200),
        readings(1000, 0.5).slice(1200, 800),
    ];
    store
        .write("readings", &spec(), batches.into_iter().map(Ok))
        .unwrap();
    let snapshot = store.open("readings").unwrap().unwrap();
    let before = calls.calls("get");
    let day = |day: i64| (14_610 + day) * DAY;
    let rows = |range| -> usize {
        let parts = snapshot.scan(&["load"], range);
        parts.map(|part| part.unwrap().height()).sum()
    };
    assert_eq!(rows(day(400)..=day(402)), 6);
    // 2011 came in two batches: two objects.
    assert_eq!(calls.calls("get") - before, 2);
    assert_eq!(rows(day(-9)..=day(-1)), 0);
    assert_eq!(calls.calls("get") - before, 2);
    assert_eq!(rows(day(0)..=day(0)), 2);
    assert_eq!(calls.calls("get") - before, 3);
}

#[test]
fn a_join_reads_no_partition_that_can_not_hold_an_answer() {
    let (store, calls) = counted(&bucket());
    store
        .write("readings", &spec(), [Ok(readings(3600, 0.5))])
        .unwrap();
    let snapshot = store.open("readings").unwrap().unwrap();
    let before = calls.calls("get");
    let rows = entities(vec![
        Column::new("machine".into(), ["a", "b", "c"]),
        dates("at", &[14_700, 16_000, 15_999]),
    ]);
    let result = get_historical_features(&rows, &[view(&snapshot)], Options::default()).unwrap();
    let loads = result.column("load").unwrap().f32().unwrap().to_vec();
    assert_eq!(loads, [Some(0.5), Some(0.5), None]);
    // Ten years are there. For "c", of which nothing is known, those up to its instant are looked through.
    assert_eq!(calls.calls("get") - before, 4);
}

#[test]
fn a_reader_sees_the_old_table_until_the_new_one_is_whole() {
    let bucket = bucket();
    let store = OfflineStore::new(bucket.clone()).unwrap();
    store
        .write("readings", &spec(), [Ok(readings(800, 1.0))])
        .unwrap();
    let old = store.open("readings").unwrap().unwrap();
    let load = |snapshot: &mlops_features::offline::Snapshot<'_>| {
        let part = snapshot.read(0, &["load"]).unwrap();
        part.column("load").unwrap().f32().unwrap().get(0)
    };
    // A batch that fails after others were written, and a bucket that dies before the generation is there.
    let failing = || {
        let failure = OfflineError::TableName { name: "x".into() };
        vec![Ok(readings(800, 2.0)), Err(failure)]
    };
    assert!(store.write("readings", &spec(), failing()).is_err());
    let (dying, _) = bucket.with_faults(Faults {
        before: 1.0,
        in_a_row: u32::MAX,
        only: vec!["list"],
        ..Faults::none(0)
    });
    let dying = OfflineStore::new(dying).unwrap();
    assert!(
        dying
            .write("readings", &spec(), [Ok(readings(800, 2.0))])
            .is_err()
    );
    let now = store.open("readings").unwrap().unwrap();
    assert_eq!((now.generation(), load(&now)), (1, Some(1.0)));
    let (generation, _) = store
        .write("readings", &spec(), [Ok(readings(800, 2.0))])
        .unwrap();
    assert_eq!(generation, 2);
    assert_eq!(load(&store.open("readings").unwrap().unwrap()), Some(2.0));
    assert_eq!(
        load(&old),
        Some(1.0),
        "who has begun to read goes on with what he has"
    );
    assert_eq!(load(&store.open_at("readings", 1).unwrap()), Some(1.0));
}

#[test]
fn writers_at_the_same_time_each_make_a_generation() {
    let bucket = bucket();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let bucket = bucket.clone();
            scope.spawn(move || {
                let store = OfflineStore::new(bucket).unwrap();
                let rows = readings(3, writer as f32);
                store.write("readings", &spec(), [Ok(rows)]).unwrap();
            });
        }
    });
    let store = OfflineStore::new(bucket).unwrap();
    assert_eq!(
        store.generations("readings").unwrap(),
        (1..=8).collect::<Vec<_>>()
    );
    for generation in 1..=8 {
        let snapshot = store.open_at("readings", generation).unwrap();
        let load = snapshot.read(0, &["load"]).unwrap();
        let load = load.column("load").unwrap().f32().unwrap();
        assert_eq!(load.min(), load.max(), "rows of one writer only");
        assert_eq!(load.len(), 6);
    }
}

#[test]
fn cleaning_removes_what_no_kept_generation_names() {
    let store = OfflineStore::new(bucket()).unwrap();
    for load in [1.0, 2.0, 3.0] {
        let same = readings(10, 9.0);
        let batches = [same, readings(800, load)].map(Ok);
        store.write("readings", &spec(), batches).unwrap();
    }
    let soon = SystemTime::now() + Duration::from_secs(60);
    let young = store.clean("readings", 2, SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(
        (young.generations, young.objects),
        (1, 0),
        "what is new may be somebody's write"
    );
    let cleaned = store.clean("readings", 2, soon).unwrap();
    assert_eq!((cleaned.generations, cleaned.objects), (0, 3));
    assert!(cleaned.bytes > 0);
    assert_eq!(store.generations("readings").unwrap(), [2, 3]);
    let old = store.open_at("readings", 2).unwrap();
    old.read(0, &["load"]).unwrap();
    store.clean("readings", 0, soon).unwrap();
    assert_eq!(
        store.generations("readings").unwrap(),
        [3],
        "the last one stays"
    );
    let gone = old.read(0, &["load"]).unwrap_err().to_string();
    assert!(
        gone.contains("it was cleaned away. Read the table as it is now"),
        "{gone}"
    );
    let rest = store.open("readings").unwrap().unwrap();
    // 2010 has the rows of both batches.
    let heights = [0, 1].map(|part| rest.read(part, &["load"]).unwrap().height());
    assert_eq!(heights, [20 + 730, 730]);
}

#[test]
fn damage_is_noticed_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let store =
        OfflineStore::new(Bucket::open_path(folder.path(), &Settings::default()).unwrap()).unwrap();
    store
        .write("readings", &spec(), [Ok(readings(5, 1.0))])
        .unwrap();
    let data = folder.path().join("offline/readings/data");
    let object = std::fs::read_dir(&data)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut bytes = std::fs::read(&object).unwrap();
    bytes[40] ^= 1;
    std::fs::remove_file(&object).unwrap();
    std::fs::write(&object, &bytes).unwrap();
    let snapshot = store.open("readings").unwrap().unwrap();
    let error = snapshot.read(0, &["load"]).unwrap_err().to_string();
    assert!(
        error.ends_with("its bytes have changed since they were written. Write the table again"),
        "{error}"
    );
    let manifest = folder
        .path()
        .join("offline/readings/generations/0000000001.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    for (from, to, said) in [
        (
            "\"rows\": 10",
            "\"rows\": 11",
            "its counts contradict each other",
        ),
        (
            "\"format\": 1",
            "\"format\": 2",
            "it has form 2, and this program reads form 1",
        ),
        (
            "\"f32\"",
            "\"f16\"",
            "column \"load\" has the unknown type \"f16\"",
        ),
    ] {
        std::fs::remove_file(&manifest).unwrap();
        std::fs::write(&manifest, text.replacen(from, to, 1)).unwrap();
        let error = store.open("readings").unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// Every type that is kept, and a zone.
#[test]
fn types_come_back_as_they_were() {
    let store = OfflineStore::new(bucket()).unwrap();
    let whole = table(vec![
        dates("day", &[1, 400]),
        super::instants("naive", &[Some(1), None]),
        super::utc("aware", &[Some(1), None]),
        Column::new("text".into(), [Some("é"), None]),
        Column::new("flag".into(), [Some(true), None]),
        Column::new("small".into(), [Some(i32::MIN), None]),
        Column::new("whole".into(), [Some(i64::MIN), None]),
        Column::new("count".into(), [Some(u64::MAX), None]),
        Column::new("single".into(), [Some(0.1f32), None]),
        Column::new("double".into(), [Some(0.1f64), None]),
    ]);
    let spec = TableSpec {
        keys: vec![],
        period: Period::Month,
        ..spec()
    };
    store.write("types", &spec, [Ok(whole.clone())]).unwrap();
    let snapshot = store.open("types").unwrap().unwrap();
    let columns = snapshot.columns();
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    for (part, row) in [0, 1].into_iter().enumerate() {
        let back = snapshot.read(part, &names).unwrap();
        assert!(back.equals_missing(&whole.slice(row, 1)), "{back}");
        assert_eq!(back.schema(), whole.schema());
        assert!(
            back.schema()
                .iter()
                .zip(&columns)
                .all(|((_, a), (_, b))| a == b)
        );
    }
    let nothing = table(vec![
        dates("day", &[1]),
        Column::full_null("nothing".into(), 1, &DataType::Null),
    ]);
    let error = store.write("types", &spec, [Ok(nothing)]).unwrap_err();
    assert!(error.to_string().contains("which isn't kept"), "{error}");
}

#[test]
fn what_can_not_be_a_table_is_refused_before_anything_is_there() {
    let store = OfflineStore::new(bucket()).unwrap();
    let write = |name: &str, spec: &TableSpec, frames: Vec<DataFrame>| {
        let error = store
            .write(name, spec, frames.into_iter().map(Ok))
            .unwrap_err();
        assert!(error.is_user_error());
        error.to_string()
    };
    let no_key = TableSpec {
        keys: vec!["engine".into()],
        ..spec()
    };
    let said = [
        write("../up", &spec(), vec![readings(1, 1.0)]),
        write("readings", &spec(), vec![]),
        write("readings", &no_key, vec![readings(1, 1.0)]),
        write(
            "readings",
            &spec(),
            vec![readings(1, 1.0), readings(1, 1.0).drop("load").unwrap()],
        ),
    ];
    insta::assert_snapshot!(said.join("\n"), @r#"
    "../up" can't be the name of a table in the bucket: use letters, digits, `_`, `-` and `.`, and no `.` in front
    table "readings" cannot be written: not even an empty batch was given, so it has no columns
    table "readings" has no column "engine", which is a key; it has machine, day, load
    table "readings" cannot be written: its batches differ in their columns
    "#);
    assert!(store.open("readings").unwrap().is_none());
}
