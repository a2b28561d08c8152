//! Runs the example's commands in the scratch folder and shows them.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// A command as it was run.
pub struct Step {
    /// What it was for.
    pub title: String,
    /// As a user would type it.
    pub command: String,
    /// What it printed.
    pub output: String,
    /// How long it took.
    pub seconds: f64,
}

/// Runs the program in one folder and remembers what it did.
pub struct Shell {
    rain: PathBuf,
    folder: PathBuf,
    pub steps: Vec<Step>,
}

/// A running service; stopped when told, killed when dropped.
pub struct Server {
    child: Child,
    pub address: String,
}

impl Shell {
    pub fn new(rain: PathBuf, folder: PathBuf) -> Shell {
        Shell {
            rain,
            folder,
            steps: Vec::new(),
        }
    }

    /// Where the commands run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs a command that must succeed; gives what it printed.
    pub fn step(&mut self, title: &str, arguments: &[&str]) -> Result<String> {
        self.run(title, arguments, 0)
    }

    /// Runs a command that must find what it looks for: exit code 1.
    pub fn step_that_finds(&mut self, title: &str, arguments: &[&str]) -> Result<String> {
        self.run(title, arguments, 1)
    }

    fn run(&mut self, title: &str, arguments: &[&str], expected: i32) -> Result<String> {
        self.heading(title);
        let command = format!("rain {}", arguments.join(" "));
        println!("  $ {command}");
        let started = Instant::now();
        let output = self
            .command(arguments)
            .output()
            .context("rain can't be started")?;
        let seconds = started.elapsed().as_secs_f64();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        self.say(text.trim_end());
        let complaint = String::from_utf8_lossy(&output.stderr);
        if !complaint.trim().is_empty() {
            self.say(complaint.trim_end());
        }
        if output.status.code() != Some(expected) {
            bail!("`{command}` ended with {}, not {expected}", output.status);
        }
        println!("  ({seconds:.1} s)");
        self.steps.push(Step {
            title: title.into(),
            command,
            output: text.clone(),
            seconds,
        });
        Ok(text)
    }

    /// Starts a service and waits until it says where it listens.
    pub fn serve(&mut self, arguments: &[&str]) -> Result<Server> {
        println!("  $ rain {}", arguments.join(" "));
        let mut child = self
            .command(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .context("rain can't be started")?;
        let output = child.stdout.take().context("the service has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        self.say(line.trim_end());
        let Some((_, rest)) = line.split_once("http://") else {
            let _ = child.kill();
            bail!("the service didn't start");
        };
        let address = rest
            .chars()
            .take_while(|c| c.is_ascii_digit() || ".:".contains(*c))
            .collect();
        Ok(Server { child, address })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.rain);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        // The pipeline's stages call the program by its name.
        let mut places: Vec<PathBuf> = self.rain.parent().map(PathBuf::from).into_iter().collect();
        places.extend(std::env::split_paths(
            &std::env::var_os("PATH").unwrap_or_default(),
        ));
        if let Ok(path) = std::env::join_paths(places) {
            command.env("PATH", path);
        }
        command
    }

    /// Changes a text that a file holds once.
    pub fn edit(&self, file: &str, from: &str, to: &str) -> Result<()> {
        let path = self.folder.join(file);
        let text = std::fs::read_to_string(&path).with_context(|| file.to_string())?;
        ensure!(
            text.matches(from).count() == 1,
            "{file} doesn't say {from:?} once"
        );
        self.heading(&format!("Change {file}: {from} → {to}"));
        std::fs::write(&path, text.replace(from, to)).with_context(|| file.to_string())
    }

    pub fn heading(&self, title: &str) {
        println!("\n▸ {title}");
    }

    pub fn say(&self, text: &str) {
        for line in text.lines() {
            println!("    {line}");
        }
    }

    pub fn read_json(&self, path: &str) -> Result<Value> {
        let text =
            std::fs::read_to_string(self.folder.join(path)).with_context(|| path.to_string())?;
        serde_json::from_str(&text).with_context(|| path.to_string())
    }

    pub fn read_json_lines(&self, path: &str) -> Result<Vec<Value>> {
        let text =
            std::fs::read_to_string(self.folder.join(path)).with_context(|| path.to_string())?;
        text.lines()
            .map(|line| serde_json::from_str(line).with_context(|| path.to_string()))
            .collect()
    }
}

impl Server {
    /// Asks the service to end, as an operating system does, and waits for it.
    pub fn stop(mut self) -> Result<()> {
        #[cfg(unix)]
        {
            let asked = Command::new("kill")
                .arg(self.child.id().to_string())
                .status()?;
            ensure!(asked.success(), "the service can't be told to stop");
            let status = self.child.wait()?;
            ensure!(status.success(), "the service ended with {status}");
        }
        #[cfg(not(unix))]
        {
            self.child.kill()?;
            self.child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended, or it has to end now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
