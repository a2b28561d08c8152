//! Two samples of categories: the chi-square test, how rare ones are pooled, and
//! how many rows hold a category that the reference never had.

use serde::{Deserialize, Serialize};
use statrs::function::{erf::erfc, gamma::gamma_ur};

use super::psi::psi_of_counts;

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
/// no division by zero. All categories whose expected count is below 5 in either sample
/// are pooled into one, with the next rarest if that is not enough; if only one
/// is left, there is nothing to compare and p is 1. What happens among pooled
/// categories, the test doesn't see: [`unseen`] does. `None` if a sample is
/// empty or the lists differ in length.
pub fn chi_square(reference: &[u64], current: &[u64]) -> Option<ChiSquare> {
    let pool = Pool::new(reference, current)?;
    let mut cells = pool.common.clone();
    cells.extend(pool.rare());
    let totals = pool.totals.map(|total| total as f64);
    let both = totals[0] + totals[1];
    let part = |observed: u64, cell: [u64; 2], sample: f64| {
        let expected = (cell[0] + cell[1]) as f64 * sample / both;
        (observed as f64 - expected).powi(2) / expected
    };
    let statistic = cells
        .iter()
        .map(|cell| part(cell[0], *cell, totals[0]) + part(cell[1], *cell, totals[1]))
        .sum();
    let degrees_of_freedom = cells.len().saturating_sub(1);
    Some(ChiSquare {
        statistic,
        degrees_of_freedom,
        p_value: chi_square_sf(statistic, degrees_of_freedom),
        pooled: pool.pooled,
    })
}

/// The population stability index of categories, from counts as
/// [`chi_square`] takes them; `missing` are the rows without a value of both samples,
/// a cell of their own.
///
/// Rare categories are pooled as there: among thousands, each share would be too small to
/// count. So that their replacement is seen all the same, the pool has two
/// cells, rows whose category another row of the reference has, and rows
/// whose category none has ([`unseen`]). `None` if a sample is empty or the lists differ in length.
pub fn psi_of_categories(reference: &[u64], current: &[u64], missing: [u64; 2]) -> Option<f64> {
    let mut cells = match Pool::new(reference, current) {
        Some(pool) => pool.into_cells(),
        None if reference.len() == current.len() => {
            vec![[reference.iter().sum(), current.iter().sum()]]
        }
        None => return None,
    };
    cells.push(missing);
    let (reference, current): (Vec<u64>, Vec<u64>) = cells.into_iter().map(|[r, c]| (r, c)).unzip();
    psi_of_counts(&reference, &current)
}

/// Rows of a sample whose category the reference never had.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Unseen {
    /// How many different categories of the current sample the reference lacks.
    pub words: usize,
    /// Their share of the current rows.
    pub share: f64,
    /// The share to expect if nothing changed: that of reference rows whose category
    /// no other reference row has (Good and Turing).
    pub expected: f64,
    /// Chance of a share at least as large if nothing changed.
    pub p_value: f64,
}

/// Compares the rows with a new category with as many as chance brings.
///
/// A column of numbers of invoices is new in every row, and always was: so the share of new ones
/// says nothing by itself. What to expect of a sample from the same distribution is the share
/// of reference rows whose category occurs only once (Good, *Biometrika* 40, 1953). The test is
/// one-sided, on the normal approximation with the variance of that estimate (Esty, *Ann.
/// Statist.* 11, 1983). `None` if a sample is empty or the lists differ in length.
pub fn unseen(reference: &[u64], current: &[u64]) -> Option<Unseen> {
    if reference.len() != current.len() {
        return None;
    }
    let total = |counts: &[u64]| counts.iter().map(|count| *count as f64).sum::<f64>();
    let (n, m) = (total(reference), total(current));
    if n == 0.0 || m == 0.0 {
        return None;
    }
    let times = |wanted: u64| reference.iter().filter(|count| **count == wanted).count() as f64;
    let (once, twice) = (times(1), times(2));
    let new = || {
        reference
            .iter()
            .zip(current)
            .filter(|(r, c)| **r == 0 && **c > 0)
    };
    let rows: f64 = new().map(|(_, count)| *count as f64).sum();
    let (share, expected) = (rows / m, once / n);
    let pooled = (rows + once) / (n + m);
    let variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m) + 2.0 * twice / (n * n);
    let z = if variance > 0.0 {
        (share - expected) / variance.sqrt()
    } else {
        // Every row of both samples is new, or none is.
        0.0
    };
    Some(Unseen {
        words: new().count(),
        share,
        expected,
        p_value: 0.5 * erfc(z / std::f64::consts::SQRT_2),
    })
}

