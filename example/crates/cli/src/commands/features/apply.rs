//! What features.yaml declares, held against what was applied last, and kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueHint};
use mlops_features::definitions::{Action, Change, Kind, Plan, Uses};
use mlops_features::offline::OfflineStore;
use mlops_features::{Definitions, FeatureState};
use mlops_learning::model_file;
use serde::Serialize;
use serde_json::Value;

use super::stored::open_store;
use crate::params::Params;
use crate::{Context, Failure, Outcome};

#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    /// End with exit code 1 if something would change
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    guard: GuardArguments,
}

#[derive(Debug, Args)]
pub(crate) struct GuardArguments {
    /// Let go of this name although something still uses it (repeatable)
    #[arg(long, value_name = "NAME")]
    allow: Vec<String>,
    /// The model in use, if there is one
    #[arg(long, default_value = "models/model.bin", value_hint = ValueHint::FilePath)]
    model: PathBuf,
}

/// What plan and apply hold against each other.
struct Here {
    definitions: Definitions,
    store: OfflineStore,
    bucket: String,
    uses: Uses,
    model: Option<ModelInUse>,
}

impl Here {
    fn open(arguments: &GuardArguments, context: &Context) -> Outcome<Here> {
        let params = context.params()?;
        let definitions = context.definitions(&context.contract()?)?;
        let model = ModelInUse::read(&arguments.model, &definitions, &params)?;
        let mut services = BTreeMap::new();
        if let Some(model) = &model {
            services.insert(model.service.clone(), model.file.clone());
        }
        services.insert(params.features.service, "params.yaml".into());
        Ok(Here {
            store: open_store(&params.bucket)?,
            bucket: params.bucket,
            uses: Uses {
                services,
                allowed: arguments.allow.iter().cloned().collect(),
                ..Uses::default()
            },
            definitions,
            model,
        })
    }
}

/// The definitions that a model was trained on, and what features.yaml makes of them.
#[derive(Serialize)]
struct ModelInUse {
    file: String,
    service: String,
    trained_on: String,
    /// The service's version now; `None` if there is no such service.
    declared: Option<String>,
}

impl ModelInUse {
    /// `None` if there is no such file.
    fn read(
        path: &Path,
        definitions: &Definitions,
        params: &Params,
    ) -> Outcome<Option<ModelInUse>> {
        if !path.exists() {
            return Ok(None);
        }
        let file = path.display().to_string();
        let bytes = std::fs::read(path).with_context(|| file.clone())?;
        let unsound = |error: anyhow::Error| {
            Failure::user(error.context(format!(
                "{file}: train it again, or name another with --model"
            )))
        };
        let metadata = model_file::decode(&bytes)
            .map_err(|error| unsound(error.into()))?
            .metadata;
        let state: FeatureState =
            serde_json::from_str(&metadata.feature_state).map_err(|error| unsound(error.into()))?;
        let service = metadata.feature_service;
        let declared = match definitions.service(&service) {
            Ok(declared) => Some(definitions.hash(declared, &params.features.without)?),
            Err(_) => None,
        };
        Ok(Some(ModelInUse {
            file,
            service,
            trained_on: state.version,
            declared,
        }))
    }

    fn text(&self) -> String {
        let ModelInUse { file, service, .. } = self;
        let trained_on = short(&self.trained_on);
        match &self.declared {
            None => format!("{file} was trained on service {service}, which is gone"),
            Some(now) if *now == self.trained_on => {
                format!(
                    "{file} was trained on service {service} as it is now, version {trained_on}"
                )
            }
            Some(now) => format!(
                "{file} was trained on version {trained_on} of service {service}, which is {} now: build and train again",
                short(now)
            ),
        }
    }
}

#[derive(Serialize)]
struct Planned<'a> {
    bucket: &'a str,
    #[serde(flatten)]
    plan: &'a Plan,
    model: &'a Option<ModelInUse>,
}

/// Whether something would change and the exit code is to say so.
pub(super) fn plan(arguments: &PlanArguments, context: &Context) -> Outcome<bool> {
    let here = Here::open(&arguments.guard, context)?;
    let plan = here.store.plan(&here.definitions, &here.uses)?;
    let planned = Planned {
        bucket: &here.bucket,
        plan: &plan,
        model: &here.model,
    };
    let mut text = text(&plan, &here);
    if let Some(model) = &here.model {
        text.push_str(&format!("\n{}", model.text()));
    }
    context.output.show(&planned, text)?;
    if plan.refused.is_empty() {
        return Ok(arguments.exit_code && !plan.is_empty());
    }
    let reasons: Vec<&str> = plan
        .refused
        .iter()
        .map(|refused| refused.message.as_str())
        .collect();
    Err(Failure::user(anyhow!(
        "`features apply` would refuse this\n{}",
        reasons.join("\n")
    )))
}

