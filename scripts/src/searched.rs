//! What a search finds on the training period, what that is worth on the test, and whether more
//! days would help.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::ablation::built;
use crate::tour::TABLE;
use crate::tour::shell::Shell;

/// Few: the committed search has to be made again by whoever checks the metrics.
const TRIALS: &str = "12";
const FOLDS: &str = "tune.folds={by: rolling, count: 3, days: 365}";
const POINTS: &str = "4";

/// Runs the search and the learning curve; looks at the test once, when both are done.
pub fn searched(shell: &mut Shell) -> Result<Vec<(String, Vec<u8>)>> {
    let words = ["--json", "tune", "--trials", TRIALS, "--set", FOLDS];
    let board = parse(&shell.step(
        "Search for better parameters on the training period",
        &words,
    )?)?;
    let words = [
        "--json", "curves", "learning", "--points", POINTS, "--set", FOLDS,
    ];
    let curve = parse(&shell.step("Ask whether more days would help", &words)?)?;

    let set: Vec<&str> = board["set"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let settings: Vec<&str> = set.iter().flat_map(|setting| ["--set", *setting]).collect();
    let before = tested(shell, &[])?;
    let after = tested(shell, &settings)?;
    let points: Vec<Value> = curve["points"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|point| json!({ "rows": point["at"], "train": mean(&point["train"]), "test": mean(&point["test"]) }))
        .collect();
    let summary = json!({
        "trials": board["trials"].as_array().map(Vec::len),
        "stopped": board["stopped"],
        "folds": board["folds"],
        "params": mean(&board["baseline"]["scores"]),
        "best": mean(&board["trials"][0]["scores"]),
        "gain": board["gain"],
        "set": set,
        "test": { "params": before, "best": after },
        "learning": points,
    });
    let mut files = vec![(
        "tune.json".to_owned(),
        format!("{}\n", serde_json::to_string_pretty(&summary)?).into_bytes(),
    )];
    for (name, file) in [
        ("tune.csv", "out/tune/trials.csv"),
        ("tune.svg", "out/tune/trials.svg"),
        ("learning.csv", "out/curves/learning.csv"),
        ("learning.svg", "out/curves/learning.svg"),
    ] {
        let bytes = std::fs::read(shell.folder().join(file)).context(file)?;
        files.push((name.into(), bytes));
    }
    Ok(files)
}

/// The scores on the test period of a model of these parameters.
fn tested(shell: &mut Shell, settings: &[&str]) -> Result<Value> {
    let mut scores = built(shell, TABLE, settings)?;
    let all = shell.read_json("metrics/ablation/scores.json")?;
    scores["log_loss"] = all["model"]["log_loss"]["value"].clone();
    Ok(scores)
}

fn parse(text: &str) -> Result<Value> {
    serde_json::from_str(text).context("what `--json` printed isn't JSON")
}

fn mean(scores: &Value) -> Option<f64> {
    let scores: Vec<f64> = scores
        .as_array()?
        .iter()
        .filter_map(Value::as_f64)
        .collect();
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    (!scores.is_empty()).then(|| (mean * 1e6).round() / 1e6)
}
