//! `features get-online`: features of the latest observations in the online store.

use std::path::Path;

use mlops_data::calendar::format_iso;
use mlops_features::online::{OnlineVector, OnlineWindows, Status, get_online_features};
use mlops_features::{FeatureService, FeatureState, Observation};
use mlops_serving::Inference;
use serde::Serialize;

use super::super::super::needs;
use super::super::timing::Timing;
use super::super::{declared, sidecar};
use super::Here;
use crate::{Context, Outcome, Project};

/// The features that are asked for, and what they learned.
pub(super) fn features<P: Project>(
    project: &P,
    here: &Here,
    model: Option<&Path>,
    table: &Path,
    context: &Context,
) -> Outcome<(FeatureService<P::Observation>, FeatureState)> {
    if let Some(model) = model {
        needs(model, "train")?;
        let model = Inference::open(model, &project.registry(), here.contract.clone())?;
        return Ok(model.into_features());
    }
    let service = declared(project, &here.params, context, &here.contract)?;
    Ok((service, sidecar::state(table)?))
}

#[derive(Serialize)]
struct Answer {
    features: Vec<String>,
    results: Vec<Given>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timing: Option<Timing>,
}

#[derive(Serialize)]
struct Given {
    entity: String,
    event: Option<String>,
    values: Vec<Option<f32>>,
    statuses: Vec<Status>,
}

pub(super) fn run<O: Observation>(
    here: &Here,
    service: &FeatureService<O>,
    state: &FeatureState,
    (entities, now, repeat): (&[String], i64, usize),
    context: &Context,
) -> Outcome<()> {
    let extent = service.extent();
    here.store.check_keep(extent)?;
    let source = here.definitions.source_of(service.name())?;
    let view = source.name.value.as_str();
    let windows = OnlineWindows::new(&*here.store, view, &state.reference, extent);
    let windows = windows.by(service.clocks());
    let ttl: Vec<u16> = service
        .features()
        .iter()
        .map(|feature| {
            let view = here.definitions.find(&feature.name);
            view.map_or(0, |(view, _)| view.ttl_days)
        })
        .collect();
    let answer = |entity: &String| -> Outcome<OnlineVector> {
        let vector = get_online_features(&windows, service, &ttl, entity, now);
        Ok(vector?)
    };
    let results = entities.iter().map(answer);
    let results = results.collect::<Outcome<Vec<OnlineVector>>>()?;
    let timing = Timing::of(entities.iter().cycle().take(repeat), answer)?;
    let names = service.names();
    let text = results.iter().map(|vector| shown(vector, &names));
    let mut text = text.collect::<Vec<_>>().join("\n");
    if let Some(timing) = &timing {
        text.push_str(&format!("\n{timing}"));
    }
    let answer = Answer {
        features: names,
        results: results.into_iter().map(Given::from).collect(),
        timing,
    };
    Ok(context.output.show(&answer, text)?)
}

impl From<OnlineVector> for Given {
    fn from(vector: OnlineVector) -> Self {
        Given {
            entity: vector.entity,
            event: vector.event.map(format_iso),
            values: vector.values,
            statuses: vector.statuses,
        }
    }
}

/// A vector for people: what isn't there is said, not left out.
fn shown(vector: &OnlineVector, names: &[String]) -> String {
    let Some(event) = vector.event else {
        return format!("{}: nothing is known of it\n", vector.entity);
    };
    let mut text = format!("{}, {}\n", vector.entity, format_iso(event));
    let width = names.iter().map(String::len).max().unwrap_or(0);
    for ((name, value), status) in names.iter().zip(&vector.values).zip(&vector.statuses) {
        let value = match (value, status) {
            (Some(value), _) => value.to_string(),
            (None, Status::OutsideMaxAge) => "too old".into(),
            (None, _) => "missing".into(),
        };
        text.push_str(&format!("  {name:<width$}  {value}\n"));
    }
    if vector.statuses.contains(&Status::OutsideMaxAge) {
        let event = format_iso(event);
        let day = event.get(..10).unwrap_or(&event);
        text.push_str(&format!(
            "  too old: older than the view's ttl allows; `--now {day}` asks as of that day's end\n"
        ));
    }
    text
}
