//! `cargo xtask`: what the guide needs, and nothing that a user of the example needs.

mod ablation;
mod cargo;
mod ci;
mod guide;
mod metrics;
mod oracles;
mod peers;
mod searched;
mod seeds;
mod stress;
mod tour;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Builds, checks and serves the guide; runs the tour and the comparisons.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build, check or serve the guide
    #[command(subcommand)]
    Guide(guide::GuideCommand),
    /// Run the example's whole life in a scratch folder, then show the guide
    Tour(tour::TourArguments),
    /// Make the committed metrics again, or check that they are as committed
    Metrics(metrics::MetricsArguments),
    /// Ask other people's programs again for what tests expect, and compare
    Oracles(oracles::OracleArguments),
    /// Time boosting, scoring and SHAP values against Python's libraries
    Peers(peers::PeersArguments),
    /// Run the checks that take long: at full length and size, or those that are named
    Stress(stress::StressArguments),
    /// Run what must hold before a change lands (needs bash, Python and pip)
    Ci,
}

fn run(arguments: &Arguments) -> Result<()> {
    let root = root();
    match &arguments.command {
        Command::Guide(command) => guide::run(&root, command),
        Command::Tour(arguments) => tour::run(&root, arguments),
        Command::Metrics(arguments) => metrics::run(&root, arguments),
        Command::Oracles(arguments) => oracles::run(&root, arguments),
        Command::Peers(arguments) => peers::run(&root, arguments),
        Command::Stress(arguments) => stress::run(&root, arguments),
        Command::Ci => ci::run(&root),
    }
}

/// The repository: the folder above this package, as cargo says now or said when it compiled it.
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package
        .parent()
        .map_or_else(|| package.clone(), PathBuf::from)
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
