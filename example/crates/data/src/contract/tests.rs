use super::*;

const GOOD: &str = r#"
table: shop
missing: [NA]
key: [Day, Shop]
time: Day
entity: Shop
label: { column: More, positive: Yes, today: Busy }
columns:
  - { name: Day, type: date, known_at: 0 }
  - { name: Shop, type: category, known_at: 0 }
  - { name: Price, type: number, range: [0, 100], usual: [1, 50], known_at: 24 }
  - { name: Busy, type: category, values: [No, Yes], known_at: 24 }
  - { name: More, type: category, values: [No, Yes], known_at: 48 }
rules:
  - { name: cheap-is-busy, holds: 'Price < 1 => Busy == "Yes"', level: warning }
forbidden:
  - { column: Takings, reason: it is the label in money }
"#;

fn parse(text: &str) -> Result<Contract> {
    Contract::parse(text, Path::new("contract.yaml"))
}

/// The error after replacing a piece of the good contract.
fn broken(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    parse(&GOOD.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn a_good_contract_is_read_whole() {
    let contract = parse(GOOD).unwrap();
    assert_eq!(contract.columns.len(), 5);
    let busy = contract.column("Busy").unwrap();
    assert_eq!(busy.values.as_deref().unwrap(), ["No", "Yes"]);
    assert_eq!(busy.missing_at_most, 1.0);
    assert_eq!(contract.column("Day").unwrap().dates, None);
    let american = GOOD.replace("type: date,", "type: date, dates: month-first,");
    let day = parse(&american).unwrap().column("Day").unwrap().dates;
    assert_eq!(day, Some(DateOrder::MonthFirst));
    assert_eq!(contract.path, Path::new("contract.yaml"));
}

#[test]
fn each_contradiction_is_named_with_what_to_do() {
    let all: Vec<String> = [
        ("key: [Day, Shop]", "key: [Day, Shops]"),
        ("key: [Day, Shop]", "key: []"),
        ("key: [Day, Shop]", "key: [Day, Day]"),
        ("time: Day", "time: Shop"),
        (
            "name: Price, type: number,",
            "name: Price, type: number, dates: day-first,",
        ),
        ("entity: Shop", "entity: Price"),
        (
            "column: More, positive: Yes",
            "column: More, positive: Maybe",
        ),
        ("label: { column: More", "label: { column: Price"),
        ("label: { column: More", "label: { column: Shop"),
        (
            "name: More, type: category, values: [No, Yes]",
            "name: More, type: category, values: [No, Yes, Perhaps]",
        ),
        ("today: Busy", "today: Busi"),
        (
            "name: Busy, type: category, values: [No, Yes]",
            "name: Busy, type: category, values: [No, Yes, No]",
        ),
        (
            "name: Busy, type: category, values: [No, Yes]",
            "name: Busy, type: category, values: [NA, Yes]",
        ),
        ("name: Shop, type: category", "name: Day, type: category"),
        ("range: [0, 100]", "range: [100, 0]"),
        ("usual: [1, 50]", "usual: [1, 500]"),
        ("range: [0, 100]", "range: [0, .inf]"),
        ("range: [0, 100]", "range: [null, null]"),
        ("usual: [1, 50]", "usual: [1, null]"),
        ("range: [0, 100], usual: [1, 50]", "values: [a]"),
        ("type: date", "type: date, range: [0, 1]"),
        ("type: date", "type: date, controllable: true"),
        ("type: date", "type: date, missing_at_most: 2"),
        ("type: date, known_at: 0", "type: date, known_at: 72"),
        ("Price < 1", "Prize < 1"),
        ("Price < 1", "Price = 1"),
        ("column: Takings", "column: Price"),
    ]
    .map(|(from, to)| broken(from, to))
    .into();
    insta::assert_snapshot!(all.join("\n"), @r#"
    contract.yaml: key: there is no column Shops; did you mean Shop?
    contract.yaml: key is empty; name the columns that tell rows apart
    contract.yaml: key: Day is there twice
    contract.yaml: time: Shop is a category, but must be a date
    contract.yaml: column Price: `dates` says how dates are written and this is a number; remove it
    contract.yaml: entity: Price is a number, but must be a category
    contract.yaml: label: positive is "Maybe", but the values of More are No, Yes
    contract.yaml: today: positive is "Maybe", but the values of Busy are No, Yes
    contract.yaml: label: Price must be a category with its two values declared
    contract.yaml: label: Shop tells rows apart, so it can't be what is predicted
    contract.yaml: label: Shop must be a category with its two values declared
    contract.yaml: label: More has 3 values (No, Yes, Perhaps), but only a label of two can be learned
    contract.yaml: today: there is no column Busi; did you mean Busy?
    contract.yaml: column Busy: value "No" is there twice
    contract.yaml: column Busy: value "NA" means missing; it can't be a value too
    contract.yaml: column Day: it is declared twice; keep one
    contract.yaml: key: there is no column Shop; declare it under columns
    contract.yaml: entity: there is no column Shop; declare it under columns
    contract.yaml: column Price: range [100, 0] is reversed; write [0, 100]
    contract.yaml: column Price: usual [1, 500] goes beyond range [0, 100]; what is usual must be possible
    contract.yaml: column Price: range needs two finite numbers; one of them may be null, which leaves that end open
    contract.yaml: column Price: range needs two finite numbers; one of them may be null, which leaves that end open
    contract.yaml: column Price: usual [1, null] goes beyond range [0, 100]; what is usual must be possible
    contract.yaml: column Price: a number has no values; only a category has
    contract.yaml: column Day: a date has no range; only a number has
    contract.yaml: column Day: a date can't be controllable; only a number can
    contract.yaml: column Day: missing_at_most is 2; a share lies between 0 and 1
    contract.yaml: column Day: known_at is 72; it is an hour from 0 (the day begins) to 48 (the next day ends)
    contract.yaml: rule cheap-is-busy: in the rule `Prize < 1 => Busy == "Yes"`, character 1: there is no column Prize; did you mean Price?
    contract.yaml: rule cheap-is-busy: in the rule `Price = 1 => Busy == "Yes"`, character 7: write == to compare
    contract.yaml: forbidden: Price is declared under columns too; it can't be both
    "#);
}

#[test]
fn what_is_no_contract_is_refused_with_its_line() {
    let all: Vec<String> = [
        ("type: number", "type: float"),
        ("known_at: 24", "known_At: 24"),
        ("known_at: 24", "known_at: noon"),
        ("columns:", "columns: }"),
        ("time: Day\n", ""),
    ]
    .map(|(from, to)| broken(from, to))
    .into();
    insta::assert_snapshot!(all.join("\n---\n"), @r"
    contract.yaml: line 11 column 26: unknown variant `float`, expected one of date, number, category
    ---
    contract.yaml: line 11 column 67: unknown field `known_At`; did you mean `known_at`?
    ---
    contract.yaml: line 11 column 77: a number is expected here
    ---
    contract.yaml: line 8 column 10: misplaced bracket
    ---
    contract.yaml: line 15 column 1: missing field `time`
    ");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Contract::read(Path::new("no/such.yaml")).unwrap_err();
    assert!(error.to_string().starts_with("no/such.yaml: "), "{error}");
}
