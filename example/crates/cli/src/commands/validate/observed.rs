//! The observations behind a feature table: those of the test rows, and a few days of them on which
//! features are computed again after something was changed.

use std::collections::BTreeSet;
use std::path::Path;

use mlops_data::calendar::Day;
use mlops_data::{Contract, Table, Values};
use mlops_features::{History, Observation, observe};
use mlops_serving::Inference;
use rand::SeedableRng;
use rand::seq::SliceRandom;

use super::super::feature_table::{self, FeatureTable};
use crate::{Failure, Outcome};

/// All observations, and which of them the test rows are.
pub(super) struct Observed {
    pub table: Table,
    /// The day of each observation.
    days: Vec<Day>,
    /// The test rows' places in the table, in their order.
    pub tested: Vec<usize>,
}

impl Observed {
    /// Finds the rows of a feature table, of which `test` are tested, among the observations that it was
    /// built from.
    pub(super) fn new(
        table: Table,
        contract: &Contract,
        features: &FeatureTable,
        test: &[bool],
    ) -> anyhow::Result<Observed> {
        let labels =
            feature_table::flags(&table, &contract.label.column, &contract.label.positive)?;
        let labels = labels.unwrap_or_default();
        let Some(Values::Date(days)) = table.get(&contract.time) else {
            anyhow::bail!("it has no dates in {:?}", contract.time);
        };
        let days = days.clone();
        let labelled: Vec<usize> = (0..labels.len())
            .filter(|row| labels[*row].is_some())
            .collect();
        let same = labelled.len() == features.labels.len()
            && labelled.iter().enumerate().all(|(at, row)| {
                labels[*row] == Some(features.labels[at]) && days[*row] == features.days[at]
            });
        anyhow::ensure!(
            same,
            "its rows aren't those of the feature table: name the file that `features build` read with --observations"
        );
        let tested = labelled.into_iter().zip(test);
        Ok(Observed {
            tested: tested
                .filter(|(_, test)| **test)
                .map(|(row, _)| row)
                .collect(),
            table,
            days,
        })
    }

    /// What a model of its own features says of the test rows.
    pub(super) fn probabilities<O: Observation>(
        &self,
        inference: &Inference<O>,
    ) -> Outcome<Vec<f64>> {
        let mut keep = vec![false; self.table.rows()];
        self.tested.iter().for_each(|row| keep[*row] = true);
        Ok(predicted(inference, &self.table.filter(&keep), &self.table)?.1)
    }
}

/// A few test days, with all that the windows of their rows hold.
pub(super) struct Drawn<'a, O> {
    inference: &'a Inference<O>,
    /// Observations from the first day that a window reaches.
    pub table: Table,
    /// Which of them were drawn.
    pub rows: Vec<bool>,
    /// Their labels.
    pub labels: Vec<bool>,
    /// What the model says of them as they are.
    pub before: Vec<f64>,
    /// How many days were drawn.
    pub days: usize,
}

impl<'a, O: Observation> Drawn<'a, O> {
    /// Draws `count` days of the test, and holds their features, computed again, against those of the
    /// table that the model was evaluated on.
    pub(super) fn new(
        observed: &Observed,
        inference: &'a Inference<O>,
        features: (&FeatureTable, &[bool], &Path),
        count: usize,
        seed: u64,
    ) -> Outcome<Drawn<'a, O>> {
        let (features, test, path) = features;
        let days: BTreeSet<Day> = observed
            .tested
            .iter()
            .map(|row| observed.days[*row])
            .collect();
        let mut days: Vec<Day> = days.into_iter().collect();
        days.shuffle(&mut rand_pcg::Pcg64Mcg::seed_from_u64(seed));
        days.truncate(count);
        days.sort_unstable();
        let (Some(first), Some(last)) = (days.first(), days.last()) else {
            return Err(Failure::user(anyhow::anyhow!(
                "there are no test days to draw from"
            )));
        };
        let is_drawn = |row: usize| days.binary_search(&observed.days[row]).is_ok();
        let extent = inference.service().extent();
        let reach = Day::from(extent.days.max(extent.neighbour_days));
        let needed = first.saturating_sub(reach)..=*last;
        let keep: Vec<bool> = observed
            .days
            .iter()
            .map(|day| needed.contains(day))
            .collect();
        let mut drawn = vec![false; observed.table.rows()];
        for row in observed.tested.iter().filter(|row| is_drawn(**row)) {
            drawn[*row] = true;
        }
        let table = observed.table.filter(&keep);
        let rows = FeatureTable::pick(&drawn, &keep);
        let (values, before) = predicted(inference, &table.filter(&rows), &table)?;
        let places = features_of(observed, test);
        let width = features.names.len();
        let known: Vec<&[f32]> = places
            .filter(|(row, _)| drawn[*row])
            .map(|(_, at)| &features.features[at * width..(at + 1) * width])
            .collect();
        same_bits(&values, &known, features, path)?;
        let labels = observed
            .tested
            .iter()
            .zip(FeatureTable::pick(&features.labels, test));
        let labels = labels.filter(|(row, _)| is_drawn(**row));
        Ok(Drawn {
            inference,
            labels: labels.map(|(_, label)| label).collect(),
            table,
            rows,
            before,
            days: days.len(),
        })
    }

    /// What the model says if all observations are these: today's, those of the days before and those
    /// around.
    pub(super) fn everywhere(&self, table: &Table) -> Outcome<Vec<f64>> {
        Ok(predicted(self.inference, &table.filter(&self.rows), table)?.1)
    }

    /// What the model says if only the observation asked about is of this table.
    pub(super) fn today(&self, table: &Table) -> Outcome<Vec<f64>> {
        Ok(predicted(self.inference, &table.filter(&self.rows), &self.table)?.1)
    }

    /// What the model says if the observations come in another order.
    pub(super) fn with_history(&self, history: &Table) -> Outcome<Vec<f64>> {
        Ok(predicted(self.inference, &self.table.filter(&self.rows), history)?.1)
    }
}

/// Each test row's place among the observations and in the feature table.
fn features_of<'a>(
    observed: &'a Observed,
    test: &'a [bool],
) -> impl Iterator<Item = (usize, usize)> + 'a {
    let places = (0..test.len()).filter(|at| test[*at]);
    observed.tested.iter().copied().zip(places)
}

/// Features and probabilities of `today`, whose history and neighbours are in `history`.
fn predicted<O: Observation>(
    inference: &Inference<O>,
    today: &Table,
    history: &Table,
) -> Outcome<(Vec<f32>, Vec<f64>)> {
    let (today, history) = (observe::<O>(today)?, observe::<O>(history)?);
    let reference = &inference.feature_state().reference;
    let service = inference.service();
    let rows = service.rows_in(&today, &History::new(&history), reference);
    let probabilities = inference.model().probabilities(&rows.values);
    Ok((rows.values, probabilities))
}

/// Features computed now must be those that the model was evaluated on.
fn same_bits(
    values: &[f32],
    known: &[&[f32]],
    features: &FeatureTable,
    path: &Path,
) -> Outcome<()> {
    let width = features.names.len().max(1);
    for (now, then) in values.chunks_exact(width).zip(known) {
        let same = |a: &f32, b: &f32| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
        if let Some(at) = now.iter().zip(*then).position(|(a, b)| !same(a, b)) {
            return Err(Failure::user(anyhow::anyhow!(
                "feature {:?} of an observation is {} now and {} in {}: build the table again with `features build --model`, or name the file it was built from with --observations",
                features.names[at],
                now[at],
                then[at],
                path.display()
            )));
        }
    }
    Ok(())
}
