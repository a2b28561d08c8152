//! Runs a stage's commands as DVC does, in a process group of their own.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::Interrupt;
use crate::error::{Failure, PipelineError, Result};

/// How often a running command is looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long a command may take to end when asked to.
const GRACE: Duration = Duration::from_secs(10);
/// How long output is waited for after a command ended; what it left behind may keep the pipe open.
const LAST_OUTPUT: Duration = Duration::from_millis(300);
/// Lines that are shown of a failed command.
const TAIL: usize = 15;
/// A line is cut where it is longer than this, in bytes.
const LONGEST_LINE: usize = 16 << 10;

/// What is run for one stage.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub stage: String,
    pub commands: Vec<String>,
    pub folder: PathBuf,
    pub root: PathBuf,
    pub timeout: Option<Duration>,
    pub log: PathBuf,
}

/// How a job ended.
#[derive(Debug)]
pub(super) enum Ended {
    Well,
    Badly(Failure),
    Interrupted,
}

impl Job {
    /// Runs the commands one after the other; the first that fails ends the job.
    ///
    /// # Errors
    /// If a command can't be started, or the log not written.
    pub fn run(
        &self,
        interrupt: &Interrupt,
        on_command: &dyn Fn(&str),
        on_line: &dyn Fn(&str),
    ) -> Result<Ended> {
        // A log is no data: it is appended to as lines come, and may be cut by a power cut.
        let mut alive = Alive::take(self)?;
        let mut log = mlops_disk::open_read_write(&self.log, 0o666)?;
        log.set_len(0)
            .map_err(PipelineError::system("write", &self.log))?;
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        for command in &self.commands {
            if interrupt.count() > 0 {
                return Ok(Ended::Interrupted);
            }
            on_command(command);
            writeln!(log, "> {command}").map_err(PipelineError::system("write", &self.log))?;
            let mut running = Running::start(self, command)?;
            alive.name(running.child.id());
            let end = running.wait(deadline, interrupt, &mut log, on_line);
            let how = match end {
                End::Exited(status) if status.success() => continue,
                End::Exited(status) => describe(status),
                End::TooLong => {
                    let limit = self.timeout.unwrap_or_default().as_secs_f64();
                    format!("stopped after {limit} s, its timeout")
                }
                End::Interrupted => return Ok(Ended::Interrupted),
                End::Lost(error) => format!("can't be waited for: {error}"),
            };
            return Ok(Ended::Badly(Failure {
                stage: self.stage.clone(),
                command: command.clone(),
                how,
                tail: running.lines.tail.into(),
                log: self.log.clone(),
            }));
        }
        Ok(Ended::Well)
    }
}

/// A lock that the commands of a stage inherit. If this process is killed they go on, and would write over what the
/// next run makes: that one finds the lock held.
struct Alive(File);

impl Alive {
    fn take(job: &Job) -> Result<Self> {
        let path = job.log.with_extension("running");
        let Some(file) = mlops_disk::try_lock(&path, "")? else {
            let group = std::fs::read_to_string(&path).unwrap_or_default();
            return Err(PipelineError::StillRunning {
                stage: job.stage.clone(),
                group: group.trim().to_owned(),
            });
        };
        // The commands of other stages that start now inherit it as well, which only makes the next run more careful.
        fcntl_setfd(&file, FdFlags::empty())
            .map_err(|error| PipelineError::system("lock", &path)(error.into()))?;
        Ok(Self(file))
    }

    /// Says whom to end; people need it, nothing else does.
    fn name(&mut self, group: u32) {
        let _ = self.0.set_len(0);
        let _ = writeln!(self.0, "{group}");
    }
}

impl Drop for Alive {
    /// The run saw the commands end: what they left behind on purpose, a server, may go on. This gives the lock up
    /// for all that inherited it.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended in an unknown way".into(),
    }
}

enum End {
    Exited(ExitStatus),
    TooLong,
    Interrupted,
    Lost(std::io::Error),
}

struct Running {
    child: Child,
    output: mpsc::Receiver<Vec<u8>>,
    lines: Lines,
}

