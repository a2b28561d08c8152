//! What is written to the local file system is whole, once, and leaves nothing behind.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use mlops_store::disk::{self, Batch, Existing, Link, Staged};
use mlops_store::{Created, StoreError};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_whole_write_replaces_the_content_and_keeps_the_mode() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    disk::write_whole(&path, b"one").unwrap();
    disk::set_mode(&path, 0o640).unwrap();
    disk::write_whole(&path, b"two").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(mode(&path), 0o640);
    assert_eq!(names(folder.path()), ["file"]);
}

#[test]
fn a_whole_write_replaces_a_link_and_not_what_it_points_to() {
    let folder = tempfile::tempdir().unwrap();
    let (cached, linked) = (folder.path().join("cached"), folder.path().join("linked"));
    disk::write_whole(&cached, b"object").unwrap();
    disk::symlink(&cached, &linked).unwrap();
    disk::write_whole(&linked, b"new").unwrap();
    assert_eq!(fs::read(&cached).unwrap(), b"object");
    assert!(fs::symlink_metadata(&linked).unwrap().is_file());
}

#[test]
fn of_sixteen_creators_exactly_one_wins_and_its_content_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record");
    let winners: Vec<u8> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16u8)
            .map(|n| {
                let path = &path;
                scope.spawn(move || (n, disk::create_new(path, &[n; 1000]).unwrap()))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .filter(|(_, created)| *created == Created::Yes)
            .map(|(n, _)| n)
            .collect()
    });
    assert_eq!(winners.len(), 1);
    assert_eq!(fs::read(&path).unwrap(), [winners[0]; 1000]);
    assert_eq!(names(folder.path()), ["record"]);
}

#[test]
fn a_dropped_staged_file_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut staged = Staged::beside(&folder.path().join("file")).unwrap();
    staged.write_bytes(b"half").unwrap();
    assert!(disk::is_temp(&names(folder.path())[0]));
    drop(staged);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_name_of_255_bytes_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n".repeat(255));
    disk::write_whole(&path, b"long").unwrap();
    assert_eq!(fs::read(path).unwrap(), b"long");
}

#[test]
fn an_interrupted_transfer_is_taken_up_by_the_next_one_of_the_same_version_only() {
    let folder = tempfile::tempdir().unwrap();
    let dest = folder.path().join("big");
    let mut first = Staged::resume(&dest, "v1").unwrap();
    assert_eq!(first.bytes, 0);
    first.staged.write_bytes(b"half").unwrap();
    let beside = Staged::resume(&dest, "v1").unwrap();
    assert_eq!(beside.bytes, 0, "someone is at it: not the same file");
    drop(beside);
    drop(first);
    assert_eq!(Staged::resume(&dest, "v2").unwrap().bytes, 0);
    let mut second = Staged::resume(&dest, "v1").unwrap();
    assert_eq!(second.bytes, 4);
    second.staged.write_bytes(b" and half").unwrap();
    second.staged.finish(&dest).unwrap();
    assert_eq!(fs::read(&dest).unwrap(), b"half and half");
}

#[test]
fn a_discarded_transfer_starts_from_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let dest = folder.path().join("big");
    let mut first = Staged::resume(&dest, "v1").unwrap().staged;
    first.write_bytes(b"wrong").unwrap();
    first.discard();
    assert_eq!(Staged::resume(&dest, "v1").unwrap().bytes, 0);
}

