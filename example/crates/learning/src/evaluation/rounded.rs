//! Six decimals in files: more would change with nothing that matters.

use serde::{Deserialize, Deserializer, Serializer};

/// The number with six decimals.
pub(super) fn value(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

/// The number with six decimals at most, as text; empty for what is no number.
pub(super) fn text(number: f64) -> String {
    if number.is_nan() {
        String::new()
    } else {
        value(number).to_string()
    }
}

/// Writes six decimals; NaN as null.
pub(super) fn serialize<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
    if number.is_nan() {
        to.serialize_none()
    } else {
        to.serialize_f64(value(*number))
    }
}

/// Reads a number; null as NaN.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(from)?.unwrap_or(f64::NAN))
}
