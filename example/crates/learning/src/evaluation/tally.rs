//! Rows sorted and summed once, so that any reweighting of them is scored quickly.

use std::ops::{Add, Div, Mul};

use super::{
    curves::{BINS, bin_of},
    metrics::{COUNT, Confusion, Metrics, check, check_classes, same_length},
};
use crate::Result;

/// Rows of one cluster with one probability.
#[derive(Debug, Clone, Copy)]
struct Entry {
    cluster: u32,
    positives: u32,
    negatives: u32,
    /// The next entry has a lower probability.
    ends_tie: bool,
}

/// Rows of one bin of probabilities.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bin {
    pub(super) rows: u64,
    pub(super) positives: u64,
    /// Sum of the probabilities.
    pub(super) predicted: f64,
}

/// What adds up over rows, for one cluster.
#[derive(Debug, Clone, Default)]
struct Sums {
    confusion: Confusion,
    squared: f64,
    log: f64,
    bins: [Bin; BINS],
}

/// Weightings that are counted in one pass over the rows.
pub(super) const AT_ONCE: usize = 8;

/// A number for each of several weightings. Written out, so that a build without optimised iterators is quick too.
#[derive(Debug, Clone, Copy)]
struct Lanes([f64; AT_ONCE]);

impl Lanes {
    #[inline]
    fn all(value: f64) -> Lanes {
        Lanes([value; AT_ONCE])
    }

    #[inline]
    fn with(self, other: Lanes, f: impl Fn(f64, f64) -> f64) -> Lanes {
        let (a, b) = (self.0, other.0);
        Lanes([
            f(a[0], b[0]),
            f(a[1], b[1]),
            f(a[2], b[2]),
            f(a[3], b[3]),
            f(a[4], b[4]),
            f(a[5], b[5]),
            f(a[6], b[6]),
            f(a[7], b[7]),
        ])
    }

    #[inline]
    fn at_least_one(self) -> Lanes {
        self.with(Lanes::all(1.0), |a, b| if a > b { a } else { b })
    }
}

impl Add for Lanes {
    type Output = Lanes;
    #[inline]
    fn add(self, other: Lanes) -> Lanes {
        self.with(other, |a, b| a + b)
    }
}

impl Mul for Lanes {
    type Output = Lanes;
    #[inline]
    fn mul(self, other: Lanes) -> Lanes {
        self.with(other, |a, b| a * b)
    }
}

impl Div for Lanes {
    type Output = Lanes;
    #[inline]
    fn div(self, other: Lanes) -> Lanes {
        self.with(other, |a, b| a / b)
    }
}

/// What a weighting gives: the metrics, the confusion matrix, the bins of probabilities.
pub(super) type Counted = (Metrics<f64>, Confusion, [Bin; BINS]);

/// Labels and probabilities, ready to be counted with a weight for each cluster.
#[derive(Debug)]
pub(super) struct Tally {
    /// By falling probability, then by cluster.
    entries: Vec<Entry>,
    clusters: Vec<Sums>,
}

impl Tally {
    /// Sorts and sums rows; `clusters` has the number of each row's cluster, from 0 without gaps.
    pub(super) fn new(
        labels: &[bool],
        probabilities: &[f64],
        clusters: &[u32],
        threshold: f64,
    ) -> Result<Tally> {
        check(labels, probabilities, threshold)?;
        check_classes(labels)?;
        same_length("clusters", clusters.len(), labels.len())?;
        let mut sums =
            vec![Sums::default(); clusters.iter().max().map_or(0, |last| *last as usize + 1)];
        let mut rows = Vec::with_capacity(labels.len());
        for ((label, probability), cluster) in labels.iter().zip(probabilities).zip(clusters) {
            sums[*cluster as usize].add(*label, *probability, threshold);
            rows.push((*probability, *cluster, *label));
        }
        rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        Ok(Tally {
            entries: merge(&rows),
            clusters: sums,
        })
    }

    /// Number of clusters.
    pub(super) fn clusters(&self) -> usize {
        self.clusters.len()
    }

    /// Number of clusters with rows in the bin.
    pub(super) fn clusters_in(&self, bin: usize) -> usize {
        self.clusters
            .iter()
            .filter(|sums| sums.bins[bin].rows > 0)
            .count()
    }

    /// The metrics when each row counts as often as its cluster's weight says. The ranking's are
    /// NaN if only one class has weight.
    pub(super) fn count(&self, weights: &[u32]) -> Counted {
        let [counted, ..] = self.count_each([weights; AT_ONCE]);
        counted
    }

    /// The same for several weightings: one pass over the rows serves all of them.
    pub(super) fn count_each(&self, weights: [&[u32]; AT_ONCE]) -> [Counted; AT_ONCE] {
        let areas = self.areas(weights);
        std::array::from_fn(|lane| {
            let mut all = Sums::default();
            for (sums, weight) in self.clusters.iter().zip(weights[lane]) {
                all.add_all(sums, *weight);
            }
            let (roc_auc, pr_auc) = areas[lane];
            (all.metrics(roc_auc, pr_auc), all.confusion, all.bins)
        })
    }

