//! Plots of both states.

use mlops_versioning::Repository;

use super::State;
use crate::compare::{self, Faults, Picture, Plot, Shape};
use crate::error::Result;

/// Plots that changed, and how many didn't.
#[derive(Debug, Clone, Default)]
pub struct Pictures {
    /// Those that changed.
    pub changed: Vec<Drawing>,
    /// Number of the others.
    pub same: u64,
}

/// A plot in both states.
#[derive(Debug, Clone)]
pub struct Drawing {
    /// Its name in the pipeline.
    pub name: String,
    /// The drawing of the old state, if it has one.
    pub old: Option<String>,
    /// The drawing of the new state, if it has one.
    pub new: Option<String>,
    /// Lines or points of both in one drawing.
    pub both: Option<String>,
}

impl Pictures {
    pub(super) fn new(
        repository: &Repository,
        base: &State,
        head: &State,
    ) -> Result<(Self, Faults)> {
        let mut faults = Faults::new();
        let mut plots_of = |state: &State| -> Result<Vec<Plot>> {
            let revision = state.revision();
            let (mut plots, unreadable) = compare::plots(repository, &[revision.to_owned()], &[])?;
            faults.extend(unreadable);
            for series in plots.iter_mut().flat_map(|plot| &mut plot.series) {
                series.name = series.name.replacen(revision, &state.name, 1);
            }
            Ok(plots)
        };
        let mut old = plots_of(base)?;
        let new = plots_of(head)?;
        let mut pictures = Self::default();
        let rows = |plot: &Plot| -> Vec<_> {
            let series = plot.series.iter();
            series.map(|series| series.rows.clone()).collect()
        };
        for new in new {
            let before = old.iter().position(|plot| plot.id == new.id);
            let before = before.map(|at| old.remove(at));
            if before.as_ref().is_some_and(|old| rows(old) == rows(&new)) {
                pictures.same += 1;
                continue;
            }
            pictures.changed.push(Drawing {
                both: before.as_ref().and_then(|old| both(old, &new)),
                name: new.id.clone(),
                old: before.map(|old| old.svg()),
                new: Some(new.svg()),
            });
        }
        pictures.changed.extend(old.into_iter().map(|gone| Drawing {
            old: Some(gone.svg()),
            name: gone.id,
            new: None,
            both: None,
        }));
        Ok((pictures, faults))
    }

    /// The HTML of a page that holds all of them and needs nothing else.
    #[must_use]
    pub fn page(&self, title: &str) -> String {
        let pictures: Vec<Picture> = (self.changed.iter())
            .map(|drawing| {
                let sides: String = [&drawing.old, &drawing.new]
                    .into_iter()
                    .flatten()
                    .map(|svg| format!("<div>{svg}</div>\n"))
                    .collect();
                let both = drawing.both.as_deref().unwrap_or_default();
                Picture {
                    name: drawing.name.clone(),
                    html: format!("<div class=\"sides\">\n{sides}</div>\n{both}"),
                }
            })
            .collect();
        compare::page(title, &pictures)
    }

    /// The drawings as files: name and content.
    #[must_use]
    pub fn files(&self) -> Vec<(String, &str)> {
        let mut files = Vec::new();
        for (at, drawing) in self.changed.iter().enumerate() {
            for (side, svg) in [("old", &drawing.old), ("new", &drawing.new)] {
                if let Some(svg) = svg {
                    files.push((drawing.file(at, side), svg.as_str()));
                }
            }
        }
        files
    }
}

impl Drawing {
    /// A name for the file of one side: nothing a shell, a browser or a link minds.
    pub(super) fn file(&self, at: usize, side: &str) -> String {
        let plain = |char: char| match char {
            char if char.is_ascii_alphanumeric() || "-_.".contains(char) => char,
            _ => '_',
        };
        let name: String = self.name.chars().map(plain).collect();
        format!("{}-{name}-{side}.svg", at + 1)
    }
}

/// Both states in one drawing, where that can be read.
fn both(old: &Plot, new: &Plot) -> Option<String> {
    if !matches!(new.shape, Shape::Lines | Shape::Points) || old.shape != new.shape {
        return None;
    }
    let mut plot = old.clone();
    plot.series.extend(new.series.iter().cloned());
    Some(plot.svg())
}
