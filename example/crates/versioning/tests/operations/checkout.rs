//! The workspace becomes what is pinned, and nothing else is touched.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use mlops_repository::{Checksum, HashKind, ObjectId};
use mlops_versioning::operations::checkout::{self, CheckoutOptions};
use mlops_versioning::operations::{commit, diff, remove};
use mlops_versioning::{Repository, VersioningError, silent};

use crate::place::{Place, git};

#[test]
fn a_checkout_removes_what_is_not_pinned_and_keeps_what_is_ignored() {
    let place = Place::new();
    place.write(".dvcignore", "*.tmp\n");
    place.write("data/a", "1");
    place.add(&["data"]).unwrap();
    let pin = place.read("data.dvc");
    place.write("data/b", "2");
    place.write("data/sub/c", "3");
    place.write("data/x.tmp", "mine");
    place.add(&["data"]).unwrap();
    place.write("data.dvc", &pin);
    let changes = place.checkout(false).unwrap();
    assert_eq!(changes.files, [0, 0, 2]);
    assert!(place.has("data/a") && !place.has("data/b") && !place.has("data/sub"));
    assert_eq!(place.read("data/x.tmp"), "mine");
}

#[test]
fn a_changed_file_that_is_saved_nowhere_is_overwritten_only_by_force() {
    let place = Place::new();
    place.write("data/a", "1");
    place.write("single", "1");
    place.add(&["data", "single"]).unwrap();
    place.write("data/a", "precious");
    place.write("data/new", "precious too");
    place.write("single", "as well");
    let Err(VersioningError::Unsaved { paths }) = place.checkout(false) else {
        panic!("nothing was refused");
    };
    assert_eq!(paths.len(), 3);
    assert_eq!(place.read("data/a"), "precious");
    assert_eq!(place.read("data/new"), "precious too");
    place.checkout(true).unwrap();
    assert_eq!(place.read("data/a"), "1");
    assert!(!place.has("data/new"));
    assert_eq!(place.read("single"), "1");
}

#[test]
fn a_file_becomes_a_folder_and_a_folder_a_file() {
    let place = Place::new();
    place.write("thing", "file");
    place.add(&["thing"]).unwrap();
    let file = place.read("thing.dvc");
    fs::remove_file(place.root.join("thing")).unwrap();
    place.write("thing/a", "1");
    fs::create_dir(place.root.join("thing/empty")).unwrap();
    place.add(&["thing"]).unwrap();
    let folder = place.read("thing.dvc");
    place.write("thing.dvc", &file);
    place.checkout(false).unwrap();
    assert_eq!(place.read("thing"), "file");
    place.write("thing.dvc", &folder);
    place.checkout(false).unwrap();
    assert_eq!(place.read("thing/a"), "1");
    assert!(place.is_clean());
}

#[test]
fn a_manifest_that_leads_out_is_refused_and_writes_nothing() {
    let place = Place::new();
    place.write("data/a", "1");
    place.add(&["data"]).unwrap();
    fs::remove_dir_all(place.root.join("data")).unwrap();
    for path in [
        "../evil",
        "/tmp/evil",
        "a/../../evil",
        ".git/hooks/x",
        "..\\\\evil",
        "C:/evil",
    ] {
        let md5 = "c4ca4238a0b923820dcc509a6f75849b";
        let text = format!(r#"[{{"md5": "{md5}", "relpath": "{path}"}}]"#);
        let id = ObjectId {
            kind: HashKind::Md5,
            checksum: Checksum::of(text.as_bytes()),
            dir: true,
        };
        let object = place.repository.cache().path(&id);
        fs::create_dir_all(object.parent().unwrap()).unwrap();
        fs::write(&object, text).unwrap();
        place.write(
            "data.dvc",
            &format!("outs:\n- md5: {id}\n  hash: md5\n  path: data\n"),
        );
        let error = place.checkout(true).unwrap_err().to_string();
        assert!(error.contains("inside"), "{path}: {error}");
        assert!(!place.has("data") && !place.has("evil") && !place.has("../evil"));
    }
}

#[test]
fn nothing_is_written_through_a_link_out_of_the_repository() {
    let outside = tempfile::tempdir().unwrap();
    let place = Place::new();
    place.write("data/sub/a", "1");
    place.write("deep/er/single", "1");
    place.add(&["data", "deep/er/single"]).unwrap();
    fs::remove_dir_all(place.root.join("data/sub")).unwrap();
    symlink(outside.path(), place.root.join("data/sub")).unwrap();
    place.checkout(true).unwrap_err();
    fs::remove_dir_all(place.root.join("data")).unwrap();
    symlink(outside.path(), place.root.join("data")).unwrap();
    place.checkout(true).unwrap_err();
    fs::remove_file(place.root.join("data")).unwrap();
    fs::rename(place.root.join("deep/er"), place.root.join("kept")).unwrap();
    fs::remove_file(place.root.join("kept/single")).unwrap();
    symlink(outside.path(), place.root.join("deep/er")).unwrap();
    fs::copy(
        place.root.join("kept/single.dvc"),
        outside.path().join("single.dvc"),
    )
    .unwrap();
    place.checkout(true).unwrap();
    assert_eq!(
        fs::read_dir(outside.path()).unwrap().count(),
        1,
        "only what was there"
    );
}

#[test]
fn links_are_of_the_configured_kind_and_never_share_what_may_be_executed() {
    let mut place = Place::new();
    place.write("data/a", "1");
    place.write("data/zero", "");
    place.write("tool", "run");
    fs::set_permissions(place.root.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
    place.set("cache", "type", "hardlink");
    place.add(&["data", "tool"]).unwrap();
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(&place.root.join("data/a")), inode(&place.object("1")));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.object("run")), 0o444);
    assert_eq!(mode(&place.root.join("tool")) & 0o100, 0o100);
    fs::write(
        place.root.join(".dvc/config"),
        "[core]\n    no_scm = True\n[cache]\n    type = symlink\n",
    )
    .unwrap();
    place.repository = Repository::open(&place.root).unwrap();
    let options = CheckoutOptions {
        relink: true,
        ..CheckoutOptions::default()
    };
    checkout::checkout(&place.repository, &place.tracked(), true, options, &silent).unwrap();
    assert_eq!(
        fs::read_link(place.root.join("data/a")).unwrap(),
        place.object("1")
    );
    assert!(place.is_clean());
}

