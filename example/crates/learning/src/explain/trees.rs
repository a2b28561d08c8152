//! SHAP values of one tree.
//!
// ANCHOR: formula
//! On the way to a leaf of value `v`, let feature `i` be asked for by splits that let the share `zᵢ` of the
//! training weight pass, and let `oᵢ` be 1 if the row passes them all, else 0. If the features in `S` are
//! known, the leaf adds `v ∏(i∈S) oᵢ ∏(i∉S) zᵢ` to what is expected. A Shapley value weighs
//! the sets by `|S|! (n−1−|S|)! / n! = ∫₀¹ tˢ (1−t)ⁿ⁻¹⁻ˢ dt`, so the leaf gives feature `i`
//!
//! ```text
//! v (oᵢ − zᵢ) ∫₀¹ ∏(j≠i) (zⱼ (1−t) + oⱼ t) dt,
//! ```
// ANCHOR_END: formula
//!
//! the integral of a polynomial, to which Gauss–Legendre quadrature is exact. For each of its points, the products
//! are formed on the way down and summed on the way up. So each edge costs the same, however deep the
//! tree; nothing is subtracted that is large, so nothing is lost; and all but `o` is known before
//! there is a row.

use super::quadrature::{self, Point};
use crate::{LearningError, Result, Tree};

/// Points that are worked on together: as many as fill the processor's registers well. Four
/// are exact for eight different features on a path.
const LANES: usize = 4;
/// Different features on a path, at most: a bound on memory that no tree grown from data comes near.
const FEATURES: usize = 512;

type Lanes = [f64; LANES];

/// Whether the row takes an edge, and has taken all edges above it that ask for the same feature.
const TAKEN: usize = 0;
/// It took those above, but not this one.
const LEFT_HERE: usize = 1;
/// It did not even take those above.
const LEFT_BEFORE: usize = 2;

/// A tree with all made ready that does not depend on the row.
#[derive(Debug)]
pub(super) struct Plan {
    nodes: usize,
    splits: Vec<Split>,
    /// For each four points, the two edges of each split.
    edges: Vec<[Edge; 2]>,
}

#[derive(Debug)]
struct Split {
    threshold: f32,
    feature: u16,
    missing_left: bool,
    /// Its node.
    at: u32,
    /// Its left child; the right one follows.
    left: u32,
    /// The last node on the way, this one included, that a split by the same feature leads to; the
    /// root if there is none.
    above: u32,
}

/// From a split to one of its children.
#[derive(Debug, Clone, Copy)]
struct Edge {
    /// What the product of the path is multiplied by. (And by the value, where the child is a leaf.)
    factor: [Lanes; 3],
    /// What the sum over the leaves below is multiplied by to be the feature's.
    weight: [Lanes; 3],
}

/// Room for what is known of one row; kept from row to row.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    products: Vec<Lanes>,
    states: Vec<u8>,
}

/// What the way to a node lets pass, by the feature that its parent asks for.
struct Way {
    parent: usize,
    feature: Option<u16>,
    share: f64,
    /// Different features on the way.
    features: usize,
}

impl Plan {
    /// # Errors
    /// If there are too many different features on one path.
    pub(super) fn new(tree: &Tree) -> Result<Plan> {
        let mut ways: Vec<Way> = Vec::with_capacity(tree.nodes.len());
        ways.resize_with(tree.nodes.len(), || Way {
            parent: 0,
            feature: None,
            share: 1.0,
            features: 0,
        });
        let mut splits = Vec::with_capacity(tree.nodes.len() / 2);
        for (at, node) in tree.nodes.iter().enumerate() {
            if node.is_leaf() {
                continue;
            }
            let mut above = at;
            while above != 0 && ways[above].feature != Some(node.feature) {
                above = ways[above].parent;
            }
            for (side, share) in tree.shares(node).into_iter().enumerate() {
                ways[node.left as usize + side] = Way {
                    parent: at,
                    feature: Some(node.feature),
                    share: ways[above].share * share,
                    features: ways[at].features + usize::from(above == 0),
                };
            }
            splits.push(Split {
                threshold: node.threshold,
                feature: node.feature,
                missing_left: node.missing_left,
                at: at as u32,
                left: node.left,
                above: above as u32,
            });
        }
        let features = ways.iter().map(|way| way.features).max().unwrap_or(0);
        if features > FEATURES {
            return Err(LearningError::Data(format!(
                "a tree asks for {features} different features on one path; up to {FEATURES} can be explained"
            )));
        }
        let points = quadrature::points(features.div_ceil(2 * LANES) * LANES);
        let edges = points
            .chunks_exact(LANES)
            .flat_map(|points| splits.iter().map(|split| edges(tree, &ways, split, points)))
            .collect();
        Ok(Plan {
            nodes: tree.nodes.len(),
            splits,
            edges,
        })
    }

