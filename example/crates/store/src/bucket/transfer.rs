//! Files to objects and back.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path as FsPath;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::stream::StreamExt;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, GetResult, GetResultPayload, ObjectStoreExt};

use super::{Bucket, MIB};
use crate::disk::{self, Partial, Staged};
use crate::retry::{Failed, is_transient, timed_out};
use crate::runtime::{blocking, for_each_bounded};
use crate::{StoreError, StoreResult};

/// Larger files go up in parts.
const WHOLE: u64 = 16 * MIB;
/// The size of a part, unless that would make more parts than S3 takes (10,000).
const PART: u64 = 8 * MIB;
const MOST_PARTS: u64 = 9_000;
/// Parts of one file under way at once.
const PARTS_AT_ONCE: usize = 4;
/// What an interrupted download has less than this is not worth keeping.
const RESUMED: u64 = 8 * MIB;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Bytes.
    pub bytes: u64,
    /// The store's name for this content, if it says one. See [`super::Meta::etag`].
    pub etag: Option<String>,
}

impl Bucket {
    /// Writes an object from a local file, in parts if it is large. `progress` is told of bytes as they
    /// arrive. What went up of a failed upload is removed.
    ///
    /// # Errors
    /// As [`StoreError`] names them; [`StoreError::Changed`] if the file's size changes on the way.
    pub async fn upload(
        &self,
        key: &str,
        file: &FsPath,
        progress: impl Fn(u64) + Sync,
    ) -> StoreResult<Sent> {
        let path = self.path(key)?;
        let from = file.to_path_buf();
        let (opened, size) = blocking(move || {
            let named = |error| StoreError::io("read", &from, error);
            let opened = File::open(&from).map_err(named)?;
            let size = opened.metadata().map_err(named)?.len();
            Ok((opened, size))
        })
        .await?;
        if let Some(root) = self.folder() {
            let dest = root.join(key);
            return copy_in(opened, file, size, dest, progress).await;
        }
        let source = Arc::new(Source {
            file: opened,
            name: file.to_path_buf(),
            size,
        });
        match &self.inner.parts {
            Some(parts) if size > WHOLE => {
                self.upload_parts(&**parts, key, &path, source, &progress)
                    .await
            }
            _ => {
                let held = self.hold(size).await?;
                let bytes = source.read(0, size).await?;
                drop(held); // put holds it again
                let sent = self.put(key, bytes).await?;
                progress(size);
                Ok(sent)
            }
        }
    }

    async fn upload_parts(
        &self,
        parts: &dyn MultipartStore,
        key: &str,
        path: &Path,
        source: Arc<Source>,
        progress: &(impl Fn(u64) + Sync),
    ) -> StoreResult<Sent> {
        let id = self
            .call("begin an upload of", key, || parts.create_multipart(path))
            .await?;
        let sent = self
            .send_parts(parts, key, path, &id, &source, progress)
            .await;
        if sent.is_err() {
            // The failure itself is what the user has to know; parts that stay behind cost money, which
            // a lifecycle rule of the bucket ends.
            let _ = parts.abort_multipart(path, &id).await;
        }
        sent
    }

    async fn send_parts(
        &self,
        parts: &dyn MultipartStore,
        key: &str,
        path: &Path,
        id: &String,
        source: &Arc<Source>,
        progress: &(impl Fn(u64) + Sync),
    ) -> StoreResult<Sent> {
        let size = source.size;
        let part = part_size(size);
        let count = size.div_ceil(part);
        let mut done = for_each_bounded(PARTS_AT_ONCE, 0..count, |index| async move {
            let start = index * part;
            let length = part.min(size - start);
            let _held = self.hold(length).await?;
            let bytes = source.read(start, length).await?;
            let part_id = self
                .call_within(self.patience(length), "upload a part of", key, || {
                    parts.put_part(path, id, index as usize, bytes.clone().into())
                })
                .await?;
            progress(length);
            Ok::<_, StoreError>((index, part_id))
        })
        .await?;
        done.sort_by_key(|(index, _)| *index);
        let ids: Vec<_> = done.into_iter().map(|(_, part_id)| part_id).collect();

        let finished = self
            .inner
            .retry
            .run(self.patience(size), |tries| {
                let ids = ids.clone();
                async move {
                    match parts.complete_multipart(path, id, ids).await {
                        Ok(done) => Ok(done.e_tag),
                        // The answer to the try before was lost: the upload is gone because it is done.
                        Err(gone @ Error::NotFound { .. }) if tries > 1 => {
                            match self.inner.store.head(path).await {
                                Ok(meta) if meta.size == size => Ok(meta.e_tag),
                                _ => Err(gone),
                            }
                        }
                        Err(error) => Err(error),
                    }
                }
            })
            .await
            .map_err(|failed| self.failure("finish the upload of", key, failed))?;
        Ok(Sent {
            bytes: size,
            etag: finished,
        })
    }

