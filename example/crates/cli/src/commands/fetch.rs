use std::path::{Path, PathBuf};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mlops_data::{FetchOptions, Imported};
use serde::{Deserialize, Serialize};

use crate::arguments::FetchArguments;
use crate::output::thousands;
use crate::params::from_yaml;
use crate::{Context, Failure, Outcome};

/// What DVC keeps of a file that is too large for Git.
#[derive(Deserialize)]
struct Pin {
    outs: Vec<PinnedFile>,
}

#[derive(Deserialize)]
struct PinnedFile {
    md5: String,
}

pub(super) fn import(file: &Path, replace: bool, context: Context) -> Outcome<()> {
    let destination = context.params()?.data.file;
    if !replace && destination.exists() && !is_same(file, &destination)? {
        return Err(occupied(&destination, "another file"));
    }
    let imported = mlops_data::import(file, &destination, pinned(&destination)?.as_deref())?;
    show(&imported, &imported, &destination, context)
}

pub(super) fn fetch(arguments: FetchArguments, context: Context) -> Outcome<()> {
    let params = context.params()?.data;
    let Some(url) = arguments.url.or(params.url) else {
        return Err(Failure::user(anyhow::anyhow!(
            "nothing says where to fetch from: give --url, or data.url in params.yaml"
        )));
    };
    if !arguments.replace && params.file.exists() {
        return Err(occupied(&params.file, "a file"));
    }
    let options = FetchOptions {
        expected_md5: pinned(&params.file)?,
        strict: arguments.strict,
        allow_http: arguments.allow_http,
        ..FetchOptions::default()
    };
    let bar = progress_bar();
    let fetched = mlops_data::fetch(&url, &params.file, &options, |done, total| {
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let fetched = fetched?;
    show(&fetched, &fetched.table, &params.file, context)
}

/// What is there may be somebody's only copy.
fn occupied(destination: &Path, what: &str) -> Failure {
    Failure::user(anyhow::anyhow!(
        "{}: {what} is there already: move it away, or give --replace to lose it",
        destination.display()
    ))
}

fn is_same(file: &Path, destination: &Path) -> Outcome<bool> {
    let [one, other] = [file, destination]
        .map(|path| std::fs::read(path).with_context(|| path.display().to_string()));
    Ok(one? == other?)
}

fn show(result: &impl Serialize, table: &Imported, to: &Path, context: Context) -> Outcome<()> {
    let which = match table.as_expected {
        Some(true) => "it is the pinned file",
        Some(false) => "it is NOT the pinned file: expect other figures than the committed ones",
        None => "no file is pinned",
    };
    let text = format!(
        "{} bytes → {}\nmd5 {}: {which}",
        thousands(table.bytes as usize),
        to.display(),
        table.md5
    );
    Ok(context.output.show(result, text)?)
}

/// Shown on a terminal only.
fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{bytes} of {total_bytes} {wide_bar} {bytes_per_sec}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The hash in the `.dvc` file beside the table, if there is one.
fn pinned(file: &Path) -> Outcome<Option<String>> {
    let path = PathBuf::from(format!("{}.dvc", file.display()));
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let pin: Pin = from_yaml(&text)
        .with_context(|| path.display().to_string())
        .map_err(Failure::user)?;
    Ok(pin.outs.into_iter().next().map(|out| out.md5))
}
