//! What runs, in which order, and what is left when it fails.

mod outputs;
mod remote;
mod together;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use mlops_versioning::Repository;

use super::*;

/// A repository without Git in a folder of its own.
struct Scratch {
    folder: tempfile::TempDir,
    repository: Repository,
    events: Mutex<Vec<String>>,
    interrupt: Interrupt,
}

impl Scratch {
    fn new(definition: &str) -> Self {
        Self::with_remote(definition, Path::new("/nowhere"))
    }

    fn with_remote(definition: &str, remote: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join(".dvc")).unwrap();
        let config = format!(
            "[core]\n    no_scm = True\n    remote = r\n['remote \"r\"']\n    url = {}\n",
            remote.display()
        );
        std::fs::write(root.join(".dvc/config"), config).unwrap();
        let scratch = Self {
            repository: Repository::open(&root).unwrap(),
            folder,
            events: Mutex::default(),
            interrupt: Interrupt::default(),
        };
        scratch.write("dvc.yaml", definition);
        scratch
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn run_with(&self, options: &Options) -> Result<Summary> {
        let mut project = Project::open(&self.repository)?;
        self.events.lock().unwrap().clear();
        let listener = |event: Event<'_>| self.events.lock().unwrap().push(format!("{event:?}"));
        reproduce(&mut project, options, &self.interrupt, &listener)
    }

    fn run(&self) -> Result<Summary> {
        self.run_with(&Options::default())
    }

    fn saw(&self, part: &str) -> bool {
        self.events
            .lock()
            .unwrap()
            .iter()
            .any(|event| event.contains(part))
    }
}

const CHAIN: &str = "
stages:
  b:
    cmd: cat a.txt > b.txt; echo b >> log
    deps: [a.txt]
    outs: [b.txt]
  a:
    cmd: cat src > a.txt; echo a >> log
    deps: [src]
    params: [n]
    outs: [a.txt]
  alone:
    cmd: echo x > c.txt; echo alone >> log
    outs: [c.txt]
";

fn chain() -> Scratch {
    let scratch = Scratch::new(CHAIN);
    scratch.write("src", "1");
    scratch.write("params.yaml", "n: 1\n");
    scratch
}

#[test]
fn only_what_changed_runs_and_each_after_what_it_needs() {
    let scratch = chain();
    let summary = scratch.run().unwrap();
    assert_eq!(summary.ran.len(), 3);
    let log = scratch.read("log");
    assert!(log.find("a\n").unwrap() < log.find("b\n").unwrap(), "{log}");
    let lock = scratch.read("dvc.lock");
    assert_eq!(scratch.run().unwrap().unchanged.len(), 3);
    assert_eq!(scratch.read("dvc.lock"), lock);
    // A parameter of a: a runs, makes the same, so b needn't.
    scratch.write("params.yaml", "n: 2\n");
    let summary = scratch.run().unwrap();
    assert_eq!(summary.ran, ["a"]);
    assert!(scratch.saw("n of params.yaml is modified"));
    // Its source: both run.
    scratch.write("src", "2");
    assert_eq!(scratch.run().unwrap().ran, ["a", "b"]);
    // An output that somebody changed is made again, from the cache.
    std::fs::remove_file(scratch.path("b.txt")).unwrap();
    assert_eq!(scratch.run().unwrap().restored, ["b"]);
    assert_eq!(scratch.read("b.txt"), "2");
}

#[test]
fn what_was_made_before_is_taken_from_the_run_cache() {
    let scratch = chain();
    scratch.run().unwrap();
    scratch.write("src", "2");
    scratch.run().unwrap();
    let lines = scratch.read("log").lines().count();
    scratch.write("src", "1");
    assert_eq!(scratch.run().unwrap().restored, ["a", "b"]);
    assert_eq!(scratch.read("b.txt"), "1");
    assert_eq!(scratch.read("log").lines().count(), lines, "nothing ran");
    let force = Options {
        force: true,
        ..Options::default()
    };
    assert_eq!(scratch.run_with(&force).unwrap().ran.len(), 3);
}

