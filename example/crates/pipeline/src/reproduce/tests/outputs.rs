//! What a run may remove, what it puts back, and what it keeps of what it finds.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;

fn with_output(out: &str) -> Scratch {
    Scratch::new(&format!(
        "stages:\n  first: {{cmd: echo > ran}}\n  s:\n    cmd: 'true'\n    outs:\n    - {out}\n"
    ))
}

/// Refused before anything ran, with file, line and stage.
#[track_caller]
fn refused(scratch: &Scratch) -> String {
    let error = scratch.run().unwrap_err();
    assert!(error.is_user_error(), "{error}");
    let error = error.to_string();
    assert!(error.starts_with("dvc.yaml:6: stages.s"), "{error}");
    assert!(!scratch.path("ran").exists());
    error
}

#[test]
fn an_output_that_is_or_holds_a_repository_is_refused_before_anything_runs() {
    for out in [
        ".git",
        ".git/config",
        ".GIT/refs",
        "sub/.git",
        "sub/../.git",
        ".dvc",
        ".dvc/config",
        "{.dvc/tmp: {persist: true}}",
        "{.git/config: {cache: false}}",
        "dvc.lock",
        "sub/x.dvc",
        "../.git",
        "{..: {cache: false}}",
        "{../..: {cache: false}}",
        "{/: {cache: false}}",
    ] {
        let scratch = with_output(out);
        std::fs::create_dir_all(scratch.path(".git/refs")).unwrap();
        scratch.write(".git/config", "mine");
        refused(&scratch);
        assert_eq!(scratch.read(".git/config"), "mine");
        assert!(scratch.path(".dvc/config").exists() && scratch.path("dvc.yaml").exists());
    }
}

#[test]
fn neither_a_link_nor_an_absolute_path_leads_there() {
    let scratch = with_output("to-git/config");
    std::fs::create_dir(scratch.path(".git")).unwrap();
    scratch.write(".git/config", "mine");
    symlink(".git", scratch.path("to-git")).unwrap();
    assert!(refused(&scratch).contains("leads into .git"));
    assert_eq!(scratch.read(".git/config"), "mine");
    let root = scratch.repository.root().to_owned();
    for out in [
        root.join("dvc.yaml"),
        root.clone(),
        root.parent().unwrap().into(),
    ] {
        let out = format!("{{{}: {{cache: false}}}}", out.display());
        scratch.write(
            "dvc.yaml",
            &format!("stages:\n  s:\n    cmd: 'true'\n    outs:\n\n    - {out}\n"),
        );
        refused(&scratch);
    }
}

#[test]
fn a_folder_that_holds_a_repository_stays() {
    let scratch = Scratch::new("stages:\n  s: {cmd: 'true', outs: [clones]}\n");
    std::fs::create_dir_all(scratch.path("clones/a/.git")).unwrap();
    scratch.write("clones/a/.git/HEAD", "mine");
    let error = scratch.run().unwrap_err();
    assert!(error.is_user_error());
    assert!(
        error
            .to_string()
            .contains("clones/a/.git, which would be lost"),
        "{error}"
    );
    assert_eq!(scratch.read("clones/a/.git/HEAD"), "mine");
}

#[test]
fn sources_that_git_has_are_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .current_dir(&root)
            .args(arguments)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    git(&["init", "-q"]);
    std::fs::create_dir_all(root.join(".dvc")).unwrap();
    std::fs::create_dir(root.join("src")).unwrap();
    std::fs::write(root.join("src/committed.py"), "1").unwrap();
    git(&["add", "src"]);
    std::fs::write(root.join("src/nowhere-else.py"), "2").unwrap();
    std::fs::write(
        root.join("dvc.yaml"),
        "stages:\n  s: {cmd: 'true', outs: [src]}\n",
    )
    .unwrap();
    let repository = Repository::open(&root).unwrap();
    let mut project = Project::open(&repository).unwrap();
    let error = reproduce(
        &mut project,
        &Options::default(),
        &Interrupt::default(),
        &|_| {},
    )
    .unwrap_err();
    assert!(error.is_user_error());
    let error = error.to_string();
    assert!(error.starts_with("dvc.yaml:2: stages.s: "), "{error}");
    assert!(
        error.contains("src/committed.py is tracked by Git"),
        "{error}"
    );
    assert!(root.join("src/nowhere-else.py").exists());
}

