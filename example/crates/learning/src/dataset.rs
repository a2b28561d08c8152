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
        let data = Dataset {
            names,
            features,
            labels,
        };
        data.check()?;
        Ok(data)
    }

    fn check(&self) -> Result<()> {
        let expected = self.names.len().checked_mul(self.labels.len());
        if expected != Some(self.features.len()) {
            return Err(LearningError::Data(format!(
                "{} features in {} labelled rows don't make {} values; give a value, or NaN, for each feature of each row",
                self.names.len(),
                self.labels.len(),
                self.features.len()
            )));
        }
        if let Some(at) = self.features.iter().position(|value| value.is_infinite()) {
            return Err(LearningError::Data(format!(
                "row {}, feature {:?}: the value is infinite; a value that isn't known is NaN",
                at / self.names.len() + 1,
                self.names[at % self.names.len()]
            )));
        }
        Ok(())
    }

    /// Whether a model can be trained on these rows.
    ///
    /// # Errors
    /// Beside what [`Dataset::new`] refuses: no rows, no features or too many, one class only.
    pub fn trainable(&self) -> Result<()> {
        self.check()?;
        let refuse = |why: String| Err(LearningError::Data(why));
        if self.width() == 0 {
            return refuse("there are no features to learn from; name at least one".into());
        }
        if self.width() > usize::from(u16::MAX) {
            return refuse(format!(
                "{} features are too many: a model takes up to {}",
                self.width(),
                u16::MAX
            ));
        }
        if self.rows() == 0 {
            return refuse(
                "there are no rows to learn from; check the period and the label's missing values"
                    .into(),
            );
        }
        if u32::try_from(self.rows()).is_err() {
            return refuse(format!(
                "{} rows are too many: a model is trained on up to {}",
                self.rows(),
                u32::MAX
            ));
        }
        if let Some(only) = self.one_class() {
            return refuse(format!(
                "all {} rows have the label {only}; a model needs rows of both classes",
                self.rows()
            ));
        }
        Ok(())
    }

    fn one_class(&self) -> Option<bool> {
        let first = *self.labels.first()?;
        self.labels
            .iter()
            .all(|label| *label == first)
            .then_some(first)
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

    /// The values of one feature, in the order of the rows.
    ///
    /// # Panics
    /// If there is no such feature.
    pub fn column(&self, feature: usize) -> impl ExactSizeIterator<Item = f32> {
        assert!(
            feature < self.width(),
            "feature {feature} of {}",
            self.width()
        );
        self.iter().map(move |row| row[feature])
    }

    /// The rows for which `keep` is true.
    pub fn with_rows(&self, keep: &[bool]) -> Dataset {
        let kept = self.iter().zip(keep).filter(|(_, keep)| **keep);
        let labels = self.labels.iter().zip(keep).filter(|(_, keep)| **keep);
        Dataset {
            names: self.names.clone(),
            features: kept.flat_map(|(row, _)| row.iter().copied()).collect(),
            labels: labels.map(|(label, _)| *label).collect(),
        }
    }

    /// The features for which `keep` is true, of all rows.
    pub fn with_features(&self, keep: &[bool]) -> Dataset {
        let names = self.names.iter().zip(keep).filter(|(_, keep)| **keep);
        let values = |row| std::iter::zip::<&[f32], _>(row, keep).filter(|(_, keep)| **keep);
        Dataset {
            names: names.map(|(name, _)| name.clone()).collect(),
            features: self
                .iter()
                .flat_map(|row| values(row).map(|(value, _)| *value))
                .collect(),
            labels: self.labels.clone(),
        }
    }

    /// Number of rows of the positive class.
    pub fn positives(&self) -> usize {
        self.labels.iter().filter(|label| **label).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        vec!["price".into(), "age".into()]
    }

    #[test]
    fn values_and_labels_must_fit() {
        let error = Dataset::new(names(), vec![1.0; 5], vec![true, false]).unwrap_err();
        insta::assert_snapshot!(error, @"2 features in 2 labelled rows don't make 5 values; give a value, or NaN, for each feature of each row");
    }

    #[test]
    fn an_infinite_value_is_named_a_missing_one_is_fine() {
        let error = Dataset::new(
            names(),
            vec![1.0, f32::NAN, 2.0, f32::NEG_INFINITY],
            vec![true, false],
        )
        .unwrap_err();
        insta::assert_snapshot!(error, @r#"row 2, feature "age": the value is infinite; a value that isn't known is NaN"#);
        assert!(Dataset::new(names(), vec![1.0, f32::NAN], vec![true]).is_ok());
    }

    #[test]
    fn rows_and_features_can_be_left_out() {
        let data = Dataset::new(names(), vec![1.0, 2.0, 3.0, 4.0], vec![true, false]).unwrap();
        let rows = data.with_rows(&[false, true]);
        assert_eq!(
            (rows.features.as_slice(), rows.labels.as_slice()),
            (&[3.0, 4.0][..], &[false][..])
        );
        let features = data.with_features(&[false, true]);
        assert_eq!(
            (features.names.as_slice(), features.features.as_slice()),
            (&["age".to_owned()][..], &[2.0, 4.0][..])
        );
    }

    #[test]
    fn columns_and_rows_are_the_same_values() {
        let data = Dataset::new(names(), vec![1.0, 2.0, 3.0, 4.0], vec![true, false]).unwrap();
        assert_eq!(data.column(1).collect::<Vec<_>>(), [2.0, 4.0]);
        assert_eq!(data.iter().nth(1), Some([3.0, 4.0].as_slice()));
        assert_eq!((data.rows(), data.width(), data.positives()), (2, 2, 1));
    }
}
