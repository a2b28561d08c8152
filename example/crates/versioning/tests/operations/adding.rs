//! Data comes under version control, and what changed of it is committed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use mlops_repository::HashKind;
use mlops_versioning::operations::status::OutState;
use mlops_versioning::operations::{commit, remove};
use mlops_versioning::{Manifest, ManifestEntry, Repository, VersioningError, silent};

use crate::place::{Place, git};

#[test]
fn what_was_added_comes_back() {
    let place = Place::new();
    place.write("data/a", "1");
    place.write("data/sub/b", "2");
    place.write("data/zero", "");
    place.write("tool", "run");
    fs::set_permissions(place.root.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
    place.add(&["data", "tool"]).unwrap();
    assert!(place.is_clean());
    fs::remove_dir_all(place.root.join("data")).unwrap();
    fs::remove_file(place.root.join("tool")).unwrap();
    assert_eq!(place.states(), [Some(OutState::Deleted); 2]);
    let changes = place.checkout(false).unwrap();
    assert_eq!((changes.added.len(), changes.files), (2, [4, 0, 0]));
    assert_eq!(place.read("data/sub/b"), "2");
    assert!(place.is_clean());
    let mode = fs::metadata(place.root.join("tool"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o100, 0o100, "may be executed again");
    assert_eq!(place.checkout(false).unwrap().files, [0, 0, 0]);
}

#[test]
fn what_cannot_be_data_is_refused_and_nothing_is_added_then() {
    let place = Place::with_git();
    place.write("good", "1");
    place.write("tracked", "1");
    place.write("data/a", "1");
    place.write("data/b", "1");
    place.write("ignored.tmp", "1");
    place.write(".dvcignore", "*.tmp\n");
    git(&place.root, &["add", "tracked"]);
    place.add(&["data/a"]).unwrap();
    symlink("data", place.root.join("link")).unwrap();
    for (bad, word) in [
        ("tracked", "git rm"),
        ("data", "data/a"),
        ("nothing", "isn't there"),
        ("../outside", "outside"),
        (".", "itself"),
        (".dvc/config", ".dvc"),
        ("data/a.dvc", "pins"),
        ("ignored.tmp", ".dvcignore"),
        ("link/b", "link"),
    ] {
        let bad_path = mlops_repository::path::normal(&place.root.join(bad));
        let error = place
            .add(&["good", bad_path.to_str().unwrap()])
            .unwrap_err()
            .to_string();
        assert!(error.contains(word), "{bad}: {error}");
        assert!(!place.has("good.dvc"), "{bad}");
    }
    place.write("all/x", "1");
    place.write("all/y", "1");
    let error = place.add(&["all", "all/x"]).unwrap_err().to_string();
    assert!(error.contains("to be added too"), "{error}");
}

#[test]
fn data_is_kept_out_of_git() {
    let place = Place::with_git();
    place.write("data/a", "1");
    place.write("sub/end ", "1");
    place.write("sub/new\nline", "1");
    let added = place.add(&["data", "sub/end ", "sub/new\nline"]).unwrap();
    assert_eq!(added.for_git.len(), 5);
    let output = std::process::Command::new("git")
        .args(["status", "--porcelain", "-z", "--untracked-files=all"])
        .current_dir(&place.root)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for line in text.split('\0').filter(|line| line.starts_with("??")) {
        assert!(
            line.ends_with(".dvc") || line.ends_with(".gitignore"),
            "{line:?}"
        );
    }
    remove::remove(
        &place.repository,
        &place.root.join("data.dvc"),
        true,
        false,
        &silent,
    )
    .unwrap();
    assert!(!place.has("data") && !place.has(".gitignore") && !place.has("data.dvc"));
}

#[test]
fn a_part_of_a_folder_is_added_without_the_rest() {
    let place = Place::new();
    place.write("data/a", "1");
    place.write("data/b", "2");
    place.add(&["data"]).unwrap();
    place.write("data/b", "changed");
    place.write("data/c", "3");
    place.add(&["data/c"]).unwrap();
    let id = place.tracked()[0].out.id.unwrap();
    let manifest = place.repository.cache().manifest(&id).unwrap();
    let one = |content: &str| mlops_repository::Checksum::of(content.as_bytes());
    assert_eq!(manifest.get("b"), Some(one("2")), "stays as it was pinned");
    assert_eq!(manifest.get("c"), Some(one("3")));
    fs::remove_file(place.root.join("data/a")).unwrap();
    place.add(&["data/a"]).unwrap();
    let id = place.tracked()[0].out.id.unwrap();
    assert_eq!(
        place.repository.cache().manifest(&id).unwrap().get("a"),
        None
    );
}

#[test]
fn a_commit_pins_what_changed_and_nothing_else() {
    let place = Place::new();
    place.write("a", "1");
    place.write("b", "2");
    place.add(&["a", "b"]).unwrap();
    place.write("a", "changed");
    let written = commit::commit(&place.repository, &[], false, true, &silent).unwrap();
    assert_eq!(written, [place.root.join("a.dvc")]);
    assert!(place.is_clean());
}

#[test]
fn an_unchanged_content_of_2x_stays_one_and_a_changed_one_becomes_3x() {
    let place = Place::new();
    place.write("text", "a\r\nb\r\n");
    let old = "dd8c6a395b5dd36c56d23275028f526c";
    place.write(
        "text.dvc",
        &format!("outs:\n- md5: {old}\n  size: 6\n  path: text\n"),
    );
    assert_eq!(place.states(), [Some(OutState::NotInCache)]);
    commit::commit(&place.repository, &[], false, true, &silent).unwrap();
    assert!(place.has(".dvc/cache/dd/8c6a395b5dd36c56d23275028f526c"));
    assert!(place.is_clean() && !place.read("text.dvc").contains("hash"));
    fs::remove_file(place.root.join("text")).unwrap();
    place.checkout(false).unwrap();
    assert_eq!(place.read("text"), "a\r\nb\r\n");
    place.write("text", "new");
    commit::commit(&place.repository, &[], false, true, &silent).unwrap();
    assert!(place.read("text.dvc").ends_with("  hash: md5\n"));
    assert!(place.is_clean());
}

#[test]
fn a_file_that_is_written_while_it_is_added_is_refused_or_saved_whole() {
    let place = Place::new();
    let path = place.root.join("busy");
    fs::write(&path, vec![b'a'; 40_000_000]).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::io::Write;
            let mut file = fs::File::options().append(true).open(&path).unwrap();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                file.write_all(b"more").unwrap();
            }
        });
        let added = place.add(&["busy"]);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let error = added.unwrap_err();
        assert!(
            matches!(error, VersioningError::ChangedMeanwhile { .. }),
            "{error}"
        );
    });
    assert!(!place.has("busy.dvc"));
    assert_eq!(place.repository.cache().list(HashKind::Md5).unwrap(), []);
}

