//! References become the values that DVC puts in for them.

use proptest::prelude::*;

use crate::yaml::{self, Node, Value};

use super::*;
use crate::source::Source;

/// Variables from the text of an inline map.
fn variables(text: &str) -> Variables {
    let source = Source::workspace("/nowhere");
    let mut variables = Variables::default();
    let loading = Loading {
        source: &source,
        file: "dvc.yaml",
        key: "vars",
        folder: "",
    };
    variables
        .load(&loading, &[yaml::read(text).unwrap()])
        .unwrap();
    variables
}

const VALUES: &str = "{lr: 1e-05, yes: true, none: null, inf: .inf, n: 3, name: it's, empty: '', \
    list: [a b, 2, true], net: {depth: 3, wide: {on: true, off: false}, tags: [x, y z]}, esc: '${n}'}";

fn put(text: &str, place: Place, style: OptionStyle) -> Result<Value, String> {
    Scope::new(&variables(VALUES), style).resolve_text(text, place)
}

fn text_of(text: &str) -> String {
    match put(text, Place::Command, OptionStyle::default()) {
        Ok(Value::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_stand_in_texts_as_python_writes_them() {
    assert_eq!(
        text_of("a ${lr} ${yes} ${none} ${inf} ${n}."),
        "a 1e-05 true None inf 3."
    );
    assert_eq!(text_of("${net.depth}${list[0]}-${list[-1]}"), "3a b-true");
    assert_eq!(text_of("\\${lr} $lr ${"), "${lr} $lr ${");
    assert_eq!(text_of("x${esc}"), "x${n}");
}

#[test]
fn a_reference_alone_keeps_its_kind() {
    let alone = |text| put(text, Place::Stage, OptionStyle::default()).unwrap();
    assert_eq!(alone("${lr}"), Value::Float(1e-5));
    assert_eq!(alone("${name}"), Value::Text("it's".into()));
}

#[test]
fn a_map_in_a_command_becomes_options() {
    assert_eq!(
        text_of("run ${net} end"),
        "run --depth 3 --wide.on --tags x 'y z' end"
    );
    let style = OptionStyle {
        negated: true,
        appended: true,
    };
    assert_eq!(
        put("run ${net}", Place::Command, style).unwrap(),
        Value::Text("run --depth 3 --wide.on --no-wide.off --tags x --tags 'y z'".into())
    );
    assert_eq!(
        text::options(&Map::from_iter([("k", "it's")]), style).unwrap(),
        "--k 'it'\"'\"'s'"
    );
}

#[test]
fn what_cannot_be_put_in_is_told_by_name() {
    let fault = |text| put(text, Place::Stage, OptionStyle::default()).unwrap_err();
    assert!(fault("${lrr}").starts_with("${lrr}: there is no \"lrr\"; there are lr, yes"));
    assert_eq!(fault("${net.x}"), "${net.x}: \"net\" has no key \"x\"");
    assert_eq!(
        fault("${list[7]}"),
        "${list[7]}: \"list\" is a list without item \"7\""
    );
    assert_eq!(
        fault("${n.x}"),
        "${n.x}: \"n\" is a single value, without \"x\""
    );
    assert!(fault("a ${list}").contains("name one of its items"));
    assert!(fault("${net}").contains("only in cmd"));
    assert!(fault("${}").contains("names nothing"));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|whole| Value::Integer(whole.into())),
        (-1e6..1e6_f64).prop_map(Value::Float),
        "[a-z $\\\\]{0,8}".prop_map(Value::Text),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone().prop_map(Node::from), 0..4)
                .prop_map(Value::List),
            proptest::collection::vec(("[a-z]{1,4}", inner), 0..4).prop_map(|pairs| Value::Map(
                pairs.into_iter().map(|(k, v)| (k, Node::from(v))).collect()
            )),
        ]
    })
}

/// Every scalar of a value with the path that leads to it.
fn leaves(node: &Node, path: String, found: &mut Vec<(String, Value)>) {
    match &node.value {
        Value::List(items) => {
            for (number, item) in items.iter().enumerate() {
                leaves(item, format!("{path}[{number}]"), found);
            }
        }
        Value::Map(map) => {
            for entry in map {
                leaves(
                    &entry.node,
                    format!("{path}.{}", entry.key.as_text().unwrap()),
                    found,
                );
            }
        }
        scalar => found.push((path, scalar.clone())),
    }
}

proptest! {
    #[test]
    fn each_scalar_can_be_named_and_comes_back_as_it_is(value in any_value()) {
        let mut variables = Variables::default();
        let source = Source::workspace("/nowhere");
        let loading = Loading { source: &source, file: "f", key: "vars", folder: "" };
        let root: Node = Value::Map([("v", Node::from(value))].into_iter().collect()).into();
        variables.load(&loading, std::slice::from_ref(&root)).unwrap();
        let scope = Scope::new(&variables, OptionStyle::default());
        let mut found = Vec::new();
        leaves(root.value.as_map().unwrap().get("v").unwrap(), "v".into(), &mut found);
        for (path, expected) in found {
            let alone = scope.resolve_text(&format!("${{{path}}}"), Place::Stage).unwrap();
            prop_assert_eq!(&alone, &expected, "{}", path);
            let inside = scope.resolve_text(&format!("<${{{path}}}>"), Place::Stage).unwrap();
            let shown = text::scalar(&expected).unwrap().replace("\\${", "${");
            prop_assert_eq!(inside, Value::Text(format!("<{shown}>")));
        }
    }

    #[test]
    fn text_without_references_stays_but_for_escapes(text in "[a-z${}\\\\ .\\[\\]\n]{0,30}") {
        let variables = Variables::default();
        let scope = Scope::new(&variables, OptionStyle::default());
        if references(&text).is_empty() {
            let put = scope.resolve_text(&text, Place::Stage).unwrap();
            prop_assert_eq!(put, Value::Text(text.replace("\\${", "${")));
        } else {
            // Nothing is known, so nothing can be put in; what matters is that it is told.
            prop_assert!(scope.resolve_text(&text, Place::Stage).is_err());
        }
    }
}
