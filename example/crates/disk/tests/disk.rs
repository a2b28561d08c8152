//! What is written to the local file system is whole, once, and leaves nothing behind.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use mlops_disk::{self as disk, Batch, Existing, Link, Staged};
use mlops_disk::{Created, DiskError, DiskErrorKind};

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
fn sweeping_leaves_what_is_being_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut living = Staged::beside(&folder.path().join("file")).unwrap();
    fs::write(folder.path().join(".0123456789abcdefABCD-_.tmp"), "left").unwrap();
    fs::write(folder.path().join(".writing-nl2Js8"), "left").unwrap();
    fs::write(folder.path().join(".writing-a-novel"), "the user's").unwrap();
    fs::create_dir(folder.path().join("below")).unwrap();
    fs::write(
        folder.path().join("below/.0123456789abcdefABCD-_.tmp"),
        "left",
    )
    .unwrap();
    let swept = disk::sweep_temps_in(folder.path(), Duration::ZERO).unwrap();
    assert_eq!(swept.len(), 2, "{swept:?}");
    assert_eq!(
        disk::sweep_temps(folder.path(), Duration::ZERO)
            .unwrap()
            .len(),
        1
    );
    living.write_bytes(b"whole").unwrap();
    living.finish(&folder.path().join("file")).unwrap();
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"whole");
    assert!(folder.path().join(".writing-a-novel").exists());
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
            Err(error) if kind == Link::Reflink && error.kind == DiskErrorKind::Unsupported => {
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
        Err(DiskError {
            kind: DiskErrorKind::InTheWay,
            ..
        })
    ));
    assert!(disk::remove_tree(&path).unwrap());
}

#[test]
fn errors_name_the_file_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    disk::write_whole(&file, b"x").unwrap();
    let said = |error: DiskError| {
        error
            .to_string()
            .replace(&folder.path().display().to_string(), "")
    };
    assert_eq!(
        said(disk::write_whole(&file.join("below"), b"x").unwrap_err()),
        "/file/below: could not create a temporary file: a file stands where a folder is needed, \
         or a folder or a device where a file is. Move it away first"
    );
    assert_eq!(
        said(disk::write_whole(&folder.path().join("none/x"), b"x").unwrap_err()),
        "/none: could not write a file there: there is no such folder. Create it first"
    );
    assert_eq!(
        said(disk::create_dir_all(&file.join("below")).unwrap_err()),
        "/file: could not create the folder: a file stands where a folder is needed, \
         or a folder or a device where a file is. Move it away first"
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
    let said = DiskError::io("write", full, error).to_string();
    assert!(said.contains("the disk is full. Free some space"), "{said}");
}

/// Whatever is opened to stay open: the opener, by name.
type Opener = fn(&Path) -> Result<fs::File, DiskError>;
const IN_PLACE: [(&str, Opener); 3] = [
    ("append", |path| disk::open_append(path, 0o600)),
    ("read and write", |path| disk::open_read_write(path, 0o600)),
    ("lock", |path| {
        disk::try_lock(path, "a test").map(|lock| lock.unwrap())
    }),
];

#[test]
fn a_file_that_stays_open_is_created_private_and_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    for line in ["one\n", "two\n"] {
        let mut file = disk::open_append(&path, 0o600).unwrap();
        std::io::Write::write_all(&mut file, line.as_bytes()).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn no_write_follows_a_link_at_the_end_of_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let victim = folder.path().join("victim");
    let link = folder.path().join("link");
    fs::write(&victim, "precious").unwrap();
    for (name, open) in IN_PLACE {
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        let error = open(&link).unwrap_err();
        assert_eq!(error.kind, DiskErrorKind::SymbolicLink, "{name}");
        assert!(error.is_user_error());
    }
    // A link that leads nowhere would create its target.
    let target = folder.path().join("created");
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink(&target, &link).unwrap();
    for (name, open) in IN_PLACE {
        assert!(open(&link).is_err(), "{name}");
    }
    assert!(!target.exists());
    // Whole files replace the link.
    for write in [
        |path: &Path| disk::write_whole(path, b"new"),
        |path: &Path| Staged::beside(path)?.finish(path),
    ] {
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        write(&link).unwrap();
        assert!(!link.is_symlink());
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn an_interrupted_download_follows_no_link_that_stands_at_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let dest = folder.path().join("large");
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let name = Staged::resume(&dest, "v1")
        .unwrap()
        .staged
        .path()
        .to_path_buf();
    fs::remove_file(&name).unwrap();
    std::os::unix::fs::symlink(&victim, &name).unwrap();
    let error = Staged::resume(&dest, "v1").map(|_| ()).unwrap_err();
    assert_eq!(error.kind, DiskErrorKind::SymbolicLink);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn a_pipe_and_a_device_are_no_files_to_write_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    for (name, open) in IN_PLACE {
        assert!(open(&pipe).is_err(), "{name}");
    }
    for endless in [pipe.as_path(), Path::new("/dev/zero")] {
        let error = disk::read_small(endless, 10).unwrap_err();
        assert_eq!(error.kind, DiskErrorKind::WrongType, "{endless:?}");
    }
}

#[test]
fn a_small_file_is_read_up_to_its_limit_and_not_beyond() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "0123456789").unwrap();
    assert_eq!(disk::read_small(&path, 10).unwrap(), b"0123456789");
    let error = disk::read_small(&path, 9).unwrap_err();
    assert_eq!(error.kind, DiskErrorKind::TooLarge);
    fs::write(&path, b"ab\xff").unwrap();
    let error = disk::read_small_text(&path, 9).unwrap_err().to_string();
    assert!(error.contains("byte 2"), "{error}");
}

#[test]
fn what_lies_in_a_project_is_told_from_what_leads_out_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    let (root, other) = (base.join("project"), base.join("other"));
    for folder in [&root.join("data"), &other] {
        fs::create_dir_all(folder).unwrap();
    }
    let link = |target: &Path, name: &str| {
        std::os::unix::fs::symlink(target, root.join(name)).unwrap();
    };
    link(&other, "out");
    link(&root.join("data"), "own");
    link(&base.join("nowhere"), "dangling");
    link(&other.join("file"), "file");
    let inside = |path: &str| disk::inside(&root, path.as_ref());
    assert_eq!(inside("data/x.csv").unwrap(), root.join("data/x.csv"));
    assert_eq!(inside("new/deep/x").unwrap(), root.join("new/deep/x"));
    assert_eq!(inside("own/x").unwrap(), root.join("data/x"));
    assert_eq!(inside("data/../x").unwrap(), root.join("x"));
    assert_eq!(
        inside(root.join("x").to_str().unwrap()).unwrap(),
        root.join("x")
    );
    assert_eq!(
        inside("file").unwrap(),
        root.join("file"),
        "the link itself is replaced, not followed"
    );
    for path in [
        "..",
        ".",
        "",
        "/",
        "../x",
        "data/../../x",
        "/etc/x",
        "out/x",
        "out/deep/x",
        "own/../../x",
        "../../../../../../../../../../../x",
    ] {
        let error = inside(path).unwrap_err();
        assert_eq!(error.kind, DiskErrorKind::Outside, "{path}");
    }
    inside("dangling/x").unwrap_err();
}