    /// Reads an object into a file beside `dest`, and leaves it to the caller to check it, set its mode and
    /// move it there ([`Staged::finish`], [`disk::Batch::adopt`]). `seen` is shown all bytes in order, those of
    /// an interrupted download that is taken up again too: for a progress bar, or a hash.
    ///
    /// A large object that was interrupted is taken up where it stopped, by the same call in a later process,
    /// if it is still the same version. Whoever finds the content wrong calls [`Staged::discard`].
    ///
    /// # Errors
    /// [`StoreError::NoObject`] if it isn't there; [`StoreError::Changed`] if it is replaced on the way;
    /// otherwise as [`StoreError`] names them.
    pub async fn fetch(
        &self,
        key: &str,
        dest: &FsPath,
        mut seen: impl FnMut(&[u8]) + Send,
    ) -> StoreResult<Staged> {
        let path = self.path(key)?;
        let first = self
            .call("read", key, || self.inner.store.get(&path))
            .await?;
        let meta = first.meta.clone();
        let to = dest.to_path_buf();
        let tag = meta.e_tag.clone().filter(|_| meta.size >= RESUMED);
        let partial = blocking(move || match tag {
            Some(tag) => Staged::resume(&to, &tag),
            None => Staged::beside(&to).map(|staged| Partial { staged, bytes: 0 }),
        })
        .await?;
        let mut sink = Sink {
            staged: partial.staged,
            at: 0,
        };
        if partial.bytes > meta.size {
            sink.staged.restart()?;
        } else {
            sink.replay(partial.bytes, &mut seen).await?;
        }

        let mut tries = 1;
        let mut answer = if sink.at == 0 { Some(first) } else { None };
        while sink.at < meta.size {
            let before = sink.at;
            let got = match answer.take() {
                Some(found) => self.drain(found, &mut sink, &mut seen).await,
                None => {
                    let options = GetOptions::new()
                        .with_if_match(meta.e_tag.clone())
                        .with_range(Some(GetRange::Bounded(sink.at..meta.size)));
                    match self.inner.store.get_opts(&path, options).await {
                        // Not every server heeds If-Match.
                        Ok(found) if found.meta.e_tag != meta.e_tag => {
                            return Err(self.changed(key));
                        }
                        Ok(found) => self.drain(found, &mut sink, &mut seen).await,
                        Err(error) => Err(Broken::Store(error)),
                    }
                }
            };
            // What has moved on may fail again as often as at the beginning.
            if sink.at > before {
                tries = 1;
            }
            match got {
                Ok(()) if sink.at > before => {}
                Ok(()) => return Err(self.changed(key)),
                Err(Broken::Disk(error)) => return Err(error),
                Err(Broken::Store(error)) => {
                    if tries >= self.inner.retry.tries || !is_transient(&error) {
                        return Err(self.failure("read", key, Failed { error, tries }));
                    }
                    tokio::time::sleep(self.inner.retry.wait(tries)).await;
                    tries += 1;
                }
            }
        }
        Ok(sink.staged)
    }

    /// Reads an object into a file, which appears whole: [`Bucket::fetch`] and [`Staged::finish`].
    ///
    /// # Errors
    /// As [`Bucket::fetch`].
    pub async fn download(
        &self,
        key: &str,
        dest: &FsPath,
        seen: impl FnMut(&[u8]) + Send,
    ) -> StoreResult<u64> {
        let counted = AtomicU64::new(0);
        let mut seen = seen;
        let staged = self
            .fetch(key, dest, |bytes| {
                counted.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                seen(bytes);
            })
            .await?;
        let to = dest.to_path_buf();
        blocking(move || staged.finish(&to)).await?;
        Ok(counted.into_inner())
    }

    fn changed(&self, key: &str) -> StoreError {
        StoreError::Changed {
            url: format!("{}/{key}", self.url()),
        }
    }

