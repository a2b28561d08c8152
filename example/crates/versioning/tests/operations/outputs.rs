//! Outputs of stages and imports are data like any other: what is missing is named, wherever it should be.

use std::fs;

use mlops_repository::{Checksum, Revisions};
use mlops_versioning::operations::transfer::{self, TransferOptions};
use mlops_versioning::operations::{commit, gc};
use mlops_versioning::{VersioningError, silent};

use super::place::{Place, git};

const STAGES: &str =
    "stages:\n  train: {cmd: x, outs: [model.bin, never, m.json: {cache: false}]}\n";

fn lock(outs: &[(&str, &str)]) -> String {
    let outs = outs.iter().map(|(path, content)| {
        let md5 = Checksum::of(content.as_bytes());
        format!("    - path: {path}\n      hash: md5\n      md5: {md5}\n      size: 1\n")
    });
    let outs: String = outs.collect();
    format!("schema: '2.0'\nstages:\n  train:\n    cmd: x\n    outs:\n{outs}")
}

#[track_caller]
fn missing<T: std::fmt::Debug>(result: Result<T, VersioningError>) -> Vec<String> {
    let error = result.unwrap_err();
    assert!(!error.is_user_error(), "the run failed: exit code 1");
    match error {
        VersioningError::Missing { objects, .. } => objects,
        other => panic!("{other}"),
    }
}

#[test]
fn an_output_that_a_lock_names_and_nobody_has_is_missing() {
    let place = Place::new().with_remote("outputs_missing");
    place.write("dvc.yaml", STAGES);
    place.write("dvc.lock", &lock(&[("model.bin", "1"), ("m.json", "2")]));
    let objects = missing(place.fetch());
    assert_eq!(
        objects.len(),
        1,
        "neither what is in Git nor what was never made: {objects:?}"
    );
    assert!(objects[0].starts_with("model.bin (remote r"), "{objects:?}");
    assert_eq!(missing(place.checkout(false)), ["model.bin (1 object)"]);
    assert_eq!(missing(place.push()).len(), 1);
}

#[test]
fn what_lies_in_place_needs_no_cache() {
    let place = Place::new();
    place.write("data/a", "1");
    place.write("b", "2");
    place.add(&["data", "b"]).unwrap();
    fs::remove_dir_all(place.root.join(".dvc/cache")).unwrap();
    place.checkout(false).unwrap();
    place.write("data/a", "3");
    assert_eq!(missing(place.checkout(false)), ["data (1 object)"]);
    assert_eq!(place.read("data/a"), "3");
}

#[test]
fn each_remote_is_asked_and_all_that_is_missing_is_named() {
    let mut place = Place::with_git().with_remote("outputs_first");
    place.set("'remote \"priv\"'", "url", "memory://outputs_second");
    place.set("core", "remote", "r");
    for name in ["pub", "sec", "loc"] {
        place.write(name, name);
    }
    place.add(&["pub", "sec", "loc"]).unwrap();
    for (file, flag) in [("sec.dvc", "remote: priv"), ("loc.dvc", "push: false")] {
        let text = place.read(file);
        place.write(file, &format!("{text}  {flag}\n"));
    }
    let options = TransferOptions::default();
    let push = || transfer::push(&place.repository, &place.tracked(), &options, &silent);
    assert_eq!(push().unwrap(), 2);
    fs::remove_dir_all(place.root.join(".dvc/cache")).unwrap();
    let fetched = transfer::fetch(&place.repository, &place.tracked(), &options, &silent).unwrap();
    assert_eq!(fetched.count, 2);
    assert_eq!(fetched.missing.len(), 1);
    assert!(
        fetched.missing[0].starts_with("loc (remote r"),
        "{fetched:?}"
    );
}

#[test]
fn what_a_stage_makes_cannot_be_added_locked_or_not() {
    let place = Place::new();
    place.write("dvc.yaml", STAGES);
    place.write("never", "1");
    let error = place.add(&["never"]).unwrap_err().to_string();
    assert!(
        error.contains("is an output of the stage train of") && error.contains("run `repro`"),
        "{error}"
    );
    assert!(!place.has("never.dvc"));
}

