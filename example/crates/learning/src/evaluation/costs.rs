//! What wrong decisions cost, and the threshold that costs least.

use std::fmt::{self, Write};

use mlops_plot::{Axis, Chart, Line};
use serde::{Deserialize, Serialize};

use super::{
    curves::{Operating, operating_points},
    rounded,
};
use crate::{LearningError, Result};

/// Points of the curve in files.
const STEPS: usize = 100;
/// The threshold that everybody takes who has no costs.
const USUAL: f64 = 0.5;

/// What each wrong decision costs, in any unit; right ones cost nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// The positive class was said, but the negative one came.
    pub false_alarm: f64,
    /// The negative class was said, but the positive one came.
    pub miss: f64,
}

/// A threshold and what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CostPoint {
    /// From this probability on, a row is called positive.
    #[serde(with = "rounded")]
    pub threshold: f64,
    /// Mean cost of a row.
    #[serde(with = "rounded")]
    pub cost: f64,
}

impl Costs {
    /// # Errors
    /// If a cost isn't a positive number.
    pub fn check(&self) -> Result<()> {
        for (name, value) in [("false_alarm", self.false_alarm), ("miss", self.miss)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(LearningError::Parameter {
                    name: format!("costs.{name}"),
                    value: value.to_string(),
                    expected: "it must be more than 0".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// The threshold at which probabilities that come true as often as they say cost least: there, saying
    /// either class costs the same (Elkan, *The foundations of cost-sensitive learning*, 2001).
    pub fn ideal_threshold(&self) -> f64 {
        self.false_alarm / (self.false_alarm + self.miss)
    }

    fn of(&self, point: &Operating, positives: f64, rows: f64) -> f64 {
        let alarms = self.false_alarm * point.false_positive_rate * (rows - positives);
        let misses = self.miss * (1.0 - point.true_positive_rate) * positives;
        (alarms + misses) / rows
    }

    /// The threshold with the lowest mean cost on these rows, half-way to the next lower probability, and
    /// the lowest of several.
    ///
    /// # Errors
    /// As [`scores`](super::scores), and if a cost isn't a positive number.
    pub fn cheapest(&self, labels: &[bool], probabilities: &[f64]) -> Result<CostPoint> {
        self.check()?;
        let points = operating_points(labels, probabilities)?;
        let positives = labels.iter().filter(|label| **label).count() as f64;
        let mut best = CostPoint {
            threshold: 1.0,
            cost: f64::INFINITY,
        };
        for (at, point) in points.iter().enumerate() {
            let next = points.get(at + 1).map_or(0.0, |next| next.threshold);
            let threshold = (point.threshold.min(1.0) + next) / 2.0;
            // Nothing called positive takes a threshold above all, and 1 is the highest there is.
            let told = next < threshold || next == 0.0;
            let cost = self.of(point, positives, labels.len() as f64);
            if cost <= best.cost && told {
                best = CostPoint { threshold, cost };
            }
        }
        Ok(best)
    }
}

/// What the decisions on a test set cost, at the model's threshold and at others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostReport {
    /// What each wrong decision costs.
    pub costs: Costs,
    /// At the model's threshold.
    pub model: CostPoint,
    /// At 0.5.
    pub usual: CostPoint,
    /// At the threshold that, in hindsight, would have cost least.
    pub hindsight: CostPoint,
    /// If every row were called the same, whichever class costs less.
    #[serde(with = "rounded")]
    pub without_model: f64,
    /// The mean cost at thresholds from 0 to 1; not in the JSON.
    #[serde(skip)]
    pub curve: Vec<CostPoint>,
}

impl CostReport {
    /// What decisions at `threshold` and at others cost on these rows.
    ///
    /// # Errors
    /// As [`Costs::cheapest`].
    pub fn new(
        costs: Costs,
        labels: &[bool],
        probabilities: &[f64],
        threshold: f64,
    ) -> Result<CostReport> {
        let hindsight = costs.cheapest(labels, probabilities)?;
        let points = operating_points(labels, probabilities)?;
        let positives = labels.iter().filter(|label| **label).count() as f64;
        let rows = labels.len() as f64;
        let at = |threshold: f64| {
            // Thresholds fall along the points; the first calls nothing positive.
            let reached = points.partition_point(|point| point.threshold >= threshold);
            CostPoint {
                threshold,
                cost: costs.of(&points[reached.max(1) - 1], positives, rows),
            }
        };
        Ok(CostReport {
            costs,
            model: at(threshold),
            usual: at(USUAL),
            hindsight,
            without_model: (costs.miss * positives).min(costs.false_alarm * (rows - positives))
                / rows,
            curve: (0..=STEPS)
                .map(|step| at(step as f64 / STEPS as f64))
                .collect(),
        })
    }

    /// File names and contents: the curve as CSV and as a drawing.
    pub fn files(&self) -> Vec<(&'static str, String)> {
        vec![("costs.csv", self.csv()), ("costs.svg", self.svg())]
    }

    /// The curve as CSV: `threshold,cost`.
    pub fn csv(&self) -> String {
        let mut csv = String::from("threshold,cost\n");
        for point in &self.curve {
            // Writing to a string cannot fail.
            let _ = writeln!(
                csv,
                "{},{}",
                rounded::text(point.threshold),
                rounded::text(point.cost)
            );
        }
        csv
    }

    /// The curve as a drawing, with the model's threshold and 0.5 marked.
    pub fn svg(&self) -> String {
        let highest = self
            .curve
            .iter()
            .map(|point| point.cost)
            .fold(0.0, f64::max);
        let line = self.curve.iter().map(|point| (point.threshold, point.cost));
        let mut chart = Chart::new("Cost of the decisions")
            .x_axis(Axis::new("Threshold").range(0.0, 1.0))
            .y_axis(Axis::new("Mean cost of a row").range(0.0, highest))
            .describe(self.to_string())
            .line(Line::new("mean cost", line))
            .mark_x("the model's", self.model.threshold);
        if self.model.threshold != USUAL {
            chart = chart.mark_x("usual", USUAL);
        }
        chart.mark_y("one class for all", self.without_model).svg()
    }
}

impl fmt::Display for CostReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "If a false alarm costs {} and a miss {}, a row costs {:.4} at {:.3}, {:.4} at {:.1}, {:.4} with one class for all; in hindsight {:.4} at {:.3}.",
            self.costs.false_alarm,
            self.costs.miss,
            self.model.cost,
            self.model.threshold,
            self.usual.cost,
            self.usual.threshold,
            self.without_model,
            self.hindsight.cost,
            self.hindsight.threshold
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COSTS: Costs = Costs {
        false_alarm: 1.0,
        miss: 4.0,
    };

    #[test]
    fn costs_are_counted_by_hand() {
        let labels = [false, false, true, false, true];
        let probabilities = [0.1, 0.2, 0.3, 0.4, 0.9];
        let report = CostReport::new(COSTS, &labels, &probabilities, 0.3).unwrap();
        assert_eq!(report.model.cost, 1.0 / 5.0, "one false alarm");
        assert_eq!(report.usual.cost, 4.0 / 5.0, "one miss");
        assert_eq!(
            report.hindsight,
            CostPoint {
                threshold: 0.25,
                cost: 0.2
            }
        );
        assert_eq!(report.without_model, 3.0 / 5.0);
        assert_eq!(
            report.curve[100].cost,
            8.0 / 5.0,
            "nothing is called positive at 1"
        );
        assert_eq!(report.curve[0].cost, 3.0 / 5.0, "all is at 0");
        assert_eq!(COSTS.ideal_threshold(), 0.2);
        insta::assert_snapshot!(report, @"If a false alarm costs 1 and a miss 4, a row costs 0.2000 at 0.300, 0.8000 at 0.5, 0.6000 with one class for all; in hindsight 0.2000 at 0.250.");
        assert!(
            report.csv().starts_with("threshold,cost\n0,0.6\n"),
            "{}",
            report.csv()
        );
        assert!(report.svg().contains("the model's") || report.svg().contains("the model&#39;s"));
    }

    #[test]
    fn a_cost_of_nothing_is_refused() {
        let costs = Costs { miss: 0.0, ..COSTS };
        insta::assert_snapshot!(costs.cheapest(&[true, false], &[0.1, 0.2]).unwrap_err(), @"costs.miss is 0: it must be more than 0");
    }

    proptest! {
        #[test]
        fn no_threshold_costs_less_than_the_cheapest(
            rows in prop::collection::vec((0u8..=10, any::<bool>()), 2..40),
            miss in 0.1f64..20.0,
        ) {
            let (probabilities, labels): (Vec<f64>, Vec<bool>) =
                rows.into_iter().map(|(p, label)| (f64::from(p) / 10.0, label)).unzip();
            let costs = Costs { miss, ..COSTS };
            let Ok(best) = costs.cheapest(&labels, &probabilities) else { return Ok(()) };
            prop_assert!((0.0..=1.0).contains(&best.threshold));
            let report = CostReport::new(costs, &labels, &probabilities, best.threshold).unwrap();
            prop_assert!((report.model.cost - best.cost).abs() < 1e-12, "{:?}", report);
            for point in &report.curve {
                prop_assert!(best.cost <= point.cost + 1e-12, "{:?} {:?}", best, point);
            }
        }
    }
}
