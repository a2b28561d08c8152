//! Floating-point numbers as Python prints them.

/// A number as Python writes it: the fewest digits that read back as the same number, an
/// exponent from 1e16 up and below 1e-4, always a `.0` or an exponent (`1.0`, `1e-05`, `1e+16`).
///
/// Infinity and not-a-number are written as YAML has them (`.inf`, `-.inf`, `.nan`).
#[must_use]
pub fn float_text(number: f64) -> String {
    if number.is_nan() {
        return ".nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { ".inf" } else { "-.inf" }.into();
    }
    // Rust's scientific form has the same shortest digits, as `d.ddde-5`.
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let text = format!("{number}");
        return if text.contains('.') {
            text
        } else {
            text + ".0"
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::float_text;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (number, text) in [
            (1e-5, "1e-05"),
            (1.0, "1.0"),
            (0.0001, "0.0001"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (-0.0, "-0.0"),
            (5e-324, "5e-324"),
            (123_456_789.123, "123456789.123"),
            (f64::NEG_INFINITY, "-.inf"),
        ] {
            assert_eq!(float_text(number), text);
        }
    }
}
