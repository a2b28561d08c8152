//! Growing one tree of the forest.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::{
    ForestParams,
    histogram::{self, Count, Histogram},
};
use crate::models::bins::{Binned, MISSING};
use crate::{Node, Tree};

/// What all trees of a forest share.
pub(super) struct Grower<'a> {
    binned: &'a Binned,
    labels: &'a [bool],
    depth: usize,
    min_leaf: u64,
    features: usize,
    bootstrap: bool,
    /// Each leaf's share is divided by it, so that the trees add up to a mean.
    trees: f64,
}

/// A row of a tree's sample.
#[derive(Clone, Copy)]
pub(super) struct Sample {
    pub row: u32,
    /// How often it was drawn, and the same again if it is positive.
    rows: u16,
    positives: u16,
}

impl Sample {
    /// A row drawn so many times. (No row is drawn more than 65,535 times, unless there are few of
    /// them and it is counted so.)
    pub fn new(row: u32, times: u32, positive: bool) -> Sample {
        let rows = times.min(u32::from(u16::MAX)) as u16;
        Sample {
            row,
            rows,
            positives: rows * u16::from(positive),
        }
    }

    pub fn count(self) -> Count {
        Count::new(u32::from(self.rows), u32::from(self.positives))
    }
}

/// Half of what the Gini impurity makes of a node split in two, summed over the rows: on each side
/// positives × negatives / rows, brought to one fraction. The less, the better.
fn impurity(left: Count, both: Count) -> f64 {
    let right = both.minus(left);
    let of = |side: Count| (side.rows() as f64, side.positives() as f64);
    let ((l, lp), (r, rp)) = (of(left), of(right));
    (lp * (l - lp) * r + rp * (r - rp) * l) / (l * r)
}

/// A way to part a node's rows.
struct Split {
    feature: usize,
    /// The last bin that goes left.
    bin: u8,
    missing_left: bool,
    left: Count,
    impurity: f64,
}

/// A node that may still be split, and where its samples are.
struct Open {
    node: usize,
    from: usize,
    to: usize,
    depth: usize,
    count: Count,
}

/// What growing needs besides the tree itself.
struct Scratch {
    rng: Pcg64Mcg,
    /// All features; those drawn for the node at hand come first.
    order: Vec<usize>,
    histograms: Vec<Histogram>,
    right: Vec<Sample>,
}

