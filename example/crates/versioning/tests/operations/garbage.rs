//! What nobody needs is removed, and nothing else.

use std::cell::Cell;
use std::fs;
use std::time::{Duration, SystemTime};

use mlops_repository::{HashKind, Revisions};
use mlops_versioning::operations::gc::{self, GcOptions};
use mlops_versioning::operations::init::{self, InitOptions};
use mlops_versioning::operations::transfer;
use mlops_versioning::{Repository, VersioningError, silent};

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
    place.write("dvc.yaml", "stages:\n  t: {cmd: x, outs: [model]}\n");
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
    gc::gc(&place.repository, &options, &|_| Ok(true), &silent).unwrap_err();
    fs::remove_file(place.root.join("broken.dvc")).unwrap();
    let id = place.tracked()[1].out.id.unwrap();
    fs::remove_file(place.repository.cache().path(&id)).unwrap();
    let error = gc::gc(&place.repository, &options, &|_| Ok(true), &silent).unwrap_err();
    assert!(matches!(error, VersioningError::Missing { .. }), "{error}");
    assert!(place.object("1").exists());
    let forced = GcOptions {
        force: true,
        ..options
    };
    gc::gc(&place.repository, &forced, &|_| Ok(true), &silent).unwrap();
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

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes all files of a remote look as if they had been pushed so many days ago.
fn pushed_before(remote: &std::path::Path, days: u32) {
    for folder in fs::read_dir(remote.join("files/md5")).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644))
                .unwrap();
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() - DAY * days).unwrap();
        }
    }
}

/// How many objects are removed from the remote, and how many are kept since they are young.
fn collected_in_remote(place: &Place, grace: Duration) -> (usize, usize) {
    let options = GcOptions {
        cloud: true,
        grace,
        ..GcOptions::default()
    };
    let collected = gc::gc(&place.repository, &options, &|_| Ok(true), &silent);
    let collected = collected.unwrap().unwrap();
    (collected.remote.len(), collected.young)
}

#[test]
fn what_a_colleague_pushed_a_while_ago_stays_in_the_remote() {
    let remote = tempfile::tempdir().unwrap();
    let mut place = Place::new();
    let config = format!(
        "[core]\n    no_scm = True\n    remote = r\n['remote \"r\"']\n    url = {}\n",
        remote.path().display()
    );
    place.write(".dvc/config", &config);
    place.repository = Repository::open(&place.root).unwrap();
    for content in ["1", "2"] {
        place.write("data/changes", content);
        place.write("data/stays", "the same");
        place.add(&["data"]).unwrap();
        place.push().unwrap();
        if content == "1" {
            pushed_before(remote.path(), 20);
        }
    }
    // Somebody whose commits know nothing of it: the second list, its file, and what it shares with the first.
    fs::remove_file(place.root.join("data.dvc")).unwrap();
    assert_eq!(collected_in_remote(&place, gc::GRACE), (2, 3));
    let cache = place.root.join(".dvc/cache");
    assert!(!cache.join("files/md5").exists() || !place.object("2").exists());
    assert_eq!(collected_in_remote(&place, gc::GRACE), (0, 3));
    pushed_before(remote.path(), 13);
    assert_eq!(collected_in_remote(&place, gc::GRACE), (0, 3));
    assert_eq!(collected_in_remote(&place, DAY), (3, 0));
    place.write("data/changes", "3");
    place.add(&["data"]).unwrap();
    place.push().unwrap();
    fs::remove_file(place.root.join("data.dvc")).unwrap();
    assert_eq!(collected_in_remote(&place, Duration::ZERO), (3, 0));
}

#[test]
fn nothing_goes_before_it_was_said_and_agreed_to() {
    let place = Place::new();
    place.write("data", "1");
    place.add(&["data"]).unwrap();
    place.write("data", "22");
    place.add(&["data"]).unwrap();
    let asked = Cell::new(0);
    let answer = |agreed: bool| {
        let confirm = |collected: &gc::Collected| {
            asked.set(asked.get() + 1);
            assert_eq!((collected.cache.len(), collected.cache_bytes), (1, 1));
            Ok(agreed)
        };
        gc::gc(&place.repository, &GcOptions::default(), &confirm, &silent).unwrap()
    };
    assert!(answer(false).is_none());
    assert!(place.object("1").exists());
    assert_eq!(place.gc(Revisions::default(), true).cache.len(), 1);
    assert_eq!(answer(true).unwrap().cache.len(), 1);
    assert!(!place.object("1").exists());
    assert!(answer(true).unwrap().is_empty());
    assert_eq!(asked.get(), 2, "nobody is asked about nothing");
}

