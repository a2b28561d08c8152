//! One row's answer, from what is expected of any row, feature by feature.

use std::fmt;

use mlops_plot::{Bar, Bars};
use serde::Serialize;

use super::contributions;
use crate::{Link, Model, Result};

/// How a margin comes about: what is expected of any row, and what each feature adds, the largest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Waterfall {
    /// The margin that is expected of a row of which nothing is known.
    pub expected: f64,
    /// The probability that belongs to it.
    pub expected_probability: f64,
    /// What the features add, one after the other; the last step is all others, if there are any.
    pub steps: Vec<Step>,
    /// The row's probability.
    pub probability: f64,
    /// The class that follows from it.
    pub decision: String,
    #[serde(skip)]
    unit: &'static str,
}

/// What one feature adds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// The feature's name, or how many others there are.
    pub feature: String,
    /// Its value; NaN (null in JSON) if it is missing. None of the others together.
    pub value: Option<f32>,
    /// What it adds to the margin.
    pub adds: f64,
    /// The margin from here on.
    pub margin: f64,
    /// The probability that belongs to it.
    pub probability: f64,
}

impl Waterfall {
    /// Explains one row, with the `top` features that add or take most by name.
    ///
    /// # Errors
    /// As [`contributions`].
    ///
    /// # Panics
    /// If the row hasn't as many values as the model takes.
    pub fn new(model: &Model, row: &[f32], top: usize) -> Result<Waterfall> {
        assert_eq!(row.len(), model.predictor.width(), "features in a row");
        let made = contributions(&model.predictor, row)?;
        let mut order: Vec<usize> = (0..row.len()).collect();
        let size = |feature: &usize| made.values[*feature].abs();
        order.sort_by(|a, b| size(b).total_cmp(&size(a)));
        let (named, others) = order.split_at(top.min(order.len()));
        let mut added: Vec<(String, Option<f32>, f64)> = named
            .iter()
            .map(|at| {
                let name = model.metadata.features[*at].name.clone();
                (name, Some(row[*at]), made.values[*at])
            })
            .collect();
        if !others.is_empty() {
            let sum = others.iter().map(|at| made.values[*at]).sum();
            let plural = if others.len() == 1 { "" } else { "s" };
            added.push((format!("{} other{plural}", others.len()), None, sum));
        }
        let mut margin = made.expected;
        let steps = added.into_iter().map(|(feature, value, adds)| {
            margin += adds;
            Step {
                feature,
                value,
                adds,
                margin,
                probability: model.probability_of(margin),
            }
        });
        let steps = steps.collect();
        let probability = model.probabilities(row)[0];
        Ok(Waterfall {
            expected: made.expected,
            expected_probability: model.probability_of(made.expected),
            steps,
            probability,
            decision: model.metadata.classes[usize::from(model.decide(probability))].clone(),
            unit: match model.predictor.link() {
                Link::Logistic => "log-odds",
                Link::Identity => "share",
            },
        })
    }

    /// The waterfall as a drawing: each bar begins where the one above ends; those that lower the margin
    /// have a dot.
    pub fn svg(&self) -> String {
        let mut from = self.expected;
        let steps = self.steps.iter().map(|step| {
            let bar = Bar::step(step.named(), from, step.margin);
            from = step.margin;
            if step.adds < 0.0 {
                bar.highlight()
            } else {
                bar
            }
        });
        let title = format!("What makes it {:.1} %", 100.0 * self.probability);
        Bars::new(
            title,
            format!("From what is expected of any row, in {}", self.unit),
        )
        .bars(steps)
        .threshold(
            format!("expected {:.1} %", 100.0 * self.expected_probability),
            self.expected,
        )
        .describe(self.to_string())
        .svg()
    }
}

impl Step {
    fn named(&self) -> String {
        match self.value {
            None => self.feature.clone(),
            Some(value) if value.is_nan() => format!("{} missing", self.feature),
            Some(value) => format!("{} = {value}", self.feature),
        }
    }
}

impl fmt::Display for Waterfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.steps.iter().map(Step::named).collect();
        let wide = names.iter().map(|name| name.chars().count()).max();
        let wide = wide.unwrap_or(0).max("expected of any row".len());
        writeln!(
            f,
            "{:wide$}  {:>8}  {:>8}  probability",
            "feature", "adds", self.unit
        )?;
        writeln!(
            f,
            "{:wide$}  {:>8}  {:>8.3}  {:>11.3}",
            "expected of any row", "", self.expected, self.expected_probability
        )?;
        for (name, step) in names.iter().zip(&self.steps) {
            writeln!(
                f,
                "{name:wide$}  {:>+8.3}  {:>8.3}  {:>11.3}",
                step.adds, step.margin, step.probability
            )?;
        }
        write!(f, "so the answer is {:?}", self.decision)
    }
}
