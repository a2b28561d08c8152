//! What CI runs, for a person.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Runs `.ci/run` in this checkout.
///
/// # Errors
/// If it fails.
pub fn run(root: &Path) -> Result<()> {
    let status = Command::new("bash")
        .arg(root.join(".ci/run"))
        .status()
        .context("bash can't be started")?;
    ensure!(status.success(), ".ci/run ended with {status}");
    Ok(())
}
