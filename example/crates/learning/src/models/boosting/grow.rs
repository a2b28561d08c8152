//! Growing one tree.

use rayon::prelude::*;

use super::{
    Monotone,
    histogram::{Histogram, SHARED, Tile},
    sample::{Sample, Sums},
    split::{self, Bounds, Rules, Split},
};
use crate::models::bins::{Binned, MISSING};
use crate::{Node, Tree};

/// What the growing of a tree needs to know.
pub(super) struct Grower<'a> {
    pub binned: &'a Binned,
    /// The features that this tree sees, in order.
    pub features: &'a [usize],
    /// Their bins.
    pub tiles: &'a [Tile],
    pub rules: Rules,
    /// Which way the leaves go with each feature of a row; empty if none is bound.
    pub monotone: &'a [Option<Monotone>],
    pub depth: usize,
    pub learning_rate: f64,
}

/// A tree, and where the rows of each leaf are among the samples, from left to right.
pub(super) struct Grown {
    pub tree: Tree,
    pub leaves: Vec<Leaf>,
}

/// So many samples that fall into a leaf, and its value.
pub(super) struct Leaf {
    pub rows: usize,
    pub value: f32,
}

/// A node and all below it.
enum Branch {
    Leaf { rows: usize, sums: Sums, value: f32 },
    Split { node: Node, sides: Box<[Branch; 2]> },
}

/// A node that may be split.
struct Open<'s> {
    samples: &'s mut [Sample],
    /// As many places again, to part the samples in.
    scratch: &'s mut [Sample],
    sums: Sums,
    bounds: Bounds,
    depth: usize,
}

