use std::path::Path;

use mlops_data::Contract;

use super::*;
use crate::definitions::{Definitions, KeptTable};

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

const DECLARED: &str = "
entities: [{name: machine, key: Machine}]
sources: [{name: readings, event: Day}]
views:
- name: today
  description: as measured
  entity: machine
  from: [readings]
  owner: shop floor
  ttl_days: 2
  fields:
  - {name: load, unit: kW, description: mean load, inputs: [Load]}
  - {name: busy, type: flag, description: whether it ran, inputs: [Load]}
- name: days
  description: over days
  entity: machine
  from: [today]
  fields:
  - {name: load_before, description: of the day before, past: [load]}
tables:
- {name: repairs, bucket: kept, keys: [Machine], event: day, fields: [cost, hours]}
services:
- {name: evening, issued_at: 20, features: [today, days]}
- {name: noon, issued_at: 12, features: [load]}
";

fn definitions(changes: &[(&str, &str)]) -> Definitions {
    let mut text = DECLARED.to_string();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let contract = Contract::parse(CONTRACT, Path::new("contract.yaml")).unwrap();
    Definitions::parse(&text, Path::new("features.yaml"), &contract).unwrap()
}

fn uses() -> Uses {
    let table = KeptTable {
        bucket: "kept".into(),
        name: "repairs".into(),
        rows: 7,
        columns: ["Machine", "day", "cost", "hours"]
            .map(String::from)
            .to_vec(),
    };
    Uses {
        services: [("evening".to_string(), "params.yaml".to_string())].into(),
        tables: vec![table],
        ..Uses::default()
    }
}

/// What was applied, read back from what was kept.
fn applied(definitions: &Definitions) -> Applied {
    let kept = serde_json::to_string(&Applied::new(definitions).unwrap()).unwrap();
    serde_json::from_str(&kept).unwrap()
}

fn plan_with(changes: &[(&str, &str)], uses: &Uses) -> Plan {
    let before = applied(&definitions(&[]));
    let next = Applied::new(&definitions(changes)).unwrap();
    Plan::new(Some((3, &before)), &next, uses)
}

/// The plan for the definitions with these changes: a line a difference.
fn plan(changes: &[(&str, &str)]) -> String {
    let plan = plan_with(changes, &uses());
    assert_eq!(plan.since, Some(3));
    let lines = plan.changes.iter().flat_map(lines);
    let refused = plan
        .refused
        .iter()
        .map(|refused| format!("refused: {}", refused.message));
    lines.chain(refused).collect::<Vec<_>>().join("\n")
}

fn lines(change: &Change) -> Vec<String> {
    let what = format!("{} {}", change.kind.name(), change.name);
    match &change.action {
        Action::Added => vec![format!("+ {what}")],
        Action::Removed => vec![format!("- {what}")],
        Action::Changed { fields } => fields
            .iter()
            .map(|field| match field.field.as_str() {
                "version" => format!("~ {what}: version"),
                name => format!("~ {what}: {name} {} → {}", field.from, field.to),
            })
            .collect(),
    }
}

#[test]
fn the_first_time_everything_is_new() {
    let next = Applied::new(&definitions(&[])).unwrap();
    let plan = Plan::new(None, &next, &uses());
    assert_eq!((plan.since, plan.refused.len()), (None, 0));
    let lines: Vec<String> = plan.changes.iter().flat_map(lines).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    + entity machine
    + source readings
    + view today
    + feature load
    + feature busy
    + derived view days
    + feature load_before
    + table repairs
    + service evening
    + service noon
    ");
}

#[test]
fn what_was_applied_is_no_change_when_read_back() {
    assert!(plan_with(&[], &uses()).is_empty());
    // Where a name stands in the file and how it is quoted isn't declared.
    assert!(
        plan_with(
            &[
                ("\nviews:", "\n\n# Views\nviews:"),
                ("key: Machine", "key: 'Machine'")
            ],
            &uses()
        )
        .is_empty()
    );
}

