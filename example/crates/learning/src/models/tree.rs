//! One decision tree, by linfa-trees.

use linfa::{DatasetBase, traits::Fit};
use linfa_trees::{DecisionTree, SplitQuality, TreeNode};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use super::{Imputation, Learner, Predictor, params::within};
use crate::{Dataset, Ensemble, LearningError, Link, Node, Result, Tree, ensemble::f32_threshold};

/// Parameters of `tree`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TreeParams {
    /// Splits on the way from the root to a leaf, at most.
    pub depth: usize,
    /// Training rows in a leaf, at least.
    pub min_leaf_rows: u32,
    /// What a split should lower.
    pub impurity: Impurity,
    /// How much a split has to lower the impurity, at least.
    pub min_decrease: f64,
    /// What stands for a missing value: `median`, `mean`, `constant: 0`, or `none`.
    pub missing: Imputation,
}

/// How mixed the classes of a node are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impurity {
    /// Chance that two of its rows, drawn with replacement, are of different classes.
    Gini,
    /// Shannon's entropy, in bits.
    Entropy,
}

impl Default for TreeParams {
    fn default() -> Self {
        TreeParams {
            depth: 10,
            min_leaf_rows: 1,
            impurity: Impurity::Gini,
            min_decrease: 1e-5,
            missing: Imputation::Median,
        }
    }
}

impl TreeParams {
    /// # Errors
    /// The first parameter that is out of its range.
    pub(super) fn check(&self) -> Result<()> {
        within("tree.depth", self.depth, 1..=30)?;
        within("tree.min_leaf_rows", self.min_leaf_rows, 1..=1_000_000_000)?;
        within("tree.min_decrease", self.min_decrease, 1e-9..=1.0)?;
        self.missing.check("tree.missing.constant")
    }
}

/// One feature's values by rank. linfa-trees takes values closer than 1e-5 for equal, and sends a
/// row that equals a threshold left when it fits, but right when it predicts. Neither
/// matters to ranks: they are 1 apart, and every threshold lies half-way.
struct Ranks(Vec<f32>);

impl Ranks {
    fn new(values: &[f32]) -> Ranks {
        let mut distinct: Vec<f32> = values.iter().map(|value| value + 0.0).collect(); // −0 is 0
        distinct.sort_unstable_by(f32::total_cmp);
        distinct.dedup();
        Ranks(distinct)
    }

    fn rank(&self, value: f32) -> f64 {
        self.0.partition_point(|known| *known < value) as f64
    }

    /// Half-way between the values to both sides of a threshold among the ranks.
    fn threshold(&self, rank: f64) -> Option<f32> {
        let above = *self.0.get(rank.ceil() as usize)?;
        let below = *self.0.get((rank.ceil() as usize).checked_sub(1)?)?;
        Some(f32_threshold((f64::from(below) + f64::from(above)) / 2.0))
    }
}

impl Learner for TreeParams {
    fn fit(&self, data: &Dataset, _seed: u64) -> Result<Predictor> {
        self.check()?;
        data.trainable()?;
        let fills = self.missing.fills(data)?;
        let mut records = Array2::<f64>::zeros((data.rows(), data.width()));
        let mut columns = Vec::with_capacity(data.width());
        for (feature, (fill, mut into)) in fills.into_iter().zip(records.columns_mut()).enumerate()
        {
            let filled: Vec<f32> = data
                .column(feature)
                .map(|value| if value.is_nan() { fill } else { value })
                .collect();
            let ranks = Ranks::new(&filled);
            for (cell, value) in into.iter_mut().zip(&filled) {
                *cell = ranks.rank(*value);
            }
            columns.push((fill, ranks));
        }
        let dataset = DatasetBase::new(records, Array1::from(data.labels.clone()));
        let fitted = DecisionTree::params()
            .max_depth(Some(self.depth))
            // f32 counts rows exactly up to 2²⁴; beyond, linfa's own sums round as well.
            .min_weight_leaf(self.min_leaf_rows as f32)
            .min_impurity_decrease(self.min_decrease)
            .split_quality(match self.impurity {
                Impurity::Gini => SplitQuality::Gini,
                Impurity::Entropy => SplitQuality::Entropy,
            })
            .fit(&dataset)
            .map_err(|error| {
                LearningError::Data(format!("the decision tree could not be fitted: {error}"))
            })?;
        let splits = flatten(fitted.root_node(), &columns)?;
        let tree = merge_equal_leaves(&splits, &class_counts(&splits, data));
        let width = data.width() as u16; // `trainable` has checked it
        Ok(Predictor::Ensemble(Ensemble::new(
            width,
            0.0,
            Link::Identity,
            vec![tree],
        )?))
    }
}

