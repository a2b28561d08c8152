//! A place that objects are pushed to and fetched from, laid out as DVC lays it out.

mod settings;

use std::collections::HashMap;
use std::path::PathBuf;

use mlops_store::{Bucket, DEFAULT_JOBS, Meta, Runtime, for_each_bounded};

use crate::VersioningError;
use mlops_repository::{HashKind, ObjectId, RemoteConfig};

/// Fewer names than this are looked up one by one.
const LIST_FROM: usize = 256;
/// How many names a server gives in one answer.
const PAGE: usize = 1000;
/// So many answers may be waited for one after the other.
const PAGES_IN_A_ROW: usize = 16;
/// Objects lie in so many folders, by the first byte of their names.
const FOLDERS: usize = 256;

/// An open remote.
#[derive(Debug)]
pub struct Remote {
    name: String,
    bucket: Bucket,
    runtime: Runtime,
    jobs: usize,
}

impl Remote {
    /// Opens the remote that a configuration describes; `jobs` goes before the configured number.
    ///
    /// # Errors
    /// If its URL or a setting is of a kind that isn't known, or one that only DVC can heed.
    pub fn open(config: &RemoteConfig, jobs: Option<usize>) -> Result<Remote, VersioningError> {
        settings::check_scheme(config)?;
        for key in ["worktree", "version_aware"] {
            if config
                .settings
                .get(key)
                .is_some_and(|value| value.eq_ignore_ascii_case("true"))
            {
                return Err(VersioningError::refused(
                    PathBuf::from(mlops_disk::redact(&config.url)),
                    format!(
                        "the remote {} is kept by versions of the cloud ({key}), which only DVC can do: \
                         add another remote for this program",
                        config.name
                    ),
                ));
            }
        }
        let configured = config
            .settings
            .get("jobs")
            .and_then(|jobs| jobs.parse().ok());
        Ok(Remote {
            name: config.name.clone(),
            bucket: Bucket::open(&config.url, &settings::of(config)?)?,
            runtime: Runtime::new()?,
            jobs: jobs.or(configured).unwrap_or(DEFAULT_JOBS).max(1),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bucket below.
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// What asynchronous calls run on.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// How many transfers are under way at once.
    pub fn jobs(&self) -> usize {
        self.jobs
    }

    /// An object's name in the bucket.
    pub fn key(id: &ObjectId) -> String {
        let name = id.to_string();
        format!("{}{}/{}", folder(id.kind), &name[..2], &name[2..])
    }

    /// The size in bytes of each of the objects, `None` for those that aren't there.
    ///
    /// # Errors
    /// If the remote doesn't answer.
    pub fn sizes(&self, ids: &[ObjectId]) -> Result<Vec<Option<u64>>, VersioningError> {
        if let Some(expected) = self.is_listing_cheaper(ids)? {
            let mut there = HashMap::new();
            for kind in [HashKind::Md5, HashKind::Md5Dos2Unix] {
                if ids.iter().any(|id| id.kind == kind) {
                    there.extend(self.list_about(kind, expected)?);
                }
            }
            return Ok(ids.iter().map(|id| there.get(id).copied()).collect());
        }
        let numbered: Vec<(usize, String)> = ids.iter().map(Remote::key).enumerate().collect();
        let found = self.runtime.block_on(for_each_bounded(
            self.jobs * 2,
            numbered,
            |(at, key)| async move { Ok::<_, VersioningError>((at, self.bucket.head(&key).await?)) },
        ))?;
        let mut sizes = vec![None; ids.len()];
        for (at, meta) in found {
            sizes[at] = meta.map(|meta| meta.size);
        }
        Ok(sizes)
    }

    /// Guesses from one of the 256 folders how many objects there are; says so if it is less work to list
    /// them than to ask for each of some.
    fn is_listing_cheaper(&self, ids: &[ObjectId]) -> Result<Option<usize>, VersioningError> {
        if ids.len() < LIST_FROM {
            return Ok(None);
        }
        if self.bucket.folder().is_some() {
            return Ok(Some(usize::MAX));
        }
        let sample = self
            .runtime
            .block_on(self.bucket.list(&format!("{}00", folder(ids[0].kind))))?;
        let expected = sample.len() * FOLDERS;
        let requests = match expected / PAGE {
            pages if pages <= PAGES_IN_A_ROW => pages,
            pages => FOLDERS + pages,
        };
        Ok((requests < ids.len()).then_some(expected))
    }

    /// All objects of one kind with their sizes in bytes.
    ///
    /// # Errors
    /// If the remote doesn't answer.
    pub fn list(&self, kind: HashKind) -> Result<Vec<(ObjectId, u64)>, VersioningError> {
        self.list_about(kind, usize::MAX)
    }

    /// All objects of one kind with all that a listing says of them: size, and when they were written.
    ///
    /// # Errors
    /// If the remote doesn't answer.
    pub fn list_with_times(
        &self,
        kind: HashKind,
    ) -> Result<Vec<(ObjectId, Meta)>, VersioningError> {
        self.entries(kind, usize::MAX)
    }

    /// The same, knowing about how many there are: few are asked for at once, many folder by folder, several
    /// folders at a time.
    fn list_about(
        &self,
        kind: HashKind,
        expected: usize,
    ) -> Result<Vec<(ObjectId, u64)>, VersioningError> {
        let entries = self.entries(kind, expected)?.into_iter();
        Ok(entries.map(|(id, meta)| (id, meta.size)).collect())
    }

    fn entries(
        &self,
        kind: HashKind,
        expected: usize,
    ) -> Result<Vec<(ObjectId, Meta)>, VersioningError> {
        let is_few = expected / PAGE <= PAGES_IN_A_ROW;
        let prefixes: Vec<String> = match kind {
            HashKind::Md5 if is_few => vec![folder(kind).trim_end_matches('/').to_string()],
            _ => (0..=u8::MAX)
                .map(|prefix| format!("{}{prefix:02x}", folder(kind)))
                .collect(),
        };
        let listed =
            self.runtime
                .block_on(for_each_bounded(self.jobs, prefixes, |prefix| async move {
                    Ok::<_, VersioningError>(self.bucket.list(&prefix).await?)
                }))?;
        let mut objects: Vec<(ObjectId, Meta)> = listed
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let name = entry.key.strip_prefix(folder(kind))?.replacen('/', "", 1);
                ObjectId::parse(kind, &name).map(|id| (id, entry.meta))
            })
            .collect();
        objects.sort_unstable_by_key(|(id, _)| *id);
        Ok(objects)
    }
}

fn folder(kind: HashKind) -> &'static str {
    match kind {
        HashKind::Md5 => "files/md5/",
        HashKind::Md5Dos2Unix => "",
    }
}
