//! A random forest on histograms, written as a linfa learner.
//!
//! Breiman's forest (*Random Forests*, 2001): each tree sees a bootstrap sample of the rows, each split a few
//! features. The values of a feature are sorted into at most 255 bins once, so that a split is found
//! by counting rows into bins instead of sorting them; missing values have a bin of their own and
//! go to the side where they lower the Gini impurity more. A leaf says its share of positive rows, and
//! the forest the mean of its trees.

mod grow;
mod histogram;

use linfa::{
    DatasetBase, ParamGuard,
    dataset::AsSingleTargets,
    traits::{Fit, PredictInplace},
};
use ndarray::{Array1, ArrayBase, ArrayView1, ArrayView2, Data, Ix2};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    Learner, Predictor,
    bins::{Binned, MISSING},
    params::within,
};
use crate::{Dataset, Ensemble, LearningError, Link, Result};
use grow::Grower;

/// Parameters of `forest`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForestParams {
    /// Number of trees.
    pub trees: usize,
    /// Splits on the way from the root to a leaf, at most.
    pub depth: usize,
    /// Rows of the bootstrap sample in a leaf, at least.
    pub min_leaf_rows: u32,
    /// Features drawn for each split; the square root of their number if not given.
    pub features_per_split: Option<usize>,
    /// Whether each tree sees a sample of the rows, drawn with replacement, or all of them.
    pub bootstrap: bool,
}

impl Default for ForestParams {
    fn default() -> Self {
        ForestParams {
            trees: 200,
            depth: 10,
            min_leaf_rows: 1,
            features_per_split: None,
            bootstrap: true,
        }
    }
}

impl ForestParams {
    /// # Errors
    /// The first parameter that is out of its range.
    pub(super) fn check(&self) -> Result<()> {
        within("forest.trees", self.trees, 1..=10_000)?;
        within("forest.depth", self.depth, 1..=30)?;
        within(
            "forest.min_leaf_rows",
            self.min_leaf_rows,
            1..=1_000_000_000,
        )?;
        self.features_per_split.map_or(Ok(()), |features| {
            within(
                "forest.features_per_split",
                features,
                1..=usize::from(u16::MAX),
            )
        })
    }
}

impl Learner for ForestParams {
    fn fit(&self, data: &Dataset, seed: u64) -> Result<Predictor> {
        data.trainable()?;
        let records = ArrayView2::from_shape((data.rows(), data.width()), &data.features)
            .map_err(|error| LearningError::Data(error.to_string()))?;
        let targets = ArrayView1::from(&data.labels);
        let forest =
            RandomForestParams::new(self.clone(), seed).fit(&DatasetBase::new(records, targets))?;
        Ok(Predictor::Ensemble(forest.into_ensemble()))
    }
}

/// Parameters of a random forest in linfa's way, not yet checked.
#[derive(Debug, Clone, PartialEq)]
pub struct RandomForestParams(RandomForestValidParams);

/// Parameters of a random forest in linfa's way, each in its range.
#[derive(Debug, Clone, PartialEq)]
pub struct RandomForestValidParams {
    params: ForestParams,
    seed: u64,
}

impl RandomForestParams {
    /// Parameters and the seed of all that is drawn.
    pub fn new(params: ForestParams, seed: u64) -> RandomForestParams {
        RandomForestParams(RandomForestValidParams { params, seed })
    }
}

impl ParamGuard for RandomForestParams {
    type Checked = RandomForestValidParams;
    type Error = LearningError;

    fn check_ref(&self) -> Result<&RandomForestValidParams> {
        self.0.params.check()?;
        Ok(&self.0)
    }

    fn check(self) -> Result<RandomForestValidParams> {
        self.check_ref()?;
        Ok(self.0)
    }
}

impl<D, T> Fit<ArrayBase<D, Ix2>, T, LearningError> for RandomForestValidParams
where
    D: Data<Elem = f32>,
    T: AsSingleTargets<Elem = bool>,
{
    type Object = RandomForest;

    /// Trains on records of shape (rows, features), NaN where missing. The trees are grown on
    /// all threads, each from a seed of its own: their number changes nothing.
    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<RandomForest> {
        let records = dataset.records();
        let labels: Vec<bool> = dataset.as_single_targets().iter().copied().collect();
        let width = u16::try_from(records.ncols()).map_err(|_| {
            LearningError::Data(format!("{} features are too many", records.ncols()))
        })?;
        if labels.is_empty() || width == 0 || labels.len() != records.nrows() {
            return Err(LearningError::Data(format!(
                "a forest needs rows, features and a label for each row, not {} × {width} values and {} labels",
                records.nrows(),
                labels.len()
            )));
        }
        let binned = Binned::new(records.view(), MISSING);
        let grower = Grower::new(&binned, &labels, &self.params);
        let mut seeds = Pcg64Mcg::seed_from_u64(self.seed);
        let seeds: Vec<u64> = (0..self.params.trees).map(|_| seeds.next_u64()).collect();
        let trees = seeds
            .into_par_iter()
            .map(|seed| grower.grow(seed))
            .collect();
        Ok(RandomForest(Ensemble::new(
            width,
            0.0,
            Link::Identity,
            trees,
        )?))
    }
}

/// A trained random forest.
#[derive(Debug, Clone, PartialEq)]
pub struct RandomForest(Ensemble);

impl RandomForest {
    /// The trees in the form that scoring reads.
    pub fn into_ensemble(self) -> Ensemble {
        self.0
    }
}

impl<D: Data<Elem = f32>> PredictInplace<ArrayBase<D, Ix2>, Array1<f64>> for RandomForest {
    /// The probability of the positive class for each row.
    ///
    /// # Panics
    /// If the numbers of features or rows don't fit.
    fn predict_inplace(&self, records: &ArrayBase<D, Ix2>, probabilities: &mut Array1<f64>) {
        assert_eq!(
            records.nrows(),
            probabilities.len(),
            "a probability for each row"
        );
        for (row, probability) in records.rows().into_iter().zip(probabilities) {
            *probability = self.0.link().probability(self.0.margin(&row.to_vec()));
        }
    }

    fn default_target(&self, records: &ArrayBase<D, Ix2>) -> Array1<f64> {
        Array1::zeros(records.nrows())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linfa::traits::Predict;

    #[test]
    fn it_is_used_like_any_learner_of_linfa() {
        let records = ndarray::array![[0.0f32, 5.0], [1.0, 5.0], [2.0, 5.0], [3.0, 5.0]];
        let dataset = DatasetBase::new(records.clone(), ndarray::array![false, false, true, true]);
        let params = ForestParams {
            trees: 50,
            ..ForestParams::default()
        };
        let forest = RandomForestParams::new(params, 3).fit(&dataset).unwrap();
        let probabilities: Array1<f64> = forest.predict(&records);
        assert!(
            probabilities[0] < 0.3 && probabilities[3] > 0.7,
            "{probabilities}"
        );
        let refused = RandomForestParams::new(
            ForestParams {
                trees: 0,
                ..ForestParams::default()
            },
            3,
        );
        assert!(refused.fit(&dataset).is_err());
    }
}
