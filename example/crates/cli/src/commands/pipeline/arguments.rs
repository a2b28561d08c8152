use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

#[derive(Debug, Subcommand)]
pub(crate) enum PipelineCommand {
    /// Run the stages of dvc.yaml that changed, several at once
    Repro(ReproArguments),
    /// Draw which stage needs which
    Dag(DagArguments),
    /// Show and compare scores
    #[command(subcommand, arg_required_else_help = true)]
    Metrics(MetricsCommand),
    /// Compare parameters
    #[command(subcommand, arg_required_else_help = true)]
    Params(ParamsCommand),
    /// Draw and compare plots
    #[command(subcommand, arg_required_else_help = true)]
    Plots(PlotsCommand),
}

#[derive(Debug, Args)]
pub(crate) struct ReproArguments {
    /// Stages, files of stages, .dvc files or outputs; without, this folder's dvc.yaml
    pub targets: Vec<String>,
    /// How many stages at once; without, as many as processors
    #[arg(
        short,
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub jobs: usize,
    /// Only say what would run
    #[arg(long)]
    pub dry: bool,
    /// Run even what hasn't changed
    #[arg(short, long)]
    pub force: bool,
    /// The targets and what comes after them
    #[arg(long, conflicts_with_all = ["single_item", "pipeline", "all_pipelines"])]
    pub downstream: bool,
    /// Only the targets, not what they need
    #[arg(short, long, conflicts_with_all = ["pipeline", "all_pipelines"])]
    pub single_item: bool,
    /// All that is connected with the targets
    #[arg(short, long)]
    pub pipeline: bool,
    /// Every stage of the repository
    #[arg(short = 'P', long)]
    pub all_pipelines: bool,
    /// After a failure, run what doesn't depend on it
    #[arg(short, long)]
    pub keep_going: bool,
    /// Get data that isn't there, and results of others' runs, from the remote
    #[arg(long)]
    pub pull: bool,
    /// Data that isn't there doesn't count as changed
    #[arg(long)]
    pub allow_missing: bool,
    /// Don't take results of earlier runs
    #[arg(long)]
    pub no_run_cache: bool,
    /// Don't put outputs into the cache
    #[arg(long)]
    pub no_commit: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DagArguments {
    /// Only this stage and what it needs
    pub target: Option<String>,
    /// All that is connected with the target
    #[arg(long, requires = "target")]
    pub full: bool,
    /// Outputs instead of stages
    #[arg(short, long)]
    pub outs: bool,
    /// For Graphviz
    #[arg(long, group = "form")]
    pub dot: bool,
    /// For Mermaid
    #[arg(long, group = "form")]
    pub mermaid: bool,
    /// For Mermaid, in a block of Markdown
    #[arg(long, group = "form")]
    pub md: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MetricsCommand {
    /// Print the scores of the workspace, and of revisions
    Show(MetricsShowArguments),
    /// Compare the scores of two states
    Diff(MetricsDiffArguments),
}

#[derive(Debug, Args)]
pub(crate) struct MetricsShowArguments {
    /// Files or folders to read instead of those that dvc.yaml names
    #[arg(value_hint = ValueHint::AnyPath)]
    pub targets: Vec<String>,
    /// Also of the tips of all branches
    #[arg(short = 'a', long)]
    pub all_branches: bool,
    /// Also of all tags
    #[arg(short = 'T', long)]
    pub all_tags: bool,
    /// Also of all commits
    #[arg(short = 'A', long)]
    pub all_commits: bool,
    /// As a Markdown table
    #[arg(long)]
    pub md: bool,
    /// Digits after the point
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    pub precision: usize,
}

/// Two states to compare.
#[derive(Debug, Args)]
pub(crate) struct States {
    /// The first: a commit, branch or tag
    #[arg(default_value = "HEAD")]
    pub old: String,
    /// The second; without, the workspace
    #[arg(default_value = "workspace")]
    pub new: String,
}

/// What is compared, and how it is printed.
#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    #[command(flatten)]
    pub states: States,
    /// Files or folders to read instead of those that dvc.yaml names
    #[arg(long, num_args = 1.., value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub targets: Vec<String>,
    /// Also what hasn't changed
    #[arg(long)]
    pub all: bool,
    /// As a Markdown table
    #[arg(long)]
    pub md: bool,
    /// Don't name files
    #[arg(long)]
    pub no_path: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MetricsDiffArguments {
    #[command(flatten)]
    pub diff: DiffArguments,
    /// Digits after the point
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    pub precision: usize,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ParamsCommand {
    /// Compare the parameters of two states
    Diff(ParamsDiffArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ParamsDiffArguments {
    #[command(flatten)]
    pub diff: DiffArguments,
    /// Only what stages read
    #[arg(long)]
    pub deps: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlotsCommand {
    /// Draw the plots of the workspace
    Show(PlotsShowArguments),
    /// Draw the plots of several states over one another
    Diff(PlotsDiffArguments),
}

#[derive(Debug, Args)]
pub(crate) struct PlotsShowArguments {
    /// Plots or files to draw; without, all
    #[arg(value_hint = ValueHint::AnyPath)]
    pub targets: Vec<String>,
    /// Where the drawings and their page go
    #[arg(short, long, default_value = "dvc_plots", value_hint = ValueHint::DirPath)]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PlotsDiffArguments {
    /// The states; one is compared with the workspace, none means HEAD with the workspace
    pub revisions: Vec<String>,
    /// Plots or files to draw; without, all
    #[arg(long, num_args = 1.., value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub targets: Vec<String>,
    /// Where the drawings and their page go
    #[arg(short, long, default_value = "dvc_plots", value_hint = ValueHint::DirPath)]
    pub out: PathBuf,
}