/// Categories that can stand alone, and the rare ones together; counts are
/// `[reference, current]`.
struct Pool {
    common: Vec<[u64; 2]>,
    /// Rows whose rare category another reference row has.
    known: [u64; 2],
    /// Rows whose rare category no other reference row has.
    new: [u64; 2],
    pooled: usize,
    totals: [u64; 2],
    /// Rows of both samples that a cell needs.
    least: f64,
}

impl Pool {
    /// `None` if a sample is empty or the lists differ in length.
    fn new(reference: &[u64], current: &[u64]) -> Option<Pool> {
        let totals = [reference.iter().sum::<u64>(), current.iter().sum()];
        if reference.len() != current.len() || totals.contains(&0) {
            return None;
        }
        let [n, m] = totals.map(|total| total as f64);
        let mut cells: Vec<[u64; 2]> = reference
            .iter()
            .zip(current)
            .map(|(r, c)| [*r, *c])
            .filter(|[r, c]| r + c > 0)
            .collect();
        cells.sort_unstable_by_key(|[r, c]| (r + c, *r));
        let mut pool = Pool {
            common: Vec::new(),
            known: [0; 2],
            new: [0; 2],
            pooled: 0,
            totals,
            least: LEAST_EXPECTED * (n + m) / n.min(m),
        };
        // Ascending: all that are too rare, and then as many more as it takes.
        let enough = |rows: u64| rows as f64 >= pool.least;
        let rare = cells.partition_point(|[r, c]| !enough(r + c));
        let mut rows: u64 = cells[..rare].iter().map(|[r, c]| r + c).sum();
        let more = cells[rare..].iter().take_while(|[r, c]| {
            let lacks = rare > 0 && !enough(rows);
            rows += r + c;
            lacks
        });
        let taken = rare + more.count();
        pool.common = cells.split_off(taken);
        pool.pooled = if taken > 1 { taken } else { 0 };
        for [r, c] in cells {
            let new = if r <= 1 {
                &mut pool.new[0]
            } else {
                &mut pool.known[0]
            };
            *new += r;
            let new = if r == 0 {
                &mut pool.new[1]
            } else {
                &mut pool.known[1]
            };
            *new += c;
        }
        Some(pool)
    }

    /// The rare ones as one cell, if there are any.
    fn rare(&self) -> Option<[u64; 2]> {
        let cell = [self.known[0] + self.new[0], self.known[1] + self.new[1]];
        (cell != [0; 2]).then_some(cell)
    }

    /// All cells, the rare ones as two if both can stand alone.
    fn into_cells(mut self) -> Vec<[u64; 2]> {
        let enough = |cell: [u64; 2]| (cell[0] + cell[1]) as f64 >= self.least;
        if enough(self.known) && enough(self.new) {
            self.common.extend([self.known, self.new]);
        } else {
            self.common.extend(self.rare());
        }
        self.common
    }
}

