//! One evaluation: numbers for files, a table for people, curves and plots.

use std::fmt;

use mlops_plot::{
    Axis, Bar, Bars, Chart, HeatGrid, Line, Reliability, ReliabilityBin, short_number,
};
use serde::{Deserialize, Serialize};

use super::{
    Bootstrap, Confusion, Estimate, Metrics,
    baselines::{
        BaselineInputs, MAJORITY, PERSISTENCE, Prediction, USUAL, majority, persistence, usual_rate,
    },
    bootstrap::{Resampled, numbered},
    curves::{self, CalibrationBin, Operating, operating_points, thin},
    metrics::same_length,
    rounded,
};
use crate::Result;

/// Points that curves in files keep.
const POINTS: usize = 400;

/// Features that the plot of importance shows.
const FEATURES: usize = 20;

/// The rows a model is judged on.
#[derive(Debug, Clone, Copy)]
pub struct TestRows<'a> {
    /// The model's name.
    pub model: &'a str,
    /// Names of the negative and the positive class.
    pub classes: [&'a str; 2],
    /// Whether each row is positive.
    pub labels: &'a [bool],
    /// What the model gave each row.
    pub probabilities: &'a [f64],
    /// The day of each row; blocks of days are drawn for the intervals.
    pub days: &'a [i32],
    /// From this probability on, a row is called positive.
    pub threshold: f64,
}

/// Scores of one set of predictions, with intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// What made the predictions.
    pub name: String,
    /// From this probability on, a row was called positive.
    #[serde(with = "rounded")]
    pub threshold: f64,
    /// The metrics.
    #[serde(flatten)]
    pub metrics: Metrics<Estimate>,
    /// Rows by truth and decision.
    pub confusion: Confusion,
    /// About 400 points of the ROC and precision-recall curves; not in the JSON.
    #[serde(skip)]
    pub curve: Vec<Operating>,
}

/// What costs no model, scored on the same rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baselines {
    /// Always the commoner class.
    pub majority: Scored,
    /// Tomorrow as today.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistence: Option<Scored>,
    /// The usual rate of the entity in the month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_month: Option<Scored>,
}

impl Baselines {
    /// Those there are.
    pub fn iter(&self) -> impl Iterator<Item = &Scored> {
        [
            Some(&self.majority),
            self.persistence.as_ref(),
            self.entity_month.as_ref(),
        ]
        .into_iter()
        .flatten()
    }
}

/// How a model did on a test set, next to the baselines. As JSON it has six decimals and keys in
/// the order of the fields; `Display` makes it a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Test rows.
    pub rows: u64,
    /// Positive test rows.
    pub positives: u64,
    /// Different days among them.
    pub days: u64,
    /// Blocks of days that the intervals draw from.
    pub blocks: u64,
    /// Names of the negative and the positive class.
    pub classes: [String; 2],
    /// How the intervals were drawn.
    pub bootstrap: Bootstrap,
    /// The model.
    pub model: Scored,
    /// The baselines.
    pub baselines: Baselines,
    /// Predicted against observed, in bins of equal width that have rows.
    pub calibration: Vec<CalibrationBin>,
}

