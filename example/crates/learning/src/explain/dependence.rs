//! How answers go with one feature, all others as they are (Friedman, *Greedy function approximation*, 2001).
//!
//! For each of some values of the feature, every row is given that value and asked again. The mean is the
//! partial dependence; the single rows' answers, of which a band holds the middle 80 %, show whether the mean
//! stands for them (individual conditional expectations: Goldstein and others, *Peeking inside the black box*,
//! 2015). Where features go together, some of these rows are such as never were.

use std::fmt;

use mlops_plot::{Axis, Chart, Line};
use serde::Serialize;

use super::sample::{pick, quantile, sample};
use crate::{LearningError, Model, Result};

/// Values at which rows are asked, at most.
const VALUES: usize = 40;

/// A model's answers over the values of one feature.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dependence {
    /// The feature's name.
    pub feature: String,
    /// Rows that were asked.
    pub rows: usize,
    /// By value, ascending, from the 1 % to the 99 % quantile of the known ones.
    pub points: Vec<Point>,
    /// The answers if the feature is missing; none if it never is.
    pub missing: Option<Answers>,
    /// Between these values lie the middle 80 % of the known ones.
    pub usual: (f64, f64),
    #[serde(skip)]
    positive: String,
}

/// The answers at one value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// The feature's value.
    pub value: f32,
    /// What rows with this value get.
    #[serde(flatten)]
    pub answers: Answers,
}

/// Probabilities of many rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Answers {
    /// Their mean.
    pub mean: f64,
    /// A tenth of the rows gets less.
    pub low: f64,
    /// A tenth of the rows gets more.
    pub high: f64,
}

impl Answers {
    fn new(mut probabilities: Vec<f64>) -> Answers {
        let mean = probabilities.iter().sum::<f64>() / probabilities.len().max(1) as f64;
        probabilities.sort_unstable_by(f64::total_cmp);
        Answers {
            mean,
            low: quantile(&probabilities, 0.1),
            high: quantile(&probabilities, 0.9),
        }
    }
}

impl Dependence {
    /// Asks up to `count` of many rows, which stand one after the other and are drawn by `seed`.
    ///
    /// # Errors
    /// If the model has no such feature, or no row knows it.
    ///
    /// # Panics
    /// If `rows` isn't a whole number of rows.
    pub fn new(
        model: &Model,
        rows: &[f32],
        feature: &str,
        count: usize,
        seed: u64,
    ) -> Result<Dependence> {
        let width = model.predictor.width();
        assert_eq!(rows.len() % width, 0, "values in rows of {width}");
        let names = model
            .metadata
            .features
            .iter()
            .map(|feature| feature.name.as_str());
        let Some(at) = names.clone().position(|name| name == feature) else {
            let names: Vec<&str> = names.collect();
            return Err(LearningError::Data(format!(
                "the model has no feature {feature:?}; it has {}",
                names.join(", ")
            )));
        };
        let places = sample(rows.len() / width, count, seed);
        let mut rows = pick(rows, width, &places);
        let mut known: Vec<f64> = rows
            .chunks_exact(width)
            .map(|row| f64::from(row[at]))
            .filter(|value| value.is_finite())
            .collect();
        known.sort_unstable_by(f64::total_cmp);
        if known.is_empty() {
            return Err(LearningError::Data(format!(
                "{feature:?} is missing in all {} rows: give a table that has it",
                places.len()
            )));
        }
        let some_missing = rows.chunks_exact(width).any(|row| row[at].is_nan());
        let mut answers = |value: f32| {
            rows.iter_mut()
                .skip(at)
                .step_by(width)
                .for_each(|cell| *cell = value);
            Answers::new(model.probabilities(&rows))
        };
        let values = grid(&known).into_iter();
        let points = values.map(|value| Point {
            value,
            answers: answers(value),
        });
        Ok(Dependence {
            feature: feature.into(),
            rows: places.len(),
            points: points.collect(),
            missing: some_missing.then(|| answers(f32::NAN)),
            usual: (quantile(&known, 0.1), quantile(&known, 0.9)),
            positive: model.metadata.classes[1].clone(),
        })
    }

    /// The mean as a line, the middle 80 % of the rows as a band.
    pub fn svg(&self) -> String {
        let points = self.points.iter();
        let mean = points
            .clone()
            .map(|at| (f64::from(at.value), at.answers.mean));
        let band = points.map(|at| (f64::from(at.value), at.answers.low, at.answers.high));
        let chart = Chart::new(format!("What {} does to the answer", self.feature))
            .x_axis(Axis::new(&self.feature))
            .y_axis(Axis::new(format!("Probability of {:?}", self.positive)).range(0.0, 1.0))
            .line(Line::new("mean; the band holds 80 % of the rows", mean).band(band))
            .mark_x("10 %", self.usual.0)
            .mark_x("90 %", self.usual.1);
        match self.missing {
            Some(missing) => chart.mark_y("missing", missing.mean),
            None => chart,
        }
        .svg()
    }

    /// A line for each value; the one for missing has none.
    pub fn csv(&self) -> String {
        let line = |value: String, answers: &Answers| {
            let Answers { mean, low, high } = answers;
            format!("{value},{mean:.6},{low:.6},{high:.6}\n")
        };
        let points = self.points.iter();
        let points = points.map(|point| line(point.value.to_string(), &point.answers));
        let missing = self
            .missing
            .iter()
            .map(|answers| line(String::new(), answers));
        let head = format!("{},mean,low,high\n", self.feature);
        std::iter::once(head).chain(points).chain(missing).collect()
    }
}

/// Values spread over the known ones as those are, each once: quantiles, or all of them if they are few.
fn grid(sorted: &[f64]) -> Vec<f32> {
    let mut values: Vec<f32> = sorted.iter().map(|value| *value as f32).collect();
    values.dedup();
    if values.len() > VALUES {
        let share = |step: usize| 0.01 + 0.98 * step as f64 / (VALUES - 1) as f64;
        values = (0..VALUES)
            .map(|step| quantile(sorted, share(step)) as f32)
            .collect();
        values.dedup();
    }
    values
}

impl fmt::Display for Dependence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "probability of {:?} over {} rows",
            self.positive, self.rows
        )?;
        writeln!(
            f,
            "{:>12}    mean  the middle 80 % of the rows",
            self.feature
        )?;
        let wide = self.feature.chars().count().max(12);
        let line = |value: String, answers: &Answers| {
            let Answers { mean, low, high } = answers;
            format!("{value:>wide$}  {mean:>6.3}  {low:.3} to {high:.3}")
        };
        let points = self.points.iter();
        let points = points.map(|point| line(point.value.to_string(), &point.answers));
        let missing = self
            .missing
            .iter()
            .map(|answers| line("missing".into(), answers));
        let lines: Vec<String> = points.chain(missing).collect();
        f.write_str(&lines.join("\n"))
    }
}