#[test]
fn a_failed_run_leaves_what_was_made_before() {
    let scratch = Scratch::new(
        "stages:\n  s:\n    cmd: sh run\n    deps: [run]\n    outs: [folder]\n    metrics: [{m.json: {cache: false}}]\n",
    );
    scratch.write("run", "mkdir folder; echo 1 > folder/a; echo 1 > m.json");
    scratch.run().unwrap();
    let lock = scratch.read("dvc.lock");
    for (how, failing) in [
        ("leaves nothing", "exit 1"),
        (
            "leaves half",
            "mkdir folder; echo half > folder/b; echo half > m.json; exit 1",
        ),
        ("forgets one", "mkdir folder; echo 2 > folder/a"),
    ] {
        scratch.write("run", failing);
        scratch.run().unwrap_err();
        assert_eq!(scratch.read("m.json"), "1\n", "{how}");
        assert!(!scratch.path("folder/b").exists(), "{how}");
        assert_eq!(scratch.read("dvc.lock"), lock, "{how}");
    }
    // What was made well isn't thrown away because something else is missing.
    assert_eq!(scratch.read("folder/a"), "2\n");
    assert_eq!(
        std::fs::read_dir(scratch.path(".dvc/tmp/aside"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn a_second_try_begins_without_what_the_first_left() {
    let scratch =
        Scratch::new("stages:\n  s: {cmd: sh run, deps: [run], outs: [o], meta: {retries: 1}}\n");
    scratch.write(
        "run",
        "test -e o && exit 7; echo x > o; echo x >> tries; test $(wc -l < tries) -ge 2",
    );
    scratch.write("o", "before");
    scratch.run().unwrap();
    assert_eq!(scratch.read("o"), "x\n");
}

#[test]
fn a_result_that_was_found_and_not_made_here_is_kept_too() {
    let scratch = chain();
    scratch.run().unwrap();
    // As in a clone that pulled: the lock, the outputs and their objects, but no results of runs.
    std::fs::remove_dir_all(scratch.path(".dvc/cache/runs")).unwrap();
    assert_eq!(scratch.run().unwrap().unchanged.len(), 3);
    scratch.write("params.yaml", "n: 2\n");
    scratch.write("src", "2");
    assert_eq!(scratch.run().unwrap().ran, ["a", "b"]);
    scratch.write("params.yaml", "n: 1\n");
    scratch.write("src", "1");
    let summary = scratch.run().unwrap();
    assert_eq!((summary.restored.len(), summary.ran.len()), (2, 0));
    assert_eq!(scratch.read("b.txt"), "1");
}

#[test]
fn a_result_is_kept_only_if_the_cache_has_all_of_it() {
    let scratch = chain();
    scratch.run().unwrap();
    std::fs::remove_dir_all(scratch.path(".dvc/cache")).unwrap();
    let allow_missing = Options {
        allow_missing: true,
        ..Options::default()
    };
    scratch.run_with(&allow_missing).unwrap();
    let runs = scratch.path(".dvc/cache/runs");
    assert!(
        !runs.exists(),
        "{:?}",
        std::fs::read_dir(&runs).map(Iterator::count)
    );
}

#[test]
fn a_stage_finds_the_program_without_path() {
    let scratch = Scratch::new("stages:\n  s: {cmd: 'echo \"$PATH\" > o', outs: [o]}\n");
    scratch.run().unwrap();
    let own = std::env::current_exe().unwrap();
    let own = own.parent().unwrap().to_str().unwrap().to_owned();
    let path = scratch.read("o");
    let folders: Vec<&str> = path.trim().split(':').collect();
    assert!(folders.contains(&own.as_str()), "{path}");
    let first = std::env::var("PATH").unwrap();
    assert_eq!(folders.first().copied(), first.split(':').next());
}
