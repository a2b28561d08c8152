//! `{{#listing path}}`, `{{#listing path:anchor}}`, `{{#listing path:10:20}}`: code as it stands in
//! the repository, with a caption that says where.
//!
//! An anchor is the lines between `ANCHOR: name` and `ANCHOR_END: name`, which stand in comments.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::directive::Directive;
use super::html::escape;
use super::sources::{Source, Sources};

/// Lines of a file, as they are to be shown.
#[derive(Debug, PartialEq, Eq)]
struct Excerpt {
    text: String,
    /// First and last line in the file, from 1.
    lines: (usize, usize),
    is_whole: bool,
}

/// The markdown that shows a listing.
///
/// # Errors
/// If the file, the anchor or the lines aren't there, are empty, or an anchor is damaged.
pub fn expand(directive: &Directive, sources: &Sources) -> Result<String, String> {
    let [spec] = directive.arguments.as_slice() else {
        return Err("expected one argument: path, path:anchor or path:first:last".to_owned());
    };
    let (path, part) = split(spec);
    let source = sources.in_repository(path)?;
    let text = std::fs::read_to_string(&source.file)
        .map_err(|error| format!("`{path}` can't be read as text: {error}"))?;
    let excerpt = excerpt(&text, part).map_err(|message| format!("`{path}`: {message}"))?;
    Ok(figure(&source, &excerpt))
}

/// The lines that a spec names, for checks of the text around them.
///
/// # Errors
/// As for `expand`.
pub fn text(root: &Path, spec: &str) -> Result<String, String> {
    let (path, part) = split(spec);
    let text = std::fs::read_to_string(root.join(path)).map_err(|error| error.to_string())?;
    excerpt(&text, part).map(|excerpt| excerpt.text)
}

/// Splits a spec into its path and its part. `run:` belongs to the path.
fn split(spec: &str) -> (&str, &str) {
    let start = if spec.starts_with("run:") { 4 } else { 0 };
    match spec[start..].find(':') {
        Some(colon) => (&spec[..start + colon], &spec[start + colon + 1..]),
        None => (spec, ""),
    }
}

fn excerpt(text: &str, part: &str) -> Result<Excerpt, String> {
    let lines: Vec<&str> = text.lines().collect();
    let (first, last) = if part.is_empty() {
        (1, lines.len())
    } else if part.starts_with(|c: char| c.is_ascii_digit()) {
        numbered(part, lines.len())?
    } else {
        anchored(&lines, part)?
    };
    let mut shown: Vec<(usize, &str)> = Vec::new();
    for (number, line) in lines.iter().enumerate().take(last).skip(first - 1) {
        if mark(line)?.is_none() {
            shown.push((number + 1, line));
        }
    }
    let is_blank = |(_, line): &&(usize, &str)| line.trim().is_empty();
    let leading = shown.iter().take_while(is_blank).count();
    let trailing = shown.iter().rev().take_while(is_blank).count();
    let shown = match shown.len().checked_sub(trailing) {
        Some(end) if leading < end => &shown[leading..end],
        _ => return Err(format!("`{part}` has no lines to show")),
    };
    let text: Vec<&str> = shown.iter().map(|(_, line)| *line).collect();
    Ok(Excerpt {
        text: dedent(&text),
        lines: (shown[0].0, shown[shown.len() - 1].0),
        is_whole: part.is_empty(),
    })
}

fn numbered(part: &str, count: usize) -> Result<(usize, usize), String> {
    let number = |word: &str| {
        word.parse::<usize>()
            .map_err(|_| format!("`{part}` isn't a line or first:last"))
    };
    let (first, last) = match part.split_once(':') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(part)?, number(part)?),
    };
    if first == 0 || first > last || last > count {
        return Err(format!(
            "lines {first} to {last} aren't there: the file has lines 1 to {count}"
        ));
    }
    Ok((first, last))
}

