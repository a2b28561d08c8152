use proptest::prelude::*;

use super::*;

fn contract() -> Contract {
    let text = r#"
table: shop
key: [Day, Shop]
time: Day
entity: Shop
label: { column: More, positive: Yes }
columns:
  - { name: Day, type: date, known_at: 0 }
  - { name: Shop, type: category, known_at: 0 }
  - { name: Price, type: number, unit: EUR, range: [0, 100], known_at: 24 }
  - { name: Visits, type: number, known_at: 24 }
  - { name: Door, type: category, values: [open, shut], known_at: 24 }
  - { name: More, type: category, values: [No, Yes], known_at: 48 }
forbidden:
  - { column: Takings, reason: it is the label in money }
"#;
    Contract::parse(text, Path::new("contract.yaml")).unwrap()
}

fn record(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap()
}

const GOOD: &str = r#"{"Shop": "b", "Day": "2020-02-29", "Price": 3, "Door": "shut"}"#;

fn error(text: &str) -> String {
    table_from_json(&[record(text)], &contract())
        .unwrap_err()
        .to_string()
}

#[test]
fn null_and_absent_are_missing_and_an_absent_label_is_no_column() {
    let other = r#"{"Shop": "a", "Day": "2020-03-01", "Price": null}"#;
    let table = table_from_json(&[record(GOOD), record(other)], &contract()).unwrap();
    let names: Vec<&str> = table.columns().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["Day", "Shop", "Price", "Visits", "Door"]);
    assert_eq!(
        table.get("Shop"),
        Some(&Values::Category {
            codes: vec![1, 0],
            levels: vec!["a".into(), "b".into()]
        })
    );
    assert_eq!(table.get("Price").unwrap().cell(1), Cell::Missing);
    assert_eq!(
        Value::Object(row_to_json(&table, 0)).to_string(),
        r#"{"Day":"2020-02-29","Shop":"b","Price":3,"Visits":null,"Door":"shut"}"#
    );
}

#[test]
fn a_label_is_kept_if_any_record_has_it() {
    let labelled = r#"{"Shop": "a", "Day": "2020-03-01", "More": "Yes"}"#;
    let table = table_from_json(&[record(GOOD), record(labelled)], &contract()).unwrap();
    let more = table.get("More").unwrap();
    assert_eq!(
        (more.cell(0), more.cell(1)),
        (Cell::Missing, Cell::Text("Yes"))
    );
}

