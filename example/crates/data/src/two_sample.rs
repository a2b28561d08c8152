//! Do two samples come from the same distribution, and how far are they apart?
//!
//! A test's p-value answers the first question, and with many rows every
//! difference, however small, gets a small one. A size (D of
//! [`kolmogorov_smirnov`], [`psi`]) answers the second. Drift worth a look has both.
//!
//! All p-values suppose independent rows. Rows that follow one another in
//! time are not, so on real tables they are too small: one more reason to ask for
//! a size as well.

mod categories;
mod kolmogorov;
mod psi;

use serde::{Deserialize, Serialize};
use statrs::function::erf::erfc;

pub use categories::{ChiSquare, Unseen, chi_square, psi_of_categories, unseen};
pub use kolmogorov::{EXACT_UP_TO, KolmogorovSmirnov, kolmogorov_sf, kolmogorov_smirnov};
pub use psi::{Bin, EPSILON, Psi, QUANTILE_BINS, psi, psi_of_counts};

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
    fn samples_without_rows_have_no_test() {
        assert_eq!(two_proportions((0, 0), (1, 2)), None);
        assert_eq!(kolmogorov_smirnov(&[f64::NAN], &[1.0]), None);
        assert!(psi(&[], &[1.0], QUANTILE_BINS).is_none());
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