fn chi_square_sf(statistic: f64, degrees_of_freedom: usize) -> f64 {
    if degrees_of_freedom == 0 || statistic <= 0.0 {
        return 1.0;
    }
    gamma_ur(degrees_of_freedom as f64 / 2.0, statistic / 2.0)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    use super::*;

    #[test]
    fn a_rare_category_is_pooled_with_the_next_rarest() {
        let test = chi_square(&[1000, 500, 3, 1], &[990, 510, 0, 4]).unwrap();
        assert_eq!((test.degrees_of_freedom, test.pooled), (1, 3));
        let test = chi_square(&[1000, 500, 9, 4], &[990, 510, 1, 8]).unwrap();
        assert_eq!((test.degrees_of_freedom, test.pooled), (2, 2));
    }

    /// A hundred rare words of ten rows each, and a tenth of them once each in a hundred rows.
    #[test]
    fn every_expected_count_is_five_after_pooling() {
        let mut reference = vec![9000];
        reference.extend([10; 100]);
        let mut current = vec![90];
        current.extend([1; 10]);
        current.extend([0; 90]);
        let test = chi_square(&reference, &current).unwrap();
        assert_eq!((test.degrees_of_freedom, test.pooled), (1, 100));
        assert!(test.statistic < 1e-12 && test.p_value > 0.999, "{test:?}");
        assert!(psi_of_categories(&reference, &current, [0; 2]).unwrap() < 1e-12);
        let unseen = unseen(&reference, &current).unwrap();
        assert_eq!((unseen.words, unseen.share, unseen.p_value), (0, 0.0, 0.5));
    }

    #[test]
    fn a_category_that_the_reference_lacks_is_found_without_dividing_by_zero() {
        let test = chi_square(&[500, 500, 0], &[450, 450, 100]).unwrap();
        assert!(
            test.statistic.is_finite() && test.p_value < 1e-9,
            "{test:?}"
        );
    }

    /// 10,000 words of two rows each, and 10,000 others.
    #[test]
    fn words_that_are_all_replaced_are_seen_however_rare_each_is() {
        let reference = [vec![2; 10_000], vec![0; 10_000]].concat();
        let current = [vec![0; 10_000], vec![2; 10_000]].concat();
        let unseen = unseen(&reference, &current).unwrap();
        assert_eq!((unseen.words, unseen.share), (10_000, 1.0));
        assert_eq!(unseen.expected, 0.0);
        assert!(unseen.p_value < 1e-100, "{unseen:?}");
        assert!(psi_of_categories(&reference, &current, [0; 2]).unwrap() > 5.0);
    }

    #[test]
    fn words_that_are_new_in_every_row_are_no_change() {
        let reference = [vec![1; 3000], vec![0; 2000]].concat();
        let current = [vec![0; 3000], vec![1; 2000]].concat();
        let unseen = unseen(&reference, &current).unwrap();
        assert_eq!((unseen.share, unseen.expected), (1.0, 1.0));
        assert_eq!(unseen.p_value, 0.5);
        assert_eq!(psi_of_categories(&reference, &current, [0; 2]), Some(0.0));
    }

    /// Words as texts have them, the k-th as often as 1/k: many are met once only.
    #[test]
    fn two_samples_of_one_long_tailed_distribution_rarely_look_different() {
        let words = 3000_usize;
        let weights: Vec<f64> = (1..=words).map(|k| 1.0 / k as f64).collect();
        let sum: f64 = weights.iter().sum();
        let heights: Vec<f64> = weights
            .iter()
            .scan(0.0, |height, weight| {
                *height += weight / sum;
                Some(*height)
            })
            .collect();
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        let mut sample = |rows: usize| {
            let mut counts = vec![0_u64; words];
            for _ in 0..rows {
                let draw = rng.random::<f64>();
                counts[heights.partition_point(|h| *h < draw).min(words - 1)] += 1;
            }
            counts
        };
        let (mut chi, mut new) = (0, 0);
        for _ in 0..400 {
            let (reference, current) = (sample(1500), sample(800));
            chi += u32::from(chi_square(&reference, &current).unwrap().p_value < 0.05);
            new += u32::from(unseen(&reference, &current).unwrap().p_value < 0.05);
        }
        // 5 % of 400 are 20, with a standard deviation of 4.4.
        assert!((5..=36).contains(&chi), "{chi} of 400 by chi-square");
        assert!((5..=36).contains(&new), "{new} of 400 by new words");
    }

    #[test]
    fn counts_without_rows_have_no_test() {
        assert_eq!(chi_square(&[0, 0], &[1, 2]), None);
        assert_eq!(chi_square(&[1], &[1, 2]), None);
        assert_eq!(unseen(&[0, 0], &[1, 2]), None);
        assert_eq!(unseen(&[1], &[1, 2]), None);
        assert_eq!(psi_of_categories(&[1], &[1, 2], [0; 2]), None);
        assert_eq!(psi_of_categories(&[], &[], [0; 2]), None);
    }

    #[test]
    fn one_category_is_no_difference() {
        let test = chi_square(&[70], &[20]).unwrap();
        assert_eq!((test.degrees_of_freedom, test.p_value), (0, 1.0));
    }
}
