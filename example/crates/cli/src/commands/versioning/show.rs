//! Results as text, in the words and columns of DVC where it has some.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use mlops_pipeline::compare::markdown_text;
use mlops_repository::ObjectId;
use mlops_versioning::operations::checkout::Changes;
use mlops_versioning::operations::diff::Diff;
use mlops_versioning::operations::gc::Collected;
use mlops_versioning::operations::status::Status;
use mlops_versioning::operations::transfer::Fetched;
use mlops_versioning::operations::verify::Verified;
use serde_json::{Map, Value, json};

use crate::output::thousands;

/// What a status command shows.
pub(super) struct Shown {
    /// In DVC's shape.
    pub(super) object: Value,
    nothing: &'static str,
}

impl Shown {
    pub(super) fn local(
        status: &Status,
        stages: Map<String, Value>,
        is_empty: bool,
        shown: impl Fn(&Path) -> String,
    ) -> Shown {
        let mut object = stages;
        for (file, outs) in status {
            let outs: Map<String, Value> = outs
                .iter()
                .map(|(path, state)| (shown(path), json!(state.as_str())))
                .collect();
            object.insert(shown(file), json!([{ "changed outs": outs }]));
        }
        Shown {
            object: Value::Object(object),
            nothing: if is_empty {
                "There is nothing tracked yet: `add` tracks data, and stages stand in dvc.yaml."
            } else {
                "Data and pipelines are up to date."
            },
        }
    }

    pub(super) fn cloud(status: BTreeMap<String, &'static str>) -> Shown {
        Shown {
            object: json!(status),
            nothing: "Cache and remote are in sync.",
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.object.as_object().is_none_or(Map::is_empty)
    }

    pub(super) fn text(&self) -> String {
        if self.is_empty() {
            return self.nothing.to_string();
        }
        let mut text = String::new();
        let depth = usize::from(
            self.object
                .as_object()
                .is_some_and(|map| map.values().all(Value::is_string)),
        );
        write_nested(&mut text, &self.object, depth);
        text
    }
}

fn write_nested(text: &mut String, value: &Value, depth: usize) {
    let indent = "\t".repeat(depth);
    match value {
        Value::String(word) => {
            let _ = writeln!(text, "{indent}{word}");
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| write_nested(text, item, depth)),
        Value::Object(map) => {
            for (key, value) in map {
                if let Value::String(state) = value {
                    let _ = writeln!(text, "{indent}{:<20}{key}", format!("{state}:"));
                } else {
                    let _ = writeln!(text, "{indent}{key}:");
                    write_nested(text, value, depth + 1);
                }
            }
        }
        _ => {}
    }
}

pub(super) fn added(files: &[String], for_git: &[String], staged: bool) -> String {
    let mut text = format!("Pinned by {}", files.join(", "));
    if !for_git.is_empty() && !staged {
        let _ = write!(
            text,
            "\nTo track the change with Git: git add {}",
            quoted(for_git)
        );
    }
    text
}

fn quoted(paths: &[String]) -> String {
    let plain = |path: &str| {
        path.chars()
            .all(|c| c.is_alphanumeric() || "/._-".contains(c))
    };
    let quote = |path: &String| {
        if plain(path) && !path.starts_with('-') {
            path.clone()
        } else {
            format!("'{}'", path.replace('\'', "'\\''"))
        }
    };
    paths.iter().map(quote).collect::<Vec<_>>().join(" ")
}

pub(super) fn count(number: usize, done: &str) -> String {
    match number {
        0 => "Everything is up to date.".into(),
        1 => format!("1 file {done}"),
        _ => format!("{} files {done}", thousands(number)),
    }
}

pub(super) fn changes(
    lists: &[Vec<String>; 3],
    changes: &Changes,
    fetched: Option<&Fetched>,
) -> String {
    let mut text = String::new();
    for (letter, paths) in ["A", "M", "D"].iter().zip(lists) {
        for path in paths {
            let _ = writeln!(text, "{letter}\t{path}");
        }
    }
    let numbers = fetched.into_iter().flat_map(|fetched| {
        [
            (fetched.count, "fetched"),
            (fetched.missing.len(), "missing"),
        ]
    });
    let words = ["added", "modified", "deleted"];
    let summary: Vec<String> = numbers
        .chain(changes.files.iter().copied().zip(words))
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| count(number, word))
        .collect();
    let missing = match fetched {
        Some(_) => "Neither in the cache nor on a remote: ",
        None => "Not in the cache: ",
    };
    if !changes.missing.is_empty() {
        let _ = writeln!(text, "{missing}{}", few(&changes.missing));
    }
    if !summary.is_empty() {
        text.push_str(&summary.join(", "));
    } else if changes.missing.is_empty() {
        text.push_str("Everything is up to date.");
    } else {
        text.push_str("Nothing was changed.");
    }
    text
}