const IMPORT: &str = "frozen: true\ndeps:\n- path: big\n  repo:\n    url: ../reg\n";

#[test]
fn an_import_is_not_pushed_and_comes_from_a_remote_only_if_that_has_it() {
    let place = Place::new().with_remote("outputs_import");
    place.write("data", "1");
    place.add(&["data"]).unwrap();
    let pin = place.read("data.dvc");
    place.push().unwrap();
    place.write("data.dvc", &format!("{IMPORT}{pin}"));
    place.write("own", "2");
    place.add(&["own"]).unwrap();
    fs::remove_file(place.object("1")).unwrap();
    assert_eq!(place.push().unwrap(), 1, "own alone, and data isn't missed");
    assert_eq!(place.fetch().unwrap(), 1, "the remote has it");
    let elsewhere = place.object("3");
    place.write(
        "data.dvc",
        &format!(
            "{IMPORT}{}",
            pin.replace(
                "c4ca4238a0b923820dcc509a6f75849b",
                "eccbc87e4b5ce2fe28308fd9f2a7baf3"
            )
        ),
    );
    assert!(!elsewhere.exists());
    let objects = missing(place.fetch());
    assert!(
        objects[0].starts_with("data (an import: its source has it"),
        "{objects:?}"
    );
}

#[test]
fn an_import_that_was_never_downloaded_stops_no_commit() {
    let place = Place::new();
    place.write(
        "part.dvc",
        &format!("{IMPORT}outs:\n- hash: md5\n  path: part\n"),
    );
    place.write("own", "2");
    place.add(&["own"]).unwrap();
    place.write("own", "3");
    let written = commit::commit(&place.repository, &[], false, true, &silent).unwrap();
    assert_eq!(written, [place.root.join("own.dvc")]);
}

#[test]
fn gc_keeps_what_an_old_commit_has_in_a_folder_that_is_ignored_today() {
    let place = Place::with_git();
    place.write("legacy/x", "old");
    place.add(&["legacy/x"]).unwrap();
    git(&place.root, &["add", "-A", "."]);
    git(&place.root, &["commit", "-q", "-m", "one"]);
    fs::remove_dir_all(place.root.join("legacy")).unwrap();
    place.write(".dvcignore", "legacy/\n");
    git(&place.root, &["add", "-A", "."]);
    git(&place.root, &["commit", "-q", "-m", "two"]);
    let all = || Revisions {
        all_commits: true,
        ..Revisions::default()
    };
    assert!(place.gc(all(), false).is_empty());
    assert!(place.object("old").exists());
    // A commit that can't be read may need anything.
    place.write("broken.dvc", "outs:\n<<<<<<< HEAD\n");
    git(&place.root, &["add", "-A", "."]);
    git(&place.root, &["commit", "-q", "-m", "three"]);
    fs::remove_file(place.root.join("broken.dvc")).unwrap();
    let options = gc::GcOptions {
        revisions: all(),
        ..gc::GcOptions::default()
    };
    git(&place.root, &["rm", "-q", "--cached", "broken.dvc"]);
    let error = gc::gc(&place.repository, &options, &|_| Ok(true), &silent).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("in the commit") && error.contains("broken.dvc:2: a merge conflict"),
        "{error}"
    );
    assert!(place.object("old").exists());
}

#[test]
fn gc_keeps_what_a_pin_needs_that_git_has_and_ignores() {
    let mut place = Place::with_git();
    place.write("env/a", "kept");
    place.add(&["env/a"]).unwrap();
    place.write(".gitignore", "env/\n");
    git(&place.root, &["add", "-f", "env/a.dvc"]);
    place.repository = mlops_versioning::Repository::open(&place.root).unwrap();
    assert!(place.tracked().is_empty());
    assert!(place.gc(Revisions::default(), false).is_empty());
    assert!(place.object("kept").exists());
    place.write("env/b", "2");
    let error = place.add(&["env/b"]).unwrap_err().to_string();
    assert!(error.contains(".gitignore:1: env/"), "{error}");
}
