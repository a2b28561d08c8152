//! A stage with all its references put in, read from the map in `dvc.yaml`.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::yaml::{Map, Node, Value};

use super::better::Better;
use crate::error::{RepositoryError, Result};
use crate::interpolation::{Used, text};

/// A step of the pipeline, with everything put in for its references.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its name in its file; of a generated one `train@1`.
    pub name: String,
    /// The name of the group that generated it.
    pub group: Option<String>,
    /// Its `dvc.yaml`, from the repository's root.
    pub file: String,
    /// Its line there.
    pub line: usize,
    /// What it runs.
    pub command: Command,
    /// The folder it runs in and that its paths start from, from the repository's root.
    pub folder: String,
    /// What it reads.
    pub deps: Vec<Dependency>,
    /// The parameters it reads.
    pub params: Vec<ParameterFile>,
    /// What it makes.
    pub outs: Vec<Output>,
    /// What a human says about it.
    pub desc: Option<String>,
    /// Never run, its dependencies not looked at.
    pub frozen: bool,
    /// Run each time.
    pub always_changed: bool,
    /// After how long a run is stopped: `meta: {timeout: 60s}`.
    pub timeout: Option<Duration>,
    /// How often a failed run is repeated: `meta: {retries: 2}`.
    pub retries: u32,
    /// Metrics of which more is better, and those of which less is, that their names don't tell:
    /// `meta: {higher_is_better: [uplift], lower_is_better: [waste]}`.
    pub better: Better,
    /// Why it can't be run or looked at here, though DVC can: the line, the key and what is unsupported. All other
    /// stages can.
    pub unsupported: Option<(usize, String, String)>,
    /// What its references took from files.
    pub used: Used,
}

/// What a stage runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// One text; each of its lines is a command.
    Text(String),
    /// One after the other.
    List(Vec<String>),
}

impl Command {
    /// The commands in their order.
    #[must_use]
    pub fn lines(&self) -> Vec<&str> {
        match self {
            Self::Text(text) => text
                .lines()
                .filter(|line| !line.trim().is_empty())
                .collect(),
            Self::List(lines) => lines.iter().map(String::as_str).collect(),
        }
    }

    /// As it stands in `dvc.lock`.
    #[must_use]
    pub fn value(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::List(lines) => {
                Value::List(lines.iter().map(|line| line.as_str().into()).collect())
            }
        }
    }
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// As it stands in `dvc.yaml` and `dvc.lock`.
    pub written: String,
    /// From the repository's root; with `..` in front or absolute if it lies outside.
    pub path: String,
}

impl Location {
    fn new(written: &str, folder: &str) -> Self {
        Self {
            written: written.to_owned(),
            path: crate::posix_path::join(folder, written),
        }
    }

    /// Whether it lies in the repository.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        !self.path.starts_with('/') && self.path != ".." && !self.path.starts_with("../")
    }
}

/// A file or folder that a stage reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Where it is.
    pub at: Location,
}

/// A file of parameters that a stage reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterFile {
    /// Where it is.
    pub at: Location,
    /// The keys that count; none means all.
    pub keys: Vec<String>,
}

/// What an output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputKind {
    /// Data or a model.
    Data,
    /// Scores.
    Metric,
    /// Something to draw.
    Plot,
}

/// A file or folder that a stage makes.
#[derive(Debug, Clone)]
pub struct Output {
    /// Where it is.
    pub at: Location,
    /// Its line in the file.
    pub line: usize,
    /// What it is for.
    pub kind: OutputKind,
    /// Whether its content is kept in the cache.
    pub cache: bool,
    /// Whether it is left in place before a run.
    pub persist: bool,
    /// The remote it goes to, if not the default.
    pub remote: Option<String>,
    /// Whether `push` takes it along.
    pub push: bool,
    /// How a plot is drawn: `x`, `y`, `title`, …; for a file with several plots, each.
    pub plots: Vec<Map>,
}

impl Stage {
    /// What it is called on the command line: its name, with its file if that isn't the root's.
    #[must_use]
    pub fn address(&self) -> String {
        if self.file == "dvc.yaml" {
            self.name.clone()
        } else {
            format!("{}:{}", self.file, self.name)
        }
    }

