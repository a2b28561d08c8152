//! Confidence intervals from the block bootstrap: whole blocks of consecutive days are drawn again.
//!
//! Rows of one day share their circumstances, and so do days that follow each other. Drawing rows one
//! by one, or days one by one, would take them for independent and make intervals too narrow. Drawing
//! blocks keeps together what depends on each other (Carlstein, *The use of subseries values for
//! estimating the variance of a general statistic from a stationary sequence*, 1986; percentile intervals as in
//! Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993).

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    curves::{BINS, CalibrationBin},
    metrics::{COUNT, Metrics, Scores, same_length},
    rounded,
    tally::{AT_ONCE, Bin, Tally},
};
use crate::{LearningError, Result};

/// Blocks a bin needs for an interval.
const FEW: usize = 10;

/// How often blocks of days are drawn again, how long they are, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Number of rounds, 20 or more; with 2,000, chance moves an end by some 2 % of the width.
    pub rounds: usize,
    /// Days of a block, 1 or more: as long as days depend on each other.
    pub block_days: u32,
    /// Seed. The same seed gives the same draws for any model on the same days.
    pub seed: u64,
}

impl Bootstrap {
    /// The seed of each round.
    pub(crate) fn seeds(self) -> Vec<u64> {
        let mut seeds = Pcg64Mcg::seed_from_u64(self.seed);
        (0..self.rounds).map(|_| seeds.next_u64()).collect()
    }

