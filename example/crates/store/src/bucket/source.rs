//! A local file as bytes to be sent or shown.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::runtime::blocking;
use crate::{StoreError, StoreResult};
use mlops_disk::DiskError;

/// A file that is read in pieces, off the asynchronous threads.
pub(super) struct Source {
    pub file: File,
    pub name: PathBuf,
    pub size: u64,
}

impl Source {
    pub(super) async fn read(self: &Arc<Self>, start: u64, length: u64) -> StoreResult<Bytes> {
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
                Err(error) => Err(DiskError::io("read", &source.name, error).into()),
            }
        })
        .await
    }
}
