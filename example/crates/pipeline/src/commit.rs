//! Notes what lies in the working tree as what stages read and made, without running them.

use std::path::PathBuf;

use mlops_repository::lockfile::{Lock, LockedPath, LockedStage};
use mlops_repository::{HashKind, Stage};
use mlops_versioning::{PathLock, silent};

use crate::error::{PipelineError, Result};
use crate::project::{Project, Work};
use crate::status::{self, Change, StageStatus};
use crate::workspace::Workspace;

/// Asked with a stage and what changed in it, before that is noted as what the outputs were made from.
pub type Confirm<'a> = &'a dyn Fn(&str, &[String]) -> Result<bool>;

/// What a commit of stages did.
#[derive(Debug, Clone, Default)]
pub struct Committed {
    /// Stages whose outputs were stored or noted.
    pub stages: Vec<String>,
    /// Stages that were left out, and why. Only of those that weren't named.
    pub left_out: Vec<(String, String)>,
}

/// Stores the outputs of stages and notes in `dvc.lock` what was read and made. The caller holds the repository's
/// lock. `targets` are seen from `folder`; none mean all stages.
///
/// # Errors
/// If something that a named stage reads or makes isn't there, `confirm` disagrees, or the system refuses.
pub fn commit(
    project: &mut Project<'_>,
    targets: &[String],
    folder: &str,
    confirm: Confirm<'_>,
) -> Result<Committed> {
    let mut chosen = Vec::new();
    for target in targets {
        chosen.extend(project.select(target, folder)?);
    }
    if targets.is_empty() {
        chosen = (0..project.catalog.stages.len()).collect();
    }
    let mut locks = std::mem::take(&mut project.declared.locks);
    let workspace = Workspace::new(project.repository, &project.source);
    let mut committed = Committed::default();
    let mut result = Ok(());
    for (rank, vertex) in chosen.into_iter().enumerate() {
        let Work::Stage(stage) = project.work(vertex) else {
            continue;
        };
        let Some(lock) = locks.get_mut(&stage.file) else {
            continue;
        };
        match commit_stage(&workspace, stage, lock, rank, confirm) {
            Ok(true) => committed.stages.push(stage.address()),
            Ok(false) => {}
            Err(PipelineError::Missing { message, .. }) if targets.is_empty() => {
                committed.left_out.push((stage.address(), message));
            }
            Err(error) => {
                result = Err(error);
                break;
            }
        }
    }
    project.declared.locks = locks;
    result.map(|()| committed)
}

/// Whether there was anything to store or note.
fn commit_stage(
    workspace: &Workspace<'_>,
    stage: &Stage,
    lock: &mut Lock,
    rank: usize,
    confirm: Confirm<'_>,
) -> Result<bool> {
    let missing = |message: String| PipelineError::Missing {
        stage: stage.address(),
        message,
    };
    stage
        .check_supported()
        .map_err(|error| missing(error.to_string()))?;
    // What a frozen stage reads doesn't make it run, but is noted.
    let stage = &Stage {
        frozen: false,
        ..stage.clone()
    };
    let locked = lock.stage(&stage.name)?;
    let status = status::status(workspace, stage, locked.as_ref())?;
    if status.is_unchanged() {
        return Ok(false);
    }
    let repository = workspace.repository;
    let full: Vec<PathBuf> = stage
        .outs
        .iter()
        .map(|out| workspace.full(&out.at))
        .collect();
    for (out, path) in stage.outs.iter().zip(&full) {
        if !path.exists() {
            let what = &out.at.path;
            return Err(missing(format!(
                "its output {what} isn't there: run `repro`, or `checkout` it"
            )));
        }
        if out.at.is_inside() {
            repository.check_own_content(path)?;
        }
    }
    let inputs = status::inputs(workspace, stage, locked.as_ref())?;
    let reasons = to_confirm(&status, locked.is_none());
    if !reasons.is_empty() && !confirm(&stage.address(), &reasons)? {
        return Err(missing(
            "it isn't committed, because the answer wasn't yes".into(),
        ));
    }
    let _paths = PathLock::acquire(&repository.tmp(), "commit", &[], &full)?;
    let mut outs = Vec::new();
    let mut hidden = Vec::new();
    for (out, path) in stage.outs.iter().zip(&full) {
        let saved = if out.cache {
            let content = repository.save(path, HashKind::Md5, true, &silent)?;
            content.map(|content| content.saved)
        } else {
            workspace.content(&out.at, HashKind::Md5)?
        };
        let saved = saved.ok_or_else(|| missing(format!("{} is gone", out.at.path)))?;
        outs.push(LockedPath::of(&out.at.written, &saved));
        if out.cache && out.at.is_inside() {
            hidden.push(path.clone());
        }
    }
    let mut changed = repository.keep_out_of_git(&hidden)?;
    lock.set(&stage.name, &LockedStage { outs, ..inputs }, rank);
    lock.write(repository.root())?;
    changed.push(repository.root().join(&lock.file));
    repository.autostage(&changed)?;
    Ok(true)
}

