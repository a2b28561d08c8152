//! Killed at every step, the file system shows the old content or the new one, and the same work done again
//! finishes. The children are this test, called again with a task.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too
#![cfg(debug_assertions)]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use mlops_disk::{self as disk, Batch, Existing, Link, Staged};
use mlops_store::{Bucket, Runtime, Settings};

/// What the child does, in a folder.
fn work(task: &str, folder: &Path) {
    let file = folder.join("file");
    match task {
        "write" => disk::write_whole(&file, b"new content").unwrap(),
        "create" => {
            let _ = disk::create_new(&folder.join("created"), b"new content").unwrap();
        }
        "batch" => {
            let batch = Batch::new();
            for n in 0..34 {
                let dest = folder.join(format!("batch/{}/{n}", n % 3));
                batch
                    .stage(&dest, b"new content", Some(0o444), Existing::Keep)
                    .unwrap();
            }
            batch
                .link(
                    &[Link::Hard],
                    &file,
                    &folder.join("batch/link"),
                    None,
                    Existing::Replace,
                )
                .unwrap();
            batch.commit().unwrap();
        }
        "resume" => {
            let mut partial = Staged::resume(&folder.join("large"), "v1").unwrap();
            let rest = &b"new content"[partial.bytes as usize..];
            for byte in rest {
                partial.staged.write_bytes(&[*byte]).unwrap();
            }
            partial.staged.finish(&folder.join("large")).unwrap();
        }
        "bucket" => {
            let bucket = Bucket::open_path(&folder.join("bucket"), &Settings::default()).unwrap();
            Runtime::new().unwrap().block_on(async {
                bucket.put("a/object", "new content").await.unwrap();
                let _ = bucket.create("a/record", "new content").await.unwrap();
                bucket.upload("a/upload", &file, |_| {}).await.unwrap();
                bucket.delete("a/none").await.unwrap();
            });
        }
        other => panic!("no task {other}"),
    }
}

/// Whatever is there is the old content or the new one. Temporary files and folders are no one's content.
fn check(folder: &Path) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if disk::is_temp(name) {
            continue;
        }
        if path.is_dir() {
            files += check(&path);
        } else {
            files += 1;
            let content = fs::read_to_string(&path).unwrap();
            assert!(
                ["old", "new content"].contains(&content.as_str()),
                "{path:?}: {content:?}"
            );
        }
    }
    files
}

#[test]
#[ignore = "a child of the others"]
fn child() {
    let task = std::env::var("STORE_CRASH_TASK").unwrap();
    work(
        &task,
        Path::new(&std::env::var_os("STORE_CRASH_FOLDER").unwrap()),
    );
}

fn run(task: &str, folder: &Path, variable: &str, value: &str) -> ExitStatus {
    Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--ignored", "--quiet"])
        .env("STORE_CRASH_TASK", task)
        .env("STORE_CRASH_FOLDER", folder)
        .env(variable, value)
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap()
}

fn fresh() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "old").unwrap();
    folder
}

fn killed_at_every_point(task: &str, files: usize) {
    let (folder, notes) = (fresh(), tempfile::tempdir().unwrap());
    let count = notes.path().join("count");
    assert!(
        run(
            task,
            folder.path(),
            "MLOPS_CRASH_COUNT",
            count.to_str().unwrap()
        )
        .success()
    );
    assert_eq!(check(folder.path()), files);
    let points: usize = fs::read_to_string(&count).unwrap().parse().unwrap();
    assert!(points > 5, "{points} points");
    for at in 1..=points {
        let folder = fresh();
        let status = run(task, folder.path(), "MLOPS_CRASH_AT", &at.to_string());
        assert_eq!(status.signal(), Some(9), "point {at} of {points}");
        check(folder.path());
        work(task, folder.path());
        assert_eq!(check(folder.path()), files, "done again after point {at}");
        disk::sweep_temps(folder.path(), Duration::ZERO).unwrap();
        assert_eq!(check(folder.path()), files);
    }
    println!("{task}: killed at {points} points");
}

#[test]
fn a_whole_write_killed_at_every_point() {
    killed_at_every_point("write", 1);
}

#[test]
fn a_creation_killed_at_every_point() {
    killed_at_every_point("create", 2);
}

#[test]
fn a_batch_killed_at_every_point() {
    killed_at_every_point("batch", 36);
}

#[test]
fn a_resumed_transfer_killed_at_every_point() {
    killed_at_every_point("resume", 2);
}

#[test]
fn a_folder_as_bucket_killed_at_every_point() {
    killed_at_every_point("bucket", 4);
}