    /// The block of each row, numbered from 0 in order of time. The first block begins with the first day; a
    /// block without rows doesn't exist.
    ///
    /// # Errors
    /// If a block has no days, there are fewer than 20 rounds, or all rows lie within one block.
    pub fn blocks(self, days: &[i32]) -> Result<Vec<u32>> {
        let parameter = |name: &str, value: String, expected: &str| LearningError::Parameter {
            name: format!("evaluate.{name}"),
            value,
            expected: expected.to_owned(),
        };
        if self.rounds < 20 {
            let expected = "an interval takes 20 rounds or more";
            return Err(parameter(
                "bootstrap_rounds",
                self.rounds.to_string(),
                expected,
            ));
        }
        if self.block_days == 0 {
            let expected = "a block takes 1 day or more";
            return Err(parameter("bootstrap_block_days", "0".to_owned(), expected));
        }
        let first = days.iter().min().copied().unwrap_or_default();
        let of_day = |day: &i32| (i64::from(*day) - i64::from(first)) / i64::from(self.block_days);
        let blocks = numbered(&days.iter().map(of_day).collect::<Vec<i64>>());
        if blocks.iter().any(|block| *block > 0) {
            return Ok(blocks);
        }
        Err(LearningError::Data(format!(
            "all rows lie within one block of {} {}: an interval takes several to draw from, so widen the test period, or shorten evaluate.bootstrap_block_days",
            self.block_days,
            if self.block_days == 1 { "day" } else { "days" }
        )))
    }
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

impl Estimate {
    /// Digits after the point that its interval justifies, by the rule of the Particle Data Group: of half its width,
    /// two digits if they are 35 or less, else one. Four if it has no interval.
    pub fn decimals(&self) -> usize {
        mlops_plot::decimals(self.low, self.high).unwrap_or(4)
    }
}

/// Scores with 95 % intervals, drawing blocks of days again.
///
/// # Errors
/// As [`scores`](super::scores) and [`Bootstrap::blocks`].
pub fn intervals(
    labels: &[bool],
    probabilities: &[f64],
    days: &[i32],
    threshold: f64,
    bootstrap: Bootstrap,
) -> Result<(Scores, Metrics<Estimate>)> {
    let blocks = bootstrap.blocks(days)?;
    let resampled = Resampled::new(labels, probabilities, &blocks, threshold, bootstrap)?;
    Ok((resampled.scores, resampled.estimates()))
}

/// How much better or worse model `a` is than `b`: each metric's difference, a − b, with its 95 %
/// interval when both see the same draws. An interval that holds 0 says that the order of the two
/// may be chance. Each model comes as its probabilities and its threshold.
///
/// # Errors
/// As [`intervals`], for either model.
pub fn paired(
    labels: &[bool],
    a: (&[f64], f64),
    b: (&[f64], f64),
    days: &[i32],
    bootstrap: Bootstrap,
) -> Result<Metrics<Estimate>> {
    let blocks = bootstrap.blocks(days)?;
    let a = Resampled::new(labels, a.0, &blocks, a.1, bootstrap)?;
    let b = Resampled::new(labels, b.0, &blocks, b.1, bootstrap)?;
    Ok(a.less(&b))
}

/// A model's metrics with their intervals, and its difference from each of `others` as [`paired`]
/// gives it.
///
/// # Errors
/// As [`intervals`], for any of them.
pub fn paired_with(
    labels: &[bool],
    model: (&[f64], f64),
    others: &[(&[f64], f64)],
    days: &[i32],
    bootstrap: Bootstrap,
) -> Result<(Metrics<Estimate>, Vec<Metrics<Estimate>>)> {
    let blocks = bootstrap.blocks(days)?;
    let resampled = |(probabilities, threshold): (&[f64], f64)| {
        Resampled::new(labels, probabilities, &blocks, threshold, bootstrap)
    };
    let model = resampled(model)?;
    let differences = others
        .par_iter()
        .map(|other| Ok(model.less(&resampled(*other)?)));
    Ok((model.estimates(), differences.collect::<Result<_>>()?))
}

/// Clusters numbered from 0 in their order.
pub(super) fn numbered<K: Ord>(clusters: &[K]) -> Vec<u32> {
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
    /// Of each bin, the blocks with rows in it.
    blocks: [usize; BINS],
    rounds: Vec<Round>,
}

impl Resampled {
    /// `blocks` are those of [`Bootstrap::blocks`].
    pub(super) fn new(
        labels: &[bool],
        probabilities: &[f64],
        blocks: &[u32],
        threshold: f64,
        bootstrap: Bootstrap,
    ) -> Result<Resampled> {
        same_length("days", blocks.len(), labels.len())?;
        let tally = Tally::new(labels, probabilities, blocks, threshold)?;
        let (metrics, confusion, bins) = tally.count(&vec![1; tally.clusters()]);
        // Each round has its own seed and place: any number of threads gives the same.
        let rounds = bootstrap
            .seeds()
            .par_chunks(AT_ONCE)
            .flat_map_iter(|seeds| rounds(&tally, seeds))
            .collect();
        Ok(Resampled {
            scores: Scores { confusion, metrics },
            bins,
            blocks: std::array::from_fn(|bin| tally.clusters_in(bin)),
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
            // Few blocks give a narrow interval that means nothing.
            let known = self.rounds.iter().filter(|_| self.blocks[i] >= FEW);
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

// ANCHOR: blocks
/// Draws as many blocks as there are, with replacement: how often each is drawn.
pub(crate) fn draw(blocks: usize, seed: u64) -> Vec<u32> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut times = vec![0u32; blocks];
    for _ in 0..blocks {
        times[rng.random_range(0..blocks as u64) as usize] += 1;
    }
    times
}
// ANCHOR_END: blocks

/// Scores a draw of blocks for each of at most [`AT_ONCE`] seeds.
fn rounds(tally: &Tally, seeds: &[u64]) -> impl Iterator<Item = Round> {
    let blocks = tally.clusters();
    // The last seeds may be fewer: the rest draw nothing, and are left out again.
    let draws: [Vec<u32>; AT_ONCE] = std::array::from_fn(|at| {
        let seed = seeds.get(at);
        seed.map_or_else(|| vec![0; blocks], |seed| draw(blocks, *seed))
    });
    let counted = tally.count_each(draws.each_ref().map(Vec::as_slice));
    let rounds = counted.map(|(metrics, _, bins)| Round {
        metrics: metrics.values().map(|value| *value),
        observed: bins.map(|bin| bin.positives as f64 / bin.rows as f64),
    });
    rounds.into_iter().take(seeds.len())
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
