//! The one flat form of every tree model.

mod batch;

use serde::{Deserialize, Serialize};

use crate::{LearningError, Result, sigmoid::sigmoid};

/// Trees whose leaves add up to a margin. Scoring reads this and nothing else,
/// whichever library trained it.
///
/// Whatever the source, its nodes are known to be well-formed: scoring ends, and
/// reads no feature beyond [`Ensemble::width`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Ensemble {
    width: u16,
    base: f64,
    link: Link,
    trees: Vec<Tree>,
}

/// An ensemble as it comes out of a file.
#[derive(Deserialize)]
struct Unchecked {
    width: u16,
    base: f64,
    link: Link,
    trees: Vec<Tree>,
}

impl TryFrom<Unchecked> for Ensemble {
    type Error = LearningError;

    fn try_from(raw: Unchecked) -> Result<Ensemble> {
        Ensemble::new(raw.width, raw.base, raw.link, raw.trees)
    }
}

/// How a margin becomes a probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Link {
    /// The margin is the probability (leaves are shares, divided by the number of trees).
    Identity,
    /// The margin is log-odds.
    Logistic,
}

impl Link {
    /// The probability that belongs to a margin.
    pub fn probability(self, margin: f64) -> f64 {
        match self {
            // Leaves are rounded to f32, so their sum may leave [0, 1] by a hair.
            Link::Identity => margin.clamp(0.0, 1.0),
            Link::Logistic => sigmoid(margin),
        }
    }
}

/// One tree; its first node is the root.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tree {
    /// The nodes; children stand side by side, after their parent.
    pub nodes: Vec<Node>,
}

// ANCHOR: node
/// A split, or a leaf if `left` is 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Feature compared; 0 in a leaf.
    pub feature: u16,
    /// Whether a missing value goes left.
    pub missing_left: bool,
    /// Smaller goes left, the rest right. Infinity splits the known from the missing.
    pub threshold: f32,
    /// Left child; the right one follows it. 0 in a leaf.
    pub left: u32,
    /// What a leaf adds to the margin; 0 in a split.
    pub value: f32,
    /// Training weight that reached the node.
    pub cover: f32,
}
// ANCHOR_END: node

impl Node {
    /// A leaf.
    pub fn leaf(value: f32, cover: f32) -> Node {
        Node {
            feature: 0,
            missing_left: false,
            threshold: 0.0,
            left: 0,
            value,
            cover,
        }
    }

    /// Whether the node has no children.
    pub fn is_leaf(&self) -> bool {
        self.left == 0
    }

    /// The child that a row goes to from a split. (No branch: which side it is cannot be foreseen.)
    fn child(&self, row: &[f32]) -> usize {
        let value = row[usize::from(self.feature)];
        let left = (value < self.threshold) | (value.is_nan() & self.missing_left);
        self.left as usize + usize::from(!left)
    }
}

/// Trees that a row walks down together, so that the processor need not wait for a step in one of them before
/// it begins another.
const TOGETHER: usize = 8;

/// The values of the leaves that a row falls into.
fn leaf_values(trees: &[Tree; TOGETHER], row: &[f32]) -> [f32; TOGETHER] {
    let mut at = [0; TOGETHER];
    loop {
        let mut walks = false;
        for (at, tree) in at.iter_mut().zip(trees) {
            let node = &tree.nodes[*at];
            // A leaf compares feature 0, which every row has, and stays.
            let child = node.child(row);
            *at = if node.is_leaf() { *at } else { child };
            walks |= !node.is_leaf();
        }
        if !walks {
            break;
        }
    }
    std::array::from_fn(|tree| trees[tree].nodes[at[tree]].value)
}

/// The smallest f32 that isn't below `threshold`: for every f32 `x`, `x < threshold`
/// holds exactly if `x` is smaller than it.
pub fn f32_threshold(threshold: f64) -> f32 {
    let nearest = threshold as f32;
    if f64::from(nearest) < threshold {
        nearest.next_up()
    } else {
        nearest
    }
}

impl Tree {
    /// Checks everything that scoring and explaining rely on.
    fn check(&self, width: u16) -> Result<(), String> {
        if self.nodes.is_empty() {
            return Err("has no nodes".into());
        }
        // Children come in pairs: a well-formed tree uses up the nodes after the root, each once.
        let mut has_parent = vec![false; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            let wrong = |what: &str| Err(format!("node {at}: {what}"));
            if !node.value.is_finite() || node.threshold.is_nan() {
                return wrong("a value or threshold isn't a number");
            }
            if node.threshold == f32::NEG_INFINITY {
                return wrong("nothing is below its threshold");
            }
            if !(node.cover.is_finite() && node.cover >= 0.0) {
                return wrong("the training weight is negative or not a number");
            }
            if node.is_leaf() {
                continue;
            }
            let left = node.left as usize;
            if node.feature >= width {
                return wrong("it splits by a feature that isn't there");
            }
            if left <= at || left + 1 >= self.nodes.len() {
                return wrong("a child doesn't follow it, or isn't there");
            }
            if has_parent[left] || has_parent[left + 1] {
                return wrong("a child already has a parent");
            }
            has_parent[left] = true;
            has_parent[left + 1] = true;
        }
        match has_parent.iter().skip(1).position(|parent| !parent) {
            Some(orphan) => Err(format!("node {}: it has no parent", orphan + 1)),
            None => Ok(()),
        }
    }

