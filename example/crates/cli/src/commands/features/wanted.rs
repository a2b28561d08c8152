//! Which views hold the features asked for.

use mlops_features::definitions::{Definitions, StoredView};

use crate::{Failure, Outcome};

/// A view of which features are wanted.
pub(super) enum Place<'a> {
    /// Its values stand in the feature table; they count for so many days, 0 for ever.
    Computed { view: &'a str, ttl_days: u16 },
    /// Somebody else has made its values.
    Stored(&'a StoredView),
}

/// What is wanted of a view.
pub(super) struct Wanted<'a> {
    pub place: Place<'a>,
    pub fields: Vec<String>,
}

/// The features of a service.
pub(super) fn of_service<'a>(
    definitions: &'a Definitions,
    service: &str,
) -> Outcome<Vec<Wanted<'a>>> {
    let mut wanted = Vec::new();
    for (view, field) in definitions.features(definitions.service(service)?, &[])? {
        let place = Place::Computed {
            view: &view.name.value,
            ttl_days: view.ttl_days,
        };
        add(&mut wanted, place, vec![field.name.value.clone()]);
    }
    Ok(wanted)
}

/// What is asked for one by one: a view, a feature of one as `view:feature`, or a computed feature.
pub(super) fn by_name<'a>(
    definitions: &'a Definitions,
    asked: &[String],
) -> Outcome<Vec<Wanted<'a>>> {
    let mut wanted = Vec::new();
    for asked in asked {
        let (name, field) = match asked.split_once(':') {
            Some((view, field)) => (view, Some(field)),
            None => (asked.as_str(), None),
        };
        let (place, fields) = find(definitions, name).ok_or_else(|| {
            let computed = definitions.views.iter().map(|view| &view.name.value);
            let stored = definitions.tables.iter().map(|table| &table.name.value);
            unknown(asked, "view or feature", computed.chain(stored))
        })?;
        let fields = match field {
            None => fields,
            Some(field) if fields.iter().any(|known| known == field) => vec![field.into()],
            Some(_) => return Err(unknown(asked, "feature in this view", fields.iter())),
        };
        add(&mut wanted, place, fields);
    }
    Ok(wanted)
}

fn find<'a>(definitions: &'a Definitions, name: &str) -> Option<(Place<'a>, Vec<String>)> {
    if let Some(table) = definitions
        .tables
        .iter()
        .find(|table| table.name.value == name)
    {
        return Some((Place::Stored(table), table.fields.clone()));
    }
    let (view, fields) = definitions.find(name)?;
    let place = Place::Computed {
        view: &view.name.value,
        ttl_days: view.ttl_days,
    };
    let names = fields.iter().map(|field| field.name.value.clone());
    Some((place, names.collect()))
}

/// Adds to what is wanted of a view already, or puts it behind the others.
fn add<'a>(wanted: &mut Vec<Wanted<'a>>, place: Place<'a>, fields: Vec<String>) {
    let name = place.view();
    match wanted.iter_mut().find(|known| known.place.view() == name) {
        Some(known) => known.fields.extend(fields),
        None => wanted.push(Wanted { place, fields }),
    }
}

fn unknown<'a>(asked: &str, what: &str, known: impl Iterator<Item = &'a String>) -> Failure {
    let known: Vec<&str> = known.map(String::as_str).collect();
    Failure::user(anyhow::anyhow!(
        "--features {asked}: there is no such {what}; there are {}",
        known.join(", ")
    ))
}

impl<'a> Place<'a> {
    /// The view's name.
    pub fn view(&self) -> &'a str {
        match self {
            Place::Computed { view, .. } => view,
            Place::Stored(table) => &table.name.value,
        }
    }
}
