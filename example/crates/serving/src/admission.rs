//! Which observations may enter the online store. Whoever asks gets an answer; what it sent becomes a part of
//! later answers, so more is asked of it.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mlops_data::calendar::Day;
use mlops_data::{Contract, Table, Values};
use mlops_features::online::{OnlineResult, OnlineStore, Span};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Result, ServingError};

/// Bytes that a text of an observation may have: names of entities go into the store and every log.
const MAX_TEXT_BYTES: usize = 256;
/// Entities that the model has never seen and that requests may add to the store, in all.
const MAX_NEW_ENTITIES: usize = 1000;
/// The note of how many were added.
const NEW_ENTITIES: &str = "entities added by requests";

/// What requests may do to the online store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServingSettings {
    /// Whether observations sent for a forecast are stored. `None`: only where none but this machine can ask.
    pub store_observations: Option<bool>,
    /// Whether observations are stored that have a value outside of the contract's usual range.
    pub store_unusual: bool,
    /// How many days beyond the latest stored one of its entity an observation may be of, to be stored.
    pub days_ahead: u16,
}

impl Default for ServingSettings {
    fn default() -> Self {
        ServingSettings {
            store_observations: None,
            store_unusual: false,
            days_ahead: 31,
        }
    }
}

impl ServingSettings {
    /// The same, with what is left open decided by the address that the service listens on.
    #[must_use]
    pub fn on(self, address: IpAddr) -> ServingSettings {
        ServingSettings {
            store_observations: self.store_observations.or(Some(address.is_loopback())),
            ..self
        }
    }
}

/// Decides which observations are stored.
#[derive(Debug)]
pub(crate) struct Admission {
    stores: bool,
    stores_unusual: bool,
    days_ahead: u16,
    new: Mutex<NewEntities>,
}

/// Entities in the store that the model has never seen.
#[derive(Debug, Default)]
struct NewEntities {
    names: HashSet<String>,
    /// Of this process and those before.
    count: usize,
}

/// What is to be stored: of which entity and day, and what is known of it.
pub(crate) struct Candidate<'a> {
    pub entity: &'a str,
    pub day: Day,
    pub table: &'a Table,
    /// Whether the model knows the entity.
    pub known: bool,
    /// Whether the store holds a day of it shortly before.
    pub continues: bool,
}

impl Admission {
    pub(crate) fn new(
        settings: ServingSettings,
        store: &dyn OnlineStore,
        view: &str,
    ) -> OnlineResult<Admission> {
        let noted = store.note(view, NEW_ENTITIES)?.unwrap_or_default();
        let noted = std::str::from_utf8(&noted).unwrap_or_default();
        Ok(Admission {
            stores: settings.store_observations == Some(true),
            stores_unusual: settings.store_unusual,
            days_ahead: settings.days_ahead,
            new: Mutex::new(NewEntities {
                names: HashSet::new(),
                count: noted.parse().unwrap_or(0),
            }),
        })
    }

    /// Whether anything is ever stored.
    pub(crate) fn stores(&self) -> bool {
        self.stores
    }

    /// Why an observation isn't stored; `None` if it is.
    ///
    /// # Errors
    /// If the store can't be read or written.
    pub(crate) fn reason_against(
        &self,
        candidate: &Candidate<'_>,
        contract: &Contract,
        store: &dyn OnlineStore,
        view: &str,
    ) -> OnlineResult<Option<String>> {
        if !self.stores {
            return Ok(Some("this service stores no observations".into()));
        }
        if !self.stores_unusual
            && let Some(column) = unusual(candidate.table, contract)
        {
            let reason = format!("{column} has an unusual value");
            return Ok(Some(reason));
        }
        if !candidate.continues {
            let latest = latest_day(store, view, candidate.entity)?;
            let furthest = latest.map(|day| day.saturating_add(self.days_ahead.into()));
            if furthest.is_some_and(|furthest| candidate.day > furthest) {
                let days = self.days_ahead;
                let reason = format!("its day is more than {days} days after the latest stored");
                return Ok(Some(reason));
            }
            if !candidate.known && latest.is_none() && !self.takes(candidate.entity, store, view)? {
                let reason = "the store holds too many entities that the model has never seen";
                return Ok(Some(reason.into()));
            }
        }
        Ok(None)
    }

    /// Whether an entity that neither model nor store knows may be added.
    fn takes(&self, entity: &str, store: &dyn OnlineStore, view: &str) -> OnlineResult<bool> {
        let mut new = self.new_entities();
        if new.names.contains(entity) {
            return Ok(true);
        }
        if new.count >= MAX_NEW_ENTITIES {
            return Ok(false);
        }
        let count = new.count + 1;
        store.set_note(view, NEW_ENTITIES, Some(count.to_string().as_bytes()))?;
        new.names.insert(entity.into());
        new.count = count;
        Ok(true)
    }

    fn new_entities(&self) -> MutexGuard<'_, NewEntities> {
        // Names and count are changed together, and nothing in between can panic.
        self.new.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Refuses texts and names of fields that are longer than any that are meant.
pub(crate) fn check_lengths(observation: &Map<String, Value>) -> Result<()> {
    for (field, value) in observation {
        let bytes = value.as_str().map_or(0, str::len).max(field.len());
        if bytes > MAX_TEXT_BYTES {
            let field: String = field.chars().take(40).collect();
            return Err(ServingError::Long {
                field,
                bytes,
                most: MAX_TEXT_BYTES,
            });
        }
    }
    Ok(())
}

/// The first column whose value the contract calls possible but not usual.
fn unusual<'c>(table: &Table, contract: &'c Contract) -> Option<&'c str> {
    let outside = |name: &str, [least, most]: [f64; 2]| match table.get(name) {
        Some(Values::Number(values)) => values.iter().any(|value| *value < least || *value > most),
        _ => false,
    };
    let mut rules = contract.columns.iter();
    let rule = rules.find(|rule| rule.usual.is_some_and(|usual| outside(&rule.name, usual)))?;
    Some(&rule.name)
}

/// The latest day of an entity that the store holds.
fn latest_day(store: &dyn OnlineStore, view: &str, entity: &str) -> OnlineResult<Option<Day>> {
    let all = Span {
        entity,
        from: Day::MIN,
        until: Day::MAX,
    };
    let mut latest = None;
    store.scan(view, &[all], &mut |_, row| {
        latest = latest.max(Some(row.day));
        Ok(())
    })?;
    Ok(latest)
}

#[cfg(test)]
mod tests {
    use mlops_features::online::RedbStore;

    use super::*;

    #[test]
    fn requests_add_so_many_entities_in_all_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let store = RedbStore::open(&path, 3, std::time::Duration::ZERO).unwrap();
        let before = (MAX_NEW_ENTITIES - 1).to_string();
        let noted = Some(before.as_bytes());
        store.set_note("readings", NEW_ENTITIES, noted).unwrap();
        let start = || Admission::new(ServingSettings::default(), &store, "readings").unwrap();
        let admission = start();
        let takes = |entity: &str| admission.takes(entity, &store, "readings").unwrap();
        assert_eq!(["a", "a", "b", "a"].map(takes), [true, true, false, true]);
        assert!(!start().takes("c", &store, "readings").unwrap());
    }
}
