//! Drift between tables built in memory: what is there is found, what is not isn't.
#![allow(clippy::unwrap_used)] // helpers of tests are tests too

use std::path::Path;

use mlops_data::{Change, Column, Contract, Fault, Table, Values, calendar::day};
use mlops_monitoring::{DriftOptions, DriftReport, Finding, drift};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

const MACHINES: [&str; 4] = ["drill", "lathe", "press", "saw"];

fn contract() -> Contract {
    let text = "
table: machines
key: [day, machine]
time: day
entity: machine
label: {column: failed, positive: 'yes'}
columns:
  - {name: day, type: date, known_at: 0}
  - {name: machine, type: category, known_at: 0}
  - {name: heat, type: number, known_at: 24}
  - {name: load, type: number, known_at: 24}
  - {name: stops, type: number, known_at: 24}
  - {name: shift, type: category, known_at: 24}
  - {name: failed, type: category, values: ['no', 'yes'], known_at: 48}
";
    Contract::parse(text, Path::new("machines.yaml")).unwrap()
}

/// So many days of four machines; `heat` follows the year.
fn machines(first: i32, days: i32, seed: u64) -> Table {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let (mut date, mut machine, mut heat, mut load, mut stops, mut shift, mut failed) =
        (vec![], vec![], vec![], vec![], vec![], vec![], vec![]);
    for day in first..first + days {
        for code in 0..4 {
            let mut draw = || rng.random::<f64>();
            let bell = draw() + draw() + draw() + draw() - 2.0;
            let year = (f64::from(day) / 365.25 * std::f64::consts::TAU).sin();
            date.push(day);
            machine.push(code);
            heat.push(20.0 + 6.0 * year + 5.0 * bell);
            load.push(if draw() < 0.1 {
                f64::NAN
            } else {
                50.0 + 20.0 * bell
            });
            stops.push((draw() * draw() * 4.0).floor() as f32);
            shift.push((draw() * 3.0) as u32);
            failed.push(u32::from(draw() < 0.2));
        }
    }
    let category = |codes, levels: &[&str]| Values::Category {
        codes,
        levels: levels.iter().map(|level| level.to_string()).collect(),
    };
    let columns = [
        ("day", Values::Date(date)),
        ("machine", category(machine, &MACHINES)),
        ("heat", Values::Number(heat)),
        ("load", Values::Number(load)),
        ("stops", Values::Single(stops)),
        ("shift", category(shift, &["early", "late", "night"])),
        ("failed", category(failed, &["no", "yes"])),
    ];
    let columns = columns.map(|(name, values)| Column {
        name: name.into(),
        values,
    });
    Table::new(columns.into()).unwrap()
}

fn options() -> DriftOptions {
    DriftOptions {
        time: Some("day".into()),
        ..DriftOptions::default()
    }
}

fn reference() -> Table {
    machines(day(2020, 1, 1).unwrap(), 3 * 365, 1)
}

fn current() -> Table {
    machines(day(2023, 3, 1).unwrap(), 60, 2)
}

fn findings(report: &DriftReport) -> Vec<(&str, Vec<Finding>)> {
    let drifted = report.columns.iter().filter(|column| column.drifted());
    drifted
        .map(|column| (column.column.as_str(), column.findings.clone()))
        .collect()
}

fn with(change: Change) -> Table {
    let fault = Fault {
        change,
        start: None,
        entities: Vec::new(),
    };
    fault.apply(current(), &contract(), 5).unwrap()
}

#[test]
fn each_fault_is_found_in_its_column_and_in_no_other() {
    let column = |name: &str| name.to_string();
    let unit = "1.8*x+32".parse().unwrap();
    for (change, name, finding) in [
        (
            Change::Offset {
                column: column("heat"),
                by: 6.0,
            },
            "heat",
            Finding::Distribution,
        ),
        (
            Change::Unit {
                column: column("load"),
                conversion: unit,
            },
            "load",
            Finding::Distribution,
        ),
        (
            Change::Trend {
                column: column("load"),
                per_day: 0.5,
            },
            "load",
            Finding::Distribution,
        ),
        (
            Change::Stuck {
                column: column("heat"),
            },
            "heat",
            Finding::Distribution,
        ),
        (
            Change::Stuck {
                column: column("shift"),
            },
            "shift",
            Finding::Distribution,
        ),
        (
            Change::Scale {
                column: column("stops"),
                by: 2.0,
            },
            "stops",
            Finding::Distribution,
        ),
        (
            Change::SwappedLabels { share: 1.0 },
            "failed",
            Finding::Distribution,
        ),
        (
            Change::Missing {
                column: column("heat"),
            },
            "heat",
            Finding::Missing,
        ),
        (
            Change::Removed {
                column: column("load"),
            },
            "load",
            Finding::Vanished,
        ),
    ] {
        let report = drift(&reference(), &with(change.clone()), &options()).unwrap();
        assert_eq!(
            findings(&report),
            [(name, vec![finding])],
            "{change}\n{report}"
        );
        assert!(report.drifted());
    }
}

