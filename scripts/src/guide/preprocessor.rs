//! The step of mdBook's build that carries out our directives, and remembers what went wrong.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use mdbook_preprocessor::book::{Book, BookItem};
use mdbook_preprocessor::errors::{Error, Result};
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};

use super::directive::{self, Directive};
use super::plot::Plot;
use super::sources::Sources;
use super::{graph, listing, metric, plot, prose, recorded, recording, score};

/// Carries out directives.
pub struct Guide {
    sources: Sources,
    pages: PathBuf,
    found: Rc<RefCell<Found>>,
}

/// What a build's pages asked for.
#[derive(Debug, Default)]
pub struct Found {
    /// Drawings to be put in after the build.
    pub plots: Vec<Plot>,
    /// Recordings that are shown, as `session/name`.
    pub recordings: Vec<String>,
    /// Whether a page has a diagram.
    pub has_diagram: bool,
}

impl Guide {
    /// The preprocessor for pages that stand in `pages`, and what it will have found once it ran.
    pub fn new(sources: Sources, pages: PathBuf) -> (Guide, Rc<RefCell<Found>>) {
        let found = Rc::new(RefCell::new(Found::default()));
        let guide = Guide {
            sources,
            pages,
            found: Rc::clone(&found),
        };
        (guide, found)
    }

    fn expand(&self, directive: &Directive) -> std::result::Result<String, String> {
        let is_block = matches!(
            directive.name.as_str(),
            "listing" | "command" | "plot" | "score" | "graph"
        );
        if is_block && !directive.is_alone {
            return Err(
                "has to stand alone on its line, from the first column, with empty lines around"
                    .to_owned(),
            );
        }
        let mut found = self.found.borrow_mut();
        match directive.name.as_str() {
            "listing" => listing::expand(directive, &self.sources),
            "score" => score::expand(directive, &self.sources),
            "metric" => metric::expand(directive, &self.sources),
            "graph" => {
                found.has_diagram = true;
                graph::expand(directive, &self.sources.root)
            }
            "recorded" => recorded::recorded(directive, &self.sources.root),
            "holds" => recorded::holds(directive, &self.sources.root),
            "command" => {
                let shown = recording::expand(directive, &self.sources.root)?;
                found.recordings.extend(directive.arguments.first().cloned());
                Ok(shown)
            }
            "plot" => {
                let number = found.plots.len();
                let (markdown, plot) = plot::expand(directive, &self.sources, number)?;
                found.plots.push(plot);
                Ok(markdown)
            }
            "include" | "rustdoc_include" | "playground" => Err(
                "mdBook's includes say nothing about a missing anchor: use {{#listing path:anchor}}"
                    .to_owned(),
            ),
            other => Err(format!(
                "there is no directive `{other}`: use listing, command, metric, recorded, holds, plot, graph or score"
            )),
        }
    }

    /// Expands one page; its problems go to `problems`.
    fn page(&self, path: &Path, text: &mut String, problems: &mut Vec<String>) {
        if text.lines().any(|line| line.trim() == "```mermaid") {
            self.found.borrow_mut().has_diagram = true;
        }
        match directive::replace(text, |directive| self.expand(directive)) {
            Ok(expanded) => *text = prose::without_notes(&expanded),
            Err(found) => problems.extend(
                found
                    .into_iter()
                    .map(|(line, message)| format!("{}:{line}: {message}", path.display())),
            ),
        }
    }
}

impl Preprocessor for Guide {
    fn name(&self) -> &str {
        "guide"
    }

    fn run(&self, _context: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let mut problems = Vec::new();
        book.for_each_mut(|item| {
            if let BookItem::Chapter(chapter) = item
                && let Some(path) = &chapter.source_path
            {
                self.page(&self.pages.join(path), &mut chapter.content, &mut problems);
            }
        });
        if problems.is_empty() {
            return Ok(book);
        }
        Err(Error::msg(format!(
            "{} in the pages:\n{}",
            super::count(problems.len(), "mistake"),
            problems.join("\n")
        )))
    }

    fn supports_renderer(&self, renderer: &str) -> Result<bool> {
        Ok(renderer == "html")
    }
}
