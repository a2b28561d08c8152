//! Whole numbers that a 64-bit float can't tell apart: they are refused, never merged.

/// The whole number as a float, if the float is that number exactly. Beyond 2^53 neighbours share one.
pub(crate) fn whole(number: i128) -> Option<f64> {
    let float = number as f64;
    // Near the end of 128 bits a float would be cut to the range, and seem to be the number.
    (float.abs() < 1e38 && float as i128 == number).then_some(float)
}

/// Whether a text that was read as this number is a whole number that it isn't.
#[cfg(feature = "tables")]
pub(crate) fn is_merged(text: &str, number: f64) -> bool {
    const EXACT: f64 = (1_u64 << 53) as f64;
    if number.abs() < EXACT {
        return false;
    }
    let whole = text.split_once('.').map_or(text, |(whole, fraction)| {
        let zeros = fraction.bytes().all(|digit| digit == b'0');
        if zeros { whole } else { "" }
    });
    let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    // With an exponent it is a measurement.
    let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    // One of more than 38 digits is no measurement and can't be compared.
    plain
        && whole
            .parse()
            .map_or(true, |number| self::whole(number).is_none())
}

/// What to say of such a number.
pub(crate) fn refused(number: &str) -> String {
    format!(
        "{number} is a whole number that a 64-bit number can't keep (above 9007199254740992 it is rounded to a neighbour); \
         if it names something, declare the column as a category and write it as text"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_that_would_be_merged_are_found() {
        let merged = |text: &str| is_merged(text, text.parse().unwrap());
        for text in [
            "9007199254740993",
            "-9007199254740993",
            "9007199254740993.0",
            "12345678901234567890",
        ] {
            assert!(merged(text), "{text}");
        }
        for text in [
            "9007199254740992",
            "9007199254740994",
            "9007199254740993.5",
            "1e300",
            "100000000000000000000",
            "0.1234567890123456789",
        ] {
            assert!(!merged(text), "{text}");
        }
        assert_eq!(whole(-(1 << 60)), Some(-(2.0_f64.powi(60))));
        assert_eq!(whole((1 << 60) + 1), None);
    }
}
