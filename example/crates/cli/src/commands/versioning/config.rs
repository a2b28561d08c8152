//! `config`: what stands in the files of DVC's configuration, read and changed as DVC's own command does.

use std::path::Path;

use mlops_disk::redact;
use mlops_repository::{Level, is_path, is_secret, path_to_write, remote_name};
use mlops_versioning::Repository;
use serde_json::{Map, json};

use super::arguments::ConfigArguments;
use super::remote::warn_of_secret;
use crate::{Context, Failure, Outcome};

/// Levels, the later ones going before the earlier.
const LEVELS: [Level; 4] = [
    Level::System,
    Level::Global,
    Level::Repository,
    Level::Local,
];

/// A setting: the section as the file has it, and the key.
struct Name {
    section: String,
    key: String,
    /// The remote, if it is one's.
    remote: Option<String>,
}

impl Name {
    fn parse(text: &str) -> Outcome<Name> {
        let wrong = || {
            Failure::user(anyhow::anyhow!(
                "{text:?} is no setting: write SECTION.KEY (cache.type, core.autostage) or remote.NAME.KEY"
            ))
        };
        let text = text.to_lowercase();
        let (section, key) = text.rsplit_once('.').ok_or_else(wrong)?;
        if section.is_empty() || key.is_empty() {
            return Err(wrong());
        }
        let remote = section.strip_prefix("remote.").map(str::to_owned);
        let section = match &remote {
            Some(remote) => format!("remote \"{remote}\""),
            None if section.contains('.') => return Err(wrong()),
            None => section.to_owned(),
        };
        Ok(Name {
            section,
            key: key.to_owned(),
            remote,
        })
    }
}

pub(super) fn run(arguments: &ConfigArguments, context: &Context) -> Outcome<()> {
    let here = std::env::current_dir().map_err(anyhow::Error::from)?;
    let mut repository = Repository::find(&here)?;
    let asked = arguments.level.given();
    if arguments.list {
        return list(&repository, asked, arguments.show_origin, context);
    }
    let Some(name) = &arguments.name else {
        return Err(Failure::user(anyhow::anyhow!(
            "name a setting (cache.type, core.remote, remote.NAME.url), or give --list"
        )));
    };
    let parsed = Name::parse(name)?;
    match (&arguments.value, arguments.unset) {
        (None, false) => get(&repository, asked, name, &parsed, context),
        (None, true) => unset(
            &mut repository,
            asked.unwrap_or(Level::Repository),
            name,
            &parsed,
        ),
        (Some(value), _) => set(
            &mut repository,
            asked.unwrap_or(Level::Repository),
            &parsed,
            value,
            &here,
        ),
    }
}

/// The levels that are read: the one asked for, or all.
fn levels(asked: Option<Level>) -> Vec<Level> {
    asked.map_or(LEVELS.to_vec(), |level| vec![level])
}

fn get(
    repository: &Repository,
    asked: Option<Level>,
    name: &str,
    parsed: &Name,
    context: &Context,
) -> Outcome<()> {
    let value = levels(asked).into_iter().rev().find_map(|level| {
        let ini = repository.config().level(level);
        let entry = ini.section(&parsed.section)?.get(&parsed.key)?;
        Some(entry.text())
    });
    let Some(value) = value else {
        return Err(Failure::run(anyhow::anyhow!(
            "{name} isn't set: `config --list` shows what is"
        )));
    };
    Ok(context.output.show(&json!({ name: value }), &value)?)
}

fn set(
    repository: &mut Repository,
    level: Level,
    name: &Name,
    value: &str,
    here: &Path,
) -> Outcome<()> {
    let config = repository.config_mut();
    let mut ini = config.level(level);
    let is_cache = name.section == "cache" && name.key == "dir";
    let is_path = is_cache || (name.remote.is_some() && is_path(&name.key));
    let value = if is_path {
        path_to_write(value, here, &config.path_of(level))?
    } else {
        value.to_owned()
    };
    if let Some(remote) = &name.remote {
        warn_of_secret(remote, &name.key, &value, level);
    }
    ini.set(&name.section, &name.key, &value);
    Ok(config.write(level, ini)?)
}

fn unset(repository: &mut Repository, level: Level, name: &str, parsed: &Name) -> Outcome<()> {
    let config = repository.config_mut();
    let mut ini = config.level(level);
    if !ini.unset(&parsed.section, &parsed.key) {
        return Err(Failure::run(anyhow::anyhow!(
            "{name} isn't set in {}: `config --list --show-origin` shows where it is",
            config.path_of(level).display()
        )));
    }
    Ok(config.write(level, ini)?)
}

fn list(
    repository: &Repository,
    asked: Option<Level>,
    show_origin: bool,
    context: &Context,
) -> Outcome<()> {
    let mut lines = Vec::new();
    let mut object = Map::new();
    for level in levels(asked) {
        let origin = repository.config().path_of(level);
        for section in &repository.config().level(level).sections {
            let remote = remote_name(&section.name);
            let shown = remote.map_or(section.name.clone(), |name| format!("remote.{name}"));
            for entry in &section.entries {
                let name = format!("{shown}.{}", entry.key);
                let value = match is_secret(&entry.key, &entry.text()) {
                    true if entry.key == "url" => redact(&entry.text()),
                    true => "(set, not shown)".to_owned(),
                    false => entry.text(),
                };
                let place = if show_origin {
                    format!("{}\t", origin.display())
                } else {
                    String::new()
                };
                lines.push(format!("{place}{name}={value}"));
                object.insert(name, json!(value));
            }
        }
    }
    Ok(context.output.show(&object, lines.join("\n"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_dvc() {
        let parse = |text: &str| Name::parse(text).map(|name| (name.section, name.key)).ok();
        let pair = |section: &str, key: &str| Some((section.to_owned(), key.to_owned()));
        assert_eq!(parse("cache.type"), pair("cache", "type"));
        assert_eq!(parse("remote.St.url"), pair("remote \"st\"", "url"));
        assert_eq!(parse("remote.a.b.url"), pair("remote \"a.b\"", "url"));
        for wrong in ["cache", ".type", "cache.", "a.b.c"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
