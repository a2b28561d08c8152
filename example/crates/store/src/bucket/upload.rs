//! Files to objects.

use std::fs::File;
use std::io::Read;
use std::path::Path as FsPath;
use std::sync::Arc;

use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt};

use super::source::Source;
use super::{Bucket, MIB, Sent};
use crate::runtime::{blocking, for_each_bounded};
use crate::{StoreError, StoreResult};
use mlops_disk::DiskError;
use mlops_disk::{self as disk, Staged};

/// Larger files go up in parts.
const WHOLE: u64 = 16 * MIB;
/// The size of a part, unless that would make more parts than S3 takes (10,000).
const PART: u64 = 8 * MIB;
const MOST_PARTS: u64 = 9_000;
/// Parts of one file under way at once.
const PARTS_AT_ONCE: usize = 4;

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
            let named = |error| DiskError::io("read", &from, error);
            let opened = File::open(&from).map_err(named)?;
            let size = opened.metadata().map_err(named)?.len();
            Ok::<_, DiskError>((opened, size))
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
                .call_within(self.timeout(length), "upload a part of", key, || {
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
            .run(self.timeout(size), |tries| {
                let ids = ids.clone();
                async move {
                    match parts.complete_multipart(path, id, ids).await {
                        Ok(done) => Ok(done.e_tag),
                        // The answer to the try before was lost: the upload is gone because it is done.
                        // Some servers deny access to an upload that is nobody's any more.
                        Err(
                            gone @ (Error::NotFound { .. }
                            | Error::PermissionDenied { .. }
                            | Error::Unauthenticated { .. }),
                        ) if tries > 1 => match self.inner.store.head(path).await {
                            Ok(meta) if meta.size == size => Ok(meta.e_tag),
                            Ok(_) | Err(Error::NotFound { .. }) => Err(gone),
                            // It may be there all the same: the next try looks again.
                            Err(unanswered) => Err(unanswered),
                        },
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
                .map_err(|error| DiskError::io("read", &named, error))?;
            staged.write_bytes(buffer.get(..count).unwrap_or_default())?;
            Ok::<_, DiskError>((from, staged, count))
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
