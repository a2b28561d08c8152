//! What the data commands say of old commits, of missing data and of nothing at all.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)] // other tests use the rest
mod project;

use std::fs;
use std::path::Path;
use std::process::Command;

use project::rain;

fn git(folder: &Path, arguments: &[&str]) {
    let who = ["-c", "user.name=n", "-c", "user.email=n@example.invalid"];
    let mut git = Command::new("git");
    git.args(who).args(arguments).current_dir(folder);
    assert!(git.status().unwrap().success());
}

/// A repository whose data `f` is committed, with a remote beside it.
fn repository() -> (tempfile::TempDir, std::path::PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("project");
    fs::create_dir(&root).unwrap();
    git(&root, &["init", "-q", "-b", "main"]);
    rain(&root).args(["init", "-q"]).assert().success();
    let remote = ["remote", "add", "-d", "r", "../remote"];
    rain(&root).args(remote).assert().success();
    fs::write(root.join("f"), "1").unwrap();
    rain(&root).args(["add", "-q", "f"]).assert().success();
    commit(&root, "one");
    (home, root)
}

fn commit(root: &Path, message: &str) {
    git(root, &["add", "-A", "."]);
    git(root, &["commit", "-q", "-m", message]);
}

fn said(root: &Path, arguments: &[&str], code: i32) -> String {
    let run = rain(root).args(arguments).assert().code(code);
    let output = run.get_output();
    [&output.stdout, &output.stderr]
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .concat()
}

#[test]
fn a_commit_that_cannot_be_read_is_left_out_and_named() {
    let (_home, root) = repository();
    let sound = fs::read(root.join("f.dvc")).unwrap();
    fs::write(root.join("f.dvc"), "outs:\n<<<<<<< HEAD\n- md5: x\n").unwrap();
    commit(&root, "broken");
    fs::write(root.join("f.dvc"), sound).unwrap();
    commit(&root, "mended");
    let broken = Command::new("git")
        .args(["rev-parse", "HEAD~1"])
        .current_dir(&root)
        .output()
        .unwrap();
    let broken = String::from_utf8(broken.stdout).unwrap();
    for command in ["push", "fetch", "metrics show"] {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.push("-A");
        let text = said(&root, &arguments, 0);
        let named = format!("in the commit {}, f.dvc:2: a merge conflict", &broken[..12]);
        assert!(text.contains(&named), "{command}: {text}");
    }
    let text = said(&root, &["gc", "-A", "--yes"], 2);
    assert!(text.contains(&broken[..12]), "{text}");
}

#[test]
fn what_nobody_has_is_named_and_the_rest_comes() {
    let (_home, root) = repository();
    fs::write(root.join("g"), "2").unwrap();
    rain(&root).args(["add", "-q", "g"]).assert().success();
    said(&root, &["push", "f"], 0);
    for path in ["f", "g"] {
        fs::remove_file(root.join(path)).unwrap();
    }
    fs::remove_dir_all(root.join(".dvc/cache")).unwrap();
    let text = said(&root, &["pull"], 1);
    assert!(
        text.contains("g (remote r") && !text.contains("run `pull`"),
        "{text}"
    );
    assert!(root.join("f").exists());
    let text = said(&root, &["pull", "--allow-missing"], 0);
    assert!(text.contains("missing: g (remote r"), "{text}");
}

#[test]
fn a_pin_that_git_has_and_ignores_is_named() {
    let (_home, root) = repository();
    fs::create_dir(root.join("env")).unwrap();
    fs::write(root.join("env/a"), "2").unwrap();
    rain(&root).args(["add", "-q", "env/a"]).assert().success();
    fs::write(root.join(".gitignore"), "env/\n/f\n").unwrap();
    git(&root, &["add", "-f", "env/a.dvc"]);
    commit(&root, "two");
    for command in [
        &["status"][..],
        &["push"],
        &["gc", "--workspace", "--force"],
    ] {
        let text = said(&root, command, 0);
        assert!(
            text.contains("env/a.dvc is in Git, but ignored by") && text.contains("env/, so"),
            "{text}"
        );
    }
    fs::remove_file(root.join("env/a")).unwrap();
    fs::write(root.join(".gitignore"), "/f\n").unwrap();
    rain(&root).args(["checkout", "-q"]).assert().success();
    assert!(root.join("env/a").exists());
}

#[test]
fn a_repository_without_anything_tracked_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    rain(folder.path())
        .args(["init", "-q", "--no-scm"])
        .assert()
        .success();
    let text = said(folder.path(), &["status"], 0);
    assert!(
        text.contains("There is nothing tracked yet: `add` tracks data"),
        "{text}"
    );
}
