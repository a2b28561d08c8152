//! What a page asks for: `{{#name arguments}}`, found in its text with the line it stands on.

use std::sync::LazyLock;

use regex::Regex;

/// A request in a page's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// The word after `#`.
    pub name: String,
    /// What follows the name, split as a shell would, so that an argument may be quoted.
    pub arguments: Vec<String>,
    /// Whether nothing else stands on its line: then it may become a block.
    pub is_alone: bool,
    /// Line in the page, from 1.
    pub line: usize,
}

/// Replaces every directive of a page by what `expand` makes of it. A directive after a backslash
/// is text; the backslash is taken away.
///
/// Problems don't stop it: all of a page's are given, each with its line.
///
/// # Errors
/// The line and the message of each directive that couldn't be expanded.
pub fn replace(
    text: &str,
    mut expand: impl FnMut(&Directive) -> Result<String, String>,
) -> Result<String, Vec<(usize, String)>> {
    let mut out = String::with_capacity(text.len());
    let mut problems = Vec::new();
    let mut done = 0;
    for found in pattern().captures_iter(text) {
        let (Some(whole), Some(body)) = (found.get(0), found.name("body")) else {
            continue;
        };
        out.push_str(&text[done..whole.start()]);
        done = whole.end();
        if found.name("escape").is_some() {
            out.push_str(&whole.as_str()[1..]);
            continue;
        }
        let line = 1 + text[..whole.start()].matches('\n').count();
        let is_alone = stands_alone(text, whole.start(), whole.end());
        match parse(body.as_str(), is_alone, line).and_then(|directive| expand(&directive)) {
            Ok(replacement) => out.push_str(&replacement),
            Err(message) => problems.push((line, format!("{}: {message}", whole.as_str()))),
        }
    }
    out.push_str(&text[done..]);
    if problems.is_empty() {
        Ok(out)
    } else {
        Err(problems)
    }
}

#[expect(
    clippy::expect_used,
    reason = "the pattern is constant and every test compiles it"
)]
fn pattern() -> &'static Regex {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?<escape>\\)?\{\{#(?<body>[^{}\n]*)\}\}").expect("a valid pattern")
    });
    &PATTERN
}

fn parse(body: &str, is_alone: bool, line: usize) -> Result<Directive, String> {
    let mut words = shlex::split(body)
        .ok_or("a quotation mark isn't closed")?
        .into_iter();
    let name = words.next().ok_or("a directive needs a name")?;
    Ok(Directive {
        name,
        arguments: words.collect(),
        is_alone,
        line,
    })
}

/// From the line's first column to its last: an indented block would be part of a list or code.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].rsplit('\n').next().unwrap_or_default();
    let after = text[end..].split('\n').next().unwrap_or_default();
    before.is_empty() && after.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directive_is_replaced_where_it_stands() {
        let text = "one\n{{#listing a/b.rs:part}}\nthree {{#metric m.json k .3}} four\n";
        let mut seen = Vec::new();
        let out = replace(text, |directive| {
            seen.push((
                directive.name.clone(),
                directive.arguments.clone(),
                directive.is_alone,
                directive.line,
            ));
            Ok(format!("<{}>", directive.name))
        });
        assert_eq!(
            out.unwrap(),
            "one\n<listing>\nthree <metric> four\n",
            "text around it is kept"
        );
        assert_eq!(
            seen,
            [
                (
                    "listing".to_owned(),
                    vec!["a/b.rs:part".to_owned()],
                    true,
                    2
                ),
                (
                    "metric".to_owned(),
                    vec!["m.json".to_owned(), "k".to_owned(), ".3".to_owned()],
                    false,
                    3
                ),
            ]
        );
    }

    #[test]
    fn a_quoted_argument_may_hold_spaces() {
        let out = replace("{{#plot roc.svg \"two words\"}}", |directive| {
            Ok(directive.arguments[1].clone())
        });
        assert_eq!(out.unwrap(), "two words");
    }

    #[test]
    fn a_backslash_shows_the_directive_itself() {
        let out = replace("`\\{{#metric a b}}`", |_| Err("never called".to_owned()));
        assert_eq!(out.unwrap(), "`{{#metric a b}}`");
    }

    #[test]
    fn an_indented_directive_is_not_alone() {
        let out = replace("- item\n  {{#x}}\n", |d| Ok(d.is_alone.to_string()));
        assert_eq!(out.unwrap(), "- item\n  false\n");
    }

    #[test]
    fn every_problem_of_a_page_is_told_with_its_line() {
        let out = replace("{{#a}}\n\n{{#b \"open}}\n{{#}}", |_| Err("no".to_owned()));
        assert_eq!(
            out.unwrap_err(),
            [
                (1, "{{#a}}: no".to_owned()),
                (3, "{{#b \"open}}: a quotation mark isn't closed".to_owned()),
                (4, "{{#}}: a directive needs a name".to_owned()),
            ]
        );
    }
}