/// linfa's nodes in the flat form, without values.
fn flatten(root: &TreeNode<f64, bool>, columns: &[(f32, Ranks)]) -> Result<Tree> {
    let mut nodes = vec![Node::leaf(0.0, 0.0)];
    let mut open = vec![(0, root)];
    while let Some((at, node)) = open.pop() {
        let [Some(left), Some(right)] = node.children()[..] else {
            continue;
        };
        let (feature, rank, _) = node.split();
        let (fill, ranks) = &columns[feature];
        let threshold = ranks.threshold(rank).ok_or_else(|| {
            LearningError::Data(format!(
                "the decision tree splits feature {feature} where it has no values"
            ))
        })?;
        let child = nodes.len();
        nodes[at].feature = feature as u16;
        nodes[at].threshold = threshold;
        nodes[at].missing_left = *fill < threshold;
        nodes[at].left = child as u32;
        nodes.extend([Node::leaf(0.0, 0.0); 2]);
        open.extend([(child + 1, right.as_ref()), (child, left.as_ref())]);
    }
    Ok(Tree { nodes })
}

/// Training rows of each class in each node: (negative, positive).
fn class_counts(tree: &Tree, data: &Dataset) -> Vec<(u32, u32)> {
    let mut counts = vec![(0, 0); tree.nodes.len()];
    for (row, positive) in data.iter().zip(&data.labels) {
        tree.path(row, |at| {
            if *positive {
                counts[at].1 += 1
            } else {
                counts[at].0 += 1
            }
        });
    }
    counts
}

/// Leaves that stand side by side and say the same become one, up from the bottom; what
/// remains gets its share of positive rows.
///
/// linfa-trees prunes so as well, but it takes the majority of a leaf whose classes tie from the order of
/// a hash map, which changes from run to run. Here a tied leaf says both, and is merged with either;
/// whatever linfa has merged would be merged here too, so that the result is the same every time.
fn merge_equal_leaves(tree: &Tree, counts: &[(u32, u32)]) -> Tree {
    let mut is_leaf: Vec<bool> = tree.nodes.iter().map(Node::is_leaf).collect();
    let says = |at: usize| (counts[at].0 >= counts[at].1, counts[at].1 >= counts[at].0);
    for (at, node) in tree.nodes.iter().enumerate().rev() {
        let left = node.left as usize;
        if !node.is_leaf() && is_leaf[left] && is_leaf[left + 1] {
            let (a, b) = (says(left), says(left + 1));
            is_leaf[at] = a.0 && b.0 || a.1 && b.1;
        }
    }
    let mut nodes = vec![tree.nodes[0]];
    let mut open = vec![(0, 0)];
    while let Some((old, new)) = open.pop() {
        let (negative, positive) = counts[old];
        let cover = (f64::from(negative) + f64::from(positive)) as f32;
        if is_leaf[old] {
            let share = f64::from(positive) / (f64::from(negative) + f64::from(positive)).max(1.0);
            nodes[new] = Node::leaf(share as f32, cover);
        } else {
            let (left, child) = (tree.nodes[old].left as usize, nodes.len());
            nodes[new] = Node {
                left: child as u32,
                cover,
                ..tree.nodes[old]
            };
            nodes.extend([tree.nodes[left], tree.nodes[left + 1]]);
            open.extend([(left + 1, child + 1), (left, child)]);
        }
    }
    Tree { nodes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_lie_half_way_between_the_values() {
        let ranks = Ranks::new(&[3.0, 1.0, 2.0, 1.0]);
        assert_eq!(ranks.rank(3.0), 2.0);
        assert_eq!(ranks.threshold(0.5), Some(1.5));
        assert_eq!(ranks.threshold(2.5), None);
    }

    #[test]
    fn values_closer_than_linfa_tells_apart_are_still_split() {
        let features = vec![1.0e-7, 2.0e-7, 3.0e-7, 4.0e-7];
        let data = Dataset::new(
            vec!["dose".into()],
            features,
            vec![false, false, true, true],
        )
        .unwrap();
        let model = TreeParams::default().fit(&data, 0).unwrap();
        assert_eq!(model.probabilities(&data.features), [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn a_tied_leaf_is_merged_with_its_neighbour_whatever_it_says() {
        let split = |threshold, left| Node {
            left,
            threshold,
            ..Node::leaf(0.0, 0.0)
        };
        let tree = Tree {
            nodes: vec![
                split(2.0, 1),
                split(1.0, 3),
                Node::leaf(0., 0.),
                Node::leaf(0., 0.),
                Node::leaf(0., 0.),
            ],
        };
        // Leaf 3 is tied, leaf 4 negative: merged. The result is negative, leaf 2 positive: kept apart.
        let merged = merge_equal_leaves(&tree, &[(6, 5), (5, 2), (1, 3), (2, 2), (3, 0)]);
        assert_eq!(merged.nodes.len(), 3);
        assert_eq!(merged.nodes[1], Node::leaf(2.0 / 7.0, 7.0));
        assert_eq!(merged.nodes[2], Node::leaf(0.75, 4.0));
    }
}
