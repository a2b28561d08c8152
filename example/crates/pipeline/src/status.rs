//! What changed since a stage last ran.

use mlops_repository::lockfile::{LockedPath, LockedStage};
use mlops_repository::yaml::Map;
use mlops_repository::{HashKind, Location, Output, ParameterFile, Saved, Stage};

use crate::error::{PipelineError, Result};
use crate::project::{Project, Work};
use crate::workspace::Workspace;
use mlops_repository::params;

/// How something differs from what the lock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It isn't there.
    Deleted,
    /// It is another, or was never noted.
    Modified,
    /// A parameter that the lock doesn't have.
    New,
    /// It is there, but its content isn't in the cache.
    NotInCache,
}

impl std::fmt::Display for Change {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Deleted => "deleted",
            Self::Modified => "modified",
            Self::New => "new",
            Self::NotInCache => "not in cache",
        })
    }
}

/// What changed since a stage last ran; paths are from the repository's root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageStatus {
    /// Dependencies.
    pub deps: Vec<(String, Change)>,
    /// Files of parameters that are gone or were never read.
    pub param_files: Vec<(String, Change)>,
    /// Parameters: file, key.
    pub params: Vec<(String, String, Change)>,
    /// Outputs.
    pub outs: Vec<(String, Change)>,
    /// The command.
    pub command: bool,
    /// It runs each time.
    pub always: bool,
    /// Why it can't be looked at here; DVC can.
    pub unsupported: Option<String>,
}

impl StageStatus {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        *self == Self::default()
    }

    /// Whether nothing changed but that data isn't there.
    #[must_use]
    pub fn is_only_missing(&self) -> bool {
        let gone = |change: &Change| matches!(change, Change::Deleted | Change::NotInCache);
        !self.command
            && !self.always
            && self.unsupported.is_none()
            && self.params.is_empty()
            && self.param_files.is_empty()
            && self
                .deps
                .iter()
                .all(|(_, change)| *change == Change::Deleted)
            && self.outs.iter().all(|(_, change)| gone(change))
    }

    /// In the shape of `dvc status --json`; paths are shown from `folder`.
    #[must_use]
    pub fn json(&self, folder: &str) -> serde_json::Value {
        use serde_json::{Map, Value, json};

        let shown = |path: &str| mlops_repository::posix_path::relative(path, folder);
        let states = |changes: &[(String, Change)]| -> Map<String, Value> {
            changes
                .iter()
                .map(|(path, change)| (shown(path), json!(change.to_string())))
                .collect()
        };
        let mut parts = Vec::new();
        let mut deps = states(&self.deps);
        deps.extend(states(&self.param_files));
        for (file, key, change) in &self.params {
            let keys = deps.entry(shown(file)).or_insert_with(|| json!({}));
            if let Value::Object(keys) = keys {
                keys.insert(key.clone(), json!(change.to_string()));
            }
        }
        if !deps.is_empty() {
            parts.push(json!({ "changed deps": deps }));
        }
        if !self.outs.is_empty() {
            parts.push(json!({ "changed outs": states(&self.outs) }));
        }
        if let Some(why) = &self.unsupported {
            parts.push(json!(format!("not supported: {why}")));
        }
        if self.always {
            parts.push(json!("always changed"));
        }
        if self.command {
            parts.push(json!("changed command"));
        }
        Value::Array(parts)
    }

    /// What changed, in a few words.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.command {
            reasons.push("its command changed".to_owned());
        }
        let paths = self.deps.iter().chain(&self.param_files).chain(&self.outs);
        reasons.extend(paths.map(|(path, change)| format!("{path} is {change}")));
        let params = self.params.iter();
        reasons.extend(params.map(|(file, key, change)| format!("{key} of {file} is {change}")));
        if self.always {
            reasons.push("it runs each time".to_owned());
        }
        reasons
    }
}

/// What changed in each stage, by its address; stages in which nothing did are left out.
/// `targets` are as [`Project::select`] takes them; without any, all stages.
///
/// # Errors
/// If a target names nothing, or what is there can't be read.
pub fn changes(
    project: &Project<'_>,
    targets: &[String],
    folder: &str,
) -> Result<Vec<(String, StageStatus)>> {
    let mut chosen = Vec::new();
    for target in targets {
        chosen.extend(project.select(target, folder)?);
    }
    if targets.is_empty() {
        chosen = (0..project.catalog.stages.len()).collect();
    }
    let workspace = Workspace::new(project.repository, &project.source);
    look_at_all(&workspace, project, &chosen)?;
    let mut changed = Vec::new();
    for vertex in chosen {
        let Work::Stage(stage) = project.work(vertex) else {
            continue;
        };
        let status = status(&workspace, stage, project.locked(stage)?.as_ref())?;
        if !status.is_unchanged() {
            changed.push((stage.address(), status));
        }
    }
    Ok(changed)
}

/// Looks at all files of some stages at once.
pub(crate) fn look_at_all(
    workspace: &Workspace<'_>,
    project: &Project<'_>,
    vertices: &[usize],
) -> Result<()> {
    let mut paths = Vec::new();
    for &vertex in vertices {
        let Work::Stage(stage) = project.work(vertex) else {
            continue;
        };
        let locked = project.locked(stage)?;
        let locked = locked.as_ref();
        let mut add = |at: &Location, known: Option<&LockedPath>| {
            if at.is_inside() {
                paths.push((workspace.full(at), kind_of(known)));
            }
        };
        for dep in stage.deps.iter().filter(|_| !stage.frozen) {
            add(
                &dep.at,
                locked.and_then(|locked| locked.dep(&dep.at.written)),
            );
        }
        for out in &stage.outs {
            add(
                &out.at,
                locked.and_then(|locked| locked.out(&out.at.written)),
            );
        }
    }
    workspace.look_at(paths.into_iter())
}

