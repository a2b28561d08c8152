//! Rows sorted and summed once, so that any reweighting of them is scored quickly.

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
        let [counted] = self.count_each([weights]);
        counted
    }

    /// The same for several weightings: one pass over the rows serves all of them.
    pub(super) fn count_each<const L: usize>(&self, weights: [&[u32]; L]) -> [Counted; L] {
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
    fn areas<const L: usize>(&self, weights: [&[u32]; L]) -> [(f64, f64); L] {
        let of_cluster = |cluster: usize| weights.map(|weights| f64::from(weights[cluster]));
        let weights: Vec<[f64; L]> = (0..self.clusters.len()).map(of_cluster).collect();
        let zero = [0.0; L];
        let (mut true_so_far, mut false_so_far) = (zero, zero);
        let (mut true_tied, mut false_tied) = (zero, zero);
        // Twice the pairs in the right order, so that half a pair is a whole number.
        let (mut pairs, mut precision) = (zero, zero);
        let (mut any_true, mut any_false) = (false, false);
        for entry in &self.entries {
            let weight = &weights[entry.cluster as usize];
            let (positives, negatives) = (f64::from(entry.positives), f64::from(entry.negatives));
            if entry.positives > 0 {
                any_true = true;
                (0..L).for_each(|lane| true_tied[lane] += weight[lane] * positives);
            }
            if entry.negatives > 0 {
                any_false = true;
                (0..L).for_each(|lane| false_tied[lane] += weight[lane] * negatives);
            }
            if !entry.ends_tie {
                continue;
            }
            if any_false {
                for lane in 0..L {
                    pairs[lane] += false_tied[lane] * (2.0 * true_so_far[lane] + true_tied[lane]);
                    false_so_far[lane] += false_tied[lane];
                }
                (any_false, false_tied) = (false, zero);
            }
            if any_true {
                for lane in 0..L {
                    true_so_far[lane] += true_tied[lane];
                    // Without weight so far there is nothing tied either: 0 × 0.
                    let called = (true_so_far[lane] + false_so_far[lane]).max(1.0);
                    precision[lane] += true_tied[lane] * (true_so_far[lane] / called);
                }
                (any_true, true_tied) = (false, zero);
            }
        }
        std::array::from_fn(|lane| {
            let (positives, negatives) = (true_so_far[lane], false_so_far[lane]);
            (
                pairs[lane] / (2.0 * positives * negatives),
                precision[lane] / positives,
            )
        })
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
