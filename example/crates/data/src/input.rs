//! Files that a user names, read whole.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::unreadable;
use crate::{DataError, Result};

/// The most bytes of what is no file on a disk (a pipe, a device) and may never end.
const MAX_STREAM: u64 = 1 << 30;

/// All bytes of a file, or of what comes out of a pipe.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let system = |source| unreadable(path, source);
    let file = File::open(path).map_err(system)?;
    if file.metadata().map_err(system)?.is_file() {
        return std::fs::read(path).map_err(system);
    }
    let mut bytes = Vec::new();
    let read = file.take(MAX_STREAM + 1).read_to_end(&mut bytes);
    if read.map_err(system)? as u64 > MAX_STREAM {
        return Err(DataError::File {
            path: path.into(),
            message:
                "this is no file on a disk, and more than 1 GB comes out of it: save it in a file first"
                    .into(),
        });
    }
    Ok(bytes)
}
