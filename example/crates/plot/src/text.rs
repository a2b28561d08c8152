//! Text and numbers as SVG wants them.

/// `text` with what XML reserves escaped and what it forbids turned to spaces.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // A line break could make the blank line at which Markdown leaves
            // HTML; other control characters and U+FFFE/F are not XML.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A coordinate: tenths of a pixel, no trailing zero, no minus zero.
pub(crate) fn coordinate(value: f64) -> String {
    let tenths = (value * 10.0).round();
    // Also catches -0 and, as nothing else would do, NaN.
    if tenths == 0.0 || !tenths.is_finite() {
        return "0".to_owned();
    }
    let text = format!("{:.1}", tenths / 10.0);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// `value` with three significant digits, thousands grouped: 0.0123, 4.5, 34,691.
pub fn short_number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e7).contains(&size) {
        return format!("{value:.2e}");
    }
    // In range by the line above, so the cast is exact.
    let decimals = (2 - size.log10().floor() as i32).max(0) as usize;
    let text = fixed(value, decimals);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Digits after the point for a number with an interval, by the rule of the Particle Data Group (*Review of Particle
/// Physics*, introduction): of half the interval's width, two digits if they are 35 or less, else one. Finer
/// digits are noise. None without an interval that has a width.
pub fn decimals(low: f64, high: f64) -> Option<usize> {
    let half = (high - low) / 2.0;
    if !half.is_normal() || half < 0.0 {
        return None;
    }
    // Of a normal number, the power lies between -308 and 308.
    let power = half.log10().floor() as i32;
    let two_digits = i32::from(half / 10f64.powi(power) < 3.55);
    Some((two_digits - power).clamp(0, 9) as usize)
}

/// `value` with so many decimals, thousands grouped by commas.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let text = match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|b| matches!(b, b'0' | b'.')) => rest.to_owned(),
        _ => text,
    };
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("−", rest),
        None => ("", text.as_str()),
    };
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut grouped = String::from(sign);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped.push_str(fraction);
    grouped
}

/// About how wide `text` is at `size` pixels in a sans-serif font: there is no
/// font to ask, so this errs on the wide side.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let em: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '|' | '\'' | '!' => 0.3,
            ' ' | 'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '-' | 'I' => 0.4,
            'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.92,
            'A'..='Z' | '0'..='9' => 0.65,
            c if c >= '\u{2e80}' => 1.05,
            _ => 0.58,
        })
        .sum();
    em * size
}

/// `text`, cut with an ellipsis if it is wider than `limit` pixels at `size`.
pub(crate) fn shorten(text: &str, size: f64, limit: f64) -> String {
    if width(text, size) <= limit {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if width(&kept, size) + size > limit {
            break;
        }
    }
    kept.pop();
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits_and_group_thousands() {
        let shown: Vec<String> = [
            0.012345,
            4.5,
            34691.0,
            -0.5,
            1e-9,
            2e9,
            -0.0,
            f64::NAN,
            999.96,
        ]
        .into_iter()
        .map(short_number)
        .collect();
        let expected = [
            "0.0123", "4.5", "34,691", "−0.5", "1.00e-9", "2.00e9", "0", "–", "1,000",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn decimals_are_no_finer_than_the_interval() {
        let digits = |value: f64, low, high| match decimals(low, high) {
            Some(digits) => format!("{value:.digits$}"),
            None => "none".to_owned(),
        };
        assert_eq!(digits(0.907004, 0.901726, 0.912443), "0.907");
        assert_eq!(digits(0.303097, 0.292563, 0.313568), "0.303");
        assert_eq!(digits(0.588044, 0.56297, 0.611907), "0.588");
        assert_eq!(digits(0.588044, 0.54, 0.64), "0.59");
        assert_eq!(digits(1234.5678, 1200.0, 1270.0), "1235");
        assert_eq!(digits(0.5, 0.5, 0.5), "none");
        assert_eq!(digits(0.5, f64::NAN, 0.6), "none");
        assert_eq!(digits(0.5, f64::NEG_INFINITY, 0.6), "none");
        assert_eq!(digits(0.5, 0.5, 0.5 + 1e-300), "none");
    }

    #[test]
    fn coordinates_are_short() {
        let shown: Vec<String> = [1.0, 1.25, -0.01, 1234.56, f64::NAN]
            .into_iter()
            .map(coordinate)
            .collect();
        assert_eq!(shown, ["1", "1.3", "0", "1234.6", "0"]);
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(shorten("short", 13.0, 100.0), "short");
        let cut = shorten("a name that goes on and on and on", 13.0, 100.0);
        assert!(
            cut.ends_with('…') && width(&cut, 13.0) <= 100.0 + 13.0,
            "{cut}"
        );
    }
}