#[test]
fn many_equal_files_are_one_object() {
    let place = Place::new();
    for n in 0..400 {
        place.write(&format!("data/{n}"), "same");
    }
    place.add(&["data"]).unwrap();
    assert_eq!(
        place.repository.cache().list(HashKind::Md5).unwrap().len(),
        2
    );
    let entries = vec![ManifestEntry {
        path: "x".into(),
        checksum: mlops_repository::Checksum::of(b"same"),
    }];
    let manifest = Manifest::new(entries, Path::new("x")).unwrap();
    place
        .repository
        .store_manifest(&manifest, HashKind::Md5)
        .unwrap();
    assert_eq!(
        place.repository.cache().list(HashKind::Md5).unwrap().len(),
        3
    );
}

#[test]
fn an_endless_device_in_place_of_a_file_of_dvc_is_refused() {
    let place = Place::with_git();
    place.write("data", "1");
    place.add(&["data"]).unwrap();
    place.write("dvc.yaml", "stages: {}\n");
    for name in [
        "data.dvc",
        "dvc.yaml",
        "dvc.lock",
        ".dvcignore",
        ".dvc/config",
    ] {
        let file = place.root.join(name);
        let kept = std::fs::read(&file).ok();
        let _ = std::fs::remove_file(&file);
        symlink("/dev/zero", &file).unwrap();
        let said = Repository::open(&place.root)
            .and_then(|repository| Ok(repository.declarations().map(|_| ())?))
            .unwrap_err();
        assert!(
            said.to_string().contains(name) && said.is_user_error(),
            "{name}: {said}"
        );
        std::fs::remove_file(&file).unwrap();
        if let Some(kept) = kept {
            std::fs::write(&file, kept).unwrap();
        }
    }
}

