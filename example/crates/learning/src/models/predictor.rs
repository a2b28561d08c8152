//! A trained model, of whichever kind.

use serde::{Deserialize, Serialize};

use super::Linear;
use crate::{Ensemble, Link};

/// A trained model: a feature row becomes a margin, and the margin a probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Predictor {
    /// A weighted sum.
    Linear(Linear),
    /// Trees.
    Ensemble(Ensemble),
}

impl Predictor {
    /// Number of features a row has.
    pub fn width(&self) -> usize {
        match self {
            Predictor::Linear(linear) => linear.width(),
            Predictor::Ensemble(ensemble) => ensemble.width(),
        }
    }

    /// How the margin becomes a probability.
    pub fn link(&self) -> Link {
        match self {
            Predictor::Linear(_) => Link::Logistic,
            Predictor::Ensemble(ensemble) => ensemble.link(),
        }
    }

    /// What the model says of one row before the link: log-odds or a share. NaN is missing.
    ///
    /// # Panics
    /// If the row hasn't [`Predictor::width`] values.
    pub fn margin(&self, row: &[f32]) -> f64 {
        match self {
            Predictor::Linear(linear) => linear.margin(row),
            Predictor::Ensemble(ensemble) => ensemble.margin(row),
        }
    }

    /// The margins of many rows, standing one after the other in `rows`, on all threads:
    /// the same bits as one by one.
    ///
    /// # Panics
    /// If `rows` isn't a whole number of rows.
    pub fn margins(&self, rows: &[f32]) -> Vec<f64> {
        match self {
            Predictor::Linear(linear) => linear.margins(rows),
            Predictor::Ensemble(ensemble) => ensemble.margins(rows),
        }
    }

    /// The probability of the positive class for one row.
    ///
    /// # Panics
    /// If the row hasn't [`Predictor::width`] values.
    pub fn probability(&self, row: &[f32]) -> f64 {
        self.link().probability(self.margin(row))
    }

    /// The probabilities of many rows, standing one after the other in `rows`, on all threads:
    /// the same bits as one by one.
    ///
    /// # Panics
    /// If `rows` isn't a whole number of rows.
    pub fn probabilities(&self, rows: &[f32]) -> Vec<f64> {
        let link = self.link();
        let mut values = self.margins(rows);
        values
            .iter_mut()
            .for_each(|value| *value = link.probability(*value));
        values
    }

    /// Each feature's share in what the model makes of a row: for trees the variance its
    /// splits explain ([`Ensemble::importance`]), for a weighted sum the size of its standardised
    /// weight. Adds up to 1, unless the model uses no feature at all.
    pub fn importance(&self) -> Vec<f64> {
        match self {
            Predictor::Linear(linear) => linear.importance(),
            Predictor::Ensemble(ensemble) => ensemble.importance(),
        }
    }
}