impl<'a> Grower<'a> {
    pub fn new(binned: &'a Binned, labels: &'a [bool], params: &ForestParams) -> Grower<'a> {
        let width = binned.columns.len();
        Grower {
            binned,
            labels,
            depth: params.depth,
            min_leaf: u64::from(params.min_leaf_rows),
            features: params
                .features_per_split
                .unwrap_or(width.isqrt())
                .clamp(1, width),
            bootstrap: params.bootstrap,
            trees: params.trees as f64,
        }
    }

    /// The tree that belongs to a seed.
    pub fn grow(&self, seed: u64) -> Tree {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let mut samples = self.draw(&mut rng);
        let order = (0..self.binned.columns.len()).collect();
        let mut scratch = Scratch {
            rng,
            order,
            histograms: vec![Histogram::EMPTY; self.features],
            right: samples.clone(),
        };
        let count = samples
            .iter()
            .fold(Count::default(), |sum, sample| sum.plus(sample.count()));
        let mut nodes = vec![self.leaf(count)];
        let mut open = Vec::new();
        if self.goes_on(0, count) {
            open.push(Open {
                node: 0,
                from: 0,
                to: samples.len(),
                depth: 0,
                count,
            });
        }
        while let Some(at) = open.pop() {
            let own = &mut samples[at.from..at.to];
            let Some(split) = self.best_split(own, at.count, &mut scratch) else {
                continue;
            };
            let (left, right) = (split.left, at.count.minus(split.left));
            let child = nodes.len();
            nodes[at.node] = self.split_node(&split, at.count, child);
            nodes.extend([self.leaf(left), self.leaf(right)]);
            let depth = at.depth + 1;
            let [goes_on_left, goes_on_right] =
                [left, right].map(|count| self.goes_on(depth, count));
            if !(goes_on_left || goes_on_right) {
                continue;
            }
            let middle = at.from + self.part(own, &split, &mut scratch.right);
            if goes_on_right {
                open.push(Open {
                    node: child + 1,
                    from: middle,
                    to: at.to,
                    depth,
                    count: right,
                });
            }
            if goes_on_left {
                open.push(Open {
                    node: child,
                    from: at.from,
                    to: middle,
                    depth,
                    count: left,
                });
            }
        }
        Tree { nodes }
    }

    /// Whether a node may be split.
    fn goes_on(&self, depth: usize, count: Count) -> bool {
        depth < self.depth && !count.is_pure() && count.rows() >= 2 * self.min_leaf
    }

    /// As many rows as there are, drawn with replacement (or all, once), in their order.
    fn draw(&self, rng: &mut Pcg64Mcg) -> Vec<Sample> {
        let rows = self.labels.len();
        let mut drawn = vec![u32::from(!self.bootstrap); rows];
        if self.bootstrap {
            // `Dataset::trainable` keeps the number of rows within u32.
            let bound = rows as u32;
            for _ in 0..rows {
                drawn[rng.random_range(0..bound) as usize] += 1;
            }
        }
        let mut samples = vec![Sample::new(0, 0, false); rows];
        let mut filled = 0;
        for (row, (times, label)) in drawn.iter().zip(self.labels).enumerate() {
            samples[filled] = Sample::new(row as u32, *times, *label);
            filled += usize::from(*times > 0);
        }
        samples.truncate(filled);
        samples
    }

    fn leaf(&self, count: Count) -> Node {
        let share = count.positives() as f64 / count.rows() as f64;
        Node::leaf((share / self.trees) as f32, count.rows() as f32)
    }

    fn split_node(&self, split: &Split, count: Count, left: usize) -> Node {
        // Beyond the last cut lies nothing but missing values.
        let cut = self.binned.columns[split.feature]
            .cuts
            .get(usize::from(split.bin));
        Node {
            feature: split.feature as u16,
            missing_left: split.missing_left,
            threshold: cut.copied().unwrap_or(f32::INFINITY),
            left: left as u32,
            value: 0.0,
            cover: count.rows() as f32,
        }
    }

    /// The split that leaves the purest sides, among features drawn at random: as many as asked
    /// for, and more as long as none of them parts the rows.
    fn best_split(&self, samples: &[Sample], count: Count, scratch: &mut Scratch) -> Option<Split> {
        let width = scratch.order.len();
        let mut best: Option<Split> = None;
        let mut drawn = 0;
        while drawn < width && best.is_none() {
            let wanted = if drawn == 0 { self.features } else { 1 };
            for at in drawn..drawn + wanted {
                let pick = scratch.rng.random_range(at as u32..width as u32) as usize;
                scratch.order.swap(at, pick);
            }
            let features = &scratch.order[drawn..drawn + wanted];
            let histograms = &mut scratch.histograms[..wanted];
            histogram::count(self.binned, features, samples, histograms);
            for (feature, histogram) in features.iter().zip(histograms) {
                let limit = best.as_ref().map_or(f64::INFINITY, |split| split.impurity);
                best = self
                    .best_of_feature(*feature, histogram, count, limit)
                    .or(best);
            }
            drawn += wanted;
        }
        best
    }

    /// The feature's best split, if its impurity is below `limit`. Empties the histogram.
    fn best_of_feature(
        &self,
        feature: usize,
        histogram: &mut Histogram,
        count: Count,
        limit: f64,
    ) -> Option<Split> {
        let missing = histogram.take(MISSING);
        let most = count.rows() - self.min_leaf;
        let mut best: Option<Split> = None;
        let mut least = limit;
        let mut consider = |bin: u8, missing_left: bool, left: Count| {
            if left.rows() < self.min_leaf || left.rows() > most {
                return;
            }
            let impurity = impurity(left, count);
            if impurity < least {
                least = impurity;
                best = Some(Split {
                    feature,
                    bin,
                    missing_left,
                    left,
                    impurity,
                });
            }
        };
        let mut known = Count::default();
        histogram.drain(|bin, here| {
            known = known.plus(here);
            if missing.rows() > 0 {
                // After the last bin, the missing are split from the known.
                consider(bin, true, known.plus(missing));
                consider(bin, false, known);
            } else {
                // None is missing here; one that comes later goes with the majority.
                consider(bin, known.rows() * 2 > count.rows(), known);
            }
        });
        best
    }

    /// Moves the samples that go left to the front, keeping the order on both sides, and counts them.
    fn part(&self, samples: &mut [Sample], split: &Split, right: &mut [Sample]) -> usize {
        let bins = &self.binned.columns[split.feature].bins;
        // Both sides are written and one is kept: which one it is cannot be foreseen.
        let (mut left, mut others) = (0, 0);
        for at in 0..samples.len() {
            let sample = samples[at];
            let bin = bins[sample.row as usize];
            let goes_left = (bin <= split.bin) | (split.missing_left & (bin == MISSING));
            samples[left] = sample;
            right[others] = sample;
            left += usize::from(goes_left);
            others += usize::from(!goes_left);
        }
        samples[left..].copy_from_slice(&right[..others]);
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn grow(values: &[f32], labels: &[bool]) -> Tree {
        let binned = Binned::new(
            Array2::from_shape_vec((values.len(), 1), values.to_vec())
                .unwrap()
                .view(),
            MISSING,
        );
        let params = ForestParams {
            trees: 1,
            bootstrap: false,
            ..ForestParams::default()
        };
        Grower::new(&binned, labels, &params).grow(1)
    }

    #[test]
    fn a_threshold_lies_between_the_classes() {
        let tree = grow(&[1.0, 2.0, 4.0, 5.0], &[false, false, true, true]);
        assert_eq!(tree.nodes.len(), 3);
        assert_eq!((tree.nodes[0].threshold, tree.nodes[0].cover), (3.0, 4.0));
        assert_eq!((tree.nodes[1].value, tree.nodes[2].value), (0.0, 1.0));
    }

    #[test]
    fn missing_values_go_where_they_belong() {
        let nan = f32::NAN;
        let labels = [false, false, true, true, true];
        let high = grow(&[1.0, 2.0, 4.0, nan, nan], &labels);
        assert_eq!((high.nodes.len(), high.nodes[0].missing_left), (3, false));
        let low = grow(&[5.0, 4.0, 2.0, nan, nan], &labels);
        assert_eq!((low.nodes.len(), low.nodes[0].missing_left), (3, true));
    }

    #[test]
    fn missing_can_be_all_that_tells_the_classes_apart() {
        let nan = f32::NAN;
        let tree = grow(&[1.0, nan, 1.0, nan], &[false, true, false, true]);
        assert_eq!(
            (tree.nodes[0].threshold, tree.nodes[0].missing_left),
            (f32::INFINITY, false)
        );
        assert_eq!((tree.nodes[1].value, tree.nodes[2].value), (0.0, 1.0));
    }

    #[test]
    fn a_constant_feature_is_not_split() {
        assert_eq!(grow(&[7.0; 4], &[false, true, false, true]).nodes.len(), 1);
    }
}
