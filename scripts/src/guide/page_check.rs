//! What the text of a page owes its reader: typed numbers have a reason, errors are announced, and
//! an exercise's solution was run.

use std::path::Path;

use anyhow::{Context, Result};

use super::directive::{self, Directive};
use super::finish::files_below;
use super::recording::FOLDER;
use super::{graph, listing, numbers, prose, recording};

/// Where pages stand in the repository.
pub const PAGES: &str = "book/src";

/// The faults of all pages.
///
/// # Errors
/// If a page can't be read. (What a page names and isn't there has failed the build before.)
pub fn check(root: &Path) -> Result<Vec<String>> {
    let folder = root.join(PAGES);
    let mut faults = Vec::new();
    for file in files_below(&folder)? {
        let path = file
            .strip_prefix(root)?
            .to_string_lossy()
            .replace('\\', "/");
        if !path.ends_with(".md") || path.ends_with("SUMMARY.md") {
            continue;
        }
        let page = std::fs::read_to_string(&file).with_context(|| path.clone())?;
        let directives = directives(&page);
        faults.extend(numbers::check(&path, &page, &shown(root, &directives)));
        faults.extend(unannounced(root, &path, &page, &directives));
        if path.contains("/building/") {
            faults.extend(unsolved(&path, &page, &directives));
        }
    }
    faults.extend(unnamed_crates(root)?);
    Ok(faults)
}

/// Crates that the page about the structure doesn't name.
fn unnamed_crates(root: &Path) -> Result<Vec<String>> {
    let page = format!("{PAGES}/building/structure.md");
    let Ok(text) = std::fs::read_to_string(root.join(&page)) else {
        return Ok(Vec::new());
    };
    let names = graph::crate_names(root).map_err(anyhow::Error::msg)?;
    Ok(names
        .into_iter()
        .filter(|name| !text.contains(&format!("| `{name}` |")))
        .map(|name| format!("{page}: its table of crates doesn't name `{name}`"))
        .collect())
}

fn directives(page: &str) -> Vec<Directive> {
    let mut found = Vec::new();
    // What can't be read has failed the build.
    let _ = directive::replace(page, |directive| {
        found.push(directive.clone());
        Ok(String::new())
    });
    found
}

/// The text of a page's recordings and listings.
fn shown(root: &Path, directives: &[Directive]) -> String {
    let mut text = String::new();
    for directive in directives {
        let Some(argument) = directive.arguments.first() else {
            continue;
        };
        match directive.name.as_str() {
            "command" => {
                if let Ok(recording) = recording::read(root, argument) {
                    text.push_str(&recording.header.command);
                    text.push('\n');
                    text.push_str(&recording.output);
                }
            }
            "listing" => text.push_str(&listing::text(root, argument).unwrap_or_default()),
            _ => {}
        }
        text.push('\n');
    }
    text
}

/// Recordings that show an error of which the text before them says nothing.
fn unannounced(root: &Path, path: &str, page: &str, directives: &[Directive]) -> Vec<String> {
    let mut faults = Vec::new();
    for directive in directives
        .iter()
        .filter(|directive| directive.name == "command")
    {
        let Some(name) = directive.arguments.first() else {
            continue;
        };
        let Ok(recording) = recording::read(root, name) else {
            continue;
        };
        let before = prose::before(page, directive.line).to_lowercase();
        match &recording.header.announces {
            None if recording.shows_an_error() => faults.push(format!(
                "{FOLDER}/{name}.txt: shows an error or ends with an exit code other than 0: give \
                 `announces = \"…\"`, the words by which {path} says so before line {}",
                directive.line
            )),
            Some(_) if !recording.shows_an_error() => faults.push(format!(
                "{FOLDER}/{name}.txt: announces an error that it doesn't show"
            )),
            Some(words) if !before.contains(&words.to_lowercase()) => faults.push(format!(
                "{path}:{}: {name} shows an error; the text before it should say `{words}`",
                directive.line
            )),
            _ => {}
        }
    }
    faults
}

/// A page under "Building it" whose exercise has no solution that was run.
fn unsolved(path: &str, page: &str, directives: &[Directive]) -> Option<String> {
    let heading = |title: &str| page.lines().position(|line| line == title);
    let Some(exercise) = heading("## Exercise") else {
        return Some(format!("{path}: has no `## Exercise`"));
    };
    let end = page
        .lines()
        .skip(exercise + 1)
        .position(|line| line.starts_with("## "))
        .map_or(usize::MAX, |length| exercise + 1 + length);
    let is_solution = |directive: &Directive| {
        let is_inside = (exercise + 1..end).contains(&(directive.line - 1));
        is_inside && matches!(directive.name.as_str(), "command" | "listing" | "score")
    };
    if directives.iter().any(is_solution) {
        return None;
    }
    Some(format!(
        "{path}:{}: the exercise's solution shows nothing that was run: show a recording, or a \
         listing of tested code",
        exercise + 1
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide::testing::write;

    fn faults(page: &str, recording: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "book/src/building/p.md", page);
        write(folder.path(), "book/src/SUMMARY.md", "# Summary 1\n");
        write(folder.path(), "book/recordings/a/b.txt", recording);
        check(folder.path()).unwrap()
    }

    const SOLVED: &str = "## Exercise\n\nTry.\n\n{{#command a/b}}\n\n## Check\n";

    #[test]
    fn a_page_in_order_has_no_fault() {
        let page = format!("# P\n\n{SOLVED}");
        assert_eq!(faults(&page, "command = 'x'\n---\nfine\n"), [""; 0]);
    }

    #[test]
    fn an_error_is_announced_by_the_text_just_before_it() {
        let error =
            "command = 'x'\nexit = 2\nexpect = ['no']\nannounces = 'refuses'\n---\nerror: no\n";
        let page = format!("# P\n\nIt Refuses this:\n\n{{{{#command a/b}}}}\n\n{SOLVED}");
        let found = faults(&page, error);
        assert_eq!(found.len(), 1, "the one in the solution: {found:?}");
        assert!(
            found[0].starts_with("book/src/building/p.md:11: a/b shows an error"),
            "{found:?}"
        );
        let silent = "command = 'x'\n---\nerror: no\n";
        let found = faults(SOLVED, silent);
        assert!(
            found[0].starts_with("book/recordings/a/b.txt: shows an error"),
            "{found:?}"
        );
        let calm = "command = 'x'\nannounces = 'try'\n---\nfine\n";
        let found = faults(SOLVED, calm);
        assert!(
            found[0].ends_with("announces an error that it doesn't show"),
            "{found:?}"
        );
    }

    #[test]
    fn a_solution_in_prose_alone_is_a_fault() {
        let calm = "command = 'x'\n---\nfine\n";
        let found = faults(
            "## Exercise\n\nTry.\n\n## Check\n\n{{#command a/b}}\n",
            calm,
        );
        assert!(
            found[0].starts_with("book/src/building/p.md:1: the exercise's solution"),
            "{found:?}"
        );
        let found = faults("# P\n\n{{#command a/b}}\n", calm);
        assert_eq!(found, ["book/src/building/p.md: has no `## Exercise`"]);
    }

    #[test]
    fn a_number_that_the_recording_shows_may_be_typed() {
        let page = format!("Of 145,460 rows.\n\n{SOLVED}");
        assert_eq!(faults(&page, "command = 'x'\n---\n145460 rows\n"), [""; 0]);
        assert_eq!(faults(&page, "command = 'x'\n---\n145461 rows\n").len(), 1);
    }
}