/// The first few of many.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let more = names.len().saturating_sub(SHOWN);
    let shown = names[..names.len().min(SHOWN)].join(", ");
    if more > 0 {
        format!("{shown} and {more} more")
    } else {
        shown
    }
}

/// State, path and hash of each line of a diff.
fn rows(diff: &Diff) -> Vec<(&'static str, String, String)> {
    let short = |hash: &Option<String>| {
        hash.as_deref()
            .map(|hash| hash[..8.min(hash.len())].to_string())
            .unwrap_or_default()
    };
    let mut rows = Vec::new();
    for change in &diff.added {
        rows.push(("added", change.path.clone(), short(&change.hash)));
    }
    for change in &diff.deleted {
        rows.push(("deleted", change.path.clone(), short(&change.hash)));
    }
    for change in &diff.renamed {
        let path = format!("{} -> {}", change.path.old, change.path.new);
        rows.push(("renamed", path, short(&change.hash)));
    }
    for change in &diff.modified {
        let hash = change.hash.as_ref().map(|hash| {
            format!(
                "{}..{}",
                short(&Some(hash.old.clone())),
                short(&Some(hash.new.clone()))
            )
        });
        rows.push(("modified", change.path.clone(), hash.unwrap_or_default()));
    }
    for change in diff.not_in_cache.iter().flatten() {
        rows.push(("not in cache", change.path.clone(), short(&change.hash)));
    }
    rows
}

pub(super) fn diff(diff: &Diff) -> String {
    let rows = rows(diff);
    let mut text = String::new();
    let mut counts = Vec::new();
    for group in rows.chunk_by(|a, b| a.0 == b.0) {
        let state = group[0].0;
        let (first, rest) = state.split_at(1);
        let _ = writeln!(text, "{}{rest}:", first.to_uppercase());
        for (_, path, hash) in group {
            let gap = if hash.is_empty() { "" } else { "  " };
            let _ = writeln!(text, "    {hash}{gap}{path}");
        }
        text.push('\n');
        let files = group
            .iter()
            .filter(|(_, path, _)| !path.ends_with('/'))
            .count();
        if files > 0 {
            counts.push(format!("{files} {state}"));
        }
    }
    if !counts.is_empty() {
        let _ = write!(text, "files summary: {}", counts.join(", "));
    }
    text
}

pub(super) fn diff_markdown(diff: &Diff, hashes: bool) -> String {
    let mut table = vec![if hashes {
        vec!["Status".to_string(), "Hash".into(), "Path".into()]
    } else {
        vec!["Status".to_string(), "Path".into()]
    }];
    for (state, path, hash) in rows(diff) {
        let path = markdown_text(&path);
        table.push(if hashes {
            vec![state.into(), hash, path]
        } else {
            vec![state.into(), path]
        });
    }
    let columns = table[0].len();
    let widths: Vec<usize> = (0..columns)
        .map(|at| {
            let widest = table
                .iter()
                .map(|row| row[at].chars().count())
                .max()
                .unwrap_or_default();
            // As tabulate has it: two more than the head at least.
            widest.max(table[0][at].chars().count() + 2)
        })
        .collect();
    let mut text = String::new();
    for (at, row) in table.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(text, "| {cell:<width$} ");
        }
        text.push_str("|\n");
        if at == 0 {
            for width in &widths {
                let _ = write!(text, "|{}", "-".repeat(width + 2));
            }
            text.push_str("|\n");
        }
    }
    text
}

pub(super) fn collected(collected: &Collected, dry_run: bool, cloud: bool) -> String {
    let verb = if dry_run { "Would remove" } else { "Removed" };
    let mut text = format!(
        "{verb} {} ({} bytes) from the cache",
        objects(collected.cache.len()),
        thousands(usize::try_from(collected.cache_bytes).unwrap_or(usize::MAX)),
    );
    if dry_run {
        text += &listed(&collected.cache);
    }
    if cloud {
        let _ = write!(
            text,
            "\n{verb} {} ({} bytes) from the remote",
            objects(collected.remote.len()),
            thousands(usize::try_from(collected.remote_bytes).unwrap_or(usize::MAX)),
        );
        if dry_run {
            text += &listed(&collected.remote);
        }
    }
    if collected.young > 0 {
        let _ = write!(text, "\n{}", kept(collected.young));
    }
    if !collected.temporary.is_empty() {
        let number = thousands(collected.temporary.len());
        let _ = write!(
            text,
            "\nRemoved {number} temporary files that a killed command left"
        );
    }
    text
}

/// The question before outputs of a stage that changed are committed.
pub(super) fn to_commit(stage: &str, reasons: &[String]) -> String {
    format!(
        "the stage {stage:?} changed since its outputs were made: {}.\nCommit them as made from what is there now?",
        reasons.join(", ")
    )
}

