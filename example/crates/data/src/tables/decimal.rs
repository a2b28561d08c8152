//! Short decimals, as measurements are, eight characters at a time.

/// The number in `text[start..end]` if it is a plain decimal of at most eight
/// characters beside its sign. `None` says nothing: [`str::parse`] knows.
///
/// The result is the one that [`str::parse`] gives: mantissa and power of ten
/// are exact as `f64`, so that their quotient is rounded once.
#[inline]
pub(super) fn short(text: &[u8], start: usize, end: usize) -> Option<f64> {
    let negative = text.get(start) == Some(&b'-');
    let length = end.checked_sub(start + usize::from(negative))?;
    if !(1..=8).contains(&length) {
        return None;
    }
    // The first character is the lowest byte and the last one the highest.
    let bytes = text.get(..end)?.last_chunk::<8>()?;
    let mut used = u64::MAX << (8 * (8 - length));
    let mut word = u64::from_le_bytes(*bytes) & used;
    let mut after = 0;
    let point = zero_bytes(word ^ each(b'.'));
    if point != 0 {
        let at = point.trailing_zeros() / 8;
        let before = (1 << (8 * at)) - 1;
        word = (word & !(before << 8 | 0xFF)) | (word & before) << 8;
        used <<= 8;
        after = 7 - at as usize;
    }
    let digits = (word ^ each(b'0')) & used;
    let above_nine = (digits.wrapping_add(each(0x76)) | digits) & each(0x80);
    if above_nine != 0 || used == 0 {
        return None;
    }
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00FF_00FF_00FF_00FF;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_FFFF_0000_FFFF;
    let mantissa = fours.wrapping_mul(10_000 << 32 | 1) >> 32;
    let value = mantissa as f64 / POWERS[after];
    Some(if negative { -value } else { value })
}

const POWERS: [f64; 8] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7];

/// The same byte eight times.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Not 0 if any byte is 0; its lowest bit is then the highest one of the first such byte.
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(each(1)) & !word & each(0x80)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As it stands between other cells of a line.
    fn in_a_line(text: &str) -> Option<f64> {
        let line = format!("2020-01-01,{text},9.99");
        short(line.as_bytes(), 11, 11 + text.len())
    }

    #[test]
    fn measurements_take_the_short_way() {
        for text in [
            "0",
            "-0",
            "7",
            "-3.2",
            "13.4",
            "1007.7",
            ".5",
            "5.",
            "0.05",
            "12345678",
            "123456.7",
            "-1234.567",
            "00012.50",
        ] {
            let value = in_a_line(text).map(f64::to_bits);
            assert_eq!(
                value,
                Some(text.parse::<f64>().unwrap().to_bits()),
                "{text}"
            );
        }
    }

    #[test]
    fn whatever_is_no_plain_decimal_does_not() {
        for text in [
            "",
            "-",
            ".",
            "-.",
            "+1",
            "1e5",
            "NA",
            "1.2.3",
            "1-2",
            "--1",
            " 1",
            "1 ",
            "inf",
            "/:",
            "123456789",
            "é",
            "1\u{b2}",
        ] {
            assert_eq!(in_a_line(text), None, "{text}");
        }
        assert_eq!(short(b"1.5,", 0, 3), None, "too near the start of the text");
    }

    proptest! {
        #[test]
        fn the_short_way_gives_the_bits_of_the_general_one(text in "-?[0-9]{0,8}\\.?[0-9]{0,8}") {
            if let Some(value) = in_a_line(&text) {
                prop_assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits());
            } else {
                prop_assert!(text.len() > 8 || !text.contains(|c: char| c.is_ascii_digit()));
            }
        }

        #[test]
        fn nothing_else_is_taken_for_a_number(text in "[-+.0-9eE/:, \u{e9}]{0,10}") {
            if let Some(value) = in_a_line(&text) {
                prop_assert_eq!(Ok(value.to_bits()), text.parse::<f64>().map(f64::to_bits));
            }
        }
    }
}
