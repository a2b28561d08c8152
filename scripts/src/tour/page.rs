//! The page "Your run": this run's figures and plots beside the committed ones.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::Story;
use super::shell::Shell;
use crate::guide;

const SCORES: [(&str, &str); 6] = [
    ("ROC AUC", "roc_auc"),
    ("PR AUC", "pr_auc"),
    ("Brier score", "brier"),
    ("Log loss", "log_loss"),
    ("Accuracy", "accuracy"),
    ("F1", "f1"),
];
const PLOTS: [(&str, &str); 5] = [
    ("roc.svg", "Recall against the false positive rate"),
    ("precision_recall.svg", "Precision against recall"),
    (
        "calibration.svg",
        "Observed share of rain against the probability given",
    ),
    ("confusion.svg", "Decisions against what came"),
    ("importance.svg", "Share of each feature in the model"),
];

/// Builds the guide with the page into the scratch folder; says where.
///
/// # Errors
/// If the guide doesn't build.
pub fn build(root: &Path, scratch: &Path, story: &Story, shell: &Shell) -> Result<PathBuf> {
    let built = guide::build(&guide::BuildOptions {
        output: scratch.join("guide"),
        site: Some("http://127.0.0.1:3000/".into()),
        extra_pages: vec![guide::Page {
            path: "your-run.md".into(),
            title: "Your run".into(),
            markdown: markdown(root, story, shell)?,
        }],
        run: Some(scratch.to_path_buf()),
        ..guide::BuildOptions::new(root)
    })?;
    Ok(built.output)
}

fn markdown(root: &Path, story: &Story, shell: &Shell) -> Result<String> {
    // What is committed of the same kind of data.
    let (folder, kind) = if story.is_real {
        ("metrics", "real")
    } else {
        ("metrics/generated", "generated")
    };
    let committed = read(&root.join("example").join(folder).join("scores.json"))?;
    let mut page = format!(
        "# Your run\n\nThis page is not on the published site: `cargo xtask tour` wrote it from what it \
         did on your machine just now. It sets your figures beside the committed ones, which come from \
         {kind} data.\n\n## Scores\n\n"
    );
    scores(&mut page, &story.scores, &committed)?;
    page.push_str("\n## Plots\n\nYours first, then the committed one.\n\n");
    for (file, text) in PLOTS {
        write!(
            page,
            "{{{{#plot run:metrics/{file} \"Your run: {text}\"}}}}\n\n"
        )?;
        write!(
            page,
            "{{{{#plot {folder}/{file} \"Committed: {text}\"}}}}\n\n"
        )?;
    }
    answers(&mut page, story)?;
    fault(&mut page, story)?;
    steps(&mut page, shell)?;
    Ok(page)
}

fn scores(page: &mut String, yours: &Value, committed: &Value) -> Result<()> {
    page.push_str(
        "| | Your run | 95 % interval | Committed | Same bytes |\n|---|---|---|---|---|\n",
    );
    for (label, name) in SCORES {
        let [mine, theirs] = [yours, committed].map(|scores| {
            let estimate = &scores["model"][name];
            ["value", "low", "high"].map(|part| estimate[part].as_f64().unwrap_or(f64::NAN))
        });
        let same = if mine == theirs { "yes" } else { "no" };
        writeln!(
            page,
            "| {label} | {:.4} | {:.4} to {:.4} | {:.4} | {same} |",
            mine[0], mine[1], mine[2], theirs[0]
        )?;
    }
    let hash = |scores: &Value| {
        scores["model_sha256"]
            .as_str()
            .unwrap_or("?")
            .chars()
            .take(12)
            .collect::<String>()
    };
    writeln!(
        page,
        "| Model (SHA-256) | `{}` | | `{}` | |",
        hash(yours),
        hash(committed)
    )?;
    Ok(())
}

fn answers(page: &mut String, story: &Story) -> Result<()> {
    page.push_str(
        "## Answers over HTTP\n\nThe online store was filled with all days but the last, and the last day's \
         observations came as requests. `rain predict` says the same of them, to the bit.\n\n",
    );
    page.push_str("| Day | Station | Probability of rain | Decision |\n|---|---|---|---|\n");
    for (observation, answer) in &story.answers {
        let text = |value: &Value| value.as_str().unwrap_or("?").to_string();
        writeln!(
            page,
            "| {} | {} | {:.3} | {} |",
            text(&observation["Date"]),
            text(&observation["Location"]),
            answer["probability"].as_f64().unwrap_or(f64::NAN),
            text(&answer["decision"])
        )?;
    }
    Ok(())
}

fn fault(page: &mut String, story: &Story) -> Result<()> {
    writeln!(
        page,
        "\n## A sensor breaks\n\nFrom {} on, {}. Every value stays possible, so the contract passes; \
         the drift test finds it.\n\n{{{{#plot run:metrics/drift.svg \"How far each column moved\"}}}}\n\n\
         | | Days | ROC AUC | Brier score |\n|---|---|---|---|",
        super::FAULT_DAY,
        super::FAULT_STORY
    )?;
    for quality in &story.quality {
        writeln!(
            page,
            "| {} | {} to {} | {:.4} | {:.4} |",
            quality.label, quality.days[0], quality.days[1], quality.roc_auc, quality.brier
        )?;
    }
    Ok(())
}

fn steps(page: &mut String, shell: &Shell) -> Result<()> {
    page.push_str("\n## What was run\n\n");
    for step in &shell.steps {
        writeln!(
            page,
            "<details>\n<summary>{} ({:.1} s)</summary>\n\n```console\n$ {}\n{}\n```\n\n</details>\n",
            step.title,
            step.seconds,
            step.command,
            step.output.trim_end()
        )?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}
