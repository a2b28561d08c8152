use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::{
    Column, Contract, Table, Values,
    table::{MISSING_CODE, MISSING_DAY},
};

const MACHINES: [&str; 3] = ["lathe", "press", "saw"];
const START: Day = 19_000;

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
  - {name: load, type: number, known_at: 24}
  - {name: mode, type: category, known_at: 24}
  - {name: failed, type: category, values: ['no', 'yes'], known_at: 48}
";
    Contract::parse(text, Path::new("machines.yaml")).unwrap()
}

fn category(codes: Vec<u32>, levels: &[&str]) -> Values {
    Values::Category {
        codes,
        levels: levels.iter().map(|level| level.to_string()).collect(),
    }
}

/// Every machine on every day, in the order of days.
fn table(days: i32) -> Table {
    let rows = || (0..days).flat_map(|day| (0..3u32).map(move |machine| (day, machine)));
    let load = |(day, machine): (i32, u32)| match (day + machine as i32) % 7 {
        0 => f64::NAN,
        rest => f64::from(10 * rest + day),
    };
    let columns = [
        (
            "day",
            Values::Date(rows().map(|(day, _)| START + day).collect()),
        ),
        (
            "machine",
            category(rows().map(|(_, machine)| machine).collect(), &MACHINES),
        ),
        ("load", Values::Number(rows().map(load).collect())),
        (
            "heat",
            Values::Single(rows().map(|row| load(row) as f32).collect()),
        ),
        (
            "mode",
            category(
                rows().map(|(day, _)| day as u32 % 2).collect(),
                &["slow", "fast"],
            ),
        ),
        (
            "failed",
            category(
                rows()
                    .map(|(day, machine)| match (day as u32 + machine) % 5 {
                        4 => MISSING_CODE,
                        rest => u32::from(rest == 0),
                    })
                    .collect(),
                &["no", "yes"],
            ),
        ),
    ];
    let columns = columns.map(|(name, values)| Column {
        name: name.into(),
        values,
    });
    Table::new(columns.into()).unwrap()
}

fn fault(change: Change, start: Day, entities: &[&str]) -> Fault {
    Fault {
        change,
        start: Some(start),
        entities: entities.iter().map(|entity| entity.to_string()).collect(),
    }
}

/// A row as bits, so that NaN equals NaN and nothing is rounded away.
fn row(table: &Table, row: usize) -> Vec<u64> {
    let bits = |column: &Column| match &column.values {
        Values::Number(values) => values[row].to_bits(),
        Values::Single(values) => u64::from(values[row].to_bits()),
        Values::Category { codes, .. } => u64::from(codes[row]),
        Values::Date(days) => days[row] as u64,
    };
    table.columns().iter().map(bits).collect()
}

fn rows(table: &Table) -> Vec<Vec<u64>> {
    (0..table.rows()).map(|at| row(table, at)).collect()
}

fn numbers<'a>(table: &'a Table, column: &str) -> &'a [f64] {
    match table.get(column) {
        Some(Values::Number(values)) => values,
        other => panic!("{column}: {other:?}"),
    }
}

fn days(table: &Table) -> &[Day] {
    match table.get("day") {
        Some(Values::Date(days)) => days,
        other => panic!("{other:?}"),
    }
}

fn any_change() -> impl Strategy<Value = Change> {
    let column = || prop::sample::select(vec!["load".to_string(), "heat".to_string()]);
    prop_oneof![
        (column(), -2.0..2.0).prop_map(|(column, per_day)| Change::Trend { column, per_day }),
        (column(), -9.0..9.0).prop_map(|(column, by)| Change::Offset { column, by }),
        (column(), -3.0..3.0).prop_map(|(column, by)| Change::Scale { column, by }),
        column().prop_map(|column| Change::Unit {
            column,
            conversion: Conversion {
                factor: 1.8,
                offset: 32.0
            }
        }),
        column().prop_map(|column| Change::Stuck { column }),
        (column(), 0.0..5.0).prop_map(|(column, std)| Change::Noise { column, std }),
        column().prop_map(|column| Change::Missing { column }),
        (0.1..=1.0).prop_map(|share| Change::SwappedLabels { share }),
        (0.1..=1.0).prop_map(|share| Change::Duplicated { share }),
        (1u32..9).prop_map(|days| Change::Late { days }),
    ]
}

