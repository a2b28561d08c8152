//! What stands beside a feature table and goes into a model with it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use mlops_features::FeatureState;
use mlops_serving::Golden;
use serde::de::DeserializeOwned;

use super::super::{needs, write_file, write_json};
use crate::{Failure, Outcome};

/// The feature code's state, and golden observations with their windows.
pub(crate) struct Beside {
    pub state: FeatureState,
    pub golden: Vec<Golden>,
}

impl Beside {
    /// Reads what stands beside a table.
    pub(crate) fn read(table: &Path) -> Outcome<Beside> {
        let golden = text(&golden_path(table))?;
        Ok(Beside {
            state: state(table)?,
            golden: golden
                .lines()
                .map(|line| parse(&golden_path(table), line))
                .collect::<Outcome<_>>()?,
        })
    }

    /// Writes it beside a table.
    pub(crate) fn write(&self, table: &Path) -> Outcome<()> {
        let mut lines = String::new();
        for golden in &self.golden {
            lines.push_str(&serde_json::to_string(golden).map_err(anyhow::Error::from)?);
            lines.push('\n');
        }
        write_file(&golden_path(table), lines.as_bytes())?;
        write_json(&state_path(table), &self.state)
    }
}

/// The state of a table's features.
pub(super) fn state(table: &Path) -> Outcome<FeatureState> {
    let path = state_path(table);
    parse(&path, &text(&path)?)
}

/// Where the state of a table's features stands.
pub(crate) fn state_path(table: &Path) -> PathBuf {
    table.with_extension("state.json")
}

/// Where the statistics of a table's features stand.
pub(crate) fn statistics_path(table: &Path) -> PathBuf {
    table.with_extension("statistics.json")
}

/// Where a table's golden observations stand.
pub(crate) fn golden_path(table: &Path) -> PathBuf {
    table.with_extension("golden.jsonl")
}

fn text(path: &Path) -> Outcome<String> {
    needs(path, "features build")?;
    Ok(std::fs::read_to_string(path).with_context(|| path.display().to_string())?)
}

fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Outcome<T> {
    serde_json::from_str(text)
        .with_context(|| {
            format!(
                "{} isn't what `features build` wrote: build it again",
                path.display()
            )
        })
        .map_err(Failure::user)
}
