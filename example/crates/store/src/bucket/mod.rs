//! The bucket and the calls on it.

mod failure;
mod fetch;
mod open;
#[cfg(feature = "s3")]
mod s3;
mod source;
mod types;
mod upload;

use std::fmt;
use std::ops::Range;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::TryStreamExt;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload,
};
use tokio::sync::Semaphore;

use crate::retry::{Failed, is_transient};
use crate::{Created, Retry, StoreError, StoreResult};

use types::describe;
pub use types::{Entry, Listing, Meta, Sent};

/// A place for objects: a folder, a prefix in an S3 bucket, or memory.
///
/// Keys are names below the URL it was opened with, with `/` between parts. Objects appear whole or not at
/// all. Cloning is cheap and shares the connections.
///
/// What failed and may succeed a moment later (no answer, 408, 429, 5xx) is tried again as
/// [`Retry`] says; nothing else is.
#[derive(Clone)]
pub struct Bucket {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn ObjectStore>,
    /// For what is uploaded in parts; a store without it takes every object whole.
    parts: Option<Arc<dyn MultipartStore>>,
    url: String,
    /// The server, for messages.
    endpoint: String,
    prefix: Path,
    folder: Option<PathBuf>,
    retry: Retry,
    /// A permit is a MiB of memory that uploads may hold.
    memory: Arc<Semaphore>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.inner.url)
    }
}

impl Bucket {
    /// The URL it was opened with.
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// The folder it is, if it is one: whoever moves many files may then use [`mlops_disk`] directly.
    pub fn folder(&self) -> Option<&FsPath> {
        self.inner.folder.as_deref()
    }

    /// Writes an object, new or in place of an old one.
    ///
    /// # Errors
    /// As [`StoreError`] names them. After [`StoreError::Unreachable`] it isn't known which of the two
    /// contents is there; it is one of them, whole.
    pub async fn put(&self, key: &str, bytes: impl Into<Bytes>) -> StoreResult<Sent> {
        let path = self.path(key)?;
        let bytes = bytes.into();
        let _held = self.hold(bytes.len() as u64).await?;
        let done = self
            .inner
            .retry
            .run(self.timeout(bytes.len() as u64), |_| {
                let payload = PutPayload::from(bytes.clone());
                let path = &path;
                async move { self.inner.store.put(path, payload).await }
            })
            .await
            .map_err(|failed| self.failure("write", key, failed))?;
        Ok(Sent {
            bytes: bytes.len() as u64,
            etag: done.e_tag,
        })
    }

    /// Writes an object that must not exist yet: of many who try at once, exactly one gets
    /// [`Created::Yes`]. Everything atomic is built on this.
    ///
    /// A try whose answer was lost may have succeeded; then the object is compared with `bytes`. So two who
    /// write the same bytes may both be told `Yes`: put something into them that only one of you writes.
    ///
    /// # Errors
    /// As [`StoreError`] names them. After [`StoreError::Unreachable`] it isn't known whether it was created.
    pub async fn create(&self, key: &str, bytes: impl Into<Bytes>) -> StoreResult<Created> {
        let path = self.path(key)?;
        let bytes = bytes.into();
        let size = bytes.len() as u64;
        let _held = self.hold(size).await?;
        // A write of ours whose answer was lost: what is there may be ours.
        let unsure = AtomicBool::new(false);
        for _ in 0..self.inner.retry.tries.max(1) {
            let put = self.inner.retry.run(self.timeout(size), |tries| {
                unsure.fetch_or(tries > 1, Ordering::Relaxed);
                let payload = PutPayload::from(bytes.clone());
                let path = &path;
                async move {
                    let store = &self.inner.store;
                    store.put_opts(path, payload, PutMode::Create.into()).await
                }
            });
            match put.await {
                Ok(_) => return Ok(Created::Yes),
                Err(Failed {
                    error: Error::AlreadyExists { .. } | Error::Precondition { .. },
                    ..
                }) => {}
                Err(failed) => return Err(self.failure("create", key, failed)),
            }
            match self.head(key).await? {
                // S3 also says "conflict" while someone else's write is under way, which may yet fail.
                None => {}
                Some(meta) if unsure.load(Ordering::Relaxed) && meta.size == size => {
                    let ours = self.get(key).await? == bytes;
                    return Ok(if ours { Created::Yes } else { Created::Exists });
                }
                Some(_) => return Ok(Created::Exists),
            }
            tokio::time::sleep(self.inner.retry.wait(1)).await;
        }
        Err(StoreError::Busy {
            doing: "create",
            url: format!("{}/{key}", self.url()),
            said: "it is said to exist, and isn't there".into(),
            tries: self.inner.retry.tries,
        })
    }

