//! Each gate's value, worked out and held against its limit.

use std::time::Instant;

use mlops_data::Contract;
use mlops_data::calendar::{self, Day};
use mlops_learning::Dataset;
use mlops_learning::evaluation::{Estimate, Metrics};
use mlops_learning::gates::{Alone, Judged, Limit, Report, Slices, probes};
use mlops_serving::Inference;

use super::declared::{CompareGate, Gates, SliceGate, compare_name, slice_name};
use super::groups;
use super::observed::{Drawn, Observed};
use crate::commands::feature_table::FeatureTable;
use crate::output::thousands;
use crate::{Outcome, Project};

/// Rows of which a prediction is timed.
const TIMED: usize = 2000;

/// The model's scores, and its differences from others.
pub(super) struct Compared {
    pub metrics: Metrics<Estimate>,
    pub baselines: Vec<(&'static str, Metrics<Estimate>)>,
    pub champion: Option<Metrics<Estimate>>,
    /// Why there is none.
    pub no_champion: String,
}

/// A model and all that its gates look at.
pub(super) struct Exam<'a, P: Project> {
    pub project: &'a P,
    pub gates: &'a Gates,
    pub contract: &'a Contract,
    pub inference: &'a Inference<P::Observation>,
    pub test: &'a Dataset,
    pub days: &'a [Day],
    pub probabilities: &'a [f64],
    pub compared: Compared,
    pub observed: &'a Observed,
    pub drawn: &'a Drawn<'a, P::Observation>,
    pub all: &'a FeatureTable,
    pub bytes: u64,
    pub seed: u64,
}

