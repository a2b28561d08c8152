//! Pulls the plug at every step of every command that writes, and looks at what is left.
//!
//! A debug build passes a crash point before and after each step it takes on the disk
//! (`mlops_disk::crash`). A command is run once to count its points; then, for each point, in a fresh
//! copy of the folder, it is killed there (SIGKILL) and run again. A seventh of the points is tried
//! unless `CRASH_MATRIX=full`.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Folder, content by path.
type Tree = BTreeMap<PathBuf, Vec<u8>>;

/// What a command starts from: a repository whose first version is committed and pushed.
struct Repository {
    home: tempfile::TempDir,
}

impl Repository {
    fn new() -> Repository {
        let repository = Repository {
            home: tempfile::tempdir().unwrap(),
        };
        let root = repository.root();
        fs::create_dir_all(root.join("data")).unwrap();
        git(&root, &["init", "--quiet"]);
        rain(&root, &["init", "--quiet"]);
        rain(
            &root,
            &["remote", "add", "--default", "elsewhere", "../remote"],
        );
        repository.write("first");
        rain(&root, &["add", "--quiet", "data", "table.csv"]);
        git(&root, &["add", "."]);
        git(&root, &["commit", "--quiet", "-m", "first"]);
        rain(&root, &["push", "--quiet"]);
        repository
    }

    /// The same with a second version that is saved, but not committed or pushed.
    fn with_second_saved() -> Repository {
        let repository = Repository::new();
        repository.write("second");
        rain(&repository.root(), &["add", "--quiet", "data", "table.csv"]);
        repository
    }

    fn root(&self) -> PathBuf {
        self.home.path().join("project")
    }

    fn write(&self, version: &str) {
        let root = self.root();
        for (name, text) in [
            ("data/a", version),
            ("data/b", "stays"),
            ("table.csv", version),
        ] {
            let path = root.join(name);
            // What is checked out may be read-only.
            let _ = fs::remove_file(&path);
            fs::write(path, format!("{text} {name}\n")).unwrap();
        }
    }

    fn copy(&self) -> Repository {
        let home = tempfile::tempdir().unwrap();
        let status = Command::new("cp")
            .arg("-a")
            .arg(format!("{}/.", self.home.path().display()))
            .arg(home.path())
            .status()
            .unwrap();
        assert!(status.success());
        Repository { home }
    }

    /// All files but Git's, temporary ones and what DVC calls its own scratch.
    fn tree(&self) -> Tree {
        self.files(|path| {
            !path.components().any(|part| part.as_os_str() == ".git")
                && !path.starts_with("project/.dvc/tmp")
                && !is_temporary(path)
        })
    }

    fn objects(&self) -> Tree {
        self.files(|path| path.starts_with("project/.dvc/cache/files") && !is_temporary(path))
    }

    /// Those of the remote aside: others may be writing there, so that `gc` waits for a day.
    fn temporaries(&self) -> Vec<PathBuf> {
        self.files(|path| is_temporary(path) && !path.starts_with("remote"))
            .into_keys()
            .collect()
    }

    fn files(&self, wanted: impl Fn(&Path) -> bool) -> Tree {
        let mut tree = Tree::new();
        let mut folders = vec![self.home.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(self.home.path()).unwrap().to_path_buf();
                if path.is_dir() {
                    folders.push(path);
                } else if wanted(&name) {
                    tree.insert(name, fs::read(&path).unwrap());
                }
            }
        }
        tree
    }
}

/// Whether a file is one, or lies in a folder that is.
fn is_temporary(path: &Path) -> bool {
    path.iter().any(|name| {
        let name = name.to_string_lossy();
        name.starts_with('.') && name.ends_with(".tmp")
    })
}

fn git(root: &Path, arguments: &[&str]) {
    let status = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
        .args(arguments)
        .current_dir(root)
        .status()
        .unwrap();
    assert!(status.success(), "git {arguments:?}");
}

fn program(root: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_rain"));
    program.current_dir(root);
    program
}

