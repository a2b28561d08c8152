//! What an unquoted scalar is: the patterns of YAML 1.2's core schema as DVC's reader has them.

use super::Value;

/// What an unquoted scalar stands for.
#[derive(Debug, PartialEq)]
pub(super) enum Plain {
    /// A value.
    Value(Value),
    /// `<<`, which merges maps when it is a key.
    Merge,
    /// Looks like a number or date but can't be one.
    Impossible(&'static str),
}

pub(super) fn resolve(text: &str) -> Plain {
    let first = text.bytes().next().unwrap_or(b'~');
    match first {
        b't' | b'T' | b'f' | b'F' => match text {
            "true" | "True" | "TRUE" => return Plain::Value(Value::Bool(true)),
            "false" | "False" | "FALSE" => return Plain::Value(Value::Bool(false)),
            _ => {}
        },
        b'~' | b'n' | b'N' if matches!(text, "" | "~" | "null" | "Null" | "NULL") => {
            return Plain::Value(Value::Null);
        }
        b'<' if text == "<<" => return Plain::Merge,
        b'-' | b'+' | b'.' | b'0'..=b'9' => {
            if is_float(text) {
                return float(text);
            }
            if is_integer(text) {
                return integer(text);
            }
            if is_timestamp(text) {
                return Plain::Value(Value::Timestamp(text.to_owned()));
            }
        }
        _ => {}
    }
    Plain::Value(Value::Text(text.to_owned()))
}

/// Whether a text would be read as something else if it stood there without quotes.
pub(super) fn needs_quotes(text: &str) -> bool {
    text == "=" || !matches!(resolve(text), Plain::Value(Value::Text(_)))
}

fn float(text: &str) -> Plain {
    let lower = text.replace('_', "").to_ascii_lowercase();
    let (sign, digits) = match lower.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, lower.strip_prefix('+').unwrap_or(&lower)),
    };
    let number = match digits {
        ".inf" => f64::INFINITY,
        ".nan" => f64::NAN,
        _ => match digits.parse::<f64>() {
            Ok(number) => number,
            Err(_) => return Plain::Impossible("this is no number"),
        },
    };
    Plain::Value(Value::Float(sign * number))
}

fn integer(text: &str) -> Plain {
    let digits = text.replace('_', "");
    let (negative, digits) = match digits.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let parsed = match digits.get(..2) {
        Some("0b") => i128::from_str_radix(&digits[2..], 2),
        Some("0o") => i128::from_str_radix(&digits[2..], 8),
        Some("0x") => i128::from_str_radix(&digits[2..], 16),
        _ => digits.parse(),
    };
    match parsed {
        Ok(whole) => Plain::Value(Value::Integer(if negative { -whole } else { whole })),
        Err(error) if *error.kind() == std::num::IntErrorKind::PosOverflow => {
            Plain::Impossible("the number has more than 38 digits: quote it if it is a text")
        }
        Err(_) => Plain::Impossible("this is no number: quote it if it is a text"),
    }
}

/// Reads on in a text by what its bytes are.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn skip(&mut self, wanted: impl Fn(u8) -> bool) -> usize {
        let count = self.0.iter().take_while(|&&byte| wanted(byte)).count();
        self.0 = &self.0[count..];
        count
    }

    fn one(&mut self, wanted: impl Fn(u8) -> bool) -> bool {
        let found = self.0.first().is_some_and(|&byte| wanted(byte));
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    fn sign(&mut self) -> bool {
        self.one(|byte| matches!(byte, b'+' | b'-'))
    }

    fn at_end(&self) -> bool {
        self.0.is_empty()
    }
}

fn digit_or_underscore(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'_'
}

fn is_float(text: &str) -> bool {
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let mut rest = Cursor(text.as_bytes());
    rest.sign();
    if matches!(rest.0, b".inf" | b".Inf" | b".INF") {
        return true;
    }
    if rest.one(|byte| byte == b'.') {
        if rest.skip(digit_or_underscore) == 0 {
            return false;
        }
        return rest.at_end() || exponent(&mut rest, true);
    }
    if !rest.one(|byte| byte.is_ascii_digit()) {
        return false;
    }
    rest.skip(digit_or_underscore);
    if rest.one(|byte| byte == b'.') {
        rest.skip(digit_or_underscore);
        return rest.at_end() || exponent(&mut rest, false);
    }
    exponent(&mut rest, false)
}

fn exponent(rest: &mut Cursor, signed: bool) -> bool {
    rest.one(|byte| matches!(byte, b'e' | b'E'))
        && (rest.sign() || !signed)
        && rest.skip(|byte| byte.is_ascii_digit()) > 0
        && rest.at_end()
}

fn is_integer(text: &str) -> bool {
    let mut rest = Cursor(text.as_bytes());
    rest.sign();
    let only = |digits: &[u8], wanted: fn(u8) -> bool| {
        !digits.is_empty() && digits.iter().all(|&byte| wanted(byte))
    };
    match rest.0 {
        [b'0', b'b', digits @ ..] => only(digits, |byte| matches!(byte, b'0' | b'1' | b'_')),
        [b'0', b'o', digits @ ..] => only(digits, |byte| matches!(byte, b'0'..=b'7' | b'_')),
        [b'0', b'x', digits @ ..] => only(digits, |byte| byte.is_ascii_hexdigit() || byte == b'_'),
        digits => only(digits, digit_or_underscore),
    }
}

fn is_timestamp(text: &str) -> bool {
    let mut rest = Cursor(text.as_bytes());
    let digit = |byte: u8| byte.is_ascii_digit();
    let one_or_two = |rest: &mut Cursor| {
        let first = rest.one(digit);
        rest.one(digit);
        first
    };
    let two = |rest: &mut Cursor| rest.one(digit) && rest.one(digit);
    let is = |wanted: u8| move |byte: u8| byte == wanted;
    if !(two(&mut rest) && two(&mut rest) && rest.one(is(b'-'))) {
        return false;
    }
    let before = rest.0.len();
    if !(one_or_two(&mut rest) && rest.one(is(b'-')) && one_or_two(&mut rest)) {
        return false;
    }
    if rest.at_end() {
        return before == 5;
    }
    if !rest.one(|byte| matches!(byte, b't' | b'T'))
        && rest.skip(|byte| matches!(byte, b' ' | b'\t')) == 0
    {
        return false;
    }
    if !(one_or_two(&mut rest)
        && rest.one(is(b':'))
        && two(&mut rest)
        && rest.one(is(b':'))
        && two(&mut rest))
    {
        return false;
    }
    if rest.one(is(b'.')) {
        rest.skip(digit);
    }
    if rest.at_end() {
        return true;
    }
    rest.skip(|byte| matches!(byte, b' ' | b'\t'));
    if rest.one(is(b'Z')) {
        return rest.at_end();
    }
    rest.sign()
        && one_or_two(&mut rest)
        && (rest.at_end() || (rest.one(is(b':')) && two(&mut rest) && rest.at_end()))
}