/// First and last line of an anchor's inside.
fn anchored(lines: &[&str], name: &str) -> Result<(usize, usize), String> {
    let mut found = None;
    let mut open = None;
    for (index, line) in lines.iter().enumerate() {
        match mark(line)? {
            Some(Mark::Begin(begun)) if begun == name => {
                if open.is_some() || found.is_some() {
                    return Err(format!(
                        "anchor `{name}` begins a second time in line {}",
                        index + 1
                    ));
                }
                open = Some(index + 2);
            }
            Some(Mark::End(ended)) if ended == name => match open.take() {
                Some(first) => found = Some((first, index)),
                None => {
                    return Err(format!(
                        "anchor `{name}` ends in line {} without a begin",
                        index + 1
                    ));
                }
            },
            _ => {}
        }
    }
    match (found, open) {
        (_, Some(first)) => Err(format!(
            "anchor `{name}` begins in line {} and never ends: add `ANCHOR_END: {name}`",
            first - 1
        )),
        (None, None) => Err(format!(
            "there is no anchor `{name}`: write `ANCHOR: {name}` and `ANCHOR_END: {name}` around it"
        )),
        (Some((first, last)), None) if first > last => Err(format!("anchor `{name}` is empty")),
        (Some(found), None) => Ok(found),
    }
}

enum Mark<'a> {
    Begin(&'a str),
    End(&'a str),
}

/// What a line says about anchors; a line that tries to and fails would be shown, so it is an error.
fn mark(line: &str) -> Result<Option<Mark<'_>>, String> {
    #[expect(
        clippy::expect_used,
        reason = "the pattern is constant and every test compiles it"
    )]
    static MARK: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\bANCHOR(?<end>_END)?:[ \t]*(?<name>[A-Za-z][\w-]*)?").expect("a pattern")
    });
    let Some(found) = MARK.captures(line) else {
        return Ok(None);
    };
    match (found.name("end"), found.name("name")) {
        (None, Some(name)) => Ok(Some(Mark::Begin(name.as_str()))),
        (Some(_), Some(name)) => Ok(Some(Mark::End(name.as_str()))),
        (_, None) => Err(format!(
            "`{}` would show: an anchor's name begins with a letter",
            line.trim()
        )),
    }
}

/// Takes away the indentation that all lines share.
fn dedent(lines: &[&str]) -> String {
    let indent = |line: &&&str| line.len() - line.trim_start_matches(' ').len();
    let shared = lines
        .iter()
        .filter(|line| !line.trim().is_empty())
        .map(|line| indent(&line))
        .min()
        .unwrap_or(0);
    let mut text = String::new();
    for line in lines {
        text.push_str(line.get(shared..).unwrap_or_default());
        text.push('\n');
    }
    text
}

fn figure(source: &Source, excerpt: &Excerpt) -> String {
    let (first, last) = excerpt.lines;
    let name = format!("<code>{}</code>", escape(&source.name));
    let name = match &source.link {
        Some(link) if excerpt.is_whole => format!("<a href=\"{}\">{name}</a>", escape(link)),
        Some(link) => {
            format!("<a href=\"{}#L{first}-L{last}\">{name}</a>", escape(link))
        }
        None => name,
    };
    let lines = match (excerpt.is_whole, first == last) {
        (true, _) => String::new(),
        (false, true) => format!(", line {first}"),
        (false, false) => format!(", lines {first}–{last}"),
    };
    format!(
        "<figure class=\"listing\">\n<figcaption>{name}{lines}</figcaption>\n\n{}\n</figure>\n",
        fenced(language(&source.file), &excerpt.text)
    )
}

/// A fenced block whose fence is longer than any in the text.
pub fn fenced(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let end = if text.ends_with('\n') || text.is_empty() {
        ""
    } else {
        "\n"
    };
    format!("{fence}{language}\n{text}{end}{fence}\n")
}