fn run(root: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    program(root)
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn rain(root: &Path, arguments: &[&str]) {
    let output = run(root, arguments, &[]);
    assert!(
        output.status.success(),
        "rain {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Which objects a command may take away: none, but for garbage collection.
#[derive(Clone, Copy, PartialEq)]
enum Objects {
    AllStay,
    SomeGo,
}

/// Kills `command` at its points. What the repository had, it still has; nothing in the cache is
/// other than its name says; the same command, run again, gives what it gives undisturbed; and garbage
/// collection leaves no temporary file.
fn pull_the_plug(start: &Repository, command: &[&str], objects: Objects) {
    let undisturbed = start.copy();
    let count = undisturbed.home.path().join("count");
    let output = run(
        &undisturbed.root(),
        command,
        &[("MLOPS_CRASH_COUNT", &count.to_string_lossy())],
    );
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let points: usize = fs::read_to_string(&count).unwrap().parse().unwrap();
    fs::remove_file(count).unwrap();
    let wanted = undisturbed.tree();
    let before = start.objects();

    let every = if std::env::var("CRASH_MATRIX").is_ok_and(|size| size == "full") {
        1
    } else {
        7
    };
    let mut killed = 0;
    for point in (1..=points).step_by(every) {
        let here = format!("{command:?}, killed at point {point} of {points}");
        let repository = start.copy();
        let root = repository.root();
        let ended = run(&root, command, &[("MLOPS_CRASH_AT", &point.to_string())]);
        // Threads share the count, and who waits for a lock passes points while waiting: a run may have fewer
        // points than the first. That most are reached is asked below.
        if ended.status.signal() != Some(9) {
            assert!(
                ended.status.success() && point > points / 2,
                "{here}: {ended:?}"
            );
            continue;
        }
        killed += 1;
        if objects == Objects::AllStay {
            let after = repository.objects();
            let lost: Vec<_> = before
                .keys()
                .filter(|name| !after.contains_key(*name))
                .collect();
            assert!(lost.is_empty(), "{here}: lost {lost:?}");
        }
        let verified = run(&repository.copy().root(), &["verify"], &[]);
        assert!(
            verified.status.success(),
            "{here}: {}",
            String::from_utf8_lossy(&verified.stdout)
        );
        let again = run(&root, command, &[]);
        assert!(
            again.status.success(),
            "{here}, again: {}",
            String::from_utf8_lossy(&again.stderr)
        );
        let got = repository.tree();
        let differ: Vec<_> = wanted
            .keys()
            .chain(got.keys())
            .filter(|name| wanted.get(*name) != got.get(*name))
            .collect();
        assert!(differ.is_empty(), "{here}, again: {differ:?} differ");
        rain(
            &root,
            &[
                "gc",
                "--workspace",
                "--cloud",
                "--yes",
                "--grace=0",
                "--quiet",
            ],
        );
        let left = repository.temporaries();
        assert!(left.is_empty(), "{here}: {left:?} left after gc");
    }
    assert!(
        2 * killed * every > points,
        "{command:?} was killed at {killed} of {points} points only"
    );
    println!("killed: {command:?} at {killed} of {points} points");
}

#[test]
fn add_survives_a_power_cut() {
    let start = Repository::new();
    start.write("second");
    pull_the_plug(&start, &["add", "data", "table.csv"], Objects::AllStay);
}

#[test]
fn commit_survives_a_power_cut() {
    let start = Repository::new();
    start.write("second");
    // What a stage made, too.
    let root = start.root();
    let stages =
        "stages:\n  count: {cmd: wc table.csv > lines, deps: [table.csv], outs: [lines]}\n";
    fs::write(root.join("dvc.yaml"), stages).unwrap();
    fs::write(root.join("lines"), "1\n").unwrap();
    pull_the_plug(&start, &["commit", "--force"], Objects::AllStay);
}

#[test]
fn checkout_survives_a_power_cut() {
    let start = Repository::with_second_saved();
    git(&start.root(), &["checkout", "--quiet", "--", "."]);
    pull_the_plug(&start, &["checkout"], Objects::AllStay);
}

#[test]
fn push_survives_a_power_cut() {
    pull_the_plug(
        &Repository::with_second_saved(),
        &["push"],
        Objects::AllStay,
    );
}

#[test]
fn pull_survives_a_power_cut() {
    let start = Repository::new();
    let root = start.root();
    fs::remove_dir_all(root.join(".dvc/cache")).unwrap();
    fs::remove_dir_all(root.join("data")).unwrap();
    fs::remove_file(root.join("table.csv")).unwrap();
    pull_the_plug(&start, &["pull"], Objects::AllStay);
}

#[test]
fn garbage_collection_survives_a_power_cut() {
    pull_the_plug(
        &Repository::with_second_saved(),
        &["gc", "--workspace", "--yes"],
        Objects::SomeGo,
    );
}

#[test]
fn a_change_of_remotes_survives_a_power_cut() {
    pull_the_plug(
        &Repository::new(),
        &["remote", "add", "--force", "another", "../another"],
        Objects::AllStay,
    );
}

#[test]
fn repro_survives_a_power_cut() {
    let start = Repository::new();
    let pipeline = "stages:
  sort:
    cmd: sort data/a > sorted.txt
    deps:
    - data
    outs:
    - sorted.txt
  count:
    cmd: wc -l < sorted.txt > count.txt
    deps:
    - sorted.txt
    outs:
    - count.txt:
        cache: false
";
    fs::write(start.root().join("dvc.yaml"), pipeline).unwrap();
    pull_the_plug(&start, &["repro"], Objects::AllStay);
}

#[test]
fn the_commands_of_a_killed_run_are_not_overtaken_by_the_next() {
    let repository = Repository::new();
    let root = repository.root();
    let definition = "stages:\n  s: {cmd: sleep 600; echo late > out, outs: [out]}\n";
    fs::write(root.join("dvc.yaml"), definition).unwrap();
    let running = root.join(".dvc/tmp/repro/s.running");
    let mut first = program(&root).arg("repro").spawn().unwrap();
    let group = loop {
        match fs::read_to_string(&running) {
            Ok(text) if text.ends_with('\n') => break text.trim().to_owned(),
            _ => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    };
    first.kill().unwrap();
    first.wait().unwrap();
    let second = program(&root).arg("repro").output().unwrap();
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    let advice = format!("kill -- -{group}");
    assert_eq!(second.status.code(), Some(2), "{told}");
    assert!(told.contains(&advice), "{told}");
    assert!(
        Command::new("sh")
            .args(["-c", &advice])
            .status()
            .unwrap()
            .success()
    );
    let quick = definition.replace("sleep 600; echo late", "echo soon");
    fs::write(root.join("dvc.yaml"), quick).unwrap();
    rain(&root, &["repro"]);
    assert_eq!(fs::read_to_string(root.join("out")).unwrap(), "soon\n");
}
