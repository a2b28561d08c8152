use mlops_disk::redact;
use serde::{Deserialize, Serialize};

use super::{OnlineError, OnlineResult, OnlineStore};

/// Which online store, and how much it keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OnlineSettings {
    /// The path of a file, or `redis://HOST:PORT/DATABASE`.
    pub store: String,
    /// Days kept of each entity.
    pub keep: u16,
    /// What the keys in Redis begin with, so that projects can share a server.
    pub prefix: String,
}

impl Default for OnlineSettings {
    fn default() -> Self {
        OnlineSettings {
            store: "data/online.redb".into(),
            keep: 40,
            prefix: "online".into(),
        }
    }
}

/// Opens the store that the settings name.
///
/// # Errors
/// If they make no sense, or the store can't be opened.
pub fn open(settings: &OnlineSettings) -> OnlineResult<Box<dyn OnlineStore>> {
    let place = settings.store.as_str();
    let wrong = |message: &str| OnlineError::Place {
        place: redact(place),
        message: message.into(),
    };
    if settings.keep == 0 {
        return Err(wrong("`keep` is 0: of each entity at least 1 day is kept"));
    }
    match place.split_once("://") {
        Some(("redis" | "redis+unix" | "unix", _)) => redis(settings),
        Some(("rediss", _)) => Err(wrong(
            "encrypted connections are not compiled in: use redis:// over a private network or a tunnel",
        )),
        None if place.starts_with("redis:") || place.starts_with("rediss:") => Err(wrong(
            "the address has too few slashes: write redis://HOST:PORT/DATABASE",
        )),
        Some(_) => Err(wrong("it is neither a path nor redis://HOST:PORT/DATABASE")),
        None if place.is_empty() => Err(wrong("write the path of a file or a redis:// address")),
        None => redb(settings),
    }
}

#[cfg(feature = "redis")]
fn redis(settings: &OnlineSettings) -> OnlineResult<Box<dyn OnlineStore>> {
    let store = super::RedisStore::open(&settings.store, &settings.prefix, settings.keep)?;
    Ok(Box::new(store))
}

#[cfg(not(feature = "redis"))]
fn redis(settings: &OnlineSettings) -> OnlineResult<Box<dyn OnlineStore>> {
    Err(not_compiled(settings, "redis"))
}

#[cfg(feature = "redb")]
fn redb(settings: &OnlineSettings) -> OnlineResult<Box<dyn OnlineStore>> {
    /// Long enough for another command to end, short enough for a person to wait.
    const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);
    let path = std::path::Path::new(&settings.store);
    let store = super::RedbStore::open(path, settings.keep, TIMEOUT)?;
    Ok(Box::new(store))
}

#[cfg(not(feature = "redb"))]
fn redb(settings: &OnlineSettings) -> OnlineResult<Box<dyn OnlineStore>> {
    Err(not_compiled(settings, "redb"))
}

#[cfg(not(all(feature = "redis", feature = "redb")))]
fn not_compiled(settings: &OnlineSettings, feature: &str) -> OnlineError {
    OnlineError::Place {
        place: redact(&settings.store),
        message: format!("this program was built without it: build with the feature `{feature}`"),
    }
}