#[test]
fn what_a_killed_command_left_is_never_data_and_goes_with_the_next_command() {
    let place = Place::new();
    place.write("data/a", "1");
    place.write("data/deep/.AAAAAAAAAAAAAAAAAAAAAA.tmp", "half a file");
    place.write("data/.writing-nl2Js8", "half a table");
    place.write(".BBBBBBBBBBBBBBBBBBBBBB.tmp", "half of another");
    place.add(&["data"]).unwrap();
    let id = place.tracked()[0].out.id.unwrap();
    assert_eq!(
        place
            .repository
            .cache()
            .manifest(&id)
            .unwrap()
            .entries()
            .len(),
        1
    );
    // What was written a moment ago may have an owner that lives.
    assert!(place.has("data/.writing-nl2Js8"));
    let leftovers = [
        "data/deep/.AAAAAAAAAAAAAAAAAAAAAA.tmp",
        "data/.writing-nl2Js8",
        ".BBBBBBBBBBBBBBBBBBBBBB.tmp",
    ];
    for name in leftovers {
        let file = fs::File::options()
            .write(true)
            .open(place.root.join(name))
            .unwrap();
        file.set_modified(SystemTime::now() - DAY).unwrap();
    }
    place.add(&["data"]).unwrap();
    assert!(leftovers.iter().all(|name| !place.has(name)));
}

#[test]
fn beginning_again_keeps_the_objects() {
    let place = Place::with_git();
    place.write("a", "1");
    place.add(&["a"]).unwrap();
    place.write(".dvc/config.local", "[cache]\n    type = copy\n");
    let again = InitOptions {
        force: true,
        ..InitOptions::default()
    };
    init::init(&place.root, again).unwrap();
    assert!(place.object("1").exists() && !place.has(".dvc/config.local"));
    assert!(place.has(".dvc/config"));
}

#[test]
fn not_in_remote_keeps_only_what_is_needed_and_not_pushed() {
    let place = Place::new().with_remote("not-in-remote");
    place.write("pushed", "1");
    place.add(&["pushed"]).unwrap();
    place.push().unwrap();
    place.write("unpushed", "2");
    place.write("garbage", "3");
    place.add(&["unpushed", "garbage"]).unwrap();
    fs::remove_file(place.root.join("garbage.dvc")).unwrap();
    let options = GcOptions {
        not_in_remote: true,
        transfer: place.options(),
        ..GcOptions::default()
    };
    gc::gc(&place.repository, &options, &|_| Ok(true), &silent).unwrap();
    let there = |content: &str| place.object(content).exists();
    assert_eq!([there("1"), there("2"), there("3")], [false, true, false]);
    let pushed: Vec<_> = place
        .tracked()
        .into_iter()
        .filter(|pin| pin.out.full.ends_with("pushed"))
        .collect();
    transfer::fetch(&place.repository, &pushed, &place.options(), &silent).unwrap();
    assert!(there("1"), "the remote has it");
}

#[test]
fn experiments_that_dvc_keeps_in_git_can_be_kept() {
    let place = Place::with_git();
    place.write("a", "1");
    place.add(&["a"]).unwrap();
    git(&place.root, &["add", "."]);
    git(&place.root, &["commit", "-qm", "1"]);
    place.write("a", "2");
    place.add(&["a"]).unwrap();
    git(&place.root, &["commit", "-qam", "2"]);
    git(
        &place.root,
        &["update-ref", "refs/exps/ab/cdef/name", "HEAD"],
    );
    git(&place.root, &["reset", "-q", "--hard", "HEAD~1"]);
    let keep = |all_experiments| Revisions {
        all_experiments,
        ..Revisions::default()
    };
    assert!(place.gc(keep(true), false).cache.is_empty());
    assert_eq!(place.gc(keep(false), false).cache.len(), 1);
}
