//! Which stages a change touches.

use std::collections::{BTreeMap, BTreeSet};

use mlops_versioning::Repository;

use super::data::DataChange;
use super::side::Side;
use crate::compare::Comparison;
use crate::error::Result;
use crate::graph::{self, Graph};
use crate::project::{data_vertex, vertex};
use mlops_repository::{Stage, git};

/// What a change does to a stage or to tracked data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touch {
    /// It wasn't there.
    New,
    /// Its definition, its parameters or files that it reads changed.
    Changed,
    /// It only gets other input.
    Again,
}

impl Touch {
    fn class(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Again => "again",
        }
    }
}

/// The pipeline as it is now, and what the change does to it.
#[derive(Debug, Clone)]
pub struct Stages {
    graph: Graph,
    /// By name, what the change touches.
    pub touched: BTreeMap<String, Touch>,
    /// Stages that are gone.
    pub removed: Vec<String>,
}

impl Stages {
    pub(super) fn new(
        repository: &Repository,
        base: &Side,
        head: &Side,
        params: &Comparison,
        data: &[DataChange],
    ) -> Result<Self> {
        let mut vertices: Vec<_> = head.catalog.stages.iter().map(vertex).collect();
        for file in &head.data {
            vertices.push(data_vertex(repository, file)?);
        }
        let graph = Graph::build(&vertices)?;
        let changed_files = changed_files(repository, base, head)?;
        let changed_data: BTreeSet<&str> = data.iter().map(|change| change.path.as_str()).collect();
        let made: BTreeSet<&str> = (vertices.iter().flat_map(|vertex| &vertex.outs))
            .map(String::as_str)
            .collect();
        let before: BTreeMap<String, &Stage> = (base.catalog.stages.iter())
            .map(|stage| (stage.address(), stage))
            .collect();
        let mut touches: BTreeMap<usize, Touch> = BTreeMap::new();
        for (at, stage) in head.catalog.stages.iter().enumerate() {
            let touch = match before.get(&stage.address()) {
                None => Touch::New,
                Some(old) => {
                    let reads_changed =
                        stage
                            .deps
                            .iter()
                            .map(|dep| dep.at.path.as_str())
                            .any(|path| {
                                !made.contains(path)
                                    && (changed_data.contains(path)
                                        || has_at_or_in(&changed_files, path))
                            });
                    if !same_definition(old, stage)
                        || reads_changed
                        || params_changed(stage, params)
                    {
                        Touch::Changed
                    } else if base.locked(old)? != head.locked(stage)? {
                        Touch::Again
                    } else {
                        continue;
                    }
                }
            };
            touches.insert(at, touch);
        }
        let known: BTreeSet<String> = (base.data.iter())
            .map(|file| repository.inside(&file.path))
            .collect::<Result<_, _>>()?;
        for (at, vertex) in vertices.iter().enumerate().skip(head.catalog.stages.len()) {
            if !known.contains(&vertex.name) {
                touches.insert(at, Touch::New);
            } else if (vertex.outs.iter()).any(|out| changed_data.contains(out.as_str())) {
                touches.insert(at, Touch::Changed);
            }
        }
        let causes: Vec<usize> = touches.keys().copied().collect();
        for at in graph.with_downstream(&causes) {
            touches.entry(at).or_insert(Touch::Again);
        }
        let now: BTreeSet<String> = head.catalog.stages.iter().map(Stage::address).collect();
        Ok(Self {
            touched: touches
                .into_iter()
                .map(|(at, touch)| (graph.name(at).to_owned(), touch))
                .collect(),
            removed: before
                .into_keys()
                .filter(|name| !now.contains(name))
                .collect(),
            graph,
        })
    }

    /// Whether there are no stages and no data.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.graph.is_empty()
    }

    /// The diagram for Mermaid, in which what the change touches is marked.
    #[must_use]
    pub fn mermaid(&self) -> String {
        let all = (0..self.graph.len()).collect();
        let class = |at: usize| {
            let touch = self.touched.get(self.graph.name(at));
            touch.map(|touch| touch.class())
        };
        let mut text = graph::mermaid_with(&self.graph, &all, class);
        let used: BTreeSet<Touch> = self.touched.values().copied().collect();
        for touch in used {
            // Set apart by more than colour, and readable on light and dark pages.
            let style = match touch {
                Touch::New => "fill:#d7f5dd,stroke:#1a7f37,stroke-width:3px,color:#000",
                Touch::Changed => "fill:#fff3c4,stroke:#9a6700,stroke-width:3px,color:#000",
                Touch::Again => "stroke:#9a6700,stroke-dasharray:5 3",
            };
            text += &format!("\n\tclassDef {} {style}", touch.class());
        }
        text
    }
}

/// Files that Git has and that differ, from the repository's root.
fn changed_files(repository: &Repository, base: &Side, head: &Side) -> Result<BTreeSet<String>> {
    let mut arguments = vec!["diff", "--no-ext-diff", "--no-renames", "--name-only", "-z"];
    arguments.push("--relative");
    let commits = [&base.state, &head.state].map(|state| state.commit.as_deref());
    arguments.extend(commits.into_iter().flatten());
    arguments.push("--");
    let listing = git(repository.root(), &arguments)?;
    Ok(listing
        .split(|&byte| byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect())
}

fn has_at_or_in(files: &BTreeSet<String>, path: &str) -> bool {
    let folder = format!("{path}/");
    files.contains(path)
        || (files.range(folder.clone()..).next()).is_some_and(|file| file.starts_with(&folder))
}

fn same_definition(old: &Stage, new: &Stage) -> bool {
    let deps = |stage: &Stage| -> BTreeSet<String> {
        stage.deps.iter().map(|dep| dep.at.path.clone()).collect()
    };
    let outs = |stage: &Stage| -> BTreeSet<String> {
        stage.outs.iter().map(|out| out.at.path.clone()).collect()
    };
    let params = |stage: &Stage| -> BTreeMap<String, BTreeSet<String>> {
        let files = stage.params.iter();
        files
            .map(|file| (file.at.path.clone(), file.keys.iter().cloned().collect()))
            .collect()
    };
    old.command.lines() == new.command.lines()
        && old.folder == new.folder
        && deps(old) == deps(new)
        && outs(old) == outs(new)
        && params(old) == params(new)
}

fn params_changed(stage: &Stage, params: &Comparison) -> bool {
    stage.params.iter().any(|file| {
        let Some(changed) = params.files.get(&file.at.path) else {
            return false;
        };
        let read = |changed: &String| {
            file.keys.iter().any(|key| {
                let below = changed.strip_prefix(key.as_str());
                below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        file.keys.is_empty() || changed.keys().any(read)
    })
}