#[test]
fn a_diff_against_a_commit_tells_what_changed() {
    let place = Place::with_git();
    place.write("data/a", "1");
    place.write("data/b", "2");
    place.add(&["data"]).unwrap();
    assert!(
        diff::diff(&place.repository, "HEAD", None, &silent)
            .unwrap()
            .is_empty(),
        "no commit yet"
    );
    git(&place.root, &["add", "."]);
    git(&place.root, &["commit", "-qm", "1"]);
    fs::rename(place.root.join("data/a"), place.root.join("data/c")).unwrap();
    place.write("data/d", "4");
    let found = diff::diff(&place.repository, "HEAD", None, &silent)
        .unwrap()
        .without_hashes();
    assert_eq!(
        serde_json::to_string(&found).unwrap(),
        r#"{"added":[{"path":"data/d"}],"deleted":[],"modified":[{"path":"data/"}],"renamed":[{"path":{"old":"data/a","new":"data/c"}}],"not in cache":[]}"#
    );
    diff::diff(&place.repository, "no-such", None, &silent).unwrap_err();
    diff::diff(&place.repository, "--output=/tmp/x", None, &silent).unwrap_err();
}

#[test]
fn what_a_later_commit_forgot_is_taken_away_by_a_checkout_unless_it_changed() {
    let place = Place::with_git();
    place.write("a", "1");
    place.write("b", "2");
    place.add(&["a", "b"]).unwrap();
    fs::remove_file(place.root.join("a.dvc")).unwrap();
    fs::remove_file(place.root.join("b.dvc")).unwrap();
    place.write("b", "changed, saved nowhere");
    place.checkout(false).unwrap();
    assert!(!place.has("a") && place.has("b"));
}

#[test]
fn a_list_of_outputs_that_came_with_a_clone_removes_nothing_outside() {
    let outside = tempfile::tempdir().unwrap();
    let place = Place::new();
    place.write("data", "known");
    place.add(&["data"]).unwrap();
    fs::write(outside.path().join("file"), "known").unwrap();
    fs::create_dir_all(place.root.join("clone/.git")).unwrap();
    let name = mlops_repository::path::relative(&outside.path().join("file"), &place.root).unwrap();
    let list = format!("[\"{name}\", \".git\", \"clone\"]");
    place.write(".dvc/tmp/hashes/outs.json", &list);
    place.checkout(true).unwrap();
    assert!(outside.path().join("file").exists() && place.has("clone/.git"));
}

#[test]
fn a_clone_in_the_way_of_a_file_stays() {
    let place = Place::new();
    place.write("data", "1");
    place.add(&["data"]).unwrap();
    fs::remove_file(place.root.join("data")).unwrap();
    fs::create_dir_all(place.root.join("data/.git/refs")).unwrap();
    place.checkout(true).unwrap_err();
    assert!(place.has("data/.git/refs"));
}

