//! `{{#score file.yaml}}`: a score sheet, each line with what proves it. A proof is a file of the
//! repository and, if named, a test or a text in it; the build fails when one of them is gone.

use std::fmt::Write as _;

use serde::Deserialize;

use super::directive::Directive;
use super::html::escape;
use super::sources::Sources;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sheet {
    groups: Vec<Group>,
    /// From which score on the whole is called what, by rising score.
    readings: Vec<Reading>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
    tests: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    test: String,
    /// 0, 0.5 (by hand, documented) or 1 (automated, repeated).
    score: f64,
    /// How it is done here, or what is lacking.
    how: String,
    #[serde(default)]
    proofs: Vec<Proof>,
}

/// Where something is proved.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Proof {
    file: String,
    /// The name of a test function in it.
    #[serde(default)]
    test: Option<String>,
    /// A text in it.
    #[serde(default)]
    text: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading {
    above: f64,
    means: String,
}

/// The sheet as tables, a group each, and the final score.
///
/// # Errors
/// If the file isn't a sheet, a score isn't one, a line above 0 has no proof, or a proof is gone.
pub fn expand(directive: &Directive, sources: &Sources) -> Result<String, String> {
    let [path] = directive.arguments.as_slice() else {
        return Err("expected: file.yaml, from the repository's root".to_owned());
    };
    let source = sources.in_repository(path)?;
    let text = std::fs::read_to_string(&source.file)
        .map_err(|error| format!("`{path}` can't be read: {error}"))?;
    let sheet: Sheet = serde_saphyr::from_str(&text).map_err(|error| {
        let message = error.to_string();
        let line = message.lines().next().unwrap_or_default();
        format!("`{path}`: {}", line.trim_start_matches("error: "))
    })?;
    let mut shown = String::new();
    let mut sums = Vec::new();
    for group in &sheet.groups {
        let sum: f64 = group.tests.iter().map(|row| row.score).sum();
        // Writing to a string can't fail.
        let _ = writeln!(
            shown,
            "### {}: {sum} of {}\n\n| Id | Test | Score | How it is done here, and its proof |\n|---|---|:-:|---|",
            group.name,
            group.tests.len()
        );
        for row in &group.tests {
            let line =
                line(row, sources).map_err(|error| format!("`{path}`, {}: {error}", row.id))?;
            shown.push_str(&line);
        }
        shown.push('\n');
        sums.push((sum, group.name.as_str()));
    }
    let least = sums.iter().min_by(|a, b| a.0.total_cmp(&b.0));
    let (score, group) = least.ok_or_else(|| format!("`{path}` has no group"))?;
    let means = sheet
        .readings
        .iter()
        .rfind(|reading| *score > reading.above);
    let means = means.map_or("nothing", |reading| reading.means.as_str());
    let _ = writeln!(
        shown,
        "**The final score is the least of the {}: {score}**, for {group}. Its authors read that as *{means}*.",
        sums.len()
    );
    Ok(shown)
}

fn line(row: &Row, sources: &Sources) -> Result<String, String> {
    if ![0.0, 0.5, 1.0].contains(&row.score) {
        return Err(format!("its score is {}: give 0, 0.5 or 1", row.score));
    }
    if row.score > 0.0 && row.proofs.is_empty() {
        return Err(format!("a score of {} needs a proof", row.score));
    }
    let proofs: Vec<String> = row
        .proofs
        .iter()
        .map(|proof| link(proof, sources))
        .collect::<Result<_, _>>()?;
    let proofs = if proofs.is_empty() {
        String::new()
    } else {
        format!("<br>{}", proofs.join(", "))
    };
    Ok(format!(
        "| {} | {} | {} | {}{proofs} |\n",
        row.id, row.test, row.score, row.how
    ))
}