    /// Whether it can be run and looked at here.
    ///
    /// # Errors
    /// If not: with its line and the reason.
    pub fn check_supported(&self) -> Result<()> {
        match &self.unsupported {
            None => Ok(()),
            Some((line, key, why)) => Err(RepositoryError::at(&self.file, *line, key, why)),
        }
    }

    /// Whether it has neither dependencies nor outputs, so that nothing tells if it must run.
    #[must_use]
    pub fn is_callback(&self) -> bool {
        self.deps.is_empty() && self.params.is_empty() && self.outs.is_empty()
    }

    /// Reads a stage whose references have been put in.
    pub(super) fn read(
        file: &str,
        name: &str,
        group: Option<String>,
        line: usize,
        body: &Map,
        used: Used,
    ) -> Result<Self> {
        let reader = StageReader {
            file,
            key: format!("stages.{name}"),
            unsupported: RefCell::default(),
        };
        let folder = match body.get("wdir") {
            Some(node) => crate::posix_path::join(
                crate::posix_path::folder(file),
                &reader.text(node, "wdir")?,
            ),
            None => crate::posix_path::folder(file).to_owned(),
        };
        if folder.starts_with("..") || folder.starts_with('/') {
            return Err(reader.fault(line, "wdir", "the folder lies outside of the repository"));
        }
        let mut outs = Vec::new();
        for (key, kind) in [
            ("outs", OutputKind::Data),
            ("metrics", OutputKind::Metric),
            ("plots", OutputKind::Plot),
        ] {
            if let Some(node) = body.get(key) {
                reader.outputs(node, key, kind, &folder, &mut outs)?;
            }
        }
        let meta = body.get("meta");
        let (timeout, retries) = meta.map_or(Ok((None, 0)), |node| {
            read_meta(file, node, &format!("{}.meta", reader.key))
        })?;
        let better = meta.map_or(Ok(Better::default()), |node| {
            Better::read(file, node, &format!("{}.meta", reader.key))
        })?;
        Ok(Self {
            name: name.to_owned(),
            group,
            file: file.to_owned(),
            line,
            command: reader.command(body)?,
            deps: reader.dependencies(body, &folder)?,
            params: reader.parameters(body, &folder)?,
            unsupported: reader.unsupported.into_inner(),
            outs,
            desc: body
                .get("desc")
                .and_then(|node| node.value.as_text())
                .map(str::to_owned),
            frozen: is_true(body, "frozen"),
            always_changed: is_true(body, "always_changed"),
            timeout,
            retries,
            better,
            folder,
            used,
        })
    }
}

fn is_true(map: &Map, key: &str) -> bool {
    matches!(
        map.get(key).map(|node| &node.value),
        Some(Value::Bool(true))
    )
}

struct StageReader<'a> {
    file: &'a str,
    key: String,
    unsupported: RefCell<Option<(usize, String, String)>>,
}

