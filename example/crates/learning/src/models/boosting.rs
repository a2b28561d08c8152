//! Gradient boosting, by forust.

use std::collections::BTreeMap;

use forust_ml::constraints::{Constraint, ConstraintMap};
use forust_ml::{GradientBooster, Matrix, sampler::SampleMethod, tree::Tree as ForustTree};
use serde::{Deserialize, Serialize};

use super::{
    Learner, Predictor,
    params::{share, within},
};
use crate::{Dataset, Ensemble, LearningError, Link, Node, Result, Tree, ensemble::f32_threshold};

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
    /// Bins that each feature's values are sorted into, at most.
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
            bins: 256,
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
        within("boosting.bins", self.bins, 2..=1024)
    }

    fn booster(&self, width: usize, seed: u64) -> GradientBooster {
        let mut booster = GradientBooster::default();
        booster.iterations = self.trees;
        booster.learning_rate = self.learning_rate as f32;
        booster.max_depth = self.depth;
        booster.l2 = self.l2 as f32;
        booster.gamma = self.min_gain as f32;
        booster.min_leaf_weight = self.min_leaf_weight as f32;
        booster.subsample = self.subsample as f32;
        booster.sample_method = if self.subsample < 1.0 {
            SampleMethod::Random
        } else {
            SampleMethod::None
        };
        // forust rounds the number of features down, to 0 if they are few.
        booster.colsample_bytree = self.colsample.max((1.0 / width as f64).next_up());
        booster.nbins = self.bins;
        booster.seed = seed;
        booster.initialize_base_score = true;
        booster.parallel = true;
        // Faster here; and the sums don't depend on the number of threads.
        booster.tiled_histograms = true;
        booster
    }
}

impl BoostingParams {
    /// The monotone features by their place in the row.
    fn constraints(&self, data: &Dataset) -> Result<Option<ConstraintMap>> {
        if self.monotone.is_empty() {
            return Ok(None);
        }
        let constraint = |(name, way): (&String, &Monotone)| {
            let feature = data.names.iter().position(|feature| feature == name);
            let feature = feature.ok_or_else(|| LearningError::Parameter {
                name: "model.boosting.monotone".into(),
                value: name.clone(),
                expected: format!("the features are {}", data.names.join(", ")),
            })?;
            Ok((
                feature,
                match way {
                    Monotone::Increasing => Constraint::Positive,
                    Monotone::Decreasing => Constraint::Negative,
                },
            ))
        };
        let constraints = self.monotone.iter().map(constraint);
        Ok(Some(constraints.collect::<Result<_>>()?))
    }
}

impl Learner for BoostingParams {
    fn fit(&self, data: &Dataset, seed: u64) -> Result<Predictor> {
        self.check()?;
        data.trainable()?;
        let columns: Vec<f64> = (0..data.width())
            .flat_map(|feature| data.column(feature))
            .map(f64::from)
            .collect();
        let labels: Vec<f64> = data
            .labels
            .iter()
            .map(|label| f64::from(u8::from(*label)))
            .collect();
        let weights = vec![1.0; data.rows()];
        let mut booster = self.booster(data.width(), seed);
        booster.monotone_constraints = self.constraints(data)?;
        booster
            .fit(
                &Matrix::new(&columns, data.rows(), data.width()),
                &labels,
                &weights,
                None,
            )
            .map_err(|error| LearningError::Data(format!("boosting found no solution: {error}")))?;
        let width = data.width() as u16; // `trainable` has checked it
        Ok(Predictor::Ensemble(flatten(&booster, width)?))
    }
}

/// forust's trees in the flat form.
fn flatten(booster: &GradientBooster, width: u16) -> Result<Ensemble> {
    let trees = booster.trees.iter().map(flatten_tree).collect();
    Ensemble::new(width, booster.base_score, Link::Logistic, trees)
}

/// forust's numbers of nodes are those of the order in which they were made; here children
/// stand side by side.
fn flatten_tree(tree: &ForustTree) -> Tree {
    let leaf = |at: usize| {
        Node::leaf(
            tree.nodes[at].weight_value,
            tree.nodes[at].hessian_sum.max(0.0),
        )
    };
    let mut nodes = vec![leaf(0)];
    let mut open = vec![(0, 0)];
    while let Some((old, new)) = open.pop() {
        let split = &tree.nodes[old];
        if split.is_leaf {
            continue;
        }
        let child = nodes.len();
        nodes[new] = Node {
            feature: split.split_feature as u16,
            missing_left: split.missing_node == split.left_child,
            threshold: f32_threshold(split.split_value),
            left: child as u32,
            value: 0.0,
            cover: nodes[new].cover,
        };
        nodes.extend([leaf(split.left_child), leaf(split.right_child)]);
        open.extend([(split.right_child, child + 1), (split.left_child, child)]);
    }
    Tree { nodes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn the_flat_form_predicts_what_forust_predicts() {
        let (rows, width) = (3000, 4);
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(5);
        let features: Vec<f32> = (0..rows * width)
            .map(|_| {
                if rng.random::<f32>() < 0.2 {
                    f32::NAN
                } else {
                    rng.random::<f32>() * 9.0 - 4.0
                }
            })
            .collect();
        let positive = |row: &[f32]| {
            if row[0].is_nan() {
                row[1] > 0.0
            } else {
                row[0] * row[1] > 1.0
            }
        };
        let labels = features.chunks(width).map(positive).collect();
        let names = (0..width)
            .map(|feature| format!("sensor {feature}"))
            .collect();
        let data = Dataset::new(names, features, labels).unwrap();

        let mut booster = BoostingParams::default().booster(width, 1);
        let columns: Vec<f64> = (0..width)
            .flat_map(|feature| data.column(feature))
            .map(f64::from)
            .collect();
        let labels: Vec<f64> = data
            .labels
            .iter()
            .map(|label| f64::from(u8::from(*label)))
            .collect();
        let matrix = Matrix::new(&columns, rows, width);
        booster
            .fit(&matrix, &labels, &vec![1.0; rows], None)
            .unwrap();

        let ours = flatten(&booster, width as u16)
            .unwrap()
            .margins(&data.features);
        let theirs = booster.predict(&matrix, false);
        assert_eq!(
            ours, theirs,
            "leaves are f32 in both, and both sum in f64 in the order of the trees"
        );
        assert!(
            ours.iter().any(|margin| *margin > 2.0) && ours.iter().any(|margin| *margin < -2.0)
        );
    }
}