#[test]
fn nothing_is_found_where_nothing_changed() {
    let report = drift(&reference(), &current(), &options()).unwrap();
    assert!(!report.drifted(), "{report}");
    assert_eq!(report.reference_rows, 3 * 4 * (60 + 30));
}

#[test]
fn another_season_looks_like_drift_unless_the_same_one_is_compared() {
    let all_year = DriftOptions {
        same_season: false,
        ..options()
    };
    let report = drift(&reference(), &current(), &all_year).unwrap();
    assert_eq!(findings(&report), [("heat", vec![Finding::Distribution])]);
}

/// Without sizes to ask for, the tests alone keep what they promise.
#[test]
fn two_samples_of_one_distribution_rarely_raise_a_false_alarm() {
    let strict = DriftOptions {
        psi: 0.0,
        distance: 0.0,
        missing: 0.0,
        // The days of both samples are the same, so there is no season to match.
        same_season: false,
        // The same days twice: each machine equally often, which is no test.
        skip: vec!["machine".into()],
        ..options()
    };
    let first = day(2020, 1, 1).unwrap();
    let alarms = (0..200)
        .filter(|draw| {
            let (a, b) = (
                machines(first, 100, 2 * draw),
                machines(first, 100, 2 * draw + 1),
            );
            drift(&a, &b, &strict).unwrap().drifted()
        })
        .count();
    // 5 % of 200 are 10, with a standard deviation of 3.1.
    println!("{alarms} false alarms of 200 without sizes asked for");
    assert!((1..=19).contains(&alarms), "{alarms} of 200");
    let usual = DriftOptions {
        skip: vec![],
        ..strict
    };
    let usual = DriftOptions {
        psi: 0.1,
        distance: 0.1,
        missing: 0.05,
        ..usual
    };
    let alarms = (0..200)
        .filter(|draw| {
            let (a, b) = (
                machines(first, 100, 2 * draw),
                machines(first, 100, 2 * draw + 1),
            );
            drift(&a, &b, &usual).unwrap().drifted()
        })
        .count();
    println!("{alarms} false alarms of 200 with the usual ones");
    assert!(alarms <= 10, "{alarms} of 200");
}

#[test]
fn a_small_change_in_many_rows_is_significant_and_no_drift() {
    let first = day(2000, 1, 1).unwrap();
    let (before, after) = (machines(first, 4000, 3), machines(first, 4000, 4));
    let nudge = Change::Offset {
        column: "load".into(),
        by: 0.6,
    };
    let fault = Fault {
        change: nudge,
        start: None,
        entities: vec![],
    };
    let after = fault.apply(after, &contract(), 0).unwrap();
    let report = drift(&before, &after, &options()).unwrap();
    let load = report
        .columns
        .iter()
        .find(|column| column.column == "load")
        .unwrap();
    assert!(load.shape.unwrap().adjusted_p_value < 0.01, "{report}");
    assert!(!report.drifted(), "{report}");
}

#[test]
fn a_column_that_appears_or_changes_type_is_a_finding() {
    let mut columns = current().into_columns();
    let codes = vec![0; columns[0].values.len()];
    let levels = vec!["warm".to_string()];
    columns[2].values = Values::Category { codes, levels };
    let values = Values::Number(vec![0.0; columns[0].values.len()]);
    columns.push(Column {
        name: "noise".into(),
        values,
    });
    let report = drift(&reference(), &Table::new(columns).unwrap(), &options()).unwrap();
    assert_eq!(
        findings(&report),
        [
            ("heat", vec![Finding::Retyped]),
            ("noise", vec![Finding::Appeared])
        ]
    );
}