    /// Area under the ROC curve and average precision. Counts are whole numbers, held as floats because
    /// processors multiply several of those at once; up to 2⁵³ nothing is lost.
    fn areas(&self, weights: [&[u32]; AT_ONCE]) -> [(f64, f64); AT_ONCE] {
        let of_cluster = |at: usize| Lanes(weights.map(|weights| f64::from(weights[at])));
        let weights: Vec<Lanes> = (0..self.clusters.len()).map(of_cluster).collect();
        let zero = Lanes::all(0.0);
        let (mut true_so_far, mut false_so_far) = (zero, zero);
        let (mut true_tied, mut false_tied) = (zero, zero);
        // Twice the pairs in the right order, so that half a pair is a whole number.
        let (mut pairs, mut precision) = (zero, zero);
        let (mut any_true, mut any_false) = (false, false);
        for entry in &self.entries {
            let weight = weights[entry.cluster as usize];
            if entry.positives > 0 {
                any_true = true;
                true_tied = true_tied + weight * Lanes::all(f64::from(entry.positives));
            }
            if entry.negatives > 0 {
                any_false = true;
                false_tied = false_tied + weight * Lanes::all(f64::from(entry.negatives));
            }
            if !entry.ends_tie {
                continue;
            }
            if any_false {
                pairs = pairs + false_tied * (true_so_far + true_so_far + true_tied);
                false_so_far = false_so_far + false_tied;
                (any_false, false_tied) = (false, zero);
            }
            if any_true {
                true_so_far = true_so_far + true_tied;
                // Without weight so far there is nothing tied either: 0 × 0.
                let called = (true_so_far + false_so_far).at_least_one();
                precision = precision + true_tied * (true_so_far / called);
                (any_true, true_tied) = (false, zero);
            }
        }
        let in_order = pairs / (Lanes::all(2.0) * true_so_far * false_so_far);
        let average = precision / true_so_far;
        std::array::from_fn(|lane| (in_order.0[lane], average.0[lane]))
    }
}

/// Rows of the same probability and cluster made one entry.
fn merge(rows: &[(f64, u32, bool)]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (i, (probability, cluster, label)) in rows.iter().enumerate() {
        let ends_tie = rows.get(i + 1).is_none_or(|next| next.0 != *probability);
        let (positives, negatives) = (u32::from(*label), u32::from(!*label));
        match entries.last_mut() {
            Some(last) if !last.ends_tie && last.cluster == *cluster => {
                last.positives += positives;
                last.negatives += negatives;
                last.ends_tie = ends_tie;
            }
            _ => entries.push(Entry {
                cluster: *cluster,
                positives,
                negatives,
                ends_tie,
            }),
        }
    }
    entries
}

impl Sums {
    fn add(&mut self, label: bool, probability: f64, threshold: f64) {
        let cell = match (label, probability >= threshold) {
            (true, true) => &mut self.confusion.true_positives,
            (false, true) => &mut self.confusion.false_positives,
            (true, false) => &mut self.confusion.false_negatives,
            (false, false) => &mut self.confusion.true_negatives,
        };
        *cell += 1;
        let off = probability - f64::from(u8::from(label));
        self.squared += off * off;
        let given = if label {
            probability
        } else {
            1.0 - probability
        };
        // As scikit-learn clips; a certain probability that is wrong would cost infinitely much.
        self.log -= libm::log(given.clamp(f64::EPSILON, 1.0 - f64::EPSILON));
        let bin = &mut self.bins[bin_of(probability)];
        bin.rows += 1;
        bin.positives += u64::from(label);
        bin.predicted += probability;
    }

    fn add_all(&mut self, other: &Sums, weight: u32) {
        if weight == 0 {
            return;
        }
        self.confusion.add(&other.confusion, u64::from(weight));
        self.squared += f64::from(weight) * other.squared;
        self.log += f64::from(weight) * other.log;
        for (bin, of) in self.bins.iter_mut().zip(&other.bins) {
            bin.rows += u64::from(weight) * of.rows;
            bin.positives += u64::from(weight) * of.positives;
            bin.predicted += f64::from(weight) * of.predicted;
        }
    }

    fn metrics(&self, roc_auc: f64, pr_auc: f64) -> Metrics<f64> {
        let c = &self.confusion;
        let rows = c.rows() as f64;
        let off: f64 = self
            .bins
            .iter()
            .map(|bin| (bin.predicted - bin.positives as f64).abs())
            .sum();
        let share = |of: u64, among: u64| {
            if among == 0 {
                0.0
            } else {
                of as f64 / among as f64
            }
        };
        let values: [f64; COUNT] = [
            roc_auc,
            pr_auc,
            self.squared / rows,
            self.log / rows,
            off / rows,
            (c.true_positives + c.true_negatives) as f64 / rows,
            share(c.true_positives, c.true_positives + c.false_positives),
            share(c.true_positives, c.positives()),
            share(
                2 * c.true_positives,
                2 * c.true_positives + c.false_positives + c.false_negatives,
            ),
        ];
        Metrics::from_values(values)
    }
}
