//! A reader at a shell. Each step runs in a `bash` of its own, so that one that fails or hangs ends
//! alone; the folder, exported variables and aliases go on from step to step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::super::replay::{GIT_CONFIG, Services, Stage, finished, ready, shown};
use super::steps::Step;

/// What a step begins with and ends with. `$state` holds what goes on.
const FRAME: &str = r#"
exec 2>&1
shopt -s expand_aliases
if [ -f "$state/session" ]; then . "$state/session"; fi
trap 'code=$?; { alias -p; declare -px; printf "cd %q\n" "$PWD"; } > "$state/session"; exit $code' EXIT
set -e
. "$state/step"
"#;

/// Cargo, where the program was built before.
const CARGO: &str = r#"#!/bin/sh
if [ "$*" = "build --bin rain" ] && [ -x target/debug/rain ]; then exit 0; fi
echo "the walk can't run: cargo $*" >&2
exit 1
"#;

/// A reader with a clone.
#[derive(Debug)]
pub struct Reader {
    home: PathBuf,
    clone: PathBuf,
    state: PathBuf,
}

impl Reader {
    /// A reader whose home is `scratch`, with a fresh clone of `root` as it is on disk.
    ///
    /// # Errors
    /// If the program doesn't build, or Git can't clone.
    pub fn new(root: &Path, scratch: &Path) -> Result<Reader> {
        let stage = Stage::new(root)?;
        let home = scratch.canonicalize()?;
        let reader = Reader {
            clone: home.join("clone"),
            state: home.join(".state"),
            home,
        };
        let commands = reader.home.join(".commands");
        for folder in [&reader.state, &commands] {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(reader.home.join(".gitconfig"), GIT_CONFIG)?;
        reader.clone_as_on_disk(root)?;
        let target = reader.clone.join("target/debug");
        std::fs::create_dir_all(&target)?;
        let programs = stage.programs.context("the program isn't built")?;
        link(&programs.join("rain"), &target.join("rain"))?;
        program(&commands.join("cargo"), CARGO)?;
        Ok(reader)
    }

    /// Clones, then adds what isn't committed, so that a walk before a commit says what one after it
    /// will.
    fn clone_as_on_disk(&self, root: &Path) -> Result<()> {
        let clone = self.clone.to_string_lossy().into_owned();
        git(root, &["clone", "--quiet", ".", &clone])?;
        git(
            &self.clone,
            &["switch", "--quiet", "--force-create", "main"],
        )?;
        let changed = git(
            root,
            &[
                "ls-files",
                "-z",
                "--modified",
                "--deleted",
                "--others",
                "--exclude-standard",
            ],
        )?;
        for file in changed.split_terminator('\0') {
            let (from, to) = (root.join(file), self.clone.join(file));
            if from.is_file() {
                if let Some(folder) = to.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                std::fs::copy(&from, &to).with_context(|| file.to_owned())?;
            } else if to.exists() {
                std::fs::remove_file(&to)?;
            }
        }
        if !changed.is_empty() {
            git(&self.clone, &["add", "--all"])?;
            let identity = ["-c", "user.name=You", "-c", "user.email=you@example.com"];
            git(
                &self.clone,
                &[&identity[..], &["commit", "--quiet", "-m", "As on disk"]].concat(),
            )?;
        }
        Ok(())
    }

    /// Types a step; gives what went wrong, if it did.
    ///
    /// # Errors
    /// If `bash` can't be started or a step never ends.
    pub fn types(&self, step: &Step, services: &mut Services) -> Result<Result<(), String>> {
        // A service takes the shell's place, so that stopping the child stops it.
        let exec = if step.until.is_some() { "exec " } else { "" };
        std::fs::write(self.state.join("step"), format!("{exec}{}", step.script))?;
        let child = self.bash()?;
        if let Some(text) = &step.until {
            let (child, output) = ready(child, text);
            services.0.push(child);
            return Ok(output.map(|_| ()));
        }
        let (exit, output) = finished(child, &step.script)?;
        if exit != Some(step.exit) {
            let exit = shown(exit);
            return Ok(Err(format!(
                "ended with {exit} instead of {}:\n{output}",
                step.exit
            )));
        }
        let unmet = step.expect.iter().find(|words| !output.contains(*words));
        Ok(match unmet {
            Some(words) => Err(format!("printed nothing with `{words}`:\n{output}")),
            None => Ok(()),
        })
    }

    fn bash(&self) -> Result<std::process::Child> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut with_ours = self.home.join(".commands").into_os_string();
        with_ours.push(":");
        with_ours.push(path);
        Command::new("bash")
            .args(["--norc", "-c", FRAME])
            .current_dir(&self.clone)
            .env("state", &self.state)
            .env("PATH", with_ours)
            .env("HOME", &self.home)
            .env("LC_ALL", "C.UTF-8")
            .env("NO_COLOR", "1")
            .env("TERM", "dumb")
            .env("COLUMNS", "100")
            .env_remove("RUST_LOG")
            .env_remove("RUST_BACKTRACE")
            .env_remove("RAIN_DATA")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("`bash` can't be started")
    }

