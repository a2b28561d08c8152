//! What the commands for versioned data say: settings, refusals, and what is missing.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)] // other tests use the rest
mod project;

use std::fs;
use std::path::Path;

use project::{rain, refused};

/// A repository of data without Git, with a remote that is a folder.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    printed(path, &["init", "--quiet", "--no-scm"]);
    printed(path, &["remote", "add", "--default", "st", "elsewhere"]);
    folder
}

fn printed(folder: &Path, arguments: &[&str]) -> String {
    let run = rain(folder).args(arguments).assert().success();
    String::from_utf8(run.get_output().stdout.clone()).unwrap()
}

fn failed(folder: &Path, arguments: &[&str], code: i32) -> String {
    let run = rain(folder).args(arguments).assert().code(code);
    String::from_utf8(run.get_output().stderr.clone()).unwrap()
}

#[test]
fn config_sets_shows_lists_and_takes_away_as_dvc_does() {
    let folder = repository();
    let path = folder.path();
    printed(path, &["config", "cache.type", "hardlink,symlink"]);
    assert_eq!(
        printed(path, &["config", "cache.type"]),
        "hardlink,symlink\n"
    );
    printed(path, &["config", "--local", "cache.type", "copy"]);
    assert_eq!(
        printed(path, &["config", "cache.type"]),
        "copy\n",
        "the nearer file goes before"
    );
    printed(path, &["config", "cache.dir", "objects"]);
    let text = fs::read_to_string(path.join(".dvc/config")).unwrap();
    assert!(text.contains("dir = ../objects"), "{text}");
    printed(path, &["config", "remote.st.url", "s3://bucket"]);
    printed(
        path,
        &["config", "--local", "remote.st.secret_access_key", "hidden"],
    );
    let list = printed(path, &["config", "--list"]);
    for line in [
        "core.remote=st",
        "cache.type=copy",
        "remote.st.secret_access_key=(set, not shown)",
    ] {
        assert!(list.lines().any(|known| known == line), "{line}: {list}");
    }
    assert!(!list.contains("hidden"), "{list}");
    let local = printed(path, &["config", "--list", "--local", "--show-origin"]);
    assert!(
        local.contains("config.local\tcache.type=copy") && !local.contains("core."),
        "{local}"
    );
    printed(path, &["config", "--unset", "cache.type"]);
    printed(path, &["config", "--unset", "--local", "cache.type"]);
    assert!(failed(path, &["config", "cache.type"], 1).contains("isn't set"));
}

#[test]
fn config_refuses_what_dvc_does_not_know() {
    let folder = repository();
    let path = folder.path();
    let before = fs::read(path.join(".dvc/config")).unwrap();
    for (name, value, told) in [
        ("cache.typ", "copy", "cache has no setting \"typ\""),
        (
            "cache.type",
            "copies",
            "choose from reflink, hardlink, symlink, copy",
        ),
        ("core.autostage", "maybe", "write true or false"),
        ("chase.type", "copy", "there is no section \"chase\""),
        ("autostage", "true", "is no setting: write SECTION.KEY"),
        ("remote.none.region", "x", "has no url"),
    ] {
        let error = refused(path, &["config", name, value]);
        assert!(error.contains(told), "{name}: {error}");
    }
    assert_eq!(fs::read(path.join(".dvc/config")).unwrap(), before);
}

#[test]
fn commands_of_dvc_that_are_not_here_are_answered_by_name() {
    let folder = repository();
    for name in ["import", "stage", "unprotect", "exp"] {
        let error = refused(folder.path(), &[name, "--option", "word"]);
        assert!(
            error.contains(&format!(
                "rain has no command `{name}`, which DVC has. Instead: "
            )),
            "{error}"
        );
        assert!(!error.contains("similar"), "{error}");
    }
}

#[test]
fn what_cannot_be_pulled_is_named_and_pull_is_no_advice() {
    let folder = repository();
    let path = folder.path();
    fs::write(path.join("f"), "x").unwrap();
    printed(path, &["add", "--quiet", "f"]);
    fs::remove_file(path.join("f")).unwrap();
    fs::remove_dir_all(path.join(".dvc/cache")).unwrap();
    let error = failed(path, &["pull"], 1);
    assert!(
        error.contains("\n  f") && !error.contains("`pull`"),
        "{error}"
    );
    let told = printed(path, &["pull", "--allow-missing"]);
    assert_eq!(
        told,
        "Neither in the cache nor on a remote: f (1 object)\n1 file missing\n"
    );
    let error = failed(path, &["checkout"], 1);
    assert!(error.contains("run `pull`"), "{error}");
}

#[test]
fn a_folder_whose_list_is_not_here_is_listed_as_one() {
    let folder = repository();
    let path = folder.path();
    fs::create_dir(path.join("d")).unwrap();
    fs::write(path.join("d/x"), "x").unwrap();
    fs::write(path.join("f"), "x").unwrap();
    printed(path, &["add", "--quiet", "d", "f"]);
    assert_eq!(printed(path, &["list", "--recursive"]), "d/x\nf\n");
    fs::remove_dir_all(path.join(".dvc/cache")).unwrap();
    let output = rain(path).args(["list", "--recursive"]).assert().success();
    let output = output.get_output();
    assert_eq!(output.stdout, b"d\nf\n");
    let warned = String::from_utf8_lossy(&output.stderr);
    assert!(warned.contains("`fetch` brings it"), "{warned}");
}

#[test]
fn options_of_gc_mean_what_they_mean_in_dvc_or_are_refused() {
    let folder = repository();
    let path = folder.path();
    for (options, told) in [
        (&["gc"][..], "say what is kept: -w"),
        (&["gc", "--not-in-remote"], "say what is kept: -w"),
        (
            &["gc", "-w", "-n", "2"],
            "--num goes with --rev or --all-branches",
        ),
        (
            &["gc", "-w", "-r", "st"],
            "--remote goes with --cloud or --not-in-remote",
        ),
        (
            &["gc", "-w", "-c", "--not-in-remote"],
            "cannot be used with",
        ),
        (&["gc", "--date", "2026-01-01"], "--date isn't here"),
        (&["gc", "-A", "--skip-failed"], "--skip-failed isn't here"),
    ] {
        let error = refused(path, options);
        assert!(error.contains(told), "{options:?}: {error}");
    }
    printed(path, &["gc", "-w", "--yes"]);
}

#[test]
fn settings_and_kinds_of_remotes_that_are_not_heeded_are_refused_where_they_stand() {
    let folder = repository();
    let path = folder.path();
    fs::write(path.join("f"), "x").unwrap();
    printed(path, &["add", "--quiet", "f"]);
    printed(path, &["remote", "modify", "st", "url", "s3://bucket"]);
    printed(path, &["remote", "modify", "st", "acl", "public-read"]);
    let error = refused(path, &["push"]);
    assert!(
        error.contains(".dvc/config:") && error.contains("remote.st.acl: "),
        "{error}"
    );
    printed(path, &["remote", "add", "g", "gs://bucket"]);
    let error = refused(path, &["push", "--remote", "g"]);
    assert!(
        error.contains("remote.g.url: gs:// is a kind of remote"),
        "{error}"
    );
}
