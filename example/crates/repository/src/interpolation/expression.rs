//! Finds `${…}` in a text and takes it apart.

use std::ops::Range;

/// A `${…}` in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    /// Its bytes, braces included.
    pub range: Range<usize>,
    /// What stands between the braces.
    pub inner: &'a str,
}

/// Every `${…}` of a text that no backslash precedes and that ends on its line.
pub(super) fn references(text: &str) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    // The first brace or line's end from there on; it is looked for once, however many begin before it.
    let mut stop = 0;
    while let Some(start) = text[from..].find("${").map(|at| from + at) {
        let inside = start + 2;
        if stop < inside {
            let next = text[inside..].find(['}', '\n']);
            stop = next.map_or(text.len(), |at| inside + at);
        }
        let end = (text.as_bytes().get(stop) == Some(&b'}')).then_some(stop);
        let escaped = text[..start].ends_with('\\');
        match end {
            Some(end) if !escaped => {
                found.push(Reference {
                    range: start..end + 1,
                    inner: &text[inside..end],
                });
                from = end + 1;
            }
            _ => from = inside,
        }
    }
    found
}

/// The steps of a path: `a.b[0]` is `a`, `b`, `0`.
pub(super) fn steps(inner: &str) -> Result<Vec<&str>, String> {
    let wrong = |what: &str| {
        Err(format!(
            "${{{inner}}} {what}; write a path such as ${{train.layers[0]}}"
        ))
    };
    let is_word = |char: char| !matches!(char, '.' | '[' | ']');
    let mut rest = inner.trim();
    if rest.is_empty() {
        return wrong("names nothing");
    }
    let mut steps = Vec::new();
    let mut bracket = false;
    loop {
        let end = rest.find(|char| !is_word(char)).unwrap_or(rest.len());
        let word = rest[..end].trim();
        if word.is_empty() {
            return wrong("has an empty step");
        }
        steps.push(word);
        rest = &rest[end..];
        if bracket {
            match rest.strip_prefix(']') {
                Some(after) => rest = after,
                None => return wrong("has a [ that isn't closed"),
            }
        }
        (bracket, rest) = match rest.chars().next() {
            None => return Ok(steps),
            Some('.') => (false, &rest[1..]),
            Some('[') => (true, &rest[1..]),
            Some(_) => return wrong("can't be taken apart"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_end_at_the_first_brace_of_their_line_and_may_be_escaped() {
        let inner =
            |text| -> Vec<&str> { references(text).iter().map(|found| found.inner).collect() };
        assert_eq!(inner("a ${b.c} ${d[0]}"), ["b.c", "d[0]"]);
        assert_eq!(inner("\\${a} ${b} $c ${"), ["b"]);
        assert_eq!(inner("${a\n} ${b}"), ["b"]);
        assert_eq!(inner("${a${b}"), ["a${b"]);
    }

    #[test]
    fn paths_are_taken_apart_or_refused() {
        assert_eq!(steps("a.b[0].c").unwrap(), ["a", "b", "0", "c"]);
        assert_eq!(steps(" a b ").unwrap(), ["a b"]);
        for wrong in ["", "a.", ".a", "a[", "a[]", "a[0", "a]", "a..b", "a[0]b"] {
            assert!(steps(wrong).is_err(), "{wrong}");
        }
    }
}
