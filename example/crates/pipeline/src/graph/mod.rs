//! Who needs whom: a stage comes after every stage that makes something it reads.

mod draw;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use draw::mermaid_with;
pub use draw::{dot, mermaid, tree};

use crate::error::{PipelineError, Result};

/// A stage, or a `.dvc` file, as the graph sees it.
#[derive(Debug, Clone, Default)]
pub struct Vertex {
    /// What it is called.
    pub name: String,
    /// Its place, for errors: `dvc.yaml:12`.
    pub place: String,
    /// The file that defines it, from the repository's root.
    pub file: String,
    /// What it reads, from the repository's root.
    pub deps: Vec<String>,
    /// What it makes, from the repository's root.
    pub outs: Vec<String>,
}

/// The vertices by number, with who comes before and after each.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    names: Vec<String>,
    upstream: Vec<Vec<usize>>,
    downstream: Vec<Vec<usize>>,
}

impl Graph {
    /// Finds who needs whom.
    ///
    /// # Errors
    /// If two make the same path, one's output lies in another's, a file of stages lies in an
    /// output, or they need each other in a circle.
    pub fn build(vertices: &[Vertex]) -> Result<Self> {
        let outs = outputs(vertices)?;
        for vertex in vertices {
            if let Some((out, owner)) = above(&outs, &vertex.file) {
                return Err(PipelineError::Graph(format!(
                    "{} lies in {out:?}, an output of {}: a run would remove it; move one of them",
                    vertex.file,
                    named(&vertices[owner]),
                )));
            }
        }
        let mut upstream = vec![Vec::new(); vertices.len()];
        let mut downstream = vec![Vec::new(); vertices.len()];
        for (number, vertex) in vertices.iter().enumerate() {
            let mut seen = BTreeSet::new();
            for dep in &vertex.deps {
                let owners = above(&outs, dep)
                    .into_iter()
                    .map(|(_, owner)| owner)
                    .chain(inside(&outs, dep).map(|(_, owner)| owner));
                for owner in owners {
                    if seen.insert(owner) {
                        upstream[number].push(owner);
                        downstream[owner].push(number);
                    }
                }
            }
        }
        let graph = Self {
            names: vertices.iter().map(|vertex| vertex.name.clone()).collect(),
            upstream,
            downstream,
        };
        match graph.circle() {
            None => Ok(graph),
            Some(circle) => {
                let names: Vec<String> = circle.iter().map(|&at| named(&vertices[at])).collect();
                Err(PipelineError::Graph(format!(
                    "stages need each other in a circle: {} → {}",
                    names.join(" → "),
                    vertices[circle[0]].name,
                )))
            }
        }
    }

    /// The same graph, in which some vertices need nobody.
    #[must_use]
    pub fn without_upstream_of(&self, cut: impl Fn(usize) -> bool) -> Self {
        let mut graph = self.clone();
        for vertex in (0..self.len()).filter(|&vertex| cut(vertex)) {
            for above in std::mem::take(&mut graph.upstream[vertex]) {
                graph.downstream[above].retain(|&below| below != vertex);
            }
        }
        graph
    }

    /// Number of vertices.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// What a vertex is called.
    #[must_use]
    pub fn name(&self, vertex: usize) -> &str {
        &self.names[vertex]
    }

    /// Those that make what it reads.
    #[must_use]
    pub fn upstream(&self, vertex: usize) -> &[usize] {
        &self.upstream[vertex]
    }

    /// Those that read what it makes.
    #[must_use]
    pub fn downstream(&self, vertex: usize) -> &[usize] {
        &self.downstream[vertex]
    }

    /// The given ones with all that they need, directly or not.
    #[must_use]
    pub fn with_upstream(&self, of: &[usize]) -> BTreeSet<usize> {
        reach(&self.upstream, of)
    }

    /// The given ones with all that need them, directly or not.
    #[must_use]
    pub fn with_downstream(&self, of: &[usize]) -> BTreeSet<usize> {
        reach(&self.downstream, of)
    }

