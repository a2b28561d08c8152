//! The committed metrics: made from the real file, and checked against it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use crate::ablation::{ablation, believed};
use crate::cargo::{self, Profile};
use crate::searched::searched;
use crate::seeds::seeds;
use crate::tour::shell::Shell;
use crate::tour::{self, Story};

/// What the pipeline leaves that is committed.
const RUN: [&str; 11] = [
    "contract.json",
    "gates.json",
    "scores.json",
    "roc.csv",
    "precision_recall.csv",
    "calibration.csv",
    "roc.svg",
    "precision_recall.svg",
    "calibration.svg",
    "confusion.svg",
    "importance.svg",
];
const KINDS: [&str; 4] = ["logistic", "tree", "forest", "boosting"];
/// How far apart a score may lie on real and on generated weather.
const ALIKE: [(&str, f64); 2] = [("roc_auc", 0.03), ("brier", 0.01)];
/// What the committed results were made from, seen from the folder of the metrics.
const LOCK: &str = "../dvc.lock";
/// What `rain explain` is asked, and leaves for pages. (The guide explains the same row.)
const EXPLANATIONS: [(&str, &str); 4] = [
    (
        "Explain the forecast of a day",
        "--row 3000 --svg metrics/waterfall.svg",
    ),
    (
        "Explain all forecasts",
        "--svg metrics/shap.svg --csv metrics/shap.csv --beeswarm metrics/beeswarm.svg",
    ),
    (
        "Say how forecasts go with a feature",
        "--dependence humidity_3pm --svg metrics/dependence.svg --csv metrics/dependence.csv",
    ),
    (
        "Say what the features are worth",
        "--permutation --svg metrics/permutation.svg --csv metrics/permutation.csv",
    ),
];
const KINDS_TABLE: &str = "data/kinds.parquet";
const RANDOM: &str = "split={by: random, test_share: 0.3}";

/// From what, and whether to write.
#[derive(Debug, clap::Args)]
pub struct MetricsArguments {
    /// The real file
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Write nothing; fail if something differs from what is committed
    #[arg(long)]
    check: bool,
    /// The scratch folder; its parts are emptied first
    #[arg(long, value_name = "FOLDER", default_value = "target/metrics")]
    scratch: PathBuf,
    /// Use this program instead of building one
    #[arg(long, value_name = "FILE")]
    rain: Option<PathBuf>,
}

/// Makes all metrics in a scratch folder, then writes or checks them.
///
/// # Errors
/// If a step fails or, when checking, a file differs.
pub fn run(root: &Path, arguments: &MetricsArguments) -> Result<()> {
    let data = std::path::absolute(&arguments.data)?;
    let rain = match &arguments.rain {
        Some(file) => std::path::absolute(file)?,
        None => cargo::build_rain(root, Profile::Debug)?,
    };
    let scratch = root.join(&arguments.scratch);
    let mut real = Shell::new(rain.clone(), tour::prepare(root, &scratch.join("real"))?);
    let story = tour::live(&mut real, Some(&data))?;
    let mut generated = Shell::new(rain, tour::prepare(root, &scratch.join("generated"))?);
    let told = tour::live(&mut generated, None)?;

    let mut files = collect(&real, "")?;
    files.extend(collect(&generated, "generated/")?);
    let drift = std::fs::read(real.folder().join("metrics/drift.svg"))?;
    files.push(("drift.svg".into(), drift));
    files.extend(explained(&mut real)?);
    let lock = std::fs::read(real.folder().join("dvc.lock"))?;
    files.push((LOCK.into(), lock));
    files.push(("tour.json".into(), pretty(&life(&story))?));
    files.push(("generated/tour.json".into(), pretty(&life(&told))?));
    files.push(("kinds.json".into(), pretty(&kinds(&mut real)?)?));
    files.push(("ablation.json".into(), pretty(&ablation(&mut real)?)?));
    files.push(("seeds.json".into(), pretty(&seeds(&mut real)?)?));
    let believed = believed(&mut real, RANDOM)?;
    files.push(("believed.json".into(), pretty(&believed)?));
    for (name, svg) in resemblance(&mut real, &generated)? {
        files.push((name.into(), svg));
    }
    files.push((
        "generator.json".into(),
        pretty(&crossed(&mut real, &generated)?)?,
    ));
    files.extend(searched(&mut real)?);
    let folder = root.join("example/metrics");
    if arguments.check {
        check(&folder, &files)
    } else {
        write(&folder, &files)
    }
}

fn collect(shell: &Shell, prefix: &str) -> Result<Vec<(String, Vec<u8>)>> {
    RUN.iter()
        .map(|name| {
            let path = shell.folder().join("metrics").join(name);
            let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
            Ok((format!("{prefix}{name}"), bytes))
        })
        .collect()
}

/// Quality before the fault, under it and after retraining.
fn life(story: &Story) -> Value {
    let [before, control, during, after] = &story.quality;
    json!({
        "drifted": story.drifted(),
        "before": before,
        "control": control,
        "during": during,
        "after": after,
    })
}

