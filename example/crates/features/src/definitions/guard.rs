//! What must not be taken away from under those who use it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_saphyr::Spanned;

use super::{Applied, Definitions, Service, StoredView};

/// Who uses what is declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    /// Services in use, each with who uses it: a file, say.
    pub services: BTreeMap<String, String>,
    /// What the buckets have of views.
    pub tables: Vec<KeptTable>,
    /// Names that may be taken away or declared otherwise, whoever uses them.
    pub allowed: BTreeSet<String>,
}

/// A table in a bucket, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptTable {
    /// The URL of the bucket, as it is declared.
    pub bucket: String,
    /// Its name there.
    pub name: String,
    /// The number of its rows.
    pub rows: usize,
    /// Its columns.
    pub columns: Vec<String>,
}

/// Something that must not be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The name it is about: allow it, and it is let through.
    pub name: String,
    /// Who still uses it, and what to do.
    pub message: String,
}

/// Everything in `next` that breaks what still uses it.
pub(super) fn refusals(before: Option<&Applied>, next: &Definitions, uses: &Uses) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if let Some(before) = before {
        let before = &before.definitions;
        features(before, next, &mut refusals);
        services(before, next, uses, &mut refusals);
        tables(before, next, uses, &mut refusals);
    }
    columns(next, uses, &mut refusals);
    refusals.retain(|refusal| !uses.allowed.contains(&refusal.name));
    refusals
}

fn refuse(refusals: &mut Vec<Refusal>, name: &str, message: String) {
    refusals.push(Refusal {
        name: name.into(),
        message: format!("{message}; or let go of it with `--allow {name}`"),
    });
}

fn named<'a, T>(
    all: &'a [T],
    name: impl Fn(&T) -> &Spanned<String>,
    wanted: &str,
) -> Option<&'a T> {
    all.iter().find(|one| name(one).value == wanted)
}

/// Features that are gone or have another type, though a service that had them still asks for them.
fn features(before: &Definitions, next: &Definitions, refusals: &mut Vec<Refusal>) {
    for view in &before.views {
        for field in &view.fields {
            let name = &field.name.value;
            let mut declared = next.views.iter().flat_map(|view| &view.fields);
            match declared.find(|field| field.name.value == *name) {
                None => {
                    let asking = asking(before, next, name, |service| {
                        // By its own name it would be an unknown one: that is refused before.
                        let mut asked = service.features.iter();
                        asked.any(|asked| asked.value == view.name.value)
                    });
                    if !asking.is_empty() {
                        let message = format!(
                            "feature {name:?} is gone from view {:?}, and all of that view is asked for by {asking}: leave it out there with `except: [{name}]` and apply that first",
                            view.name.value
                        );
                        refuse(refusals, name, message);
                    }
                }
                Some(now) if now.kind != field.kind => {
                    let asking = asking(before, next, name, |service| {
                        let features = next.features(service, &[]).unwrap_or_default();
                        features.iter().any(|(_, field)| field.name.value == *name)
                    });
                    if !asking.is_empty() {
                        let message = format!(
                            "feature {name:?} was a {} and is a {} now, and it is asked for by {asking}: give the new one another name",
                            field.kind.name(),
                            now.kind.name()
                        );
                        refuse(refusals, name, message);
                    }
                }
                Some(_) => {}
            }
        }
    }
}

/// The services that had the feature when they were applied, and of which `still` holds now.
fn asking(
    before: &Definitions,
    next: &Definitions,
    feature: &str,
    still: impl Fn(&Service) -> bool,
) -> String {
    let had = |service: &&Service| {
        let features = before.features(service, &[]).unwrap_or_default();
        features
            .iter()
            .any(|(_, field)| field.name.value == feature)
    };
    let names: Vec<String> = before
        .services
        .iter()
        .filter(had)
        .filter_map(|service| named(&next.services, |one| &one.name, &service.name.value))
        .filter(|service| still(service))
        .map(|service| format!("service {:?}", service.name.value))
        .collect();
    names.join(" and ")
}

/// Services that are gone, though somebody uses them.
fn services(before: &Definitions, next: &Definitions, uses: &Uses, refusals: &mut Vec<Refusal>) {
    for service in &before.services {
        let name = &service.name.value;
        if named(&next.services, |one| &one.name, name).is_some() {
            continue;
        }
        if let Some(user) = uses.services.get(name) {
            let message = format!(
                "service {name:?} is gone, and {user} uses it: declare it again, or let {user} use another first"
            );
            refuse(refusals, name, message);
        }
    }
}

/// Views that are gone or stand elsewhere, or have lost features, though their bucket still has the values.
fn tables(before: &Definitions, next: &Definitions, uses: &Uses, refusals: &mut Vec<Refusal>) {
    for view in &before.tables {
        let Some(kept) = kept(view, uses).filter(|kept| kept.rows > 0) else {
            continue;
        };
        let name = &view.name.value;
        let now = named(&next.tables, |one| &one.name, name);
        let Some(now) = now.filter(|now| now.bucket == view.bucket) else {
            let message = format!(
                "table {name:?} would be out of reach, and {} has {} rows of it: declare it again",
                kept.bucket, kept.rows
            );
            refuse(refusals, name, message);
            continue;
        };
        for field in view
            .fields
            .iter()
            .filter(|field| !now.fields.contains(field))
        {
            if kept.columns.contains(field) {
                let message = format!(
                    "feature {field:?} is gone from table {name:?}, and its values are still in {}: import a table without it first",
                    kept.bucket
                );
                refuse(refusals, field, message);
            }
        }
    }
}

/// Columns that a view declares and its values in the bucket don't have.
fn columns(next: &Definitions, uses: &Uses, refusals: &mut Vec<Refusal>) {
    for view in &next.tables {
        let Some(kept) = kept(view, uses) else {
            continue;
        };
        let times = view.created.iter().chain([&view.event]);
        for column in view.keys.iter().chain(times).chain(&view.fields) {
            if !kept.columns.contains(column) {
                let message = format!(
                    "table {:?} declares column {column:?}, which its values in {} don't have: import values that do first",
                    view.name.value, kept.bucket
                );
                refuse(refusals, column, message);
            }
        }
    }
}

/// What the bucket has of a view.
fn kept<'a>(view: &StoredView, uses: &'a Uses) -> Option<&'a KeptTable> {
    let bucket = view.bucket.as_ref()?;
    uses.tables
        .iter()
        .find(|kept| kept.bucket == *bucket && kept.name == view.name.value)
}
