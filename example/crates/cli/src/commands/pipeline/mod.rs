//! `repro`, `dag`, `metrics`, `params` and `plots`: what DVC does with pipelines.

mod arguments;
mod repro;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mlops_pipeline::commit;
use mlops_pipeline::compare::{self, Comparison, Metrics, Picture, Plot, Show};
use mlops_pipeline::{Project, Work, graph};
use mlops_repository::{Git, Revisions, posix_path};
use mlops_versioning::Repository;
use serde_json::{Value, json};

pub(crate) use arguments::PipelineCommand;
use arguments::{
    DagArguments, DiffArguments, MetricsCommand, MetricsShowArguments, ParamsCommand, PlotsCommand,
};

use crate::output::print;
use crate::{Context, Outcome};

/// Columns that a comparison fits into.
const COLUMNS: usize = 100;

pub(crate) fn run(command: PipelineCommand, context: &Context) -> Outcome<ExitCode> {
    let here = Here::new()?;
    match command {
        PipelineCommand::Repro(arguments) => repro::run(&here, arguments, context)?,
        PipelineCommand::Dag(arguments) => here.dag(&arguments, context)?,
        PipelineCommand::Metrics(MetricsCommand::Show(arguments)) => {
            here.metrics(&arguments, context)?;
        }
        PipelineCommand::Metrics(MetricsCommand::Diff(arguments)) => {
            let diff = &arguments.diff;
            let (old, new) = (&diff.states.old, &diff.states.new);
            let targets = here.inside(&diff.targets);
            let compared = compare::metrics_diff(&here.repository, old, new, &targets, diff.all)?;
            let show = here.show("Metric", diff, Some(arguments.precision));
            print_comparison(&compared, show, diff.md, context)?;
        }
        PipelineCommand::Params(ParamsCommand::Diff(arguments)) => {
            let diff = &arguments.diff;
            let (old, new) = (&diff.states.old, &diff.states.new);
            let targets = here.inside(&diff.targets);
            let compared = compare::params_diff(
                &here.repository,
                old,
                new,
                &targets,
                arguments.deps,
                diff.all,
            )?;
            let show = here.show("Param", diff, None);
            print_comparison(&compared, show, diff.md, context)?;
        }
        PipelineCommand::Plots(PlotsCommand::Show(arguments)) => {
            let states = ["workspace".to_owned()];
            here.plots(&states, &arguments.targets, &arguments.out, context)?;
        }
        PipelineCommand::Plots(PlotsCommand::Diff(arguments)) => {
            let mut states = arguments.revisions;
            if states.is_empty() {
                states.push("HEAD".into());
            }
            if states.len() == 1 {
                states.push("workspace".into());
            }
            here.plots(&states, &arguments.targets, &arguments.out, context)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What changed in stages, in the shape of `dvc status --json`. Targets that name stages are taken
/// out of `targets`; without targets, all stages are meant.
pub(crate) fn changed_stages(
    targets: &mut Vec<PathBuf>,
) -> Outcome<serde_json::Map<String, Value>> {
    let here = Here::new()?;
    let project = Project::open(&here.repository)?;
    let all = targets.is_empty();
    let stages = take_stages(&project, &here.folder, targets);
    if stages.is_empty() && !all {
        return Ok(serde_json::Map::new());
    }
    let changed = mlops_pipeline::changes(&project, &stages, &here.folder)?;
    Ok(changed
        .into_iter()
        .map(|(stage, status)| (stage, status.json(&here.folder)))
        .collect())
}

/// Takes the targets that name stages out of others.
fn take_stages(project: &Project<'_>, folder: &str, targets: &mut Vec<PathBuf>) -> Vec<String> {
    let mut stages = Vec::new();
    targets.retain(|target| {
        let name = target.display().to_string();
        let is_stage = project.select(&name, folder).is_ok_and(|found| {
            found
                .iter()
                .all(|&at| matches!(project.work(at), Work::Stage(_)))
        });
        if is_stage {
            stages.push(name);
        }
        !is_stage
    });
    stages
}

/// Commits stages; gives those that there was something to note of. As for [`changed_stages`], targets that name
/// stages are taken out of `targets`.
pub(crate) fn commit_stages(
    targets: &mut Vec<PathBuf>,
    confirm: commit::Confirm<'_>,
) -> Outcome<Vec<String>> {
    let here = Here::new()?;
    let _lock = here.repository.lock()?;
    let mut project = Project::open(&here.repository)?;
    let all = targets.is_empty();
    let stages = take_stages(&project, &here.folder, targets);
    if stages.is_empty() && !all {
        return Ok(Vec::new());
    }
    let committed = commit::commit(&mut project, &stages, &here.folder, confirm)?;
    for (stage, why) in &committed.left_out {
        tracing::warn!("the stage {stage:?} is left out: {why}");
    }
    Ok(committed.stages)
}

/// The repository, and the folder a command is given in: paths are seen from there.
struct Here {
    repository: Repository,
    /// From the repository's root; empty if it is that.
    folder: String,
}

impl Here {
    fn new() -> Outcome<Here> {
        let folder = std::env::current_dir().map_err(anyhow::Error::from)?;
        let repository = Repository::find(&folder)?;
        let inside = repository.inside(&folder)?;
        Ok(Here {
            repository,
            folder: if inside == "." { String::new() } else { inside },
        })
    }

    /// Paths as seen from the repository's root.
    fn inside(&self, paths: &[String]) -> Vec<String> {
        paths
            .iter()
            .map(|name| posix_path::join(&self.folder, name))
            .collect()
    }

    fn show<'a>(
        &'a self,
        title: &'a str,
        arguments: &'a DiffArguments,
        precision: Option<usize>,
    ) -> Show<'a> {
        Show {
            title,
            old: &arguments.states.old,
            new: &arguments.states.new,
            precision,
            path: !arguments.no_path,
            change: title == "Metric",
            folder: &self.folder,
        }
    }

    fn dag(&self, arguments: &DagArguments, context: &Context) -> Outcome<()> {
        let project = Project::open(&self.repository)?;
        let outputs = if arguments.outs {
            Some(project.outputs(&self.folder)?)
        } else {
            None
        };
        let graph = outputs.as_ref().map_or(&project.graph, |(graph, _)| graph);
        let all: BTreeSet<usize> = (0..graph.len()).collect();
        let of = match &arguments.target {
            None => all,
            Some(target) => {
                let mut chosen = project.select(target, &self.folder)?;
                if let Some((graph, of)) = &outputs {
                    chosen = chosen.into_iter().flat_map(|at| of[at].clone()).collect();
                    // One output is meant, or all of a stage.
                    let is_meant = |at: &usize| graph.name(*at) == target;
                    if chosen.iter().any(is_meant) {
                        chosen.retain(is_meant);
                    }
                }
                if arguments.full {
                    let touched =
                        |part: &BTreeSet<usize>| chosen.iter().any(|at| part.contains(at));
                    graph
                        .components(&all)
                        .into_iter()
                        .filter(touched)
                        .flatten()
                        .collect()
                } else {
                    graph.with_upstream(&chosen)
                }
            }
        };
        let text = if arguments.dot {
            // With an empty line after it, as DVC prints it.
            format!("{}\n", graph::dot(graph, &of))
        } else if arguments.mermaid {
            format!("{}\n", graph::mermaid(graph, &of))
        } else if arguments.md {
            // A name with backticks must not end the block.
            let diagram = graph::mermaid(graph, &of).replace('`', "'");
            format!("```mermaid\n{diagram}\n```\n")
        } else {
            graph::tree(graph, &of)
        };
        let nodes: Vec<_> = graph
            .order(&of)
            .into_iter()
            .map(|at| {
                let needs: Vec<&str> = graph
                    .upstream(at)
                    .iter()
                    .filter(|above| of.contains(above))
                    .map(|&above| graph.name(above))
                    .collect();
                json!({ "name": graph.name(at), "needs": needs })
            })
            .collect();
        if context.output.is_json() {
            return Ok(context.output.show(&nodes, "")?);
        }
        Ok(print(&text)?)
    }

    fn metrics(&self, arguments: &MetricsShowArguments, context: &Context) -> Outcome<()> {
        let mut states = vec!["workspace".to_owned()];
        let which = Revisions {
            all_branches: arguments.all_branches,
            all_tags: arguments.all_tags,
            all_commits: arguments.all_commits,
            ..Revisions::default()
        };
        if let Some(git) = Git::find(self.repository.root()).filter(|_| !which.is_empty()) {
            states.extend(git.names(&which)?);
        }
        let targets = self.inside(&arguments.targets);
        let shown = compare::metrics_show(&self.repository, &states, &targets)?;
        for metrics in &shown {
            for why in metrics.unreadable.values() {
                tracing::warn!("{}: {why}", metrics.state);
            }
        }
        if context.output.is_json() {
            return Ok(print(&format!(
                "{}\n",
                Metrics::json(&shown, &self.folder)
            ))?);
        }
        let table = Metrics::table(&shown, &self.folder, arguments.precision);
        Ok(print(&if arguments.md {
            table.markdown()
        } else {
            table.plain()
        })?)
    }

    fn plots(
        &self,
        states: &[String],
        targets: &[String],
        out: &Path,
        context: &Context,
    ) -> Outcome<()> {
        // A name of a plot may be a file's path or not.
        let mut wanted = self.inside(targets);
        wanted.extend(targets.iter().cloned());
        let (plots, faults) = compare::plots(&self.repository, states, &wanted)?;
        let (images, unreadable) = compare::images(&self.repository, states, &wanted)?;
        for (state, why) in faults.into_iter().chain(unreadable) {
            tracing::warn!("{state}: {why}");
        }
        let mut pictures = Vec::new();
        let mut files = Vec::new();
        for plot in &plots {
            let picture = Picture {
                name: plot.id.clone(),
                html: plot.svg(),
            };
            let file = out.join(format!("{}.svg", file_name(plot)));
            super::write_file(&file, picture.html.as_bytes())?;
            files.push(file.display().to_string());
            pictures.push(picture);
        }
        pictures.extend(images.iter().map(|image| Picture {
            name: image.file.clone(),
            html: image.html(),
        }));
        let title = format!("Plots of {}", states.join(" and "));
        let page = out.join("index.html");
        super::write_file(&page, compare::page(&title, &pictures).as_bytes())?;
        let shown: Vec<&str> = images.iter().map(|image| image.file.as_str()).collect();
        let result =
            json!({ "page": page.display().to_string(), "drawings": files, "pictures": shown });
        let text = format!("{} plots in {}", pictures.len(), page.display());
        Ok(context.output.show(&result, text)?)
    }
}

/// A name for a plot's file: no folders, nothing a shell or a browser minds.
fn file_name(plot: &Plot) -> String {
    plot.id
        .chars()
        .map(|char| {
            if char.is_alphanumeric() || "-_.".contains(char) {
                char
            } else {
                '_'
            }
        })
        .collect::<String>()
        .trim_start_matches('.')
        .to_owned()
}

fn print_comparison(
    comparison: &Comparison,
    show: Show<'_>,
    markdown: bool,
    context: &Context,
) -> Outcome<()> {
    for (state, why) in &comparison.unreadable {
        tracing::warn!("{state}: {why}");
    }
    if context.output.is_json() {
        return Ok(print(&format!("{}\n", comparison.json(show.folder)))?);
    }
    let table = comparison.table(show);
    // Before the values stand the path, if it is shown, and the key.
    let values = 1 + usize::from(show.path);
    Ok(print(&if markdown {
        table.markdown()
    } else {
        table.fitted(COLUMNS, values)
    })?)
}
