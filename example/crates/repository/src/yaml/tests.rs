//! YAML is read and written as DVC's library does it.

use proptest::prelude::*;

use super::*;

/// Made by scripts/oracles/yaml_vectors.py with DVC 3.67.1.
const VECTORS: &str = include_str!("vectors.json");

fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(yes) => Value::Bool(*yes),
        serde_json::Value::String(text) => Value::Text(text.clone()),
        serde_json::Value::Number(number) => {
            let text = number.to_string();
            match number.as_i64() {
                Some(whole) => Value::Integer(whole.into()),
                // Numbers beyond 64 bits arrive as floats; only this one is among the vectors.
                None if text == "1e+20" || text == "100000000000000000000" => {
                    Value::Integer(10_i128.pow(20))
                }
                None => Value::Float(number.as_f64().unwrap()),
            }
        }
        serde_json::Value::Array(items) => {
            Value::List(items.iter().map(|item| from_json(item).into()).collect())
        }
        serde_json::Value::Object(map) => Value::Map(
            map.iter()
                .map(|(key, value)| (key.clone(), from_json(value)))
                .collect(),
        ),
    }
}

/// A value as JSON, the text DVC writes for it, and whether DVC reads that back as the same value.
fn vectors() -> Vec<(String, String, bool)> {
    serde_json::from_str(VECTORS).unwrap()
}

