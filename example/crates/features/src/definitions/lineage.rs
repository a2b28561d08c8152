//! From a feature back to the columns it is made from.

use std::collections::{BTreeMap, BTreeSet};

use mlops_data::Contract;

use super::{Definitions, View, check::at};

/// The columns that a feature is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Lineage {
    /// Read of today.
    pub today: BTreeSet<String>,
    /// Read of days before, and of the training period.
    pub past: BTreeSet<String>,
}

impl Lineage {
    /// Hour of today from which all of it is known, 0 to 48. Of a day before, what
    /// becomes known at 30 o'clock is known at 6 o'clock of the day after.
    pub fn known_at(&self, contract: &Contract) -> f64 {
        let hour = |column: &String| contract.column(column).map_or(0.0, |rule| rule.known_at);
        let today = self.today.iter().map(hour);
        let past = self.past.iter().map(|column| hour(column) - 24.0);
        today.chain(past).fold(0.0, f64::max)
    }
}

/// The lineage of every feature, or what is wrong with its inputs.
pub(super) fn resolve(
    definitions: &Definitions,
    contract: &Contract,
) -> (BTreeMap<String, Lineage>, Vec<String>) {
    let mut known = BTreeMap::new();
    let mut faults = Vec::new();
    for view in in_order(definitions) {
        for field in &view.fields {
            let mut lineage = Lineage::default();
            for (name, past) in (field.inputs.iter().map(|name| (name, false)))
                .chain(field.past.iter().map(|name| (name, true)))
            {
                let Some(input) = input(definitions, contract, view, name, &known) else {
                    faults.push(at(
                        &field.name,
                        format!(
                            "feature {:?} reads {name:?}, which is no feature and no column of {}",
                            field.name.value,
                            view.from.join(", ")
                        ),
                    ));
                    continue;
                };
                let today = if past {
                    &mut lineage.past
                } else {
                    &mut lineage.today
                };
                today.extend(input.today);
                lineage.past.extend(input.past);
            }
            known.insert(field.name.value.clone(), lineage);
        }
    }
    (known, faults)
}

/// What a name in a view stands for: a feature of a view it is made from, or a column.
fn input(
    definitions: &Definitions,
    contract: &Contract,
    view: &View,
    name: &str,
    known: &BTreeMap<String, Lineage>,
) -> Option<Lineage> {
    for from in &view.from {
        let other = definitions
            .views
            .iter()
            .find(|other| other.name.value == *from);
        if let Some(other) = other {
            if other.fields.iter().any(|field| field.name.value == name) {
                return known.get(name).cloned();
            }
        } else if contract.column(name).is_some() {
            return Some(Lineage {
                today: BTreeSet::from([name.to_string()]),
                past: BTreeSet::new(),
            });
        }
    }
    None
}

/// The views, each after those it is made from. Those in a cycle are not among them.
pub(super) fn in_order(definitions: &Definitions) -> Vec<&View> {
    let mut order: Vec<&View> = Vec::new();
    loop {
        let placed = |name: &String| {
            let is_view = definitions
                .views
                .iter()
                .any(|view| view.name.value == *name);
            !is_view || order.iter().any(|view| view.name.value == *name)
        };
        let next = definitions.views.iter().find(|view| {
            !order
                .iter()
                .any(|placed| placed.name.value == view.name.value)
                && view.from.iter().all(placed)
        });
        match next {
            Some(view) => order.push(view),
            None => return order,
        }
    }
}
