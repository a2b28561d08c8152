use std::path::Path;

use super::*;
use crate::json::table_from_json;
use crate::table::MISSING_DAY;
use crate::{Column, Values};

fn contract() -> Contract {
    let text = r#"
table: shop
key: [Day, Shop]
time: Day
entity: Shop
label: { column: More, positive: Yes, today: Busy }
columns:
  - { name: Day, type: date, known_at: 0 }
  - { name: Shop, type: category, known_at: 0 }
  - { name: Price, type: number, unit: EUR, range: [0, 100], usual: [1, 50], missing_usually: 0.1, missing_at_most: 0.5, known_at: 24 }
  - { name: Visits, type: number, known_at: 24 }
  - { name: Busy, type: category, values: [No, Yes], known_at: 24 }
  - { name: More, type: category, values: [No, Yes], known_at: 48 }
rules:
  - { name: cheap-is-busy, holds: 'Price < 2 => Busy == "Yes"', level: error, reason: cheap things sell }
  - { name: more-is-busy-tomorrow, holds: More == next(Busy), level: error }
"#;
    Contract::parse(text, Path::new("contract.yaml")).unwrap()
}

/// Rows of day, shop, price, visits, busy, more; `.` is missing.
fn table(rows: &str) -> Table {
    let rows: Vec<Vec<&str>> = rows
        .trim()
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let number = |at: usize| {
        Values::Number(
            rows.iter()
                .map(|row| row[at].parse().unwrap_or(f64::NAN))
                .collect(),
        )
    };
    let words = |at: usize| {
        let mut levels: Vec<String> = Vec::new();
        let codes = rows
            .iter()
            .map(|row| match row[at] {
                "." => MISSING_CODE,
                word => levels.iter().position(|l| l == word).unwrap_or_else(|| {
                    levels.push(word.into());
                    levels.len() - 1
                }) as u32,
            })
            .collect();
        Values::Category { codes, levels }
    };
    let days = rows
        .iter()
        .map(|row| crate::calendar::parse_iso(row[0]).unwrap_or(MISSING_DAY))
        .collect();
    let columns = [
        ("Day", Values::Date(days)),
        ("Shop", words(1)),
        ("Price", number(2)),
        ("Visits", number(3)),
        ("Busy", words(4)),
        ("More", words(5)),
    ]
    .map(|(name, values)| Column {
        name: name.into(),
        values,
    });
    Table::new(columns.into()).unwrap()
}

use crate::table::MISSING_CODE;

const GOOD: &str = "
2020-01-01 a 3 10 No Yes
2020-01-02 a 1 90 Yes No
2020-01-03 a 5 9 No No
2020-01-01 b 7 1 No No
";