#[test]
fn sweeping_removes_temporary_files_of_that_age_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("a/b");
    disk::create_dir_all(&below).unwrap();
    let left = below.join(".0123456789abcdefABCD-_.tmp");
    let kept = [
        ".short.tmp",
        ".tmp",
        "notes.tmp",
        ".0123456789abcdefABCD-_.tmp.txt",
    ];
    fs::write(&left, "left by a kill").unwrap();
    for name in kept {
        fs::write(below.join(name), "the user's").unwrap();
    }
    assert!(
        disk::sweep_temps(folder.path(), Duration::from_secs(3600))
            .unwrap()
            .is_empty()
    );
    let unfinished = below.join(".0123456789abcdefABCDEF.tmp");
    disk::create_dir_all(&unfinished).unwrap();
    fs::write(unfinished.join("file"), "left by a kill").unwrap();
    let mut swept = disk::sweep_temps(folder.path(), Duration::ZERO).unwrap();
    swept.sort();
    assert_eq!(swept, [left, unfinished]);
    assert_eq!(names(&below).len(), kept.len());
    assert!(
        disk::sweep_temps(&folder.path().join("none"), Duration::ZERO)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn every_kind_of_link_takes_the_place_of_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    disk::write_whole(&from, b"content").unwrap();
    for kind in [
        Link::Hard,
        Link::Hard,
        Link::Symbolic,
        Link::Copy,
        Link::Reflink,
    ] {
        match disk::link(kind, &from, &to) {
            Err(StoreError::Unsupported { .. }) if kind == Link::Reflink => {
                eprintln!("no reflinks on this file system: not tried")
            }
            other => other.unwrap(),
        }
        assert_eq!(fs::read(&to).unwrap(), b"content");
        assert_eq!(names(folder.path()), ["from", "to"], "{kind:?}");
        let same = fs::metadata(&from).unwrap().ino() == fs::symlink_metadata(&to).unwrap().ino();
        assert_eq!(same, kind == Link::Hard, "{kind:?}");
    }
    let kind = disk::link_first(&[Link::Reflink, Link::Copy], &from, &to).unwrap();
    assert!(matches!(kind, Link::Reflink | Link::Copy));
}

#[test]
fn a_batch_puts_everything_in_its_place_at_any_size() {
    for count in [0, 1, 32, 33, 500] {
        let folder = tempfile::tempdir().unwrap();
        let place = |n: usize| folder.path().join(format!("{:02x}/deeper/{n}", n % 40));
        let batch = Batch::new();
        std::thread::scope(|scope| {
            for half in 0..2 {
                let (batch, place) = (&batch, &place);
                scope.spawn(move || {
                    for n in (half..count).step_by(2) {
                        let content = n.to_string();
                        batch
                            .stage(&place(n), content.as_bytes(), Some(0o444), Existing::Keep)
                            .unwrap();
                    }
                });
            }
        });
        assert_eq!(batch.len(), count);
        assert_eq!(batch.commit().unwrap(), count);
        for n in 0..count {
            assert_eq!(fs::read_to_string(place(n)).unwrap(), n.to_string());
            assert_eq!(mode(&place(n)), 0o444);
        }
        assert!(
            disk::sweep_temps(folder.path(), Duration::ZERO)
                .unwrap()
                .is_empty()
        );
    }
}

#[test]
fn a_batch_that_keeps_what_is_there_counts_only_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    fs::write(&old, "as it was").unwrap();
    let batch = Batch::new();
    batch.stage(&old, b"other", None, Existing::Keep).unwrap();
    batch.stage(&new, b"other", None, Existing::Keep).unwrap();
    batch
        .link(
            &[Link::Hard],
            &old,
            &folder.path().join("link"),
            None,
            Existing::Replace,
        )
        .unwrap();
    assert_eq!(batch.commit().unwrap(), 2);
    assert_eq!(fs::read_to_string(&old).unwrap(), "as it was");
    assert_eq!(names(folder.path()), ["link", "new", "old"]);
}

#[test]
fn a_folder_that_someone_makes_while_a_batch_is_filled_keeps_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join("new").join(name);
    for count in [1, 100] {
        let batch = Batch::new();
        for n in 0..count {
            let (name, content) = (n.to_string(), [n]);
            batch
                .stage(&place(&name), &content, None, Existing::Keep)
                .unwrap();
        }
        assert!(!folder.path().join("new").exists(), "filled aside");
        fs::create_dir(folder.path().join("new")).unwrap();
        fs::write(place("0"), "theirs").unwrap();
        assert_eq!(batch.commit().unwrap(), usize::from(count) - 1);
        assert_eq!(fs::read(place("0")).unwrap(), b"theirs");
        for n in 1..count {
            assert_eq!(fs::read(place(&n.to_string())).unwrap(), [n]);
        }
        assert_eq!(names(folder.path()), ["new"]);
        disk::remove_tree(&folder.path().join("new")).unwrap();
    }
}

#[test]
fn of_two_files_of_one_name_in_a_new_folder_the_first_is_kept_or_replaced() {
    for (existing, left) in [(Existing::Keep, "one"), (Existing::Replace, "two")] {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("new/file");
        let batch = Batch::new();
        batch.stage(&place, b"one", None, existing).unwrap();
        batch.stage(&place, b"two", None, existing).unwrap();
        batch.commit().unwrap();
        assert_eq!(fs::read_to_string(&place).unwrap(), left);
        assert_eq!(names(folder.path()), ["new"]);
        assert_eq!(names(&folder.path().join("new")), ["file"]);
    }
}

