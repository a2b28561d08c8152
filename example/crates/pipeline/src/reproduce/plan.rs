//! Which vertices are looked at, and in which order.

use std::collections::BTreeSet;

use crate::error::{PipelineError, Result};
use crate::graph::Graph;
use crate::project::{Project, Work};
use mlops_repository::{FILE, RepositoryError, posix_path};

use super::Options;

/// Vertices in an order in which each comes after all of them that it needs.
#[derive(Debug)]
pub(super) struct Plan {
    pub order: Vec<usize>,
    /// The graph without what frozen stages need.
    pub graph: Graph,
}

pub(super) fn plan(project: &Project<'_>, options: &Options) -> Result<Plan> {
    let frozen = |vertex: usize| match project.work(vertex) {
        Work::Stage(stage) => stage.frozen,
        Work::Data(_) => false,
    };
    let graph = project.graph.without_upstream_of(frozen);
    let targets = targets(project, options)?;
    let chosen: BTreeSet<usize> = if options.single_item {
        targets.into_iter().collect()
    } else if options.pipeline {
        let all = (0..graph.len()).collect();
        let touched = |component: &BTreeSet<usize>| targets.iter().any(|at| component.contains(at));
        graph
            .components(&all)
            .into_iter()
            .filter(touched)
            .flatten()
            .collect()
    } else if options.downstream {
        graph.with_downstream(&targets)
    } else {
        graph.with_upstream(&targets)
    };
    let order = graph.order(&chosen);
    let graph = if options.single_item {
        graph.without_upstream_of(|_| true)
    } else {
        graph
    };
    Ok(Plan { order, graph })
}

/// Refuses stages that can't be run here, and outputs that no run may remove or replace, before the first is.
pub(super) fn check_outputs(project: &Project<'_>, plan: &Plan) -> Result<()> {
    let root = project.repository.root();
    for &vertex in &plan.order {
        let Work::Stage(stage) = project.work(vertex) else {
            continue;
        };
        stage.check_supported()?;
        for out in &stage.outs {
            let full = mlops_repository::path::normal(&root.join(&out.at.path));
            project.repository.check_removable(&full).map_err(|error| {
                let key = format!("stages.{}", stage.name);
                let why = format!("an output: {error}");
                RepositoryError::at(&stage.file, out.line, key, why)
            })?;
        }
    }
    Ok(())
}

fn targets(project: &Project<'_>, options: &Options) -> Result<Vec<usize>> {
    if options.all {
        return Ok((0..project.graph.len()).collect());
    }
    if options.targets.is_empty() {
        let own = posix_path::join(&options.folder, FILE);
        if !project.catalog.files.contains(&own) {
            return Err(PipelineError::UnknownTarget {
                target: own,
                known: project.catalog.files.clone(),
            });
        }
        return project.select(FILE, &options.folder);
    }
    let mut chosen = Vec::new();
    for target in &options.targets {
        for vertex in project.select(target, &options.folder)? {
            if !chosen.contains(&vertex) {
                chosen.push(vertex);
            }
        }
    }
    Ok(chosen)
}