/// Twenty in a hundred gone at random: the rest are distributed as before, whatever an index says
/// that counts missing values.
#[test]
fn more_missing_values_are_no_other_distribution() {
    let mut columns = current().into_columns();
    let Values::Number(load) = &mut columns[3].values else {
        panic!()
    };
    load.iter_mut()
        .step_by(5)
        .for_each(|value| *value = f64::NAN);
    let report = drift(&reference(), &Table::new(columns).unwrap(), &options()).unwrap();
    assert_eq!(findings(&report), [("load", vec![Finding::Missing])]);
    let load = &report.columns[2];
    assert!(
        load.psi.unwrap() > 0.1 && load.shape.unwrap().psi < 0.1,
        "{load:?}"
    );
}

#[test]
fn levels_in_another_order_are_the_same_words() {
    let mut columns = current().into_columns();
    let Values::Category { codes, levels } = &mut columns[5].values else {
        panic!()
    };
    levels.reverse();
    codes.iter_mut().for_each(|code| *code = 2 - *code);
    let turned = drift(&reference(), &Table::new(columns).unwrap(), &options()).unwrap();
    assert_eq!(turned, drift(&reference(), &current(), &options()).unwrap());
}

#[test]
fn what_cannot_be_compared_says_why() {
    let text = |reference: &Table, current: &Table, options: DriftOptions| {
        drift(reference, current, &options).unwrap_err().to_string()
    };
    let (reference, current) = (reference(), current());
    let first = day(2023, 3, 1).unwrap();
    let all = ["machine", "heat", "load", "stops", "shift", "failed"].map(String::from);
    let errors = [
        text(&reference, &machines(first, 5, 0), options()),
        text(&machines(first + 180, 60, 0), &current, options()),
        text(
            &reference,
            &current,
            DriftOptions {
                time: Some("load".into()),
                ..options()
            },
        ),
        text(
            &reference,
            &current,
            DriftOptions {
                alpha: f64::NAN,
                ..options()
            },
        ),
        text(
            &reference,
            &current,
            DriftOptions {
                bins: 1,
                ..options()
            },
        ),
        text(
            &reference,
            &current,
            DriftOptions {
                skip: all.into(),
                ..options()
            },
        ),
    ];
    insta::assert_snapshot!(errors.join("\n"), @r#"
    the current table has 20 rows; at least 100 are needed to tell a change from chance: wait for more rows, or take a longer period
    only 0 of the 240 reference rows lie in the season of the current ones, 100 are needed: give a reference that covers that season, or compare with all of it (`--any-season`)
    the reference table has no date in its time column "load": give the rows their dates, or compare with the whole reference (`--any-season`)
    alpha is NaN: give a number between 0 and 1
    bins is 1: give at least 2
    the tables share no column of numbers or categories to compare: are they tables of the same contract?
    "#);
}

#[test]
fn people_read_a_table() {
    let warm = Change::Offset {
        column: "heat".into(),
        by: 6.0,
    };
    let report = drift(&reference(), &with(warm), &options()).unwrap();
    insta::assert_snapshot!(report, @r"
    1 of 6 columns drifted: 240 rows against 1080 reference rows of the same season.

    column             test         p     PSI          missing  finding
    heat            D 0.725  < 0.0001   4.909                –  other distribution
    load           D 0.0917    0.3266   0.063     10.6% → 9.2%
    stops          D 0.0162    1.0000   0.009                –
    failed        chi² 1.13    0.6727   0.006                –
    shift        chi² 0.141    1.0000   0.001                –
    machine          chi² 0    1.0000   0.000                –

    A column drifts if p (adjusted for 7 tests together) is below 0.05 and the change is large enough:
    PSI from 0.1, D from 0.1, missing by 5.0% or more.
    ");
}

#[test]
fn programs_read_json() {
    let report = drift(
        &reference(),
        &with(Change::Stuck {
            column: "heat".into(),
        }),
        &options(),
    )
    .unwrap();
    let json = serde_json::to_string(&report).unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["current_rows"], 240);
    assert_eq!(value["options"]["alpha"], 0.05);
    let heat = &value["columns"][1];
    assert_eq!(heat["column"], "heat");
    assert_eq!(heat["findings"], serde_json::json!(["distribution"]));
    assert_eq!(heat["shape"]["test"], "kolmogorov_smirnov");
    assert!(heat["shape"]["psi"].as_f64().unwrap() > 1.0);
    let back: DriftReport = serde_json::from_str(&json).unwrap();
    assert_eq!(findings(&back), findings(&report));
}

#[test]
fn the_drawing_names_every_column_and_marks_the_drifted_ones() {
    let warm = Change::Offset {
        column: "heat".into(),
        by: 6.0,
    };
    let svg = drift(&reference(), &with(warm), &options()).unwrap().svg();
    for text in [
        "heat",
        "load",
        "stops",
        "shift",
        "failed",
        "1 of 6 columns drifted",
        "much",
    ] {
        assert!(svg.contains(text), "{text}");
    }
    assert_eq!(svg.matches("<circle").count(), 1);
    let removed = Change::Removed {
        column: "load".into(),
    };
    let svg = drift(&reference(), &with(removed), &options())
        .unwrap()
        .svg();
    assert!(svg.contains("load"));
}

/// A table of one column of words, each row's by its number.
fn words(rows: usize, word: impl Fn(usize) -> usize) -> Table {
    let mut codes = Vec::new();
    let mut levels = Vec::new();
    let mut known = std::collections::HashMap::new();
    for row in 0..rows {
        let code = *known.entry(word(row)).or_insert_with_key(|word| {
            levels.push(format!("word-{word}"));
            levels.len() as u32 - 1
        });
        codes.push(code);
    }
    Table::new(vec![Column {
        name: "word".into(),
        values: Values::Category { codes, levels },
    }])
    .unwrap()
}

#[test]
fn words_that_are_all_replaced_are_drift_however_rare_each_is() {
    let (before, after) = (
        words(20_000, |row| row / 2),
        words(20_000, |row| 10_000 + row / 2),
    );
    let report = drift(&before, &after, &DriftOptions::default()).unwrap();
    assert_eq!(findings(&report), [("word", vec![Finding::Unseen])]);
    let word = &report.columns[0];
    let unseen = word.unseen.unwrap();
    assert_eq!(
        (unseen.words, unseen.share, unseen.expected),
        (10_000, 1.0, 0.0)
    );
    assert!(word.psi.unwrap() > 1.0, "{report}");
    insta::assert_snapshot!(report, @r"
    1 of 1 columns drifted: 20000 rows against 20000 reference rows.

    column            test         p     PSI          missing  finding
    word            chi² 0    1.0000  21.193                –  new words (10000 in 100.0% of the rows, expected 0.0%)

    A column drifts if p (adjusted for 2 tests together) is below 0.05 and the change is large enough:
    PSI from 0.1, D from 0.1, missing by 5.0% or more, new words in 5.0% of the rows more than expected.
    ");
}

#[test]
fn a_representative_sample_with_rare_words_is_no_drift() {
    let before = words(10_000, |row| if row < 9_000 { 0 } else { 1 + row % 100 });
    let after = words(100, |row| if row < 90 { 0 } else { 1 + row });
    let report = drift(&before, &after, &DriftOptions::default()).unwrap();
    assert!(!report.drifted(), "{report}");
    let shape = report.columns[0].shape.unwrap();
    assert!(shape.statistic < 1e-9 && shape.p_value > 0.9999, "{report}");
}

#[test]
fn a_word_that_is_new_in_every_row_always_was_and_is_no_drift() {
    let (before, after) = (words(5_000, |row| row), words(5_000, |row| 5_000 + row));
    let report = drift(&before, &after, &DriftOptions::default()).unwrap();
    assert!(!report.drifted(), "{report}");
    assert_eq!(report.columns[0].unseen.unwrap().expected, 1.0);
}

/// Comparing each word with every other would take hours.
#[test]
fn a_million_words_take_seconds() {
    let (before, after) = (
        words(1_000_000, |row| row),
        words(1_000_000, |row| 500_000 + row),
    );
    let started = std::time::Instant::now();
    let report = drift(&before, &after, &DriftOptions::default()).unwrap();
    let seconds = started.elapsed().as_secs_f64();
    println!("{seconds:.1} s");
    assert!(!report.drifted(), "{report}");
    assert!(seconds < 60.0, "{seconds} s");
}