#[test]
fn a_good_table_passes_and_says_what_was_asked() {
    let report = check(&table(GOOD), &contract());
    assert!(report.passed());
    insta::assert_snapshot!(report, @r"
    shop: 4 rows, 6 columns: passed (0 errors, 0 warnings)
    asked    cheap-is-busy: on 4 rows, broken on 0
    asked    more-is-busy-tomorrow: on 2 rows, broken on 0
    ");
}

#[test]
fn every_kind_of_fault_is_found_with_counts_and_first_lines() {
    let report = check(
        &table(
            "
2020-01-01 a 3 10 No Yes
2020-01-02 a 1 90 No Yes
2020-01-03 a 99 9 Yes No
2020-01-03 a 7 1 No No
2020-01-09 a -1 1 No No
2020-01-08 a 101 inf No No
. b 3 1 Yess .
2020-01-08 . 3 1 maybe .
2020-01-08 b . 1 . .
2020-01-09 b . 1 . .
",
        ),
        &contract(),
    );
    assert!(!report.passed());
    insta::assert_snapshot!(report, @r#"
    shop: 10 rows, 6 columns: refused (7 errors, 4 warnings)
    error    range Price: 2 of 8 (25 %): outside 0 to 100 EUR, which is impossible
             line 6 (2020-01-09, a): Price -1
             line 7 (2020-01-08, a): Price 101
    error    range Visits: 1 of 10 (10 %): not a finite number
             line 7 (2020-01-08, a): Visits inf
    error    values Busy: 2 of 8 (25 %): "Yess" (is it "Yes"?), "maybe"; allowed are No, Yes
             line 8 (missing, b): Busy Yess
             line 9 (2020-01-08, missing): Busy maybe
    error    key-missing: 2 of 10 (20 %): every row needs its key (Day, Shop)
             line 8 (missing, b)
             line 9 (2020-01-08, missing)
    error    key: 1 of 8 (12 %): an earlier row has the same Day, Shop
             line 5 (2020-01-03, a)
    error    cheap-is-busy: 2 of 8 (25 %): Price < 2 => Busy == "Yes": cheap things sell
             line 3 (2020-01-02, a): Busy No, Price 1
             line 6 (2020-01-09, a): Busy No, Price -1
    error    more-is-busy-tomorrow: 1 of 3 (33 %): More == next(Busy)
             line 2 (2020-01-01, a): Busy No, More Yes
    warning  missing Price: 2 of 10 (20 %): usually no more than 10 % may be missing
    warning  usual Price: 1 of 8 (12 %): outside 1 to 50 EUR, which is unusual
             line 4 (2020-01-03, a): Price 99
    warning  gaps: 1 of 5 (20 %): 4 days are absent between an entity's rows
             line 5 (2020-01-03, a): absent 2020-01-04 to 2020-01-07
    warning  order: 1 of 8 (12 %): the row comes after a later day of the same entity
             line 7 (2020-01-08, a)
    asked    cheap-is-busy: on 8 rows, broken on 2
    asked    more-is-busy-tomorrow: on 3 rows, broken on 1
    "#);
}

#[test]
fn a_share_of_missing_values_is_a_warning_and_then_an_error() {
    let level = |prices: [&str; 4]| {
        let rows: String = prices
            .iter()
            .zip(["No", "Yes", "No", "Yes"])
            .enumerate()
            .map(|(at, (price, more))| format!("2020-01-0{} s{at} {price} 1 Yes {more}\n", at + 1))
            .collect();
        let report = check(&table(&rows), &contract());
        let found = report.findings.iter().find(|f| f.rule == "missing");
        found.map(|finding| (finding.level, finding.count))
    };
    assert_eq!(level(["1", "1", "1", "1"]), None);
    assert_eq!(level(["1", ".", "1", "1"]), Some((Level::Warning, 1)));
    assert_eq!(level([".", ".", "1", "1"]), Some((Level::Warning, 2)));
    assert_eq!(level([".", ".", ".", "1"]), Some((Level::Error, 3)));
}

#[test]
fn a_label_of_one_class_is_refused_and_an_absent_one_is_not() {
    let one = check(&table("2020-01-01 a 3 10 No Yes\n"), &contract());
    insta::assert_snapshot!(one, @r"
    shop: 1 row, 6 columns: refused (1 error, 1 warning)
    error    label More: 1 of 1 (100 %): the label must have exactly two classes, but has 1: Yes (1 rows)
    warning  more-is-busy-tomorrow: More == next(Busy): could be checked on none of 1 row: in every row, a column that it names is missing
    asked    cheap-is-busy: on 1 row, broken on 0
    asked    more-is-busy-tomorrow: on 0 rows, broken on 0
    ");
    let record = serde_json::json!({"Day": "2020-01-01", "Shop": "a"});
    let none = table_from_json(&[record.as_object().unwrap().clone()], &contract()).unwrap();
    let report = check(&none, &contract());
    // The price is missing altogether; nothing is said of the label.
    assert_eq!(
        report
            .of(Level::Error)
            .map(|f| f.rule.as_str())
            .collect::<Vec<_>>(),
        ["missing"]
    );
    assert_eq!(report.rules[1].evaluated, 0);
}

#[test]
fn a_table_of_other_columns_or_types_or_no_rows_is_refused() {
    let columns = vec![
        Column {
            name: "Day".into(),
            values: Values::Number(vec![]),
        },
        Column {
            name: "Busy".into(),
            values: Values::Date(vec![]),
        },
    ];
    let report = check(&Table::new(columns).unwrap(), &contract());
    insta::assert_snapshot!(report, @r"
    shop: 0 rows, 2 columns: refused (6 errors, 0 warnings)
    error    empty: the table has no rows
    error    type Day: the values are no date
    error    column Shop: the table lacks this column
    error    column Price: the table lacks this column
    error    column Visits: the table lacks this column
    error    type Busy: the values are no category
    asked    cheap-is-busy: on 0 rows, broken on 0
    asked    more-is-busy-tomorrow: on 0 rows, broken on 0
    ");
}

#[test]
fn single_precision_numbers_are_checked_too() {
    let mut columns = table(GOOD).into_columns();
    columns[2].values = Values::Single(vec![3.0, 1.0, 500.0, f32::NAN]);
    let report = check(&Table::new(columns).unwrap(), &contract());
    let range = report.findings.iter().find(|f| f.rule == "range").unwrap();
    assert_eq!((range.count, range.evaluated), (1, 3));
}

#[test]
fn the_order_of_rows_changes_only_what_is_said_of_order() {
    let lines: Vec<&str> = GOOD.trim().lines().rev().collect();
    let report = check(&table(&lines.join("\n")), &contract());
    assert!(report.passed());
    let rules: Vec<&str> = report.findings.iter().map(|f| f.rule.as_str()).collect();
    assert_eq!(rules, ["order"]);
    assert_eq!(report.rules, check(&table(GOOD), &contract()).rules);
}

#[test]
fn a_report_as_json_has_the_same_numbers() {
    let report = check(
        &table("2020-01-01 a 300 10 No Yes\n2020-01-02 a 3 1 No No"),
        &contract(),
    );
    insta::assert_json_snapshot!(report, @r#"
    {
      "table": "shop",
      "rows": 2,
      "columns": 6,
      "passed": false,
      "findings": [
        {
          "rule": "range",
          "column": "Price",
          "level": "error",
          "count": 1,
          "evaluated": 2,
          "share": 0.5,
          "reason": "outside 0 to 100 EUR, which is impossible",
          "first": [
            {
              "line": 2,
              "key": {
                "Day": "2020-01-01",
                "Shop": "a"
              },
              "values": {
                "Price": 300
              }
            }
          ]
        },
        {
          "rule": "more-is-busy-tomorrow",
          "column": null,
          "level": "error",
          "count": 1,
          "evaluated": 1,
          "share": 1.0,
          "reason": "More == next(Busy)",
          "first": [
            {
              "line": 2,
              "key": {
                "Day": "2020-01-01",
                "Shop": "a"
              },
              "values": {
                "Busy": "No",
                "More": "Yes"
              }
            }
          ]
        }
      ],
      "rules": [
        {
          "rule": "cheap-is-busy",
          "evaluated": 2,
          "broken": 0
        },
        {
          "rule": "more-is-busy-tomorrow",
          "evaluated": 1,
          "broken": 1
        }
      ]
    }
    "#);
}

#[test]
fn a_rule_that_divides_by_zero_is_broken_unless_something_guards_it() {
    let said = |rule: &str| {
        let mut contract = contract();
        contract.rules.truncate(1);
        contract.rules[0].holds = rule.into();
        let rows = "2020-01-01 a 10 0 No Yes\n2020-01-02 a 9 0 No No\n2020-01-03 a 8 . No No\n2020-01-04 a 8 4 No No";
        check(&table(rows), &contract).rules[0].clone()
    };
    let asked = said("Price / Visits <= 10");
    assert_eq!((asked.evaluated, asked.broken), (3, 2));
    let asked = said("Visits > 0 => Price / Visits <= 10");
    assert_eq!((asked.evaluated, asked.broken), (3, 0));
}

#[test]
fn a_rule_that_names_what_is_missing_everywhere_is_warned_of() {
    let report = check(
        &table("2020-01-01 a 3 . . Yes\n2020-01-02 a 3 . . No"),
        &contract(),
    );
    let warned: Vec<&str> = report.of(Level::Warning).map(|f| f.rule.as_str()).collect();
    assert_eq!(warned, ["cheap-is-busy", "more-is-busy-tomorrow"]);
}

#[test]
fn a_range_may_be_open_at_one_end() {
    let text = |rows: &str, range: [f64; 2]| {
        let mut contract = contract();
        contract.columns[2].range = Some(range);
        contract.columns[2].usual = None;
        let report = check(&table(rows), &contract);
        let found = report.findings.into_iter().find(|f| f.rule == "range");
        found.map(|f| format!("{} {}", f.count, f.reason))
    };
    let rows = "2020-01-01 a -3 1 No Yes\n2020-01-02 a 1e9 1 Yes No";
    let (least, most) = (f64::NEG_INFINITY, f64::INFINITY);
    let below = "1 below 0 EUR, which is impossible";
    assert_eq!(text(rows, [0.0, most]).as_deref(), Some(below));
    let above = "1 above 5 EUR, which is impossible";
    assert_eq!(text(rows, [least, 5.0]).as_deref(), Some(above));
    assert_eq!(text(&rows.replace("-3", "3"), [0.0, most]), None);
    // Open is no leave to be infinite.
    assert!(text(&rows.replace("1e9", "inf"), [-9.0, most]).is_some());
}