    /// The value of the leaf that a row falls into.
    pub(crate) fn leaf_value(&self, row: &[f32]) -> f32 {
        let mut node = &self.nodes[0];
        while !node.is_leaf() {
            node = &self.nodes[node.child(row)];
        }
        node.value
    }

    /// Calls `visit` with every node that a row passes, from the root to its leaf.
    pub(crate) fn path(&self, row: &[f32], mut visit: impl FnMut(usize)) {
        let mut at = 0;
        visit(at);
        while !self.nodes[at].is_leaf() {
            at = self.nodes[at].child(row);
            visit(at);
        }
    }

    /// What each node's rows are worth on average: the mean of the leaves below, weighted by cover.
    pub fn expectations(&self) -> Vec<f64> {
        let mut means: Vec<f64> = self
            .nodes
            .iter()
            .map(|node| f64::from(node.value))
            .collect();
        for (at, node) in self.nodes.iter().enumerate().rev() {
            if !node.is_leaf() {
                let (left, right) = self.child_covers(node);
                let at_left = node.left as usize;
                means[at] = if left + right > 0.0 {
                    (left * means[at_left] + right * means[at_left + 1]) / (left + right)
                } else {
                    (means[at_left] + means[at_left + 1]) / 2.0
                };
            }
        }
        means
    }

    /// The shares of a split's training weight that went left and right; half each if there was none.
    pub(crate) fn shares(&self, node: &Node) -> [f64; 2] {
        let (left, right) = self.child_covers(node);
        let both = left + right;
        if both > 0.0 {
            [left / both, right / both]
        } else {
            [0.5; 2]
        }
    }

    fn child_covers(&self, node: &Node) -> (f64, f64) {
        let left = node.left as usize;
        (
            f64::from(self.nodes[left].cover),
            f64::from(self.nodes[left + 1].cover),
        )
    }
}

impl Ensemble {
    /// Trees over rows of `width` features.
    ///
    /// # Errors
    /// If there are no features, or a tree isn't well-formed: a child that doesn't stand after its parent, or has two;
    /// a feature out of range; a number that isn't finite.
    pub fn new(width: u16, base: f64, link: Link, trees: Vec<Tree>) -> Result<Ensemble> {
        if width == 0 {
            return Err(LearningError::File("the ensemble has no features".into()));
        }
        if !base.is_finite() {
            return Err(LearningError::File(format!(
                "the ensemble's base is {base}, which isn't a number"
            )));
        }
        for (at, tree) in trees.iter().enumerate() {
            tree.check(width)
                .map_err(|why| LearningError::File(format!("tree {at} {why}")))?;
        }
        Ok(Ensemble {
            width,
            base,
            link,
            trees,
        })
    }

    /// Number of features a row has.
    pub fn width(&self) -> usize {
        usize::from(self.width)
    }

    /// Added to the sum of the leaves.
    pub fn base(&self) -> f64 {
        self.base
    }

    /// How the margin becomes a probability.
    pub fn link(&self) -> Link {
        self.link
    }

    /// The trees, in the order they are summed in.
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// Base and leaves of one row, summed in f64 in the order of the trees. NaN is missing.
    ///
    /// # Panics
    /// If the row hasn't [`Ensemble::width`] values.
    pub fn margin(&self, row: &[f32]) -> f64 {
        assert_eq!(row.len(), self.width(), "features in a row");
        let mut sum = self.base;
        let (together, last) = self.trees.as_chunks::<TOGETHER>();
        for trees in together {
            for leaf in leaf_values(trees, row) {
                sum += f64::from(leaf);
            }
        }
        for tree in last {
            sum += f64::from(tree.leaf_value(row));
        }
        sum
    }

    /// The margins of many rows, standing one after the other in `rows`, on all threads.
    /// The bits are those of [`Ensemble::margin`], row by row.
    ///
    /// # Panics
    /// If `rows` isn't a whole number of rows.
    pub fn margins(&self, rows: &[f32]) -> Vec<f64> {
        batch::margins(self, rows)
    }

    /// Each feature's share in what the splits explain; the shares add up to 1 (or are all 0
    /// if there is no split).
    ///
    /// A split of a node of cover `c` into covers `l`, `r` with expected values `a`, `b` lowers the
    /// variance of the node's value by `l r / c (a − b)²`; this is summed over the feature's splits.
    /// With shares as values it is Breiman's mean decrease in impurity
    /// (*Classification and Regression Trees*, 1984) of the trees as they predict.
    pub fn importance(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.width()];
        for tree in &self.trees {
            let means = tree.expectations();
            for node in tree.nodes.iter().filter(|node| !node.is_leaf()) {
                let (left, right) = tree.child_covers(node);
                let gap = means[node.left as usize] - means[node.left as usize + 1];
                if left + right > 0.0 {
                    sums[usize::from(node.feature)] += left * right / (left + right) * gap * gap;
                }
            }
        }
        shares(sums)
    }
}

/// Scaled so that they add up to 1, unless all are 0.
pub(crate) fn shares(mut values: Vec<f64>) -> Vec<f64> {
    let total: f64 = values.iter().sum();
    if total > 0.0 {
        values.iter_mut().for_each(|value| *value /= total);
    }
    values
}

#[cfg(test)]
mod tests;
