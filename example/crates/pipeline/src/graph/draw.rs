//! The graph for people: as text, and for Mermaid and Graphviz as DVC writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::Graph;

/// The graph as a tree of text: what comes first stands leftmost; what needs several stands below
/// the last of them and names the others.
#[must_use]
pub fn tree(graph: &Graph, of: &BTreeSet<usize>) -> String {
    let order = graph.order(of);
    let place: BTreeMap<usize, usize> =
        order.iter().enumerate().map(|(at, &on)| (on, at)).collect();
    // Each hangs below the last of those it needs, so that all of them stand above it.
    let mut children: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for &vertex in &order {
        let last = graph
            .upstream(vertex)
            .iter()
            .filter(|above| of.contains(above))
            .max_by_key(|above| place[above]);
        children.entry(last.copied()).or_default().push(vertex);
    }
    let mut text = String::new();
    let mut open: Vec<(usize, String, String)> = Vec::new();
    let push = |open: &mut Vec<_>, below: Option<usize>, indent: &str| {
        let Some(below_it) = children.get(&below) else {
            return;
        };
        for (number, &child) in below_it.iter().enumerate().rev() {
            let last = number + 1 == below_it.len();
            let (branch, inner) = match (below, last) {
                (None, _) => (String::new(), String::new()),
                (_, true) => (format!("{indent}└─ "), format!("{indent}   ")),
                (_, false) => (format!("{indent}├─ "), format!("{indent}│  ")),
            };
            open.push((child, branch, inner));
        }
    };
    push(&mut open, None, "");
    while let Some((vertex, branch, inner)) = open.pop() {
        let mut needed: Vec<&str> = graph
            .upstream(vertex)
            .iter()
            .filter(|above| of.contains(above))
            .map(|&above| graph.name(above))
            .collect();
        needed.sort_unstable();
        let and = if needed.len() > 1 {
            format!("  (needs {})", needed.join(", "))
        } else {
            String::new()
        };
        let _ = writeln!(text, "{branch}{}{and}", graph.name(vertex));
        push(&mut open, Some(vertex), &inner);
    }
    text
}

/// The graph for Mermaid, without a line break at the end, as `dvc dag --mermaid` prints it.
#[must_use]
pub fn mermaid(graph: &Graph, of: &BTreeSet<usize>) -> String {
    mermaid_with(graph, of, |_| None)
}

/// As [`mermaid`], with a class of Mermaid's at the vertices that have one.
pub(crate) fn mermaid_with(
    graph: &Graph,
    of: &BTreeSet<usize>,
    class: impl Fn(usize) -> Option<&'static str>,
) -> String {
    let mut text = String::from("flowchart TD");
    let mut total = 0;
    for component in graph.components(of) {
        let mut names: Vec<(&str, usize)> = component
            .iter()
            .map(|&vertex| (graph.name(vertex), vertex))
            .collect();
        names.sort_unstable();
        let mut ids = BTreeMap::new();
        for (name, vertex) in &names {
            total += 1;
            ids.insert(*vertex, total);
            let name = name.replace('"', "#quot;").replace('\n', " ");
            let _ = write!(text, "\n\tnode{total}[\"{name}\"]");
            if let Some(class) = class(*vertex) {
                let _ = write!(text, ":::{class}");
            }
        }
        let mut edges: Vec<(&str, &str, usize, usize)> = Vec::new();
        for (name, vertex) in &names {
            for above in graph.upstream(*vertex) {
                if let Some(id) = ids.get(above) {
                    edges.push((graph.name(*above), name, *id, ids[vertex]));
                }
            }
        }
        edges.sort_unstable();
        for (_, _, from, to) in edges {
            let _ = write!(text, "\n\tnode{from}-->node{to}");
        }
    }
    text
}

/// The graph for Graphviz, as `dvc dag --dot` prints it.
#[must_use]
pub fn dot(graph: &Graph, of: &BTreeSet<usize>) -> String {
    let mut text = String::from("strict digraph {\n");
    for &vertex in of {
        let _ = writeln!(text, "\"{}\";", quoted(graph.name(vertex)));
    }
    for &vertex in of {
        for below in graph.downstream(vertex) {
            if of.contains(below) {
                let _ = writeln!(
                    text,
                    "\"{}\" -> \"{}\";",
                    quoted(graph.name(vertex)),
                    quoted(graph.name(*below))
                );
            }
        }
    }
    text.push_str("}\n");
    text
}

/// A name between the quotes of Graphviz.
fn quoted(name: &str) -> String {
    name.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
