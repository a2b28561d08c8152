//! Confidence intervals by drawing whole clusters of rows again.
//!
//! Rows of one day share their circumstances: drawing rows one by one would take them for
//! independent and make intervals too narrow. Drawing days keeps together what belongs together
//! (Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993; percentile intervals).

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    curves::{BINS, CalibrationBin},
    metrics::{COUNT, Metrics, Scores, same_length},
    rounded,
    tally::{Bin, Tally},
};
use crate::{LearningError, Result};

/// Clusters a bin needs for an interval.
const FEW: usize = 10;

/// How often clusters are drawn again, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Number of rounds, 20 or more; a few hundred give steady intervals.
    pub rounds: usize,
    /// Seed. The same seed gives the same draws for any model on the same clusters.
    pub seed: u64,
}

/// A number and the interval that holds the middle 95 % of its bootstrap values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value on the rows as they are.
    #[serde(with = "rounded")]
    pub value: f64,
    /// Lower end: 2.5 % of the rounds lie below. Rounds that drew rows of one class only have no
    /// ranking and are left out; NaN (null in JSON) if none is left.
    #[serde(with = "rounded")]
    pub low: f64,
    /// Upper end: 2.5 % of the rounds lie above.
    #[serde(with = "rounded")]
    pub high: f64,
}

/// Scores with 95 % intervals, drawing whole clusters (such as days) again.
///
/// # Errors
/// As [`scores`](super::scores), and if there are fewer than 2 clusters or 20 rounds.
pub fn intervals<K: Ord>(
    labels: &[bool],
    probabilities: &[f64],
    clusters: &[K],
    threshold: f64,
    bootstrap: Bootstrap,
) -> Result<(Scores, Metrics<Estimate>)> {
    let resampled = Resampled::new(
        labels,
        probabilities,
        &numbered(clusters),
        threshold,
        bootstrap,
    )?;
    Ok((resampled.scores, resampled.estimates()))
}

/// How much better or worse model `a` is than `b`: each metric's difference, a − b, with its 95 %
/// interval when both see the same draws. An interval that holds 0 says that the order of the two
/// may be chance. Each model comes as its probabilities and its threshold.
///
/// # Errors
/// As [`intervals`], for either model.
pub fn paired<K: Ord>(
    labels: &[bool],
    a: (&[f64], f64),
    b: (&[f64], f64),
    clusters: &[K],
    bootstrap: Bootstrap,
) -> Result<Metrics<Estimate>> {
    let clusters = numbered(clusters);
    let a = Resampled::new(labels, a.0, &clusters, a.1, bootstrap)?;
    let b = Resampled::new(labels, b.0, &clusters, b.1, bootstrap)?;
    Ok(a.less(&b))
}

/// A model's metrics with their intervals, and its difference from each of `others` as [`paired`]
/// gives it.
///
/// # Errors
/// As [`intervals`], for any of them.
pub fn paired_with<K: Ord>(
    labels: &[bool],
    model: (&[f64], f64),
    others: &[(&[f64], f64)],
    clusters: &[K],
    bootstrap: Bootstrap,
) -> Result<(Metrics<Estimate>, Vec<Metrics<Estimate>>)> {
    let clusters = numbered(clusters);
    let resampled = |(probabilities, threshold): (&[f64], f64)| {
        Resampled::new(labels, probabilities, &clusters, threshold, bootstrap)
    };
    let model = resampled(model)?;
    let differences = others
        .par_iter()
        .map(|other| Ok(model.less(&resampled(*other)?)));
    Ok((model.estimates(), differences.collect::<Result<_>>()?))
}

/// Clusters numbered from 0 in their order.
pub(crate) fn numbered<K: Ord>(clusters: &[K]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..clusters.len()).collect();
    order.sort_by(|a, b| clusters[*a].cmp(&clusters[*b]));
    let mut numbers = vec![0; clusters.len()];
    let mut number = 0;
    for (i, row) in order.iter().enumerate() {
        if i > 0 && clusters[order[i - 1]] != clusters[*row] {
            number += 1;
        }
        numbers[*row] = number;
    }
    numbers
}

/// What one round gave.
struct Round {
    metrics: [f64; COUNT],
    /// Observed share of each bin; NaN where it has no rows.
    observed: [f64; BINS],
}

/// Scores of the rows as they are and of every round.
pub(super) struct Resampled {
    pub(super) scores: Scores,
    bins: [Bin; BINS],
    /// Of each bin, the clusters with rows in it.
    clusters: [usize; BINS],
    rounds: Vec<Round>,
}