#[test]
fn each_field_that_differs_is_named_with_both_values() {
    insta::assert_snapshot!(plan(&[
        ("owner: shop floor", "owner: sales"),
        ("ttl_days: 2", "ttl_days: 3"),
        ("key: Machine}", "key: Machine, description: one that runs}"),
        ("issued_at: 12", "issued_at: 13"),
    ]), @r#"
    ~ entity machine: description "" → "one that runs"
    ~ view today: owner "shop floor" → "sales"
    ~ view today: ttl_days 2 → 3
    ~ service noon: issued_at 12.0 → 13.0
    ~ service noon: version
    "#);
}

#[test]
fn a_service_gets_another_version_when_a_feature_that_it_reaches_means_something_else() {
    insta::assert_snapshot!(plan(&[("unit: kW", "unit: MW")]), @r#"
    ~ feature load: unit "kW" → "MW"
    ~ service evening: version
    ~ service noon: version
    "#);
    insta::assert_snapshot!(plan(&[("whether it ran", "if it ran")]), @r#"~ feature busy: description "whether it ran" → "if it ran""#);
}

#[test]
fn another_order_of_a_views_features_is_a_change_and_a_new_feature_alone_is_not_another_order() {
    let load = "  - {name: load, unit: kW, description: mean load, inputs: [Load]}\n";
    let busy = "  - {name: busy, type: flag, description: whether it ran, inputs: [Load]}\n";
    insta::assert_snapshot!(plan(&[(&format!("{load}{busy}"), &format!("{busy}{load}"))]), @r#"
    ~ view today: order ["load","busy"] → ["busy","load"]
    ~ service evening: version
    "#);
    let peak = "  - {name: peak, description: highest load, inputs: [Load]}\n";
    insta::assert_snapshot!(plan(&[(load, &format!("{peak}{load}"))]), @r"
    + feature peak
    ~ service evening: version
    ");
}

#[test]
fn a_feature_goes_only_after_the_services_have_let_go_of_it() {
    let busy = "  - {name: busy, type: flag, description: whether it ran, inputs: [Load]}\n";
    insta::assert_snapshot!(plan(&[(busy, "")]), @r#"
    ~ service evening: version
    - feature busy
    refused: feature "busy" is gone from view "today", and all of that view is asked for by service "evening": leave it out there with `except: [busy]` and apply that first; or let go of it with `--allow busy`
    "#);
    // What the refusal asks for is what helps.
    let left_out = ("[today, days]}", "[today, days], except: [busy]}");
    let first = definitions(&[left_out]);
    let next = Applied::new(&definitions(&[(busy, "")])).unwrap();
    let second = Plan::new(Some((4, &applied(&first))), &next, &uses());
    assert_eq!(second.refused, []);
    // Or the service no longer asks for the view.
    let asks = ("[today, days]}", "[load, days]}");
    assert_eq!(plan_with(&[(busy, ""), asks], &uses()).refused, []);
    // Or somebody says that it's meant.
    let mut uses = uses();
    uses.allowed.insert("busy".into());
    assert_eq!(plan_with(&[(busy, "")], &uses).refused, []);
}

#[test]
fn a_feature_that_a_service_asks_for_keeps_its_type() {
    insta::assert_snapshot!(plan(&[("name: load, unit", "name: load, type: flag, unit")]), @r#"
    ~ feature load: type "number" → "flag"
    ~ service evening: version
    ~ service noon: version
    refused: feature "load" was a number and is a flag now, and it is asked for by service "evening" and service "noon": give the new one another name; or let go of it with `--allow load`
    "#);
}

#[test]
fn a_service_in_use_stays() {
    let evening = "- {name: evening, issued_at: 20, features: [today, days]}\n";
    insta::assert_snapshot!(plan(&[(evening, "")]), @r#"
    - service evening
    refused: service "evening" is gone, and params.yaml uses it: declare it again, or let params.yaml use another first; or let go of it with `--allow evening`
    "#);
    let noon = "- {name: noon, issued_at: 12, features: [load]}\n";
    assert_eq!(plan(&[(noon, "")]), "- service noon");
}

#[test]
fn what_the_bucket_has_of_a_table_stays_in_reach() {
    let table =
        "- {name: repairs, bucket: kept, keys: [Machine], event: day, fields: [cost, hours]}\n";
    insta::assert_snapshot!(plan(&[(table, "")]), @r#"
    - table repairs
    refused: table "repairs" would be out of reach, and kept has 7 rows of it: declare it again; or let go of it with `--allow repairs`
    "#);
    insta::assert_snapshot!(plan(&[("bucket: kept", "bucket: other")]), @r#"
    ~ table repairs: bucket "kept" → "other"
    refused: table "repairs" would be out of reach, and kept has 7 rows of it: declare it again; or let go of it with `--allow repairs`
    "#);
    insta::assert_snapshot!(plan(&[("[cost, hours]", "[cost]")]), @r#"
    ~ table repairs: fields ["cost","hours"] → ["cost"]
    refused: feature "hours" is gone from table "repairs", and its values are still in kept: import a table without it first; or let go of it with `--allow hours`
    "#);
    insta::assert_snapshot!(plan(&[("[cost, hours]", "[cost, hours, parts]"), ("event: day", "event: date")]), @r#"
    ~ table repairs: event "day" → "date"
    ~ table repairs: fields ["cost","hours"] → ["cost","hours","parts"]
    refused: table "repairs" declares column "date", which its values in kept don't have: import values that do first; or let go of it with `--allow date`
    refused: table "repairs" declares column "parts", which its values in kept don't have: import values that do first; or let go of it with `--allow parts`
    "#);
    // Nobody has imported it yet: nothing can break.
    let unused = Uses {
        tables: Vec::new(),
        ..uses()
    };
    assert_eq!(plan_with(&[(table, "")], &unused).refused, []);
}
