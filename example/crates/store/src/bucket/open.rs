//! From a URL to a bucket.

use std::collections::HashMap;
use std::path::Path as FsPath;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use mlops_disk::redact;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use tokio::sync::Semaphore;

use super::{Bucket, Inner, MEMORY_MIB};
use crate::local::Folder;
use crate::{Retry, Settings, StoreError, StoreResult};

impl Bucket {
    /// Opens the bucket that a URL names: `file:///folder`, a path, `s3://bucket/prefix`, or `memory://name`
    /// (the same name is the same bucket as long as the process lives). Talks to nobody yet, and creates
    /// nothing: a folder comes with its first object.
    ///
    /// # Errors
    /// [`StoreError::Url`] for a URL that names no bucket, [`StoreError::NotBuiltIn`],
    /// [`StoreError::NoCredentials`], [`StoreError::Setting`].
    pub fn open(url: &str, settings: &Settings) -> StoreResult<Self> {
        let refused = |why: &str| StoreError::Url {
            url: redact(url),
            why: why.to_owned(),
        };
        match url.split_once("://") {
            Some(("file", _)) => {
                let parsed = url::Url::parse(url).map_err(|error| refused(&error.to_string()))?;
                let path = parsed
                    .to_file_path()
                    .map_err(|()| refused("a file URL has three slashes and an absolute path"))?;
                Self::open_folder(url, &path, settings.retry)
            }
            Some(("memory", name)) => {
                let store = memory(name);
                Ok(Self::over(
                    url,
                    store.clone(),
                    Some(store),
                    "",
                    settings.retry,
                )?)
            }
            #[cfg(feature = "s3")]
            Some(("s3", _)) => super::s3::open(url, settings),
            #[cfg(not(feature = "s3"))]
            Some(("s3", _)) => Err(StoreError::NotBuiltIn {
                url: redact(url),
                feature: "s3",
            }),
            Some((scheme, _)) => Err(refused(&format!("'{scheme}' isn't known"))),
            None if url.is_empty() => Err(refused("it is empty")),
            None => Self::open_folder(url, FsPath::new(url), settings.retry),
        }
    }

    /// Opens a folder by its path.
    ///
    /// # Errors
    /// [`StoreError::Disk`] if the path can't be made absolute.
    pub fn open_path(path: &FsPath, settings: &Settings) -> StoreResult<Self> {
        Self::open_folder(&path.display().to_string(), path, settings.retry)
    }

    fn open_folder(url: &str, path: &FsPath, retry: Retry) -> StoreResult<Self> {
        let folder = Folder::new(path)?;
        let root = folder.root().to_path_buf();
        let bucket = Self::over(url, Arc::new(folder), None, "", retry)?;
        Ok(bucket.with_folder(root))
    }

    /// A bucket over any object store: for wrappers and tests. `parts` is the same store for uploads in
    /// parts, if it takes them; `prefix` goes before every key.
    ///
    /// # Errors
    /// [`StoreError::Key`] for a prefix that can't be one.
    pub fn over(
        url: &str,
        store: Arc<dyn ObjectStore>,
        parts: Option<Arc<dyn MultipartStore>>,
        prefix: &str,
        retry: Retry,
    ) -> StoreResult<Self> {
        let prefix = Path::parse(prefix).map_err(|error| StoreError::Key {
            key: prefix.to_owned(),
            why: error.to_string(),
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                parts,
                url: redact(url),
                endpoint: redact(url),
                prefix,
                folder: None,
                retry,
                memory: Arc::new(Semaphore::new(MEMORY_MIB as usize)),
            }),
        })
    }

    /// The same bucket with faults, and the place where they are counted. It is no folder to those who ask
    /// ([`Bucket::folder`]): everything goes through the faults.
    #[cfg(debug_assertions)]
    pub fn with_faults(&self, faults: crate::faults::Faults) -> (Self, Arc<crate::faults::Faulty>) {
        let inner = &self.inner;
        let faulty = Arc::new(crate::faults::Faulty::new(
            Arc::clone(&inner.store),
            inner.parts.clone(),
            faults,
        ));
        let parts = inner
            .parts
            .is_some()
            .then(|| faulty.clone() as Arc<dyn MultipartStore>);
        let bucket = Self {
            inner: Arc::new(Inner {
                store: faulty.clone(),
                parts,
                url: inner.url.clone(),
                endpoint: inner.endpoint.clone(),
                prefix: inner.prefix.clone(),
                folder: None,
                retry: inner.retry,
                memory: Arc::new(Semaphore::new(MEMORY_MIB as usize)),
            }),
        };
        (bucket, faulty)
    }

    fn with_folder(self, folder: std::path::PathBuf) -> Self {
        self.change(|inner| inner.folder = Some(folder))
    }

    /// Changes a bucket that was just made, and is therefore the only one of its kind.
    pub(super) fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            change(inner);
        }
        self
    }
}

fn memory(name: &str) -> Arc<InMemory> {
    static BUCKETS: LazyLock<Mutex<HashMap<String, Arc<InMemory>>>> = LazyLock::new(Mutex::default);
    let mut buckets = BUCKETS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(buckets.entry(name.to_owned()).or_default())
}
