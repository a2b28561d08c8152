//! The example's whole life in a scratch folder, told as it happens.

mod http;
mod page;
mod serve;
pub mod shell;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cargo::{self, Profile};
use shell::Shell;

/// Generated weather covers the days of the real data's stations, so that the
/// split and the fault fall on the same dates.
const DAYS: &str = "3100";
const STATIONS: &str = "49";
/// Where a project has its table.
pub const TABLE: &str = "data/weatherAUS.csv";
/// What is to be predicted.
const LABEL: &str = "RainTomorrow";
/// What is predicted of each row of the table.
const PREDICTIONS: &str = "predictions/all.jsonl";
/// Hygrometers that read far too low from this day on: each value is possible,
/// so the contract can't notice.
const FAULT_DAY: &str = "2016-07-01";
const FAULT: [&str; 3] = ["scale", "Humidity3pm", "0.6"];
const FAULT_STORY: &str = "every hygrometer reads four tenths too low at 3 pm";
/// From this day on, the retrained model is judged on days it hasn't seen.
const RETRAIN_DAY: &str = "2017-01-01";

/// What the tour is asked to do.
#[derive(Debug, clap::Args)]
pub struct TourArguments {
    /// The real file; without, weather is generated
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Build the guide, but don't serve it
    #[arg(long)]
    no_serve: bool,
    /// Open the guide in a browser
    #[arg(long, conflicts_with = "no_serve")]
    open: bool,
    /// The scratch folder; it is emptied first
    #[arg(long, value_name = "FOLDER", default_value = "target/tour")]
    scratch: PathBuf,
    /// Use this program instead of building one
    #[arg(long, value_name = "FILE")]
    rain: Option<PathBuf>,
}

/// Runs the tour.
///
/// # Errors
/// If a step doesn't end as it should.
pub fn run(root: &Path, arguments: &TourArguments) -> Result<()> {
    let data = arguments
        .data
        .as_deref()
        .map(std::path::absolute)
        .transpose()?;
    if let Some(file) = &data {
        ensure!(
            file.is_file(),
            "{}: no such file; without --data, the tour generates weather",
            file.display()
        );
    }
    let rain = match &arguments.rain {
        Some(file) => std::path::absolute(file)?,
        None => cargo::build_rain(root, Profile::Debug)?,
    };
    let scratch = prepare(root, &root.join(&arguments.scratch))?;
    let mut shell = Shell::new(rain, scratch.clone());
    let story = live(&mut shell, data.as_deref())?;
    println!("\n{}", story.summary());
    let built = page::build(root, &scratch, &story, &shell)?;
    println!(
        "The guide is built in {}; your run has a page of its own there.",
        built.display()
    );
    if !arguments.no_serve {
        crate::guide::serve(&built, 3000, arguments.open)?;
    }
    Ok(())
}

/// What the tour found.
pub struct Story {
    /// Whether the data is the pinned file.
    pub is_real: bool,
    /// scores.json of the test period.
    pub scores: Value,
    /// gates.json: what the model was held against.
    pub gates: Value,
    /// The model's answers over HTTP: observation and prediction.
    pub answers: Vec<(Value, Value)>,
    /// The drift report of the broken days.
    pub drift: Value,
    /// ROC AUC and Brier score before the fault; in a later season without it and under it; and after retraining.
    pub quality: [Quality; 4],
}

/// How good a model was in a period.
#[derive(serde::Serialize)]
pub struct Quality {
    /// Which model, when.
    pub label: &'static str,
    /// First and last day judged.
    pub days: [String; 2],
    /// Area under the ROC curve.
    pub roc_auc: f64,
    /// Mean squared error of the probability.
    pub brier: f64,
}

/// Copies what the project declares into an empty scratch folder.
///
/// # Errors
/// If the folder holds anything but an earlier tour.
pub fn prepare(root: &Path, scratch: &Path) -> Result<PathBuf> {
    if scratch.exists() {
        ensure!(
            scratch.join("params.yaml").exists() || scratch.read_dir()?.next().is_none(),
            "{} holds something that isn't a tour: name another --scratch",
            scratch.display()
        );
        std::fs::remove_dir_all(scratch)?;
    }
    std::fs::create_dir_all(scratch.join("data"))?;
    for file in [
        "contract.yaml",
        "features.yaml",
        "gates.yaml",
        "params.yaml",
        "dvc.yaml",
        "data/weatherAUS.csv.dvc",
    ] {
        let from = root.join("example").join(file);
        std::fs::copy(&from, scratch.join(file)).with_context(|| from.display().to_string())?;
    }
    Ok(scratch.to_path_buf())
}