impl Grower<'_> {
    /// The tree of these samples, which are put in the order of its leaves.
    pub fn grow(&self, samples: &mut [Sample], scratch: &mut [Sample]) -> Grown {
        let root = Open {
            sums: Sums::of(samples),
            samples,
            scratch,
            bounds: Bounds::NONE,
            depth: 0,
        };
        let branch = if self.goes_on(&root) {
            let histogram = Histogram::new(self.tiles, root.samples);
            self.branch(root, histogram)
        } else {
            self.leaf(&root)
        };
        let mut grown = Grown {
            tree: Tree {
                nodes: vec![Node::leaf(0.0, 0.0)],
            },
            leaves: Vec::new(),
        };
        grown.put(0, branch);
        grown
    }

    fn leaf(&self, open: &Open<'_>) -> Branch {
        let value = self.rules.value(open.sums, open.bounds) * self.learning_rate;
        Branch::Leaf {
            rows: open.samples.len(),
            sums: open.sums,
            value: value as f32,
        }
    }

    /// Whether a node may be split.
    fn goes_on(&self, open: &Open<'_>) -> bool {
        open.depth < self.depth && open.sums.hessian >= 2.0 * self.rules.min_leaf_weight
    }

    fn branch(&self, open: Open<'_>, histogram: Histogram) -> Branch {
        let Some((feature, split)) = self.best_split(&open, &histogram) else {
            return self.leaf(&open);
        };
        let node = self.split_node(feature, &split, open.sums);
        let (left, right) = self.part(open, feature, &split);
        let sides = match [self.goes_on(&left), self.goes_on(&right)] {
            [false, false] => [self.leaf(&left), self.leaf(&right)],
            go_on => {
                // Only the smaller side is summed; the other is what is left.
                let is_left_less = left.samples.len() < right.samples.len();
                let less = if is_left_less { &left } else { &right };
                let less = Histogram::new(self.tiles, less.samples);
                let more = histogram.minus(&less);
                let [of_left, of_right] = if is_left_less {
                    [less, more]
                } else {
                    [more, less]
                };
                self.both((left, of_left), (right, of_right), go_on)
            }
        };
        Branch::Split {
            node,
            sides: Box::new(sides),
        }
    }

    fn both(
        &self,
        (left, of_left): (Open<'_>, Histogram),
        (right, of_right): (Open<'_>, Histogram),
        [left_goes_on, right_goes_on]: [bool; 2],
    ) -> [Branch; 2] {
        let side = |open: Open<'_>, histogram: Histogram, goes_on: bool| {
            if goes_on {
                self.branch(open, histogram)
            } else {
                self.leaf(&open)
            }
        };
        let is_shared = left.samples.len() + right.samples.len() >= SHARED;
        let left = || side(left, of_left, left_goes_on);
        let right = || side(right, of_right, right_goes_on);
        if is_shared {
            rayon::join(left, right).into()
        } else {
            [left(), right()]
        }
    }

    /// The feature and the split that lower the loss most; the first of equals.
    fn best_split(&self, open: &Open<'_>, histogram: &Histogram) -> Option<(usize, Split)> {
        let limit = self.rules.score(open.sums, open.bounds) + self.rules.least_gain;
        let of_feature = |place: usize| {
            let feature = self.features[place];
            let cuts = self.binned.columns[feature].cuts.len();
            let (bins, missing) = split::parts(histogram.bins(place), cuts);
            let split = match self.monotone.get(feature) {
                None => self.rules.free_split(bins, missing, open.sums, limit),
                Some(way) => {
                    let binding = (open.bounds, *way);
                    self.rules
                        .bound_split(bins, missing, open.sums, limit, binding)
                }
            };
            split.map(|split| (feature, split))
        };
        let better = |one: (usize, Split), other: (usize, Split)| {
            if other.1.score > one.1.score {
                other
            } else {
                one
            }
        };
        let places = 0..self.features.len();
        if open.samples.len() < SHARED {
            places.filter_map(of_feature).reduce(better)
        } else {
            let places = places.into_par_iter().with_min_len(8);
            places.filter_map(of_feature).reduce_with(better)
        }
    }

    fn split_node(&self, feature: usize, split: &Split, sums: Sums) -> Node {
        // Beyond the last cut lies nothing but missing values.
        let cut = self.binned.columns[feature]
            .cuts
            .get(usize::from(split.bin));
        Node {
            feature: feature as u16,
            missing_left: split.missing_left,
            threshold: cut.copied().unwrap_or(f32::INFINITY),
            left: 0,
            value: 0.0,
            cover: sums.hessian as f32,
        }
    }

    /// Both children: the samples that go left come first, in their order, as do those that go right.
    fn part<'s>(&self, open: Open<'s>, feature: usize, split: &Split) -> (Open<'s>, Open<'s>) {
        let bins = &self.binned.columns[feature].bins;
        // Both sides are written and one is kept: which one it is cannot be foreseen.
        let (mut left, mut others) = (0, 0);
        for at in 0..open.samples.len() {
            let sample = open.samples[at];
            let bin = bins[sample.row as usize];
            let goes_left = (bin <= split.bin) | (split.missing_left & (bin == MISSING));
            open.samples[left] = sample;
            open.scratch[others] = sample;
            left += usize::from(goes_left);
            others += usize::from(!goes_left);
        }
        open.samples[left..].copy_from_slice(&open.scratch[..others]);

        let (samples, scratch) = (
            open.samples.split_at_mut(left),
            open.scratch.split_at_mut(left),
        );
        let right_sums = open.sums.minus(split.left);
        let [left_value, right_value] =
            [split.left, right_sums].map(|sums| self.rules.value(sums, open.bounds));
        let way = self.monotone.get(feature).copied().flatten();
        let [left_bounds, right_bounds] = open.bounds.of_children(way, left_value, right_value);
        let left = Open {
            samples: samples.0,
            scratch: scratch.0,
            sums: split.left,
            bounds: left_bounds,
            depth: open.depth + 1,
        };
        let right = Open {
            samples: samples.1,
            scratch: scratch.1,
            sums: right_sums,
            bounds: right_bounds,
            depth: open.depth + 1,
        };
        (left, right)
    }
}

impl Grown {
    /// Puts a branch where a node is held for it. Children stand side by side.
    fn put(&mut self, at: usize, branch: Branch) {
        match branch {
            Branch::Leaf { rows, sums, value } => {
                self.tree.nodes[at] = Node::leaf(value, sums.hessian as f32);
                self.leaves.push(Leaf { rows, value });
            }
            Branch::Split { node, sides } => {
                let left = self.tree.nodes.len();
                self.tree.nodes[at] = Node {
                    left: left as u32,
                    ..node
                };
                self.tree.nodes.extend([Node::leaf(0.0, 0.0); 2]);
                let [left_side, right_side] = *sides;
                self.put(left, left_side);
                self.put(left + 1, right_side);
            }
        }
    }
}
