//! One row of a table with what its features may see, and nothing else.

use std::collections::{HashMap, HashSet};

use mlops_data::calendar::Day;
use mlops_data::{Contract, Table, Values};
use mlops_features::{History, Observation, Origin, end_of, observe};

use crate::golden::places;
use crate::{Inference, Result};

/// An observation and those around it that its features may see: the entity's days before, and its
/// neighbours'.
#[derive(Debug)]
pub struct Scene<O> {
    today: O,
    around: Vec<O>,
}

impl<O: Observation> Scene<O> {
    /// The observation itself.
    pub fn today(&self) -> &O {
        &self.today
    }

    /// Those around it; no entity has two of one day.
    pub fn around(&self) -> &[O] {
        &self.around
    }

    /// Puts another observation of the same entity and day in the place of today's.
    pub fn replace(&mut self, today: O) {
        self.today = today;
    }
}

impl<O: Observation> Inference<O> {
    /// A row of a table with all that its features may see. The other rows of the table, and those of
    /// `before`, are its history and neighbours, as in [`Inference::rows`].
    ///
    /// # Errors
    /// If a table lacks a column or a value doesn't fit.
    ///
    /// # Panics
    /// If the table has no such row.
    pub fn scene(&self, table: &Table, before: Option<&Table>, row: usize) -> Result<Scene<O>> {
        let mut only = vec![false; table.rows()];
        only[row] = true;
        // One row gives one observation.
        let today = observe::<O>(&table.filter(&only))?.remove(0);
        let mut wanted: HashSet<(&str, Day)> = places(
            &today,
            &self.feature_state().reference,
            self.service().extent(),
        )
        .collect();
        wanted.remove(&(today.entity(), today.day()));
        let mut latest: HashMap<(String, Day), usize> = HashMap::new();
        let mut around: Vec<Option<O>> = Vec::new();
        // Of two of the same day, the table's own holds: it comes last.
        for table in before.into_iter().chain([table]) {
            let keep = keep(table, self.contract(), &wanted);
            for observation in observe::<O>(&table.filter(&keep))? {
                let place = (observation.entity().to_string(), observation.day());
                if let Some(other) = latest.insert(place, around.len()) {
                    around[other] = None;
                }
                around.push(Some(observation));
            }
        }
        drop(wanted);
        Ok(Scene {
            today,
            around: around.into_iter().flatten().collect(),
        })
    }

    /// The features of a scene: the same bits as among all rows.
    pub fn row(&self, scene: &Scene<O>) -> Vec<f32> {
        let history = History::new(&scene.around);
        let reference = &self.feature_state().reference;
        let as_of = end_of(scene.today.day());
        (self.service()).row_in(&scene.today, &history, reference, as_of)
    }

    /// On what each feature of a scene rests, besides today's observation.
    pub fn origins(&self, scene: &Scene<O>) -> Vec<Origin> {
        let reference = &self.feature_state().reference;
        (self.service()).origins(&scene.today, &scene.around, reference)
    }
}

/// The rows that are of one of these entities and days.
fn keep(table: &Table, contract: &Contract, wanted: &HashSet<(&str, Day)>) -> Vec<bool> {
    let (Some(Values::Category { codes, levels }), Some(Values::Date(days))) =
        (table.get(&contract.entity), table.get(&contract.time))
    else {
        // Then no observation can be made of it either: that says what is wrong.
        return vec![true; table.rows()];
    };
    let of_row = codes.iter().zip(days);
    of_row
        .map(|(code, day)| {
            let entity = levels.get(*code as usize);
            entity.is_some_and(|entity| wanted.contains(&(entity.as_str(), *day)))
        })
        .collect()
}
