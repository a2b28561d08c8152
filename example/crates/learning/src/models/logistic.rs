//! Logistic regression, by linfa-logistic.

use linfa::{DatasetBase, traits::Fit};
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use super::{
    Imputation, Learner, Linear, Predictor,
    linear::Term,
    params::{share, within},
};
use crate::{Dataset, LearningError, Result};

/// Parameters of `logistic`: imputation and standardisation are part of the model,
/// so that they are learned from the training rows and travel with the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogisticParams {
    /// What stands for a missing value: `median`, `mean`, `constant: 0`, or `none`.
    pub missing: Imputation,
    /// What features are scaled by before the fit. It decides how hard the penalty is on each; the
    /// model itself always has the form of [`Linear`].
    #[serde(skip_serializing_if = "Scaling::is_standard")]
    pub scaling: Scaling,
    /// Weight of the squared weights in the loss, which is a sum over rows (L2 penalty alpha/2 |w|²).
    pub alpha: f64,
    /// Steps of the solver (L-BFGS) at most.
    pub max_iterations: u64,
    /// The solver stops where the gradient, per row, is shorter.
    pub tolerance: f64,
}

/// What features are scaled by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// To mean 0 and standard deviation 1.
    #[default]
    Standard,
    /// To least value 0 and greatest 1.
    MinMax,
    /// Not at all: the penalty weighs most on features of small numbers, and the solver takes longer.
    None,
}

impl Scaling {
    // Model files from before name no scaling; theirs stays what it was, to the byte.
    fn is_standard(&self) -> bool {
        *self == Scaling::Standard
    }

    /// Where a column's 0 is and how long its 1 is, given its mean and deviation.
    fn of(self, filled: &[f32], mean: f64, deviation: f64) -> (f64, f64) {
        match self {
            Scaling::Standard => (mean, deviation),
            Scaling::None => (0.0, 1.0),
            Scaling::MinMax => {
                let least = f64::from(filled.iter().copied().fold(f32::INFINITY, f32::min));
                let most = f64::from(filled.iter().copied().fold(f32::NEG_INFINITY, f32::max));
                (least, if most > least { most - least } else { 1.0 })
            }
        }
    }
}

impl Default for LogisticParams {
    fn default() -> Self {
        LogisticParams {
            missing: Imputation::Median,
            scaling: Scaling::Standard,
            alpha: 1.0,
            max_iterations: 100,
            tolerance: 1e-4,
        }
    }
}

impl LogisticParams {
    /// # Errors
    /// The first parameter that is out of its range.
    pub(super) fn check(&self) -> Result<()> {
        self.missing.check("logistic.missing.constant")?;
        within("logistic.alpha", self.alpha, 0.0..=1e9)?;
        within("logistic.max_iterations", self.max_iterations, 1..=100_000)?;
        share("logistic.tolerance", self.tolerance)
    }
}

/// Mean and standard deviation of a column, its gaps filled; deviation 1 if it is constant.
fn moments(column: impl Iterator<Item = f32> + Clone, rows: usize) -> (f64, f64) {
    let count = rows as f64;
    let mean = column.clone().map(f64::from).sum::<f64>() / count;
    let variance = column
        .map(|value| (f64::from(value) - mean).powi(2))
        .sum::<f64>()
        / count;
    let scale = variance.sqrt();
    // A constant column may have a mean that is off by a rounding error: its deviation isn't quite 0.
    if scale > mean.abs() * 1e-12 {
        (mean, scale)
    } else {
        (mean, 1.0)
    }
}

impl Learner for LogisticParams {
    fn fit(&self, data: &Dataset, _seed: u64) -> Result<Predictor> {
        self.check()?;
        data.trainable()?;
        let fills = self.missing.fills(data)?;
        let mut terms = Vec::with_capacity(data.width());
        let mut scales = Vec::with_capacity(data.width());
        let mut records = Array2::<f64>::zeros((data.rows(), data.width()));
        for (feature, (fill, mut into)) in fills.into_iter().zip(records.columns_mut()).enumerate()
        {
            let filled: Vec<f32> = data
                .column(feature)
                .map(|value| if value.is_nan() { fill } else { value })
                .collect();
            let (mean, scale) = moments(filled.iter().copied(), data.rows());
            let (zero, one) = self.scaling.of(&filled, mean, scale);
            let constant = filled.iter().all(|value| *value == filled[0]);
            for (cell, value) in into.iter_mut().zip(&filled) {
                // Exactly 0, so that a constant column gets exactly no weight.
                *cell = if constant {
                    0.0
                } else {
                    (f64::from(*value) - zero) / one
                };
            }
            scales.push((zero, one));
            terms.push(Term {
                fill,
                mean,
                scale,
                weight: 0.0,
            });
        }
        let dataset = DatasetBase::new(records, Array1::from(data.labels.clone()));
        let fitted = LogisticRegression::default()
            .alpha(self.alpha)
            .max_iterations(self.max_iterations)
            .gradient_tolerance(self.tolerance * data.rows() as f64)
            .fit(&dataset)
            .map_err(|error| {
                LearningError::Data(format!("logistic regression found no solution: {error}"))
            })?;
        // linfa counts the more frequent class as the positive one.
        let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
        let mut intercept = sign * fitted.intercept();
        for ((term, weight), (zero, one)) in terms.iter_mut().zip(fitted.params()).zip(scales) {
            // The same sum with standardised features: for `standard`, term by term the same numbers.
            intercept += sign * weight * ((term.mean - zero) / one);
            term.weight = sign * weight * (term.scale / one);
        }
        Ok(Predictor::Linear(Linear::new(intercept, terms)?))
    }
}
