//! The contents of Git's objects, read by one process however many are asked for.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::error::{RepositoryError, Result};
use crate::source::LARGEST;

/// Reads objects of a Git repository by their ids. Git is started when the first is asked for.
#[derive(Debug)]
pub struct Blobs {
    root: PathBuf,
    process: Mutex<Option<Process>>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Blobs {
    /// Nothing is started yet; `root` lies in Git's working tree.
    #[must_use]
    pub fn new(root: &Path) -> Blobs {
        Blobs {
            root: root.to_path_buf(),
            process: Mutex::default(),
        }
    }

    /// The content of an object.
    ///
    /// # Errors
    /// If Git doesn't have it, or can't be run.
    pub fn read(&self, id: &str) -> Result<Vec<u8>> {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match process.take() {
            Some(running) => Ok(running),
            None => Process::start(&self.root),
        }
        .and_then(|mut running| {
            let content = running.ask(id)?;
            *process = Some(running);
            Ok(content)
        });
        answer.map_err(|error| RepositoryError::Git {
            command: "cat-file --batch".into(),
            message: format!("{id} can't be read ({error}); `git fsck` says more"),
        })
    }
}

impl Process {
    fn start(root: &Path) -> io::Result<Process> {
        let mut child = Command::new("git")
            .arg("-C")
            .arg(root)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Process {
            input: child.stdin.take(),
            output: BufReader::new(output),
            child,
        })
    }

    fn ask(&mut self, id: &str) -> io::Result<Vec<u8>> {
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(input, "{id}")?;
        input.flush()?;
        let mut head = String::new();
        self.output.read_line(&mut head)?;
        // `<id> blob <length>`, or `<id> missing`.
        let length = head.trim_end().rsplit(' ').next();
        let length: u64 = length
            .and_then(|length| length.parse().ok())
            .ok_or(io::ErrorKind::NotFound)?;
        if length > LARGEST {
            let message = format!("it has {length} bytes, more than the {LARGEST} that are read");
            return Err(io::Error::other(message));
        }
        let mut content = Vec::new();
        self.output
            .by_ref()
            .take(length)
            .read_to_end(&mut content)?;
        let mut end = [0];
        self.output.read_exact(&mut end)?;
        Ok(content)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Without input, Git ends.
        self.input = None;
        drop(self.child.wait());
    }
}
