//! Why a model says what it says of a row: each feature's SHAP value.
//!
//! Which features a prediction is due to is a question of what would be said without them. The Shapley
//! value answers it (Shapley, *A value for n-person games*, 1953): a feature gets what knowing it adds to the
//! expected margin, averaged over every order in which the features may become known. The values of
//! a row add up to its margin less the expected one.
//!
//! What is expected while some features are unknown depends on the model:
//!
//! - **Trees**: at a split by an unknown feature both branches count, by the training weight
//!   that went each way (the path-dependent values of Lundberg and others, *From local explanations to
//!   global understanding with explainable AI for trees*, 2020). A missing value is known to be
//!   missing: it goes where the split sends it.
//! - **Weighted sums**: an unknown feature has its training mean (interventional values of
//!   a linear model), so that a feature's value is weight × (value − mean).

mod beeswarm;
mod computation;
pub mod counterfactual;
mod dependence;
mod permutation;
mod quadrature;
mod sample;
mod summary;
mod trees;
mod waterfall;

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

pub use beeswarm::beeswarm;
pub use computation::{Computation, Parts, Question, TermPart, TreePart};
pub use dependence::{Answers, Dependence, Point};
pub use permutation::{Permutation, Repeats, Worth};
pub use sample::sample;
pub use summary::Summary;
pub use waterfall::{Step, Waterfall};

use crate::{Ensemble, Predictor, Result, models::Linear};

/// Rows explained together, so that what is known of a tree is fetched once for all of them.
const BLOCK: usize = 64;
/// Trees made ready together: enough for all threads, and few enough for the memory.
const TREES: usize = 64;

/// What each feature adds to the margin of each row: log-odds, or a share where the model's
/// link is [`Link::Identity`](crate::Link::Identity).
#[derive(Debug, Clone, PartialEq)]
pub struct Contributions {
    /// The margin that is expected of a row of which nothing is known.
    pub expected: f64,
    /// Row after row, a value for each feature.
    pub values: Vec<f64>,
    /// Number of features.
    pub width: usize,
}

impl Contributions {
    /// Each row's values, in the order of the features.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// How much each feature moves the margin, whichever way: the mean of its absolute values over
    /// the rows; 0 if there are none.
    pub fn mean_absolute(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.width];
        for row in self.rows() {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value.abs();
            }
        }
        let rows = self.rows().len().max(1) as f64;
        sums.iter_mut().for_each(|sum| *sum /= rows);
        sums
    }
}

/// The SHAP values of many rows, standing one after the other in `rows`, on all threads; NaN is
/// missing. The bits of a row's values depend neither on the other rows nor on the number of threads.
///
/// A row's values and the expected margin add up to [`Predictor::margin`], but for rounding. A
/// feature that the model never looks at has exactly 0.
///
/// # Errors
/// If a tree asks for too many different features on one path to be explained.
///
/// # Panics
/// If `rows` isn't a whole number of rows.
pub fn contributions(predictor: &Predictor, rows: &[f32]) -> Result<Contributions> {
    contributions_reporting(predictor, rows, &|_, _| {})
}

/// The same, and `progress` is told from any thread how much of the work is done, and how much there is.
fn contributions_reporting(
    predictor: &Predictor,
    rows: &[f32],
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Contributions> {
    let width = predictor.width();
    assert_eq!(rows.len() % width.max(1), 0, "values in rows of {width}");
    match predictor {
        Predictor::Linear(linear) => Ok(of_linear(linear, rows)),
        Predictor::Ensemble(ensemble) => of_trees(ensemble, rows, progress),
    }
}

fn of_linear(linear: &Linear, rows: &[f32]) -> Contributions {
    let width = linear.width();
    let mut values = vec![0.0; rows.len()];
    values
        .par_chunks_mut((BLOCK * width).max(1))
        .zip(rows.par_chunks((BLOCK * width).max(1)))
        .for_each(|(values, rows)| {
            let terms = linear.terms().iter().cycle();
            for ((into, value), term) in values.iter_mut().zip(rows).zip(terms) {
                *into = term.adds(*value);
            }
        });
    Contributions {
        expected: linear.intercept(),
        values,
        width,
    }
}

fn of_trees(
    ensemble: &Ensemble,
    rows: &[f32],
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Contributions> {
    let width = ensemble.width();
    let mut values = vec![0.0; rows.len()];
    // What takes the time: a row through a tree.
    let total = (rows.len() / width.max(1) * ensemble.trees().len()) as u64;
    let done = AtomicU64::new(0);
    for trees in ensemble.trees().chunks(TREES) {
        let plans: Vec<trees::Plan> = trees
            .par_iter()
            .map(trees::Plan::new)
            .collect::<Result<_>>()?;
        values
            .par_chunks_mut(BLOCK * width)
            .zip(rows.par_chunks(BLOCK * width))
            .for_each_init(trees::Scratch::default, |scratch, (values, rows)| {
                for plan in &plans {
                    let values = values.chunks_exact_mut(width);
                    for (values, row) in values.zip(rows.chunks_exact(width)) {
                        plan.add_to(values, row, scratch);
                    }
                }
                let more = (rows.len() / width * plans.len()) as u64;
                progress(done.fetch_add(more, Ordering::Relaxed) + more, total);
            });
    }
    let expected = |tree: &crate::Tree| tree.expectations().first().copied().unwrap_or(0.0);
    Ok(Contributions {
        expected: ensemble.base() + ensemble.trees().iter().map(expected).sum::<f64>(),
        values,
        width,
    })
}

#[cfg(test)]
mod tests;
