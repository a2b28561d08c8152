//! Do two samples come from the same distribution, and how far are they apart?
//!
//! A test's p-value answers the first question, and with many rows every
//! difference, however small, gets a small one. A size (D of
//! [`kolmogorov_smirnov`], [`psi`]) answers the second. Drift worth a look has both.
//!
//! All p-values suppose independent rows. Rows that follow one another in
//! time are not, so on real tables they are too small: one more reason to ask for
//! a size as well.

mod kolmogorov;
mod psi;

use serde::{Deserialize, Serialize};
use statrs::function::{erf::erfc, gamma::gamma_ur};

pub use kolmogorov::{EXACT_UP_TO, KolmogorovSmirnov, kolmogorov_sf, kolmogorov_smirnov};
pub use psi::{Bin, EPSILON, Psi, QUANTILE_BINS, psi, psi_of_counts};

/// The chi-square test that two samples spread alike over categories.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChiSquare {
    /// Sum of (observed − expected)² / expected over both samples' cells.
    pub statistic: f64,
    /// Categories after pooling, less one.
    pub degrees_of_freedom: usize,
    /// Chance of a statistic at least as large if the samples spread alike.
    pub p_value: f64,
    /// How many categories were too rare to stand alone and were pooled.
    pub pooled: usize,
}

/// Least expected count of a cell, the usual rule for the chi-square
/// approximation (Cochran, *Biometrics* 10, 1954).
const LEAST_EXPECTED: f64 = 5.0;

/// Pearson's chi-square test of homogeneity on the counts of two samples, which
/// list the same categories in the same order.
///
/// Both samples are taken as random, so a category that only one of them has is
/// no division by zero. The rarest categories are pooled into one
/// until every expected count is 5; if only one is left, there is nothing to
/// compare and p is 1. `None` if a sample is empty or the lists differ in length.
pub fn chi_square(reference: &[u64], current: &[u64]) -> Option<ChiSquare> {
    if reference.len() != current.len() {
        return None;
    }
    let sum = |counts: &[u64]| counts.iter().map(|count| *count as f64).sum::<f64>();
    let (reference_total, current_total) = (sum(reference), sum(current));
    if reference_total == 0.0 || current_total == 0.0 {
        return None;
    }
    let total = reference_total + current_total;
    let smaller_share = reference_total.min(current_total) / total;
    let (cells, pooled) = pool(reference, current, LEAST_EXPECTED / smaller_share);

    let part = |observed: f64, both: f64, sample: f64| {
        let expected = both * sample / total;
        (observed - expected).powi(2) / expected
    };
    let statistic = cells
        .iter()
        .map(|[r, c]| part(*r, r + c, reference_total) + part(*c, r + c, current_total))
        .sum();
    let degrees_of_freedom = cells.len().saturating_sub(1);
    Some(ChiSquare {
        statistic,
        degrees_of_freedom,
        p_value: chi_square_sf(statistic, degrees_of_freedom),
        pooled,
    })
}

/// Merges the rarest categories until each has `least` rows in both samples
/// together; also says how many went into the merged one.
fn pool(reference: &[u64], current: &[u64], least: f64) -> (Vec<[f64; 2]>, usize) {
    let mut cells: Vec<[f64; 2]> = reference
        .iter()
        .zip(current)
        .map(|(r, c)| [*r as f64, *c as f64])
        .filter(|[r, c]| r + c > 0.0)
        .collect();
    cells.sort_by(|[a, b], [c, d]| (a + b).total_cmp(&(c + d)).then(a.total_cmp(c)));
    let mut merged = [0.0; 2];
    let mut taken = 0;
    while taken < cells.len() && merged[0] + merged[1] < least {
        // The first category needs no company if it is common enough itself.
        merged[0] += cells[taken][0];
        merged[1] += cells[taken][1];
        taken += 1;
    }
    let mut kept = cells.split_off(taken);
    if taken > 0 {
        kept.push(merged);
    }
    (kept, if taken > 1 { taken } else { 0 })
}

fn chi_square_sf(statistic: f64, degrees_of_freedom: usize) -> f64 {
    if degrees_of_freedom == 0 || statistic <= 0.0 {
        return 1.0;
    }
    gamma_ur(degrees_of_freedom as f64 / 2.0, statistic / 2.0)
}

/// Two-sided test that an event is equally frequent in two samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Proportions {
    /// Share in the reference.
    pub reference: f64,
    /// Share in the current sample.
    pub current: f64,
    /// Their difference in standard errors, current less reference.
    pub z: f64,
    /// Chance of a difference at least as large if they are the same.
    pub p_value: f64,
}

