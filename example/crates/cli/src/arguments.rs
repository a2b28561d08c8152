use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};

use crate::commands::debug::DebugArguments;
use crate::commands::explain::ExplainArguments;
use crate::commands::features::{
    GetArguments, GuardArguments, ImportArguments, OnlineCommand, PlanArguments,
};
use crate::commands::opened::ModelArguments;
use crate::commands::pipeline::PipelineCommand;
use crate::commands::report::ReportArguments;
use crate::commands::tune::{CurvesCommand, TuneArguments};
use crate::commands::validate::ValidateArguments;
use crate::commands::versioning::{StatusArguments, VersioningCommand};

/// Carries a model through its whole life.
#[derive(Debug, Parser)]
#[command(
    version,
    arg_required_else_help = true,
    after_help = "A project's folder holds contract.yaml, features.yaml and params.yaml. The usual order:\n  \
                  data import → data check → features build → train → evaluate → validate → predict or serve → drift\n\
                  Exit code: 0 all well, 2 something of yours to change, 1 the run failed, found drift or a gate failed."
)]
pub(crate) struct Arguments {
    /// Run as if started in this folder
    #[arg(short = 'C', long = "project", global = true, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub project: Option<PathBuf>,
    /// Set a parameter of params.yaml for this run only (repeatable)
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Print results as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Log more to standard error (-v what happens, -vv every detail)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring a table in, check it against the contract, break it on purpose
    #[command(subcommand, arg_required_else_help = true)]
    Data(DataCommand),
    /// List the feature functions, compute the feature table
    #[command(subcommand, arg_required_else_help = true)]
    Features(FeaturesCommand),
    /// Train the model that params.yaml names on a feature table
    Train(TrainArguments),
    /// Search for better parameters on the training period; goes on where it was interrupted
    Tune(TuneArguments),
    /// Draw the score against the number of rows, or against one parameter
    #[command(subcommand, arg_required_else_help = true)]
    Curves(CurvesCommand),
    /// Score a model on the test rows, beside baselines, with plots
    Evaluate(EvaluateArguments),
    /// Hold a model against the gates of gates.yaml; exit code 1 if one fails
    Validate(ValidateArguments),
    /// Give each observation of a file its probability
    Predict(PredictArguments),
    /// Answer observations over HTTP
    Serve(ServeArguments),
    /// Say what each feature adds to the answer: of one row, or of all on average
    Explain(ExplainArguments),
    /// Show every step from one row's observation to its answer
    Debug(DebugArguments),
    /// Write a model for other programs: JSON for a page, ONNX for any runtime
    Export(ExportArguments),
    /// Compare two tables column by column; exit code 1 if they differ
    Drift(DriftArguments),
    /// Say what changed in data and pipeline, or what a remote lacks
    Status(StatusArguments),
    #[command(flatten)]
    Versioning(VersioningCommand),
    #[command(flatten)]
    Pipeline(PipelineCommand),
    /// Say in Markdown what a change does, as a comment for its pull request
    Report(ReportArguments),
    /// Write the completions of a shell to standard output
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Whether an override of params.yaml makes a difference to a command, which is named from the
/// outermost word on. The others neither show `--set` nor take it.
pub(crate) fn reads_params(command: &[&str]) -> bool {
    match command {
        ["data", name, ..] => matches!(*name, "import" | "fetch"),
        ["features", name, ..] => !matches!(*name, "list" | "show" | "lineage" | "stats"),
        [name, ..] => matches!(
            *name,
            "train" | "tune" | "curves" | "evaluate" | "validate" | "serve" | "explain" | "debug"
        ),
        [] => true,
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Copy your file in, if it is the one that the project pins
    Import(TableImportArguments),
    /// Download the pinned table (CSV, or a ZIP that holds one); an interrupted download goes on
    Fetch(FetchArguments),
    /// Hold a table against contract.yaml; exit code 2 if a rule of level error breaks
    Check {
        /// CSV or Parquet
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Write the report here as well, as JSON
        #[arg(long, value_hint = ValueHint::FilePath)]
        report: Option<PathBuf>,
        /// Write the table here if it passes, CSV or Parquet by its name: what comes after reads checked data only
        #[arg(long, value_hint = ValueHint::FilePath)]
        out: Option<PathBuf>,
    },
    /// Count, missing share, mean, spread and quantiles of each column
    Describe {
        /// CSV or Parquet
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Break a table on purpose, from a day on, to see what notices
    Fault(FaultArguments),
}

#[derive(Debug, Args)]
pub(crate) struct TableImportArguments {
    /// CSV or Parquet, or a ZIP archive that holds one CSV
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Replace another file that is there
    #[arg(long)]
    pub replace: bool,
    /// Accept another table than the pinned one, and pin it
    #[arg(long)]
    pub update_pin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FetchArguments {
    /// Where from; without, `data.url` of params.yaml
    #[arg(long)]
    pub url: Option<String>,
    /// Replace the file that is there
    #[arg(long)]
    pub replace: bool,
    /// Accept another table than the pinned one, and pin it
    #[arg(long)]
    pub update_pin: bool,
    /// Allow http://, which anyone on the way can read and alter
    #[arg(long)]
    pub allow_http: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FaultArguments {
    /// CSV or Parquet
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// First day it goes wrong, yyyy-mm-dd; without, the table's first
    #[arg(long, value_name = "DAY")]
    pub from: Option<String>,
    /// Only here (repeatable): a value of the contract's entity column
    #[arg(long, value_name = "ENTITY")]
    pub only: Vec<String>,
    /// From which chance is drawn
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The broken copy (.csv or .parquet)
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub out: PathBuf,
    #[command(subcommand)]
    pub change: ChangeCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChangeCommand {
    /// A sensor drifts: each day adds more
    #[command(allow_negative_numbers = true)]
    Trend {
        /// A column of numbers
        column: String,
        /// What each day adds, in the column's unit
        per_day: f64,
    },
    /// A constant is added
    #[command(allow_negative_numbers = true)]
    Offset {
        /// A column of numbers
        column: String,
        /// What is added, in the column's unit
        by: f64,
    },
    /// Every value is multiplied
    #[command(allow_negative_numbers = true)]
    Scale {
        /// A column of numbers
        column: String,
        /// The factor
        by: f64,
    },
    /// The unit changes and nobody says so
    Unit {
        /// A column of numbers
        column: String,
        /// `celsius_to_fahrenheit`, `millimetres_to_inches` or a formula, `1.8*x+32`
        conversion: mlops_data::fault::Conversion,
    },
    /// The last value repeats for ever
    Stuck {
        /// A column of numbers or categories
        column: String,
    },
    /// Gaussian noise is added
    Noise {
        /// A column of numbers
        column: String,
        /// Its standard deviation, in the column's unit
        std: f64,
    },
    /// Every value is missing
    Missing {
        /// The column
        column: String,
    },
    /// The column is gone
    Removed {
        /// The column
        column: String,
    },
    /// Rows stand behind those of the following days
    Late {
        /// By how many days
        days: u32,
    },
    /// Rows appear twice
    Duplicated {
        /// Chance of each row
        #[arg(default_value_t = 1.0)]
        share: f64,
    },
    /// The two values of the label are exchanged
    SwappedLabels {
        /// Chance of each row
        #[arg(default_value_t = 1.0)]
        share: f64,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum FeaturesCommand {
    /// The declared features: name, when known, meaning, unit
    List,
    /// A feature, a view or a service in full
    Show {
        /// Its name
        name: String,
    },
    /// What a feature, a view or a service is made from, back to the columns
    Lineage {
        /// Its name
        name: String,
    },
    /// What the features are like on the training period
    Stats {
        /// The feature table
        #[arg(default_value = "data/features.parquet", value_hint = ValueHint::FilePath)]
        table: PathBuf,
    },
    /// Say what `apply` would change since it was run last; exit code 2 if it would refuse
    Plan(PlanArguments),
    /// Keep the declared features in the bucket as the next record, unless that would break who uses them
    Apply(GuardArguments),
    /// Compute the feature table that training reads
    Build(BuildArguments),
    /// Put beside entity rows the values that were known at their instants
    Get(GetArguments),
    /// Keep the values of a view that somebody else has made in the bucket
    Import(ImportArguments),
    #[command(flatten)]
    Online(OnlineCommand),
}

#[derive(Debug, Args)]
pub(crate) struct BuildArguments {
    /// The table: CSV or Parquet; without, `data.file` of params.yaml
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// The feature table (.parquet); what goes with it stands beside it
    #[arg(long, default_value = "data/features.parquet")]
    pub out: PathBuf,
    /// Keep it in the bucket of params.yaml as well, for `features get --stored`
    #[arg(long)]
    pub store: bool,
    /// Take this model's features and what they learned, instead of learning anew
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub model: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TrainArguments {
    /// The feature table
    #[arg(default_value = "data/features.parquet")]
    pub features: PathBuf,
    /// The model's file
    #[arg(long, default_value = "models/model.bin")]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateArguments {
    /// The feature table
    #[arg(default_value = "data/features.parquet")]
    pub features: PathBuf,
    /// The model's file
    #[arg(long, default_value = "models/model.bin")]
    pub model: PathBuf,
    /// Folder for scores.json, curves and plots
    #[arg(long, default_value = "metrics")]
    pub out: PathBuf,
    /// Score only test rows from this day on, yyyy-mm-dd
    #[arg(long, value_name = "DAY")]
    pub from: Option<String>,
    /// Score only test rows up to this day, yyyy-mm-dd
    #[arg(long, value_name = "DAY")]
    pub until: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PredictArguments {
    /// Observations: CSV, Parquet or JSON lines
    #[arg(value_hint = ValueHint::FilePath)]
    pub input: PathBuf,
    #[command(flatten)]
    pub model: ModelArguments,
    /// Give the features that the model saw and the margin as well
    #[arg(long)]
    pub features: bool,
    /// Write to this file (.csv, .parquet or .jsonl); without it, JSON lines go to standard output. In CSV, texts that a
    /// spreadsheet would take for formulas begin with an apostrophe
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// The model's file
    #[arg(long, default_value = "models/model.bin")]
    pub model: PathBuf,
    /// Where to listen; port 0 takes a free one, and the log says which
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The online store: a file or redis://HOST:PORT/DATABASE; without, `online.store` of params.yaml
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// Store the observations that requests send. Without it, `serving.store_observations` of params.yaml decides; if that
    /// is null, they are stored only if the service listens on this machine alone
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    pub store_observations: Option<bool>,
    /// Append each answer to this file; without, to predictions/log.jsonl
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub log: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The model's file
    #[arg(long, default_value = "models/model.bin", value_hint = ValueHint::FilePath)]
    pub model: PathBuf,
    /// For whom
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// Write to this file; without it, beside the model
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum ExportFormat {
    /// Plain lists, for a reader of a few lines
    Json,
    /// What ONNX runtimes read: feature rows in, margin and probability out
    Onnx,
}

#[derive(Debug, Args)]
pub(crate) struct DriftArguments {
    /// What was: CSV or Parquet
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub reference: PathBuf,
    /// What is: CSV or Parquet
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub current: PathBuf,
    /// Share of false alarms to live with among the columns found
    #[arg(long, default_value_t = 0.05)]
    pub alpha: f64,
    /// Compare with the whole reference, not only with its days of the same season
    #[arg(long)]
    pub any_season: bool,
    /// Use the reference up to this day only, yyyy-mm-dd
    #[arg(long, value_name = "DAY")]
    pub reference_until: Option<String>,
    /// Use the current table from this day on only, yyyy-mm-dd
    #[arg(long, value_name = "DAY")]
    pub current_from: Option<String>,
    /// Write the report here as well, as JSON
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub report: Option<PathBuf>,
    /// Draw each column's shift into this SVG
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub svg: Option<PathBuf>,
}