/// A link to the proof, which has to be there.
fn link(proof: &Proof, sources: &Sources) -> Result<String, String> {
    let source = sources.in_repository(&proof.file)?;
    let text = std::fs::read_to_string(&source.file)
        .map_err(|error| format!("`{}` can't be read: {error}", proof.file))?;
    let found = |needle: &str| text.lines().position(|line| line.contains(needle));
    let at = match (&proof.test, &proof.text) {
        (None, None) => None,
        (Some(test), None) => Some(
            found(&format!("fn {test}("))
                .ok_or_else(|| format!("`{}` has no test `{test}` any more", proof.file))?,
        ),
        (None, Some(wanted)) => Some(
            found(wanted)
                .ok_or_else(|| format!("`{}` has nothing like `{wanted}` any more", proof.file))?,
        ),
        (Some(_), Some(_)) => return Err("a proof is a test or a text, not both".to_owned()),
    };
    let name = match (&proof.test, proof.file.rsplit('/').next()) {
        (Some(test), _) => test.as_str(),
        (None, last) => last.unwrap_or(&proof.file),
    };
    let name = format!("<code>{}</code>", escape(name));
    Ok(match (source.link, at) {
        (Some(link), Some(at)) => format!("<a href=\"{}#L{}\">{name}</a>", escape(&link), at + 1),
        (Some(link), None) => format!("<a href=\"{}\">{name}</a>", escape(&link)),
        (None, _) => name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide::testing::{directive, sources, write};

    const SHEET: &str = "
groups:
- name: Data
  tests:
  - {id: D1, test: There is a schema, score: 1, how: A contract, proofs: [{file: a.rs, test: it_holds}]}
  - {id: D2, test: Features help, score: 0, how: Not measured}
- name: Model
  tests:
  - {id: M1, test: It is checked in, score: 0.5, how: By hand, proofs: [{file: a.rs}, {file: a.rs, text: 'two()'}]}
readings:
- {above: 0, means: first steps}
- {above: 0.75, means: a start}
";

    fn shown(sheet: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "sheet.yaml", sheet);
        write(
            folder.path(),
            "a.rs",
            "// tests\nfn it_holds() {\n    two();\n}\n",
        );
        expand(
            &directive("score", &["sheet.yaml"]),
            &sources(folder.path()),
        )
    }

    #[test]
    fn a_sheet_is_shown_with_links_sums_and_the_least_of_them() {
        insta::assert_snapshot!(shown(SHEET).unwrap(), @r#"
        ### Data: 1 of 2

        | Id | Test | Score | How it is done here, and its proof |
        |---|---|:-:|---|
        | D1 | There is a schema | 1 | A contract<br><a href="https://example.org/guide/blob/main/a.rs#L2"><code>it_holds</code></a> |
        | D2 | Features help | 0 | Not measured |

        ### Model: 0.5 of 1

        | Id | Test | Score | How it is done here, and its proof |
        |---|---|:-:|---|
        | M1 | It is checked in | 0.5 | By hand<br><a href="https://example.org/guide/blob/main/a.rs"><code>a.rs</code></a>, <a href="https://example.org/guide/blob/main/a.rs#L3"><code>a.rs</code></a> |

        **The final score is the least of the 2: 0.5**, for Model. Its authors read that as *first steps*.
        "#);
    }

    #[test]
    fn a_proof_that_is_gone_fails_the_build() {
        let error = |from: &str, to: &str| {
            assert!(SHEET.contains(from), "{from}");
            shown(&SHEET.replace(from, to)).unwrap_err()
        };
        insta::assert_snapshot!(
            [
                error("test: it_holds", "test: it_held"),
                error("file: a.rs, test", "file: b.rs, test"),
                error("two()", "three()"),
                error("score: 1,", "score: 0.7,"),
                error(", proofs: [{file: a.rs, test: it_holds}]", ""),
                error("how: A contract", "why: A contract"),
            ]
            .join("\n"),
            @"
        `sheet.yaml`, D1: `a.rs` has no test `it_held` any more
        `sheet.yaml`, D1: there is no file `b.rs`
        `sheet.yaml`, M1: `a.rs` has nothing like `three()` any more
        `sheet.yaml`, D1: its score is 0.7: give 0, 0.5 or 1
        `sheet.yaml`, D1: a score of 1 needs a proof
        `sheet.yaml`: line 5 column 49: unknown field `why`, expected one of id, test, score, how, proofs
        "
        );
    }
}