    /// The folder that the reader is in.
    fn folder(&self) -> PathBuf {
        let session = std::fs::read_to_string(self.state.join("session")).unwrap_or_default();
        let folder = session
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("cd "));
        folder.map_or_else(|| self.clone.clone(), PathBuf::from)
    }

    /// Whether the project that the reader is in has a table.
    pub fn has_table(&self) -> bool {
        self.folder().join("data/weatherAUS.csv").is_file()
    }

    /// The declarations that a page finds.
    ///
    /// # Errors
    /// If they can't be read.
    pub fn begin(&self) -> Result<Declarations> {
        let folder = self.folder();
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(&folder)? {
            let file = entry?.path();
            if file
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                let text = std::fs::read(&file)?;
                files.insert(file, text);
            }
        }
        Ok(Declarations(files))
    }

    /// What the next page would trip over: changed declarations, or a folder that is no project. It is
    /// put right, so that each fault is found once.
    ///
    /// # Errors
    /// If a file can't be read or written.
    pub fn left_behind(&self, begun: &Declarations) -> Result<Vec<String>> {
        let mut faults = Vec::new();
        for (file, text) in &begun.0 {
            if std::fs::read(file).ok().as_ref() != Some(text) {
                let name = file.strip_prefix(&self.clone).unwrap_or(file).display();
                faults.push(format!("leaves {name} changed: undo it on the page"));
                std::fs::write(file, text)?;
            }
        }
        let folder = self.folder();
        if !folder.join("params.yaml").is_file() {
            let name = folder
                .strip_prefix(&self.clone)
                .unwrap_or(&folder)
                .display();
            faults.push(format!(
                "leaves the reader in `{name}`, which is no project"
            ));
            let session = std::fs::read_to_string(self.state.join("session")).unwrap_or_default();
            let example = self.clone.join("example");
            std::fs::write(
                self.state.join("session"),
                format!("{session}cd {}\n", example.display()),
            )?;
        }
        Ok(faults)
    }
}

/// The YAML files of a project, as a page finds them.
#[derive(Debug)]
pub struct Declarations(BTreeMap<PathBuf, Vec<u8>>);

fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .output()
        .context("git can't be started")?;
    ensure!(
        output.status.success(),
        "git {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(unix)]
fn link(program: &Path, name: &Path) -> Result<()> {
    std::os::unix::fs::symlink(program, name).with_context(|| name.display().to_string())
}

#[cfg(not(unix))]
fn link(program: &Path, name: &Path) -> Result<()> {
    std::fs::copy(program, name)
        .map(|_| ())
        .with_context(|| name.display().to_string())
}

/// Writes a script that can be run.
fn program(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide::testing::write;

    /// A reader of a small repository, without the program.
    fn reader(scratch: &Path) -> Reader {
        let root = scratch.join("root");
        write(&root, "example/params.yaml", "seed: 1\n");
        for arguments in [&["init", "--quiet"][..], &["add", "."]] {
            git(&root, arguments).unwrap();
        }
        let commit = [
            "-c",
            "user.name=a",
            "-c",
            "user.email=b",
            "commit",
            "--quiet",
            "-m",
            "x",
        ];
        git(&root, &commit).unwrap();
        write(&root, "example/new.txt", "not committed\n");
        let home = scratch.join("home");
        for folder in [".state", ".commands"] {
            std::fs::create_dir_all(home.join(folder)).unwrap();
        }
        let home = home.canonicalize().unwrap();
        let reader = Reader {
            clone: home.join("clone"),
            state: home.join(".state"),
            home,
        };
        reader.clone_as_on_disk(&root).unwrap();
        reader
    }

    fn types(reader: &Reader, script: &str) -> Result<(), String> {
        let step = Step {
            script: script.to_owned(),
            ..Step::default()
        };
        reader.types(&step, &mut Services::default()).unwrap()
    }

    #[test]
    fn folder_variables_and_aliases_go_on_from_step_to_step() {
        let scratch = tempfile::tempdir().unwrap();
        let reader = reader(scratch.path());
        assert_eq!(
            types(&reader, "cd example\nexport A='b c'\nalias say='echo said'"),
            Ok(())
        );
        assert_eq!(
            types(&reader, "cat new.txt params.yaml\n[ \"$A\" = 'b c' ]"),
            Ok(())
        );
        assert_eq!(types(&reader, "[ \"$(say)\" = said ]"), Ok(()));
    }

    #[test]
    fn a_step_stops_at_the_first_command_that_fails() {
        let scratch = tempfile::tempdir().unwrap();
        let reader = reader(scratch.path());
        let message = types(&reader, "echo one\ncat missing\necho two").unwrap_err();
        assert!(
            message.starts_with("ended with exit code 1 instead of 0:\none\n"),
            "{message}"
        );
        assert!(!message.contains("two"), "{message}");
        let announced = Step {
            script: "cat missing".to_owned(),
            exit: 1,
            expect: vec!["missing".to_owned()],
            ..Step::default()
        };
        let mut services = Services::default();
        assert_eq!(reader.types(&announced, &mut services).unwrap(), Ok(()));
        let other = Step {
            expect: vec!["refused".to_owned()],
            ..announced
        };
        let message = reader.types(&other, &mut services).unwrap().unwrap_err();
        assert!(
            message.starts_with("printed nothing with `refused`"),
            "{message}"
        );
    }

    #[test]
    fn a_service_ends_with_its_page() {
        let scratch = tempfile::tempdir().unwrap();
        let reader = reader(scratch.path());
        let service = Step {
            script: "sh -c 'echo $$ > pid; echo ready; exec sleep 60'".to_owned(),
            until: Some("ready".to_owned()),
            ..Step::default()
        };
        let mut services = Services::default();
        assert_eq!(reader.types(&service, &mut services).unwrap(), Ok(()));
        assert_eq!(types(&reader, "kill -0 $(cat pid)"), Ok(()));
        drop(services);
        assert!(
            types(&reader, "kill -0 $(cat pid)").is_err(),
            "it still runs"
        );
    }

    #[test]
    fn a_changed_declaration_and_another_folder_are_left_behind() {
        let scratch = tempfile::tempdir().unwrap();
        let reader = reader(scratch.path());
        assert_eq!(types(&reader, "cd example"), Ok(()));
        let begun = reader.begin().unwrap();
        assert_eq!(types(&reader, "echo seed: 2 > params.yaml\ncd .."), Ok(()));
        assert_eq!(
            reader.left_behind(&begun).unwrap(),
            [
                "leaves example/params.yaml changed: undo it on the page",
                "leaves the reader in ``, which is no project"
            ]
        );
        // The next page begins as if the page had undone it.
        assert_eq!(types(&reader, "grep 'seed: 1' params.yaml"), Ok(()));
        assert_eq!(reader.left_behind(&begun).unwrap(), [""; 0]);
    }
}