impl StageReader<'_> {
    fn fault(&self, line: usize, key: &str, message: impl Into<String>) -> RepositoryError {
        RepositoryError::at(self.file, line, format!("{}.{key}", self.key), message)
    }

    fn text(&self, node: &Node, key: &str) -> Result<String> {
        text::scalar(&node.value).map_err(|message| self.fault(node.line, key, message))
    }

    fn items<'n>(&self, body: &'n Map, key: &str) -> &'n [Node] {
        body.get(key)
            .and_then(|node| node.value.as_list())
            .unwrap_or_default()
    }

    fn command(&self, body: &Map) -> Result<Command> {
        let Some(node) = body.get("cmd") else {
            return Err(self.fault(0, "cmd", "the stage has no cmd"));
        };
        let command = match &node.value {
            Value::List(items) => Command::List(
                items
                    .iter()
                    .map(|item| self.text(item, "cmd"))
                    .collect::<Result<_>>()?,
            ),
            _ => Command::Text(self.text(node, "cmd")?),
        };
        if command.lines().is_empty() {
            return Err(self.fault(node.line, "cmd", "the command is empty"));
        }
        Ok(command)
    }

    /// Notes that the stage can't be run here, for the first reason that is found.
    fn not_supported(&self, line: usize, key: &str, why: String) {
        let key = format!("{}.{key}", self.key);
        self.unsupported
            .borrow_mut()
            .get_or_insert((line, key, why));
    }

    /// Whether a path leads to another machine, which only DVC reads and writes.
    fn is_elsewhere(&self, written: &str, line: usize, key: &str) -> bool {
        let is_url = written.contains("://");
        if is_url {
            let why = format!(
                "{written:?}: only files of this machine can be read and made by a stage; download it in `cmd`, or run this stage with DVC"
            );
            self.not_supported(line, key, why);
        }
        is_url
    }

    fn location_of(&self, written: &str, line: usize, key: &str, folder: &str) -> Result<Location> {
        if written.is_empty() || written.contains('\0') {
            return Err(self.fault(line, key, format!("{written:?} is no path")));
        }
        let at = Location::new(written, folder);
        if at.path.is_empty() {
            return Err(self.fault(line, key, format!("{written:?} is the repository itself")));
        }
        Ok(at)
    }

    fn dependencies(&self, body: &Map, folder: &str) -> Result<Vec<Dependency>> {
        let mut deps: Vec<Dependency> = Vec::new();
        let mut seen = HashSet::new();
        for node in self.items(body, "deps") {
            let written = self.text(node, "deps")?;
            if self.is_elsewhere(&written, node.line, "deps") {
                continue;
            }
            let at = self.location_of(&written, node.line, "deps", folder)?;
            if seen.insert(at.written.clone()) {
                deps.push(Dependency { at });
            }
        }
        Ok(deps)
    }

    fn parameters(&self, body: &Map, folder: &str) -> Result<Vec<ParameterFile>> {
        let mut files: BTreeMap<usize, (String, Option<Vec<String>>)> = BTreeMap::new();
        let mut add = |file: &str, keys: Option<Vec<String>>| {
            let next = files.len();
            let known = files.values_mut().find(|(name, _)| name == file);
            match (known, keys) {
                (None, keys) => {
                    files.insert(next, (file.to_owned(), keys));
                }
                // A file that is tracked as a whole once is so altogether.
                (Some((_, had)), None) => *had = None,
                (Some((_, Some(had))), Some(keys)) => had.extend(keys),
                (Some((_, None)), Some(_)) => {}
            }
        };
        for item in self.items(body, "params") {
            match &item.value {
                Value::Map(map) => {
                    for entry in map {
                        let file = text::scalar(&entry.key)
                            .map_err(|message| self.fault(entry.line, "params", message))?;
                        let keys = entry
                            .node
                            .value
                            .as_list()
                            .unwrap_or_default()
                            .iter()
                            .map(|key| self.text(key, "params"))
                            .collect::<Result<Vec<_>>>()?;
                        add(&file, (!keys.is_empty()).then_some(keys));
                    }
                }
                _ => add(
                    crate::params::DEFAULT_FILE,
                    Some(vec![self.text(item, "params")?]),
                ),
            }
        }
        files
            .into_values()
            .map(|(file, keys)| {
                let line = body.entry("params").map_or(0, |entry| entry.line);
                if file.to_ascii_lowercase().ends_with(".py") {
                    let why = format!("{file}: {}", crate::params::NO_PYTHON);
                    self.not_supported(line, "params", why);
                }
                Ok(ParameterFile {
                    at: self.location_of(&file, line, "params", folder)?,
                    keys: keys.unwrap_or_default(),
                })
            })
            .collect()
    }

    fn outputs(
        &self,
        node: &Node,
        key: &str,
        kind: OutputKind,
        folder: &str,
        outs: &mut Vec<Output>,
    ) -> Result<()> {
        for item in node.value.as_list().unwrap_or_default() {
            match &item.value {
                Value::Map(map) => {
                    for entry in map {
                        let written = text::scalar(&entry.key)
                            .map_err(|message| self.fault(entry.line, key, message))?;
                        if self.is_elsewhere(&written, entry.line, key) {
                            continue;
                        }
                        let at = self.location_of(&written, entry.line, key, folder)?;
                        let flags = entry.node.value.as_map().cloned().unwrap_or_default();
                        outs.push(self.output(at, kind, flags, (entry.line, key), folder)?);
                    }
                }
                _ => {
                    let written = self.text(item, key)?;
                    if self.is_elsewhere(&written, item.line, key) {
                        continue;
                    }
                    let at = self.location_of(&written, item.line, key, folder)?;
                    outs.push(self.output(at, kind, Map::new(), (item.line, key), folder)?);
                }
            }
        }
        Ok(())
    }

    fn output(
        &self,
        at: Location,
        kind: OutputKind,
        flags: Map,
        (line, key): (usize, &str),
        folder: &str,
    ) -> Result<Output> {
        let flag = |name: &str, default: bool| match flags.get(name).map(|node| &node.value) {
            Some(Value::Bool(yes)) => *yes,
            _ => default,
        };
        let cache = flag("cache", true);
        if cache && !at.is_inside() {
            return Err(self.fault(
                line,
                key,
                format!(
                    "{:?} lies outside of the repository: only outs with `cache: false` may",
                    at.written
                ),
            ));
        }
        // A run removes outputs before it makes them again.
        crate::path::check_output(&at.path).map_err(|why| {
            let message = format!("the output {:?} {why}: name another path", at.written);
            self.fault(line, key, message)
        })?;
        let own = crate::posix_path::folder(self.file);
        if let Some(folder) = [folder, own]
            .into_iter()
            .find(|folder| crate::posix_path::is_in(folder, &at.path))
        {
            let message = format!(
                "the output {:?} holds the folder {folder}, in which the stage runs or stands: name what in it is made",
                at.written
            );
            return Err(self.fault(line, key, message));
        }
        let (persist, push) = (flag("persist", false), flag("push", true));
        let remote = flags
            .get("remote")
            .and_then(|node| node.value.as_text())
            .map(str::to_owned);
        Ok(Output {
            at,
            line,
            kind,
            cache,
            persist,
            push,
            remote,
            plots: if kind == OutputKind::Plot {
                vec![flags]
            } else {
                Vec::new()
            },
        })
    }
}

