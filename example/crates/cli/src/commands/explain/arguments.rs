use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::commands::opened::{ModelArguments, RowName};

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").args(["row", "id", "dependence", "permutation"]))]
pub(crate) struct ExplainArguments {
    /// Observations: CSV, Parquet or JSON lines; or the prediction log of the service
    #[arg(value_hint = ValueHint::FilePath)]
    pub input: PathBuf,
    /// Explain this row, by its number, counted from 1, or as ENTITY@DAY; without, all together
    #[arg(long)]
    pub row: Option<RowName>,
    /// Explain the answer with this id; the input is a prediction log
    #[arg(long)]
    pub id: Option<String>,
    /// Say instead what of the row would have to be otherwise for the other answer
    #[arg(long, requires = "row")]
    pub counterfactual: bool,
    /// Change so many numbers at once, at most
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 4,
        requires = "counterfactual"
    )]
    pub changes: usize,
    /// Say how answers go with this feature, all others as they are
    #[arg(long, value_name = "FEATURE")]
    pub dependence: Option<String>,
    /// Say how much worse answers become without each feature, on the rows that come after training
    #[arg(long)]
    pub permutation: bool,
    /// Take each feature's values away so many times
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 5,
        requires = "permutation"
    )]
    pub repeats: usize,
    /// Ask so many rows, drawn by chance
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    pub rows: usize,
    /// From which chance is drawn; without, `seed` of params.yaml
    #[arg(long)]
    pub seed: Option<u64>,
    /// Name so many features, those that matter most
    #[arg(long, value_name = "NUMBER", default_value_t = 12)]
    pub top: usize,
    #[command(flatten)]
    pub model: ModelArguments,
    /// Draw it into this SVG
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub svg: Option<PathBuf>,
    /// Draw each feature's effect on single rows into this SVG, as dots
    #[arg(long, value_hint = ValueHint::FilePath, conflicts_with = "what")]
    pub beeswarm: Option<PathBuf>,
    /// Write the numbers into this CSV
    #[arg(long, value_hint = ValueHint::FilePath, conflicts_with = "row")]
    pub csv: Option<PathBuf>,
}
