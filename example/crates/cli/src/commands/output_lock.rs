//! One command at a time writes a file.
//!
//! Two builds of one feature table would replace its files in turns, and two runs of any command would do
//! the work twice for one result. So a command holds a lock beside each file that it is going to
//! write. A second one waits for a moment and is then refused.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mlops_disk as disk;
use mlops_learning::model_file::fingerprint;

use super::features::state_path;
use super::write_folder;
use crate::arguments::{Command, DataCommand, FeaturesCommand};
use crate::{Failure, Outcome};

/// How often a lock is tried, and how long the pause is: 3 s in all, as for the repository's lock.
const ATTEMPTS: u32 = 31;
const PAUSE: Duration = Duration::from_millis(100);
/// Letters of a lock's name, as many as in the name of a temporary file: what a killed command leaves is
/// recognised as such.
const NAME: usize = 22;
/// What a killed command left in the folder of an output is removed when it is so old: an interrupted download can be
/// taken up again until then.
const LEFTOVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Files that only this process writes until this is dropped.
#[derive(Debug)]
pub struct OutputLock {
    held: Vec<(PathBuf, File)>,
    /// Folders made for the locks, topmost first.
    made: Vec<PathBuf>,
}

impl OutputLock {
    /// Locks the files that a command is going to write, and makes their folders.
    ///
    /// # Errors
    /// If another process still writes one of them after 3 seconds, or a folder can't be written to.
    pub fn acquire<'a>(outputs: impl IntoIterator<Item = &'a Path>) -> Outcome<OutputLock> {
        let mut lock = OutputLock {
            held: Vec::new(),
            made: Vec::new(),
        };
        // By the lock's path, so that two commands take theirs in the same order and neither waits for itself.
        let mut places = BTreeMap::new();
        for output in outputs {
            let Some(name) = output.file_name() else {
                continue; // Not the name of a file: whoever writes it says so.
            };
            let folder = match output.parent() {
                Some(folder) if folder != Path::new("") => folder,
                _ => Path::new("."),
            };
            lock.make(folder, output)?;
            // Two ways to write a path are one file.
            let folder = folder.canonicalize().map_err(anyhow::Error::from)?;
            let digest = fingerprint(name.as_encoded_bytes());
            places.insert(folder.join(format!(".{}.tmp", &digest[..NAME])), output);
        }
        for (place, output) in places {
            let file = take(&place, output)?;
            if let Some(folder) = place.parent() {
                // What can't be removed harms nobody.
                let _ = disk::sweep_temps_in(folder, LEFTOVER);
            }
            lock.held.push((place, file));
        }
        Ok(lock)
    }

    fn make(&mut self, folder: &Path, output: &Path) -> Outcome<()> {
        let missing = folder
            .ancestors()
            .filter(|above| !above.as_os_str().is_empty() && above.symlink_metadata().is_err());
        let mut missing: Vec<PathBuf> = missing.map(Path::to_path_buf).collect();
        missing.reverse();
        write_folder(output)?;
        self.made.extend(missing);
        Ok(())
    }
}

impl Drop for OutputLock {
    fn drop(&mut self) {
        for (path, file) in self.held.drain(..) {
            // While it is still held: whoever waits for this very file looks again whether it is there.
            let _ = disk::remove_file(&path);
            drop(file);
        }
        // Only those in which nothing was written: the others aren't empty and stay.
        for folder in self.made.iter().rev() {
            let _ = disk::remove_dir(folder);
        }
    }
}

fn take(place: &Path, output: &Path) -> Outcome<File> {
    let own = std::process::id().to_string();
    for attempt in 1..=ATTEMPTS {
        // The user knows the file that is to be written, not the name of its lock.
        let named = |error| disk::DiskError {
            path: output.into(),
            ..error
        };
        match disk::try_lock(place, &own).map_err(named)? {
            // The one before us may have removed it between our opening and our locking.
            Some(file) if disk::is_at(&file, place) => return Ok(file),
            Some(_) => {}
            None if attempt < ATTEMPTS => std::thread::sleep(PAUSE),
            None => {}
        }
    }
    let holder = std::fs::read_to_string(place).unwrap_or_default();
    Err(Failure::user(anyhow::anyhow!(
        "{}: another process ({}) is writing this file: wait until it has finished, or write to another file",
        output.display(),
        holder.trim()
    )))
}

