//! Probabilities that come true as often as they say, learned on rows that the model wasn't trained on.
//!
//! A model's ranking stays as it is (isotonic regression may tie rows); only what a margin is worth as
//! a probability is learned anew. On the training rows a model is surer than it may be, so they won't do.

mod isotonic;
mod platt;

use serde::{Deserialize, Serialize};

use crate::{LearningError, Result};
pub use isotonic::Isotonic;
pub use platt::Platt;

/// How margins become calibrated probabilities, by its name in params.yaml.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationMethod {
    /// As the model says.
    #[default]
    None,
    /// A logistic curve over the margin: two numbers, so few rows are enough.
    Platt,
    /// A rising curve of any form: it takes some thousand rows.
    Isotonic,
}

impl std::fmt::Display for CalibrationMethod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            CalibrationMethod::None => "none",
            CalibrationMethod::Platt => "platt",
            CalibrationMethod::Isotonic => "isotonic",
        })
    }
}

/// What a margin is worth as a probability. It never falls where the margin rises.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Calibration {
    /// A logistic curve.
    Platt(Platt),
    /// A rising curve of any form.
    Isotonic(Isotonic),
}

impl Calibration {
    /// Learns from margins and what came; nothing, if the method is [`CalibrationMethod::None`].
    ///
    /// # Errors
    /// If there are no rows, rows of one class only or no two different margins, if lengths differ, a margin is
    /// not finite, or positive rows tend to have the lower margins.
    pub fn fit(
        method: CalibrationMethod,
        margins: &[f64],
        labels: &[bool],
    ) -> Result<Option<Calibration>> {
        if method == CalibrationMethod::None {
            return Ok(None);
        }
        check(margins, labels)?;
        Ok(Some(match method {
            CalibrationMethod::Isotonic => Calibration::Isotonic(Isotonic::fit(margins, labels)?),
            _ => Calibration::Platt(Platt::fit(margins, labels)?),
        }))
    }

    /// The probability that belongs to a margin.
    pub fn probability(&self, margin: f64) -> f64 {
        match self {
            Calibration::Platt(platt) => platt.probability(margin),
            Calibration::Isotonic(isotonic) => isotonic.probability(margin),
        }
    }
}

fn check(margins: &[f64], labels: &[bool]) -> Result<()> {
    let refuse = |why: String| Err(LearningError::Data(why));
    if margins.len() != labels.len() {
        return refuse(format!(
            "{} labels but {} margins: give one for each row",
            labels.len(),
            margins.len()
        ));
    }
    if let Some(at) = margins.iter().position(|margin| !margin.is_finite()) {
        return refuse(format!("row {}: the margin is {}", at + 1, margins[at]));
    }
    let positives = labels.iter().filter(|label| **label).count();
    if positives == 0 || positives == labels.len() {
        return refuse(format!(
            "{} of {} rows to calibrate on are positive: it takes rows of both classes, so begin the calibration period earlier",
            positives,
            labels.len()
        ));
    }
    if margins.iter().all(|margin| *margin == margins[0]) {
        return refuse(
            "the model says the same of every row to calibrate on: there is nothing to calibrate"
                .into(),
        );
    }
    Ok(())
}

/// The error of a model that ranks the wrong way round.
fn backwards<T>() -> Result<T> {
    Err(LearningError::Data(
        "on the rows to calibrate on, the model gives positive rows no higher margins than negative ones: \
         look for swapped labels, or another period"
            .into(),
    ))
}

#[cfg(test)]
mod tests;