pub(super) fn check_meta(file: &str, node: &Node, key: &str) -> Result<()> {
    if crate::interpolation::has_references(node) {
        return Ok(());
    }
    read_meta(file, node, key)?;
    Better::read(file, node, key).map(drop)
}

/// What `meta` says about running the stage; DVC keeps it and makes nothing of it.
fn read_meta(file: &str, node: &Node, key: &str) -> Result<(Option<Duration>, u32)> {
    let Value::Map(meta) = &node.value else {
        return Ok((None, 0));
    };
    let fault = |node: &Node, name: &str, message: String| {
        RepositoryError::at(file, node.line, format!("{key}.{name}"), message)
    };
    let timeout = meta.get("timeout").map(|node| {
        duration(&node.value).ok_or_else(|| {
            fault(
                node,
                "timeout",
                "a time is expected: seconds, or a text such as 90s, 5m, 2h".into(),
            )
        })
    });
    let retries = meta.get("retries").map(|node| match node.value {
        Value::Integer(count @ 0..=100) => Ok(u32::try_from(count).unwrap_or(0)),
        _ => Err(fault(
            node,
            "retries",
            "a number from 0 to 100 is expected".into(),
        )),
    });
    Ok((timeout.transpose()?, retries.transpose()?.unwrap_or(0)))
}

fn duration(value: &Value) -> Option<Duration> {
    let (number, unit) = match value {
        Value::Integer(whole) => (*whole as f64, 1.0),
        Value::Float(number) => (*number, 1.0),
        Value::Text(text) => {
            let text = text.trim();
            let split = text
                .find(|char: char| char.is_ascii_alphabetic())
                .unwrap_or(text.len());
            let unit = match &text[split..] {
                "" | "s" => 1.0,
                "ms" => 0.001,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
            (text[..split].trim().parse().ok()?, unit)
        }
        _ => return None,
    };
    let seconds = number * unit;
    (seconds > 0.0)
        .then(|| Duration::try_from_secs_f64(seconds).ok())
        .flatten()
}
