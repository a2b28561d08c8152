//! What features do to the answers of many rows.

use std::fmt;

use mlops_plot::{Bar, Bars};
use serde::Serialize;

use super::contributions_reporting;
use crate::{Model, Result};

/// How much each feature moves the margin on average, the largest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Rows that were explained.
    pub rows: usize,
    /// The features' names, and the mean of the absolute values of what they add.
    pub features: Vec<(String, f64)>,
}

impl Summary {
    /// Explains many rows, standing one after the other, and keeps the `top` features.
    ///
    /// # Errors
    /// As [`contributions`](super::contributions).
    ///
    /// # Panics
    /// If `rows` isn't a whole number of rows.
    pub fn new(model: &Model, rows: &[f32], top: usize) -> Result<Summary> {
        Summary::reporting(model, rows, top, &|_, _| {})
    }

    /// The same, and `progress` is told how much of the work is done, and how much there is.
    ///
    /// # Errors
    /// As [`Summary::new`].
    ///
    /// # Panics
    /// As [`Summary::new`].
    pub fn reporting(
        model: &Model,
        rows: &[f32],
        top: usize,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Summary> {
        let made = contributions_reporting(&model.predictor, rows, progress)?;
        let names = model.metadata.features.iter().map(|f| f.name.clone());
        let mut features: Vec<(String, f64)> = names.zip(made.mean_absolute()).collect();
        features.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        features.truncate(top);
        Ok(Summary {
            rows: made.rows().len(),
            features,
        })
    }

    /// The features as bars.
    pub fn svg(&self) -> String {
        let bars = self.features.iter();
        Bars::new("What moves the answers", "Mean size of the SHAP value")
            .bars(bars.map(|(name, value)| Bar::new(name, *value)))
            .svg()
    }

    /// A line for each feature.
    pub fn csv(&self) -> String {
        let lines = self
            .features
            .iter()
            .map(|(name, value)| format!("{name},{value:.6}\n"));
        std::iter::once("feature,mean_size\n".to_string())
            .chain(lines)
            .collect()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wide = self
            .features
            .iter()
            .map(|(name, _)| name.chars().count())
            .max();
        let wide = wide.unwrap_or(0);
        write!(f, "mean size of the SHAP value over {} rows", self.rows)?;
        for (name, value) in &self.features {
            write!(f, "\n{name:wide$}  {value:.4}")?;
        }
        Ok(())
    }
}
