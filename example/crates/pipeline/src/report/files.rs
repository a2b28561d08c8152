//! Files in Git that a change touches: declarations, code, and whatever else isn't shown as what it is.

use std::collections::BTreeSet;

use mlops_versioning::Repository;

use super::side::Side;
use crate::error::Result;
use mlops_repository::{OutputKind, Stage, git, posix_path};

/// A file that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Where it lies, from the repository's root; with `../` if Git has it elsewhere.
    pub path: String,
    /// Lines that came and lines that went; none if it isn't text.
    pub lines: Option<(u64, u64)>,
    /// Stages that read it.
    pub read_by: Vec<String>,
}

/// What differs in Git, but for what the report shows as scores, plots, parameters and data.
pub(super) fn changes(
    repository: &Repository,
    folder: &str,
    base: &Side,
    head: &Side,
) -> Result<Vec<FileChange>> {
    let commits = [&base.state, &head.state].map(|state| state.commit.as_deref());
    let mut arguments = vec!["diff", "--no-ext-diff", "--no-renames", "--numstat", "-z"];
    arguments.extend(commits.into_iter().flatten());
    arguments.push("--");
    let listing = git(repository.root(), &arguments)?;
    let mut found: Vec<(String, Option<(u64, u64)>)> = (listing.split(|byte| *byte == 0))
        .filter_map(|record| counted(&String::from_utf8_lossy(record), folder))
        .collect();
    if head.state.commit.is_none() {
        let others = ["ls-files", "--others", "--exclude-standard", "-z"];
        let listing = git(repository.root(), &others)?;
        let names = listing.split(|byte| *byte == 0);
        let names = names.filter(|name| !name.is_empty());
        found.extend(names.map(|name| (String::from_utf8_lossy(name).into_owned(), None)));
    }
    let shown = shown_elsewhere(base, head);
    found.retain(|(path, _)| !shown.contains(path) && !is_record(path));
    found.sort();
    let stages = &head.catalog.stages;
    let changes = found.into_iter().map(|(path, lines)| FileChange {
        read_by: (stages.iter().filter(|stage| reads(stage, &path)))
            .map(|stage| stage.address())
            .collect(),
        path,
        lines,
    });
    Ok(changes.collect())
}

/// A record of `--numstat -z`: lines added, lines removed (`-` of what isn't text), path from Git's root.
fn counted(record: &str, folder: &str) -> Option<(String, Option<(u64, u64)>)> {
    let mut fields = record.splitn(3, '\t');
    let (added, removed) = (fields.next()?.trim(), fields.next()?);
    let lines = added.parse().ok().zip(removed.parse().ok());
    Some((posix_path::relative(fields.next()?, folder), lines))
}

/// Scores, plots and parameters have sections of their own.
fn shown_elsewhere(base: &Side, head: &Side) -> BTreeSet<String> {
    let mut shown = BTreeSet::new();
    for catalog in [&base.catalog, &head.catalog] {
        for stage in &catalog.stages {
            let outs = stage.outs.iter();
            let outs = outs.filter(|out| out.kind != OutputKind::Data);
            shown.extend(outs.map(|out| out.at.path.clone()));
            shown.extend(stage.params.iter().map(|file| file.at.path.clone()));
        }
        shown.extend(catalog.params.iter().chain(&catalog.metrics).cloned());
        shown.extend(catalog.plots.iter().map(|(file, _)| file.clone()));
    }
    shown
}

/// Locks and pins say in hashes what other sections say in words.
fn is_record(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name == "dvc.lock" || name.ends_with(".dvc")
}

fn reads(stage: &Stage, path: &str) -> bool {
    let mut deps = stage.deps.iter();
    deps.any(|dep| posix_path::is_in(path, &dep.at.path))
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn a_record_is_lines_and_a_path_seen_from_the_folder() {
        let of = |record| counted(record, "shop");
        assert_eq!(
            of("3\t1\tshop/a b.rs"),
            Some(("a b.rs".into(), Some((3, 1))))
        );
        assert_eq!(of("-\t-\tlogo.png"), Some(("../logo.png".into(), None)));
        assert_eq!(of(""), None);
    }
}
