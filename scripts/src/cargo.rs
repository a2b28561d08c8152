//! Calls cargo from a program that cargo started.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// How the example is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As every newcomer builds it.
    Debug,
    /// As it is shipped, and measured.
    Release,
}

/// Cargo, in the workspace.
pub fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What cargo told this program of itself would look like a change to build
    // scripts that watch it, and half the tree would be built again.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
            cargo.env_remove(name);
        }
    }
    cargo.current_dir(root);
    cargo
}

/// Builds the program and says where it is.
pub fn build_rain(root: &Path, profile: Profile) -> Result<PathBuf> {
    println!("Building the example (the first time takes some minutes) …");
    let (flags, folder): (&[&str], _) = match profile {
        Profile::Debug => (&[], "debug"),
        Profile::Release => (&["--release"], "release"),
    };
    let status = cargo(root)
        .args(["build", "--locked", "--bin", "rain"])
        .args(flags)
        .status()
        .context("cargo can't be started")?;
    ensure!(status.success(), "the example doesn't build");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(root
        .join(target)
        .join(folder)
        .join(format!("rain{}", std::env::consts::EXE_SUFFIX)))
}
