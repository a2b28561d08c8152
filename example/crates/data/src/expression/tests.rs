use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::table::{MISSING_CODE, MISSING_DAY};
use crate::{Column, Values};

fn contract() -> Contract {
    let text = r#"
table: shop
key: [Day, Shop]
time: Day
entity: Shop
label: { column: More, positive: "Yes", today: Busy }
columns:
  - { name: Day, type: date, known_at: 0 }
  - { name: Shop, type: category, known_at: 0 }
  - { name: Low, type: number, known_at: 24 }
  - { name: High, type: number, known_at: 24 }
  - { name: Unit Price, type: number, known_at: 24 }
  - { name: Busy, type: category, values: ["No", "Yes"], known_at: 24 }
  - { name: More, type: category, values: ["No", "Yes"], known_at: 48 }
"#;
    Contract::parse(text, Path::new("contract.yaml")).unwrap()
}

fn table() -> Table {
    let number = |values: &[f64]| Values::Number(values.to_vec());
    let words = |codes: &[u32], levels: &[&str]| Values::Category {
        codes: codes.to_vec(),
        levels: levels.iter().map(ToString::to_string).collect(),
    };
    let columns = [
        ("Day", Values::Date(vec![10, 11, 13, MISSING_DAY])),
        ("Shop", words(&[0, 0, 0, 0], &["a"])),
        ("Low", number(&[1.0, 2.0, f64::NAN, 4.0])),
        ("High", number(&[1.0, 1.0, 3.0, 8.0])),
        ("Unit Price", number(&[0.0, 2.0, 4.0, 8.0])),
        ("Busy", words(&[0, 1, 1, MISSING_CODE], &["No", "Yes"])),
        // The same words by other numbers, and one more.
        ("More", words(&[0, 1, 2, 0], &["Yes", "No", "Perhaps"])),
    ]
    .map(|(name, values)| Column {
        name: name.into(),
        values,
    });
    Table::new(columns.into()).unwrap()
}

/// `+` holds, `-` broken, `.` not asked; a row each.
fn ask(text: &str) -> String {
    let (table, contract) = (table(), contract());
    let expression = Expression::parse(text, &contract).unwrap();
    let neighbours = Neighbours::new(&table, &contract);
    expression
        .evaluate(&table, &neighbours)
        .unwrap()
        .into_iter()
        .map(|outcome| match outcome {
            Outcome::Holds => '+',
            Outcome::Broken => '-',
            Outcome::NotAsked => '.',
        })
        .collect()
}

fn error(text: &str) -> String {
    Expression::parse(text, &contract())
        .unwrap_err()
        .to_string()
}

#[test]
fn a_row_where_anything_is_missing_is_not_asked() {
    assert_eq!(ask("Low <= High"), "+-.+");
    assert_eq!(ask("High > 0 or Low > 0"), "++.+");
}

#[test]
fn words_are_compared_by_what_they_say_not_by_their_number() {
    assert_eq!(ask("Busy == 'Yes'"), "-++.");
    assert_eq!(ask("Busy == More"), "-- -.".replace(' ', ""));
    assert_eq!(ask("Busy != More"), "+++.");
    assert_eq!(ask("Shop != \"b\""), "++++");
}

#[test]
fn next_and_previous_go_by_the_calendar() {
    assert_eq!(ask("next(High) == 1"), "+...");
    assert_eq!(ask("previous(High) == High"), ".+..");
    assert_eq!(ask("More == next(Busy)"), "+...");
    assert_eq!(
        ask("next(Day) == previous(Day) or Day > '1970-01-01'"),
        "...."
    );
}

#[test]
fn arithmetic_binds_as_at_school() {
    assert_eq!(ask("High - High + 1 + 2 * 3 - 4 / 2 == 5"), "++++");
    assert_eq!(ask("-(1 - 2) - 3 == High - High - 2"), "++++");
    assert_eq!(ask("1e3 * .5 > 490 + High"), "++++");
}

#[test]
fn what_divides_by_zero_is_broken_unless_something_else_decides() {
    assert_eq!(ask("High / `Unit Price` <= 1"), "-+++");
    assert_eq!(ask("not (High / `Unit Price` <= 1)"), "----");
    assert_eq!(ask("High / `Unit Price` != 1"), "-++-");
    assert_eq!(ask("`Unit Price` > 0 => High / `Unit Price` <= 1"), "++++");
    assert_eq!(ask("High / `Unit Price` <= 1 or `Unit Price` == 0"), "++++");
    assert_eq!(ask("High / `Unit Price` <= 1 and High > 0"), "-+++");
    assert_eq!(ask("High / `Unit Price` <= 1 <=> High > 0"), "-+++");
    // Divided by infinity it would be 0, and hold.
    assert_eq!(ask("1 / (High / `Unit Price`) < 9"), "-+++");
    assert_eq!(ask("High * 1e308 * 1e308 > 1"), "----");
    assert_eq!(ask("Low / `Unit Price` <= 1"), "-+.+");
}

