//! The checks that take long, at full length and size; `.ci/run` runs the same ones shorter or smaller.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

use crate::cargo::{self, Profile};

/// Which checks, and for how long.
#[derive(Debug, clap::Args)]
pub struct StressArguments {
    /// The checks; without, all
    #[arg(value_enum)]
    jobs: Vec<Job>,
    /// How long each of the four kinds of file is fuzzed
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    minutes: u64,
    /// Where fuzzing begins, to repeat a run; without, elsewhere each time
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// A Python that has what .ci/run installs; its folder also has dvc and moto_server
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: PathBuf,
    /// The scratch folder, on the disk that is to be measured; it is emptied first
    #[arg(long, value_name = "FOLDER", default_value = "target/stress")]
    scratch: PathBuf,
}

/// A check that takes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Job {
    /// Files that others may write, made wrong in every way
    Fuzz,
    /// Every command killed at every step
    Crash,
    /// Every write seen by the system: flushed, and past a point where it could be killed
    Syscalls,
    /// A full disk, a read-only one, missing permission
    Hardship,
    /// Several processes on one repository and one remote
    Crowd,
    /// Data versions beside DVC
    Versioning,
    /// Pipelines beside DVC
    Pipeline,
    /// How fast, against DVC, up to 100,000 files and 4 GiB
    Speed,
}

/// Runs the checks one after the other, all of them even if one fails.
///
/// # Errors
/// If one fails, with the names of all that did.
pub fn run(root: &Path, arguments: &StressArguments) -> Result<()> {
    let stress = Stress {
        root,
        arguments,
        scratch: std::path::absolute(root.join(&arguments.scratch))?,
    };
    let jobs = match arguments.jobs.as_slice() {
        [] => Job::value_variants(),
        chosen => chosen,
    };
    let mut told = Vec::new();
    let mut failed = Vec::new();
    for &job in jobs {
        let name = job
            .to_possible_value()
            .map_or_else(String::new, |name| name.get_name().to_owned());
        println!("\n== {name}");
        let start = Instant::now();
        let result = stress.job(job);
        let seconds = start.elapsed().as_secs();
        match result {
            Ok(()) => told.push(format!("{name}: held, {seconds} s")),
            Err(error) => {
                told.push(format!("{name}: FAILED after {seconds} s: {error:#}"));
                failed.push(name);
            }
        }
    }
    println!("\n{}", told.join("\n"));
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

struct Stress<'a> {
    root: &'a Path,
    arguments: &'a StressArguments,
    scratch: PathBuf,
}

impl Stress<'_> {
    fn job(&self, job: Job) -> Result<()> {
        match job {
            Job::Fuzz => self.fuzz(),
            Job::Crash => self.test("crash_matrix", &[], &[("CRASH_MATRIX", "full".into())]),
            Job::Syscalls => self.python("check_syscalls.py", &[]),
            Job::Hardship => self.python("check_hardship.py", &[]),
            Job::Crowd => self.python("check_crowd.py", &[]),
            Job::Versioning => self.bash("check_versioning.sh"),
            Job::Pipeline => self.bash("check_pipeline.sh"),
            Job::Speed => self.speed(),
        }
    }

    fn fuzz(&self) -> Result<()> {
        let seed = match self.arguments.seed {
            Some(seed) => seed,
            None => SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)?
                .as_secs(),
        };
        let time = Duration::from_secs(60 * self.arguments.minutes);
        let environment = [
            ("FUZZ_SECONDS", time.as_secs().to_string()),
            ("FUZZ_SEED", seed.to_string()),
        ];
        self.test("fuzz", &["--test-threads", "2"], &environment)
    }

    fn test(&self, name: &str, flags: &[&str], environment: &[(&str, String)]) -> Result<()> {
        let mut test = cargo::cargo(self.root);
        test.args(["test", "--locked", "--test", name, "--", "--nocapture"])
            .args(flags);
        test.envs(environment.iter().map(|(name, value)| (*name, value)));
        ended(&mut test)
    }

    /// A folder of the check's own.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch.join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(folder)
    }

    fn python(&self, script: &str, flags: &[OsString]) -> Result<()> {
        let mut command = Command::new(&self.arguments.python);
        command.arg(self.root.join("scripts").join(script));
        command.args(flags);
        self.script(command, script)
    }

    fn bash(&self, script: &str) -> Result<()> {
        let mut command = Command::new("bash");
        command.arg(self.root.join("scripts").join(script));
        self.script(command, script)
    }

    /// A script that takes its folder as its last argument and finds the programs on the PATH.
    fn script(&self, mut command: Command, name: &str) -> Result<()> {
        let rain = cargo::build_rain(self.root, Profile::Debug)?;
        command
            .arg(self.folder(name)?)
            .env("PATH", self.path(&rain)?);
        ended(&mut command)
    }

    fn speed(&self) -> Result<()> {
        let rain = cargo::build_rain(self.root, Profile::Release)?;
        let mut command = Command::new(&self.arguments.python);
        command.arg(self.root.join("scripts/compare_dvc.py"));
        command
            .arg("--rain")
            .arg(&rain)
            .arg("--scratch")
            .arg(self.folder("speed")?);
        command.env("PATH", self.path(&rain)?);
        ended(&mut command)
    }

    /// The PATH with the programs that are checked in front.
    fn path(&self, rain: &Path) -> Result<OsString> {
        let python = self.arguments.python.parent();
        let own = std::env::var_os("PATH").unwrap_or_default();
        let folders = rain.parent().into_iter().chain(python);
        let folders = folders.filter(|folder| !folder.as_os_str().is_empty());
        let all = folders
            .map(PathBuf::from)
            .chain(std::env::split_paths(&own));
        std::env::join_paths(all).context("a folder can't stand in the PATH")
    }
}

fn ended(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("{} can't be started", command.get_program().display()))?;
    if !status.success() {
        bail!("it ended with {status}");
    }
    Ok(())
}
