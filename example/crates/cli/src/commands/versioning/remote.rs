use std::path::Path;

use mlops_disk::redact;
use mlops_repository::{Level, is_secret, path_to_write};
use mlops_versioning::Repository;
use serde_json::json;

use super::arguments::{LevelArguments, RemoteCommand};
use crate::{Context, Failure, Outcome};

impl LevelArguments {
    /// The level that was asked for, if one was.
    pub(super) fn given(&self) -> Option<Level> {
        let levels = [
            (self.global, Level::Global),
            (self.system, Level::System),
            (self.local, Level::Local),
        ];
        let mut given = levels.into_iter().filter(|(is_given, _)| *is_given);
        given.next().map(|(_, level)| level)
    }

    fn level(&self) -> Level {
        self.given().unwrap_or(Level::Repository)
    }
}

pub(super) fn run(command: RemoteCommand, context: &Context) -> Outcome<()> {
    let here = std::env::current_dir().map_err(anyhow::Error::from)?;
    let mut repository = Repository::find(&here)?;
    match command {
        RemoteCommand::Add {
            name,
            url,
            default,
            force,
            level,
        } => add(
            &mut repository,
            &name,
            &url,
            default,
            force,
            level.level(),
            &here,
        ),
        RemoteCommand::List { level } => list(&repository, &level, context),
        RemoteCommand::Modify {
            name,
            option,
            value,
            level,
            ..
        } => modify(
            &mut repository,
            &name,
            &option,
            value.as_deref(),
            level.level(),
            &here,
        ),
        RemoteCommand::Remove { name, level } => remove(&mut repository, &name, level.level()),
        RemoteCommand::Default { name, unset, level } => {
            default(&mut repository, name, unset, level.level(), context)
        }
    }
}

/// What is written into .dvc/config goes to everybody who gets the repository.
pub(super) fn warn_of_secret(name: &str, option: &str, value: &str, level: Level) {
    if level == Level::Repository && is_secret(option, value) {
        tracing::warn!(
            "{option} of the remote {name} is a secret, and .dvc/config is in Git: give --local to write it to \
             .dvc/config.local instead, and take it out here (`remote modify --unset {name} {option}`)"
        );
    }
}

fn section(name: &str) -> String {
    format!("remote \"{}\"", name.to_lowercase())
}

fn unknown(repository: &Repository, name: &str) -> Failure {
    let known = repository.config().remote_names().join(", ");
    Failure::user(anyhow::anyhow!(
        "there is no remote {name:?} (known: {known}): see `remote list`"
    ))
}

fn add(
    repository: &mut Repository,
    name: &str,
    url: &str,
    default: bool,
    force: bool,
    level: Level,
    here: &Path,
) -> Outcome<()> {
    let config = repository.config_mut();
    let mut ini = config.level(level);
    let section = section(name);
    if name.is_empty() || name.contains(['"', '\n']) {
        return Err(Failure::user(anyhow::anyhow!(
            "{name:?} can't be a remote's name"
        )));
    }
    if ini.section(&section).is_some() && !force {
        return Err(Failure::user(anyhow::anyhow!(
            "there is a remote {name:?} already: give --force to replace it"
        )));
    }
    ini.remove(&section);
    let url = path_to_write(url, here, &config.path_of(level))?;
    ini.set(&section, "url", &url);
    warn_of_secret(name, "url", &url, level);
    if default {
        ini.set("core", "remote", &name.to_lowercase());
    }
    Ok(config.write(level, ini)?)
}

fn list(repository: &Repository, level: &LevelArguments, context: &Context) -> Outcome<()> {
    let config = repository.config();
    let one = level.level();
    let of_level = config.level(one);
    let all = !(level.global || level.system || level.local);
    let default = config.default_remote();
    let mut rows = Vec::new();
    for name in config.remote_names() {
        if let Some(remote) = config.remote(&name)
            && (all || of_level.section(&section(&name)).is_some())
        {
            rows.push((redact(&remote.url), default.as_ref() == Some(&name), name));
        }
    }
    let objects: Vec<_> = rows
        .iter()
        .map(|(url, default, name)| json!({"name": name, "url": url, "default": default}))
        .collect();
    let lines: Vec<String> = rows
        .iter()
        .map(|(url, default, name)| {
            format!("{name}\t{url}{}", if *default { "\t(default)" } else { "" })
        })
        .collect();
    Ok(context.output.show(&objects, lines.join("\n"))?)
}

fn modify(
    repository: &mut Repository,
    name: &str,
    option: &str,
    value: Option<&str>,
    level: Level,
    here: &Path,
) -> Outcome<()> {
    if repository.config().remote(name).is_none() {
        return Err(unknown(repository, name));
    }
    let config = repository.config_mut();
    let mut ini = config.level(level);
    let option = option.to_lowercase();
    match value {
        Some(value) if option == "url" => {
            let url = path_to_write(value, here, &config.path_of(level))?;
            warn_of_secret(name, &option, &url, level);
            ini.set(&section(name), &option, &url);
        }
        Some(value) => {
            warn_of_secret(name, &option, value, level);
            ini.set(&section(name), &option, value);
        }
        None => {
            ini.unset(&section(name), &option);
        }
    }
    Ok(config.write(level, ini)?)
}

fn remove(repository: &mut Repository, name: &str, level: Level) -> Outcome<()> {
    if repository
        .config()
        .level(level)
        .section(&section(name))
        .is_none()
    {
        return Err(unknown(repository, name));
    }
    let name = name.to_lowercase();
    let config = repository.config_mut();
    for each in [
        Level::Local,
        Level::Repository,
        Level::Global,
        Level::System,
    ] {
        if each < level {
            break;
        }
        let mut ini = config.level(each);
        let before = ini.clone();
        if each == level {
            ini.remove(&section(&name));
        }
        let default = ini.section("core").and_then(|core| core.get("remote"));
        if default.is_some_and(|default| default.text().to_lowercase() == name) {
            ini.unset("core", "remote");
        }
        if ini != before {
            config.write(each, ini)?;
        }
    }
    Ok(())
}

fn default(
    repository: &mut Repository,
    name: Option<String>,
    unset: bool,
    level: Level,
    context: &Context,
) -> Outcome<()> {
    if let Some(name) = &name
        && repository.config().remote(name).is_none()
    {
        return Err(unknown(repository, name));
    }
    let config = repository.config_mut();
    if name.is_none() && !unset {
        let Some(name) = config.default_remote() else {
            return Err(Failure::run(anyhow::anyhow!("there is no default remote")));
        };
        return Ok(context.output.show(&json!({ "remote": name }), &name)?);
    }
    let mut ini = config.level(level);
    match name {
        Some(name) => ini.set("core", "remote", &name.to_lowercase()),
        None => {
            ini.unset("core", "remote");
        }
    }
    Ok(config.write(level, ini)?)
}
