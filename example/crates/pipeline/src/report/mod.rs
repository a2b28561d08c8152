//! What a change does to scores, parameters, data and pipeline, as the text of a comment on a pull
//! request.

mod cells;
mod data;
mod files;
mod markdown;
mod pictures;
mod scores;
mod side;
mod stages;
#[cfg(test)]
mod tests;

use mlops_versioning::Repository;

use crate::compare::{self, Comparison};
use crate::error::Result;
use mlops_repository::{Source, git};

pub use data::{DataChange, Pinned};
pub use files::FileChange;
pub use markdown::{Declared, Drawings, Layout, MARKER};
pub use pictures::{Drawing, Pictures};
pub use scores::{Bounds, Score};
use side::Side;
pub use stages::{Stages, Touch};

/// A state that is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// What it was asked for as: `main`, `workspace`.
    pub name: String,
    /// Its commit; of the workspace none.
    pub commit: Option<String>,
}

impl State {
    /// The first digits of its commit, or its name.
    #[must_use]
    pub fn short(&self) -> &str {
        self.commit.as_deref().map_or(&self.name, |commit| {
            commit.get(..SHORT).unwrap_or(commit.as_ref())
        })
    }

    /// What reads its files.
    fn revision(&self) -> &str {
        self.commit.as_deref().unwrap_or(&self.name)
    }
}

const SHORT: usize = 9;

/// What a change does.
#[derive(Debug, Clone)]
pub struct Report {
    /// Where the change started.
    pub base: State,
    /// Where it leads.
    pub head: State,
    /// The repository's folder in Git's working copy; empty if it is that.
    pub folder: String,
    /// Metrics that changed.
    pub scores: Vec<Score>,
    /// Number of metrics that didn't.
    pub same_scores: u64,
    /// Whether either state has metrics.
    pub has_metrics: bool,
    /// Parameters that changed.
    pub params: Comparison,
    /// Data that changed.
    pub data: Vec<DataChange>,
    /// Other files in Git that changed: declarations, code.
    pub files: Vec<FileChange>,
    /// The pipeline as it is now.
    pub stages: Stages,
    /// Plots that changed.
    pub pictures: Pictures,
    /// What couldn't be read: state and reason.
    pub unreadable: Vec<(String, String)>,
}

/// How many scores moved which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Better, beyond the noise or without an interval.
    pub better: u64,
    /// Worse, beyond the noise or without an interval.
    pub worse: u64,
    /// Better or worse, the new value inside the old interval.
    pub within_noise: u64,
}

impl Report {
    /// How many scores moved which way, of those whose direction is known.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for score in &self.scores {
            let count = match (score.is_better(), score.is_beyond_noise()) {
                (Some(_), Some(false)) => &mut tally.within_noise,
                (Some(true), _) => &mut tally.better,
                (Some(false), _) => &mut tally.worse,
                (None, _) => continue,
            };
            *count += 1;
        }
        tally
    }

    /// The text of a file, from the repository's root, before and after; none where it isn't there.
    ///
    /// # Errors
    /// If it can't be read or isn't UTF-8.
    pub fn texts(&self, repository: &Repository, path: &str) -> Result<[Option<String>; 2]> {
        let text =
            |state: &State| Source::revision(repository.root(), state.revision())?.text(path);
        Ok([text(&self.base)?, text(&self.head)?])
    }

    /// Compares `head`, a revision or `workspace`, with the commit at which it left `base`, so that
    /// what others brought into `base` since then doesn't count as undone.
    ///
    /// # Errors
    /// If there is no such revision, or a file of stages or a lock in one of them can't be used.
    pub fn new(repository: &Repository, base: &str, head: &str) -> Result<Self> {
        let tip = Side::open(repository, base)?;
        let head = match clean_branch(repository, head) {
            Some(branch) => Side::open_commit(repository, &branch, "HEAD")?,
            None => Side::open(repository, head)?,
        };
        let base = match fork(repository, &tip, &head) {
            Some(commit) => Side::open_commit(repository, base, &commit)?,
            None => tip,
        };
        let (old, new) = (base.state.revision(), head.state.revision());
        let metrics = compare::metrics_diff(repository, old, new, &[], true)?;
        let params = compare::params_diff(repository, old, new, &[], false, false)?;
        let (pictures, faults) = Pictures::new(repository, &base.state, &head.state)?;
        let data = data::changes(repository, &base, &head)?;
        let stages = Stages::new(repository, &base, &head, &params, &data)?;
        let folder = folder(repository);
        let files = files::changes(repository, &folder, &base, &head)?;
        let has_metrics = !metrics.files.is_empty();
        let (scores, same_scores) = scores::scores(&metrics, &head.catalog);
        let mut unreadable = Vec::new();
        let faults = metrics
            .unreadable
            .into_iter()
            .chain(params.unreadable.iter().cloned())
            .chain(faults);
        for (revision, why) in faults {
            let state = [&base.state, &head.state]
                .into_iter()
                .find(|state| state.revision() == revision);
            let fault = (
                state.map_or(revision.clone(), |state| state.name.clone()),
                why,
            );
            if !unreadable.contains(&fault) {
                unreadable.push(fault);
            }
        }
        Ok(Self {
            folder,
            base: base.state,
            head: head.state,
            scores,
            same_scores,
            has_metrics,
            params,
            data,
            files,
            stages,
            pictures,
            unreadable,
        })
    }
}

/// The branch of a workspace in which nothing differs from its commit: then the commit is meant, which others can get.
fn clean_branch(repository: &Repository, head: &str) -> Option<String> {
    if head != "workspace" {
        return None;
    }
    let root = repository.root();
    let changes = git(root, &["status", "--porcelain", "--", "."]).ok()?;
    if !changes.is_empty() {
        return None;
    }
    git(root, &["rev-parse", "--verify", "--quiet", "HEAD"]).ok()?;
    let branch = git(root, &["symbolic-ref", "--quiet", "--short", "HEAD"]);
    let branch = branch.map(|name| String::from_utf8_lossy(&name).trim().to_owned());
    Some(branch.unwrap_or_else(|_| "HEAD".to_owned()))
}

/// The commit that both come from; none if their histories don't meet, or were cut off.
fn fork(repository: &Repository, base: &Side, head: &Side) -> Option<String> {
    let base = base.state.commit.as_deref()?;
    let head = head.state.commit.as_deref().unwrap_or("HEAD");
    let commit = git(repository.root(), &["merge-base", base, head]).ok()?;
    Some(String::from_utf8_lossy(&commit).trim().to_owned())
}

fn folder(repository: &Repository) -> String {
    let root = repository.root();
    repository
        .git()
        .and_then(|git| root.strip_prefix(git.root()).ok())
        .map(|inside| inside.display().to_string())
        .unwrap_or_default()
}
