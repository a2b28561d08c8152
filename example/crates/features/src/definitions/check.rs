//! Whether definitions make sense, in themselves and beside the contract.

use std::collections::BTreeMap;

use mlops_data::Contract;
use mlops_data::contract::Kind;
use serde_saphyr::Spanned;

use super::{Definitions, lineage};

/// What clocks on earth are ahead of UTC.
const HOURS: std::ops::RangeInclusive<f64> = -12.0..=14.0;

/// A fault with the line of the name it is about.
pub(super) fn at(name: &Spanned<String>, fault: String) -> String {
    format!("line {}: {fault}", name.referenced.line())
}

/// Everything that is wrong with names, types and references, each with what to do.
pub(super) fn faults(definitions: &Definitions, contract: &Contract) -> Vec<String> {
    let mut faults = Vec::new();
    twice(definitions, &mut faults);
    zones(definitions, contract, &mut faults);
    columns(definitions, contract, &mut faults);
    references(definitions, &mut faults);
    cycles(definitions, &mut faults);
    services(definitions, &mut faults);
    faults
}

fn twice(definitions: &Definitions, faults: &mut Vec<String>) {
    let mut repeated = |what: &str, names: Vec<&Spanned<String>>| {
        let mut first: BTreeMap<&str, &Spanned<String>> = BTreeMap::new();
        for name in names {
            if let Some(before) = first.insert(&name.value, name) {
                faults.push(at(
                    name,
                    format!(
                        "{what} {:?} is declared on line {} already; give one of them another name",
                        name.value,
                        before.referenced.line()
                    ),
                ));
            }
        }
    };
    repeated(
        "entity",
        definitions
            .entities
            .iter()
            .map(|entity| &entity.name)
            .collect(),
    );
    let zones = definitions.entities.iter().flat_map(|entity| &entity.zones);
    repeated("zone", zones.map(|zone| &zone.name).collect());
    repeated(
        "service",
        definitions
            .services
            .iter()
            .map(|service| &service.name)
            .collect(),
    );
    // They are referred to in the same lists.
    let sources = definitions.sources.iter().map(|source| &source.name);
    let views = definitions.views.iter().map(|view| &view.name);
    let tables = definitions.tables.iter().map(|table| &table.name);
    let fields = definitions.views.iter().flat_map(|view| &view.fields);
    let fields = fields.map(|field| &field.name);
    repeated(
        "a source, view or feature",
        sources.chain(views).chain(tables).chain(fields).collect(),
    );
    for table in &definitions.tables {
        if table.file.is_some() == table.bucket.is_some() {
            let name = &table.name;
            let fault = format!("table {:?} needs either `file` or `bucket`", name.value);
            faults.push(at(name, fault));
        }
    }
}

/// Clocks are those of the contract's entities, each of which has one.
fn zones(definitions: &Definitions, contract: &Contract, faults: &mut Vec<String>) {
    let mut first: BTreeMap<&str, &Spanned<String>> = BTreeMap::new();
    for entity in &definitions.entities {
        for zone in &entity.zones {
            let name = &zone.name;
            let mut refuse =
                |fault| faults.push(at(name, format!("zone {:?} {fault}", name.value)));
            if entity.key != contract.entity {
                refuse(format!(
                    "is of entity {:?}, whose key is {:?}: give zones to the entity with the contract's, {:?}",
                    entity.name.value, entity.key, contract.entity
                ));
            }
            let [least, most] = zone.utc.bounds();
            if !(HOURS.contains(&least) && HOURS.contains(&most) && least <= most) {
                refuse(format!(
                    "has clocks {least} to {most} hours ahead of UTC: give a number from {} to {}, or two of them, the lesser first",
                    HOURS.start(),
                    HOURS.end()
                ));
            }
            for entity in &zone.entities {
                if let Some(before) = first.insert(entity, name) {
                    refuse(format!(
                        "has {entity:?}, which is in zone {:?} on line {} already: take it out of one of them",
                        before.value,
                        before.referenced.line()
                    ));
                }
            }
        }
    }
}

fn columns(definitions: &Definitions, contract: &Contract, faults: &mut Vec<String>) {
    let mut column = |name: &Spanned<String>, role: &str, column: &str, kind: Option<Kind>| {
        let what = format!("{role} of {:?} is column {column:?}", name.value);
        match (contract.column(column), kind) {
            (None, _) => faults.push(at(
                name,
                format!("the {what}, which the contract doesn't have"),
            )),
            (Some(rule), Some(kind)) if rule.kind != kind => faults.push(at(
                name,
                format!(
                    "the {what}: the contract says {}, it must be a {}",
                    rule.kind.name(),
                    kind.name()
                ),
            )),
            _ => {}
        }
    };
    for entity in &definitions.entities {
        column(&entity.name, "key", &entity.key, Some(Kind::Category));
    }
    for source in &definitions.sources {
        column(&source.name, "event time", &source.event, Some(Kind::Date));
        if let Some(created) = &source.created {
            column(&source.name, "created time", created, None);
        }
    }
}

