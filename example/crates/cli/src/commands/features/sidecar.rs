//! The files that `features build` writes beside a feature table, and the check that they belong to it.
//!
//! A model takes its trees from the table, and what its features learned and its golden rows from the files
//! beside it. Files of two builds (the second was killed, or the disk was full) would make a model
//! whose parts contradict each other. So every file beside a table carries the SHA-256 of the table, and
//! [`Built::read`] refuses a file that carries another one.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use mlops_data::tables::{self, TableWriter};
use mlops_data::{Contract, Table};
use mlops_disk::Staged;
use mlops_features::FeatureState;
use mlops_features::statistics::TableStatistics;
use mlops_learning::model_file;
use mlops_serving::Golden;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::feature_table::{self, FeatureTable};
use super::super::{needs, write_folder};
use crate::{Failure, Outcome};

/// A feature table, and what belongs to it.
pub(crate) struct Built {
    pub table: FeatureTable,
    /// What its features learned.
    pub state: FeatureState,
    /// SHA-256 of the table's file, in hex.
    pub sha256: String,
    path: PathBuf,
}

/// What is written beside a table.
pub(crate) struct Sidecars {
    pub state: FeatureState,
    pub golden: Vec<Golden>,
    pub statistics: TableStatistics,
}

/// Content with the table that it belongs to.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfTable<T> {
    table_sha256: String,
    content: T,
}

impl Built {
    /// Reads a feature table with its state; rows without a label are left out.
    pub(crate) fn read(path: &Path, contract: &Contract) -> Outcome<Built> {
        needs(path, "features build")?;
        // One read for hash and table: what another build puts in its place meanwhile is never mixed in.
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let sha256 = model_file::fingerprint(&bytes);
        let table = tables::read_any_bytes(path, bytes)?;
        let table = feature_table::take_apart(&table, contract)
            .with_context(|| format!("{} is not a feature table of this project", path.display()))
            .map_err(Failure::user)?;
        Ok(Built {
            table,
            state: state_of(path, &sha256)?,
            sha256,
            path: path.into(),
        })
    }

    /// The golden observations beside the table.
    pub(crate) fn golden(&self) -> Outcome<Vec<Golden>> {
        let path = golden_path(&self.path);
        let text = text(&path)?;
        let lines = text.lines();
        lines
            .map(|line| belonging(&path, line, (&self.path, &self.sha256)))
            .collect()
    }
}

impl Sidecars {
    /// Writes a table and them beside it, and returns the SHA-256 of the table's file. All of it is on the disk
    /// before the first file is replaced: on a full disk the old ones stay as they were.
    pub(crate) fn write_with(self, table: &Table, path: &Path) -> Outcome<String> {
        write_folder(path)?;
        let mut writer = TableWriter::create(path)?;
        writer.write(table)?;
        let written = writer.complete()?;
        let sha256 = super::stored::hash(written.file())?;
        let mut lines = String::new();
        for golden in self.golden {
            lines.push_str(
                &serde_json::to_string(&of(&sha256, golden)).map_err(anyhow::Error::from)?,
            );
            lines.push('\n');
        }
        let mut sidecars = Vec::new();
        for (path, text) in [
            (golden_path(path), lines),
            (
                statistics_path(path),
                indented(&of(&sha256, self.statistics))?,
            ),
            (state_path(path), indented(&of(&sha256, self.state))?),
        ] {
            let mut staged = Staged::beside(&path)?;
            staged.write_bytes(text.as_bytes())?;
            staged.flush_data()?;
            sidecars.push((path, staged));
        }
        written.finish()?;
        for (path, staged) in sidecars {
            staged.finish(&path)?;
        }
        Ok(sha256)
    }
}

fn of<T>(sha256: &str, content: T) -> OfTable<T> {
    OfTable {
        table_sha256: sha256.into(),
        content,
    }
}

fn indented(content: &impl Serialize) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(content)?))
}

/// The state of a table's features, without the table.
pub(super) fn state(table: &Path) -> Outcome<FeatureState> {
    needs(table, "features build")?;
    state_of(table, &super::stored::hash(table)?)
}

/// The state of the features of a table whose file has this SHA-256.
fn state_of(table: &Path, sha256: &str) -> Outcome<FeatureState> {
    let path = state_path(table);
    belonging(&path, &text(&path)?, (table, sha256))
}

/// The statistics of a table's features.
pub(super) fn statistics(table: &Path) -> Outcome<TableStatistics> {
    needs(table, "features build")?;
    let path = statistics_path(table);
    belonging(&path, &text(&path)?, (table, &super::stored::hash(table)?))
}

/// Where the state of a table's features stands.
pub(crate) fn state_path(table: &Path) -> PathBuf {
    table.with_extension("state.json")
}

/// Where the statistics of a table's features stand.
fn statistics_path(table: &Path) -> PathBuf {
    table.with_extension("statistics.json")
}

/// Where a table's golden observations stand.
pub(super) fn golden_path(table: &Path) -> PathBuf {
    table.with_extension("golden.jsonl")
}

fn text(path: &Path) -> Outcome<String> {
    needs(path, "features build")?;
    Ok(std::fs::read_to_string(path).with_context(|| path.display().to_string())?)
}

/// Content that must belong to this table, given by its path and SHA-256.
fn belonging<T: DeserializeOwned>(
    path: &Path,
    text: &str,
    (table, sha256): (&Path, &str),
) -> Outcome<T> {
    let of_table: OfTable<T> = serde_json::from_str(text)
        .with_context(|| {
            format!(
                "{} isn't what `features build` wrote: build it again",
                path.display()
            )
        })
        .map_err(Failure::user)?;
    if of_table.table_sha256 == sha256 {
        return Ok(of_table.content);
    }
    Err(Failure::user(anyhow::anyhow!(
        "{} and {} are of two different builds: run `features build` again, which writes both",
        path.display(),
        table.display()
    )))
}
