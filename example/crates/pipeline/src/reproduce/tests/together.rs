//! What ends at about the same time is saved together: no less safe, and none pays for another's failure.

use super::*;

const MANY: &str = "
stages:
  n:
    foreach: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    do:
      cmd: test ${item} = 4 || echo ${item} > o${item}
      deps: [src]
      outs: ['o${item}']
  last:
    cmd: cat o3 > all
    deps: [o3]
    outs: [all]
";

fn many() -> Scratch {
    let scratch = Scratch::new(MANY);
    scratch.write("src", "1");
    scratch
}

#[test]
fn a_stage_that_is_told_to_be_done_is_in_the_lock_and_its_output_in_the_cache() {
    let scratch = many();
    let mut project = Project::open(&scratch.repository).unwrap();
    let seen = Mutex::new(0);
    let listener = |event: Event<'_>| {
        if let Event::Done(stage, _) = event {
            let lock = scratch.read("dvc.lock");
            assert!(lock.contains(&format!("  {stage}:\n")), "{stage}: {lock}");
            let number = stage.strip_prefix("n@").unwrap_or("3");
            let id = mlops_repository::Checksum::of(format!("{number}\n").as_bytes()).to_string();
            let object = format!(".dvc/cache/files/md5/{}/{}", &id[..2], &id[2..]);
            assert!(scratch.path(&object).exists(), "{stage}");
            *seen.lock().unwrap() += 1;
        }
    };
    let options = Options {
        keep_going: true,
        ..Options::default()
    };
    reproduce(&mut project, &options, &scratch.interrupt, &listener).unwrap_err();
    assert_eq!(*seen.lock().unwrap(), 10, "nine of ten, and the one after");
}

#[test]
fn a_stage_that_cannot_be_saved_takes_no_other_with_it() {
    let scratch = many();
    let options = Options {
        keep_going: true,
        jobs: 4,
        ..Options::default()
    };
    let error = scratch.run_with(&options).unwrap_err().to_string();
    assert!(
        error.contains("n@4") && error.contains("didn't make o4"),
        "{error}"
    );
    let names: Vec<String> = scratch
        .read("dvc.lock")
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
        .filter(|name| !name.starts_with(' '))
        .map(str::to_owned)
        .collect();
    let expected = [0, 1, 2, 3, 5, 6, 7, 8, 9].map(|number| format!("n@{number}"));
    let (own, last): (Vec<String>, Vec<String>) =
        names.into_iter().partition(|name| name.starts_with("n@"));
    assert_eq!(own, expected, "in the order of the plan");
    assert_eq!(last, ["last"]);
}

#[test]
fn known_results_are_put_in_place_together_and_what_needs_them_follows() {
    let scratch = Scratch::new(&MANY.replace("test ${item} = 4 || ", ""));
    scratch.write("src", "1");
    scratch.run().unwrap();
    for number in 0..10 {
        std::fs::remove_file(scratch.path(&format!("o{number}"))).unwrap();
    }
    std::fs::remove_file(scratch.path("all")).unwrap();
    let summary = scratch.run().unwrap();
    assert_eq!(summary.restored.len(), 11, "{summary:?}");
    assert_eq!(scratch.read("all"), "3\n");
    assert_eq!(scratch.run().unwrap().unchanged.len(), 11);
}

#[test]
fn a_persistent_output_is_a_plain_file_while_the_stage_runs_and_linked_again_after() {
    for kind in ["symlink", "hardlink"] {
        let mut scratch = Scratch::new(
            "stages:\n  s:\n    cmd: stat -c '%F %h %a' log > seen; cat src >> log\n    deps: [src]\n    outs: [log: {persist: true}]\n",
        );
        let config = format!("[core]\n    no_scm = True\n[cache]\n    type = {kind}\n");
        scratch.write(".dvc/config", &config);
        let root = scratch.repository.root().to_owned();
        scratch.repository = Repository::open(&root).unwrap();
        for text in ["a", "b"] {
            scratch.write("src", text);
            scratch.run().unwrap();
        }
        let seen = scratch.read("seen");
        assert!(seen.starts_with("regular file 1 6"), "{kind}: {seen}");
        assert_eq!(scratch.read("log"), "ab");
        assert!(!scratch.read("dvc.lock").contains("isexec"));
        use std::os::unix::fs::MetadataExt;
        let now = scratch.path("log").symlink_metadata().unwrap();
        assert!(
            now.is_symlink() == (kind == "symlink")
                && now.nlink() == if kind == "hardlink" { 2 } else { 1 }
        );
    }
}

#[test]
fn a_frozen_stage_that_lost_its_output_is_told_of_as_what_it_is() {
    let scratch = Scratch::new("stages:\n  s: {cmd: cat src > out, deps: [src], outs: [out]}\n");
    scratch.write("src", "1");
    scratch.run().unwrap();
    scratch.write(
        "dvc.yaml",
        "stages:\n  s: {cmd: cat src > out, deps: [src], outs: [out], frozen: true}\n",
    );
    std::fs::remove_file(scratch.path("out")).unwrap();
    let error = scratch.run().unwrap_err().to_string();
    assert!(
        error.contains("it is frozen, so it doesn't run") && error.contains("`checkout` or `pull`"),
        "{error}"
    );
}
