//! Objects to files.

use std::fs::File;
use std::path::Path as FsPath;
use std::sync::Arc;

use futures_util::stream::StreamExt;
use object_store::{Error, GetOptions, GetRange, GetResult, GetResultPayload, ObjectStoreExt};

use super::source::Source;
use super::{Bucket, MIB};
use crate::retry::{Failed, is_transient, timed_out};
use crate::runtime::blocking;
use crate::{StoreError, StoreResult};
use mlops_disk::crash;
use mlops_disk::{DiskError, DiskResult};
use mlops_disk::{Partial, Staged};

/// Smaller downloads that are interrupted start from the beginning.
const RESUMED: u64 = 8 * MIB;

impl Bucket {
    /// Reads an object into a file beside `dest`, and leaves it to the caller to check it, set its mode and
    /// move it there ([`Staged::finish`], [`mlops_disk::Batch::adopt`]). `seen` is shown all bytes in order, those of
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
                    crash::point("call the bucket");
                    let found = self.inner.store.get_opts(&path, options).await;
                    crash::point("call the bucket");
                    match found {
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
                Err(Broken::Own(error)) => return Err(error),
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
        mut seen: impl FnMut(&[u8]) + Send,
    ) -> StoreResult<u64> {
        let mut counted = 0;
        let staged = self
            .fetch(key, dest, |bytes| {
                counted += bytes.len() as u64;
                seen(bytes);
            })
            .await?;
        let to = dest.to_path_buf();
        blocking(move || staged.finish(&to)).await?;
        Ok(counted)
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
                    .map_err(Broken::Own)?;
                sink.take(&bytes, seen)?;
            }
            return Ok(());
        }
        let timeout = self.inner.retry.timeout;
        let mut stream = found.into_stream();
        loop {
            match tokio::time::timeout(timeout, stream.next()).await {
                Ok(Some(Ok(bytes))) => sink.take(&bytes, seen)?,
                Ok(Some(Err(error))) => return Err(Broken::Store(error)),
                Ok(None) => return Ok(()),
                Err(_) => return Err(Broken::Store(timed_out(timeout))),
            }
        }
    }
}

enum Broken {
    Store(Error),
    Own(StoreError),
}

impl From<DiskError> for Broken {
    fn from(error: DiskError) -> Self {
        Self::Own(error.into())
    }
}

/// Where downloaded bytes go.
struct Sink {
    staged: Staged,
    at: u64,
}

impl Sink {
    /// Writes to the page cache, which takes microseconds: not worth another thread.
    fn take(&mut self, bytes: &[u8], seen: &mut impl FnMut(&[u8])) -> DiskResult<()> {
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
        let file = File::open(&name).map_err(|error| DiskError::io("read", &name, error))?;
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
