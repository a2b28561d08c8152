//! Short decimals, as measurements are, read from eight characters at once.

use super::octets::{Word, each, equal, first};

/// The number that a word is, if it is a plain decimal: digits, at most one
/// point, a minus before them. If not, [`str::parse`] may know better.
///
/// The result is the one that [`str::parse`] gives: mantissa and power of ten
/// are exact as `f64`, so that their quotient is rounded once. The steps don't
/// branch on what can't be foreseen: sign, point, number of digits.
#[inline]
pub(super) fn decimal(word: Word) -> Option<f64> {
    let (negative, word, used) = word.unsigned()?;

    let point = equal(word, b'.');
    let pointed = u32::from(point != 0);
    let before = ((point & point.wrapping_neg()) >> 7).wrapping_sub(1);
    let after = 8 - first(point) - pointed;
    let word = (word & !(before << 8 | 0xFF)) | (word & before) << (8 * pointed);
    let used = used << (8 * pointed);

    let digits = (word ^ each(b'0')) & used;
    let above_nine = (digits.wrapping_add(each(0x76)) | digits) & each(0x80);
    if above_nine != 0 || used == 0 {
        return None;
    }
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00FF_00FF_00FF_00FF;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_FFFF_0000_FFFF;
    let mantissa = fours.wrapping_mul(10_000 << 32 | 1) >> 32;
    let value = mantissa as f64 / POWERS[after as usize % 8];
    Some(f64::from_bits(value.to_bits() | u64::from(negative) << 63))
}

const POWERS: [f64; 8] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<f64> {
        decimal(Word::new(text)?)
    }

    #[test]
    fn measurements_are_plain_decimals() {
        for text in [
            "0", "-0", "7", "-3.2", "13.4", "1007.7", ".5", "5.", "0.05", "12345678", "123456.7",
            "-1234.56", "00012.50", "-.5", "-1234567",
        ] {
            let value = read(text).map(f64::to_bits);
            assert_eq!(
                value,
                Some(text.parse::<f64>().unwrap().to_bits()),
                "{text}"
            );
        }
    }

    #[test]
    fn whatever_else_there_is_in_a_cell_is_none() {
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
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn plain_decimals_are_read_as_the_library_reads_them(text in "-?[0-9]{0,8}\\.?[0-9]{0,8}") {
            match read(&text) {
                Some(value) => prop_assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits()),
                None => prop_assert!(text.len() > 8 || text.parse::<f64>().is_err()),
            }
        }

        #[test]
        fn nothing_is_a_number_here_that_is_none_to_the_library(text in "[-+.0-9eE/:, \u{e9}]{0,10}") {
            if let Some(value) = read(&text) {
                prop_assert_eq!(Ok(value.to_bits()), text.parse::<f64>().map(f64::to_bits));
            }
        }
    }
}
