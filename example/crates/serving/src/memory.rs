use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use mlops_data::calendar::Day;
use mlops_features::{Extent, Observation, Reference};

use crate::golden::places;

/// Entities beyond this many are answered and not remembered: whoever makes names up
/// must not fill the memory.
const MOST_ENTITIES: usize = 100_000;
/// Days kept beyond those of a window, for what comes late.
const SPARE_DAYS: usize = 10;

/// The latest observations of each entity, in this process's memory.
#[derive(Debug)]
pub(crate) struct Memory<O> {
    entities: Mutex<HashMap<String, BTreeMap<Day, Arc<O>>>>,
    keep: usize,
}

impl<O: Observation> Memory<O> {
    pub(crate) fn new(extent: Extent) -> Self {
        let days = extent.days.max(extent.neighbour_days);
        Memory {
            entities: Mutex::new(HashMap::new()),
            keep: usize::from(days) + 1 + SPARE_DAYS,
        }
    }

    /// Remembers an observation; the last one said of a day holds.
    pub(crate) fn remember(&self, observation: Arc<O>) {
        let mut entities = self.entities.lock().unwrap_or_else(PoisonError::into_inner);
        let name = observation.entity();
        if !entities.contains_key(name) && entities.len() >= MOST_ENTITIES {
            return;
        }
        let days = entities.entry(name.into()).or_default();
        days.insert(observation.day(), observation);
        while days.len() > self.keep {
            days.pop_first();
        }
    }

    /// What it knows of the window of `today`, besides today.
    pub(crate) fn around(&self, today: &O, reference: &Reference, extent: Extent) -> Vec<Arc<O>> {
        let entities = self.entities.lock().unwrap_or_else(PoisonError::into_inner);
        places(today, reference, extent)
            .filter_map(|(entity, day)| entities.get(entity)?.get(&day).cloned())
            .collect()
    }
}