fn references(definitions: &Definitions, faults: &mut Vec<String>) {
    for view in &definitions.views {
        if !definitions
            .entities
            .iter()
            .any(|entity| entity.name.value == view.entity)
        {
            faults.push(at(
                &view.name,
                format!(
                    "view {:?} is of entity {:?}, which isn't declared",
                    view.name.value, view.entity
                ),
            ));
        }
        if view.from.is_empty() {
            faults.push(at(
                &view.name,
                format!(
                    "view {:?} is made from nothing; name a source or a view in `from`",
                    view.name.value
                ),
            ));
        }
        for from in &view.from {
            let source = definitions
                .sources
                .iter()
                .any(|source| source.name.value == *from);
            let other = definitions
                .views
                .iter()
                .find(|view| view.name.value == *from);
            if !source && other.is_none() {
                faults.push(at(
                    &view.name,
                    format!(
                        "view {:?} is made from {from:?}, which is neither a source nor a view",
                        view.name.value
                    ),
                ));
            }
            if let Some(other) = other.filter(|other| other.entity != view.entity) {
                faults.push(at(
                    &view.name,
                    format!(
                        "view {:?} is of entity {:?}, but made from {from:?}, which is of {:?}",
                        view.name.value, view.entity, other.entity
                    ),
                ));
            }
        }
    }
}

fn cycles(definitions: &Definitions, faults: &mut Vec<String>) {
    let known = |name: &String| {
        let views = definitions.views.iter().map(|view| &view.name.value);
        views
            .chain(definitions.sources.iter().map(|source| &source.name.value))
            .any(|other| other == name)
    };
    if !definitions
        .views
        .iter()
        .flat_map(|view| &view.from)
        .all(known)
    {
        return; // An unknown name isn't a cycle, and is said already.
    }
    let placed = lineage::in_order(definitions);
    let stuck: Vec<_> = definitions
        .views
        .iter()
        .filter(|view| {
            !placed
                .iter()
                .any(|placed| placed.name.value == view.name.value)
        })
        .collect();
    if let Some(first) = stuck.first() {
        let names: Vec<_> = stuck.iter().map(|view| view.name.value.as_str()).collect();
        faults.push(at(
            &first.name,
            format!(
                "the views {} are made from each other; take one out of a `from`",
                names.join(", ")
            ),
        ));
    }
}

fn services(definitions: &Definitions, faults: &mut Vec<String>) {
    for service in &definitions.services {
        if !(0.0..=24.0).contains(&service.issued_at) {
            faults.push(at(
                &service.name,
                format!(
                    "service {:?} is issued at {}; give an hour from 0 to 24",
                    service.name.value, service.issued_at
                ),
            ));
        }
        for name in service.features.iter().chain(&service.except) {
            if definitions.find(&name.value).is_none() {
                faults.push(at(
                    name,
                    format!(
                        "service {:?} asks for {:?}, which is no feature and no view: take it out, or declare it again",
                        service.name.value, name.value
                    ),
                ));
            }
        }
        if service.features.is_empty() {
            faults.push(at(
                &service.name,
                format!(
                    "service {:?} asks for nothing; name views or features",
                    service.name.value
                ),
            ));
        }
    }
}

// ANCHOR: look-ahead
/// The features of services that aren't known when the forecast is issued.
pub(super) fn look_ahead(definitions: &Definitions, contract: &Contract) -> Vec<String> {
    let mut faults = Vec::new();
    for service in &definitions.services {
        let features = match definitions.features(service, &[]) {
            Ok(features) => features,
            Err(error) => {
                faults.push(at(&service.name, error.to_string()));
                continue;
            }
        };
        for (_, field) in features {
            let known_at = definitions.lineage(&field.name.value).known_at(contract);
            if known_at > service.issued_at {
                faults.push(at(
                    &service.name,
                    format!(
                        "service {:?} is issued at {} o'clock, but feature {:?} is known at {known_at} o'clock: that would be looking ahead; put it into `except`",
                        service.name.value, service.issued_at, field.name.value
                    ),
                ));
            }
        }
    }
    faults
}
// ANCHOR_END: look-ahead