    async fn drain(
        &self,
        found: GetResult,
        sink: &mut Sink,
        seen: &mut (impl FnMut(&[u8]) + Send),
    ) -> Result<(), Broken> {
        let range = found.range.clone();
        if range.start != sink.at {
            return Err(Broken::Store(Error::Generic {
                store: "range",
                source: format!("asked from byte {}, got from {}", sink.at, range.start).into(),
            }));
        }
        if let GetResultPayload::File(file, name) = found.payload {
            let source = Arc::new(Source {
                file,
                name,
                size: range.end,
            });
            while sink.at < range.end {
                let bytes = source
                    .read(sink.at, MIB.min(range.end - sink.at))
                    .await
                    .map_err(Broken::Disk)?;
                sink.take(&bytes, seen).map_err(Broken::Disk)?;
            }
            return Ok(());
        }
        let patience = self.inner.retry.patience;
        let mut stream = found.into_stream();
        loop {
            match tokio::time::timeout(patience, stream.next()).await {
                Ok(Some(Ok(bytes))) => sink.take(&bytes, seen).map_err(Broken::Disk)?,
                Ok(Some(Err(error))) => return Err(Broken::Store(error)),
                Ok(None) => return Ok(()),
                Err(_) => return Err(Broken::Store(timed_out(patience))),
            }
        }
    }
}

enum Broken {
    Store(Error),
    Disk(StoreError),
}

/// Where downloaded bytes go.
struct Sink {
    staged: Staged,
    at: u64,
}

impl Sink {
    /// Writes to the page cache, which takes microseconds: not worth another thread.
    fn take(&mut self, bytes: &[u8], seen: &mut impl FnMut(&[u8])) -> StoreResult<()> {
        self.staged.write_bytes(bytes)?;
        self.at += bytes.len() as u64;
        seen(bytes);
        Ok(())
    }

    /// Shows what an earlier process has left.
    async fn replay(&mut self, bytes: u64, seen: &mut impl FnMut(&[u8])) -> StoreResult<()> {
        if bytes == 0 {
            return Ok(());
        }
        let name = self.staged.path().to_path_buf();
        let file = File::open(&name).map_err(|error| StoreError::io("read", &name, error))?;
        let source = Arc::new(Source {
            file,
            name,
            size: bytes,
        });
        while self.at < bytes {
            let chunk = source.read(self.at, MIB.min(bytes - self.at)).await?;
            self.at += chunk.len() as u64;
            seen(&chunk);
        }
        Ok(())
    }
}

/// A file that is read in pieces, off the asynchronous threads.
struct Source {
    file: File,
    name: std::path::PathBuf,
    size: u64,
}

impl Source {
    async fn read(self: &Arc<Self>, start: u64, length: u64) -> StoreResult<Bytes> {
        let source = Arc::clone(self);
        blocking(move || {
            let mut bytes = vec![0; length as usize];
            match source.file.read_exact_at(&mut bytes, start) {
                Ok(()) => Ok(bytes.into()),
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    Err(StoreError::Changed {
                        url: source.name.display().to_string(),
                    })
                }
                Err(error) => Err(StoreError::io("read", &source.name, error)),
            }
        })
        .await
    }
}

/// An upload to a folder is a copy.
async fn copy_in(
    mut from: File,
    name: &FsPath,
    size: u64,
    dest: std::path::PathBuf,
    progress: impl Fn(u64) + Sync,
) -> StoreResult<Sent> {
    let to = dest.clone();
    let mut staged = blocking(move || {
        let folder = to.parent().unwrap_or(&to);
        disk::create_dir_all(folder)?;
        Staged::beside(&to)
    })
    .await?;
    let name = name.to_path_buf();
    let mut written = 0;
    loop {
        let named = name.clone();
        let (source, target, count) = blocking(move || {
            let mut buffer = vec![0; MIB as usize];
            let count = from
                .read(&mut buffer)
                .map_err(|error| StoreError::io("read", &named, error))?;
            staged.write_bytes(buffer.get(..count).unwrap_or_default())?;
            Ok((from, staged, count))
        })
        .await?;
        (from, staged) = (source, target);
        if count == 0 {
            break;
        }
        written += count as u64;
        progress(count as u64);
    }
    if written != size {
        return Err(StoreError::Changed {
            url: name.display().to_string(),
        });
    }
    blocking(move || staged.finish(&dest)).await?;
    Ok(Sent {
        bytes: written,
        etag: None,
    })
}

fn part_size(size: u64) -> u64 {
    PART.max(size.div_ceil(MOST_PARTS).next_multiple_of(MIB))
}