#[test]
fn the_writer_gives_the_bytes_that_dvc_gives() {
    let mut wrong = Vec::new();
    let vectors = vectors();
    for (json, expected, _) in vectors.iter().filter(|vector| vector.2) {
        let value = from_json(&serde_json::from_str(json).unwrap());
        let written = write(&value);
        if written != *expected {
            wrong.push(format!("{json}\n dvc: {expected:?}\n our: {written:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ; the first:\n{}",
        wrong.len(),
        vectors.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
}

#[test]
fn the_reader_reads_what_dvc_writes() {
    for (json, text, _) in vectors().into_iter().filter(|vector| vector.2) {
        let value = from_json(&serde_json::from_str(&json).unwrap());
        match read(&text) {
            Ok(node) => assert_eq!(node.value, value, "{text}"),
            Err(error) => panic!("{error}\n{text}\n{text:?}"),
        }
    }
}

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z]{1,12}",
        "[ -~]{1,6}",
        "[ \\n\\t'\"\\\\:#-]{1,4}",
        proptest::char::any().prop_map(String::from),
        Just("x".repeat(90)),
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i128>().prop_map(|whole| Value::Integer(whole / 2)),
        any::<f64>()
            .prop_filter("equal to itself", |number| !number.is_nan())
            .prop_map(Value::Float),
        any_text().prop_map(Value::Text),
        any_text().prop_map(Value::Text),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        let map = proptest::collection::vec((any_text(), inner.clone()), 0..5);
        prop_oneof![
            proptest::collection::vec(inner.prop_map(Node::from), 0..5).prop_map(Value::List),
            map.prop_map(|pairs| {
                let pairs = pairs
                    .into_iter()
                    .filter(|(key, _)| key.chars().count() < 70);
                Value::Map(pairs.map(|(key, value)| (key, Node::from(value))).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_as_it_was(value in any_value()) {
        let value = Value::List(vec![value.into()]);
        let text = write(&value);
        match read(&text) {
            Ok(node) => prop_assert_eq!(node.value, value, "{}", text),
            Err(error) => prop_assert!(false, "{error}\n{text}"),
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in any_text(), cut in 0..2000_usize) {
        let _ = read(&text);
        let vectors = vectors();
        let mut damaged = vectors[cut % vectors.len()].1.clone();
        let at = damaged.char_indices().map(|(at, _)| at).nth(cut % 97).unwrap_or(0);
        damaged.insert_str(at, &text);
        let _ = read(&damaged);
    }
}

fn fault(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn scalars_are_what_dvc_takes_them_for() {
    let text = "[010, 0_1, +1, 0b11, -0x1f, 0o17, 12e03, .5, 1., 1.5e3, .5e3, 1.0.0, yes, True, ~, \
                2015-07-01, 2015-7-1, 2001-12-14 21:59:43.10, 1:30, '1', !!str 1, !!float 1, -.INF, 1_0.5]";
    let node = read(text).unwrap();
    let shown: Vec<String> = node
        .value
        .as_list()
        .unwrap()
        .iter()
        .map(|item| format!("{:?}", item.value))
        .collect();
    assert_eq!(
        shown.join(" "),
        "Integer(10) Integer(1) Integer(1) Integer(3) Integer(-31) Integer(15) Float(12000.0) \
         Float(0.5) Float(1.0) Float(1500.0) Text(\".5e3\") Text(\"1.0.0\") Text(\"yes\") Bool(true) \
         Null Timestamp(\"2015-07-01\") Text(\"2015-7-1\") Timestamp(\"2001-12-14 21:59:43.10\") \
         Text(\"1:30\") Text(\"1\") Text(\"1\") Float(1.0) Float(-inf) Float(10.5)"
    );
}

#[test]
fn merged_keys_come_first_and_own_values_win() {
    let node = read("a: &x {p: 1, q: 2}\nb: {r: 4, <<: *x, q: 3}\n").unwrap();
    let b = node.value.as_map().unwrap().get("b").unwrap();
    assert_eq!(write(&b.value), "p: 1\nq: 3\nr: 4\n");
}

#[test]
fn lines_of_keys_and_values_are_kept() {
    let node = read("a: 1\nb:\n  c: [x,\n    y]\n").unwrap();
    let map = node.value.as_map().unwrap();
    let b = map.entry("b").unwrap();
    assert_eq!(b.line, 2);
    let c = b.node.value.as_map().unwrap().entry("c").unwrap();
    let lines: Vec<usize> = c
        .node
        .value
        .as_list()
        .unwrap()
        .iter()
        .map(|item| item.line)
        .collect();
    assert_eq!((c.line, lines), (3, vec![3, 4]));
}

#[test]
fn what_cannot_be_used_is_refused_with_its_line() {
    assert_eq!(
        fault("a: 1\nb: 2\na: 3\n"),
        "line 3, column 1: the key \"a\" stands here twice"
    );
    assert!(fault("a: 1\n---\nb: 2\n").starts_with("line 2"));
    assert!(fault("a: !python/object x\n").contains("!python/object"));
    assert!(fault("[a]: 1\n").contains("can't be a key"));
    assert!(fault("a: [1\n").starts_with("line "));
    assert!(fault("a: <<\n").contains("merges"));
    assert!(fault("a: -_\n").contains("no number"));
    assert!(fault("a: *b\n").starts_with("line 1"));
    assert!(fault("a: 1234567890123456789012345678901234567890123\n").contains("38 digits"));
    assert!(fault("%YAML 1.1\n---\na: yes\n").contains("1.1"));
}

#[test]
fn a_file_that_unfolds_without_end_is_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{items}]\n");
    }
    assert!(fault(&bomb).contains("bomb"));
    assert!(fault(&("[".repeat(150) + &"]".repeat(150))).contains("levels"));
    assert!(fault(&format!("a: {}", "{a: ".repeat(120))).contains("levels"));
    let mut chain = format!("a0: &a0 {}1{}\n", "[".repeat(60), "]".repeat(60));
    for level in 1..4 {
        chain += &format!(
            "a{level}: &a{level} {}*a{}{}\n",
            "[".repeat(60),
            level - 1,
            "]".repeat(60)
        );
    }
    assert!(fault(&chain).contains("levels"));
    assert!(fault("a: &a [*a]\n").starts_with("line 1"));
}

#[test]
fn equality_is_that_of_python() {
    assert_eq!(
        read("{a: 1, b: [true]}").unwrap(),
        read("{b: [1.0], a: 1.0}").unwrap()
    );
    assert_ne!(read("[.nan]").unwrap(), read("[.nan]").unwrap());
    assert_ne!(read("['1']").unwrap(), read("[1]").unwrap());
}

#[test]
fn line_breaks_that_are_none_in_yaml_1_2_are_escaped() {
    let value = Value::from("a\u{2028}b");
    assert_eq!(write(&Value::List(vec![value.into()])), "- \"a\\Lb\"\n");
}

#[test]
fn a_long_key_stays_on_its_line() {
    let key = "999999999999999? 9999999999999999? 9999999999999999? 9999993.099999999999999|99";
    let text = format!("{key}:\n");
    assert_eq!(write(&read(&text).unwrap().value), text);
}
