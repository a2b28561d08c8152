//! `.dvc` files: which content belongs at which path, in Git instead of the content.

mod comments;

use std::path::{Path, PathBuf};

use mlops_disk as disk;

use crate::RepositoryError;
use crate::hash::{HashKind, ObjectId};
use crate::path;
use crate::yaml::{self, Map, Node, Value};

/// A `.dvc` file.
#[derive(Debug, Clone)]
pub struct DvcFile {
    /// Where it lies, absolute.
    pub path: PathBuf,
    /// The data it pins.
    pub outs: Vec<OutEntry>,
    /// Whether it says where its data comes from (`import`, `import-url`): only DVC updates that.
    pub is_import: bool,
    /// The line of its command, if it is a stage of DVC 0.x.
    command: Option<usize>,
    map: Map,
    text: Option<String>,
}

/// One pinned path, as it stands in a `.dvc` file or a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutEntry {
    /// The path as it is written.
    pub path: String,
    /// Where it leads, absolute.
    pub full: PathBuf,
    /// Its content; none if it was never saved.
    pub id: Option<ObjectId>,
    /// Which hash its content has or will get.
    pub kind: HashKind,
    /// Bytes, of all files together.
    pub size: Option<u64>,
    /// Number of files of a folder.
    pub nfiles: Option<u64>,
    /// Whether the file may be executed.
    pub is_exec: bool,
    /// Whether its content is kept in the cache.
    pub cached: bool,
    /// Whether the content may go to a remote.
    pub push: bool,
    /// The only remote it goes to.
    pub remote: Option<String>,
    /// Whether it is left in place before a run.
    pub persist: bool,
    /// What its owner says of it; told when it is missing.
    pub desc: Option<String>,
    /// Its line in the file, from 1.
    pub line: usize,
}

/// What is known of content that was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// Its name.
    pub id: ObjectId,
    /// Bytes, of all files together; unknown for a folder of which only a part was seen.
    pub size: Option<u64>,
    /// Number of files of a folder.
    pub nfiles: Option<u64>,
    /// Whether a file may be executed.
    pub is_exec: bool,
}

const TOP: &[&str] = &[
    "md5",
    "cmd",
    "wdir",
    "deps",
    "outs",
    "locked",
    "frozen",
    "meta",
    "always_changed",
    "desc",
];
const OUT: &[&str] = &[
    "md5",
    "checksum",
    "etag",
    "size",
    "nfiles",
    "isexec",
    "version_id",
    "path",
    "persist",
    "cloud",
    "hash",
    "desc",
    "type",
    "labels",
    "meta",
    "cache",
    "remote",
    "push",
    "files",
    "fs_config",
    "metric",
    "plot",
];

impl DvcFile {
    /// A file for one path beside it, not written yet.
    pub fn new(path: &Path, out: &str) -> DvcFile {
        let mut entry = Map::new();
        entry.insert("hash", Value::Text("md5".into()));
        entry.insert("path", Value::Text(out.into()));
        let mut map = Map::new();
        map.insert("outs", Value::List(vec![Value::Map(entry).into()]));
        let full = path::normal(&path.with_file_name(out));
        DvcFile {
            path: path.to_path_buf(),
            outs: vec![OutEntry::fresh(out, full)],
            is_import: false,
            command: None,
            map,
            text: None,
        }
    }

    /// Reads a file of the workspace; `root` is the repository's folder.
    ///
    /// # Errors
    /// As [`parse`](DvcFile::parse), if it is a stage of DVC 0.x, or if the system refuses.
    pub fn read(path: &Path, root: &Path) -> Result<DvcFile, RepositoryError> {
        let bytes = disk::read_small(path, disk::MAX_SMALL)?;
        let file = DvcFile::parse(bytes, path, root)?;
        match file.command {
            None => Ok(file),
            // What an old commit has is data all the same.
            line => Err(RepositoryError::file(
                path,
                line,
                "`cmd` makes this a stage of DVC 0.x, which isn't run any more: move it to a stage in dvc.yaml beside \
                 it, remove this file, and run `commit -f` to keep what it made",
            )),
        }
    }

