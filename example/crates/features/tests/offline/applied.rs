use std::path::Path;

use mlops_data::Contract;
use mlops_features::Definitions;
use mlops_features::definitions::Uses;
use mlops_features::offline::{OfflineError, OfflineStore, TableSpec};
use mlops_store::{Bucket, Runtime, Settings};
use polars::prelude::*;

use super::{dates, table};

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
- {name: Fails, type: category, values: [runs, fails], known_at: 48}
";

/// Definitions with this owner, and with a table in a bucket if one is named.
fn definitions(owner: &str, bucket: Option<&str>) -> Definitions {
    let table = bucket.map_or_else(String::new, |bucket| {
        format!(
            "\n- {{name: repairs, bucket: '{bucket}', keys: [machine], event: day, fields: [cost]}}"
        )
    });
    let text = format!(
        "
entities: [{{name: machine, key: Machine}}]
sources: [{{name: readings, event: Day}}]
views:
- name: today
  description: as measured
  entity: machine
  from: [readings]
  owner: {owner}
  fields: [{{name: load, description: mean load, inputs: [Load]}}]
services: [{{name: evening, issued_at: 20, features: [today]}}]
tables: {}{table}
",
        if bucket.is_some() { "" } else { "[]" }
    );
    let contract = Contract::parse(CONTRACT, Path::new("contract.yaml")).unwrap();
    Definitions::parse(&text, Path::new("features.yaml"), &contract).unwrap()
}

fn store(url: &str) -> OfflineStore {
    OfflineStore::new(Bucket::open(url, &Settings::default()).unwrap()).unwrap()
}

#[test]
fn what_was_applied_is_read_back_and_applied_once() {
    let store = store("memory://applied-once");
    assert!(store.applied().unwrap().is_none());
    let (plan, number) = store
        .apply(&definitions("a", None), &Uses::default())
        .unwrap();
    assert_eq!((plan.since, number), (None, Some(1)));
    let (plan, number) = store
        .apply(&definitions("a", None), &Uses::default())
        .unwrap();
    assert!(plan.is_empty());
    assert_eq!((plan.since, number), (Some(1), None));
    let plan = store
        .plan(&definitions("b", None), &Uses::default())
        .unwrap();
    assert_eq!(plan.changes.len(), 1);
    let (_, number) = store
        .apply(&definitions("b", None), &Uses::default())
        .unwrap();
    assert_eq!(number, Some(2));
    let (number, last) = store.applied().unwrap().unwrap();
    assert_eq!((number, last.definitions.views[0].owner.as_str()), (2, "b"));
    let first = store.applied_at(1).unwrap();
    assert_eq!(first.definitions.views[0].owner, "a");
    assert!(matches!(
        store.applied_at(3),
        Err(OfflineError::NoTable { .. })
    ));
}

#[test]
fn each_of_many_who_apply_at_once_is_held_against_the_one_before() {
    let store = store("memory://applied-at-once");
    let plans: Vec<_> = std::thread::scope(|scope| {
        let apply = |owner: usize| {
            let store = &store;
            scope.spawn(move || {
                let definitions = definitions(&format!("owner {owner}"), None);
                store.apply(&definitions, &Uses::default()).unwrap()
            })
        };
        let running: Vec<_> = (0..12).map(apply).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let mut numbers: Vec<u64> = plans.iter().filter_map(|(_, number)| *number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=12).collect::<Vec<u64>>());
    for (plan, number) in &plans {
        assert_eq!(plan.since.map_or(1, |since| since + 1), number.unwrap());
    }
}

#[test]
fn a_table_in_a_bucket_of_its_own_is_guarded() {
    let url = "memory://applied-tables";
    let store_of_tables = store(url);
    let spec = TableSpec {
        keys: vec!["machine".into()],
        event: "day".into(),
        created: None,
        period: mlops_features::Period::Year,
        source_hash: "abc".into(),
    };
    let rows = || {
        table(vec![
            Column::new("machine".into(), ["a"]),
            dates("day", &[14_610]),
            Column::new("cost".into(), [1.0]),
        ])
    };
    let records = store("memory://applied-records");
    let with = definitions("a", Some(url));
    // Declared before anything was imported: nothing contradicts it.
    records.apply(&with, &Uses::default()).unwrap();
    store_of_tables
        .write("repairs", &spec, [Ok(rows())])
        .unwrap();
    let without = definitions("a", None);
    let refused = records.apply(&without, &Uses::default()).unwrap_err();
    assert!(refused.is_user_error());
    insta::assert_snapshot!(refused, @r#"table "repairs" would be out of reach, and memory://applied-tables has 1 rows of it: declare it again; or let go of it with `--allow repairs`"#);
    assert_eq!(records.applied().unwrap().unwrap().0, 1);
    let uses = Uses {
        allowed: ["repairs".to_string()].into(),
        ..Uses::default()
    };
    assert_eq!(records.apply(&without, &uses).unwrap().1, Some(2));
}

#[test]
fn a_damaged_record_is_named_and_nothing_is_written_beside_it() {
    let url = "memory://applied-damaged";
    let bucket = Bucket::open(url, &Settings::default()).unwrap();
    let put = bucket.put("definitions/000007.json", &b"{\"format\": 1"[..]);
    Runtime::new().unwrap().block_on(put).unwrap();
    let told = store(url)
        .apply(&definitions("a", None), &Uses::default())
        .unwrap_err();
    insta::assert_snapshot!(told, @"memory://applied-damaged/definitions/000007.json: EOF while parsing an object at line 1 column 12. Use the program that wrote it, or a newer one");
    assert!(store(url).applied_at(8).is_err());
}