/// From data to a retrained model.
///
/// # Errors
/// If a step doesn't end as it should.
pub fn live(shell: &mut Shell, data: Option<&Path>) -> Result<Story> {
    shell.step("Make a repository of data", &["init", "--no-scm"])?;
    let is_real = match data {
        Some(file) => {
            // The folder is a copy: a file of the reader's own may be pinned in it.
            let imported = shell.step(
                "Bring the data in",
                &["data", "import", "--update-pin", &file.to_string_lossy()],
            )?;
            imported.contains("is the pinned file")
        }
        None => {
            // The pin in this copy is that of the real file.
            std::fs::remove_file(shell.folder().join("data/weatherAUS.csv.dvc"))?;
            shell.step(
                "Generate weather",
                &[
                    "data",
                    "generate",
                    "--days",
                    DAYS,
                    "--stations",
                    STATIONS,
                    "--seed",
                    "1",
                    "--out",
                    TABLE,
                ],
            )?;
            false
        }
    };
    shell.step("Pin it", &["add", TABLE])?;
    pipeline(shell)?;
    let scores = shell.read_json("metrics/scores.json")?;
    let gates = shell.read_json("metrics/gates.json")?;
    shell.step(
        "Predict a whole file",
        &["predict", TABLE, "--out", PREDICTIONS],
    )?;
    shell.step(
        "Ask why it says so: a row's answer, feature by feature",
        &["explain", TABLE, "--row", "100", "--top", "5"],
    )?;
    shell.step(
        "Look for better parameters: a few trials, judged on the training period alone",
        &[
            "tune",
            "--trials",
            "4",
            "--set",
            "tune.folds.count=2",
            "--out",
            "out/few_trials",
        ],
    )?;
    let answers = serve::serve(shell)?;
    let (drift, quality) = break_and_mend(shell, TABLE)?;
    Ok(Story {
        is_real,
        scores,
        gates,
        answers,
        drift,
        quality,
    })
}

/// Runs the pipeline, changes a parameter, and changes it back: what is run again, and what is not.
fn pipeline(shell: &mut Shell) -> Result<()> {
    const PARAMETER: [&str; 2] = ["bootstrap_rounds: 2000", "bootstrap_rounds: 1000"];
    let [before, after] = PARAMETER;
    shell.step(
        "Run the pipeline: ingest, features, train, evaluate, validate",
        &["repro"],
    )?;
    shell.edit("params.yaml", before, after)?;
    let ran = shell.step("Run what hangs on the change, and nothing else", &["repro"])?;
    ensure!(
        ran.contains("2 ran, 4 unchanged"),
        "a change of the evaluation's parameters ran more or less than the evaluation and the gates"
    );
    shell.edit("params.yaml", after, before)?;
    let restored = shell.step("Take back the change: the result is known", &["repro"])?;
    ensure!(
        restored.contains("2 taken from the cache, 4 unchanged"),
        "the pipeline ran what it had run before"
    );
    Ok(())
}