proptest! {
    /// Rows before the start and rows of other entities are there, whole and in order.
    #[test]
    fn what_a_fault_does_not_name_stays_bit_for_bit(
        change in any_change(),
        offset in 0..20i32,
        entities in prop::sample::subsequence(MACHINES.to_vec(), 1..=3),
        seed: u64,
    ) {
        let table = table(20);
        let fault = fault(change, START + offset, &entities);
        let faulty = fault.apply(table.clone(), &contract(), seed).unwrap();
        prop_assert_eq!(&rows(&faulty), &rows(&fault.apply(table.clone(), &contract(), seed).unwrap()));

        let untouched = |table: &Table| -> Vec<Vec<u64>> {
            let machines = table.get("machine").unwrap();
            (0..table.rows())
                .filter(|at| {
                    days(table)[*at] < START + offset
                        || !entities.iter().any(|name| machines.cell(*at) == crate::Cell::Text(name))
                })
                .map(|at| row(table, at))
                .collect()
        };
        prop_assert_eq!(untouched(&faulty), untouched(&table));
        // And no column but the one named.
        if let Some(named) = fault.change.column() {
            for (before, after) in table.columns().iter().zip(faulty.columns()) {
                if before.name != named {
                    prop_assert_eq!(format!("{before:?}"), format!("{after:?}"));
                }
            }
        }
    }

    #[test]
    fn a_late_row_stands_behind_the_punctual_rows_of_its_arrival(delay in 1u32..6, start in 0..15i32) {
        let table = table(20);
        let late = fault(Change::Late { days: delay }, START + start, &["press"]);
        let faulty = late.apply(table.clone(), &contract(), 0).unwrap();
        let machines = faulty.get("machine").unwrap();
        let is_late = |at: usize| {
            days(&faulty)[at] >= START + start && machines.cell(at) == crate::Cell::Text("press")
        };
        for at in (0..faulty.rows()).filter(|at| is_late(*at)) {
            let arrival = days(&faulty)[at] + delay as i32;
            prop_assert!(arrival < START + 20);
            for other in (0..faulty.rows()).filter(|other| !is_late(*other)) {
                prop_assert_eq!(days(&faulty)[other] <= arrival, other < at);
            }
        }
        // Only what arrives after the last day is lost.
        prop_assert_eq!(table.rows() - faulty.rows(), (delay as usize).min(20 - start as usize));
    }
}

#[test]
fn each_change_of_numbers_does_what_its_name_says() {
    let table = table(10);
    let old = numbers(&table, "load").to_vec();
    let check = |change: Change, expected: &dyn Fn(usize, f64) -> f64| {
        let faulty = fault(change.clone(), START + 4, &[])
            .apply(table.clone(), &contract(), 1)
            .unwrap();
        for (at, (new, old)) in numbers(&faulty, "load").iter().zip(&old).enumerate() {
            let expected = if at / 3 < 4 { *old } else { expected(at, *old) };
            assert_eq!(new.to_bits(), expected.to_bits(), "{change}, row {at}");
        }
    };
    let column = || "load".to_string();
    check(
        Change::Trend {
            column: column(),
            per_day: 0.5,
        },
        &|at, x| x + 0.5 * (at / 3 - 4) as f64,
    );
    check(
        Change::Offset {
            column: column(),
            by: -3.0,
        },
        &|_, x| x - 3.0,
    );
    check(
        Change::Scale {
            column: column(),
            by: 2.0,
        },
        &|_, x| x * 2.0,
    );
    let conversion = "celsius_to_fahrenheit".parse().unwrap();
    check(
        Change::Unit {
            column: column(),
            conversion,
        },
        &|_, x| 1.8 * x + 32.0,
    );
    check(Change::Missing { column: column() }, &|_, _| f64::NAN);
}