#[test]
fn each_field_that_does_not_fit_says_what_is_expected() {
    let all: Vec<String> = [
        r#"{"Day": "2020-02-29"}"#,
        r#"{"Day": "2020-02-29", "Shop": null}"#,
        r#"{"Day": "29/02/2020", "Shop": "a"}"#,
        r#"{"Day": "2019-02-29", "Shop": "a"}"#,
        r#"{"Day": "2020-02-29", "Shop": "a", "Prise": 1}"#,
        r#"{"Day": "2020-02-29", "Shop": "a", "weather": 1}"#,
        r#"{"Day": "2020-02-29", "Shop": "a", "Takings": 1}"#,
        r#"{"Day": "2020-02-29", "Shop": "a", "Price": "3"}"#,
        r#"{"Day": "2020-02-29", "Shop": "a", "Price": 101}"#,
        r#"{"Day": "2020-02-29", "Shop": "a", "Visits": [1]}"#,
        r#"{"Day": "2020-02-29", "Shop": "a", "Door": "ajar"}"#,
        r#"{"Day": "2020-02-29", "Shop": "a", "Door": true}"#,
        r#"{"Day": "2020-02-29", "Shop": ""}"#,
        r#"{"Day": "9999-12-31", "Shop": "a"}"#,
        r#"{"Day": "2020-02-29", "Shop": "a", "Visits": 9007199254740993}"#,
        r#"{"Day": "2020-02-29", "Shop": "a", "Visits": 18446744073709551615}"#,
    ]
    .map(error)
    .into();
    insta::assert_snapshot!(all.join("\n"), @r#"
    Shop: this field is required: a word
    Shop: this field is required: a word
    Day: "29/02/2020" is not a date written "yyyy-mm-dd"
    Day: "2019-02-29" is not a date written "yyyy-mm-dd"
    Prise: there is no such field; did you mean "Price"?
    weather: there is no such field; there are Day, Shop, Price, Visits, Door, More
    Takings: leave this field out: it is the label in money
    Price: "3" is not a number from 0 to 100 EUR
    Price: 101 is not a number from 0 to 100 EUR
    Visits: [1] is not a finite number
    Door: "ajar" is not one of open, shut
    Door: true is not one of open, shut
    Shop: "" is not a word
    Day: "9999-12-31" is not between 1583-01-01 and 2399-12-31, the dates that are read: leave it missing if it stands for "unknown" or "no end"
    Visits: 9007199254740993 is a whole number that a 64-bit number can't keep (above 9007199254740992 it is rounded to a neighbour); if it names something, declare the column as a category and write it as text
    Visits: 18446744073709551615 is a whole number that a 64-bit number can't keep (above 9007199254740992 it is rounded to a neighbour); if it names something, declare the column as a category and write it as text
    "#);
}

#[test]
fn of_several_records_the_wrong_one_is_numbered() {
    let records = [record(GOOD), record(r#"{"Day": 3, "Shop": "a"}"#)];
    let error = table_from_json(&records, &contract()).unwrap_err();
    insta::assert_snapshot!(error, @r#"Day: 3 is not a date written "yyyy-mm-dd" (in record 2)"#);
}

#[test]
fn lines_of_a_file_are_numbered_as_an_editor_numbers_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.jsonl");
    let said = |text: &str| {
        std::fs::write(&path, text).unwrap();
        match read_json_lines(&path, &contract()) {
            Ok(table) => format!("{} rows", table.rows()),
            Err(error) => error
                .to_string()
                .replace(path.to_str().unwrap(), "shop.jsonl"),
        }
    };
    let all = [
        format!("{GOOD}\r\n\n{GOOD}\n"),
        format!("{GOOD}\n\n{{\"Day\": 1}}\n"),
        format!("{GOOD}\n{{\"Day\": \n"),
        "[1, 2]\n".into(),
        "{\"Price\": 1e999}\n".into(),
    ]
    .map(|text| said(&text));
    insta::assert_snapshot!(all.join("\n"), @r#"
    2 rows
    shop.jsonl, line 3, column Day: 1 is not a date written "yyyy-mm-dd"
    Each line is one observation as a JSON object, with the contract's columns as fields.
    shop.jsonl, line 2: no JSON object: the line ends before the object does
    Each line is one observation as a JSON object, with the contract's columns as fields.
    shop.jsonl, line 1: no JSON object, but a list
    Each line is one observation as a JSON object, with the contract's columns as fields.
    shop.jsonl, line 1: the number before character 15 is too large
    Each line is one observation as a JSON object, with the contract's columns as fields.
    "#);
}

proptest! {
    #[test]
    fn a_row_goes_to_json_and_comes_back(
        day in 0i32..40_000,
        price in prop::option::of(0f64..100.0),
        visits in prop::option::of(-1e300..1e300f64),
        door in prop::option::of(prop::sample::select(vec!["open", "shut"])),
    ) {
        let mut fields = record(GOOD);
        fields.insert("Day".into(), calendar::format_iso(day).into());
        fields.insert("Price".into(), price.into());
        fields.insert("Visits".into(), visits.into());
        fields.insert("Door".into(), door.into());
        let table = table_from_json(&[fields], &contract()).unwrap();
        let again = table_from_json(&[row_to_json(&table, 0)], &contract()).unwrap();
        for (one, other) in table.columns().iter().zip(again.columns()) {
            prop_assert_eq!(one.values.cell(0), other.values.cell(0));
        }
    }
}

#[test]
fn a_line_that_gives_a_field_two_values_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let twice = GOOD.replace('}', r#", "Price": 4}"#);
    std::fs::write(&path, format!("{GOOD}\n{twice}\n")).unwrap();
    let error = read_json_lines(&path, &contract()).unwrap_err().to_string();
    let said = "line 2: the field \"Price\" is there more than once";
    assert!(error.contains(said), "{error}");
}
