//! How fast other people's libraries do the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::cargo::{self, Profile};

/// With what, and how often.
#[derive(Debug, clap::Args)]
pub struct PeersArguments {
    /// The real file
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// A Python that has the packages which scripts/compare_models.py names
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: PathBuf,
    /// Runs, of which medians are taken
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Where to
    #[arg(
        long,
        value_name = "FILE",
        default_value = "example/metrics/benchmarks_models.json"
    )]
    out: PathBuf,
}

/// Builds what is measured and runs `scripts/compare_models.py`.
///
/// # Errors
/// If something doesn't build or run.
pub fn run(root: &Path, arguments: &PeersArguments) -> Result<()> {
    let rain = cargo::build_rain(root, Profile::Release)?;
    let built = cargo::cargo(root)
        .args([
            "build",
            "--locked",
            "--release",
            "--package",
            "mlops-learning",
        ])
        .args(["--example", "speed"])
        .status()
        .context("cargo can't be started")?;
    ensure!(built.success(), "the example `speed` doesn't build");
    let speed = rain.with_file_name("examples").join("speed");
    let status = Command::new(&arguments.python)
        .arg(root.join("scripts/compare_models.py"))
        .arg("--rain")
        .arg(&rain)
        .arg("--speed")
        .arg(speed)
        .arg("--data")
        .arg(std::path::absolute(&arguments.data)?)
        .args(["--runs", &arguments.runs.to_string()])
        .arg("--out")
        .arg(root.join(&arguments.out))
        .status()
        .with_context(|| format!("{}: can't be started", arguments.python.display()))?;
    ensure!(status.success(), "compare_models.py ended with {status}");
    Ok(())
}