#[test]
fn a_stuck_value_is_the_last_one_before_the_start_of_the_same_entity() {
    let faulty = fault(
        Change::Stuck {
            column: "load".into(),
        },
        START + 8,
        &["saw"],
    )
    .apply(table(13), &contract(), 0)
    .unwrap();
    let load = numbers(&faulty, "load");
    // Day 7 of the saw: (7 + 2) % 7 = 2, so 10 * 2 + 7. Day 12 has no value.
    for day in 8..12 {
        assert_eq!(load[3 * day + 2], 27.0, "day {day}");
    }
    assert!(load[3 * 12 + 2].is_nan());
    assert_ne!(load[3 * 8], 27.0);
}

#[test]
fn noise_has_the_mean_and_spread_asked_for_and_hangs_on_the_seed() {
    let table = table(3000);
    let noise = Change::Noise {
        column: "load".into(),
        std: 4.0,
    };
    let apply = |seed, entities: &[&str]| {
        fault(noise.clone(), START, entities)
            .apply(table.clone(), &contract(), seed)
            .unwrap()
    };
    let faulty = apply(7, &[]);
    let added: Vec<f64> = numbers(&faulty, "load")
        .iter()
        .zip(numbers(&table, "load"))
        .map(|(new, old)| new - old)
        .filter(|added| !added.is_nan())
        .collect();
    let n = added.len() as f64;
    let mean = added.iter().sum::<f64>() / n;
    let std = (added.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    assert!(mean.abs() < 0.2 && (std - 4.0).abs() < 0.2, "{mean} {std}");
    assert_ne!(rows(&apply(8, &[])), rows(&faulty));
    // A row's draw doesn't hang on which other rows are touched.
    let one = apply(7, &["press"]);
    assert_eq!(row(&one, 4), row(&faulty, 4));
}

#[test]
fn a_batch_cut_at_a_day_lacks_the_late_rows_of_the_last_days() {
    let faulty = fault(Change::Late { days: 2 }, START, &["press"])
        .apply(table(10), &contract(), 0)
        .unwrap();
    // Read up to the last punctual row of day 5: the press is there up to day 3.
    let cut = (0..faulty.rows())
        .filter(|at| {
            days(&faulty)[*at] == START + 5
                && faulty.get("machine").unwrap().cell(*at) == crate::Cell::Text("saw")
        })
        .max()
        .unwrap();
    let press: Vec<Day> = (0..=cut)
        .filter(|at| faulty.get("machine").unwrap().cell(*at) == crate::Cell::Text("press"))
        .map(|at| days(&faulty)[at] - START)
        .collect();
    assert_eq!(press, [0, 1, 2]);
}

#[test]
fn a_copy_stands_right_behind_its_original() {
    let table = table(4);
    let faulty = fault(Change::Duplicated { share: 1.0 }, START + 3, &["lathe"])
        .apply(table.clone(), &contract(), 0)
        .unwrap();
    assert_eq!(faulty.rows(), table.rows() + 1);
    assert_eq!(row(&faulty, 9), row(&faulty, 10));
    assert_eq!(row(&faulty, 9), row(&table, 9));
}

#[test]
fn swapped_labels_change_places_and_missing_ones_stay_missing() {
    let table = table(10);
    let faulty = fault(Change::SwappedLabels { share: 1.0 }, START, &[])
        .apply(table.clone(), &contract(), 0)
        .unwrap();
    let (Some(Values::Category { codes: old, .. }), Some(Values::Category { codes: new, .. })) =
        (table.get("failed"), faulty.get("failed"))
    else {
        panic!("not categories")
    };
    for (old, new) in old.iter().zip(new) {
        assert_eq!(
            *new,
            if *old == MISSING_CODE {
                MISSING_CODE
            } else {
                1 - *old
            }
        );
    }
}

#[test]
fn a_removed_column_is_gone_and_the_others_are_not() {
    let removed = Fault {
        change: Change::Removed {
            column: "load".into(),
        },
        start: None,
        entities: Vec::new(),
    };
    let faulty = removed.apply(table(3), &contract(), 0).unwrap();
    let names: Vec<&str> = faulty.columns().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["day", "machine", "heat", "mode", "failed"]);
}

