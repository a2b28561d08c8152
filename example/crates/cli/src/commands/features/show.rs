//! What features.yaml declares, and what the features of a table are like, for people.

use std::path::Path;

use mlops_data::Contract;
use mlops_features::definitions::{Clock, Field, Service, View};
use mlops_features::statistics::FeatureStatistics;
use mlops_features::{Definitions, FeatureError, Registry};
use serde::Serialize;

use super::sidecar;
use crate::{Context, Outcome};

/// A feature as it is declared, and what follows from that.
#[derive(Serialize)]
struct Listed<'a> {
    view: &'a str,
    feature: &'a str,
    kind: &'static str,
    unit: &'a str,
    description: &'a str,
    inputs: &'a [String],
    past: &'a [String],
    known_at: f64,
    services: Vec<&'a str>,
    /// Whether the program can compute it.
    function: bool,
}

pub(super) fn list<O>(registry: &Registry<O>, context: &Context) -> Outcome<()> {
    let contract = context.contract()?;
    let definitions = context.definitions(&contract)?;
    let mut all = Vec::new();
    let mut text = String::new();
    for view in &definitions.views {
        text.push_str(&format!("\n{}: {}\n", view.name.value, view.description));
        for field in &view.fields {
            let listed = listed(registry, &definitions, &contract, view, field)?;
            let unit = match listed.unit {
                "" => String::new(),
                unit => format!(", {unit}"),
            };
            let lacks = match listed.function {
                true => "",
                false => " (no function)",
            };
            text.push_str(&format!(
                "  {:<32} {}  {}{unit}{lacks}\n",
                listed.feature,
                hour(listed.known_at),
                listed.description
            ));
            all.push(listed);
        }
    }
    let lacking: Vec<&str> = all
        .iter()
        .filter(|f| !f.function)
        .map(|f| f.feature)
        .collect();
    if !lacking.is_empty() {
        text.push_str(&format!(
            "\nNo function in this program computes {}: write one in the project's code and add it, by that name, to what its `registry()` returns. Until then, `features build` refuses a service that asks for it.\n",
            lacking.join(", ")
        ));
    }
    Ok(context.output.show(&all, text.trim_start())?)
}

/// A time of the day. Of the days before, it may lie before midnight: then it is known anyway.
fn hour(hours: f64) -> String {
    let minutes = (hours * 60.0).round() as u32;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

fn listed<'a, O>(
    registry: &Registry<O>,
    definitions: &'a Definitions,
    contract: &Contract,
    view: &'a View,
    field: &'a Field,
) -> Outcome<Listed<'a>> {
    let name = &field.name.value;
    let mut services = Vec::new();
    for service in &definitions.services {
        let features = definitions.features(service, &[])?;
        if features.iter().any(|(_, other)| other.name.value == *name) {
            services.push(service.name.value.as_str());
        }
    }
    Ok(Listed {
        view: &view.name.value,
        feature: name,
        kind: field.kind.name(),
        unit: &field.unit,
        description: &field.description,
        inputs: &field.inputs,
        past: &field.past,
        known_at: definitions.lineage(name).known_at(contract),
        services,
        function: registry.get(name).is_some(),
    })
}

#[derive(Serialize)]
struct ShownService<'a> {
    service: &'a str,
    description: &'a str,
    issued_at: f64,
    clock: Clock,
    version: String,
    features: Vec<&'a str>,
}

pub(super) fn show<O>(registry: &Registry<O>, name: &str, context: &Context) -> Outcome<()> {
    let contract = context.contract()?;
    let definitions = context.definitions(&contract)?;
    if let Ok(service) = definitions.service(name) {
        return show_service(&definitions, service, context);
    }
    let (view, fields) = find(&definitions, name)?;
    let mut all = Vec::new();
    let mut text = format!(
        "view {}: {}\nof {}, from {}, owned by {}\nreads {} days before, {} neighbours and {} of their days before\n",
        view.name.value,
        view.description,
        view.entity,
        view.from.join(", "),
        if view.owner.is_empty() {
            "nobody"
        } else {
            &view.owner
        },
        view.days,
        view.neighbours,
        view.neighbour_days,
    );
    for field in fields {
        let listed = listed(registry, &definitions, &contract, view, field)?;
        text.push_str(&format!(
            "\n{} ({}{}{}): {}\n  known at {}\n  reads {}\n  asked for by {}\n",
            listed.feature,
            listed.kind,
            if listed.unit.is_empty() { "" } else { ", " },
            listed.unit,
            listed.description,
            hour(listed.known_at),
            reads(listed.inputs, listed.past),
            said(&listed.services),
        ));
        all.push(listed);
    }
    Ok(context.output.show(&all, text.trim_end())?)
}