/// Scores a model and the baselines on test rows, with 95 % intervals by drawing blocks of days again.
///
/// # Errors
/// If there are no rows, rows of one class only or of one block only, if lengths differ, if a
/// probability or the threshold is not between 0 and 1, or if there are fewer than 20 rounds.
pub fn evaluate<K: Ord + Sync>(
    test: &TestRows<'_>,
    baselines: &BaselineInputs<'_, K>,
    bootstrap: Bootstrap,
) -> Result<Evaluation> {
    same_length("days", test.days.len(), test.labels.len())?;
    let blocks = bootstrap.blocks(test.days)?;
    let score = |name: &str, probabilities: &[f64], threshold: f64| {
        let resampled = Resampled::new(test.labels, probabilities, &blocks, threshold, bootstrap)?;
        let curve = thin(&operating_points(test.labels, probabilities)?, POINTS);
        let scored = Scored {
            name: name.to_owned(),
            threshold,
            metrics: resampled.estimates(),
            confusion: resampled.scores.confusion,
            curve,
        };
        Ok::<_, crate::LearningError>((scored, resampled.calibration()))
    };
    let baseline = |name: &str, made: Result<Prediction>| {
        let made = made?;
        score(name, &made.probabilities, made.threshold).map(|(scored, _)| scored)
    };
    let train = baselines.train_labels;
    // Sorting is most of the work, and each of the four sorts for itself.
    let ((model, majority), (persistence, entity_month)) = rayon::join(
        || {
            rayon::join(
                || score(test.model, test.probabilities, test.threshold),
                || baseline(MAJORITY, majority(train, test.labels.len())),
            )
        },
        || {
            rayon::join(
                || {
                    let today = baselines.today.as_ref();
                    today.map(|today| baseline(PERSISTENCE, persistence(train, today)))
                },
                || {
                    let keys = baselines.entity_month.as_ref();
                    keys.map(|keys| baseline(USUAL, usual_rate(train, keys, test.threshold)))
                },
            )
        },
    );
    let (model, calibration) = model?;
    let made = Baselines {
        majority: majority?,
        persistence: persistence.transpose()?,
        entity_month: entity_month.transpose()?,
    };
    Ok(Evaluation {
        rows: model.confusion.rows(),
        positives: model.confusion.positives(),
        days: count(&numbered(test.days)),
        blocks: count(&blocks),
        classes: test.classes.map(str::to_owned),
        bootstrap,
        model,
        baselines: made,
        calibration,
    })
}

/// How many there are of what is numbered from 0.
fn count(numbers: &[u32]) -> u64 {
    numbers.iter().max().map_or(0, |last| u64::from(*last) + 1)
}

impl Evaluation {
    /// File names and contents of the model's curves as CSV.
    pub fn csv(&self) -> Vec<(&'static str, String)> {
        vec![
            ("roc.csv", curves::roc_csv(&self.model.curve)),
            (
                "precision_recall.csv",
                curves::precision_recall_csv(&self.model.curve),
            ),
            (
                "calibration.csv",
                curves::calibration_csv(&self.calibration),
            ),
        ]
    }

    /// File names and drawings: ROC, precision-recall, calibration, confusion, and, if features are
    /// given with how much the model uses them, importance (the twenty largest).
    pub fn plots(&self, importance: &[(String, f64)]) -> Vec<(&'static str, String)> {
        let mut plots = vec![
            ("roc.svg", self.roc()),
            ("precision_recall.svg", self.precision_recall()),
            ("calibration.svg", self.calibration_plot()),
            ("confusion.svg", self.confusion_plot()),
        ];
        if !importance.is_empty() {
            plots.push(("importance.svg", importance_plot(importance)));
        }
        plots
    }

    fn scored(&self) -> impl Iterator<Item = &Scored> {
        std::iter::once(&self.model).chain(self.baselines.iter())
    }

    fn roc(&self) -> String {
        let chart = Chart::new("ROC curve")
            .x_axis(Axis::new("False positive rate").range(0.0, 1.0))
            .y_axis(Axis::new("True positive rate").range(0.0, 1.0))
            .describe(self.description("ROC AUC", |metrics| &metrics.roc_auc));
        let lines = self.scored().map(|scored| {
            let name = format!("{} ({:.3})", scored.name, scored.metrics.roc_auc.value);
            Line::new(
                name,
                scored
                    .curve
                    .iter()
                    .map(|p| (p.false_positive_rate, p.true_positive_rate)),
            )
        });
        lines.fold(chart, Chart::line).svg()
    }

    fn precision_recall(&self) -> String {
        let chart = Chart::new("Precision and recall")
            .x_axis(Axis::new("Recall").range(0.0, 1.0))
            .y_axis(Axis::new("Precision").range(0.0, 1.0))
            .describe(self.description("PR AUC", |metrics| &metrics.pr_auc));
        let lines = self.scored().map(|scored| {
            let name = format!("{} ({:.3})", scored.name, scored.metrics.pr_auc.value);
            Line::new(name, precision_steps(&scored.curve))
        });
        lines.fold(chart, Chart::line).svg()
    }

    fn description(&self, what: &str, of: impl Fn(&Metrics<Estimate>) -> &Estimate) -> String {
        let description: Vec<String> = self
            .scored()
            .map(|scored| format!("{} {:.3}", scored.name, of(&scored.metrics).value))
            .collect();
        format!("{what}: {}.", description.join(", "))
    }

