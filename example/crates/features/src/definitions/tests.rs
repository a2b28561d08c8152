use super::*;

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
- {name: Peak, type: number, known_at: 30}
- {name: Fails, type: category, values: [runs, fails], known_at: 48}
";

const GOOD: &str = "
entities: [{name: machine, key: Machine}]
sources: [{name: readings, event: Day}]
views:
- name: today
  description: as measured
  entity: machine
  from: [readings]
  fields:
  - {name: load, unit: kW, description: mean load, inputs: [Load]}
  - {name: peak, unit: kW, description: highest load, inputs: [Peak]}
- name: days
  description: over days
  entity: machine
  from: [today]
  fields:
  - {name: load_before, description: of the day before, past: [load]}
  - {name: peak_before, description: of the day before, past: [peak]}
  - {name: rise, description: since the day before, inputs: [load], past: [peak]}
services:
- {name: evening, issued_at: 20, features: [today, days], except: [peak]}
";

fn parse(text: &str) -> Result<Definitions> {
    let contract = Contract::parse(CONTRACT, Path::new("contract.yaml")).unwrap();
    Definitions::parse(text, Path::new("features.yaml"), &contract)
}

/// What is said of the definitions with `from` replaced by `to`.
#[track_caller]
fn fault(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    parse(&GOOD.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn a_feature_is_traced_back_to_its_columns_and_to_when_they_are_known() {
    let contract = Contract::parse(CONTRACT, Path::new("contract.yaml")).unwrap();
    let definitions = parse(GOOD).unwrap();
    let rise = definitions.lineage("rise");
    assert_eq!(rise.today, ["Load".to_string()].into());
    assert_eq!(rise.past, ["Peak".to_string()].into());
    let known_at = |name| definitions.lineage(name).known_at(&contract);
    assert_eq!(known_at("load"), 9.0);
    assert_eq!(known_at("peak"), 30.0);
    // What becomes known at 6 o'clock of the next day.
    assert_eq!(known_at("peak_before"), 6.0);
    assert_eq!(known_at("rise"), 9.0);
}

#[test]
fn looking_ahead_is_refused() {
    insta::assert_snapshot!(fault(", except: [peak]", ""), @r#"features.yaml: line 21: service "evening" is issued at 20 o'clock, but feature "peak" is known at 30 o'clock: that would be looking ahead; put it into `except`"#);
}

#[test]
fn names_that_stand_for_nothing_are_told_with_their_line() {
    insta::assert_snapshot!(fault("[today, days]", "[today, weeks]"), @r#"features.yaml: line 21: service "evening" asks for "weeks", which is no feature and no view: take it out, or declare it again"#);
    insta::assert_snapshot!(fault("from: [today]", "from: [yesterday]"), @r#"features.yaml: line 12: view "days" is made from "yesterday", which is neither a source nor a view"#);
    insta::assert_snapshot!(fault("inputs: [Load]", "inputs: [Lod]"), @r#"features.yaml: line 10: feature "load" reads "Lod", which is no feature and no column of readings"#);
    insta::assert_snapshot!(fault("past: [load]", "past: [Load]"), @r#"features.yaml: line 17: feature "load_before" reads "Load", which is no feature and no column of today"#);
    insta::assert_snapshot!(fault("entity: machine", "entity: shop"), @r#"
    features.yaml: line 5: view "today" is of entity "shop", which isn't declared
    features.yaml: line 12: view "days" is of entity "machine", but made from "today", which is of "shop"
    "#);
    insta::assert_snapshot!(fault("key: Machine", "key: Shop"), @r#"features.yaml: line 2: the key of "machine" is column "Shop", which the contract doesn't have"#);
}

#[test]
fn types_that_contradict_the_contract_are_refused() {
    insta::assert_snapshot!(fault("key: Machine", "key: Load"), @r#"features.yaml: line 2: the key of "machine" is column "Load": the contract says number, it must be a category"#);
    insta::assert_snapshot!(fault("event: Day", "event: Machine"), @r#"features.yaml: line 3: the event time of "readings" is column "Machine": the contract says category, it must be a date"#);
    insta::assert_snapshot!(fault("unit: kW, description: mean", "type: word, description: mean"), @"features.yaml: line 10 column 24: unknown variant `word`, expected one of number, flag");
}

#[test]
fn views_made_from_each_other_are_refused() {
    insta::assert_snapshot!(fault("from: [readings]", "from: [readings, days]"), @r#"features.yaml: line 5: the views today, days are made from each other; take one out of a `from`"#);
    insta::assert_snapshot!(fault("from: [readings]", "from: []"), @r#"features.yaml: line 5: view "today" is made from nothing; name a source or a view in `from`"#);
}

#[test]
fn a_name_declared_twice_is_refused_with_both_lines() {
    insta::assert_snapshot!(fault("name: peak,", "name: load,"), @r#"
    features.yaml: line 11: a source, view or feature "load" is declared on line 10 already; give one of them another name
    features.yaml: line 21: service "evening" asks for "peak", which is no feature and no view: take it out, or declare it again
    "#);
}

#[test]
fn a_service_needs_features_and_an_hour() {
    insta::assert_snapshot!(fault("issued_at: 20", "issued_at: 25"), @r#"features.yaml: line 21: service "evening" is issued at 25; give an hour from 0 to 24"#);
    insta::assert_snapshot!(fault("[today, days]", "[]"), @r#"features.yaml: line 21: service "evening" asks for nothing; name views or features"#);
    insta::assert_snapshot!(fault("except: [peak]", "except: [today, days]"), @r#"features.yaml: line 21: service "evening" has no features left: leave out less"#);
}

#[test]
fn windows_are_made_of_the_source_that_a_services_views_reach() {
    let source_of = |text: &str| {
        let definitions = parse(text).unwrap();
        let source = definitions.source_of("evening");
        source.map(|source| source.name.value.clone())
    };
    assert_eq!(source_of(GOOD).unwrap(), "readings");
    let two = GOOD.replacen(
        "[{name: readings",
        "[{name: other, event: Day}, {name: readings",
        1,
    );
    assert_eq!(source_of(&two).unwrap(), "readings");
    let both = two.replacen("from: [today]", "from: [today, other]", 1);
    let said = source_of(&both).unwrap_err().to_string();
    assert!(said.contains("\"other\" and \"readings\""), "{said}");

    let definitions = parse(&two).unwrap();
    assert_eq!(definitions.source(Some("other")).unwrap().event, "Day");
    for (name, expected) in [
        (None, "several sources, other, readings"),
        (Some("third"), "third"),
    ] {
        let said = definitions.source(name).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
    let none = GOOD.replacen("sources: [{name: readings, event: Day}]", "sources: []", 1);
    assert!(parse(&none).is_err(), "a view needs a source");
}

/// The definitions with zones, and the service `evening` reading of neighbours.
fn zoned(zones: &str) -> String {
    let zoned = GOOD.replacen(
        "key: Machine}",
        &format!("key: Machine, zones: [{zones}]}}"),
        1,
    );
    zoned.replacen("from: [readings]", "from: [readings]\n  neighbours: 2", 1)
}

const WEST: &str = "{name: west, utc: [8, 9], entities: [lathe]}";
const EAST: &str = "{name: east, utc: 10, summer_time: true, entities: [drill, press]}";

#[test]
fn a_service_goes_by_the_clocks_of_its_entities_unless_it_waits_for_the_latest() {
    let text = zoned(&format!("{WEST}, {EAST}"));
    let clocks = |text: &str| {
        let definitions = parse(text).unwrap();
        let evening = definitions.service("evening").unwrap();
        let version = definitions.hash(evening, &[]).unwrap();
        (definitions.clocks(evening), version)
    };
    let (own, version) = clocks(&text);
    let own = own.unwrap();
    assert_eq!(own.issued_at, 20.0);
    assert_eq!(own.known_at["Peak"], 30.0);
    assert_eq!(own.entities["press"], "east");
    assert_eq!(own.lead("lathe", "drill"), -3.0);

    // Without zones, with one instant for all, or without neighbours nothing depends on clocks, and the
    // version is that of the same features without any.
    let waits = text.replacen("issued_at: 20", "issued_at: 20, clock: latest", 1);
    let plain = zoned("");
    assert_eq!(clocks(&waits), clocks(&plain));
    assert_eq!(clocks(&plain).0, None);
    let alone = text.replacen("  neighbours: 2", "", 1);
    assert_eq!(clocks(&alone).0, None);
    assert_ne!(clocks(&plain).1, version);
    let later = text.replacen("utc: 10", "utc: 11", 1);
    assert_ne!(clocks(&later).1, version);
}

#[test]
fn zones_that_contradict_each_other_are_refused() {
    let fault = |zones: &str| parse(&zoned(zones)).unwrap_err().to_string();
    let both = |west: &str| fault(&format!("{west}, {EAST}"));
    insta::assert_snapshot!(both(&WEST.replace("lathe", "press")), @r#"features.yaml: line 2: zone "east" has "press", which is in zone "west" on line 2 already: take it out of one of them"#);
    insta::assert_snapshot!(both(&WEST.replace("[8, 9]", "[9, 8]")), @r#"features.yaml: line 2: zone "west" has clocks 9 to 8 hours ahead of UTC: give a number from -12 to 14, or two of them, the lesser first"#);
    insta::assert_snapshot!(fault(&WEST.replace("[8, 9]", "480")), @r#"features.yaml: line 2: zone "west" has clocks 480 to 480 hours ahead of UTC: give a number from -12 to 14, or two of them, the lesser first"#);
    let said = fault(&WEST.replace("[8, 9]", "noon"));
    assert!(
        said.starts_with("features.yaml: line 2 ")
            && said.contains("a number of hours, or two as [least, most]"),
        "{said}"
    );
    let twice = format!("{WEST}, {}", EAST.replace("east", "west"));
    insta::assert_snapshot!(fault(&twice), @r#"features.yaml: line 2: zone "west" is declared on line 2 already; give one of them another name"#);
    let other = zoned(WEST).replacen("key: Machine,", "key: Day,", 1);
    insta::assert_snapshot!(parse(&other).unwrap_err(), @r#"
    features.yaml: line 2: zone "west" is of entity "machine", whose key is "Day": give zones to the entity with the contract's, "Machine"
    features.yaml: line 2: the key of "machine" is column "Day": the contract says date, it must be a category
    "#);
}
