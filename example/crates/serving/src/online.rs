use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use mlops_data::calendar::Day;
use mlops_data::json::table_from_json;
use mlops_features::online::{OnlineStore, OnlineWindows, TableSource, last_end};
use mlops_features::{DAY_MICROS, Observation};
use serde_json::{Map, Value};

use crate::{Inference, Prediction, Result, Score, ServingError};

/// Entities that the model has never seen, beyond this many, are answered and not
/// stored: whoever makes names up must not fill the store.
const MOST_NEW_ENTITIES: usize = 100_000;

/// Answers from an observation and what an online store holds around it, and stores
/// the observation, so that the next answers know it.
#[derive(Debug)]
pub struct Online<O> {
    inference: Inference<O>,
    store: Box<dyn OnlineStore>,
    view: String,
    /// The entities stored that the model has never seen.
    new: Mutex<HashSet<String>>,
}

impl<O: Observation> Online<O> {
    /// The observations are those of `view`.
    ///
    /// # Errors
    /// If the store can't be read, or keeps fewer days than the model's features see.
    pub fn new(
        inference: Inference<O>,
        store: Box<dyn OnlineStore>,
        view: impl Into<String>,
    ) -> Result<Self> {
        store.check_keep(inference.service().extent())?;
        let online = Online {
            inference,
            store,
            view: view.into(),
            new: Mutex::default(),
        };
        online.readable()?;
        Ok(online)
    }

    fn readable(&self) -> Result<()> {
        last_end(&*self.store, &self.view)?;
        Ok(())
    }

    fn is_stored(&self, entity: &str) -> bool {
        let reference = &self.inference.feature_state().reference;
        if reference.entities.contains_key(entity) {
            return true;
        }
        // A set of names is whole at every moment.
        let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
        if new.len() >= MOST_NEW_ENTITIES && !new.contains(entity) {
            tracing::warn!(
                entity,
                "answered and not stored: there are too many entities that the model has never seen"
            );
            return false;
        }
        new.insert(entity.into());
        true
    }
}

impl<O: Observation + 'static> Score for Online<O> {
    // ANCHOR: score
    fn score(&self, observation: &Map<String, Value>, now: SystemTime) -> Result<Prediction> {
        let inference = &self.inference;
        let table = table_from_json(std::slice::from_ref(observation), inference.contract())?;
        let source = TableSource::<O>::new(&table)?;
        // One record makes a table of one row.
        let today = &source.observations()[0];
        has_begun(today.day(), now)?;
        let (service, state) = (inference.service(), inference.feature_state());
        let windows =
            OnlineWindows::new(&*self.store, &self.view, &state.reference, service.extent());
        let around = windows.around(today)?;
        // Whatever the store holds by now is known.
        let row = around.window(today, i64::MAX, |window| service.row(window));
        let window = around.coverage(today);
        if self.is_stored(today.entity()) {
            let created = micros(now);
            self.store.push(&self.view, &source.rows(|_, _| created)?)?;
        }
        Ok(inference.prediction(&row, window))
    }
    // ANCHOR_END: score

    fn ready(&self) -> Result<()> {
        self.readable()
    }
}

/// Refuses a day that hasn't begun anywhere on earth: the store keeps the newest days,
/// so those of a mistyped year would drive out the true ones.
fn has_begun(day: Day, now: SystemTime) -> Result<()> {
    let today = micros(now).div_euclid(DAY_MICROS);
    match i64::from(day) <= today.saturating_add(1) {
        true => Ok(()),
        false => Err(ServingError::Future { day }),
    }
}

/// Microseconds since 1970-01-01 UTC.
fn micros(now: SystemTime) -> i64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
