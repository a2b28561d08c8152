//! What nobody needs is removed, and nothing else.

use std::fs;

use mlops_versioning::operations::gc::{self, GcOptions};
use mlops_versioning::{HashKind, Revisions, VersioningError, silent};

use crate::place::{Place, git};

#[test]
fn garbage_is_what_neither_workspace_nor_a_kept_commit_needs() {
    let place = Place::with_git();
    let keep = |revision: &str| match revision {
        "all" => Revisions {
            all_commits: true,
            ..Revisions::default()
        },
        "branches" => Revisions {
            all_branches: true,
            ..Revisions::default()
        },
        "tags" => Revisions {
            all_tags: true,
            ..Revisions::default()
        },
        _ => Revisions::default(),
    };
    for (n, tag) in [("1", "first"), ("2", ""), ("3", "")] {
        place.write("data/a", n);
        place.add(&["data"]).unwrap();
        git(&place.root, &["add", "."]);
        git(&place.root, &["commit", "-qm", n]);
        if !tag.is_empty() {
            git(&place.root, &["tag", tag]);
        }
    }
    place.write("data/a", "4");
    place.add(&["data"]).unwrap();
    assert!(place.gc(keep("all"), false).cache.is_empty());
    assert_eq!(place.gc(keep("none"), true).cache.len(), 6);
    assert!(place.object("1").exists(), "a dry run removes nothing");
    place.gc(
        Revisions {
            all_tags: true,
            ..keep("branches")
        },
        false,
    );
    let there = |n: &str| place.object(n).exists();
    assert_eq!(
        [there("1"), there("2"), there("3"), there("4")],
        [true, false, true, true]
    );
    place.gc(keep("tags"), false);
    assert_eq!([there("1"), there("3"), there("4")], [true, false, true]);
    place.gc(keep("none"), false);
    assert_eq!([there("1"), there("4")], [false, true]);
    assert!(place.is_clean());
}

#[test]
fn outputs_of_a_lock_are_no_garbage() {
    let place = Place::new();
    place.write("model", "weights");
    let content = place
        .repository
        .store(&place.root.join("model"), HashKind::Md5, &silent);
    let id = content.unwrap().unwrap().saved.id;
    let lock = format!(
        "schema: '2.0'\nstages:\n  t:\n    cmd: x\n    outs:\n    - path: model\n      hash: md5\n      md5: {id}\n"
    );
    place.write("dvc.lock", &lock);
    assert!(place.gc(Revisions::default(), false).cache.is_empty());
    fs::remove_file(place.root.join("dvc.lock")).unwrap();
    assert_eq!(place.gc(Revisions::default(), false).cache, [id]);
}

#[test]
fn garbage_stays_if_something_that_refers_to_data_cannot_be_read() {
    let place = Place::new();
    place.write("data/a", "1");
    place.write("b", "2");
    place.add(&["data", "b"]).unwrap();
    let options = GcOptions::default();
    place.write("broken.dvc", "outs: [\n");
    gc::gc(&place.repository, &options, &silent).unwrap_err();
    fs::remove_file(place.root.join("broken.dvc")).unwrap();
    let id = place.tracked()[1].out.id.unwrap();
    fs::remove_file(place.repository.cache().path(&id)).unwrap();
    let error = gc::gc(&place.repository, &options, &silent).unwrap_err();
    assert!(matches!(error, VersioningError::Missing { .. }), "{error}");
    assert!(place.object("1").exists());
    let forced = GcOptions {
        force: true,
        ..options
    };
    gc::gc(&place.repository, &forced, &silent).unwrap();
    assert!(!place.object("1").exists() && place.object("2").exists());
}

#[test]
fn temporary_files_of_killed_commands_are_swept() {
    let place = Place::new();
    place.write("data/a", "1");
    place.add(&["data"]).unwrap();
    let stray = ".AAAAAAAAAAAAAAAAAAAAAA.tmp";
    for folder in [
        "",
        ".dvc/",
        ".dvc/tmp/",
        ".dvc/cache/files/md5/ab/",
        "data/",
    ] {
        place.write(&format!("{folder}{stray}"), "half");
    }
    place.write("data/.mine.tmp", "not a stray");
    let swept = place.gc(Revisions::default(), false).temporary;
    assert_eq!(swept.len(), 5, "{swept:?}");
    assert!(place.has("data/.mine.tmp"));
}