impl<P: Project> Exam<'_, P> {
    pub(super) fn judge(&self) -> Outcome<Report> {
        let mut report = Report::default();
        let gates = self.gates;
        self.scores(&mut report);
        for gate in &gates.baselines {
            report.add(self.beside_baselines(gate));
        }
        for gate in &gates.champion {
            report.add(self.beside_champion(gate));
        }
        for gate in &gates.slices {
            report.add(self.slices(gate)?);
        }
        for gate in &gates.directions {
            report.add(self.direction(gate)?);
        }
        if let Some(gate) = &gates.noise {
            report.add(self.noise(gate)?);
        }
        if let Some(gate) = &gates.missing_column {
            report.add(self.missing_column(gate)?);
        }
        if let Some(gate) = &gates.unknown_entity {
            report.add(self.unknown_entity(gate)?);
        }
        if let Some(gate) = &gates.row_order {
            report.add(self.row_order(&gate.reason.value)?);
        }
        self.of_the_model(&mut report)?;
        Ok(report)
    }

    fn scores(&self, report: &mut Report) {
        for gate in &self.gates.scores {
            let metric = gate.metric.value;
            let estimate = metric.of(&self.compared.metrics);
            let detail = format!(
                "the worse end of the interval around {:.*}",
                estimate.decimals(),
                estimate.value
            );
            let value = metric.worse_end(estimate);
            report.add(
                Judged::new(metric.name(), value, gate.limit(), &gate.reason.value).detail(detail),
            );
        }
        if let Some(gate) = &self.gates.positives {
            let share = self.test.positives() as f64 / self.test.rows().max(1) as f64;
            let limit = Limit::Between(gate.between);
            let detail = format!(
                "the share of {:?} among the test rows",
                self.inference.model().metadata.classes[1]
            );
            report.add(Judged::new("positives", share, limit, &gate.reason.value).detail(detail));
        }
        if let Some(gate) = &self.gates.unseen {
            let last = &self.inference.model().metadata.training.last;
            let until = calendar::parse_iso(last).unwrap_or(Day::MAX);
            let seen = self.days.iter().filter(|day| **day <= until).count();
            let detail = format!("test rows of days up to {last}, the last that was trained on");
            let limit = Limit::AtMost(0.0);
            report
                .add(Judged::new("unseen", seen as f64, limit, &gate.reason.value).detail(detail));
        }
    }

    /// Better than each of them, beyond noise: the low end of the smallest gain is above 0.
    fn beside_baselines(&self, gate: &CompareGate) -> Judged {
        let metric = gate.metric.value;
        let gains = self.compared.baselines.iter();
        let gains = gains.map(|(name, differences)| (name, metric.gain(*metric.of(differences))));
        let name = compare_name("baselines", gate);
        let (limit, reason) = (Limit::MoreThan(0.0), &gate.reason.value);
        match gains.min_by(|a, b| a.1.low.total_cmp(&b.1.low)) {
            Some((beside, gain)) => {
                let detail = format!("the low end of the gain over {beside:?}, {:.4}", gain.value);
                Judged::new(name, gain.low, limit, reason).detail(detail)
            }
            None => Judged::not_asked(name, limit, reason, "there are no baselines"),
        }
    }

    /// Not worse beyond noise: the high end of the gain isn't below 0.
    fn beside_champion(&self, gate: &CompareGate) -> Judged {
        let metric = gate.metric.value;
        let name = compare_name("champion", gate);
        let (limit, reason) = (Limit::AtLeast(0.0), &gate.reason.value);
        match &self.compared.champion {
            Some(differences) => {
                let gain = metric.gain(*metric.of(differences));
                let detail = format!(
                    "the high end of the gain over the champion, {:.4}",
                    gain.value
                );
                Judged::new(name, gain.high, limit, reason).detail(detail)
            }
            None => Judged::not_asked(name, limit, reason, &self.compared.no_champion),
        }
    }

    fn slices(&self, gate: &SliceGate) -> Outcome<Judged> {
        let slices = groups::slices(self.project, gate, self.observed, self.contract)?;
        let how = Slices {
            metric: gate.metric,
            least_rows: gate.rows,
        };
        let threshold = self.inference.model().metadata.threshold;
        let found = how.judge(&self.test.labels, self.probabilities, threshold, &slices)?;
        let left_out = match found.left_out.len() {
            0 => String::new(),
            count => format!("; {count} too small to judge"),
        };
        let (name, reason) = (slice_name(gate), &gate.reason.value);
        Ok(match found.judged.first() {
            Some((worst, value, rows)) => {
                let detail = format!(
                    "{} of {worst}, the worst of {} slices ({} rows){left_out}",
                    gate.metric.name(),
                    found.judged.len(),
                    thousands(*rows)
                );
                Judged::new(name, *value, gate.limit(), reason).detail(detail)
            }
            None => Judged::not_asked(
                name,
                gate.limit(),
                reason,
                "every slice is too small to judge",
            ),
        })
    }

    fn of_the_model(&self, report: &mut Report) -> Outcome<()> {
        let model = self.inference.model();
        if let Some(gate) = &self.gates.leakage {
            let probes = probes(&self.all.dataset(&vec![true; self.all.labels.len()])?);
            let limit = Limit::AtMost(gate.roc_auc_at_most);
            let reason = &gate.reason.value;
            report.add(match probes.first() {
                Some(most) => {
                    let what = match most.by {
                        Alone::Value => "the value of",
                        Alone::Missing => "the gaps in",
                    };
                    let detail = format!(
                        "ROC AUC of {what} {} alone, the most telling of {} features",
                        most.feature,
                        probes.len()
                    );
                    Judged::new("leakage", most.roc_auc, limit, reason).detail(detail)
                }
                None => Judged::not_asked("leakage", limit, reason, "there are no features"),
            });
        }
        if let Some(gate) = &self.gates.golden_rows {
            let (unchanged, detail) = match self.inference.prove() {
                Ok(()) => (
                    model.metadata.golden.len(),
                    "golden rows whose features and prediction are as in training, to the bit"
                        .into(),
                ),
                Err(error) => (0, error.to_string()),
            };
            let limit = Limit::AtLeast(f64::from(gate.at_least));
            let judged = Judged::new("golden_rows", unchanged as f64, limit, &gate.reason.value);
            report.add(judged.detail(detail));
        }
        if let Some(gate) = &self.gates.prediction_time {
            let limit = Limit::AtMost(gate.microseconds_at_most);
            let judged = Judged::new(
                "prediction_time",
                self.microseconds(),
                limit,
                &gate.reason.value,
            );
            let detail = "median for one row whose features are there; not kept in files";
            report.add(judged.measured("µs").detail(detail));
        }
        if let Some(gate) = &self.gates.model_size {
            let limit = Limit::AtMost(f64::from(gate.bytes_at_most));
            let judged = Judged::new("model_size", self.bytes as f64, limit, &gate.reason.value);
            report.add(judged.detail("bytes of the model's file"));
        }
        Ok(())
    }

    /// Median time for one row, of up to 2,000.
    fn microseconds(&self) -> f64 {
        let model = self.inference.model();
        let time = |row: &[f32]| {
            let started = Instant::now();
            std::hint::black_box(model.probability_of(model.predictor.margin(row)));
            started.elapsed().as_secs_f64() * 1e6
        };
        let mut times: Vec<f64> = self.test.iter().take(TIMED).map(time).collect();
        times.sort_unstable_by(f64::total_cmp);
        times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
    }
}
