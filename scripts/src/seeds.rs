//! How much of a score is the seed: the committed model, trained again with other seeds.

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use crate::metrics::brief;
use crate::tour::shell::Shell;

/// The committed seed first.
const SEEDS: [u64; 10] = [42, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const SCORES: [&str; 4] = ["roc_auc", "pr_auc", "brier", "accuracy"];
const TABLE: &str = "data/seeds.parquet";
const MODEL: &str = "models/seed.bin";
const OUT: &str = "metrics/seed";

/// Trains and evaluates with each seed.
pub fn seeds(shell: &mut Shell) -> Result<Value> {
    shell.step(
        "Build features, the same for every seed",
        &["features", "build", "--out", TABLE],
    )?;
    let mut runs = Vec::new();
    for seed in SEEDS {
        let set = format!("seed={seed}");
        shell.step(
            &format!("Train with seed {seed}"),
            &["train", TABLE, "--out", MODEL, "--set", &set],
        )?;
        shell.step(
            "Evaluate it",
            &[
                "evaluate", TABLE, "--model", MODEL, "--out", OUT, "--set", &set,
            ],
        )?;
        let scores = shell.read_json(&format!("{OUT}/scores.json"))?;
        runs.push((seed, brief(&scores)));
    }
    summary(&runs)
}

/// Each seed's scores, and their mean, deviation and range.
fn summary(runs: &[(u64, Value)]) -> Result<Value> {
    let mut result = Map::new();
    result.insert("count".into(), runs.len().into());
    for score in SCORES {
        let values: Vec<f64> = runs
            .iter()
            .map(|(seed, scores)| {
                scores[score]
                    .as_f64()
                    .with_context(|| format!("the scores of seed {seed} have no {score}"))
            })
            .collect::<Result<_>>()?;
        ensure!(values.len() > 1, "one seed has no spread");
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let rounded = |value: f64| (value * 1e6).round() / 1e6;
        let summary = json!({
            "mean": rounded(mean),
            "deviation": rounded((squares / (count - 1.0)).sqrt()),
            "low": values.iter().copied().fold(f64::INFINITY, f64::min),
            "high": values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        });
        result.insert(score.into(), summary);
    }
    let runs = runs
        .iter()
        .map(|(seed, scores)| (seed.to_string(), scores.clone()));
    result.insert("seeds".into(), Value::Object(runs.collect()));
    Ok(Value::Object(result))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_has_mean_deviation_and_range() {
        let run = |seed, roc_auc: f64| {
            let scores = json!({"roc_auc": roc_auc, "pr_auc": 0.5, "brier": 0.1, "accuracy": 0.8, "rows": 9});
            (seed, scores)
        };
        let made = summary(&[run(42, 0.907), run(1, 0.905), run(2, 0.906)]).unwrap();
        assert_eq!(
            made["roc_auc"],
            json!({"mean": 0.906, "deviation": 0.001, "low": 0.905, "high": 0.907})
        );
        assert_eq!(made["count"], 3);
        assert_eq!(made["seeds"]["1"]["roc_auc"], 0.905);
        assert!(summary(&[run(42, 0.907)]).is_err());
    }
}