    /// Reads a whole object.
    ///
    /// # Errors
    /// [`StoreError::NoObject`] if it isn't there; otherwise as [`StoreError`] names them.
    pub async fn get(&self, key: &str) -> StoreResult<Bytes> {
        let path = self.path(key)?;
        self.call("read", key, || async {
            match self.inner.store.get(&path).await {
                Ok(found) if found.meta.size == 0 => Ok(Bytes::new()),
                Ok(found) => found.bytes().await,
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Reads the bytes of a range, fewer if the object ends before it does, none if it ends before it begins.
    ///
    /// # Errors
    /// [`StoreError::NoObject`] if it isn't there; otherwise as [`StoreError`] names them.
    pub async fn get_range(&self, key: &str, range: Range<u64>) -> StoreResult<Bytes> {
        let path = self.path(key)?;
        let read = self
            .call("read", key, || async {
                if range.is_empty() {
                    return self.inner.store.head(&path).await.map(|_| Bytes::new());
                }
                let options = GetOptions::new().with_range(Some(GetRange::Bounded(range.clone())));
                match self.inner.store.get_opts(&path, options).await {
                    Ok(found) => found.bytes().await,
                    // Stores differ in what they say about a range past the end.
                    Err(error @ Error::Generic { .. }) if !is_transient(&error) => {
                        match self.inner.store.head(&path).await {
                            Ok(meta) if meta.size <= range.start => Ok(Bytes::new()),
                            Ok(_) => Err(error),
                            Err(gone) => Err(gone),
                        }
                    }
                    Err(error) => Err(error),
                }
            })
            .await?;
        Ok(read)
    }

    /// What is known of an object; `None` if it isn't there.
    ///
    /// # Errors
    /// As [`StoreError`] names them.
    pub async fn head(&self, key: &str) -> StoreResult<Option<Meta>> {
        let path = self.path(key)?;
        let found = self
            .call("look at", key, || async {
                match self.inner.store.head(&path).await {
                    Ok(meta) => Ok(Some(describe(&meta))),
                    Err(Error::NotFound { source, .. }) if !failure::names_bucket(&*source) => {
                        Ok(None)
                    }
                    Err(error) => Err(error),
                }
            })
            .await?;
        Ok(found)
    }

    /// Whether an object is there.
    ///
    /// # Errors
    /// As [`StoreError`] names them.
    pub async fn exists(&self, key: &str) -> StoreResult<bool> {
        Ok(self.head(key).await?.is_some())
    }

    /// All objects below a name, at any depth, in the order of their keys. A prefix ends where a part ends:
    /// `a/b` lists `a/b/c`, not `a/bc` and not `a/b` itself; the empty one lists the whole bucket.
    ///
    /// # Errors
    /// As [`StoreError`] names them.
    pub async fn list(&self, prefix: &str) -> StoreResult<Vec<Entry>> {
        let path = self.prefix_path(prefix)?;
        let mut entries = self
            .call_within(Duration::MAX, "list", prefix, || async {
                let found: Vec<ObjectMeta> =
                    self.inner.store.list(Some(&path)).try_collect().await?;
                Ok(found)
            })
            .await?
            .iter()
            .filter_map(|meta| self.entry(meta))
            .collect::<Vec<_>>();
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(entries)
    }

    /// The names directly below a name. See [`Bucket::list`] for what a prefix is.
    ///
    /// # Errors
    /// As [`StoreError`] names them.
    pub async fn list_folder(&self, prefix: &str) -> StoreResult<Listing> {
        let path = self.prefix_path(prefix)?;
        let found = self
            .call_within(Duration::MAX, "list", prefix, || {
                self.inner.store.list_with_delimiter(Some(&path))
            })
            .await?;
        let mut listing = Listing {
            folders: found
                .common_prefixes
                .iter()
                .filter_map(|folder| self.key_of(folder))
                .collect(),
            entries: found
                .objects
                .iter()
                .filter_map(|meta| self.entry(meta))
                .collect(),
        };
        listing.folders.sort();
        listing.entries.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(listing)
    }

    /// Deletes an object. That there was none is fine.
    ///
    /// # Errors
    /// As [`StoreError`] names them.
    pub async fn delete(&self, key: &str) -> StoreResult<()> {
        let path = self.path(key)?;
        self.call("delete", key, || async {
            match self.inner.store.delete(&path).await {
                Err(Error::NotFound { source, .. }) if !failure::names_bucket(&*source) => Ok(()),
                other => other,
            }
        })
        .await
    }

    /// Makes a call with retries and names what it failed with.
    async fn call<T, F, Fut>(&self, doing: &'static str, key: &str, call: F) -> StoreResult<T>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        self.call_within(self.inner.retry.timeout, doing, key, call)
            .await
    }

    async fn call_within<T, F, Fut>(
        &self,
        timeout: Duration,
        doing: &'static str,
        key: &str,
        mut call: F,
    ) -> StoreResult<T>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        self.inner
            .retry
            .run(timeout, |_| call())
            .await
            .map_err(|failed| self.failure(doing, key, failed))
    }

    /// How long a call that carries so many bytes may take: a slow line has 64 KiB/s.
    fn timeout(&self, bytes: u64) -> Duration {
        self.inner.retry.timeout + Duration::from_secs(bytes >> 16)
    }

    /// Waits until uploads may hold so many bytes more in memory.
    async fn hold(&self, bytes: u64) -> StoreResult<tokio::sync::OwnedSemaphorePermit> {
        let permits = (bytes.div_ceil(MIB).min(MEMORY_MIB)) as u32;
        Arc::clone(&self.inner.memory)
            .acquire_many_owned(permits)
            .await
            .map_err(|error| StoreError::Runtime {
                said: error.to_string(),
            })
    }

    fn path(&self, key: &str) -> StoreResult<Path> {
        let refused = |why: String| StoreError::Key {
            key: key.to_owned(),
            why,
        };
        if key.is_empty() || key.starts_with('/') || key.ends_with('/') {
            return Err(refused(
                "it must not be empty, or begin or end with a slash".into(),
            ));
        }
        if key.rsplit('/').next().is_some_and(mlops_disk::is_temp) {
            return Err(refused("that is a name for temporary files".into()));
        }
        self.prefix_path(key)
    }

    fn prefix_path(&self, key: &str) -> StoreResult<Path> {
        let prefix = self.inner.prefix.as_ref();
        let whole = match (prefix.is_empty(), key.is_empty()) {
            (_, true) => prefix.to_owned(),
            (true, false) => key.to_owned(),
            (false, false) => format!("{prefix}/{key}"),
        };
        Path::parse(whole).map_err(|error| StoreError::Key {
            key: key.to_owned(),
            why: error.to_string(),
        })
    }

    fn key_of(&self, path: &Path) -> Option<String> {
        let rest = path.as_ref().strip_prefix(self.inner.prefix.as_ref())?;
        let key = rest.strip_prefix('/').unwrap_or(rest);
        (!key.is_empty()).then(|| key.to_owned())
    }

    fn entry(&self, meta: &ObjectMeta) -> Option<Entry> {
        Some(Entry {
            key: self.key_of(&meta.location)?,
            meta: describe(meta),
        })
    }

    fn failure(&self, doing: &'static str, key: &str, failed: Failed) -> StoreError {
        failure::name(&self.inner, doing, key, failed)
    }
}

const MIB: u64 = 1 << 20;
/// What uploads of one bucket hold in memory at most.
const MEMORY_MIB: u64 = 64;
