//! `report`: what a change does, as a comment for its pull request.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use mlops_data::Contract;
use mlops_features::Definitions;
use mlops_features::definitions::{Action, Applied, Kind, Plan, Uses};
use mlops_monitoring::DriftReport;
use mlops_pipeline::report::{Declared, Drawings, Layout, Report};
use mlops_repository::posix_path;
use mlops_versioning::Repository;
use serde_json::json;

use crate::output::print;
use crate::{Context, Failure, Outcome, Project};

const FEATURES: &str = "features.yaml";
const CONTRACT: &str = "contract.yaml";

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// What the change goes into: a branch, tag or commit
    #[arg(long, value_name = "REVISION")]
    pub base: String,
    /// The change: a branch, tag or commit; without, the workspace
    #[arg(long, value_name = "REVISION", default_value = "workspace")]
    pub head: String,
    /// Where the report goes; without, to standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// Where drawings of both sides and a page of them go
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub plots: Option<PathBuf>,
    /// The address that readers find the page at, instead of drawings in the report
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub plots_url: Option<String>,
    /// What `drift --report` wrote, to be shown with the data
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub drift: Option<PathBuf>,
}

pub(crate) fn run(
    project: &impl Project,
    arguments: &ReportArguments,
    context: &Context,
) -> Outcome<()> {
    let here = std::env::current_dir().map_err(anyhow::Error::from)?;
    let repository = Repository::find(&here)?;
    let report = Report::new(&repository, &arguments.base, &arguments.head)?;
    if let Some(folder) = &arguments.plots {
        for (name, svg) in report.pictures.files() {
            super::write_file(&folder.join(name), svg.as_bytes())?;
        }
        let title = format!("{} and {}", report.base.name, report.head.name);
        let page = report.pictures.page(&title);
        super::write_file(&folder.join("index.html"), page.as_bytes())?;
    }
    let folder = arguments
        .plots
        .as_deref()
        .map(|plots| seen_from(arguments.out.as_deref(), plots));
    let drawings = match (&arguments.plots_url, &folder) {
        (Some(address), _) => Drawings::Page(address),
        (None, Some(folder)) => Drawings::Folder(folder),
        (None, None) => Drawings::None,
    };
    let drift = arguments.drift.as_deref().map(read_drift).transpose()?;
    let declared = features(&repository, &report)?;
    let markdown = report.markdown(Layout {
        declared: &declared,
        drift: drift.as_deref(),
        program: project.name(),
        drawings,
    });
    if let Some(file) = &arguments.out {
        super::write_file(file, markdown.as_bytes())?;
    }
    let tally = report.tally();
    if context.output.is_json() {
        let result = json!({
            "base": { "name": report.base.name, "commit": report.base.commit },
            "head": { "name": report.head.name, "commit": report.head.commit },
            "better": tally.better,
            "worse": tally.worse,
            "within_noise": tally.within_noise,
            "report": arguments.out,
            "markdown": arguments.out.is_none().then_some(&markdown),
        });
        return Ok(context.output.show(&result, "")?);
    }
    let text = match &arguments.out {
        None => markdown,
        Some(file) => format!(
            "{}: scores better {}, worse {}, within the noise {}\n",
            file.display(),
            tally.better,
            tally.worse,
            tally.within_noise
        ),
    };
    Ok(print(&text)?)
}

/// What changed in features.yaml; what isn't sound in one of the states is named as not compared.
fn features(repository: &Repository, report: &Report) -> Outcome<Vec<Declared>> {
    let features = report.texts(repository, FEATURES)?;
    let contracts = report.texts(repository, CONTRACT)?;
    if features[0] == features[1] {
        return Ok(Vec::new());
    }
    let applied = |at: usize| -> anyhow::Result<Option<Applied>> {
        let (Some(features), Some(contract)) = (&features[at], &contracts[at]) else {
            return Ok(None);
        };
        let contract = Contract::parse(contract, Path::new(CONTRACT))?;
        let definitions = Definitions::parse(features, Path::new(FEATURES), &contract)?;
        Ok(Some(Applied::new(&definitions)?))
    };
    let (old, new) = match (applied(0), applied(1)) {
        (Ok(Some(old)), Ok(Some(new))) => (old, new),
        (Err(why), _) | (_, Err(why)) => {
            return Ok(vec![Declared {
                kind: "file".to_owned(),
                name: format!("{FEATURES}: {why}"),
                change: "not compared".to_owned(),
            }]);
        }
        _ => return Ok(Vec::new()),
    };
    let plan = Plan::new(Some((0, &old)), &new, &Uses::default());
    let declared = plan.changes.into_iter().map(|change| Declared {
        kind: match (change.kind, &change.view) {
            (Kind::Feature, Some(_)) => "feature of".to_owned(),
            (kind, _) => kind.name().to_owned(),
        },
        name: match &change.view {
            Some(view) => format!("{view}: {}", change.name),
            None => change.name,
        },
        change: match change.action {
            Action::Added => "added".to_owned(),
            Action::Removed => "removed".to_owned(),
            Action::Changed { fields } => {
                let fields: Vec<String> = fields.into_iter().map(|field| field.field).collect();
                format!("changed: {}", fields.join(", "))
            }
        },
    });
    Ok(declared.collect())
}

/// The summary of a comparison of two tables.
fn read_drift(file: &Path) -> Outcome<String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::user(anyhow::anyhow!("{}: {error}", file.display())))?;
    let report: DriftReport = serde_json::from_str(&text).map_err(|error| {
        Failure::user(anyhow::anyhow!(
            "{}: {error}; what `drift --report` writes is expected",
            file.display()
        ))
    })?;
    Ok(report.to_string())
}

/// A folder as seen from where the report lies; both are given from here.
fn seen_from(report: Option<&Path>, folder: &Path) -> String {
    let name = |path: &Path| posix_path::join("", &path.to_string_lossy());
    match report.and_then(Path::parent) {
        Some(parent) if parent.is_absolute() == folder.is_absolute() => {
            posix_path::relative(&name(folder), &name(parent))
        }
        _ => folder.to_string_lossy().into_owned(),
    }
}