/// What somebody should have looked at before it is noted: all but outputs that are only not stored yet.
fn to_confirm(status: &StageStatus, is_new: bool) -> Vec<String> {
    if is_new {
        return vec!["nothing is known of an earlier run".into()];
    }
    let mut status = status.clone();
    status
        .outs
        .retain(|(_, change)| *change != Change::NotInCache);
    status.always = false;
    status.reasons()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlops_versioning::Repository;

    const STAGES: &str = "stages:\n  s: {cmd: sh run.sh, deps: [run.sh], params: [lr], outs: [out, m.json: {cache: false}]}\n  \
                          get: {cmd: x, deps: ['s3://bucket/raw'], outs: [raw]}\n  never: {cmd: x, outs: [no]}\n";

    struct Place {
        folder: tempfile::TempDir,
        repository: Repository,
    }

    impl Place {
        fn new() -> Place {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().canonicalize().unwrap();
            std::fs::create_dir(root.join(".dvc")).unwrap();
            std::fs::write(root.join(".dvc/config"), "[core]\n    no_scm = True\n").unwrap();
            let place = Place {
                repository: Repository::open(&root).unwrap(),
                folder,
            };
            for (name, text) in [
                ("dvc.yaml", STAGES),
                ("params.yaml", "lr: 1\n"),
                ("run.sh", "echo 1"),
                ("out", "1"),
                ("m.json", "{}"),
            ] {
                place.write(name, text);
            }
            place
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.folder.path().join(name), text).unwrap();
        }

        fn commit(&self, targets: &[&str], agreed: bool) -> Result<Committed> {
            let _lock = self.repository.lock()?;
            let mut project = Project::open(&self.repository)?;
            let targets: Vec<String> = targets.iter().map(|name| (*name).to_owned()).collect();
            commit(&mut project, &targets, "", &|_, _| Ok(agreed))
        }

        fn changed(&self) -> Vec<String> {
            let project = Project::open(&self.repository).unwrap();
            let changed = status::changes(&project, &["s".into()], "").unwrap();
            changed.into_iter().map(|(name, _)| name).collect()
        }
    }

    #[test]
    fn outputs_are_stored_and_noted_as_made_from_what_is_there() {
        let place = Place::new();
        let committed = place.commit(&[], true).unwrap();
        assert_eq!(committed.stages, ["s"]);
        let left_out: Vec<&str> = committed.left_out.iter().map(|(name, _)| &**name).collect();
        assert_eq!(left_out, ["get", "never"]);
        assert!(committed.left_out[0].1.contains("s3://bucket/raw"));
        assert!(place.changed().is_empty());
        // A change that doesn't matter is accepted.
        place.write("run.sh", "echo 1 # a comment");
        place.write("params.yaml", "lr: 2\n");
        assert_eq!(place.changed(), ["s"]);
        let refused = place.commit(&["s"], false).unwrap_err().to_string();
        assert!(refused.contains("the answer wasn't yes"), "{refused}");
        assert_eq!(place.changed(), ["s"]);
        assert_eq!(place.commit(&["s"], true).unwrap().stages, ["s"]);
        assert!(place.changed().is_empty());
        assert!(place.commit(&["s"], true).unwrap().stages.is_empty());
    }

    #[test]
    fn with_autostage_what_was_written_is_in_gits_index() {
        let place = Place::new();
        let root = place.repository.root().to_path_buf();
        mlops_repository::git(&root, &["init", "-q"]).unwrap();
        place.write(".dvc/config", "[core]\n    autostage = true\n");
        let repository = Repository::open(&root).unwrap();
        let place = Place {
            repository,
            ..place
        };
        place.commit(&["s"], true).unwrap();
        let staged = mlops_repository::git(&root, &["ls-files"]).unwrap();
        assert_eq!(String::from_utf8_lossy(&staged), ".gitignore\ndvc.lock\n");
    }

    #[test]
    fn a_frozen_stage_is_committed_with_what_it_reads() {
        let place = Place::new();
        place.commit(&["s"], true).unwrap();
        let frozen = STAGES.replace("s: {cmd: sh run.sh,", "s: {cmd: sh run.sh, frozen: true,");
        place.write("dvc.yaml", &frozen);
        place.write("params.yaml", "lr: 2\n");
        assert_eq!(place.commit(&["s"], true).unwrap().stages, ["s"]);
        let lock = std::fs::read_to_string(place.folder.path().join("dvc.lock")).unwrap();
        assert!(lock.contains("lr: 2"), "{lock}");
    }

    #[test]
    fn what_is_only_not_stored_yet_is_stored_without_a_question() {
        let place = Place::new();
        place.commit(&["s"], true).unwrap();
        std::fs::remove_dir_all(place.folder.path().join(".dvc/cache")).unwrap();
        assert_eq!(place.commit(&["s"], false).unwrap().stages, ["s"]);
        assert!(place.changed().is_empty());
    }

    #[test]
    fn a_named_stage_that_cannot_be_committed_is_an_error() {
        let place = Place::new();
        for (name, why) in [
            ("get", "s3://bucket/raw"),
            ("never", "its output no isn't there"),
        ] {
            let error = place.commit(&[name], true).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
