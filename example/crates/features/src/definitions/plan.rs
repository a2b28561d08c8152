//! What differs between the definitions that were applied last and those that are declared now.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{Applied, Refusal, Uses, guard};

/// What applying definitions would change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The number of the definitions it was held against; `None` if none were ever applied.
    pub since: Option<u64>,
    /// What would change: first what is there now, in the order of its declaration, then what is gone.
    pub changes: Vec<Change>,
    /// Why it must not be applied, if so.
    pub refused: Vec<Refusal>,
}

/// A difference in one declared thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The view of a feature; `None` of anything else.
    pub view: Option<String>,
    /// What happens to it.
    #[serde(flatten)]
    pub action: Action,
}

/// What is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something that features are about.
    Entity,
    /// Where observations come from.
    Source,
    /// Features that are made from sources alone.
    View,
    /// Features that are made from those of other views.
    DerivedView,
    /// A feature of a view.
    Feature,
    /// A view whose values somebody else has made.
    Table,
    /// The features that a model asks for.
    Service,
}

impl Kind {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Entity => "entity",
            Kind::Source => "source",
            Kind::View => "view",
            Kind::DerivedView => "derived view",
            Kind::Feature => "feature",
            Kind::Table => "table",
            Kind::Service => "service",
        }
    }

    /// A view that becomes a derived one is still the same view.
    fn is_like(self, other: Kind) -> bool {
        let plain = |kind| match kind {
            Kind::DerivedView => Kind::View,
            kind => kind,
        };
        plain(self) == plain(other)
    }
}

/// What happens to a declared thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is declared otherwise.
    Changed {
        /// What of it.
        fields: Vec<FieldChange>,
    },
}

/// A field of a declaration that has another value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// Its name, as in the definitions' file; `version` of a service is its hash, and `order` of a view
    /// the order of its features.
    pub field: String,
    /// What was applied.
    pub from: Value,
    /// What is declared now.
    pub to: Value,
}

impl Plan {
    /// Holds definitions against those that were `applied` last, with their number.
    pub fn new(applied: Option<(u64, &Applied)>, next: &Applied, uses: &Uses) -> Plan {
        let before = applied.map(|(_, applied)| applied);
        Plan {
            since: applied.map(|(number, _)| number),
            changes: changes(before, next),
            refused: guard::refusals(before, &next.definitions, uses),
        }
    }

    /// Whether there is nothing to apply.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// A declared thing with everything that is said of it.
struct Object {
    kind: Kind,
    name: String,
    view: Option<String>,
    /// By name: the order of the changes must not depend on how JSON is kept in memory.
    fields: BTreeMap<String, Value>,
}

impl Object {
    fn new(kind: Kind, declared: impl Serialize) -> Object {
        // Texts, numbers and lists of them: always JSON.
        let mut fields: BTreeMap<String, Value> = match serde_json::to_value(declared) {
            Ok(Value::Object(fields)) => fields.into_iter().collect(),
            _ => BTreeMap::new(),
        };
        let name = match fields.remove("name") {
            Some(Value::String(name)) => name,
            _ => String::new(),
        };
        Object {
            kind,
            name,
            view: None,
            fields,
        }
    }

    fn with(mut self, field: &str, value: Value) -> Object {
        self.fields.insert(field.into(), value);
        self
    }

    fn is_like(&self, other: &Object) -> bool {
        self.kind.is_like(other.kind) && self.name == other.name
    }

    fn change(&self, action: Action) -> Change {
        Change {
            kind: self.kind,
            name: self.name.clone(),
            view: self.view.clone(),
            action,
        }
    }
}

fn objects(applied: &Applied) -> Vec<Object> {
    let definitions = &applied.definitions;
    let mut objects = Vec::new();
    let entities = definitions.entities.iter();
    objects.extend(entities.map(|entity| Object::new(Kind::Entity, entity)));
    let sources = definitions.sources.iter();
    objects.extend(sources.map(|source| Object::new(Kind::Source, source)));
    for view in &definitions.views {
        let made_from_views = definitions
            .views
            .iter()
            .any(|other| view.from.contains(&other.name.value));
        let kind = match made_from_views {
            true => Kind::DerivedView,
            false => Kind::View,
        };
        let order = view.fields.iter().map(|field| field.name.value.clone());
        let mut object = Object::new(kind, view).with("order", order.collect());
        object.fields.remove("fields");
        objects.push(object);
        for field in &view.fields {
            let name = view.name.value.clone();
            let mut feature = Object::new(Kind::Feature, field).with("view", name.clone().into());
            feature.view = Some(name);
            objects.push(feature);
        }
    }
    let tables = definitions.tables.iter();
    objects.extend(tables.map(|table| Object::new(Kind::Table, table)));
    for service in &definitions.services {
        let version = applied.versions.get(&service.name.value);
        let service = Object::new(Kind::Service, service);
        objects.push(service.with("version", version.cloned().into()));
    }
    objects
}

fn changes(before: Option<&Applied>, next: &Applied) -> Vec<Change> {
    let before = before.map(objects).unwrap_or_default();
    let next = objects(next);
    let mut changes = Vec::new();
    for object in &next {
        let Some(old) = before.iter().find(|old| old.is_like(object)) else {
            changes.push(object.change(Action::Added));
            continue;
        };
        let fields = differences(&old.fields, &object.fields);
        if !fields.is_empty() {
            changes.push(object.change(Action::Changed { fields }));
        }
    }
    let gone = before
        .iter()
        .filter(|old| !next.iter().any(|object| object.is_like(old)));
    changes.extend(gone.map(|old| old.change(Action::Removed)));
    changes
}

fn differences(from: &BTreeMap<String, Value>, to: &BTreeMap<String, Value>) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    // Both were written by this program, so both have the same fields.
    for (field, to) in to {
        let from = from.get(field).cloned().unwrap_or_default();
        let same = match field.as_str() {
            "order" => same_order(&from, to),
            _ => from == *to,
        };
        if !same {
            changes.push(FieldChange {
                field: field.clone(),
                from,
                to: to.clone(),
            });
        }
    }
    changes
}

/// Whether those that are in both stand in the same order: which ones came or went is said elsewhere.
fn same_order(from: &Value, to: &Value) -> bool {
    let (Value::Array(from), Value::Array(to)) = (from, to) else {
        return from == to;
    };
    let kept = from.iter().filter(|name| to.contains(name));
    kept.eq(to.iter().filter(|name| from.contains(name)))
}

#[cfg(test)]
mod tests;
