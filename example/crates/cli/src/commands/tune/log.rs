//! The trials of a search in a file: a line for what is searched, then one for each trial.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use mlops_disk::{self as disk, DiskError};
use mlops_learning::search::Trial;
use serde_json::Value;

use crate::{Failure, Outcome};

/// Differences that are named.
const NAMED: usize = 3;

/// A log that is written whole and flushed with each trial: a reader sees all trials that ended, and no
/// half of one.
pub(super) struct TrialLog {
    path: PathBuf,
    text: Mutex<String>,
    /// Held while this runs; the system lets go of it if it is killed.
    _lock: File,
}

impl TrialLog {
    /// Opens the log of a folder, or begins it, and reads the trials that are there.
    pub(super) fn open(folder: &Path, header: &Value) -> Outcome<(TrialLog, Vec<Trial>)> {
        disk::create_dir_all(folder)?;
        let lock = lock(folder)?;
        let path = folder.join("trials.jsonl");
        let mut trials = Vec::new();
        let text = if path.exists() {
            let text =
                std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let mut lines = text.lines().enumerate();
            let first = lines.next().map_or("", |(_, line)| line);
            let found: Value = line(&path, 1, first)?;
            same(&path, &found, header)?;
            for (at, text) in lines {
                trials.push(line(&path, at + 1, text)?);
            }
            text
        } else {
            format!("{header}\n") // written with the first trial
        };
        let log = TrialLog {
            path,
            text: Mutex::new(text),
            _lock: lock,
        };
        Ok((log, trials))
    }

    /// Adds a trial; it is on the disk when this returns.
    pub(super) fn append(&self, trial: &Trial) -> Result<(), DiskError> {
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let line = serde_json::to_string(trial).unwrap_or_default(); // text, numbers and lists only
        text.push_str(&line);
        text.push('\n');
        disk::write_whole(&self.path, text.as_bytes())
    }

    pub(super) fn of_another(&self, why: &str) -> Failure {
        of_another(&self.path, why)
    }
}

/// Two searches in one folder would lose each other's trials.
fn lock(folder: &Path) -> Outcome<File> {
    let path = folder.join(".lock");
    let holder = format!("process {}", std::process::id());
    disk::try_lock(&path, &holder)?.ok_or_else(|| {
        Failure::user(anyhow::anyhow!(
            "{}: another search runs in this folder: wait for it, or give another --out",
            folder.display()
        ))
    })
}

fn line<T: serde::de::DeserializeOwned>(path: &Path, number: usize, text: &str) -> Outcome<T> {
    serde_json::from_str(text)
        .with_context(|| {
            format!(
                "{}, line {number}: this isn't what `tune` wrote: remove the file, or give another --out",
                path.display()
            )
        })
        .map_err(Failure::user)
}

fn same(path: &Path, found: &Value, wanted: &Value) -> Outcome<()> {
    let mut differences = Vec::new();
    compare("", found, wanted, &mut differences);
    if differences.is_empty() {
        return Ok(());
    }
    let others = differences.len().saturating_sub(NAMED);
    differences.truncate(NAMED);
    let mut why = differences.join(", ");
    if others > 0 {
        why.push_str(&format!(", and {others} more"));
    }
    Err(of_another(path, &why))
}

fn of_another(path: &Path, why: &str) -> Failure {
    Failure::user(anyhow::anyhow!(
        "{} holds trials of another search: {why}. Give another --out, or remove the file to start over",
        path.display()
    ))
}

/// Values that differ, by their key.
fn compare(key: &str, found: &Value, wanted: &Value, differences: &mut Vec<String>) {
    if let (Value::Object(one), Value::Object(two)) = (found, wanted) {
        let added = two.keys().filter(|name| !one.contains_key(*name));
        for name in one.keys().chain(added) {
            let inner = if key.is_empty() {
                name.clone()
            } else {
                format!("{key}.{name}")
            };
            let at =
                |side: &serde_json::Map<String, Value>| side.get(name).cloned().unwrap_or_default();
            compare(&inner, &at(one), &at(two), differences);
        }
    } else if found != wanted {
        differences.push(format!("{key} was {found} and is {wanted}"));
    }
}
