//! What DVC's configuration says, from system, user, repository and local file.

mod ini;
mod schema;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mlops_disk as disk;

pub use ini::{Entry, Ini, Section};
pub use schema::{is_path, is_secret};

use crate::{RepositoryError, path};

/// Which of the four files, the later ones going before the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Of the whole machine.
    System,
    /// Of the user.
    Global,
    /// `.dvc/config`, which Git tracks.
    Repository,
    /// `.dvc/config.local`, which Git ignores: the place for secrets.
    Local,
}

/// The configuration that holds for a repository.
#[derive(Debug, Clone)]
pub struct Config {
    layers: Vec<Layer>,
}

#[derive(Debug, Clone)]
struct Layer {
    level: Level,
    path: PathBuf,
    ini: Ini,
}

/// A place that data is pushed to and pulled from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteConfig {
    /// Its name.
    pub name: String,
    /// A URL, or an absolute path.
    pub url: String,
    /// All other settings, files as absolute paths.
    pub settings: BTreeMap<String, String>,
    /// Where each setting and the URL stand: file and line.
    pub places: BTreeMap<String, (PathBuf, usize)>,
}

impl Config {
    /// Reads the files that are there; `dvc` is the repository's `.dvc` folder.
    ///
    /// # Errors
    /// If one of them can't be read, or has a key that DVC doesn't know.
    pub fn load(dvc: &Path) -> Result<Config, RepositoryError> {
        let mut layers = Vec::new();
        for level in [
            Level::System,
            Level::Global,
            Level::Repository,
            Level::Local,
        ] {
            let Some(path) = file_of(level, dvc) else {
                continue;
            };
            let ini = read(&path)?;
            schema::check(&ini, &path)?;
            layers.push(Layer { level, path, ini });
        }
        let config = Config { layers };
        config.check_remotes()?;
        Ok(config)
    }

    fn check_remotes(&self) -> Result<(), RepositoryError> {
        for name in self.remote_names() {
            let url = self.remote(&name).map(|remote| remote.url);
            let section = format!("remote \"{name}\"");
            for layer in &self.layers {
                if let Some(section) = layer.ini.section(&section) {
                    schema::check_remote(section, url.as_deref(), &layer.path)?;
                }
            }
        }
        Ok(())
    }

    fn find(&self, section: &str, key: &str) -> Option<(&Layer, &Entry)> {
        self.layers.iter().rev().find_map(|layer| {
            let entry = layer.ini.section(section)?.get(key)?;
            Some((layer, entry))
        })
    }

    /// A value as it stands.
    pub fn get(&self, section: &str, key: &str) -> Option<String> {
        self.find(section, key).map(|(_, entry)| entry.text())
    }

    /// Whether a switch is on.
    pub fn is_on(&self, section: &str, key: &str) -> bool {
        self.get(section, key)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The folder that `cache.dir` names.
    pub fn cache_dir(&self) -> Option<PathBuf> {
        let (layer, entry) = self.find("cache", "dir")?;
        Some(PathBuf::from(absolute(&entry.text(), &layer.path)))
    }

    /// The ways to put an object into the workspace, in the order they are tried.
    pub fn cache_types(&self) -> Vec<String> {
        match self.get("cache", "type") {
            Some(types) => types
                .split(',')
                .map(|kind| kind.trim().to_string())
                .collect(),
            None => vec!["reflink".into(), "copy".into()],
        }
    }

    /// The name of the remote that is used if none is named.
    pub fn default_remote(&self) -> Option<String> {
        self.get("core", "remote").map(|name| name.to_lowercase())
    }

    /// The remotes' names, in the order of the files.
    pub fn remote_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for layer in &self.layers {
            for section in &layer.ini.sections {
                if let Some(name) = remote_name(&section.name)
                    && !names.iter().any(|known| known == name)
                {
                    names.push(name.to_string());
                }
            }
        }
        names
    }

    /// A remote by its name, all files taken together.
    pub fn remote(&self, name: &str) -> Option<RemoteConfig> {
        let section = format!("remote \"{}\"", name.to_lowercase());
        let mut settings = BTreeMap::new();
        let mut places = BTreeMap::new();
        for layer in &self.layers {
            for entry in layer
                .ini
                .section(&section)
                .into_iter()
                .flat_map(|s| &s.entries)
            {
                let value = if schema::is_path(&entry.key) {
                    absolute(&entry.text(), &layer.path)
                } else {
                    entry.text()
                };
                settings.insert(entry.key.clone(), value);
                places.insert(entry.key.clone(), (layer.path.clone(), entry.line));
            }
        }
        let url = settings.remove("url")?;
        Some(RemoteConfig {
            name: name.to_lowercase(),
            url,
            settings,
            places,
        })
    }

