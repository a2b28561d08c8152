//! Results of earlier runs, by what they were made from: `.dvc/cache/runs`, shared with DVC.

mod transfer;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mlops_disk::{self as disk, Batch, Existing};
use mlops_repository::Stage;
use mlops_repository::lockfile::LockedStage;
use mlops_repository::yaml::{self, Map, Node, Value};
use sha2::{Digest, Sha256};

use crate::error::{PipelineError, Result};
use crate::python_json;

pub use transfer::{Moved, fetch, push};

/// Keys that a result's name doesn't depend on.
const LEFT_OUT: [&str; 2] = ["size", "nfiles"];

/// The folder of results.
#[derive(Debug, Clone)]
pub struct RunCache {
    folder: PathBuf,
}

impl RunCache {
    /// The results in a cache.
    #[must_use]
    pub fn of(cache: &Path) -> Self {
        Self {
            folder: cache.join("runs"),
        }
    }

    /// Whether a stage's results can be known by what they are made from.
    #[must_use]
    pub fn takes(stage: &Stage) -> bool {
        let reads = !stage.deps.is_empty() || !stage.params.is_empty();
        let mut outs = stage.outs.iter();
        reads
            && !stage.always_changed
            && outs.len() > 0
            && outs.all(|out| !out.persist && out.at.is_inside())
    }

    fn key_folder(&self, key: &str) -> PathBuf {
        self.folder.join(&key[..2]).join(key)
    }

    /// The newest result of a stage that is about to run; only its outputs' paths count.
    ///
    /// # Errors
    /// If the system refuses. What can't be read counts as not there.
    pub fn find(&self, stage: &LockedStage) -> Result<Option<LockedStage>> {
        let folder = self.key_folder(&key(stage));
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(PipelineError::io(folder)(error)),
        };
        let mut newest: Option<(SystemTime, PathBuf)> = None;
        for entry in entries {
            let entry = entry.map_err(PipelineError::io(&folder))?;
            if disk::is_temp(&entry.file_name().to_string_lossy()) {
                continue;
            }
            let modified = entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .map_err(PipelineError::io(entry.path()))?;
            if newest.as_ref().is_none_or(|(latest, _)| modified > *latest) {
                newest = Some((modified, entry.path()));
            }
        }
        Ok(newest.and_then(|(_, path)| read(&path)))
    }

    /// Whether precisely this result is kept.
    #[must_use]
    pub fn has(&self, stage: &LockedStage) -> bool {
        read(&self.key_folder(&key(stage)).join(value(stage))).is_some()
    }

    /// Keeps the results of runs, and says in which folders.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn keep<'a>(
        &self,
        stages: impl IntoIterator<Item = &'a LockedStage>,
    ) -> Result<Vec<PathBuf>> {
        let mut folders = Vec::new();
        let batch = Batch::new();
        for stage in stages.into_iter().filter(|stage| !self.has(stage)) {
            let path = self.key_folder(&key(stage)).join(value(stage));
            let text = yaml::write(&Value::Map(stage.to_map()));
            batch.stage(&path, text.as_bytes(), None, Existing::Replace)?;
            folders.extend(path.parent().map(Path::to_path_buf));
        }
        batch.commit()?;
        Ok(folders)
    }
}

/// A result; `None` if it isn't there or torn.
fn read(path: &Path) -> Option<LockedStage> {
    parse(&std::fs::read_to_string(path).ok()?)
}

fn parse(text: &str) -> Option<LockedStage> {
    let node = yaml::read(text).ok()?;
    LockedStage::read("run cache", "", &node).ok()
}

/// The name of what a stage is made from.
#[must_use]
pub fn key(stage: &LockedStage) -> String {
    let mut map = stage.to_map();
    let mut paths: Vec<&str> = stage.outs.iter().map(|out| out.path.as_str()).collect();
    paths.sort_unstable();
    let paths: Vec<Node> = paths.into_iter().map(Node::from).collect();
    map.insert("outs", Node::from(Value::List(paths)));
    name(map)
}

/// The name of what a stage is made from and has made.
#[must_use]
pub fn value(stage: &LockedStage) -> String {
    name(stage.to_map())
}

fn name(map: Map) -> String {
    use std::fmt::Write as _;
    let json = python_json::dumps_sorted(&Value::Map(map), &LEFT_OUT);
    let digest = Sha256::digest(json.as_bytes());
    digest
        .iter()
        .fold(String::with_capacity(64), |mut name, byte| {
            let _ = write!(name, "{byte:02x}");
            name
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(text: &str) -> LockedStage {
        LockedStage::read("dvc.lock", "s", &yaml::read(text).unwrap()).unwrap()
    }

    // Both from DVC's own unit tests, tests/unit/stage/test_cache.py.
    #[test]
    fn names_are_those_that_dvc_gives() {
        let first = stage(
            "cmd: python script.py\ndeps:\n\
             - {path: script.py, hash: md5, md5: abb0c55bd903a0f636aaa24fd39c2853, size: 9}\n\
             - {path: dep, hash: md5, md5: 2254342becceafbd04538e0a38696791}\n\
             outs: [{path: out, hash: md5, md5: c68271a63ddbc431c307beb7d2918275}]\n",
        );
        assert_eq!(
            key(&first),
            "c7a85d71de1912c43d9c5b6218c71630d6277e8fc11e4ccf5e12b3c202234838"
        );
        assert_eq!(
            value(&first),
            "5e2824029f8da9ef6c57131a638ceb65f27c02f16c85d71e85671c27daed0501"
        );
        let second = stage(
            "cmd: python script.py\n\
             params: {params.yaml: {foo: 1, bar: 2}, myparams.yaml: {baz: 3, qux: 4}}\n\
             outs: [{path: out, hash: md5, md5: c68271a63ddbc431c307beb7d2918275}]\n",
        );
        assert_eq!(
            key(&second),
            "8fdb377d1b4c0a303b788771b122dfba9bbbbc43f14ce41d35715cf4fea08459"
        );
        assert_eq!(
            value(&second),
            "9ce1963a69beb1299800188647cd960b7afff101be19fd46226e32bb8be8ee44"
        );
    }

    #[test]
    fn the_newest_sound_result_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let cache = RunCache::of(folder.path());
        let made = |md5: &str| {
            stage(&format!(
                "cmd: x\ndeps: [{{path: d, hash: md5, md5: 2254342becceafbd04538e0a38696791}}]\n\
                 outs: [{{path: o, hash: md5, md5: {md5}, size: 1}}]\n"
            ))
        };
        let (old, new) = (made(&"a".repeat(32)), made(&"b".repeat(32)));
        assert_eq!(cache.find(&old).unwrap(), None);
        cache.keep([&old]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        cache.keep([&new]).unwrap();
        assert_eq!(cache.find(&old).unwrap(), Some(new.clone()));
        let path = cache.key_folder(&key(&new)).join(value(&new));
        std::fs::write(&path, "cmd: [").unwrap();
        assert_eq!(cache.find(&old).unwrap(), None, "torn");
        cache.keep([&new]).unwrap();
        assert_eq!(cache.find(&old).unwrap(), Some(new), "mended");
    }
}
