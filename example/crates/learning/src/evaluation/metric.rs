use serde::{Deserialize, Serialize};

use super::{
    Estimate,
    metrics::{COUNT, Metrics},
};

/// The name of a metric, as files write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// [`Metrics::roc_auc`].
    RocAuc,
    /// [`Metrics::pr_auc`].
    PrAuc,
    /// [`Metrics::brier`].
    Brier,
    /// [`Metrics::log_loss`].
    LogLoss,
    /// [`Metrics::calibration_error`].
    CalibrationError,
    /// [`Metrics::accuracy`].
    Accuracy,
    /// [`Metrics::precision`].
    Precision,
    /// [`Metrics::recall`].
    Recall,
    /// [`Metrics::f1`].
    F1,
}

impl Metric {
    /// All of them, in the order of [`Metrics`].
    pub const ALL: [Metric; COUNT] = [
        Metric::RocAuc,
        Metric::PrAuc,
        Metric::Brier,
        Metric::LogLoss,
        Metric::CalibrationError,
        Metric::Accuracy,
        Metric::Precision,
        Metric::Recall,
        Metric::F1,
    ];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Metric::RocAuc => "roc_auc",
            Metric::PrAuc => "pr_auc",
            Metric::Brier => "brier",
            Metric::LogLoss => "log_loss",
            Metric::CalibrationError => "calibration_error",
            Metric::Accuracy => "accuracy",
            Metric::Precision => "precision",
            Metric::Recall => "recall",
            Metric::F1 => "f1",
        }
    }

    /// Whether a model is the better the more it has of it.
    pub fn more_is_better(self) -> bool {
        !matches!(
            self,
            Metric::Brier | Metric::LogLoss | Metric::CalibrationError
        )
    }

    /// Its value among all of them.
    pub fn of<T>(self, metrics: &Metrics<T>) -> &T {
        metrics.values()[self as usize]
    }

    /// The end of an interval at which a model is worse.
    pub fn worse_end(self, estimate: &Estimate) -> f64 {
        if self.more_is_better() {
            estimate.low
        } else {
            estimate.high
        }
    }

    /// A difference of two models, turned so that more is better.
    #[must_use]
    pub fn gain(self, difference: Estimate) -> Estimate {
        if self.more_is_better() {
            return difference;
        }
        Estimate {
            value: -difference.value,
            low: -difference.high,
            high: -difference.low,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_those_of_the_metrics() {
        let numbers: [f64; COUNT] = std::array::from_fn(|at| at as f64);
        let metrics = Metrics::from_values(numbers);
        let fields = serde_json::to_value(metrics).unwrap();
        for metric in Metric::ALL {
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
            assert_eq!(fields[metric.name()], *metric.of(&metrics), "{metric:?}");
        }
    }

    #[test]
    fn a_lower_brier_score_is_a_gain() {
        let difference = Estimate {
            value: -0.02,
            low: -0.03,
            high: -0.01,
        };
        let gain = Metric::Brier.gain(difference);
        assert_eq!((gain.low, gain.value, gain.high), (0.01, 0.02, 0.03));
        assert_eq!(Metric::RocAuc.gain(difference), difference);
        assert_eq!(Metric::Brier.worse_end(&difference), -0.01);
        assert_eq!(Metric::RocAuc.worse_end(&difference), -0.03);
    }
}