impl Command {
    /// The files that this command writes under names that its arguments give. For a folder of files that
    /// belong together, it is one of them.
    pub(super) fn outputs(&self) -> Vec<PathBuf> {
        let some = |paths: &[&Option<PathBuf>]| paths.iter().copied().flatten().cloned().collect();
        match self {
            Command::Data(DataCommand::Check { report, out, .. }) => some(&[report, out]),
            Command::Data(DataCommand::Fault(fault)) => vec![fault.out.clone()],
            Command::Features(FeaturesCommand::Build(build)) => {
                vec![build.out.clone(), state_path(&build.out)]
            }
            Command::Features(FeaturesCommand::Get(get)) => some(&[&get.out]),
            Command::Train(train) => vec![train.out.clone()],
            Command::Tune(tune) => vec![tune.out.join("trials.csv")],
            Command::Curves(curves) => vec![curves.file("csv")],
            Command::Evaluate(evaluate) => vec![evaluate.out.join("scores.json")],
            Command::Validate(validate) => some(&[&validate.report]),
            Command::Predict(predict) => some(&[&predict.out]),
            Command::Explain(explain) => some(&[&explain.svg, &explain.beeswarm, &explain.csv]),
            Command::Export(export) => vec![export.file()],
            Command::Drift(drift) => some(&[&drift.report, &drift.svg]),
            Command::Report(report) => some(&[&report.out]),
            // The rest writes nothing, or what has a lock of its own: the repository, the bucket, a store,
            // a log, or files that params.yaml names.
            Command::Data(_)
            | Command::Features(_)
            | Command::Serve(_)
            | Command::Debug(_)
            | Command::Status(_)
            | Command::Versioning(_)
            | Command::Pipeline(_)
            | Command::Completions { .. } => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_file_is_locked_under_every_name_of_its_folder_until_the_lock_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.csv");
        let lock = OutputLock::acquire([file.as_path()]).unwrap();
        let same = folder.path().join(".").join("a.csv");
        let refused = OutputLock::acquire([same.as_path()]).unwrap_err().message();
        let told = format!(
            "another process ({}) is writing this file",
            std::process::id()
        );
        assert!(refused.contains(&told), "{refused}");
        OutputLock::acquire([folder.path().join("b.csv").as_path()]).unwrap();
        drop(lock);
        OutputLock::acquire([same.as_path()]).unwrap();
        assert_eq!(names(folder.path()), [""; 0], "no lock stays behind");
    }

    #[test]
    fn whoever_waits_has_the_lock_when_the_first_has_finished() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.csv");
        let held = std::sync::atomic::AtomicU32::new(0);
        let turn = || {
            for _ in 0..20 {
                let _lock = OutputLock::acquire([file.as_path()]).unwrap();
                use std::sync::atomic::Ordering::SeqCst;
                assert_eq!(held.fetch_add(1, SeqCst), 0, "two hold it at once");
                held.fetch_sub(1, SeqCst);
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(turn);
            scope.spawn(turn);
        });
    }

    #[test]
    fn a_folder_made_for_a_lock_goes_with_it_unless_something_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("models/new/model.bin");
        drop(OutputLock::acquire([file.as_path()]).unwrap());
        assert_eq!(names(folder.path()), [""; 0]);
        let lock = OutputLock::acquire([file.as_path()]).unwrap();
        std::fs::write(&file, "model").unwrap();
        drop(lock);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "model");
    }

    #[test]
    fn what_a_killed_command_left_goes_a_day_later() {
        let folder = tempfile::tempdir().unwrap();
        let left = |letter: &str, hours: u64| {
            let path = folder.path().join(format!(".{}.tmp", letter.repeat(NAME)));
            let file = File::create(&path).unwrap();
            let age = Duration::from_secs(hours * 60 * 60);
            file.set_modified(std::time::SystemTime::now() - age)
                .unwrap();
            path
        };
        let [old, young] = [left("a", 25), left("b", 1)];
        OutputLock::acquire([folder.path().join("a.csv").as_path()]).unwrap();
        assert_eq!((old.exists(), young.exists()), (false, true));
    }

    #[test]
    fn one_file_named_twice_is_one_output() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.svg");
        OutputLock::acquire([file.as_path(), file.as_path()]).unwrap();
    }
}
