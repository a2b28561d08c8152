//! Results of runs to a remote and from it: `runs/…` there as here, which is where DVC looks for them.
//!
//! A result only names what a stage made; the objects themselves go with `push` and come with `fetch`.

use std::collections::BTreeSet;
use std::path::Path;

use mlops_disk as disk;
use mlops_store::for_each_bounded;
use mlops_versioning::operations::transfer::TransferOptions;
use mlops_versioning::{Progress, Remote, Report, Repository};

use super::{key, parse, value};
use crate::error::{PipelineError, Result};

const FOLDER: &str = "runs";

/// What came of moving results.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    /// How many went or came.
    pub count: usize,
    /// Those that aren't what their names say, which were left where they are.
    pub refused: Vec<String>,
}

/// Sends the results that a remote lacks.
///
/// # Errors
/// If there is no such remote, it doesn't answer, or the system refuses.
pub fn push(
    repository: &Repository,
    options: &TransferOptions,
    report: Report<'_>,
) -> Result<Moved> {
    let remote = open(repository, options)?;
    let cache = repository.cache().root();
    let there = remote_names(&remote)?;
    let here = local_names(&cache.join(FOLDER))?;
    let names: Vec<String> = here.difference(&there).cloned().collect();
    move_each(&remote, names, "pushing runs", report, |name| {
        let remote = &remote;
        async move {
            let path = cache.join(&name);
            let bytes = std::fs::read(&path).map_err(PipelineError::io(&path))?;
            if !is_sound(&name, &bytes) {
                return Ok(Some(name));
            }
            remote.bucket().put(&name, bytes).await?;
            Ok(None)
        }
    })
}

/// Fetches the results that the cache lacks.
///
/// # Errors
/// If there is no such remote, it doesn't answer, or the system refuses.
pub fn fetch(
    repository: &Repository,
    options: &TransferOptions,
    report: Report<'_>,
) -> Result<Moved> {
    let remote = open(repository, options)?;
    let cache = repository.cache().root();
    let here = local_names(&cache.join(FOLDER))?;
    let there = remote_names(&remote)?;
    let names: Vec<String> = there.difference(&here).cloned().collect();
    move_each(&remote, names, "fetching runs", report, |name| {
        let remote = &remote;
        async move {
            let bytes = remote.bucket().get(&name).await?;
            // What a stage made is taken from here unseen: nobody may put a false result in place.
            if !is_sound(&name, &bytes) {
                return Ok(Some(name));
            }
            let path = cache.join(&name);
            if let Some(folder) = path.parent() {
                disk::create_dir_all(folder)?;
            }
            disk::write_whole(&path, &bytes)?;
            Ok(None)
        }
    })
}

fn open(repository: &Repository, options: &TransferOptions) -> Result<Remote> {
    let config = repository
        .config()
        .remote_or_default(options.remote.as_deref())?;
    Ok(Remote::open(&config, options.jobs)?)
}

fn move_each<Fut>(
    remote: &Remote,
    names: Vec<String>,
    what: &'static str,
    report: Report<'_>,
    act: impl Fn(String) -> Fut,
) -> Result<Moved>
where
    Fut: Future<Output = Result<Option<String>>>,
{
    let files = names.len() as u64;
    let bytes = 0;
    report(Progress::Begin { what, files, bytes });
    let total = names.len();
    let refused: Vec<String> = remote
        .runtime()
        .block_on(for_each_bounded(remote.jobs(), names, |name| {
            let moved = act(name);
            async move {
                let refused = moved.await;
                report(Progress::Done { files: 1, bytes: 0 });
                refused
            }
        }))?
        .into_iter()
        .flatten()
        .collect();
    Ok(Moved {
        count: total - refused.len(),
        refused,
    })
}

/// The results of a cache, as they are named in a remote.
fn local_names(folder: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut open = vec![(folder.to_owned(), FOLDER.to_owned())];
    while let Some((folder, name)) = open.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(PipelineError::io(folder)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(PipelineError::io(&folder))?;
            let name = format!("{name}/{}", entry.file_name().to_string_lossy());
            if is_name(&name) {
                names.insert(name);
            } else if entry.path().is_dir() {
                open.push((entry.path(), name));
            }
        }
    }
    Ok(names)
}

fn remote_names(remote: &Remote) -> Result<BTreeSet<String>> {
    let listed = remote.runtime().block_on(remote.bucket().list(FOLDER))?;
    let names = listed.into_iter().map(|entry| entry.key);
    Ok(names.filter(|name| is_name(name)).collect())
}

/// Whether this is `runs/<2 digits>/<64 digits>/<64 digits>`: nothing else is a result, or a way out of the cache.
fn is_name(name: &str) -> bool {
    let is_hex = |part: &str| {
        part.bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let parts: Vec<&str> = name.split('/').collect();
    match parts.as_slice() {
        [FOLDER, start, key, value] => {
            key.len() == 64
                && value.len() == 64
                && is_hex(key)
                && is_hex(value)
                && key.get(..2) == Some(*start)
        }
        _ => false,
    }
}

/// Whether a result is what its name says.
fn is_sound(name: &str, bytes: &[u8]) -> bool {
    let Some(stage) = std::str::from_utf8(bytes).ok().and_then(parse) else {
        return false;
    };
    let (key, value) = (key(&stage), value(&stage));
    name == format!("{FOLDER}/{}/{key}/{value}", &key[..2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_of_hashes_is_a_result() {
        let (key, value) = ("ab".repeat(32), "cd".repeat(32));
        assert!(is_name(&format!("runs/ab/{key}/{value}")));
        for name in [
            format!("runs/ac/{key}/{value}"),
            format!("runs/ab/{key}/../{value}"),
            format!("runs/ab/{key}"),
            format!("runs/ab/{key}/{}", "..".repeat(32)),
            format!("runs/ab/{key}/.{value}.tmp"),
            format!("../runs/ab/{key}/{value}"),
        ] {
            assert!(!is_name(&name), "{name}");
        }
    }
}
