//! Runs recorded commands again, in a copy of the example, to see whether they still print what the
//! pages show.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use super::recording::{FOLDER, Recording};
use crate::cargo::{Profile, build_rain};

/// Longest time that a command may take.
const TIMEOUT: Duration = Duration::from_secs(600);
/// Longest time that a service may take until it is ready.
const READY: Duration = Duration::from_secs(60);

/// What a reader who uses Git has set.
pub const GIT_CONFIG: &str =
    "[user]\nname = You\nemail = you@example.com\n[init]\ndefaultBranch = main\n";

/// Recordings that run one after another in one folder.
#[derive(Debug)]
pub struct Session {
    /// Name and recording, in the order of running; a name is `session/name`.
    pub recordings: Vec<(String, Recording)>,
}

/// How a command ended.
#[derive(Debug)]
pub enum Outcome {
    /// It ended with the right exit code and printed this.
    Ran(String),
    /// It needs something that isn't here.
    Skipped(String),
    /// It, or what it needs before, ended otherwise than it has to.
    Failed(String),
}

/// Reads all sessions.
///
/// # Errors
/// If a recording can't be understood.
pub fn sessions(root: &Path) -> Result<Vec<Session>> {
    let mut sessions = Vec::new();
    for session in sorted(&root.join(FOLDER))? {
        if !session.is_dir() {
            bail!(
                "{FOLDER} holds folders, a session each; {} isn't one",
                session.display()
            );
        }
        let mut recordings = Vec::new();
        for file in sorted(&session)? {
            let (Some(folder), Some(name)) = (stem(&session), stem(&file)) else {
                bail!("{} isn't a name", file.display());
            };
            let name = format!("{folder}/{name}");
            let recording = super::recording::read(root, &name).map_err(anyhow::Error::msg)?;
            recordings.push((name, recording));
        }
        sessions.push(Session { recordings });
    }
    Ok(sessions)
}

fn stem(path: &Path) -> Option<&str> {
    path.file_stem().and_then(|name| name.to_str())
}

/// A folder's entries by name, where 10 comes after 9. A missing folder is an empty one.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        paths.push(entry?.path());
    }
    paths.sort_by_key(|path| {
        let name = stem(path).unwrap_or_default().to_owned();
        let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
        (digits.parse().unwrap_or(u64::MAX), name)
    });
    Ok(paths)
}

/// What commands run with.
#[derive(Debug)]
pub struct Stage {
    /// The repository.
    pub root: PathBuf,
    /// The files of the example, from the repository's root.
    pub files: Vec<PathBuf>,
    /// The folder with the example's program, put before the search path; if it is needed.
    pub programs: Option<PathBuf>,
    /// The real data file, where there is one.
    pub real: Option<PathBuf>,
}

impl Stage {
    /// A stage for the repository's example as it is on disk, less what Git ignores.
    ///
    /// # Errors
    /// If Git can't list the files, or the program doesn't build.
    pub fn new(root: &Path) -> Result<Stage> {
        Ok(Stage {
            root: root.to_path_buf(),
            files: example_files(root)?,
            programs: build_rain(root, Profile::Debug)?
                .parent()
                .map(PathBuf::from),
            real: real_file(root),
        })
    }

    /// Runs a session in a fresh copy of the example; tells how each command ended.
    ///
    /// # Errors
    /// If the copy can't be made or the shell can't be started.
    pub fn play(&self, session: &Session) -> Result<Vec<(String, Outcome)>> {
        let scratch = tempfile::tempdir()?;
        let home = scratch.path().canonicalize()?;
        self.copy_example(&home)?;
        fs::write(home.join(".gitconfig"), GIT_CONFIG)?;
        let mut services = Services::default();
        let mut outcomes = Vec::new();
        for (name, recording) in &session.recordings {
            let outcome = match self.missing(recording) {
                Some(need) => Outcome::Skipped(need),
                None => self.run(recording, &home, &mut services)?,
            };
            outcomes.push((name.clone(), outcome));
        }
        drop(services);
        close(scratch)?;
        Ok(outcomes)
    }

    fn copy_example(&self, home: &Path) -> Result<()> {
        fs::create_dir_all(home.join("example"))?;
        for file in &self.files {
            let (from, to) = (self.root.join(file), home.join(file));
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::copy(&from, &to).with_context(|| from.display().to_string())?;
        }
        if let Some(real) = &self.real {
            fs::copy(real, home.join("weatherAUS.csv"))
                .with_context(|| real.display().to_string())?;
        }
        Ok(())
    }

    /// The first need of a recording that isn't met.
    fn missing(&self, recording: &Recording) -> Option<String> {
        let is_met = |need: &String| match need.as_str() {
            "real" => self.real.is_some(),
            program => on_path(program),
        };
        recording
            .header
            .needs
            .iter()
            .find(|need| !is_met(need))
            .cloned()
    }

