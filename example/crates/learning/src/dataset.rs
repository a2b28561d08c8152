//! What a model learns from.

use crate::{LearningError, Result};

/// Feature rows and their labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The features' names, one a column.
    pub names: Vec<String>,
    /// Row after row, `names.len()` values each; NaN is missing.
    pub features: Vec<f32>,
    /// Whether the row is of the positive class.
    pub labels: Vec<bool>,
}

impl Dataset {
    /// Feature rows and labels that fit each other.
    ///
    /// # Errors
    /// If the numbers of values and labels don't fit, or a value is infinite.
    pub fn new(names: Vec<String>, features: Vec<f32>, labels: Vec<bool>) -> Result<Dataset> {
        if names.len() * labels.len() != features.len() {
            return Err(LearningError::Data(format!(
                "{} features × {} labels make {} values, but there are {}",
                names.len(),
                labels.len(),
                names.len() * labels.len(),
                features.len()
            )));
        }
        if let Some(at) = features.iter().position(|value| value.is_infinite()) {
            return Err(LearningError::Data(format!(
                "row {}, feature {:?}: the value is infinite",
                at / names.len() + 1,
                names[at % names.len()]
            )));
        }
        Ok(Dataset {
            names,
            features,
            labels,
        })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        self.names.len()
    }

    /// The feature rows, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.features.chunks_exact(self.width().max(1))
    }
}