#[test]
fn files_have_the_mode_asked_for_whatever_the_system_makes_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = [0o444, 0o600, 0o666, 0o777];
    let place = |mode: u32| folder.path().join(format!("new/{mode:o}"));
    let batch = Batch::new();
    for mode in wanted {
        batch
            .stage(&place(mode), b"x", Some(mode), Existing::Replace)
            .unwrap();
    }
    batch.commit().unwrap();
    for wanted in wanted {
        assert_eq!(mode(&place(wanted)), wanted);
    }
}

#[test]
fn a_batch_that_is_dropped_leaves_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let batch = Batch::new();
    for n in 0..100 {
        batch
            .stage(
                &folder.path().join("new").join(n.to_string()),
                b"x",
                None,
                Existing::Replace,
            )
            .unwrap();
        batch
            .stage(
                &folder.path().join(n.to_string()),
                b"x",
                None,
                Existing::Replace,
            )
            .unwrap();
    }
    drop(batch);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_file_of_a_batch_may_be_staged_in_another_folder() {
    let folder = tempfile::tempdir().unwrap();
    let batch = Batch::new();
    let mut staged = batch.start(&folder.path().join("a/unknown")).unwrap();
    staged.write_bytes(b"content").unwrap();
    let dest = folder.path().join("b/c/known");
    disk::create_dir_all(dest.parent().unwrap()).unwrap();
    batch.adopt(staged, &dest, Existing::Keep);
    assert_eq!(batch.commit().unwrap(), 1);
    assert_eq!(fs::read(&dest).unwrap(), b"content");
    assert!(names(&folder.path().join("a")).is_empty());
}

#[test]
fn a_lock_is_held_by_one_and_free_when_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    let held = disk::try_lock(&path, "the first").unwrap().unwrap();
    assert!(disk::try_lock(&path, "the second").unwrap().is_none());
    assert_eq!(fs::read_to_string(&path).unwrap(), "the first");
    drop(held);
    assert!(disk::try_lock(&path, "third").unwrap().is_some());
    assert_eq!(fs::read_to_string(&path).unwrap(), "third");
}

#[test]
fn removing_what_is_not_there_says_so_and_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gone");
    assert!(!disk::remove_file(&path).unwrap());
    assert!(!disk::remove_dir(&path).unwrap());
    assert!(!disk::remove_tree(&path).unwrap());
    disk::create_dir_all(&path.join("a")).unwrap();
    assert!(matches!(
        disk::remove_dir(&path),
        Err(StoreError::InTheWay { .. })
    ));
    assert!(disk::remove_tree(&path).unwrap());
}

#[test]
fn errors_name_the_file_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    disk::write_whole(&file, b"x").unwrap();
    let said = |error: StoreError| {
        error
            .to_string()
            .replace(&folder.path().display().to_string(), "")
    };
    assert_eq!(
        said(disk::write_whole(&file.join("below"), b"x").unwrap_err()),
        "/file/below: could not create a temporary file: a file stands where a folder is needed, \
         or a folder where a file is. Move it away first"
    );
    assert_eq!(
        said(disk::write_whole(&folder.path().join("none/x"), b"x").unwrap_err()),
        "/none: could not create a temporary file: it doesn't exist"
    );
    assert_eq!(
        said(disk::create_dir_all(&file.join("below")).unwrap_err()),
        "/file: could not create the folder: a file stands where a folder is needed, \
         or a folder where a file is. Move it away first"
    );
    assert_eq!(
        said(disk::rename(&folder.path().join("none"), &file).unwrap_err()),
        "/none: could not rename: it doesn't exist"
    );
}

#[test]
fn a_full_disk_is_named_and_leaves_the_old_content() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        eprintln!("SKIPPED: no /dev/full here");
        return;
    }
    let error = std::io::Write::write_all(
        &mut fs::File::options().write(true).open(full).unwrap(),
        b"x",
    )
    .unwrap_err();
    let said = StoreError::io("write", full, error).to_string();
    assert!(said.contains("the disk is full. Free some space"), "{said}");
}