    /// Reads the bytes of a file that lies, or in another revision lay, at `path`.
    ///
    /// # Errors
    /// If it isn't YAML, has a key DVC doesn't know, or a path leads out of the repository.
    pub fn parse(bytes: Vec<u8>, path: &Path, root: &Path) -> Result<DvcFile, RepositoryError> {
        let text = String::from_utf8(bytes)
            .map_err(|_| RepositoryError::file(path, None, "the file is no UTF-8"))?;
        let node = yaml::read(&text)
            .map_err(|error| RepositoryError::file(path, Some(error.line), error.message))?;
        let map = match node.value {
            Value::Map(map) => map,
            Value::Null => Map::new(),
            other => {
                let message = format!(
                    "the file is {}: it should be a map with `outs`",
                    other.kind()
                );
                return Err(RepositoryError::file(path, Some(node.line), message));
            }
        };
        let reader = Reader { path, root };
        reader.known_keys(&map, TOP, "a .dvc file")?;
        let folder = reader.folder(&map)?;
        let outs = match map.get("outs").map(|node| &node.value) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::List(items)) => items
                .iter()
                .map(|item| reader.out(item, &folder))
                .collect::<Result<_, _>>()?,
            Some(other) => {
                let line = map.get("outs").map(|node| node.line);
                let message = format!("`outs` is {}: it should be a list", other.kind());
                return Err(RepositoryError::file(path, line, message));
            }
        };
        let command = map.entry("cmd").map(|entry| entry.line);
        let is_import = command.is_none() && map.get("deps").is_some();
        Ok(DvcFile {
            path: path.to_path_buf(),
            outs,
            is_import,
            command,
            map,
            text: Some(text),
        })
    }

    /// Pins the content of one of its paths.
    pub fn set(&mut self, at: usize, saved: &Saved) {
        let out = &mut self.outs[at];
        out.id = Some(saved.id);
        out.kind = saved.id.kind;
        out.size = saved.size;
        out.nfiles = saved.nfiles;
        out.is_exec = saved.is_exec;
        let Some(Value::List(mut items)) = self.map.get("outs").map(|node| node.value.clone())
        else {
            return;
        };
        if let Some(Value::Map(entry)) = items.get_mut(at).map(|item| &mut item.value) {
            pin(entry, saved);
        }
        self.map.insert("outs", Value::List(items));
    }

    /// The text as DVC writes it; comments of the file it was read from are kept.
    pub fn to_text(&self) -> String {
        let text = yaml::write(&Value::Map(self.map.clone()));
        match &self.text {
            Some(before) if before.contains('#') => comments::carry_over(before, text),
            _ => text,
        }
    }

    /// Writes the file, if anything changed; says whether it did.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn write(&mut self) -> Result<bool, RepositoryError> {
        let text = self.to_text();
        if self.text.as_deref() == Some(text.as_str()) {
            return Ok(false);
        }
        disk::write_whole(&self.path, text.as_bytes())?;
        self.text = Some(text);
        Ok(true)
    }
}

/// Puts what was saved into an entry: keys that are there keep their place, as DVC does it.
fn pin(entry: &mut Map, saved: &Saved) {
    let number = |number: u64| Value::Integer(number.into());
    let mut values = vec![("md5", Value::Text(saved.id.to_string()))];
    if let Some(size) = saved.size {
        values.push(("size", number(size)));
    }
    if let Some(nfiles) = saved.nfiles {
        values.push(("nfiles", number(nfiles)));
    }
    if saved.is_exec {
        values.push(("isexec", Value::Bool(true)));
    }
    if saved.id.kind == HashKind::Md5 {
        values.push(("hash", Value::Text("md5".into())));
    }
    for gone in ["size", "nfiles", "isexec"] {
        if !values.iter().any(|(key, _)| *key == gone) {
            entry.remove(gone);
        }
    }
    if entry.get("md5").is_some() {
        for (key, value) in values {
            entry.insert(key, value);
        }
        return;
    }
    // The first time: in front of all others.
    let mut whole = Map::new();
    for (key, value) in values {
        whole.insert(key, value);
    }
    for old in entry.iter() {
        if let Some(key) = old.key.as_text()
            && whole.get(key).is_none()
        {
            whole.insert(key, old.node.clone());
        }
    }
    *entry = whole;
}

impl OutEntry {
    /// A path that was never saved.
    pub fn fresh(path: &str, full: PathBuf) -> OutEntry {
        OutEntry {
            path: path.into(),
            full,
            id: None,
            kind: HashKind::Md5,
            size: None,
            nfiles: None,
            is_exec: false,
            cached: true,
            push: true,
            remote: None,
            persist: false,
            desc: None,
            line: 0,
        }
    }

    /// Whether its content is a folder's.
    pub fn is_dir(&self) -> bool {
        self.id.is_some_and(|id| id.dir)
    }
}

struct Reader<'a> {
    path: &'a Path,
    root: &'a Path,
}

