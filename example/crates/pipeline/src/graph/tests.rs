use proptest::prelude::*;

use super::*;

fn vertex(name: &str, deps: &[&str], outs: &[&str]) -> Vertex {
    let owned = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
    Vertex {
        name: name.into(),
        place: "dvc.yaml:1".into(),
        file: "dvc.yaml".into(),
        deps: owned(deps),
        outs: owned(outs),
    }
}

fn fault(vertices: &[Vertex]) -> String {
    Graph::build(vertices).unwrap_err().to_string()
}

fn diamond() -> Graph {
    Graph::build(&[
        vertex("d", &["b/x", "c"], &["d"]),
        vertex("b", &["a"], &["b"]),
        vertex("c", &["a/part"], &["c"]),
        vertex("a", &["raw"], &["a"]),
        vertex("alone", &[], &["z"]),
    ])
    .unwrap()
}

fn all(graph: &Graph) -> BTreeSet<usize> {
    (0..graph.len()).collect()
}

#[test]
fn folders_and_what_lies_in_them_connect_stages() {
    let graph = diamond();
    assert_eq!(graph.upstream(0), [1, 2]);
    assert_eq!(graph.upstream(2), [3]);
    let whole = Graph::build(&[
        vertex("a", &[], &["d/x", "d/y"]),
        vertex("b", &["d"], &["e"]),
    ]);
    assert_eq!(whole.unwrap().upstream(1), [0]);
    let alike = Graph::build(&[vertex("a", &[], &["d"]), vertex("b", &["dd"], &["e"])]);
    assert!(alike.unwrap().upstream(1).is_empty());
}

#[test]
fn what_cannot_be_a_pipeline_is_refused_by_name_and_place() {
    assert_eq!(
        fault(&[vertex("a", &["y"], &["x"]), vertex("b", &["x"], &["y"])]),
        "stages need each other in a circle: a (dvc.yaml:1) → b (dvc.yaml:1) → a"
    );
    assert!(fault(&[vertex("a", &["x"], &["x"])]).contains("circle: a"));
    assert!(
        fault(&[vertex("a", &[], &["x"]), vertex("b", &[], &["x"])]).contains("two stages make")
    );
    for outs in [["x", "x/y"], ["x/y", "x"]] {
        let fault = fault(&[vertex("a", &[], &[outs[0]]), vertex("b", &[], &[outs[1]])]);
        assert!(
            fault.contains("\"x/y\" lies in the output \"x\""),
            "{fault}"
        );
    }
    let mut inner = vertex("a", &[], &["sub"]);
    inner.file = "sub/dvc.yaml".into();
    assert!(fault(&[inner]).contains("would remove it"));
}

#[test]
fn the_graph_is_drawn_for_people_and_for_tools() {
    let graph = diamond();
    insta::assert_snapshot!(tree(&graph, &all(&graph)), @r"
    a
    ├─ b
    └─ c
       └─ d  (needs b, c)
    alone
    ");
    insta::assert_snapshot!(mermaid(&graph, &all(&graph)), @r#"
    flowchart TD
    	node1["a"]
    	node2["b"]
    	node3["c"]
    	node4["d"]
    	node1-->node2
    	node1-->node3
    	node2-->node4
    	node3-->node4
    	node5["alone"]
    "#);
    insta::assert_snapshot!(dot(&graph, &graph.with_upstream(&[1])), @r#"
    strict digraph {
    "b";
    "a";
    "a" -> "b";
    }
    "#);
}

#[test]
fn a_name_can_not_end_its_quotes_for_graphviz() {
    let graph = Graph::build(&[vertex("a\"];\n\\", &[], &["x"])]).unwrap();
    assert_eq!(
        dot(&graph, &all(&graph)),
        "strict digraph {\n\"a\\\"];\\n\\\\\";\n}\n"
    );
}

/// Edges from lower to higher numbers only, the vertices then shuffled.
fn random() -> impl Strategy<Value = (Vec<Vertex>, Vec<(usize, usize)>)> {
    (1..20_usize)
        .prop_flat_map(|count| {
            let edges = proptest::collection::vec((0..count, 0..count), 0..40);
            let names = Just((0..count).collect::<Vec<_>>()).prop_shuffle();
            (edges, names)
        })
        .prop_map(|(edges, place)| {
            let edges: Vec<_> = edges.into_iter().filter(|(from, to)| from < to).collect();
            let mut vertices = vec![Vertex::default(); place.len()];
            for (number, &at) in place.iter().enumerate() {
                vertices[at] = vertex(&number.to_string(), &[], &[&format!("o{number}")]);
                vertices[at].deps = edges
                    .iter()
                    .filter(|(_, to)| *to == number)
                    .map(|(from, _)| format!("o{from}"))
                    .collect();
            }
            let edges = edges
                .into_iter()
                .map(|(from, to)| (place[from], place[to]))
                .collect();
            (vertices, edges)
        })
}

proptest! {
    #[test]
    fn each_stage_comes_after_all_it_needs((vertices, edges) in random()) {
        let graph = Graph::build(&vertices).unwrap();
        let order = graph.order(&all(&graph));
        prop_assert_eq!(order.iter().copied().collect::<BTreeSet<_>>(), all(&graph));
        let at = |vertex: usize| order.iter().position(|&on| on == vertex).unwrap();
        for &(from, to) in &edges {
            prop_assert!(at(from) < at(to));
            prop_assert!(graph.with_upstream(&[to]).contains(&from));
            prop_assert!(graph.with_downstream(&[from]).contains(&to));
        }
        // Drawn once each, whatever the shape.
        prop_assert_eq!(tree(&graph, &all(&graph)).lines().count(), vertices.len());
    }

    #[test]
    fn an_edge_back_is_found_as_a_circle((mut vertices, edges) in random(), pick in 0..1000_usize) {
        prop_assume!(!edges.is_empty());
        let (from, to) = edges[pick % edges.len()];
        let back = vertices[to].outs[0].clone();
        vertices[from].deps.push(back);
        prop_assert!(Graph::build(&vertices).unwrap_err().to_string().contains("circle"));
    }
}
