//! Range checks that name the parameter as params.yaml does.

use std::{fmt::Display, ops::RangeInclusive};

use crate::{LearningError, Result};

fn refuse(name: &str, value: impl Display, expected: String) -> Result<()> {
    Err(LearningError::Parameter {
        name: format!("model.{name}"),
        value: value.to_string(),
        expected,
    })
}

/// `name` without the leading `model.`; NaN is in no range.
pub(crate) fn within<T: PartialOrd + Display + Copy>(
    name: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    refuse(
        name,
        value,
        format!("it must be from {} to {}", range.start(), range.end()),
    )
}

/// For shares and rates: more than 0, at most 1.
pub(crate) fn share(name: &str, value: f64) -> Result<()> {
    if value > 0.0 && value <= 1.0 {
        return Ok(());
    }
    refuse(name, value, "it must be more than 0, up to 1".into())
}
