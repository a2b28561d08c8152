//! `pull`: what lies at a remote needn't be run.

use mlops_versioning::operations::transfer::{self, TransferOptions};
use mlops_versioning::silent;

use super::*;
use crate::run_cache;

const TWO: &str = "stages:\n  \
     a: {cmd: cat data > mid, deps: [data], outs: [mid]}\n  \
     b: {cmd: mkdir dir && cp mid dir/x && echo 1 > m.json, deps: [mid], outs: [dir], metrics: [m.json: {cache: false}]}\n";
const PIN: &str =
    "outs:\n- md5: c4ca4238a0b923820dcc509a6f75849b\n  size: 1\n  hash: md5\n  path: data\n";

fn pull() -> Options {
    Options {
        pull: true,
        ..Options::default()
    }
}

/// Somebody ran both stages on `1`, then both on `2`, and pushed what each made, and the runs.
fn pushed(remote: &Path, definition: &str) -> (Scratch, String) {
    let scratch = Scratch::with_remote(definition, remote);
    let options = TransferOptions::default();
    scratch.write("data", "1");
    scratch.write("data.dvc", PIN);
    let mut locks = Vec::new();
    for content in ["1", "2"] {
        scratch.write("data", content);
        scratch.run().unwrap();
        locks.push(scratch.read("dvc.lock"));
        let tracked = scratch.repository.declarations().unwrap().outputs;
        scratch
            .repository
            .store(
                &scratch.path("data"),
                mlops_repository::HashKind::Md5,
                &silent,
            )
            .unwrap();
        transfer::push(&scratch.repository, &tracked, &options, &silent).unwrap();
    }
    let moved = run_cache::push(&scratch.repository, &options, &silent).unwrap();
    assert_eq!((moved.count, moved.refused.len()), (4, 0));
    let again = run_cache::push(&scratch.repository, &options, &silent).unwrap();
    assert_eq!(again.count, 0, "what is there isn't sent again");
    (scratch, locks.remove(0))
}

#[test]
fn what_others_ran_is_fetched_instead_of_run() {
    let remote = tempfile::tempdir().unwrap();
    // What Git holds doesn't go to a remote.
    let definition = &TWO.replace(": {cache: false}", "");
    let (_theirs, _) = pushed(remote.path(), definition);
    // A clone of before: neither a lock nor any data.
    let mine = Scratch::with_remote(definition, remote.path());
    mine.write("data.dvc", PIN);
    let summary = mine.run_with(&pull()).unwrap();
    assert_eq!(summary.restored, ["a", "b"]);
    assert_eq!(
        (mine.read("data"), mine.read("dir/x")),
        ("1".into(), "1".into())
    );
    assert_eq!(mine.read("m.json"), "1\n");
    let summary = mine.run().unwrap();
    assert_eq!(summary.unchanged.len(), 3);
}

#[test]
fn without_the_run_cache_what_is_missing_is_fetched_and_the_rest_is_run() {
    let remote = tempfile::tempdir().unwrap();
    let (_theirs, _) = pushed(remote.path(), TWO);
    let mine = Scratch::with_remote(TWO, remote.path());
    mine.write("data.dvc", PIN);
    let options = Options {
        no_run_cache: true,
        ..pull()
    };
    let summary = mine.run_with(&options).unwrap();
    assert_eq!(summary.ran, ["a", "b"]);
    assert_eq!(mine.read("dir/x"), "1");
    assert!(
        !mine
            .path(".dvc/cache/runs")
            .join("..")
            .join("none")
            .exists()
    );
}

#[test]
fn outputs_that_the_lock_names_are_fetched() {
    let remote = tempfile::tempdir().unwrap();
    let (_theirs, lock) = pushed(remote.path(), TWO);
    let mine = Scratch::with_remote(TWO, remote.path());
    mine.write("data.dvc", PIN);
    mine.write("dvc.lock", &lock);
    mine.write("m.json", "1\n");
    let options = Options {
        no_run_cache: true,
        ..pull()
    };
    let summary = mine.run_with(&options).unwrap();
    assert_eq!(summary.restored, ["a", "b"]);
    assert_eq!(
        (mine.read("dvc.lock"), mine.read("m.json")),
        (lock, "1\n".into())
    );
    assert_eq!(
        (mine.read("mid"), mine.read("dir/x")),
        ("1".into(), "1".into())
    );
}

#[test]
fn one_stage_alone_gets_what_it_reads() {
    let remote = tempfile::tempdir().unwrap();
    let (_theirs, lock) = pushed(remote.path(), TWO);
    let mine = Scratch::with_remote(&TWO.replace("echo 1", "echo 2"), remote.path());
    mine.write("data.dvc", PIN);
    mine.write("dvc.lock", &lock);
    let options = Options {
        targets: vec!["b".into()],
        single_item: true,
        ..pull()
    };
    let summary = mine.run_with(&options).unwrap();
    assert_eq!(summary.ran, ["b"]);
    assert_eq!(
        (mine.read("mid"), mine.read("m.json")),
        ("1".into(), "2\n".into())
    );
    assert!(!mine.path("data").exists(), "nobody asked for it");
}

#[test]
fn a_false_result_is_not_taken_and_told_of() {
    let remote = tempfile::tempdir().unwrap();
    let (_theirs, _) = pushed(remote.path(), TWO);
    let mut open = vec![remote.path().join("runs")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                std::fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else {
            // The same, but what came out is another.
            let text = std::fs::read_to_string(&path).unwrap();
            let (before, outs) = text.split_once("outs:").unwrap();
            let false_outs = outs.replace("md5: c", "md5: d").replace("md5: b", "md5: d");
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, format!("{before}outs:{false_outs}")).unwrap();
        }
    }
    let mine = Scratch::with_remote(TWO, remote.path());
    mine.write("data.dvc", PIN);
    let summary = mine.run_with(&pull()).unwrap();
    assert_eq!(summary.ran, ["a", "b"]);
    assert!(mine.saw("results aren't what their names say"));
}

#[test]
fn without_a_remote_the_run_goes_on() {
    let mine = Scratch::with_remote(TWO, Path::new("s3://no-such-bucket.invalid/x?"));
    mine.write("data", "1");
    mine.write("data.dvc", PIN);
    let text = mine
        .read(".dvc/config")
        .replace("remote = r", "remote = gone");
    mine.write(".dvc/config", &text);
    let again = Scratch {
        repository: Repository::open(mine.repository.root()).unwrap(),
        ..mine
    };
    let summary = again.run_with(&pull()).unwrap();
    assert_eq!(summary.ran, ["a", "b"]);
    assert!(again.saw("Warning"));
}
