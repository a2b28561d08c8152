//! The words and signs of an expression, with where they stand.

/// What is wrong, and at which byte.
pub(super) struct Fault {
    pub at: usize,
    pub message: String,
}

impl Fault {
    pub fn new(at: usize, message: impl Into<String>) -> Fault {
        Fault {
            at,
            message: message.into(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A column, `and`, `next` and the like.
    Name(String),
    /// A column in backquotes, which is never anything else.
    Column(String),
    Number(f64),
    Word(String),
    Sign(&'static str),
}

/// Longer signs before those they begin with.
const SIGNS: [&str; 16] = [
    "<=>", "<=", "=>", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "(", ")", "=", ",",
];

/// Each token with the byte it begins at.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Fault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (token, length) = if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Token::Sign(sign), sign.len())
        } else if first.is_ascii_digit() || first == '.' {
            number(rest, at)?
        } else if first.is_alphabetic() || first == '_' {
            let length = run(rest, |c| c.is_alphanumeric() || c == '_');
            (Token::Name(rest[..length].into()), length)
        } else if matches!(first, '"' | '\'' | '`') {
            let inner = rest[1..]
                .find(first)
                .ok_or_else(|| Fault::new(at, format!("the quote {first} isn't closed")))?;
            let word = rest[1..1 + inner].to_string();
            let token = match first {
                '`' => Token::Column(word),
                _ => Token::Word(word),
            };
            (token, inner + 2)
        } else {
            return Err(Fault::new(at, format!("{first:?} means nothing here")));
        };
        tokens.push((at, token));
        at += length;
    }
    Ok(tokens)
}

/// Digits with a point and an exponent, either or neither.
fn number(rest: &str, at: usize) -> Result<(Token, usize), Fault> {
    let mut length = run(rest, |c| c.is_ascii_digit() || c == '.');
    if rest[length..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[length + 1..].starts_with(['+', '-']));
        let digits = run(&rest[length + 1 + sign..], |c| c.is_ascii_digit());
        if digits > 0 {
            length += 1 + sign + digits;
        }
    }
    match rest[..length].parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((Token::Number(value), length)),
        _ => Err(Fault::new(
            at,
            format!("{:?} is not a number", &rest[..length]),
        )),
    }
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}
