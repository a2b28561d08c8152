//! Golden rows: observations with the window they need, from which every program has
//! to compute the same features.

use std::collections::HashMap;

use mlops_data::calendar::Day;
use mlops_data::json::{row_to_json, table_from_json};
use mlops_data::{Contract, Table};
use mlops_features::{Extent, FeatureService, History, Observation, Reference, end_of, observe};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Result;

/// An observation with the window that its features need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// The observation.
    pub today: Map<String, Value>,
    /// What the window holds besides: days before, and neighbours.
    pub window: Vec<Map<String, Value>>,
}

impl Golden {
    /// Observations spread evenly over a table, without the label: what requests would
    /// have said, and what would have been known.
    ///
    /// # Errors
    /// If the table's rows are no observations.
    pub fn spread<O: Observation>(
        table: &Table,
        contract: &Contract,
        reference: &Reference,
        extent: Extent,
        count: usize,
    ) -> Result<Vec<Golden>> {
        let observations = observe::<O>(table)?;
        let rows: HashMap<(&str, Day), usize> = (observations.iter().enumerate())
            .map(|(row, observation)| ((observation.entity(), observation.day()), row))
            .collect();
        let record = |row: usize| {
            let mut record = row_to_json(table, row);
            record.shift_remove(&contract.label.column);
            record.retain(|_, value| !value.is_null());
            record
        };
        let count = count.min(observations.len());
        let chosen = (0..count).map(|at| at * observations.len() / count);
        Ok(chosen
            .map(|row| Golden {
                today: record(row),
                window: places(&observations[row], reference, extent)
                    .filter_map(|place| rows.get(&place))
                    .map(|row| record(*row))
                    .collect(),
            })
            .collect())
    }

    /// Its features, as a service computes them.
    ///
    /// # Errors
    /// If a record breaks the contract.
    pub fn features<O: Observation>(
        &self,
        service: &FeatureService<O>,
        contract: &Contract,
        reference: &Reference,
    ) -> Result<Vec<f32>> {
        let mut records = vec![self.today.clone()];
        records.extend_from_slice(&self.window);
        let observations = observe::<O>(&table_from_json(&records, contract)?)?;
        let today = &observations[0];
        let history = History::new(&observations);
        Ok(service.row_in(today, &history, reference, end_of(today.day())))
    }
}

/// The entities and days that a window holds besides today.
pub(crate) fn places<'a, O: Observation>(
    today: &'a O,
    reference: &'a Reference,
    extent: Extent,
) -> impl Iterator<Item = (&'a str, Day)> {
    let day = today.day();
    let ago = move |days: u16| day.saturating_sub(Day::from(days));
    let own = (1..=extent.days).map(ago);
    let learned = reference.entities.get(today.entity());
    let neighbours = learned.map_or(&[][..], |learned| &learned.neighbours);
    let near = neighbours.iter().take(usize::from(extent.neighbours));
    own.map(|day| (today.entity(), day))
        .chain(near.flat_map(move |neighbour| {
            let days = (0..=extent.neighbour_days).map(ago);
            days.map(|day| (neighbour.entity.as_str(), day))
        }))
}