/// The name by which the highlighter knows a file's language. Rust is marked `ignore`, or mdBook
/// would hide lines that begin with `# `.
fn language(file: &Path) -> &'static str {
    if file.file_name().is_some_and(|name| name == "Dockerfile") {
        return "dockerfile";
    }
    match file
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default()
    {
        "rs" => "rust,ignore",
        "yaml" | "yml" | "dvc" | "lock" => "yaml",
        "toml" => "toml",
        "json" => "json",
        "sh" => "bash",
        "py" => "python",
        "sql" => "sql",
        "js" => "javascript",
        "css" => "css",
        "html" => "html",
        "svg" => "xml",
        "md" => "markdown",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide::testing::{directive, sources, write};

    const CODE: &str = "\
use std::fmt;
// ANCHOR: outer
mod inner {
    // ANCHOR: sum
    fn sum() {

        one();
    }
    // ANCHOR_END: sum
}
// ANCHOR_END: outer
";

    fn show(file: &str, text: &str, spec: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), file, text);
        expand(&directive("listing", &[spec]), &sources(folder.path()))
    }

    #[test]
    fn an_anchor_is_shown_without_marks_and_with_its_place() {
        insta::assert_snapshot!(show("a/code.rs", CODE, "a/code.rs:sum").unwrap(), @r#"
        <figure class="listing">
        <figcaption><a href="https://example.org/guide/blob/main/a/code.rs#L5-L8"><code>a/code.rs</code></a>, lines 5–8</figcaption>

        ```rust,ignore
        fn sum() {

            one();
        }
        ```

        </figure>
        "#);
    }

    #[test]
    fn marks_of_anchors_inside_are_taken_away_too() {
        let shown = show("code.rs", CODE, "code.rs:outer").unwrap();
        assert!(!shown.contains("ANCHOR"), "{shown}");
        assert!(shown.contains("lines 3–10"), "{shown}");
        let whole = show("code.rs", CODE, "code.rs").unwrap();
        assert!(!whole.contains("ANCHOR"), "{whole}");
        assert!(
            whole.contains("<code>code.rs</code></a></figcaption>"),
            "{whole}"
        );
    }

    #[test]
    fn lines_are_shown_by_number() {
        let shown = show("p.yaml", "a: 1\nb: 2\nc: 3\n", "p.yaml:2:3").unwrap();
        assert!(shown.contains("```yaml\nb: 2\nc: 3\n```"), "{shown}");
        let shown = show("p.yaml", "a: 1\nb: 2\n", "p.yaml:2").unwrap();
        assert!(shown.contains("line 2</figcaption>"), "{shown}");
    }

    #[test]
    fn a_fence_inside_doesnt_end_the_listing() {
        let shown = show("a.md", "```sh\nls\n```\n", "a.md").unwrap();
        assert!(
            shown.contains("````markdown\n```sh\nls\n```\n````"),
            "{shown}"
        );
    }

    #[test]
    fn what_isnt_there_is_named() {
        let message = |text: &str, spec: &str| show("f.rs", text, spec).unwrap_err();
        assert_eq!(message(CODE, "g.rs"), "there is no file `g.rs`");
        assert_eq!(
            message(CODE, "f.rs:gone"),
            "`f.rs`: there is no anchor `gone`: write `ANCHOR: gone` and `ANCHOR_END: gone` around it"
        );
        assert_eq!(
            message("// ANCHOR: a\n// ANCHOR_END: a\n", "f.rs:a"),
            "`f.rs`: anchor `a` is empty"
        );
        assert_eq!(
            message(
                "// ANCHOR: a\n\n// ANCHOR: b\n// ANCHOR_END: b\n// ANCHOR_END: a\n",
                "f.rs:a"
            ),
            "`f.rs`: `a` has no lines to show"
        );
        assert_eq!(
            message("x\n// ANCHOR: a\ny\n", "f.rs:a"),
            "`f.rs`: anchor `a` begins in line 2 and never ends: add `ANCHOR_END: a`"
        );
        assert_eq!(
            message("// ANCHOR_END: a\n", "f.rs:a"),
            "`f.rs`: anchor `a` ends in line 1 without a begin"
        );
        assert_eq!(
            message(
                "// ANCHOR: a\nx\n// ANCHOR_END: a\n// ANCHOR: a\n",
                "f.rs:a"
            ),
            "`f.rs`: anchor `a` begins a second time in line 4"
        );
        assert_eq!(
            message("one\ntwo\n", "f.rs:2:3"),
            "`f.rs`: lines 2 to 3 aren't there: the file has lines 1 to 2"
        );
        assert_eq!(
            message("one\n", "f.rs:1:x"),
            "`f.rs`: `1:x` isn't a line or first:last"
        );
    }

    #[test]
    fn a_damaged_mark_would_show_and_is_refused() {
        let message = show("f.rs", "// ANCHOR: \nx\n", "f.rs").unwrap_err();
        assert_eq!(
            message,
            "`f.rs`: `// ANCHOR:` would show: an anchor's name begins with a letter"
        );
    }
}