    fn calibration_plot(&self) -> String {
        let bins = self.calibration.iter().map(|bin| ReliabilityBin {
            predicted: bin.predicted,
            observed: bin.observed,
            // A count of rows in memory.
            count: bin.rows as usize,
            interval: Some((bin.low, bin.high)),
        });
        Reliability::new("Calibration")
            .series(&self.model.name, bins)
            .svg()
    }

    fn confusion_plot(&self) -> String {
        let c = &self.model.confusion;
        let rows = [
            [c.true_negatives, c.false_positives],
            [c.false_negatives, c.true_positives],
        ];
        let shares = rows.map(|row| row.map(|n| n as f64 / (row[0] + row[1]) as f64));
        let texts = rows.iter().flatten().zip(shares.iter().flatten());
        let texts = texts.map(|(n, share)| format!("{} ({:.0} %)", grouped(*n), share * 100.0));
        HeatGrid::new(
            format!("Confusion matrix at {}", short_number(self.model.threshold)),
            &self.classes,
            &self.classes,
            shares.into_iter().flatten(),
        )
        .texts(texts)
        .axes("Came", "Predicted")
        .full_at(1.0)
        .svg()
    }
}

/// The curve as average precision sums it: each precision holds for the recall it adds. Straight lines
/// between points would promise what no threshold gives, above all for a few distinct probabilities.
fn precision_steps(curve: &[Operating]) -> Vec<(f64, f64)> {
    let step = |from: &Operating, to: &Operating| {
        [
            (from.true_positive_rate, to.precision),
            (to.true_positive_rate, to.precision),
        ]
    };
    curve
        .windows(2)
        .flat_map(|pair| step(&pair[0], &pair[1]))
        .collect()
}

fn importance_plot(importance: &[(String, f64)]) -> String {
    let mut sorted: Vec<_> = importance.iter().collect();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let bars = sorted
        .into_iter()
        .take(FEATURES)
        .map(|(name, value)| Bar::new(name, *value));
    Bars::new("Feature importance", "Importance")
        .bars(bars)
        .svg()
}

/// A count with its thousands grouped.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} rows of {} days, {:.1} % {:?}\nin brackets: the middle 95 % of {} draws of {} blocks of {}\n",
            grouped(self.rows),
            grouped(self.days),
            100.0 * self.positives as f64 / self.rows as f64,
            self.classes[1],
            grouped(self.bootstrap.rounds as u64),
            grouped(self.blocks),
            match self.bootstrap.block_days {
                1 => "1 day".to_owned(),
                days => format!("{days} days"),
            },
        )?;
        let model_width = self.model.name.chars().count().max(23);
        write!(f, "{:<18} {:<model_width$}", "", self.model.name)?;
        for baseline in self.baselines.iter() {
            write!(f, "  {:>14}", baseline.name)?;
        }
        writeln!(f)?;
        for (m, title) in Metrics::<Estimate>::TITLES.into_iter().enumerate() {
            let estimate = self.model.metrics.values()[m];
            let (Estimate { value, low, high }, digits) = (estimate, estimate.decimals());
            let cell = format!("{value:.digits$} [{low:.digits$} {high:.digits$}]");
            write!(f, "{title:<18} {cell:<model_width$}")?;
            for baseline in self.baselines.iter() {
                write!(f, "  {:>14.digits$}", baseline.metrics.values()[m].value)?;
            }
            writeln!(f)?;
        }
        let c = &self.model.confusion;
        let [negative, positive] = &self.classes;
        let name_width = negative
            .chars()
            .count()
            .max(positive.chars().count())
            .max(6);
        writeln!(
            f,
            "\nRows are what came, columns what was predicted (from {}):",
            short_number(self.model.threshold)
        )?;
        writeln!(
            f,
            "{:name_width$}  {negative:>name_width$}  {positive:>name_width$}",
            ""
        )?;
        for (name, left, right) in [
            (negative, c.true_negatives, c.false_positives),
            (positive, c.false_negatives, c.true_positives),
        ] {
            writeln!(
                f,
                "{name:name_width$}  {:>name_width$}  {:>name_width$}",
                grouped(left),
                grouped(right)
            )?;
        }
        Ok(())
    }
}