    /// Some of the vertices in an order in which each comes after all that it needs; otherwise in
    /// the order of their numbers.
    #[must_use]
    pub fn order(&self, of: &BTreeSet<usize>) -> Vec<usize> {
        let mut order = Vec::with_capacity(of.len());
        let mut seen = vec![false; self.len()];
        // By hand: a chain of a hundred thousand stages must not overflow the stack.
        let mut path: Vec<(usize, usize)> = Vec::new();
        for &start in of {
            if std::mem::replace(&mut seen[start], true) {
                continue;
            }
            path.push((start, 0));
            while let Some((vertex, next)) = path.pop() {
                match self.upstream[vertex].get(next) {
                    None => order.push(vertex),
                    Some(&above) => {
                        path.push((vertex, next + 1));
                        if of.contains(&above) && !std::mem::replace(&mut seen[above], true) {
                            path.push((above, 0));
                        }
                    }
                }
            }
        }
        order
    }

    /// The groups that nothing connects, each in the order of its numbers.
    #[must_use]
    pub fn components(&self, of: &BTreeSet<usize>) -> Vec<BTreeSet<usize>> {
        let mut left = of.clone();
        let mut components = Vec::new();
        while let Some(start) = left.pop_first() {
            let mut component = BTreeSet::from([start]);
            let mut open = vec![start];
            while let Some(vertex) = open.pop() {
                for &near in self.upstream[vertex].iter().chain(&self.downstream[vertex]) {
                    if left.remove(&near) {
                        component.insert(near);
                        open.push(near);
                    }
                }
            }
            components.push(component);
        }
        components
    }

    /// Some vertices that need each other, each the one after it.
    fn circle(&self) -> Option<Vec<usize>> {
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let mut states = vec![State::New; self.len()];
        for start in 0..self.len() {
            if states[start] != State::New {
                continue;
            }
            states[start] = State::Open;
            let mut path = vec![(start, 0)];
            while let Some((vertex, next)) = path.pop() {
                let Some(&above) = self.upstream[vertex].get(next) else {
                    states[vertex] = State::Done;
                    continue;
                };
                path.push((vertex, next + 1));
                match states[above] {
                    State::New => {
                        states[above] = State::Open;
                        path.push((above, 0));
                    }
                    State::Open => {
                        let from = path.iter().position(|(on, _)| *on == above)?;
                        return Some(path[from..].iter().map(|(on, _)| *on).collect());
                    }
                    State::Done => {}
                }
            }
        }
        None
    }
}

fn reach(edges: &[Vec<usize>], of: &[usize]) -> BTreeSet<usize> {
    let mut reached: BTreeSet<usize> = of.iter().copied().collect();
    let mut open: Vec<usize> = of.to_vec();
    while let Some(vertex) = open.pop() {
        for &next in &edges[vertex] {
            if reached.insert(next) {
                open.push(next);
            }
        }
    }
    reached
}

fn named(vertex: &Vertex) -> String {
    format!("{} ({})", vertex.name, vertex.place)
}

/// Outputs by path with a slash at the end, so that what lies in a folder follows it.
type Outputs = BTreeMap<String, usize>;

fn outputs(vertices: &[Vertex]) -> Result<Outputs> {
    let mut outs = Outputs::new();
    for (number, vertex) in vertices.iter().enumerate() {
        for out in &vertex.outs {
            let clash = |other: &Vertex, what: String| {
                PipelineError::Graph(format!(
                    "{what}: {} and {}; each output needs one stage and a place of its own",
                    named(other),
                    named(vertex),
                ))
            };
            if let Some((had, owner)) = above(&outs, out) {
                let what = if had == out.as_str() {
                    format!("two stages make {out:?}")
                } else {
                    format!("the output {out:?} lies in the output {had:?}")
                };
                return Err(clash(&vertices[owner], what));
            }
            if let Some((had, owner)) = inside(&outs, out).next() {
                let what = format!("the output {had:?} lies in the output {out:?}");
                return Err(clash(&vertices[owner], what));
            }
            outs.insert(format!("{out}/"), number);
        }
    }
    Ok(outs)
}

/// The output that is this path or holds it.
fn above<'a>(outs: &'a Outputs, path: &str) -> Option<(&'a str, usize)> {
    let path = format!("{path}/");
    path.match_indices('/')
        .find_map(|(at, _)| outs.get_key_value(&path[..=at]))
        .map(|(out, owner)| (out.trim_end_matches('/'), *owner))
}

/// The outputs that lie in this path.
fn inside<'a>(outs: &'a Outputs, path: &str) -> impl Iterator<Item = (&'a str, usize)> {
    let path = format!("{path}/");
    outs.range(path.clone()..)
        .take_while(move |(out, _)| out.starts_with(&path))
        .map(|(out, owner)| (out.trim_end_matches('/'), *owner))
}