/// The two-proportion z-test with pooled variance, each sample given as
/// `(events, rows)`. `None` if a sample is empty or has more events than rows.
pub fn two_proportions(reference: (u64, u64), current: (u64, u64)) -> Option<Proportions> {
    let share = |(events, rows): (u64, u64)| {
        (rows > 0 && events <= rows).then(|| events as f64 / rows as f64)
    };
    let (reference_share, current_share) = (share(reference)?, share(current)?);
    let (n, m) = (reference.1 as f64, current.1 as f64);
    let pooled = (reference.0 as f64 + current.0 as f64) / (n + m);
    let error = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    // Without any event, or with nothing else, both shares are the same.
    let z = if error > 0.0 {
        (current_share - reference_share) / error
    } else {
        0.0
    };
    Some(Proportions {
        reference: reference_share,
        current: current_share,
        z,
        p_value: erfc(z.abs() / std::f64::consts::SQRT_2),
    })
}

/// Adjusts p-values so that calling all those up to *q* a discovery keeps the
/// expected share of false ones below *q* (Benjamini and Hochberg, *J. R. Stat.
/// Soc. B* 57, 1995). The order is kept.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 1.0_f64;
    for (rank, index) in order.into_iter().enumerate().rev() {
        // The factor first: it is exactly 1 for the greatest, which must not move.
        least = least.min(p_values[index] * (p_values.len() as f64 / (rank + 1) as f64));
        adjusted[index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rare_category_is_pooled_with_the_next_rarest() {
        let test = chi_square(&[1000, 500, 3, 1], &[990, 510, 0, 4]).unwrap();
        assert_eq!((test.degrees_of_freedom, test.pooled), (1, 3));
        let test = chi_square(&[1000, 500, 9, 4], &[990, 510, 1, 8]).unwrap();
        assert_eq!((test.degrees_of_freedom, test.pooled), (2, 2));
    }

    #[test]
    fn a_category_that_the_reference_lacks_is_found_without_dividing_by_zero() {
        let test = chi_square(&[500, 500, 0], &[450, 450, 100]).unwrap();
        assert!(
            test.statistic.is_finite() && test.p_value < 1e-9,
            "{test:?}"
        );
    }

    #[test]
    fn samples_without_rows_have_no_test() {
        assert_eq!(chi_square(&[0, 0], &[1, 2]), None);
        assert_eq!(chi_square(&[1], &[1, 2]), None);
        assert_eq!(two_proportions((0, 0), (1, 2)), None);
        assert_eq!(kolmogorov_smirnov(&[f64::NAN], &[1.0]), None);
        assert!(psi(&[], &[1.0], QUANTILE_BINS).is_none());
    }

    #[test]
    fn one_category_is_no_difference() {
        let test = chi_square(&[70], &[20]).unwrap();
        assert_eq!((test.degrees_of_freedom, test.p_value), (0, 1.0));
    }

    #[test]
    fn the_z_test_is_the_chi_square_test_of_two_by_two() {
        let z = two_proportions((40, 900), (75, 1100)).unwrap();
        let chi = chi_square(&[40, 860], &[75, 1025]).unwrap();
        assert!((z.z * z.z - chi.statistic).abs() < 1e-12 * chi.statistic);
        assert!((z.p_value / chi.p_value - 1.0).abs() < 1e-9);
        assert_eq!(two_proportions((0, 10), (0, 20)).unwrap().p_value, 1.0);
    }

    proptest! {
        #[test]
        fn adjusting_keeps_the_order_and_never_lowers(p in prop::collection::vec(0.0..=1.0f64, 0..40)) {
            let adjusted = benjamini_hochberg(&p);
            for (i, (raw, new)) in p.iter().zip(&adjusted).enumerate() {
                prop_assert!(new >= raw && *new <= 1.0);
                for (j, other) in p.iter().enumerate() {
                    if raw < other {
                        prop_assert!(new <= &adjusted[j], "{i} {j}");
                    }
                }
            }
        }

        #[test]
        fn p_is_a_chance_and_sample_order_has_no_effect(
            a in prop::collection::vec(-50..50i32, 1..60),
            b in prop::collection::vec(-50..50i32, 1..60),
        ) {
            let real = |values: &[i32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
            let (a, b) = (real(&a), real(&b));
            let there = kolmogorov_smirnov(&a, &b).unwrap();
            let back = kolmogorov_smirnov(&b, &a).unwrap();
            prop_assert_eq!(there, back);
            prop_assert!((0.0..=1.0).contains(&there.statistic));
            prop_assert!((0.0..=1.0).contains(&there.p_value));
            let mut turned = a.clone();
            turned.reverse();
            prop_assert_eq!(kolmogorov_smirnov(&turned, &b).unwrap(), there);
            prop_assert!(psi(&a, &b, 10).unwrap().value >= 0.0);
        }
    }
}
