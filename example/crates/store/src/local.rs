//! A folder as an object store: everything is written through [`mlops_disk`].

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path as FsPath, PathBuf};

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};

use mlops_disk::{Created, DiskError, DiskResult, Staged};

use crate::StoreError;

const NAME: &str = "folder";

/// A folder whose files are the objects. object_store has one of its own; this one writes so that a power
/// cut loses nothing, needs no folder to begin with, shows no temporary files, follows no links while
/// listing, and passes the crash points.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder is created with its first object.
    pub(crate) fn new(root: &FsPath) -> DiskResult<Self> {
        let root =
            std::path::absolute(root).map_err(|source| DiskError::io("find", root, source))?;
        Ok(Self { root })
    }

    pub(crate) fn root(&self) -> &FsPath {
        &self.root
    }

    fn place(&self, location: &Path) -> PathBuf {
        let mut place = self.root.clone();
        place.extend(location.as_ref().split('/').filter(|part| !part.is_empty()));
        place
    }
}

/// Failures of the disk keep their own words on the way through object_store's errors.
fn wrap(location: &Path, error: StoreError) -> Error {
    match error {
        error if error.is_missing() => Error::NotFound {
            path: location.to_string(),
            source: error.into(),
        },
        error => Error::Generic {
            store: NAME,
            source: error.into(),
        },
    }
}

async fn off_thread<T: Send + 'static>(
    location: &Path,
    act: impl FnOnce() -> DiskResult<T> + Send + 'static,
) -> Result<T> {
    crate::runtime::blocking(act)
        .await
        .map_err(|error| wrap(location, error))
}

fn stage(dest: &FsPath, payload: &PutPayload) -> DiskResult<Staged> {
    let folder = dest.parent().unwrap_or(dest);
    if !folder.is_dir() {
        mlops_disk::create_dir_all(folder)?;
    }
    let mut staged = Staged::beside(dest)?;
    for part in payload {
        staged.write_bytes(part)?;
    }
    Ok(staged)
}

fn open(place: &FsPath) -> DiskResult<(File, Metadata)> {
    let opened = File::open(place).and_then(|file| Ok((file.metadata()?, file)));
    match opened {
        Ok((meta, file)) if meta.is_file() => Ok((file, meta)),
        Ok(_) => Err(missing(place)),
        // Below a file there is nothing, as there is nothing below an object.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(missing(place)),
        Err(error) => Err(DiskError::io("read", place, error)),
    }
}

fn missing(place: &FsPath) -> DiskError {
    DiskError::io("read", place, io::ErrorKind::NotFound.into())
}

fn describe(location: Path, meta: &Metadata) -> ObjectMeta {
    use std::os::unix::fs::MetadataExt;
    ObjectMeta {
        location,
        last_modified: meta.modified().unwrap_or(std::time::UNIX_EPOCH).into(),
        size: meta.len(),
        // Every write makes a new inode, so these four differ between two contents.
        e_tag: Some(format!(
            "\"{:x}-{:x}-{:x}-{:x}\"",
            meta.ino(),
            meta.mtime(),
            meta.mtime_nsec(),
            meta.len()
        )),
        version: None,
    }
}

/// What stands in one folder: files and folders below the given location, in no order.
struct Children {
    files: Vec<ObjectMeta>,
    folders: Vec<Path>,
}

fn children(place: &FsPath, location: &Path) -> DiskResult<Children> {
    let mut found = Children {
        files: Vec::new(),
        folders: Vec::new(),
    };
    let failed = |source| DiskError::io("list", place, source);
    let entries = match fs::read_dir(place) {
        Ok(entries) => entries,
        Err(gone)
            if matches!(
                gone.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(found);
        }
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        // What isn't text, or has control characters, can't be the name of an object.
        let Some(child) = entry.file_name().to_str().and_then(|name| {
            let child = if location.as_ref().is_empty() {
                name.to_owned()
            } else {
                format!("{location}/{name}")
            };
            (!mlops_disk::is_temp(name)).then(|| Path::parse(child).ok())?
        }) else {
            continue;
        };
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            found.folders.push(child);
            continue;
        }
        // Follows a link to a file: a shared cache may be made of them.
        match fs::metadata(entry.path()) {
            Ok(meta) if meta.is_file() => found.files.push(describe(child, &meta)),
            Ok(_) => {}
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(found)
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.root.display())
    }
}

