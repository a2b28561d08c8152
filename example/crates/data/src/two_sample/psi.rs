//! The population stability index.

use serde::{Deserialize, Serialize};

use super::kolmogorov::sorted;

/// A share of rows below this, or below half a row if that is less, counts as this much, so
/// that an empty bin gives a large number and not infinity. Shares are not rescaled after that.
pub const EPSILON: f64 = 1e-4;

/// The usual number of bins: deciles of the reference.
pub const QUANTILE_BINS: usize = 10;

/// How far a sample has moved over the bins of its reference.
///
/// Σ (c − r) ln(c / r) over bins, with r and c the shares of rows in
/// reference and current sample, each at least [`EPSILON`] or, in a large sample, half a
/// row. By custom, below
/// 0.1 is none, up to 0.25 some, above that much (Siddiqi, *Credit Risk Scorecards*,
/// 2006). By chance alone it comes to about (bins − 1)(1/n + 1/m), so samples below
/// a few hundred rows say little (Yurdakul 2018).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Psi {
    /// The index, 0 or more.
    pub value: f64,
    /// Where it comes from: bins of numbers in ascending order, then missing.
    pub bins: Vec<Bin>,
}

/// One bin: numbers up to its upper edge that are in no lower bin, or all missing ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Upper edge, in the bin; `None` for the last one and for that of missing values.
    pub up_to: Option<f64>,
    /// Share of the reference's rows.
    pub reference: f64,
    /// Share of the current rows.
    pub current: f64,
}

/// The index of numbers, NaN being missing.
///
/// The edges are the reference's quantiles at 1/`bins`, 2/`bins`, … (its own values: the
/// least that enough are not above). A value that fills more than one
/// quantile gets a bin of its own, so a constant or half-zero
/// column is compared well too. One more bin holds missing values. `None` if a sample is empty
/// or `bins` is 0.
pub fn psi(reference: &[f64], current: &[f64], bins: usize) -> Option<Psi> {
    if reference.is_empty() || current.is_empty() || bins == 0 {
        return None;
    }
    let edges = edges(&sorted(reference), bins);
    let (before, after) = (count(reference, &edges), count(current, &edges));
    let value = index(&before, &after);
    let (before, after) = (shares(&before), shares(&after));
    let upper = edges.iter().map(|edge| Some(*edge)).chain([None, None]);
    let bins: Vec<Bin> = upper
        .zip(before.iter().zip(&after))
        .map(|(up_to, (reference, current))| Bin {
            up_to,
            reference: *reference,
            current: *current,
        })
        .collect();
    Some(Psi { value, bins })
}

/// The index of categories, from the counts of the same categories in the same
/// order. `None` if a sample is empty or the lists differ in length.
pub fn psi_of_counts(reference: &[u64], current: &[u64]) -> Option<f64> {
    let filled = |counts: &[u64]| counts.iter().any(|count| *count > 0);
    (reference.len() == current.len() && filled(reference) && filled(current))
        .then(|| index(reference, current))
}

fn edges(sorted: &[f64], bins: usize) -> Vec<f64> {
    let mut edges: Vec<f64> = Vec::with_capacity(bins);
    if sorted.is_empty() {
        return edges;
    }
    for cut in 1..bins {
        let quantile = sorted[(cut * sorted.len()).div_ceil(bins) - 1];
        if edges.last() != Some(&quantile) {
            edges.push(quantile);
        } else if edges.len() < 2 || edges[edges.len() - 2] != quantile.next_down() {
            edges.insert(edges.len() - 1, quantile.next_down());
        }
    }
    edges
}

fn count(values: &[f64], edges: &[f64]) -> Vec<u64> {
    let mut counts = vec![0; edges.len() + 2];
    for value in values {
        let bin = if value.is_nan() {
            edges.len() + 1
        } else {
            edges.partition_point(|edge| edge < value)
        };
        counts[bin] += 1;
    }
    counts
}

fn shares(counts: &[u64]) -> Vec<f64> {
    let total: u64 = counts.iter().sum();
    counts
        .iter()
        .map(|count| *count as f64 / total as f64)
        .collect()
}

fn index(reference: &[u64], current: &[u64]) -> f64 {
    let occurs = reference.iter().zip(current).map(|(r, c)| r + c > 0);
    let shares = floored(reference).zip(floored(current));
    occurs
        .zip(shares)
        .filter(|(occurs, _)| *occurs)
        .map(|(_, (r, c))| (c - r) * libm::log(c / r))
        .sum()
}

/// The shares, none too small for a logarithm. A fixed least share would call all
/// shares below it the same, however many rows stand behind them.
fn floored(counts: &[u64]) -> impl Iterator<Item = f64> {
    let total: u64 = counts.iter().sum();
    let least = EPSILON.min(0.5 / total as f64);
    let shares = shares(counts).into_iter();
    shares.map(move |share| share.max(least))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_of_missing_values_notices_that_they_became_many() {
        let reference: Vec<f64> = (0..1000).map(f64::from).collect();
        let mut current = reference.clone();
        current
            .iter_mut()
            .step_by(5)
            .for_each(|value| *value = f64::NAN);
        let psi = psi(&reference, &current, QUANTILE_BINS).unwrap();
        assert_eq!(psi.bins.len(), 11);
        assert_eq!(psi.bins[10].current, 0.2);
        assert!(psi.value > 1.0, "{}", psi.value);
    }

    #[test]
    fn a_value_that_fills_quantiles_has_a_bin_of_its_own() {
        let reference: Vec<f64> = (0..100).map(|i| f64::from((i - 60).max(0))).collect();
        let bins = psi(&reference, &reference, QUANTILE_BINS).unwrap().bins;
        assert_eq!(bins[1].up_to, Some(0.0));
        assert_eq!((bins[0].reference, bins[1].reference), (0.0, 0.61));
        assert!((bins.iter().map(|bin| bin.reference).sum::<f64>() - 1.0).abs() < 1e-12);
    }

    /// 20,000 words of 50 rows each in a million: half of them go, and half of the rest have their rows.
    #[test]
    fn shares_below_the_floor_of_small_samples_count_in_large_ones() {
        let reference = vec![50; 20_000];
        let current = [vec![0; 10_000], vec![100; 10_000]].concat();
        assert!(psi_of_counts(&reference, &current).unwrap() > 1.0);
    }

    #[test]
    fn a_constant_column_is_seen_to_move_either_way() {
        for moved in [4.0, 6.0] {
            assert!(psi(&[5.0; 40], &[moved; 40], QUANTILE_BINS).unwrap().value > 9.0);
        }
    }
}