impl Running {
    fn start(job: &Job, command: &str) -> Result<Self> {
        let fault = |error| PipelineError::system("start a command in", &job.folder)(error);
        let shell = std::env::var("SHELL")
            .ok()
            .filter(|shell| !shell.is_empty())
            .unwrap_or_else(|| "/bin/sh".into());
        let (mut reader, writer) = std::io::pipe().map_err(fault)?;
        let mut process = Command::new(&shell);
        process
            .args(shell_options(&shell))
            .arg("-c")
            .arg(command)
            .current_dir(&job.folder)
            .env("DVC_STAGE", &job.stage)
            // One group a command, so that all it starts can be ended with it.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(writer.try_clone().map_err(fault)?)
            .stderr(writer);
        if let Some(path) = path_with_own_folder() {
            process.env("PATH", path);
        }
        if std::env::var_os("DVC_ROOT").is_none() {
            process.env("DVC_ROOT", &job.root);
        }
        let child = process
            .spawn()
            .map_err(PipelineError::system("start", &shell))?;
        // Holds the write ends, which would keep the pipe open.
        drop(process);
        let (send, output) = mpsc::sync_channel(64);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 8192];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            child,
            output,
            lines: Lines::default(),
        })
    }

    fn wait(
        &mut self,
        deadline: Option<Instant>,
        interrupt: &Interrupt,
        log: &mut File,
        on_line: &dyn Fn(&str),
    ) -> End {
        let mut open = true;
        let mut ended: Option<(ExitStatus, Instant)> = None;
        let mut pause = Duration::from_millis(1);
        loop {
            if open {
                match self.output.recv_timeout(TICK) {
                    Ok(bytes) => {
                        // A full disk must not end a run that goes well.
                        let _ = log.write_all(&bytes);
                        self.lines.take(&bytes, on_line);
                    }
                    Err(mpsc::RecvTimeoutError::Disconnected) => open = false,
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                }
            }
            if ended.is_none() {
                match self.child.try_wait() {
                    Ok(Some(status)) => ended = Some((status, Instant::now())),
                    Ok(None) => {}
                    Err(error) => return End::Lost(error),
                }
            }
            if let Some((status, at)) = ended {
                if !open || at.elapsed() > LAST_OUTPUT {
                    self.lines.finish(on_line);
                    return End::Exited(status);
                }
                continue;
            }
            let stop = if interrupt.count() > 0 {
                Some((Signal::INT, End::Interrupted))
            } else if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                Some((Signal::TERM, End::TooLong))
            } else {
                None
            };
            if let Some((signal, end)) = stop {
                self.stop(signal, interrupt, log, on_line);
                self.lines.finish(on_line);
                return end;
            }
            if !open {
                // It closed its output and goes on.
                std::thread::sleep(pause);
                pause = (pause * 2).min(TICK);
            }
        }
    }

    /// Ends the command and all that it started.
    fn stop(
        &mut self,
        signal: Signal,
        interrupt: &Interrupt,
        log: &mut File,
        on_line: &dyn Fn(&str),
    ) {
        let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else {
            return;
        };
        let asked = interrupt.count();
        let until = Instant::now() + GRACE;
        let _ = kill_process_group(group, signal);
        // NOWAIT leaves it a zombie, so that the group's number can't become someone else's.
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(group), look), Ok(None))
            && Instant::now() < until
            && interrupt.count() <= asked
        {
            if let Ok(bytes) = self.output.recv_timeout(TICK) {
                let _ = log.write_all(&bytes);
                self.lines.take(&bytes, on_line);
            }
        }
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
    }
}

/// The folders of commands, this program's own behind them: stages call it by its name, and the user may have called
/// it by its path or by an alias. What the user's own folders hold goes before.
fn path_with_own_folder() -> Option<std::ffi::OsString> {
    let program = std::env::current_exe().ok()?;
    let own = program.parent()?;
    let path = std::env::var_os("PATH").filter(|path| !path.is_empty())?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if folders.iter().any(|folder| folder == own) {
        return None;
    }
    std::env::join_paths(folders.iter().map(PathBuf::as_path).chain([own])).ok()
}

fn shell_options(shell: &str) -> &'static [&'static str] {
    let name = Path::new(shell).file_name().unwrap_or_default();
    match name.to_string_lossy().to_lowercase().as_str() {
        "zsh" => &["--no-rcs"],
        "bash" => &["--noprofile", "--norc"],
        "fish" => &["--no-config"],
        _ => &[],
    }
}

/// Takes output apart into lines.
#[derive(Default)]
struct Lines {
    open: Vec<u8>,
    tail: VecDeque<String>,
}

impl Lines {
    fn take(&mut self, bytes: &[u8], on_line: &dyn Fn(&str)) {
        for &byte in bytes {
            match byte {
                // A progress bar draws over its line: each state is one.
                b'\n' | b'\r' => self.finish(on_line),
                byte => {
                    self.open.push(byte);
                    if self.open.len() >= LONGEST_LINE {
                        self.finish(on_line);
                    }
                }
            }
        }
    }

    fn finish(&mut self, on_line: &dyn Fn(&str)) {
        if self.open.is_empty() {
            return;
        }
        let line = String::from_utf8_lossy(&self.open).into_owned();
        self.open.clear();
        on_line(&line);
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }
}
