//! A weighted sum of filled and standardised features.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{LearningError, Result, ensemble::shares};

/// Log-odds as a weighted sum: `intercept + Σ weight (value − mean) / scale`, in f64 and in
/// the order of the features; a missing value is replaced by its feature's fill first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Linear {
    intercept: f64,
    terms: Vec<Term>,
}

/// What one feature adds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// Stands for a missing value.
    pub fill: f32,
    /// Mean of the training rows.
    pub mean: f64,
    /// Standard deviation of the training rows; 1 if the feature is constant.
    pub scale: f64,
    /// Log-odds for each standard deviation above the mean.
    pub weight: f64,
}

impl Term {
    /// What a value adds to the log-odds. NaN is missing; infinity counts as the largest number.
    pub(crate) fn adds(&self, value: f32) -> f64 {
        self.weight * self.standardised(value)
    }

    /// The value, or what stands for a missing one.
    pub(crate) fn filled(&self, value: f32) -> f32 {
        if value.is_nan() { self.fill } else { value }
    }

    /// Standard deviations above the mean, of the filled value.
    pub(crate) fn standardised(&self, value: f32) -> f64 {
        // Infinity less infinity would be no number at all.
        let value = self.filled(value).clamp(f32::MIN, f32::MAX);
        (f64::from(value) - self.mean) / self.scale
    }
}

/// A weighted sum as it comes out of a file.
#[derive(Deserialize)]
struct Unchecked {
    intercept: f64,
    terms: Vec<Term>,
}

impl TryFrom<Unchecked> for Linear {
    type Error = LearningError;

    fn try_from(raw: Unchecked) -> Result<Linear> {
        Linear::new(raw.intercept, raw.terms)
    }
}

impl Linear {
    /// A weighted sum over features, one a term.
    ///
    /// # Errors
    /// If a number isn't finite, or a scale isn't positive.
    pub fn new(intercept: f64, terms: Vec<Term>) -> Result<Linear> {
        let sound = |term: &Term| {
            term.fill.is_finite()
                && term.mean.is_finite()
                && term.scale.is_finite()
                && term.scale > 0.0
                && term.weight.is_finite()
        };
        if !intercept.is_finite() {
            return Err(LearningError::File(format!(
                "the intercept is {intercept}, which isn't a number"
            )));
        }
        if let Some(at) = terms.iter().position(|term| !sound(term)) {
            return Err(LearningError::File(format!(
                "the weight of feature {at} isn't sound: {:?}",
                terms[at]
            )));
        }
        Ok(Linear { intercept, terms })
    }

    /// Number of features a row has.
    pub fn width(&self) -> usize {
        self.terms.len()
    }

    /// Log-odds of a row at every feature's mean.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// What the features add, in their order.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// The log-odds of one row. NaN is missing.
    ///
    /// # Panics
    /// If the row hasn't [`Linear::width`] values.
    pub fn margin(&self, row: &[f32]) -> f64 {
        assert_eq!(row.len(), self.width(), "features in a row");
        self.terms
            .iter()
            .zip(row)
            .fold(self.intercept, |sum, (term, value)| sum + term.adds(*value))
    }

    /// The log-odds of many rows, standing one after the other, on all threads.
    ///
    /// # Panics
    /// If `rows` isn't a whole number of rows.
    pub fn margins(&self, rows: &[f32]) -> Vec<f64> {
        let width = self.width().max(1);
        assert_eq!(rows.len() % width, 0, "values in rows of {width}");
        rows.par_chunks_exact(width)
            .with_min_len(256)
            .map(|row| self.margin(row))
            .collect()
    }

    /// The size of each weight; as features are standardised, that is what a standard deviation
    /// of the feature moves. The shares add up to 1, unless all weights are 0.
    pub fn importance(&self) -> Vec<f64> {
        shares(self.terms.iter().map(|term| term.weight.abs()).collect())
    }
}