    fn run(&self, recording: &Recording, home: &Path, services: &mut Services) -> Result<Outcome> {
        let header = &recording.header;
        for command in &header.setup {
            let (exit, output) = finished(self.shell(command, home)?, command)?;
            if exit != Some(0) {
                return Ok(Outcome::Failed(format!(
                    "before it, `{command}` ended with {}:\n{output}",
                    shown(exit)
                )));
            }
        }
        let child = self.shell(&header.command, home)?;
        let output = match &header.until {
            Some(text) => {
                let (child, output) = ready(child, text);
                services.0.push(child);
                match output {
                    Ok(output) => output,
                    Err(message) => return Ok(Outcome::Failed(message)),
                }
            }
            None => {
                let (exit, output) = finished(child, &header.command)?;
                if exit != Some(header.exit) {
                    return Ok(Outcome::Failed(format!(
                        "ended with {} instead of {}:\n{output}",
                        shown(exit),
                        header.exit
                    )));
                }
                output
            }
        };
        if let Some(words) = recording.unmet(&output) {
            return Ok(Outcome::Failed(format!(
                "printed nothing with `{words}`:\n{output}"
            )));
        }
        Ok(Outcome::Ran(output.replace(&*home.to_string_lossy(), "~")))
    }

    /// Starts a command with both streams in one, as a terminal shows them.
    fn shell(&self, command: &str, home: &Path) -> Result<Child> {
        // A service is the shell's last act, so that stopping the child stops it. Anything else leaves
        // the folder it ended in to the next command, as in a terminal.
        const FOLDER: &str = "exec 2>&1\nif [ -f ~/.folder ]; then cd \"$(cat ~/.folder)\"; fi\n";
        let is_single = !command.contains(['\n', ';', '|', '&']) && !command.starts_with("cd ");
        let script = if is_single {
            format!("{FOLDER}exec {command}")
        } else {
            format!("{FOLDER}trap 'pwd > ~/.folder' EXIT\nset -e\n{command}")
        };
        let mut path = OsString::new();
        if let Some(programs) = &self.programs {
            path.push(programs);
            path.push(":");
        }
        path.push(std::env::var_os("PATH").unwrap_or_default());
        Command::new("sh")
            .arg("-c")
            .arg(script)
            .current_dir(home.join("example"))
            .env("PATH", path)
            .env("HOME", home)
            .env("LC_ALL", "C.UTF-8")
            .env("NO_COLOR", "1")
            .env("TERM", "dumb")
            .env("COLUMNS", "100")
            .env_remove("RUST_LOG")
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("`sh` can't be started")
    }
}

/// Services that are stopped when the session ends, however it ends.
#[derive(Debug, Default)]
pub struct Services(pub Vec<Child>);

impl Drop for Services {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A command's exit code and output, once it ended.
///
/// # Errors
/// If it doesn't end in time.
pub fn finished(mut child: Child, command: &str) -> Result<(Option<i32>, String)> {
    let mut stdout = child.stdout.take().context("no output stream")?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.read_to_end(&mut bytes).map(|_| bytes);
        // Nobody listens once the time is up.
        let _ = sender.send(read);
    });
    let Ok(bytes) = receiver.recv_timeout(TIMEOUT) else {
        let _ = child.kill();
        let _ = child.wait();
        bail!(
            "`{command}` didn't end within {} seconds",
            TIMEOUT.as_secs()
        );
    };
    let output = String::from_utf8_lossy(&bytes?).into_owned();
    Ok((child.wait()?.code(), output))
}

/// A service's output up to the line that says it is ready. What it prints later is thrown away,
/// so that it never waits for a reader.
pub fn ready(mut child: Child, text: &str) -> (Child, Result<String, String>) {
    let Some(stdout) = child.stdout.take() else {
        return (child, Err("no output stream".to_owned()));
    };
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            // Nobody listens once it is ready.
            let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
        }
    });
    let mut output = String::new();
    while let Ok(line) = receiver.recv_timeout(READY) {
        output.push_str(&line);
        output.push('\n');
        if line.contains(text) {
            return (child, Ok(output));
        }
    }
    (child, Err(format!("never printed `{text}`:\n{output}")))
}

/// An exit code in words.
pub fn shown(exit: Option<i32>) -> String {
    exit.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"))
}

fn close(scratch: TempDir) -> Result<()> {
    let path = scratch.path().display().to_string();
    scratch.close().with_context(|| path)
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}

/// The example's files, with changes that aren't committed, less what Git ignores.
fn example_files(root: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
            "--",
            "example",
        ])
        .current_dir(root)
        .output()
        .context("git can't be started")?;
    ensure!(
        output.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let names = String::from_utf8(output.stdout).context("a file's name isn't UTF-8")?;
    Ok(names
        .split_terminator('\0')
        .map(PathBuf::from)
        .filter(|file| root.join(file).is_file())
        .collect())
}

/// The real data file: `$RAIN_DATA`, in the example, or beside the checkout.
fn real_file(root: &Path) -> Option<PathBuf> {
    std::env::var_os("RAIN_DATA")
        .map(PathBuf::from)
        .into_iter()
        .chain([
            root.join("example/data/weatherAUS.csv"),
            root.join("../shared/data/weatherAUS.csv"),
        ])
        .find(|file| file.is_file())
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