#[test]
fn a_condition_that_says_the_same_of_every_row_is_refused() {
    let all = [
        "\"Busy\" == \"Yes\"",
        "\"a\" != \"b\"",
        "1 + 1 == 2",
        "\"2020-01-01\" < \"2021-01-01\"",
        "Low <= 3 and \"Shop\" == \"a\"",
        "Low <= Low",
        "Busy == \"More\"",
    ]
    .map(error);
    insta::assert_snapshot!(all.join("\n"), @r#"
    in the rule `"Busy" == "Yes"`, character 8: this compares two constants, which says the same of every row: "Busy" is a column, leave out the quotes
    in the rule `"a" != "b"`, character 5: this compares two constants, which says the same of every row: name a column on one side, without quotes
    in the rule `1 + 1 == 2`, character 7: this compares two constants, which says the same of every row: name a column on one side, without quotes
    in the rule `"2020-01-01" < "2021-01-01"`, character 14: this compares two constants, which says the same of every row: name a column on one side, without quotes
    in the rule `Low <= 3 and "Shop" == "a"`, character 21: this compares two constants, which says the same of every row: "Shop" is a column, leave out the quotes
    in the rule `Low <= Low`, character 5: both sides are the same, which says the same of every row
    in the rule `Busy == "More"`, character 6: Busy never is "More"; the column More stands without quotes
    "#);
}

#[test]
fn logic_binds_not_and_or_implies_equivalent() {
    assert_eq!(
        ask("High > 2 => High > 1 and not High > 9 <=> High > 0"),
        "++++"
    );
    assert_eq!(ask("High == 1 or High == 3 and High == 8"), "++--");
    assert_eq!(ask("(High == 1 or High == 3) and High == 8"), "----");
    assert_eq!(ask("High < 0 => High < 1 => High < 0"), "++++");
    assert_eq!(ask("not (High > 2 <=> High == 8)"), "--+-");
}

#[test]
fn dates_are_compared_with_dates() {
    assert_eq!(ask("Day >= '1970-01-12'"), "-++.");
    insta::assert_snapshot!(error("Day > 'soon'"), @r#"in the rule `Day > 'soon'`, character 5: "soon" is not a date written yyyy-mm-dd"#);
}

#[test]
fn a_table_without_the_column_is_not_asked_at_all() {
    let contract = contract();
    let expression = Expression::parse("More == Busy", &contract).unwrap();
    let table = Table::new(table().into_columns().drain(..6).collect()).unwrap();
    let neighbours = Neighbours::new(&table, &contract);
    assert_eq!(expression.evaluate(&table, &neighbours), None);
    assert_eq!(expression.columns().collect::<Vec<_>>(), ["Busy", "More"]);
}

#[test]
fn errors_say_where_and_what_instead() {
    let all: Vec<String> = [
        "Lov <= High",
        "Low <= sunny",
        "Low <= \"sunny\"",
        "Busy == 1",
        "Busy == \"Maybe\"",
        "Busy < \"Yes\"",
        "Low = 1",
        "0 <= Low <= High",
        "Low",
        "Low and High",
        "Low + Busy > 1",
        "(Low > 1) > 2",
        "Low > 1 High",
        "(Low > 1",
        "next(1) > 2",
        "Low >",
        "Low > and",
        "Low > 1.2.3",
        "Low > 'open",
        "Low # 1",
        "",
    ]
    .map(error)
    .into();
    insta::assert_snapshot!(all.join("\n"), @r#"
    in the rule `Lov <= High`, character 1: there is no column Lov; did you mean Low?
    in the rule `Low <= sunny`, character 8: there is no column sunny; a word stands in quotes
    in the rule `Low <= "sunny"`, character 5: Low (a number) can't be compared with the word "sunny"
    in the rule `Busy == 1`, character 6: Busy (a word) can't be compared with a number
    in the rule `Busy == "Maybe"`, character 6: Busy never is "Maybe"; its values are No, Yes
    in the rule `Busy < "Yes"`, character 6: words have no order; compare them with == or !=
    in the rule `Low = 1`, character 5: write == to compare
    in the rule `0 <= Low <= High`, character 10: comparisons can't be chained; join two of them with `and`
    in the rule `Low`, character 1: this is a number, where a condition is expected: compare it with something
    in the rule `Low and High`, character 1: this is a number, where a condition is expected: compare it with something
    in the rule `Low + Busy > 1`, character 7: this is a word, and one can't calculate with it
    in the rule `(Low > 1) > 2`, character 1: this is a condition, where a value is expected; conditions are joined by and, or, => and <=>
    in the rule `Low > 1 High`, character 9: `High` can't follow here
    in the rule `(Low > 1`, character 9: `)` is expected here
    in the rule `next(1) > 2`, character 6: a column is expected here
    in the rule `Low >`, character 6: something is missing at the end: a column, a number or a word
    in the rule `Low > and`, character 7: `and` can't stand here; a value is expected
    in the rule `Low > 1.2.3`, character 7: "1.2.3" is not a number
    in the rule `Low > 'open`, character 7: the quote ' isn't closed
    in the rule `Low # 1`, character 5: '#' means nothing here
    in the rule ``, character 1: something is missing at the end: a column, a number or a word
    "#);
}

#[test]
fn depth_and_length_are_limited() {
    let nested = format!("{}Low > 1{}", "(".repeat(200), ")".repeat(200));
    assert!(error(&nested).ends_with("nested too deeply"));
    assert!(error(&"not ".repeat(200)).ends_with("nested too deeply"));
    assert!(error(&"-".repeat(200)).ends_with("nested too deeply"));
    assert!(error(&format!("Low{} > 1", " + Low".repeat(400))).contains("more than 500"));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,60}") {
        let _ = Expression::parse(&text, &contract());
    }

    #[test]
    fn no_mix_of_known_parts_makes_the_parser_panic(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "Low", "Busy", "Day", "next", "previous", "(", ")", "and", "or", "not", "=>",
                "<=>", "<", "<=", "==", "!=", "+", "-", "*", "/", "1", "'Yes'", "\"2015-01-01\"",
                "`Unit Price`", "é", "=",
            ]),
            0..20,
        )
    ) {
        if let Ok(expression) = Expression::parse(&parts.join(" "), &contract()) {
            let (table, contract) = (table(), contract());
            let neighbours = Neighbours::new(&table, &contract);
            prop_assert!(expression.evaluate(&table, &neighbours).is_some());
        }
    }
}
