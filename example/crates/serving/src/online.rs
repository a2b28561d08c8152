//! Answers from an observation and what the online store holds around it.

use std::time::{SystemTime, UNIX_EPOCH};

use mlops_data::DataError;
use mlops_data::calendar::{self, Day, format_iso};
use mlops_data::json::table_from_json;
use mlops_data::near::same_but_for_form;
use mlops_features::online::{OnlineStore, OnlineWindows, TableSource, last_end};
use mlops_features::{DAY_MICROS, Observation};
use serde_json::{Map, Value};

use crate::admission::{Admission, Candidate, check_lengths};
use crate::{Answer, Inference, Result, Score, ServingError, ServingSettings};

/// Answers from an observation and what an online store holds around it. If it may, it stores the observation, so
/// that the next answers know it.
#[derive(Debug)]
pub struct Online<O> {
    inference: Inference<O>,
    store: Box<dyn OnlineStore>,
    view: String,
    admission: Admission,
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
        settings: ServingSettings,
    ) -> Result<Self> {
        store.check_keep(inference.service().extent())?;
        let view = view.into();
        Ok(Online {
            admission: Admission::new(settings, &*store, &view)?,
            inference,
            store,
            view,
        })
    }

    /// A day that has been: the last one trained on.
    fn past_day(&self) -> Option<Day> {
        calendar::parse_iso(&self.inference.model().metadata.training.last)
    }

    /// Refuses a day that hasn't begun anywhere on earth: the store keeps the newest days, so those of a mistyped
    /// year would drive out the true ones.
    fn check_day(&self, day: Day, now: SystemTime) -> Result<()> {
        let latest = micros(now).div_euclid(DAY_MICROS).saturating_add(1);
        if i64::from(day) <= latest {
            return Ok(());
        }
        match self.past_day() {
            Some(past) if i64::from(past) > latest => Err(ServingError::Clock {
                message: format!(
                    "it is before {}, a day that the model was trained on: correct it",
                    format_iso(past)
                ),
            }),
            _ => Err(ServingError::Future { day }),
        }
    }

    /// Refuses a name that is another way to write one that the model knows: to a program it would be an entity of its
    /// own, without a past.
    fn check_name(&self, entity: &str) -> Result<()> {
        let (known, contract) = (
            &self.inference.feature_state().reference.entities,
            self.inference.contract(),
        );
        if known.contains_key(entity) {
            return Ok(());
        }
        match same_but_for_form(entity, known.keys().map(String::as_str)) {
            None => Ok(()),
            Some(like) => Err(ServingError::Observation(DataError::Field {
                column: contract.entity.clone(),
                message: format!("{entity:?} is not known, but {like:?} is: write it like this"),
            })),
        }
    }
}

impl<O: Observation + 'static> Score for Online<O> {
    // ANCHOR: score
    fn score(&self, observation: &Map<String, Value>, now: SystemTime) -> Result<Answer> {
        let (inference, store, view) = (&self.inference, &*self.store, self.view.as_str());
        check_lengths(observation)?;
        let table = table_from_json(std::slice::from_ref(observation), inference.contract())?;
        let source = TableSource::<O>::new(&table)?;
        // One record makes a table of one row.
        let today = &source.observations()[0];
        self.check_day(today.day(), now)?;
        self.check_name(today.entity())?;
        let (service, state) = (inference.service(), inference.feature_state());
        let windows = OnlineWindows::new(store, view, &state.reference, service.extent())
            .by(service.clocks());
        let around = windows.around(today)?;
        // Whatever the store holds by now is known.
        let row = around.window(today, i64::MAX, |window| service.row(window));
        let mut prediction = inference.prediction(&row, around.coverage(today));
        let candidate = Candidate {
            entity: today.entity(),
            day: today.day(),
            table: &table,
            known: state.reference.entities.contains_key(today.entity()),
            continues: around.holds_own(),
        };
        let against =
            self.admission
                .reason_against(&candidate, inference.contract(), store, view)?;
        if against.is_none() {
            // Later than the one that it corrects, also if the clock was set back meanwhile.
            let corrected = around
                .created_of(today.day())
                .map(|at| at.saturating_add(1));
            let created = corrected.unwrap_or(i64::MIN).max(micros(now));
            store.push(view, &source.rows(|_, _| created)?)?;
        }
        prediction.stored = against.is_none();
        prediction.not_stored_because = against;
        Ok(Answer {
            prediction,
            features: row,
        })
    }
    // ANCHOR_END: score

    fn ready(&self, now: SystemTime) -> Result<()> {
        let latest = micros(now).div_euclid(DAY_MICROS).saturating_add(1);
        if let Some(day) = self.past_day().filter(|day| i64::from(*day) > latest) {
            self.check_day(day, now)?;
        }
        // It reads, and if it may write, it writes.
        last_end(&*self.store, &self.view)?;
        match self.admission.stores() {
            true => Ok(self.store.check_writable(&self.view)?),
            false => Ok(()),
        }
    }
}

/// Microseconds since 1970-01-01 UTC.
fn micros(now: SystemTime) -> i64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