fn show_service(definitions: &Definitions, service: &Service, context: &Context) -> Outcome<()> {
    let features = definitions.features(service, &[])?;
    let shown = ShownService {
        service: &service.name.value,
        description: &service.description,
        issued_at: service.issued_at,
        clock: service.clock,
        version: definitions.hash(service, &[])?,
        features: features
            .iter()
            .map(|(_, field)| field.name.value.as_str())
            .collect(),
    };
    let has_zones = definitions
        .entities
        .iter()
        .any(|entity| !entity.zones.is_empty());
    let text = format!(
        "service {}: {}\nissued at {}{}, version {}\n{} features: {}",
        shown.service,
        shown.description,
        hour(shown.issued_at),
        match (has_zones, shown.clock) {
            (false, _) => "",
            (true, Clock::Own) => " of each entity's own clock",
            (true, Clock::Latest) => ", when it is that late everywhere",
        },
        &shown.version[..12],
        shown.features.len(),
        shown.features.join(", ")
    );
    Ok(context.output.show(&shown, text)?)
}

fn find<'a>(definitions: &'a Definitions, name: &str) -> Outcome<(&'a View, &'a [Field])> {
    Ok(definitions
        .find(name)
        .ok_or_else(|| FeatureError::Unknown {
            name: name.into(),
            known: definitions
                .views
                .iter()
                .map(|view| view.name.value.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        })?)
}

fn reads(inputs: &[String], past: &[String]) -> String {
    match (inputs, past) {
        ([], past) => format!("of days before {}", past.join(", ")),
        (inputs, []) => inputs.join(", "),
        (inputs, past) => format!("{}; of days before {}", inputs.join(", "), past.join(", ")),
    }
}

fn said(names: &[&str]) -> String {
    match names {
        [] => "no service".into(),
        names => names.join(", "),
    }
}

#[derive(Serialize)]
struct Traced<'a> {
    feature: &'a str,
    today: Vec<String>,
    past: Vec<String>,
}

pub(super) fn lineage(name: &str, context: &Context) -> Outcome<()> {
    let contract = context.contract()?;
    let definitions = context.definitions(&contract)?;
    let features: Vec<&Field> = match definitions.service(name) {
        Ok(service) => {
            let features = definitions.features(service, &[])?;
            features.into_iter().map(|(_, field)| field).collect()
        }
        Err(_) => find(&definitions, name)?.1.iter().collect(),
    };
    let mut text = String::new();
    let mut all = Vec::new();
    for field in features {
        let lineage = definitions.lineage(&field.name.value);
        text.push_str(&format!("{}\n", field.name.value));
        branch(&definitions, field, 1, &mut text);
        all.push(Traced {
            feature: &field.name.value,
            today: lineage.today.into_iter().collect(),
            past: lineage.past.into_iter().collect(),
        });
    }
    Ok(context.output.show(&all, text.trim_end())?)
}

/// What a field reads, and what that reads, a line each.
fn branch(definitions: &Definitions, field: &Field, depth: usize, text: &mut String) {
    let inputs = field.inputs.iter().map(|name| (name, ""));
    let past = field.past.iter().map(|name| (name, " (days before)"));
    for (name, when) in inputs.chain(past) {
        text.push_str(&format!("{}← {name}{when}\n", "  ".repeat(depth)));
        // Views aren't made from each other in circles, so this ends.
        let declared = definitions.views.iter().flat_map(|view| &view.fields);
        if let Some(field) = declared.into_iter().find(|other| other.name.value == *name) {
            branch(definitions, field, depth + 1, text);
        }
    }
}

pub(super) fn stats(table: &Path, context: &Context) -> Outcome<()> {
    let statistics = sidecar::statistics(table)?;
    let mut lines = format!(
        "{:<32} {:>7} {:>9} {:>9} {:>9} {:>9}  from least to greatest\n",
        "", "missing", "mean", "5 %", "median", "95 %"
    );
    for feature in &statistics.features {
        lines.push_str(&line(feature, statistics.rows));
    }
    Ok(context.output.show(&statistics, lines.trim_end())?)
}

fn line(feature: &FeatureStatistics, rows: usize) -> String {
    let missing = 100.0 * feature.missing as f64 / rows.max(1) as f64;
    let start = format!("{:<32} {missing:>5.1} %", feature.name);
    match (&feature.numbers, &feature.histogram) {
        (Some(numbers), Some(histogram)) => {
            let [low, _, median, _, high] = numbers.quantiles;
            format!(
                "{start} {:>9.2} {low:>9.2} {median:>9.2} {high:>9.2}  {}\n",
                numbers.mean,
                histogram.bars().trim_end()
            )
        }
        _ => format!("{start}\n"),
    }
}