/// Every kind of model on both splits.
fn kinds(shell: &mut Shell) -> Result<Value> {
    let mut splits = Map::new();
    for (name, split) in [("time", None), ("random", Some(RANDOM))] {
        let mut kinds = Map::new();
        let settings: Vec<&str> = split
            .into_iter()
            .flat_map(|split| ["--set", split])
            .collect();
        let build = ["features", "build", "--out", KINDS_TABLE];
        let build: Vec<&str> = build.iter().chain(&settings).copied().collect();
        shell.step("Build features for this split", &build)?;
        for kind in KINDS {
            let kind_set = format!("model.kind={kind}");
            let mut settings = vec!["--set", &kind_set];
            settings.extend(split.into_iter().flat_map(|split| ["--set", split]));
            kinds.insert(kind.into(), trained(shell, kind, &settings)?);
        }
        splits.insert(name.into(), Value::Object(kinds));
    }
    Ok(Value::Object(splits))
}

fn trained(shell: &mut Shell, kind: &str, settings: &[&str]) -> Result<Value> {
    let mut train = vec!["train", KINDS_TABLE, "--out", "models/kind.bin"];
    train.extend(settings);
    shell.step(&format!("Train {kind}"), &train)?;
    let mut evaluate = vec![
        "evaluate",
        KINDS_TABLE,
        "--model",
        "models/kind.bin",
        "--out",
        "metrics/kind",
    ];
    evaluate.extend(settings);
    shell.step(&format!("Evaluate {kind}"), &evaluate)?;
    let bytes = std::fs::metadata(shell.folder().join("models/kind.bin"))?.len();
    let mut scores = brief(&shell.read_json("metrics/kind/scores.json")?);
    scores["model_bytes"] = bytes.into();
    Ok(scores)
}

/// What is learned from generated weather, tested on generated and on real days.
fn crossed(real: &mut Shell, generated: &Shell) -> Result<Value> {
    let model = generated.folder().join("models/model.bin");
    let model = model.to_string_lossy();
    let table = "data/crossed.parquet";
    real.step(
        "Compute the features of real days as that model knows them",
        &["features", "build", "--model", &model, "--out", table],
    )?;
    real.step(
        "Test on real days what was learned from generated ones",
        &[
            "evaluate",
            table,
            "--model",
            &model,
            "--out",
            "metrics/crossed",
        ],
    )?;
    let (ours, theirs) = (
        brief(&real.read_json("metrics/scores.json")?),
        brief(&generated.read_json("metrics/scores.json")?),
    );
    for (score, most) in ALIKE {
        let apart = ours[score]
            .as_f64()
            .zip(theirs[score].as_f64())
            .map(|(a, b)| (a - b).abs());
        ensure!(
            apart.is_some_and(|apart| apart <= most),
            "{score} differs by {apart:?} between real and generated weather, more than {most}"
        );
    }
    Ok(json!({
        "real": ours,
        "generated": theirs,
        "generated_on_real": brief(&real.read_json("metrics/crossed/scores.json")?),
    }))
}

/// Why the model says what it says: of one day, of all, and what features do and are worth.
fn explained(real: &mut Shell) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for (title, arguments) in EXPLANATIONS {
        let words = arguments.split(' ');
        let command: Vec<&str> = ["explain", tour::TABLE].into_iter().chain(words).collect();
        real.step(title, &command)?;
        for path in command.iter().filter(|word| word.starts_with("metrics/")) {
            let bytes = std::fs::read(real.folder().join(path)).context(path.to_string())?;
            files.push((path["metrics/".len()..].to_string(), bytes));
        }
    }
    Ok(files)
}

/// How the year goes in the real weather and in the generated.
fn resemblance(real: &mut Shell, generated: &Shell) -> Result<[(&'static str, Vec<u8>); 2]> {
    let [ours, theirs] = [real.folder(), generated.folder()].map(|folder| {
        let table = folder.join(tour::TABLE);
        table.to_string_lossy().into_owned()
    });
    real.step(
        "Set generated weather beside the real",
        &[
            "data",
            "compare",
            &ours,
            &theirs,
            "--plots",
            "metrics/compare",
        ],
    )?;
    let drawing = |name: &'static str| -> Result<(&'static str, Vec<u8>)> {
        let path = real.folder().join("metrics/compare").join(name);
        let svg = std::fs::read(&path).with_context(|| path.display().to_string())?;
        Ok((name, svg))
    };
    Ok([drawing("wet_days.svg")?, drawing("rain_amounts.svg")?])
}

/// The scores that tables show.
pub fn brief(scores: &Value) -> Value {
    let value = |name: &str| scores["model"][name]["value"].clone();
    json!({
        "roc_auc": value("roc_auc"),
        "pr_auc": value("pr_auc"),
        "brier": value("brier"),
        "accuracy": value("accuracy"),
        "rows": scores["rows"],
    })
}

fn pretty(value: &Value) -> Result<Vec<u8>> {
    Ok(format!("{}\n", serde_json::to_string_pretty(value)?).into_bytes())
}

fn write(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<()> {
    for (name, bytes) in files {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, bytes).with_context(|| path.display().to_string())?;
    }
    println!("\n{} files → {}", files.len(), folder.display());
    Ok(())
}

fn check(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<()> {
    let differs = |(name, bytes): &&(String, Vec<u8>)| {
        std::fs::read(folder.join(name)).map_or(true, |committed| committed != *bytes)
    };
    let different: Vec<&str> = files
        .iter()
        .filter(differs)
        .map(|(name, _)| name.as_str())
        .collect();
    if different.is_empty() {
        println!(
            "\n{} committed metric files are as this run made them",
            files.len()
        );
        return Ok(());
    }
    bail!(
        "not as committed: {}; `cargo xtask metrics --data FILE` writes them again",
        different.join(", ")
    )
}