#[test]
fn a_folder_of_dvc_that_is_a_link_out_is_refused() {
    let place = Place::new();
    let outside = tempfile::tempdir().unwrap();
    let moved = outside.path().join("elsewhere");
    fs::rename(place.root.join(".dvc"), &moved).unwrap();
    symlink(&moved, place.root.join(".dvc")).unwrap();
    let error = Repository::open(&place.root).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("symbolic link"), "{error}");
    assert!(error.is_user_error());
    // A link to a folder of the repository's own is nobody's trap.
    fs::rename(&moved, place.root.join("own")).unwrap();
    fs::remove_file(place.root.join(".dvc")).unwrap();
    symlink("own", place.root.join(".dvc")).unwrap();
    Repository::open(&place.root).unwrap();
}

#[test]
fn no_folder_that_commands_write_to_may_be_a_link_that_a_clone_brings() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("lock"), "precious").unwrap();
    for name in ["tmp", "tmp/aside", "tmp/hashes", "tmp/repro"] {
        let place = Place::with_git();
        let link = place.root.join(".dvc").join(name);
        let _ = fs::remove_dir_all(&link);
        symlink(outside.path(), &link).unwrap();
        let error = Repository::open(&place.root).map(|_| ()).unwrap_err();
        assert!(
            error.to_string().contains("symbolic link"),
            "{name}: {error}"
        );
    }
    for name in ["cache", "cache/files", "cache/files/md5", "cache/runs"] {
        let place = Place::with_git();
        let link = place.root.join(".dvc").join(name);
        let _ = fs::remove_dir_all(&link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(outside.path(), &link).unwrap();
        // The user's own.
        Repository::open(&place.root).unwrap();
        git(&place.root, &["add", "--force", &format!(".dvc/{name}")]);
        let error = Repository::open(&place.root).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("Git tracks"), "{name}: {error}");
    }
    let text = fs::read_to_string(outside.path().join("lock")).unwrap();
    assert_eq!(text, "precious");
}

#[test]
fn autostage_holds_for_every_command_that_writes_what_git_tracks() {
    let mut place = Place::with_git();
    place.set("core", "autostage", "true");
    let staged = |place: &Place| {
        let output = std::process::Command::new("git")
            .args(["diff", "--cached", "--name-status"])
            .current_dir(&place.root)
            .output();
        String::from_utf8(output.unwrap().stdout)
            .unwrap()
            .replace('\t', " ")
    };
    git(&place.root, &["add", "."]);
    git(&place.root, &["commit", "-qm", "0"]);
    place.write("a", "1");
    place.add(&["a"]).unwrap();
    assert_eq!(staged(&place), "A .gitignore\nA a.dvc\n");
    git(&place.root, &["commit", "-qm", "1"]);
    place.write("a", "2");
    commit::commit(&place.repository, &[], false, true, &silent).unwrap();
    assert_eq!(staged(&place), "M a.dvc\n");
    git(&place.root, &["commit", "-qm", "2"]);
    let pin = place.root.join("a.dvc");
    remove::remove(&place.repository, &pin, false, false, &silent).unwrap();
    assert_eq!(staged(&place), "D .gitignore\nD a.dvc\n");
}
