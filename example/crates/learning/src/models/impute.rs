//! What stands for a missing value in models that need one.

use serde::{Deserialize, Serialize};

use super::params::within;
use crate::{Dataset, LearningError, Result};

/// What stands for a missing value, worked out once, on the training rows.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Imputation {
    /// The feature's median (the mean of the middle two, if there are two).
    #[default]
    Median,
    /// The feature's mean.
    Mean,
    /// The same number for all features.
    Constant(f32),
    /// Nothing: training rows must be complete. A gap in a row to be predicted counts as the
    /// feature's mean.
    None,
}

impl Imputation {
    pub(super) fn check(self, name: &str) -> Result<()> {
        match self {
            Imputation::Constant(value) => within(name, value, -1e30..=1e30),
            Imputation::Median | Imputation::Mean | Imputation::None => Ok(()),
        }
    }

    /// What to fill each feature with. A feature without a single value gets 0.
    ///
    /// # Errors
    /// If a value is missing and nothing stands for it.
    pub(super) fn fills(self, data: &Dataset) -> Result<Vec<f32>> {
        let gap = data.features.iter().position(|value| value.is_nan());
        if let (Imputation::None, Some(at)) = (self, gap) {
            return Err(LearningError::Data(format!(
                "row {}, feature {:?}: the value is missing, and `missing: none` fills nothing; choose median, mean or constant, or leave such rows out",
                at / data.width() + 1,
                data.names[at % data.width()]
            )));
        }
        let fill = |feature| match self {
            Imputation::Constant(value) => value,
            Imputation::Mean | Imputation::None => mean(known(data, feature)),
            Imputation::Median => median(known(data, feature).collect()),
        };
        Ok((0..data.width()).map(fill).collect())
    }
}

fn known(data: &Dataset, feature: usize) -> impl Iterator<Item = f32> {
    data.column(feature).filter(|value| !value.is_nan())
}

fn mean(values: impl Iterator<Item = f32>) -> f32 {
    let (count, sum) = values.fold((0u64, 0.0), |(count, sum), value| {
        (count + 1, sum + f64::from(value))
    });
    if count == 0 {
        0.0
    } else {
        (sum / count as f64) as f32
    }
}

fn median(mut values: Vec<f32>) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f32::total_cmp);
    let upper = f64::from(*upper);
    let lower = below
        .iter()
        .copied()
        .max_by(f32::total_cmp)
        .map_or(upper, f64::from);
    if even {
        ((lower + upper) / 2.0) as f32
    } else {
        upper as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Dataset {
        let columns = [
            [4.0, f32::NAN],
            [1.0, f32::NAN],
            [f32::NAN, f32::NAN],
            [2.0, f32::NAN],
            [9.0, f32::NAN],
        ];
        Dataset::new(
            vec!["price".into(), "empty".into()],
            columns.concat(),
            vec![true; 5],
        )
        .unwrap()
    }

    #[test]
    fn fills_come_from_the_known_values() {
        let fills = |how: Imputation| how.fills(&data()).unwrap();
        assert_eq!(fills(Imputation::Median), [3.0, 0.0]);
        assert_eq!(fills(Imputation::Mean), [4.0, 0.0]);
        assert_eq!(fills(Imputation::Constant(-1.0)), [-1.0, -1.0]);
        assert_eq!(median(vec![5.0, 1.0, 3.0]), 3.0);
    }

    #[test]
    fn without_imputation_a_gap_is_refused_where_it_stands() {
        let error = Imputation::None.fills(&data()).unwrap_err();
        insta::assert_snapshot!(error, @r#"row 1, feature "empty": the value is missing, and `missing: none` fills nothing; choose median, mean or constant, or leave such rows out"#);
        let complete = Dataset::new(vec!["price".into()], vec![1.0, 3.0], vec![true, false]);
        assert_eq!(Imputation::None.fills(&complete.unwrap()).unwrap(), [2.0]);
    }
}