#[test]
fn a_removal_stops_at_repositories_and_links() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "1").unwrap();
    let place = Place::new();
    place.write("data/clone/.git/HEAD", "mine");
    place.write("data/a", "1");
    place.add(&["data"]).unwrap();
    let remove = |file: &str| {
        let target = place.root.join(file);
        remove::remove(&place.repository, &target, true, true, &silent)
    };
    remove("data.dvc").unwrap_err();
    assert!(place.has("data/clone/.git/HEAD") && place.has("data/a") && place.has("data.dvc"));
    symlink(outside.path(), place.root.join("link")).unwrap();
    place.write("x.dvc", "outs:\n- path: link/file\n");
    remove("x.dvc").unwrap_err();
    assert!(outside.path().join("file").exists());
}

#[test]
fn a_commit_does_not_save_what_a_link_leads_to() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("key"), "secret").unwrap();
    let place = Place::new();
    place.write("data/a", "1");
    place.add(&["data"]).unwrap();
    let commit = || commit::commit(&place.repository, &[], false, true, &silent);
    for name in ["whole", "behind"] {
        symlink(outside.path(), place.root.join(name)).unwrap();
    }
    for pin in ["path: whole", "path: behind/key"] {
        place.write("x.dvc", &format!("outs:\n- {pin}\n"));
        commit().unwrap_err();
    }
    fs::remove_file(place.root.join("x.dvc")).unwrap();
    symlink(outside.path().join("key"), place.root.join("data/key")).unwrap();
    let error = commit().unwrap_err().to_string();
    assert!(
        error.contains("data/key: is a symbolic link to "),
        "{error}"
    );
    assert!(!place.object("secret").exists());
    // Who names it, means it: as with DVC.
    place.add(&["data"]).unwrap();
    assert!(place.object("secret").exists());
}

#[test]
fn links_into_a_cache_that_was_moved_lead_into_it_again() {
    for is_left in [false, true] {
        let mut place = Place::new();
        place.set("cache", "type", "symlink");
        place.write("data/a", "1");
        place.write("data/sub/b", "2");
        place.write("single", "3");
        place.add(&["data", "single"]).unwrap();
        let old = place.root.join(".dvc/cache");
        let new = place.root.join(".dvc/moved");
        let status = std::process::Command::new("cp")
            .arg("-a")
            .arg(&old)
            .arg(&new)
            .status();
        assert!(status.unwrap().success());
        if !is_left {
            fs::remove_dir_all(&old).unwrap();
        }
        fs::write(
            place.root.join(".dvc/config"),
            "[core]\n    no_scm = True\n[cache]\n    type = symlink\n    dir = moved\n",
        )
        .unwrap();
        place.repository = Repository::open(&place.root).unwrap();
        place.checkout(false).unwrap();
        for (path, content) in [("data/a", "1"), ("data/sub/b", "2"), ("single", "3")] {
            let link = fs::read_link(place.root.join(path)).unwrap();
            assert!(link.starts_with(&new), "{}", link.display());
            assert_eq!(place.read(path), content);
        }
        assert!(place.is_clean());
    }
}

#[test]
fn many_single_files_are_checked_out_as_one_folder_of_them() {
    let place = Place::new();
    let names: Vec<String> = (0..60).map(|n| format!("f{n}")).collect();
    for name in &names {
        place.write(name, name);
    }
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    place.add(&all).unwrap();
    for name in &names[..40] {
        fs::remove_file(place.root.join(name)).unwrap();
    }
    place.write("f50", "changed");
    let error = place.checkout(false).unwrap_err();
    assert!(matches!(error, VersioningError::Unsaved { .. }), "{error}");
    assert!(!place.has("f0"), "nothing was touched");
    let changes = place.checkout(true).unwrap();
    assert_eq!(changes.files, [40, 1, 0]);
    assert!(place.is_clean());
    assert_eq!(place.checkout(false).unwrap().files, [0, 0, 0]);
}

#[test]
fn sources_that_git_tracks_are_overwritten_only_where_that_is_said_in_so_many_words() {
    let place = Place::with_git();
    place.write("data", "pinned");
    place.add(&["data"]).unwrap();
    place.write("data", "source code now");
    git(&place.root, &["add", "-f", "data"]);
    let error = place.checkout(true).unwrap_err().to_string();
    assert!(
        error.contains("is a file that Git tracks") && !error.contains("--"),
        "{error}"
    );
    assert_eq!(place.read("data"), "source code now");
    let options = CheckoutOptions {
        overwrite_sources: true,
        ..CheckoutOptions::default()
    };
    checkout::checkout(&place.repository, &place.tracked(), true, options, &silent).unwrap();
    assert_eq!(place.read("data"), "pinned");
}