impl Reader<'_> {
    fn wrong(&self, line: usize, message: impl Into<String>) -> RepositoryError {
        RepositoryError::file(self.path, (line > 0).then_some(line), message)
    }

    fn known_keys(&self, map: &Map, known: &[&str], place: &str) -> Result<(), RepositoryError> {
        for entry in map.iter() {
            let key = entry.key.as_text();
            if !key.is_some_and(|key| known.contains(&key)) {
                let key =
                    key.map_or_else(|| entry.key.kind().to_string(), |key| format!("{key:?}"));
                return Err(self.wrong(
                    entry.line,
                    format!("{place} has no key {key}: known are {}", known.join(", ")),
                ));
            }
        }
        Ok(())
    }

    /// Where the paths are seen from.
    fn folder(&self, map: &Map) -> Result<PathBuf, RepositoryError> {
        let own = self.path.parent().unwrap_or(Path::new("/"));
        match map.get("wdir") {
            None => Ok(own.to_path_buf()),
            Some(Node {
                value: Value::Null, ..
            }) => Ok(own.to_path_buf()),
            Some(node) => match node.value.as_text() {
                Some(".") => Ok(own.to_path_buf()),
                Some(wdir) => path::resolve(self.root, own, wdir, self.path, Some(node.line)),
                None => Err(self.wrong(node.line, "`wdir` should be a path")),
            },
        }
    }

    fn out(&self, item: &Node, folder: &Path) -> Result<OutEntry, RepositoryError> {
        let Some(map) = item.value.as_map() else {
            let message = format!(
                "an entry of `outs` is {}: it should be a map",
                item.value.kind()
            );
            return Err(self.wrong(item.line, message));
        };
        self.known_keys(map, OUT, "an entry of `outs`")?;
        let line = map.iter().next().map_or(item.line, |entry| entry.line);
        let Some(path) = self.text(map, "path")? else {
            return Err(self.wrong(line, "the entry has no `path`"));
        };
        if let Some(node) = map.get("files") {
            return Err(self.wrong(
                node.line,
                "versions kept by the cloud itself (`files`) are not supported: use DVC for this file",
            ));
        }
        let at = map.get("path").map(|node| node.line);
        let full = path::resolve(self.root, folder, &path, self.path, at)?;
        if self.path.starts_with(&full) {
            let message =
                format!("the path {path:?} holds this file itself: name what in it is data");
            return Err(RepositoryError::file(self.path, at, message));
        }
        let kind = match self.text(map, "hash")?.as_deref() {
            None => HashKind::Md5Dos2Unix,
            Some("md5") => HashKind::Md5,
            Some(other) => {
                let line = map.get("hash").map_or(line, |node| node.line);
                return Err(self.wrong(line, format!("`hash` is {other:?}: only md5 is known")));
            }
        };
        Ok(OutEntry {
            id: self.id(map, kind)?,
            // An entry without any checksum has nothing old about it.
            kind: if map.get("md5").is_none() {
                HashKind::Md5
            } else {
                kind
            },
            size: self.number(map, "size")?,
            nfiles: self.number(map, "nfiles")?,
            is_exec: self.switch(map, "isexec", false)?,
            cached: self.switch(map, "cache", true)?,
            push: self.switch(map, "push", true)?,
            remote: self.text(map, "remote")?,
            persist: self.switch(map, "persist", false)?,
            desc: self.text(map, "desc")?,
            path,
            full,
            line,
        })
    }

    fn id(&self, map: &Map, kind: HashKind) -> Result<Option<ObjectId>, RepositoryError> {
        let Some(node) = map.get("md5") else {
            return Ok(None);
        };
        ObjectId::read(kind, &node.value).map_err(|text| {
            self.wrong(
                node.line,
                format!("`md5` is {text}: it should be 32 hex digits, with .dir for a folder"),
            )
        })
    }

    fn text(&self, map: &Map, key: &str) -> Result<Option<String>, RepositoryError> {
        match map.get(key) {
            None
            | Some(Node {
                value: Value::Null, ..
            }) => Ok(None),
            Some(node) => match node.value.as_text() {
                Some(text) => Ok(Some(text.to_string())),
                None => {
                    let kind = node.value.kind();
                    Err(self.wrong(node.line, format!("`{key}` is {kind}: it should be a text")))
                }
            },
        }
    }

    fn number(&self, map: &Map, key: &str) -> Result<Option<u64>, RepositoryError> {
        match map.get(key) {
            None => Ok(None),
            Some(node) => match &node.value {
                Value::Integer(number) if u64::try_from(*number).is_ok() => {
                    Ok(u64::try_from(*number).ok())
                }
                _ => Err(self.wrong(
                    node.line,
                    format!("`{key}` should be a whole number from 0"),
                )),
            },
        }
    }

    fn switch(&self, map: &Map, key: &str, default: bool) -> Result<bool, RepositoryError> {
        match map.get(key) {
            None => Ok(default),
            Some(Node {
                value: Value::Bool(on),
                ..
            }) => Ok(*on),
            Some(node) => Err(self.wrong(node.line, format!("`{key}` should be true or false"))),
        }
    }
}

#[cfg(test)]
mod tests;