#[async_trait]
impl ObjectStore for Folder {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let dest = self.place(location);
        let created = off_thread(location, move || match opts.mode {
            PutMode::Create if fs::symlink_metadata(&dest).is_ok() => Ok(Some(Created::Exists)),
            PutMode::Create => stage(&dest, &payload)?.finish_new(&dest).map(Some),
            PutMode::Overwrite => stage(&dest, &payload)?
                .finish(&dest)
                .map(|()| Some(Created::Yes)),
            PutMode::Update(_) => Ok(None),
        });
        match created.await? {
            Some(Created::Yes) => Ok(PutResult {
                e_tag: None,
                version: None,
                extensions: Default::default(),
            }),
            Some(Created::Exists) => Err(Error::AlreadyExists {
                path: location.to_string(),
                source: "a file is there".into(),
            }),
            None => Err(not_here("put_opts with PutMode::Update")),
        }
    }

    async fn put_multipart_opts(
        &self,
        _location: &Path,
        _opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(not_here("put_multipart_opts"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let place = self.place(location);
        let from = place.clone();
        let (file, meta) = off_thread(location, move || open(&from)).await?;
        let meta = describe(location.clone(), &meta);
        options.check_preconditions(&meta)?;
        let range = match options.range {
            None => 0..meta.size,
            Some(range) => range.as_range(meta.size).map_err(|why| Error::Generic {
                store: NAME,
                source: why.into(),
            })?,
        };
        Ok(GetResult {
            payload: GetResultPayload::File(file, place),
            meta,
            range,
            attributes: Default::default(),
            extensions: Default::default(),
        })
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let root = self.root.clone();
        locations
            .map(move |location| {
                let folder = Self { root: root.clone() };
                async move {
                    let location = location?;
                    let place = folder.place(&location);
                    off_thread(&location, move || mlops_disk::remove_file(&place)).await?;
                    Ok(location)
                }
            })
            .buffered(8)
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let start = prefix.cloned().unwrap_or_default();
        let folder = Self {
            root: self.root.clone(),
        };
        // A folder at a time: what is held is the names of the folders that are still to be looked into.
        stream::unfold(vec![start], move |mut waiting| {
            let root = folder.root.clone();
            async move {
                let location = waiting.pop()?;
                let place = Self { root }.place(&location);
                let at = location.clone();
                let found = off_thread(&location, move || children(&place, &at)).await;
                let files = match found {
                    Ok(found) => {
                        waiting.extend(found.folders);
                        found.files.into_iter().map(Ok).collect()
                    }
                    Err(error) => vec![Err(error)],
                };
                Some((stream::iter(files), waiting))
            }
        })
        .flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let location = prefix.cloned().unwrap_or_default();
        let (place, at) = (self.place(&location), location.clone());
        let found = off_thread(&location, move || children(&place, &at)).await?;
        let folders: BTreeSet<Path> = found.folders.into_iter().collect();
        Ok(ListResult {
            common_prefixes: folders.into_iter().collect(),
            objects: found.files,
            extensions: Default::default(),
        })
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let (source, dest, target) = (self.place(from), self.place(to), to.to_string());
        let created = off_thread(from, move || {
            let (mut file, _) = open(&source)?;
            let mut staged = stage(&dest, &PutPayload::new())?;
            io::copy(&mut file, &mut staged)
                .map_err(|error| DiskError::io("copy", &dest, error))?;
            match options.mode {
                CopyMode::Overwrite => staged.finish(&dest).map(|()| Created::Yes),
                CopyMode::Create => staged.finish_new(&dest),
            }
        });
        match created.await? {
            Created::Yes => Ok(()),
            Created::Exists => Err(Error::AlreadyExists {
                path: target,
                source: "a file is there".into(),
            }),
        }
    }
}

fn not_here(operation: &str) -> Error {
    Error::NotImplemented {
        operation: operation.into(),
        implementer: NAME.into(),
    }
}