    /// Adds the row's SHAP values of this tree to `values`.
    pub(super) fn add_to(&self, values: &mut [f64], row: &[f32], scratch: &mut Scratch) {
        if self.splits.is_empty() {
            return;
        }
        let Scratch { products, states } = scratch;
        if products.len() < self.nodes {
            products.resize(self.nodes, [0.0; LANES]);
            states.resize(self.nodes, 0);
        }
        for edges in self.edges.chunks_exact(self.splits.len()) {
            products[0] = [1.0; LANES];
            states[0] = TAKEN as u8;
            for (split, edges) in self.splits.iter().zip(edges) {
                split.go_down(edges, row, products, states);
            }
            for (split, edges) in self.splits.iter().zip(edges).rev() {
                values[usize::from(split.feature)] += split.go_up(edges, products, states);
            }
        }
    }
}

impl Split {
    /// Forms the products of both children. (No branch: which side it is cannot be foreseen.)
    fn go_down(&self, edges: &[Edge; 2], row: &[f32], products: &mut [Lanes], states: &mut [u8]) {
        let value = row[usize::from(self.feature)];
        let left = (value < self.threshold) | (value.is_nan() & self.missing_left);
        let lost = states[self.above as usize] != TAKEN as u8;
        let product = products[self.at as usize];
        for (side, edge) in edges.iter().enumerate() {
            let not_here = left == (side == 1);
            let state = (usize::from(lost) * LEFT_BEFORE).max(usize::from(not_here) * LEFT_HERE);
            let child = self.left as usize + side;
            states[child] = state as u8;
            products[child] = std::array::from_fn(|lane| product[lane] * edge.factor[state][lane]);
        }
    }

    /// What the split's feature gets by its edges; the sum over the leaves takes the place of the product.
    fn go_up(&self, edges: &[Edge; 2], products: &mut [Lanes], states: &[u8]) -> f64 {
        let mut sum = [0.0; LANES];
        let mut value = [0.0; LANES];
        for (side, edge) in edges.iter().enumerate() {
            let child = self.left as usize + side;
            let below = products[child];
            let weight = &edge.weight[usize::from(states[child])];
            for lane in 0..LANES {
                sum[lane] += below[lane];
                value[lane] += below[lane] * weight[lane];
            }
        }
        products[self.at as usize] = sum;
        value.iter().sum()
    }
}

fn edges(tree: &Tree, ways: &[Way], split: &Split, points: &[Point]) -> [Edge; 2] {
    let shares = tree.shares(&tree.nodes[split.at as usize]);
    [0, 1].map(|side| {
        let child = split.left as usize + side;
        let node = &tree.nodes[child];
        let value = if node.is_leaf() {
            f64::from(node.value)
        } else {
            1.0
        };
        let mut edge = Edge {
            factor: [[shares[side] * value; LANES]; 3],
            weight: [[0.0; LANES]; 3],
        };
        for (lane, point) in points.iter().enumerate() {
            let own = Pass::new(ways[child].share, point);
            let above = Pass::new(ways[split.above as usize].share, point);
            edge.factor[TAKEN][lane] = own.taken / above.taken * value;
            edge.factor[LEFT_HERE][lane] = own.left / above.taken * value;
            // The sum below holds the own factor; the edge above has counted it as if it were its.
            let weigh = |own: f64| point.weight * (own - above.when_taken);
            edge.weight[TAKEN][lane] = weigh(own.when_taken);
            edge.weight[LEFT_HERE][lane] = weigh(-1.0 / (1.0 - point.at));
        }
        edge
    })
}

/// A feature's factor `z (1−t) + o t`, and `o − z` by that factor.
struct Pass {
    /// The factor if the row passes.
    taken: f64,
    /// The factor if it doesn't.
    left: f64,
    /// `1 − z` by the factor, if it passes. (If it doesn't: −1 / (1−t).)
    when_taken: f64,
}

impl Pass {
    fn new(share: f64, point: &Point) -> Pass {
        let left = share * (1.0 - point.at);
        // All pass where nothing is asked: exactly 1.
        let taken = if share == 1.0 { 1.0 } else { left + point.at };
        Pass {
            taken,
            left,
            when_taken: (1.0 - share) / taken,
        }
    }
}
