//! `guide walk`: a reader without the real file, who clones the repository and types every command
//! that the README shows; then another one, for those that the pages under "Building it" show, in
//! their order. Each types in one shell. A command that fails though the page doesn't say so is a
//! fault, and so is a page that leaves changed declarations behind.

mod shell;
mod steps;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::count;
use super::page_check::PAGES;
use super::replay::Services;
use shell::Reader;
use steps::{Step, steps};

/// Types the commands of all pages under "Building it", or of those whose path contains `only`.
///
/// # Errors
/// Everything that didn't go as the pages say, in one message.
pub fn walk(root: &Path, only: &str) -> Result<()> {
    let pages = building(root)?;
    let last = pages.iter().rposition(|page| page.contains(only));
    let Some(last) = last else {
        bail!("no page under \"Building it\" is called {only}");
    };
    let mut total = Total::default();
    if only.is_empty() {
        // Whoever reads it hasn't read the pages.
        let scratch = tempfile::tempdir()?;
        let text = std::fs::read_to_string(root.join("README.md")).context("README.md")?;
        let steps = steps(root, "README.md", &text)?;
        total.page(&Reader::new(root, scratch.path())?, "README.md", &steps)?;
    }
    let scratch = tempfile::tempdir()?;
    let reader = Reader::new(root, scratch.path())?;
    for page in &pages[..=last] {
        let text =
            std::fs::read_to_string(root.join(PAGES).join(page)).with_context(|| page.clone())?;
        let steps = steps(root, page, &text)?;
        total.page(&reader, page, &steps)?;
    }
    total.end()
}

/// The pages under "Building it", in the order of the list of contents.
fn building(root: &Path) -> Result<Vec<String>> {
    let summary = std::fs::read_to_string(root.join(PAGES).join("SUMMARY.md"))?;
    let pages: Vec<String> = summary
        .lines()
        .skip_while(|line| *line != "# Building it")
        .skip(1)
        .take_while(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once("](")?.1.trim_end_matches(')').to_owned()))
        .collect();
    ensure!(
        !pages.is_empty(),
        "SUMMARY.md has no page under \"# Building it\""
    );
    Ok(pages)
}

/// What happened on all pages.
#[derive(Default)]
struct Total {
    typed: Vec<String>,
    not_typed: Vec<String>,
    faults: Vec<String>,
}

impl Total {
    fn page(&mut self, reader: &Reader, page: &str, steps: &[Step]) -> Result<()> {
        let started = Instant::now();
        let (typed, skipped) = (self.typed.len(), self.not_typed.len());
        let mut services = Services::default();
        let begun = reader.begin()?;
        for step in steps {
            let no_table = (step.needs_table && !reader.has_table())
                .then(|| "it needs the real file, and there is no other table yet".to_owned());
            if let Some(why) = step.not_typed.as_ref().or(no_table.as_ref()) {
                let first = step.script.lines().next().unwrap_or_default();
                self.not_typed
                    .push(format!("{page}:{}: `{first}`: {why}", step.line));
                continue;
            }
            if step.once && self.typed.contains(&step.script) {
                continue;
            }
            self.typed.push(step.script.clone());
            if let Err(message) = reader.types(step, &mut services)? {
                self.faults
                    .push(format!("{page}:{}: `{}` {message}", step.line, step.script));
            }
        }
        drop(services);
        self.faults.extend(
            reader
                .left_behind(&begun)?
                .into_iter()
                .map(|fault| format!("{page}: {fault}")),
        );
        println!(
            "{page}: {} typed, {} not, in {:.0} s",
            count(self.typed.len() - typed, "command"),
            self.not_typed.len() - skipped,
            started.elapsed().as_secs_f64()
        );
        Ok(())
    }

    fn end(self) -> Result<()> {
        println!(
            "{} typed in a fresh clone on generated weather; {} NOT typed{}",
            count(self.typed.len(), "command"),
            self.not_typed.len(),
            if self.not_typed.is_empty() { "" } else { ":" }
        );
        for line in &self.not_typed {
            println!("  {line}");
        }
        ensure!(
            self.faults.is_empty(),
            "{} on the way through the pages:\n{}",
            count(self.faults.len(), "fault"),
            self.faults.join("\n")
        );
        Ok(())
    }
}
