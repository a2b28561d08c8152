//! The one flat form of every tree model.

use serde::{Deserialize, Serialize};

/// Trees whose leaves add up to a margin. Scoring reads this and nothing else,
/// whichever library trained it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ensemble {
    /// Added to the sum of the leaves.
    pub base: f64,
    /// How the margin becomes a probability.
    pub link: Link,
    /// The trees, in the order they are summed in.
    pub trees: Vec<Tree>,
}

/// How a margin becomes a probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Link {
    /// The margin is the probability (leaves are shares, divided by the number of trees).
    Identity,
    /// The margin is log-odds.
    Logistic,
}

/// One tree; its first node is the root.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tree {
    /// The nodes; children stand side by side, after their parent.
    pub nodes: Vec<Node>,
}

/// A split, or a leaf if `left` is 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Feature compared; 0 in a leaf.
    pub feature: u16,
    /// Whether a missing value goes left.
    pub missing_left: bool,
    /// Smaller goes left, the rest right.
    pub threshold: f32,
    /// Left child; the right one follows it. 0 in a leaf.
    pub left: u32,
    /// What a leaf adds to the margin.
    pub value: f32,
    /// Training weight that reached the node.
    pub cover: f32,
}