#[test]
fn the_order_of_the_lock_does_not_depend_on_who_ends_first() {
    let scratch = Scratch::new(
        "stages:\n  slow: {cmd: sleep 0.3; echo s > s, outs: [s]}\n  quick: {cmd: echo q > q, outs: [q]}\n",
    );
    scratch.run().unwrap();
    let lock = scratch.read("dvc.lock");
    assert!(
        lock.find("slow:").unwrap() < lock.find("quick:").unwrap(),
        "{lock}"
    );
}

#[test]
fn independent_stages_run_at_the_same_time() {
    // Each waits for the other, so that one after the other they would never end.
    let meet = |own: &str, other: &str| {
        format!("echo > {own}.here; until test -e {other}.here; do sleep 0.02; done; echo > {own}")
    };
    let scratch = Scratch::new(&format!(
        "stages:\n  a: {{cmd: '{}', outs: [a], meta: {{timeout: 20s}}}}\n  b: {{cmd: '{}', outs: [b], meta: {{timeout: 20s}}}}\n",
        meet("a", "b"),
        meet("b", "a"),
    ));
    let two = Options {
        jobs: 2,
        ..Options::default()
    };
    assert_eq!(scratch.run_with(&two).unwrap().ran.len(), 2);
}

#[test]
fn a_failure_shows_the_command_and_its_last_lines() {
    let scratch = Scratch::new(
        "stages:\n  bad:\n    cmd: |\n      seq 1 100\n      echo oops >&2; exit 3\n      echo never\n    outs: [x]\n  \
         after: {cmd: cat x > y, deps: [x], outs: [y]}\n  other: {cmd: echo > z, outs: [z]}\n",
    );
    let error = scratch.run().unwrap_err().to_string();
    assert!(
        error.starts_with("stage \"bad\" failed: exit code 3\n  command: echo oops >&2; exit 3"),
        "{error}"
    );
    assert!(error.contains("    oops\n"), "{error}");
    assert!(error.lines().count() < 25);
    let log = scratch.read(".dvc/tmp/repro/bad.log");
    assert!(log.contains("\n100\n") && log.contains("oops") && !log.contains("never"));
    assert!(!scratch.path("y").exists());
    let keep_going = Options {
        keep_going: true,
        ..Options::default()
    };
    scratch.run_with(&keep_going).unwrap_err();
    assert!(scratch.saw("Skipped(\"after\", \"bad\")"));
    assert!(scratch.path("z").exists());
    assert!(scratch.read("dvc.lock").contains("other:"));
}

#[test]
fn a_failed_run_is_repeated_as_often_as_meta_says() {
    let scratch = Scratch::new(
        "stages:\n  s:\n    cmd: echo x >> tries; test $(wc -l < tries) -ge 3 && echo > o\n    outs: [o]\n    meta: {retries: 2}\n",
    );
    scratch.run().unwrap();
    assert_eq!(scratch.read("tries").lines().count(), 3);
    assert!(scratch.saw("Retry(\"s\", \"exit code 1\", 1)"));
}

#[test]
fn a_timeout_ends_the_command_and_what_it_started() {
    let scratch = Scratch::new(
        "stages:\n  s:\n    cmd: (sleep 2; echo > late) & sleep 60\n    outs: [o]\n    meta: {timeout: 300ms}\n",
    );
    let start = std::time::Instant::now();
    let error = scratch.run().unwrap_err().to_string();
    assert!(
        error.contains("stopped after 0.3 s, its timeout"),
        "{error}"
    );
    assert!(start.elapsed() < Duration::from_secs(9));
    std::thread::sleep(Duration::from_millis(2200));
    assert!(
        !scratch.path("late").exists(),
        "the child's child was ended too"
    );
}

#[test]
fn an_interrupt_ends_children_and_leaves_a_lock_of_what_is_done() {
    let scratch = Scratch::new(
        "stages:\n  first: {cmd: echo > a, outs: [a]}\n  long: {cmd: 'echo > started; sleep 60; echo > b', deps: [a], outs: [b]}\n",
    );
    let result = std::thread::scope(|scope| {
        let run = scope.spawn(|| scratch.run());
        while !scratch.path("started").exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        scratch.interrupt.raise();
        run.join().unwrap()
    });
    let error = result.unwrap_err().to_string();
    assert_eq!(
        error,
        "interrupted: 1 of 2 stages are done, dvc.lock says which"
    );
    let lock = scratch.read("dvc.lock");
    assert!(lock.contains("first:") && !lock.contains("long:"), "{lock}");
    assert!(!scratch.path("b").exists());
}