impl Resampled {
    pub(super) fn new(
        labels: &[bool],
        probabilities: &[f64],
        clusters: &[u32],
        threshold: f64,
        bootstrap: Bootstrap,
    ) -> Result<Resampled> {
        if bootstrap.rounds < 20 {
            return Err(LearningError::Parameter {
                name: "evaluate.bootstrap_rounds".to_owned(),
                value: bootstrap.rounds.to_string(),
                expected: "an interval takes 20 rounds or more".to_owned(),
            });
        }
        same_length("days or other clusters", clusters.len(), labels.len())?;
        let tally = Tally::new(labels, probabilities, clusters, threshold)?;
        if tally.clusters() < 2 {
            return Err(LearningError::Data(
                "all rows are of one day (or cluster): an interval takes several to draw from, so widen the test period"
                    .to_owned(),
            ));
        }
        let (metrics, confusion, bins) = tally.count(&vec![1; tally.clusters()]);
        let mut seeds = Pcg64Mcg::seed_from_u64(bootstrap.seed);
        let seeds: Vec<u64> = (0..bootstrap.rounds).map(|_| seeds.next_u64()).collect();
        // Each round has its own seed and place: any number of threads gives the same.
        let rounds = seeds
            .into_par_iter()
            .map(|seed| round(&tally, seed))
            .collect();
        Ok(Resampled {
            scores: Scores { confusion, metrics },
            bins,
            clusters: std::array::from_fn(|bin| tally.clusters_in(bin)),
            rounds,
        })
    }

    /// The metrics with their intervals.
    pub(super) fn estimates(&self) -> Metrics<Estimate> {
        let values = self.scores.metrics.values();
        Metrics::from_values(std::array::from_fn(|m| {
            estimate(
                *values[m],
                self.rounds.iter().map(|round| round.metrics[m]).collect(),
            )
        }))
    }

    /// The differences from another model under the same draws.
    fn less(&self, other: &Resampled) -> Metrics<Estimate> {
        let (ours, theirs) = (self.scores.metrics.values(), other.scores.metrics.values());
        Metrics::from_values(std::array::from_fn(|m| {
            let rounds = self.rounds.iter().zip(&other.rounds);
            let differences = rounds.map(|(ours, theirs)| ours.metrics[m] - theirs.metrics[m]);
            estimate(ours[m] - theirs[m], differences.collect())
        }))
    }

    /// The bins that have rows, with intervals of their observed shares.
    pub(super) fn calibration(&self) -> Vec<CalibrationBin> {
        let bins = self.bins.iter().enumerate().filter(|(_, bin)| bin.rows > 0);
        bins.map(|(i, bin)| {
            let observed = bin.positives as f64 / bin.rows as f64;
            // Few clusters give a narrow interval that means nothing.
            let known = self.rounds.iter().filter(|_| self.clusters[i] >= FEW);
            let known = known.map(|round| round.observed[i]);
            let Estimate { value, low, high } = estimate(observed, known.collect());
            CalibrationBin {
                rows: bin.rows,
                predicted: bin.predicted / bin.rows as f64,
                observed: value,
                low,
                high,
            }
        })
        .collect()
    }
}

/// Draws as many clusters as there are, with replacement, and scores them.
fn round(tally: &Tally, seed: u64) -> Round {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let clusters = tally.clusters();
    let mut weights = vec![0u32; clusters];
    for _ in 0..clusters {
        weights[rng.random_range(0..clusters as u64) as usize] += 1;
    }
    let (metrics, _, bins) = tally.count(&weights);
    Round {
        metrics: metrics.values().map(|value| *value),
        observed: bins.map(|bin| bin.positives as f64 / bin.rows as f64),
    }
}

/// A value with the 2.5 % and 97.5 % quantiles of its rounds, between which values are interpolated.
pub(crate) fn estimate(value: f64, mut rounds: Vec<f64>) -> Estimate {
    rounds.retain(|round| !round.is_nan());
    rounds.sort_unstable_by(f64::total_cmp);
    let quantile = |share: f64| {
        let place = share * rounds.len().saturating_sub(1) as f64;
        let (below, above) = (place.floor() as usize, place.ceil() as usize);
        match (rounds.get(below), rounds.get(above)) {
            (Some(b), Some(a)) => b + (a - b) * (place - place.floor()),
            _ => f64::NAN,
        }
    };
    Estimate {
        value,
        low: quantile(0.025),
        high: quantile(0.975),
    }
}
