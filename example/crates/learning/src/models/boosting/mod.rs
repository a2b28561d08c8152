//! Gradient boosting on histograms.
//!
//! Friedman's boosting (*Greedy function approximation*, 2001) with the second-order trees of XGBoost (Chen and
//! Guestrin, 2016) and the histograms of LightGBM (Ke and others, 2017): values are sorted into bins once, and a
//! split is found from sums over bins. Rows are summed in whole numbers, so that neither the number of threads nor the
//! order of the rows in a node changes a bit.

mod grow;
mod histogram;
mod rounds;
mod sample;
mod split;

use std::collections::BTreeMap;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::{
    Learner, Predictor,
    bins::{Binned, MISSING},
    params::{share, within},
};
use crate::{Dataset, Ensemble, LearningError, Link, Result, Tree};
use grow::Grower;
use histogram::Tile;
use rounds::Rounds;
use split::Rules;

/// A split that lowers the loss by less lowers it by rounding.
const LEAST_GAIN: f64 = 1e-7;

/// Parameters of `boosting`: log loss, second order, trees grown level by level.
/// Missing values go to the side where they lower the loss more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BoostingParams {
    /// Number of trees.
    pub trees: usize,
    /// Each tree's leaves are multiplied by it.
    pub learning_rate: f64,
    /// Splits on the way from the root to a leaf, at most.
    pub depth: usize,
    /// Weight of the squared leaves in the loss.
    pub l2: f64,
    /// How much a split has to lower the loss, at least.
    pub min_gain: f64,
    /// Second derivative of the loss, summed over the rows of a leaf, at least.
    pub min_leaf_weight: f64,
    /// Share of the rows that each tree sees, drawn at random.
    pub subsample: f64,
    /// Share of the features that each tree sees, drawn at random.
    pub colsample: f64,
    /// Bins that each feature's values are sorted into, at most; missing ones have one of their own.
    pub bins: u16,
    /// Features by name that the probability may only rise with, or only fall with, all others being the same.
    /// A missing value is bound by nothing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub monotone: BTreeMap<String, Monotone>,
}

/// Which way the probability may go as a feature rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monotone {
    /// Up, or not at all.
    Increasing,
    /// Down, or not at all.
    Decreasing,
}

impl Default for BoostingParams {
    fn default() -> Self {
        BoostingParams {
            trees: 150,
            learning_rate: 0.15,
            depth: 6,
            l2: 1.0,
            min_gain: 0.0,
            min_leaf_weight: 1.0,
            subsample: 1.0,
            // Half of the features for each tree: nearly twice as fast, and the trees differ more.
            colsample: 0.5,
            bins: u16::from(MISSING),
            monotone: BTreeMap::new(),
        }
    }
}

impl BoostingParams {
    /// # Errors
    /// The first parameter that is out of its range.
    pub(super) fn check(&self) -> Result<()> {
        within("boosting.trees", self.trees, 1..=10_000)?;
        share("boosting.learning_rate", self.learning_rate)?;
        within("boosting.depth", self.depth, 1..=20)?;
        within("boosting.l2", self.l2, 0.0..=1e6)?;
        within("boosting.min_gain", self.min_gain, 0.0..=1e6)?;
        within("boosting.min_leaf_weight", self.min_leaf_weight, 0.0..=1e9)?;
        share("boosting.subsample", self.subsample)?;
        share("boosting.colsample", self.colsample)?;
        within("boosting.bins", self.bins, 2..=u16::from(MISSING))
    }

    fn rules(&self) -> Rules {
        Rules {
            l2: self.l2,
            min_leaf_weight: self.min_leaf_weight.max(f64::MIN_POSITIVE),
            least_gain: 2.0 * self.min_gain.max(LEAST_GAIN),
        }
    }

    /// Which way each feature of the row is bound; empty if none is.
    fn ways(&self, data: &Dataset) -> Result<Vec<Option<Monotone>>> {
        let mut ways = vec![
            None;
            if self.monotone.is_empty() {
                0
            } else {
                data.width()
            }
        ];
        for (name, way) in &self.monotone {
            let feature = data.names.iter().position(|feature| feature == name);
            let feature = feature.ok_or_else(|| LearningError::Parameter {
                name: "model.boosting.monotone".into(),
                value: name.clone(),
                expected: format!("the features are {}", data.names.join(", ")),
            })?;
            ways[feature] = Some(*way);
        }
        Ok(ways)
    }
}

impl BoostingParams {
    /// Grows all trees; gives what is said of each row after the last, too.
    fn trees<'a>(&self, data: &'a Dataset, seed: u64) -> Result<(Vec<Tree>, Rounds<'a>)> {
        let ways = self.ways(data)?;
        let records = ArrayView2::from_shape((data.rows(), data.width()), &data.features)
            .map_err(|error| LearningError::Data(error.to_string()))?;
        let binned = Binned::new(records, self.bins.min(u16::from(MISSING)) as u8);
        let mut rounds = Rounds::new(data, seed);
        let mut all_tiles = None;
        let grow = |_| {
            let features = rounds.draw_features(self.colsample);
            let drawn;
            let tiles = if features.len() == data.width() {
                all_tiles.get_or_insert_with(|| Tile::all(&binned, &features))
            } else {
                drawn = Tile::all(&binned, &features);
                &drawn
            };
            let grower = Grower {
                binned: &binned,
                features: &features,
                tiles,
                rules: self.rules(),
                monotone: &ways,
                depth: self.depth,
                learning_rate: self.learning_rate,
            };
            rounds.next(&grower, self.subsample)
        };
        let trees = (0..self.trees).map(grow).collect();
        Ok((trees, rounds))
    }
}

impl Learner for BoostingParams {
    fn fit(&self, data: &Dataset, seed: u64) -> Result<Predictor> {
        self.check()?;
        data.trainable()?;
        let (trees, rounds) = self.trees(data, seed)?;
        let width = data.width() as u16; // `trainable` has checked it
        let ensemble = Ensemble::new(width, rounds.base, Link::Logistic, trees)?;
        Ok(Predictor::Ensemble(ensemble))
    }
}

#[cfg(test)]
mod tests;
