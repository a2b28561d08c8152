//! The prediction log, read back: what was asked, what the model saw, and what was answered.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use mlops_data::json::table_from_json;
use mlops_data::{Contract, Table};
use mlops_disk::DiskError;
use mlops_learning::{Model, model_file};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Result, ServingError};

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LoggedAnswer {
    /// By which the answer is known to whoever got it; empty in logs of older programs.
    #[serde(default)]
    pub id: String,
    /// When it was given: seconds since 1970-01-01 UTC.
    pub timestamp_seconds: f64,
    /// What was asked.
    pub observation: Map<String, Value>,
    /// What the model saw, in its order; null is missing. Not in logs of older programs.
    #[serde(default)]
    pub features: Option<Vec<Option<f32>>>,
    /// What was answered.
    pub prediction: LoggedPrediction,
}

/// The part of an answer by which it is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoggedPrediction {
    /// The probability.
    pub probability: f64,
    /// The class.
    pub decision: String,
    /// SHA-256 of the model's file, in hex.
    pub model: String,
}

impl LoggedAnswer {
    /// What the model saw; NaN is missing.
    pub fn row(&self) -> Option<Vec<f32>> {
        let features = self.features.as_ref()?;
        Some(
            features
                .iter()
                .map(|value| value.unwrap_or(f32::NAN))
                .collect(),
        )
    }
}

/// Reads a file if it is a prediction log: `None` if its first line is no answer. Lines that aren't whole are
/// left out with a warning: a crash may have torn them, and then nothing was answered.
///
/// # Errors
/// If the file can't be read.
pub fn read_log(path: &Path) -> Result<Option<Vec<LoggedAnswer>>> {
    let io = |error| ServingError::from(DiskError::io("read", path, error));
    let mut answers = Vec::new();
    let mut torn = Vec::new();
    for (at, line) in BufReader::new(File::open(path).map_err(io)?)
        .split(b'\n')
        .enumerate()
    {
        let line = line.map_err(io)?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(answer) => answers.push(answer),
            Err(_) => torn.push(at + 1),
        }
        if answers.is_empty() && !torn.is_empty() && !looks_torn(&line) {
            return Ok(None);
        }
    }
    if answers.is_empty() {
        return Ok(None);
    }
    if let Some(first) = torn.first() {
        tracing::warn!(
            "{}: {} lines are no whole answers and are left out, the first is line {first}",
            path.display(),
            torn.len()
        );
    }
    Ok(Some(answers))
}

/// Whether a line that isn't an answer may be the beginning of one: an observation is not.
fn looks_torn(line: &[u8]) -> bool {
    line.starts_with(b"{\"id\":") || line.starts_with(b"{\"timestamp_seconds\":")
}

/// What was asked, as a table. Of several answers about one entity and day, the last counts.
///
/// # Errors
/// If an observation doesn't meet the contract any more.
pub fn observations_of(answers: &[LoggedAnswer], contract: &Contract) -> Result<Table> {
    let key = |answer: &LoggedAnswer| {
        let values = contract.key.iter().map(|name| answer.observation.get(name));
        values
            .map(|value| value.cloned().unwrap_or_default().to_string())
            .collect::<Vec<_>>()
    };
    let last: HashMap<Vec<String>, usize> = answers
        .iter()
        .enumerate()
        .map(|(at, answer)| (key(answer), at))
        .collect();
    let mut places: Vec<usize> = last.into_values().collect();
    places.sort_unstable();
    let asked: Vec<_> = places
        .iter()
        .map(|at| answers[*at].observation.clone())
        .collect();
    Ok(table_from_json(&asked, contract)?)
}

/// The model file with this hash among some files; the others need not be models.
pub fn find_model(
    hash: &str,
    files: impl IntoIterator<Item = PathBuf>,
) -> Option<(PathBuf, Model)> {
    files.into_iter().find_map(|path| {
        let bytes = read_if_model(&path)?;
        if model_file::fingerprint(&bytes) != hash {
            return None;
        }
        Some((path, model_file::decode(&bytes).ok()?))
    })
}

/// A cache holds tables too: their first bytes are enough to pass them over.
fn read_if_model(path: &Path) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = vec![0; model_file::MAGIC.len()];
    file.read_exact(&mut bytes).ok()?;
    if bytes != model_file::MAGIC {
        return None;
    }
    file.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<LoggedAnswer>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        std::fs::write(&path, text).unwrap();
        read_log(&path).unwrap()
    }

    const OLD: &str = r#"{"timestamp_seconds":1.5,"observation":{"Day":"2024-01-01"},"prediction":{"probability":0.5,"decision":"fails","model":"ab","window":{"asked":1,"found":0}}}"#;
    const NEW: &str = r#"{"id":"7","timestamp_seconds":1.5,"observation":{},"features":[0.1,null],"prediction":{"probability":0.5,"decision":"fails","model":"ab","stored":true}}"#;

    #[test]
    fn a_log_is_read_with_what_was_logged_before_and_without_what_was_torn() {
        let torn = &NEW[..40];
        let answers = read(&format!("{torn}\n{OLD}\n\n{torn}\n{NEW}\n{torn}")).unwrap();
        assert_eq!(answers.len(), 2);
        assert_eq!((answers[0].id.as_str(), answers[0].row()), ("", None));
        let row = answers[1].row().unwrap();
        assert_eq!(row[0].to_bits(), 0.1f32.to_bits());
        assert!(row[1].is_nan());
    }

    #[test]
    fn observations_are_no_log() {
        for text in [
            "",
            "{\"Day\":\"2024-01-01\"}\n",
            "nonsense",
            &format!("{{\"a\":1}}\n{OLD}"),
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