#[test]
fn a_row_without_a_date_is_never_touched() {
    let mut columns = table(3).into_columns();
    if let Values::Date(days) = &mut columns[0].values {
        days[4] = MISSING_DAY;
    }
    let table = Table::new(columns).unwrap();
    for change in [
        Change::Offset {
            column: "load".into(),
            by: 1.0,
        },
        Change::Late { days: 1 },
        Change::Stuck {
            column: "load".into(),
        },
    ] {
        let faulty = fault(change, START, &[])
            .apply(table.clone(), &contract(), 0)
            .unwrap();
        assert!(rows(&faulty).contains(&row(&table, 4)));
    }
}

#[test]
fn a_fault_that_does_not_fit_says_what_would() {
    let text = |fault: Fault| {
        fault
            .apply(table(5), &contract(), 0)
            .unwrap_err()
            .to_string()
    };
    let offset = |column: &str, by: f64| Change::Offset {
        column: column.into(),
        by,
    };
    let errors = [
        text(fault(offset("weight", 1.0), START, &[])),
        text(fault(offset("mode", 1.0), START, &[])),
        text(fault(offset("load", f64::NAN), START, &[])),
        text(fault(
            Change::Scale {
                column: "heat".into(),
                by: 1e38,
            },
            START,
            &["saw"],
        )),
        text(fault(offset("load", 1.0), START + 5, &[])),
        text(fault(offset("load", 1.0), START, &["drill"])),
        text(fault(
            Change::Missing {
                column: "day".into(),
            },
            START,
            &[],
        )),
        text(fault(
            Change::Removed {
                column: "load".into(),
            },
            START,
            &[],
        )),
        text(fault(Change::Duplicated { share: 0.0 }, START, &[])),
        text(fault(Change::Late { days: 0 }, START, &[])),
        text(fault(
            Change::Noise {
                column: "load".into(),
                std: -1.0,
            },
            START,
            &[],
        )),
    ];
    insta::assert_snapshot!(errors.join("\n"), @r#"
    offset of +1 on weight from 2022-01-08: the table has no column "weight"; it has day, machine, load, heat, mode, failed
    offset of +1 on mode from 2022-01-08: column "mode" holds no numbers; choose one that does
    offset of NaN on load from 2022-01-08: by is NaN, which is not a finite number; give one
    scale by 100000000000000000000000000000000000000 on heat from 2022-01-08 at saw: row 3 would become 2000000000000000000000000000000000000000 (it is 20); choose a smaller change
    offset of +1 on load from 2022-01-13: start 2022-01-13 lies outside the table's days, 2022-01-08 to 2022-01-12
    offset of +1 on load from 2022-01-08 at drill: no row has "drill" in "machine"; there are lathe, press, saw
    missing values on day from 2022-01-08: "day" names the rows of "machines"; choose another column
    removed column load from 2022-01-08: a removed column is gone from every row: leave out start and entities, or use `missing`
    duplicated rows (share 0) from 2022-01-08: share is 0; give a number above 0 and up to 1
    rows 0 days late from 2022-01-08: days is 0, so nothing is late; give at least 1
    noise of -1 on load from 2022-01-08: std is -1; a standard deviation is zero or more
    "#);
}

#[test]
fn faults_are_declared_in_yaml_and_json() {
    let yaml = "
- {start: 2022-01-08, entities: [saw], change: {trend: {column: load, per_day: 0.05}}}
- change: {unit: {column: heat, conversion: celsius_to_fahrenheit}}
- change: {duplicated: {}}
";
    let faults: Vec<Fault> = serde_saphyr::from_str(yaml).unwrap();
    assert_eq!(
        faults[0].to_string(),
        "trend of +0.05 a day on load from 2022-01-08 at saw"
    );
    assert_eq!(faults[2].change, Change::Duplicated { share: 1.0 });
    let json = serde_json::to_string(&faults).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Fault>>(&json).unwrap(), faults);

    for wrong in [
        "{change: {trend: {column: load}}}",
        "{change: {tilt: {column: load}}}",
        "{start: 2022-02-30, change: {stuck: {column: load}}}",
        "{begin: 2022-02-20, change: {stuck: {column: load}}}",
    ] {
        assert!(serde_saphyr::from_str::<Fault>(wrong).is_err(), "{wrong}");
    }
}