/// Objects by name, a line each, as far as anybody reads.
fn listed(ids: &[ObjectId]) -> String {
    const SHOWN: usize = 20;
    let mut text: String = ids
        .iter()
        .take(SHOWN)
        .map(|id| format!("\n  {id}"))
        .collect();
    if ids.len() > SHOWN {
        let more = thousands(ids.len() - SHOWN);
        let _ = write!(text, "\n  and {more} more (--json lists all)");
    }
    text
}

/// What is about to be removed, before it is asked about; the cache's folder is named if it lies outside of the
/// repository.
pub(super) fn garbage(collected: &Collected, elsewhere: Option<&Path>) -> String {
    let size = |bytes| thousands(usize::try_from(bytes).unwrap_or(usize::MAX));
    let mut text = String::from("Nothing that is kept refers to these objects:");
    if !collected.cache.is_empty() {
        let (number, bytes) = (objects(collected.cache.len()), size(collected.cache_bytes));
        let place = elsewhere.map_or_else(String::new, |folder| {
            format!(
                " {}, which lies outside of this repository, so that others may use it too",
                folder.display()
            )
        });
        let _ = write!(text, "\n  {number} ({bytes} bytes) in the cache{place}");
    }
    if let Some(name) = collected
        .remote_name
        .as_ref()
        .filter(|_| !collected.remote.is_empty())
    {
        let (number, bytes) = (
            objects(collected.remote.len()),
            size(collected.remote_bytes),
        );
        let _ = write!(
            text,
            "\n  {number} ({bytes} bytes) in the remote {name}, which others may use too"
        );
    }
    if collected.young > 0 {
        let _ = write!(text, "\n{}", kept(collected.young));
    }
    text
}

fn kept(young: usize) -> String {
    format!(
        "{} of the remote that nothing here refers to stay: they were pushed a short while ago, or belong to what was (--grace)",
        objects(young)
    )
}

fn objects(number: usize) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} object{plural}", thousands(number))
}

pub(super) fn verified(verified: &Verified) -> String {
    let mut text = String::new();
    for (id, place) in &verified.corrupt {
        let state = if verified.repaired.contains(id) {
            "repaired"
        } else {
            "corrupt"
        };
        let _ = writeln!(text, "{:<20}{place}", format!("{state}:"));
    }
    let _ = write!(
        text,
        "Hashed {} ({} bytes): {} corrupt, {} repaired",
        objects(verified.checked),
        thousands(usize::try_from(verified.bytes).unwrap_or(usize::MAX)),
        verified.corrupt.len(),
        verified.repaired.len(),
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_to_go_is_said_with_its_place_and_size() {
        let id = |text: &str| {
            let checksum = mlops_repository::Checksum::of(text.as_bytes());
            mlops_repository::ObjectId::file(mlops_repository::HashKind::Md5, checksum)
        };
        let mut collected = Collected {
            cache: vec![id("a")],
            cache_bytes: 1234,
            ..Collected::default()
        };
        assert_eq!(
            garbage(&collected, None),
            "Nothing that is kept refers to these objects:\n  1 object (1,234 bytes) in the cache"
        );
        assert_eq!(
            garbage(&collected, Some(Path::new("/shared/cache"))),
            "Nothing that is kept refers to these objects:\n  1 object (1,234 bytes) in the cache /shared/cache, \
             which lies outside of this repository, so that others may use it too"
        );
        collected.remote = vec![id("b"), id("c")];
        collected.remote_bytes = 5;
        collected.remote_name = Some("team (s3://bucket)".into());
        collected.young = 3;
        assert_eq!(
            garbage(&collected, None),
            "Nothing that is kept refers to these objects:\n  1 object (1,234 bytes) in the cache\n  \
             2 objects (5 bytes) in the remote team (s3://bucket), which others may use too\n\
             3 objects of the remote that nothing here refers to stay: they were pushed a short while ago, or belong to what was (--grace)"
        );
    }

    #[test]
    fn a_dry_run_names_the_objects_as_far_as_anybody_reads() {
        let id = |number: u32| {
            let checksum = mlops_repository::Checksum::of(&number.to_le_bytes());
            ObjectId::file(mlops_repository::HashKind::Md5, checksum)
        };
        let all = Collected {
            cache: (0..25).map(id).collect(),
            ..Collected::default()
        };
        let text = collected(&all, true, false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "Would remove 25 objects (0 bytes) from the cache");
        assert_eq!(lines[20], format!("  {}", id(19)));
        assert_eq!(lines[21..], ["  and 5 more (--json lists all)"]);
        assert_eq!(collected(&all, false, false).lines().count(), 1);
    }
}