#[test]
fn the_repository_is_free_while_a_command_runs() {
    let scratch = Scratch::new(
        "stages:\n  s: {cmd: flock --nonblock .dvc/tmp/lock echo free && cp .dvc/tmp/rwlock o, outs: [o]}\n",
    );
    scratch.run().unwrap();
    assert!(scratch.saw("Line(\"s\", \"free\")"));
    let in_use = scratch.read("o");
    assert!(in_use.contains("/o\":{\"pid\":"), "{in_use}");
    assert_eq!(scratch.read(".dvc/tmp/rwlock").trim(), "{}", "given back");
}

#[test]
fn two_runs_at_once_both_note_what_they_did() {
    // The slow one has read the lock before the quick one writes it, and writes it afterwards.
    let scratch = Scratch::new(
        "stages:\n  slow: {cmd: 'echo > started; until test -e go; do sleep 0.02; done; echo > s', outs: [s], \
         meta: {timeout: 20s}}\n  quick: {cmd: echo > q, outs: [q]}\n",
    );
    let only = |target: &str| {
        let mut project = Project::open(&scratch.repository).unwrap();
        let options = Options {
            targets: vec![target.into()],
            ..Options::default()
        };
        reproduce(&mut project, &options, &scratch.interrupt, &|_| {})
    };
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| only("slow"));
        while !scratch.path("started").exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        only("quick").unwrap();
        scratch.write("go", "");
        slow.join().unwrap().unwrap();
    });
    let lock = scratch.read("dvc.lock");
    assert!(lock.contains("slow:") && lock.contains("quick:"), "{lock}");
    assert_eq!(scratch.run().unwrap().unchanged.len(), 2);
}

#[test]
fn what_is_missing_is_told() {
    let scratch = Scratch::new("stages:\n  s: {cmd: echo, deps: [no], outs: [o]}\n");
    let error = scratch.run().unwrap_err().to_string();
    assert!(
        error.contains("stage \"s\": it reads no, which is not there"),
        "{error}"
    );
    scratch.write("no", "");
    let error = scratch.run().unwrap_err().to_string();
    assert!(
        error.contains("didn't make o: let it, or take it out of dvc.yaml:2"),
        "{error}"
    );
    assert!(!scratch.path("dvc.lock").exists());
    scratch.write("dvc.yaml", "stages:\n  s: {cmd: echo, params: [x.y]}\n");
    scratch.write("params.yaml", "x: 1\n");
    let error = scratch.run().unwrap_err().to_string();
    assert_eq!(error, "stage \"s\": params.yaml has no x.y");
    let unknown = Options {
        targets: vec!["t".into()],
        ..Options::default()
    };
    let error = scratch.run_with(&unknown).unwrap_err().to_string();
    assert_eq!(
        error,
        "\"t\" is no stage and no file of stages; there are s"
    );
}

#[test]
fn flags_of_stages_and_outputs_are_heeded() {
    let scratch = Scratch::new(
        "stages:\n  \
         always: {cmd: echo a >> log, outs: [{keep: {persist: true, cache: false}}], always_changed: true}\n  \
         frozen: {cmd: echo f >> log; echo > f, outs: [f], frozen: true}\n  \
         loose: {cmd: echo l > l, outs: [{l: {cache: false}}]}\n",
    );
    scratch.write("keep", "kept");
    scratch.write("f", "made by hand");
    let summary = scratch.run().unwrap();
    assert_eq!(summary.verified, ["frozen"]);
    let summary = scratch.run().unwrap();
    assert_eq!(summary.ran, ["always"]);
    assert_eq!(scratch.read("log"), "a\na\n");
    assert_eq!(scratch.read("keep"), "kept", "not removed before the run");
    let lock = scratch.read("dvc.lock");
    assert!(
        lock.contains("path: l\n"),
        "uncached outputs are noted: {lock}"
    );
    let l = lock.split("path: l\n").nth(1).unwrap();
    let md5 = l.split("md5: ").nth(1).unwrap().lines().next().unwrap();
    let object = scratch.path(&format!(".dvc/cache/files/md5/{}/{}", &md5[..2], &md5[2..]));
    assert!(!object.exists(), "but not stored");
}

