//! How the score goes with the number of rows, or with one parameter.

use std::fmt;

use mlops_plot::{Axis, Chart, Line};
use rayon::prelude::*;
use serde::Serialize;

use super::{Score, deviation, mean};
use crate::Result;

/// A score over something that was varied, on the rows learned from and on those judged by.
#[derive(Debug, Clone, Serialize)]
pub struct Curve {
    /// What was varied: the name of the axis.
    pub of: String,
    /// The score.
    pub score: Score,
    /// Where it was measured, in rising order.
    pub points: Vec<CurvePoint>,
}

/// One place of a curve.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Where: a number of rows, or a parameter's value.
    pub at: f64,
    /// The score on the rows learned from, for each fold.
    pub train: Vec<f64>,
    /// The score on the rows judged by, for each fold.
    pub test: Vec<f64>,
}

/// One model of a curve: where it stands, its score on the rows learned from and on those judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// A number of rows, or a parameter's value.
    pub at: f64,
    /// The score on the rows learned from.
    pub train: f64,
    /// The score on the rows judged by.
    pub test: f64,
}

impl Curve {
    /// Measures each step on each fold, on all threads. Steps are in rising order of where they stand.
    ///
    /// # Errors
    /// The first that `model` has.
    pub fn measure<S: Sync>(
        of: &str,
        score: Score,
        steps: &[S],
        folds: usize,
        model: impl Fn(&S, usize) -> Result<Measured> + Sync,
    ) -> Result<Curve> {
        let point = |step: &S| {
            let measured: Vec<Measured> = (0..folds)
                .into_par_iter()
                .map(|fold| model(step, fold))
                .collect::<Result<_>>()?;
            let pick =
                |value: fn(&Measured) -> f64| measured.iter().map(value).collect::<Vec<f64>>();
            Ok(CurvePoint {
                at: mean(&pick(|measured| measured.at)),
                train: pick(|measured| measured.train),
                test: pick(|measured| measured.test),
            })
        };
        Ok(Curve {
            of: of.into(),
            score,
            points: steps.par_iter().map(point).collect::<Result<_>>()?,
        })
    }

    /// A row for each place.
    pub fn csv(&self) -> String {
        let mut text = String::from("at,train,train_deviation,test,test_deviation\n");
        for point in &self.points {
            let [train, test] = [&point.train, &point.test]
                .map(|scores| format!("{:.6},{:.6}", mean(scores), deviation(scores)));
            text.push_str(&format!("{},{train},{test}\n", point.at));
        }
        text
    }

    /// Two lines with bands of a standard deviation over the folds on either side.
    pub fn svg(&self) -> String {
        let line = |name: &str, scores: fn(&CurvePoint) -> &Vec<f64>| {
            let points = self
                .points
                .iter()
                .map(|point| (point.at, mean(scores(point))));
            let band = self.points.iter().map(|point| {
                let (mean, around) = (mean(scores(point)), deviation(scores(point)));
                (point.at, mean - around, mean + around)
            });
            Line::new(name, points).band(band).markers()
        };
        Chart::new(format!("{} by {}", self.score.title(), self.of))
            .x_axis(Axis::new(&self.of))
            .y_axis(Axis::new(self.score.title()))
            .line(line("judged by", |point| &point.test))
            .line(line("learned from", |point| &point.train))
            .svg()
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}, mean ± deviation over the folds; {}\n",
            self.score.title(),
            self.score.direction()
        )?;
        let wide = self.of.chars().count().max(7);
        writeln!(f, "{:>wide$}  learned from       judged by", self.of)?;
        for point in &self.points {
            let [train, test] = [&point.train, &point.test]
                .map(|scores| format!("{:.4} ± {:.4}", mean(scores), deviation(scores)));
            writeln!(f, "{:>wide$}  {train:<17}  {test}", point.at)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_a_table_for_people_and_for_programs() {
        let point = |at, train: [f64; 2], test: [f64; 2]| CurvePoint {
            at,
            train: train.into(),
            test: test.into(),
        };
        let curve = Curve {
            of: "rows".into(),
            score: Score::LogLoss,
            points: vec![
                point(1000.0, [0.2, 0.3], [0.5, 0.5]),
                point(2000.0, [0.28, 0.32], [0.4, 0.42]),
            ],
        };
        insta::assert_snapshot!(curve, @r"
        log loss, mean ± deviation over the folds; lower is better

           rows  learned from       judged by
           1000  0.2500 ± 0.0707    0.5000 ± 0.0000
           2000  0.3000 ± 0.0283    0.4100 ± 0.0141
        ");
        insta::assert_snapshot!(curve.csv(), @r"
        at,train,train_deviation,test,test_deviation
        1000,0.250000,0.070711,0.500000,0.000000
        2000,0.300000,0.028284,0.410000,0.014142
        ");
        assert!(curve.svg().contains("judged by"));
    }
}