/// Compares a stage with what the lock says of it.
pub(crate) fn status(
    workspace: &Workspace<'_>,
    stage: &Stage,
    locked: Option<&LockedStage>,
) -> Result<StageStatus> {
    if let Err(error) = stage.check_supported() {
        return Ok(StageStatus {
            unsupported: Some(error.to_string()),
            ..StageStatus::default()
        });
    }
    let mut status = StageStatus {
        command: locked.is_some_and(|locked| locked.command != stage.command.value()),
        always: stage.always_changed || stage.is_callback(),
        ..StageStatus::default()
    };
    if !stage.frozen {
        for dep in &stage.deps {
            let known = locked.and_then(|locked| locked.dep(&dep.at.written));
            let now = workspace.content(&dep.at, kind_of(known))?;
            if let Some(change) = compare(known, now.as_ref()) {
                status.deps.push((dep.at.path.clone(), change));
            }
        }
        for file in &stage.params {
            compare_params(workspace, file, locked, &mut status)?;
        }
    }
    for out in &stage.outs {
        let known = locked.and_then(|locked| locked.out(&out.at.written));
        if let Some(change) = compare_out(workspace, out, known)? {
            status.outs.push((out.at.path.clone(), change));
        }
    }
    Ok(status)
}

pub(crate) fn kind_of(known: Option<&LockedPath>) -> HashKind {
    known
        .and_then(|known| known.id)
        .map_or(HashKind::Md5, |id| id.kind)
}

fn compare(known: Option<&LockedPath>, now: Option<&Saved>) -> Option<Change> {
    let Some(now) = now else {
        return Some(Change::Deleted);
    };
    (known.and_then(|known| known.id) != Some(now.id)).then_some(Change::Modified)
}

fn compare_out(
    workspace: &Workspace<'_>,
    out: &Output,
    known: Option<&LockedPath>,
) -> Result<Option<Change>> {
    if out.cache
        && let Some(id) = known.and_then(|known| known.id)
        && !workspace.is_cached(&id)?
    {
        return Ok(Some(Change::NotInCache));
    }
    let now = workspace.content(&out.at, kind_of(known))?;
    Ok(compare(known, now.as_ref()))
}

fn compare_params(
    workspace: &Workspace<'_>,
    file: &ParameterFile,
    locked: Option<&LockedStage>,
    status: &mut StageStatus,
) -> Result<()> {
    let path = &file.at.path;
    let Some(node) = workspace.params(file)? else {
        status.param_files.push((path.clone(), Change::Deleted));
        return Ok(());
    };
    let known = locked.and_then(|locked| {
        let known = locked
            .params
            .iter()
            .find(|(name, _)| *name == file.at.written);
        known.map(|(_, values)| values)
    });
    let Some(known) = known else {
        status.param_files.push((path.clone(), Change::New));
        return Ok(());
    };
    let now = params::tracked(path, &node, &file.keys)?;
    for key in keys(file, &now, known) {
        let change = match (now.get(&key), known.get(&key)) {
            (None, _) => Change::Deleted,
            (Some(_), None) => Change::New,
            (Some(now), Some(known)) if now != known => Change::Modified,
            _ => continue,
        };
        status.params.push((path.clone(), key, change));
    }
    Ok(())
}

/// The keys that count: those named, or all that are or were there.
fn keys(file: &ParameterFile, now: &Map, known: &Map) -> Vec<String> {
    if !file.keys.is_empty() {
        return file.keys.clone();
    }
    let text = |map: &Map| -> Vec<String> {
        map.iter()
            .filter_map(|entry| entry.key.as_text().map(str::to_owned))
            .collect()
    };
    let mut keys = text(now);
    for key in text(known) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

/// What a stage reads now, as the lock will have it.
///
/// # Errors
/// If a dependency or parameter isn't there.
pub(crate) fn inputs(
    workspace: &Workspace<'_>,
    stage: &Stage,
    locked: Option<&LockedStage>,
) -> Result<LockedStage> {
    let missing = |message: String| PipelineError::Missing {
        stage: stage.address(),
        message,
    };
    let mut now = LockedStage {
        command: stage.command.value(),
        deps: Vec::new(),
        params: Vec::new(),
        outs: Vec::new(),
    };
    for dep in &stage.deps {
        let known = locked.and_then(|locked| locked.dep(&dep.at.written));
        let mut saved = workspace.content(&dep.at, kind_of(known))?;
        // What changed is noted with the hash of DVC 3.
        if known.is_some() && saved.map(|saved| saved.id) != known.and_then(|known| known.id) {
            saved = workspace.content(&dep.at, HashKind::Md5)?;
        }
        let saved = saved.ok_or_else(|| {
            missing(format!(
                "it reads {}, which is not there: make it, `checkout` or `pull` it, or correct {}:{}",
                dep.at.path, stage.file, stage.line
            ))
        })?;
        now.deps.push(LockedPath::of(&dep.at.written, &saved));
    }
    for file in &stage.params {
        let path = &file.at.path;
        let node = workspace
            .params(file)?
            .ok_or_else(|| missing(format!("it reads parameters of {path}, which is not there")))?;
        let values = params::tracked(path, &node, &file.keys)?;
        let absent: Vec<&str> = file
            .keys
            .iter()
            .filter(|key| values.get(key).is_none())
            .map(String::as_str)
            .collect();
        if !absent.is_empty() {
            return Err(missing(format!("{path} has no {}", absent.join(", "))));
        }
        now.params.push((file.at.written.clone(), values));
    }
    Ok(now)
}