#[test]
fn a_dry_run_says_what_would_run_and_changes_nothing() {
    let scratch = chain();
    scratch.run().unwrap();
    scratch.write("src", "2");
    let before = scratch.read("dvc.lock");
    let dry = Options {
        dry: true,
        ..Options::default()
    };
    let summary = scratch.run_with(&dry).unwrap();
    assert_eq!(summary.would_run, ["a", "b"]);
    assert!(scratch.saw("WouldRun(\"a\", [\"src is modified\"])"));
    assert!(scratch.saw("MightRun(\"b\")"));
    assert_eq!(scratch.read("dvc.lock"), before);
    assert_eq!(scratch.read("a.txt"), "1");
}

#[test]
fn targets_choose_what_comes_before_after_or_only_them() {
    let run = |options: Options| {
        let scratch = chain();
        let dry = Options {
            dry: true,
            ..options
        };
        scratch.run_with(&dry).unwrap().would_run
    };
    let of = |target: &str| Options {
        targets: vec![target.into()],
        ..Options::default()
    };
    assert_eq!(run(of("b")), ["a", "b"]);
    assert_eq!(run(of("a.txt")), ["a"]);
    assert_eq!(
        run(Options {
            downstream: true,
            ..of("a")
        }),
        ["a", "b"]
    );
    assert_eq!(
        run(Options {
            single_item: true,
            ..of("b")
        }),
        ["b"]
    );
    assert_eq!(
        run(Options {
            pipeline: true,
            ..of("a")
        }),
        ["a", "b"]
    );
    assert_eq!(run(of("dvc.yaml:alone")), ["alone"]);
}

#[test]
fn data_that_somebody_changed_is_saved_before_it_is_used() {
    let scratch = Scratch::new("stages:\n  s: {cmd: cp data o, deps: [data], outs: [o]}\n");
    scratch.write("data", "2");
    // The pin of "1".
    scratch.write(
        "data.dvc",
        "outs:\n- md5: c4ca4238a0b923820dcc509a6f75849b\n  size: 1\n  hash: md5\n  path: data\n",
    );
    let summary = scratch.run().unwrap();
    assert_eq!(
        (summary.verified, summary.ran),
        (vec!["data.dvc".into()], vec!["s".into()])
    );
    assert!(
        scratch
            .read("data.dvc")
            .contains("c81e728d9d4c2f636f067f89cc14862c")
    );
    assert!(
        scratch
            .path(".dvc/cache/files/md5/c8/1e728d9d4c2f636f067f89cc14862c")
            .exists()
    );
}

#[test]
fn a_stage_that_only_dvc_can_run_stops_nobody_else() {
    let scratch = Scratch::new(
        "stages:\n  get: {cmd: x, deps: ['s3://bucket/raw.csv'], outs: [raw]}\n  \
         py: {cmd: x, params: [{params.py: [LR]}], outs: [a]}\n  use: {cmd: cat raw, deps: [raw], outs: [used]}\n  \
         other: {cmd: echo 1 > b, outs: [b]}\n",
    );
    let of = |target: &str, single_item| {
        scratch.run_with(&Options {
            targets: vec![target.into()],
            single_item,
            ..Options::default()
        })
    };
    assert_eq!(of("other", false).unwrap().ran, ["other"]);
    for (target, key) in [
        ("get", "stages.get.deps"),
        ("py", "stages.py.params"),
        ("use", "stages.get.deps"),
    ] {
        let error = of(target, false).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
    let project = Project::open(&scratch.repository).unwrap();
    let changed = crate::changes(&project, &[], "").unwrap();
    let unsupported: Vec<&str> = changed
        .iter()
        .filter(|(_, status)| status.unsupported.is_some())
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(unsupported, ["get", "py"]);
}

#[test]
fn a_frozen_stage_without_its_output_says_so() {
    let scratch = Scratch::new("stages:\n  two: {cmd: x, frozen: true, outs: [o2]}\n");
    let error = scratch.run().unwrap_err().to_string();
    assert!(
        error.contains("it is frozen, so it doesn't run, and o2 is not there"),
        "{error}"
    );
}