#[derive(Serialize)]
struct Kept<'a> {
    bucket: &'a str,
    /// The record that was written, if there was something to write.
    number: Option<u64>,
    #[serde(flatten)]
    plan: &'a Plan,
}

pub(super) fn apply(arguments: &GuardArguments, context: &Context) -> Outcome<()> {
    let here = Here::open(arguments, context)?;
    let (plan, number) = here.store.apply(&here.definitions, &here.uses)?;
    let kept = Kept {
        bucket: &here.bucket,
        number,
        plan: &plan,
    };
    let mut text = text(&plan, &here);
    if let Some(number) = number {
        text.push_str(&format!(
            "\napplied as definitions {number} in {}",
            here.bucket
        ));
    }
    Ok(context.output.show(&kept, text)?)
}

/// What a plan changes, for people.
fn text(plan: &Plan, here: &Here) -> String {
    let mut text = match (plan.since, plan.is_empty()) {
        (Some(number), true) => format!("no changes since definitions {number} in {}", here.bucket),
        (None, true) => "nothing is declared".into(),
        (Some(number), false) => format!("changes since definitions {number} in {}\n", here.bucket),
        (None, false) => format!("nothing was applied in {} yet: all is new\n", here.bucket),
    };
    for change in &plan.changes {
        // A view that comes or goes does so with all of its features.
        let of_view = change.view.as_ref().and_then(|view| named(plan, view));
        match (&change.action, of_view.map(|view| &view.action)) {
            (Action::Added, Some(Action::Added)) | (Action::Removed, Some(Action::Removed)) => {}
            _ => text.push_str(&line(change, plan)),
        }
    }
    text.trim_end().into()
}

fn named<'a>(plan: &'a Plan, view: &str) -> Option<&'a Change> {
    let mut views = plan.changes.iter();
    views
        .find(|change| matches!(change.kind, Kind::View | Kind::DerivedView) && change.name == view)
}

fn line(change: &Change, plan: &Plan) -> String {
    let sign = match change.action {
        Action::Added => '+',
        Action::Removed => '-',
        Action::Changed { .. } => '~',
    };
    let mut text = format!("  {sign} {} {}", change.kind.name(), change.name);
    if let Some(view) = &change.view {
        text.push_str(&format!(" of view {view}"));
    }
    let with = plan
        .changes
        .iter()
        .filter(|other| other.view.as_ref() == Some(&change.name) && other.action == change.action);
    match with.count() {
        0 => {}
        count => text.push_str(&format!(", {count} features")),
    }
    text.push('\n');
    if let Action::Changed { fields } = &change.action {
        for field in fields {
            text.push_str(&match field.field.as_str() {
                "version" => format!(
                    "      version: {} → {}, so it needs a new table and a new model\n",
                    value(&field.from),
                    value(&field.to)
                ),
                "order" => "      its features stand in another order\n".into(),
                name => format!("      {name}: {}\n", difference(&field.from, &field.to)),
            });
        }
    }
    text
}

/// Of lists, what came and went; of anything else, both.
fn difference(from: &Value, to: &Value) -> String {
    let (Value::Array(old), Value::Array(new)) = (from, to) else {
        return format!("{} → {}", value(from), value(to));
    };
    let gone = old.iter().filter(|one| !new.contains(one));
    let gone = gone.map(|one| format!("-{}", value(one)));
    let came = new.iter().filter(|one| !old.contains(one));
    let came = came.map(|one| format!("+{}", value(one)));
    match gone.chain(came).collect::<Vec<_>>() {
        differ if differ.is_empty() => "another order".into(),
        differ => differ.join(" "),
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::String(text) if text.is_empty() => "none".into(),
        Value::String(text) => short(text).into(),
        other => other.to_string(),
    }
}

/// A hash by its beginning; any other text as it is.
fn short(text: &str) -> &str {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.get(..12).filter(|_| is_hash).unwrap_or(text)
}