/// Breaks a sensor, sees it found, retrains, and judges before, under it and after.
fn break_and_mend(shell: &mut Shell, file: &str) -> Result<(Value, [Quality; 4])> {
    let broken = "data/broken.csv";
    let [kind, column, amount] = FAULT;
    shell.step(
        "Break a sensor, as happens",
        &[
            "data", "fault", file, "--from", FAULT_DAY, "--out", broken, kind, column, amount,
        ],
    )?;
    shell.step(
        "See that the contract can't notice",
        &["data", "check", broken],
    )?;
    shell.step_that_finds(
        "See that the drift test does",
        &[
            "drift",
            "--reference",
            file,
            "--current",
            broken,
            "--current-from",
            FAULT_DAY,
            "--reference-until",
            "2016-06-30",
            "--svg",
            "metrics/drift.svg",
            "--report",
            "metrics/drift.json",
        ],
    )?;
    let drift = shell.read_json("metrics/drift.json")?;
    let features = "data/broken.parquet";
    shell.step(
        "Compute the features again",
        &[
            "features",
            "build",
            broken,
            "--out",
            features,
            "--model",
            "models/model.bin",
        ],
    )?;
    let before = judge(
        shell,
        "the first model, before the fault",
        &[
            "data/features.parquet",
            "--until",
            "2016-06-30",
            "--out",
            "metrics/before",
        ],
    )?;
    // Another season is another problem: what the fault costs shows only beside the same days without it.
    let control = judge(
        shell,
        "the first model, without the fault",
        &[
            "data/features.parquet",
            "--from",
            RETRAIN_DAY,
            "--out",
            "metrics/control",
        ],
    )?;
    let during = judge(
        shell,
        "the first model, under the fault",
        &[features, "--from", RETRAIN_DAY, "--out", "metrics/during"],
    )?;
    let later = format!("split.test_from={RETRAIN_DAY}");
    let known = "data/known.parquet";
    shell.step(
        "Compute the features once more: they learn, too, from all that is known by then",
        &["features", "build", broken, "--out", known, "--set", &later],
    )?;
    shell.step(
        "Retrain on all that is known by then",
        &[
            "train",
            known,
            "--out",
            "models/retrained.bin",
            "--set",
            &later,
        ],
    )?;
    let after = judge(
        shell,
        "the retrained model, under the fault",
        &[
            known,
            "--model",
            "models/retrained.bin",
            "--out",
            "metrics/after",
            "--set",
            &later,
        ],
    )?;
    Ok((drift, [before, control, during, after]))
}

fn judge(shell: &mut Shell, label: &'static str, arguments: &[&str]) -> Result<Quality> {
    let mut command = vec!["evaluate"];
    command.extend(arguments);
    shell.step(&format!("Judge {label}"), &command)?;
    let at = arguments
        .iter()
        .position(|argument| *argument == "--out")
        .context("no --out")?;
    let scores = shell.read_json(&format!("{}/scores.json", arguments[at + 1]))?;
    let number = |name: &str| {
        scores
            .pointer(&format!("/model/{name}/value"))
            .and_then(Value::as_f64)
            .with_context(|| format!("scores.json has no model.{name}"))
    };
    let day = |name: &str| scores[name].as_str().unwrap_or_default().to_string();
    Ok(Quality {
        label,
        days: [day("first_day"), day("last_day")],
        roc_auc: number("roc_auc")?,
        brier: number("brier")?,
    })
}

impl Story {
    /// The columns that drifted.
    pub fn drifted(&self) -> Vec<&str> {
        let columns = self.drift["columns"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let found = |column: &&Value| {
            column["findings"]
                .as_array()
                .is_some_and(|found| !found.is_empty())
        };
        columns
            .iter()
            .filter(found)
            .filter_map(|column| column["column"].as_str())
            .collect()
    }

    /// What happened, on a page of text.
    fn summary(&self) -> String {
        let mut text = format!(
            "What happened\n\n  data        {}\n",
            if self.is_real {
                "the pinned file"
            } else {
                "generated, or a file of your own"
            }
        );
        for (label, name) in [
            ("ROC AUC", "roc_auc"),
            ("Brier", "brier"),
            ("accuracy", "accuracy"),
        ] {
            let score = self
                .scores
                .pointer(&format!("/model/{name}/value"))
                .and_then(Value::as_f64)
                .unwrap_or(f64::NAN);
            text.push_str(&format!("  {label:<11} {score:.4}\n"));
        }
        text.push_str(&format!(
            "  gates       {} passed, {} failed\n",
            self.gates["passed"], self.gates["failed"]
        ));
        text.push_str(&format!(
            "  over HTTP   {} answers, equal to `rain predict` to the bit, and one refusal\n",
            self.answers.len()
        ));
        text.push_str(&format!(
            "  the fault   from {FAULT_DAY} on, {FAULT_STORY}\n"
        ));
        text.push_str(&format!("  drift in    {}\n\n", self.drifted().join(", ")));
        for quality in &self.quality {
            text.push_str(&format!(
                "  {:<38} {} to {}   ROC AUC {:.4}   Brier {:.4}\n",
                quality.label, quality.days[0], quality.days[1], quality.roc_auc, quality.brier
            ));
        }
        text
    }
}
