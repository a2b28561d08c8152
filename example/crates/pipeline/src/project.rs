//! The pipeline of a workspace: stages, tracked data, and who needs whom.

use std::ops::Deref;

use mlops_repository::{Declarations, DvcFile, Stage, posix_path};
use mlops_versioning::Repository;

use crate::error::{PipelineError, Result};
use crate::graph::{Graph, Vertex};

/// The pipeline of a workspace.
#[derive(Debug)]
pub struct Project<'r> {
    /// The repository it lies in.
    pub repository: &'r Repository,
    /// Its stages, data and locks.
    pub declared: Declarations,
    /// Who needs whom: the stages by their numbers, then the data.
    pub graph: Graph,
}

impl Deref for Project<'_> {
    type Target = Declarations;

    fn deref(&self) -> &Declarations {
        &self.declared
    }
}

/// What a vertex of the graph is.
#[derive(Debug, Clone, Copy)]
pub enum Work<'p> {
    /// A stage.
    Stage(&'p Stage),
    /// Tracked data.
    Data(&'p DvcFile),
}

impl<'r> Project<'r> {
    /// Reads the pipeline of a workspace.
    ///
    /// # Errors
    /// If a file of stages, a lock or a `.dvc` file can't be used, or the stages make no pipeline.
    pub fn open(repository: &'r Repository) -> Result<Self> {
        let declared = repository.declarations()?;
        let mut vertices: Vec<Vertex> = declared.catalog.stages.iter().map(vertex).collect();
        for file in &declared.data {
            vertices.push(data_vertex(repository, file)?);
        }
        let graph = Graph::build(&vertices)?;
        Ok(Self {
            repository,
            declared,
            graph,
        })
    }

    /// What a vertex of the graph is.
    ///
    /// # Panics
    /// If the graph has no such vertex.
    #[must_use]
    pub fn work(&self, vertex: usize) -> Work<'_> {
        match vertex.checked_sub(self.catalog.stages.len()) {
            None => Work::Stage(&self.catalog.stages[vertex]),
            Some(at) => Work::Data(&self.data[at]),
        }
    }

    /// The graph of outputs in place of stages: each needs all that its stage reads; with the outputs of each
    /// vertex of [`graph`](Self::graph). They are called by their paths from `folder`.
    ///
    /// # Errors
    /// As for the graph of stages.
    pub fn outputs(&self, folder: &str) -> Result<(Graph, Vec<Vec<usize>>)> {
        let mut vertices = Vec::new();
        let mut outputs_of = Vec::new();
        for at in 0..self.graph.len() {
            let whole = match self.work(at) {
                Work::Stage(stage) => vertex(stage),
                Work::Data(file) => data_vertex(self.repository, file)?,
            };
            let first = vertices.len();
            vertices.extend(whole.outs.iter().map(|out| Vertex {
                name: posix_path::relative(out, folder),
                outs: vec![out.clone()],
                ..whole.clone()
            }));
            outputs_of.push((first..vertices.len()).collect());
        }
        Ok((Graph::build(&vertices)?, outputs_of))
    }

    /// The vertices that a target names: a stage, a group of stages, `path/dvc.yaml`,
    /// `path/dvc.yaml:stage`, a `.dvc` file, or an output. `folder`, from the repository's root, is
    /// where paths start and whose stages need no path.
    ///
    /// # Errors
    /// If it names nothing.
    pub fn select(&self, target: &str, folder: &str) -> Result<Vec<usize>> {
        let own = posix_path::join(folder, mlops_repository::FILE);
        let (file, name) = match target.split_once(".yaml:") {
            Some((file, name)) => (
                posix_path::join(folder, &format!("{file}.yaml")),
                Some(name),
            ),
            None if target.ends_with(".yaml") => (posix_path::join(folder, target), None),
            None => (own, Some(target.trim_start_matches(':'))),
        };
        let mut chosen: Vec<usize> = (0..self.catalog.stages.len())
            .filter(|&at| {
                let stage = &self.catalog.stages[at];
                let named = name
                    .is_none_or(|name| stage.name == name || stage.group.as_deref() == Some(name));
                stage.file == file && named
            })
            .collect();
        if name.is_none() && self.catalog.files.contains(&file) {
            return Ok(chosen);
        }
        if chosen.is_empty() {
            let path = posix_path::join(folder, target);
            chosen = (0..self.graph.len())
                .filter(|&at| match self.work(at) {
                    Work::Stage(stage) => stage.outs.iter().any(|out| out.at.path == path),
                    Work::Data(file) => {
                        let root = self.repository.root();
                        file.path == root.join(&path)
                            || file.outs.iter().any(|out| out.full == root.join(&path))
                    }
                })
                .collect();
        }
        if chosen.is_empty() {
            let known = self.catalog.stages.iter().map(Stage::address).collect();
            return Err(PipelineError::UnknownTarget {
                target: target.to_owned(),
                known,
            });
        }
        Ok(chosen)
    }
}

pub(crate) fn vertex(stage: &Stage) -> Vertex {
    let params = stage.params.iter().map(|file| &file.at);
    let deps = stage.deps.iter().map(|dep| &dep.at).chain(params);
    Vertex {
        name: stage.address(),
        place: format!("{}:{}", stage.file, stage.line),
        file: stage.file.clone(),
        deps: deps.map(|at| at.path.clone()).collect(),
        outs: stage.outs.iter().map(|out| out.at.path.clone()).collect(),
    }
}

pub(crate) fn data_vertex(repository: &Repository, file: &DvcFile) -> Result<Vertex> {
    let name = repository.inside(&file.path)?;
    Ok(Vertex {
        place: name.clone(),
        file: name.clone(),
        name,
        deps: Vec::new(),
        outs: file
            .outs
            .iter()
            .map(|out| repository.inside(&out.full))
            .collect::<Result<_, _>>()?,
    })
}