    /// The remote of that name, or the default one.
    ///
    /// # Errors
    /// If there is none.
    pub fn remote_or_default(&self, name: Option<&str>) -> Result<RemoteConfig, RepositoryError> {
        let place = self.path_of(Level::Repository);
        let wanted = name.map(str::to_string).or_else(|| self.default_remote());
        let Some(wanted) = wanted else {
            return Err(RepositoryError::file(
                &place,
                None,
                "no remote is named and there is no default: run `remote add -d NAME URL`",
            ));
        };
        self.remote(&wanted).ok_or_else(|| {
            let known = self.remote_names();
            let known = if known.is_empty() {
                "there is none".to_string()
            } else {
                format!("there are {}", known.join(", "))
            };
            RepositoryError::file(
                &place,
                None,
                format!("there is no remote {wanted:?} with a url: {known}; run `remote add`"),
            )
        })
    }

    /// Where a level's file lies, or would.
    pub fn path_of(&self, level: Level) -> PathBuf {
        self.layers
            .iter()
            .find(|layer| layer.level == level)
            .map(|layer| layer.path.clone())
            .unwrap_or_default()
    }

    /// One level's file alone.
    pub fn level(&self, level: Level) -> Ini {
        self.layers
            .iter()
            .find(|layer| layer.level == level)
            .map(|layer| layer.ini.clone())
            .unwrap_or_default()
    }

    /// Writes one level's file as DVC does, after checking it.
    ///
    /// # Errors
    /// If a key is unknown or a value wrong; nothing is written then.
    pub fn write(&mut self, level: Level, ini: Ini) -> Result<(), RepositoryError> {
        let path = self.path_of(level);
        let mut changed = self.clone();
        for layer in &mut changed.layers {
            if layer.level == level {
                layer.ini = ini.clone();
            }
        }
        schema::check(&ini, &path)?;
        changed.check_remotes()?;
        let text = ini
            .to_text()
            .map_err(|message| RepositoryError::file(&path, None, message))?;
        if let Some(folder) = path.parent() {
            disk::create_dir_all(folder)?;
        }
        let has_secret = ini.sections.iter().any(|section| {
            let mut entries = section.entries.iter();
            entries.any(|entry| is_secret(&entry.key, &entry.text()))
        });
        if level == Level::Local || (level != Level::Repository && has_secret) {
            // Closed before there is anything in it.
            let mut staged = disk::Staged::beside(&path)?;
            staged.set_mode(0o600)?;
            staged.write_bytes(text.as_bytes())?;
            staged.finish(&path)?;
        } else {
            disk::write_whole(&path, text.as_bytes())?;
        }
        *self = changed;
        Ok(())
    }
}

/// The name in a section `remote "name"`.
pub fn remote_name(section: &str) -> Option<&str> {
    section
        .strip_prefix("remote")?
        .trim()
        .strip_prefix('"')?
        .strip_suffix('"')
}

fn read(path: &Path) -> Result<Ini, RepositoryError> {
    match disk::read_small_text(path, disk::MAX_SMALL) {
        Ok(text) => Ini::parse(&text, path),
        Err(error) if error.is_missing() => Ok(Ini::default()),
        Err(error) => Err(error.into()),
    }
}

fn file_of(level: Level, dvc: &Path) -> Option<PathBuf> {
    let from = |variable: &str| {
        std::env::var_os(variable)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    let folder = match level {
        Level::Repository => return Some(dvc.join("config")),
        Level::Local => return Some(dvc.join("config.local")),
        Level::System => from("DVC_SYSTEM_CONFIG_DIR").unwrap_or_else(|| "/etc/xdg/dvc".into()),
        Level::Global => from("DVC_GLOBAL_CONFIG_DIR")
            .or_else(|| from("XDG_CONFIG_HOME").map(|folder| folder.join("dvc")))
            .or_else(|| from("HOME").map(|home| home.join(".config/dvc")))?,
    };
    Some(folder.join("config"))
}

/// Whether a value is a URL of some scheme.
pub fn is_url(value: &str) -> bool {
    value.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme
                .chars()
                .all(|character| character.is_alphanumeric() || character == '_')
    })
}

/// A path of a configuration file as it is meant: seen from that file's folder.
fn absolute(value: &str, file: &Path) -> String {
    if is_url(value) {
        return value.to_string();
    }
    if let Some(rest) = value.strip_prefix("~/")
        && let Some(home) = std::env::var_os("HOME")
    {
        return Path::new(&home).join(rest).display().to_string();
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    path::normal(&folder.join(value)).display().to_string()
}

/// How a path given on the command line is written into a configuration file.
///
/// # Errors
/// If it is no UTF-8.
pub fn path_to_write(value: &str, current: &Path, file: &Path) -> Result<String, RepositoryError> {
    if is_url(value) || value.starts_with('~') || Path::new(value).is_absolute() {
        return Ok(value.to_string());
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    path::relative(&path::normal(&current.join(value)), folder)
}
