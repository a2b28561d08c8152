//! Reading small files of somebody else's: up to a size, and never a device that doesn't end.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::{DiskError, DiskErrorKind, DiskResult};

/// What a declaration, a configuration or a `.dvc` file may have at most, in bytes: 64 MiB.
pub const MAX_SMALL: u64 = 64 << 20;

/// Reads a whole file of at most `max` bytes. Links are followed; a device or a pipe is refused (`/dev/zero`
/// never ends), and so is a file that is larger or grows while it is read.
///
/// # Errors
/// [`DiskErrorKind::WrongType`] for what is no regular file, [`DiskErrorKind::TooLarge`]; otherwise as
/// [`DiskError::io`] names them.
pub fn read_small(path: &Path, max: u64) -> DiskResult<Vec<u8>> {
    let named = |source| DiskError::io("read", path, source);
    let file = File::options()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(named)?;
    let metadata = file.metadata().map_err(named)?;
    if !metadata.is_file() {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "no regular file");
        return Err(DiskError::of(
            DiskErrorKind::WrongType,
            "read",
            path,
            source,
        ));
    }
    let mut bytes = Vec::with_capacity(metadata.len().min(max) as usize);
    let mut limited = file.take(max.saturating_add(1));
    limited.read_to_end(&mut bytes).map_err(named)?;
    if bytes.len() as u64 > max {
        let source = io::Error::other(format!("more than {max} bytes"));
        return Err(DiskError::of(DiskErrorKind::TooLarge, "read", path, source));
    }
    Ok(bytes)
}

/// [`read_small`] as text.
///
/// # Errors
/// As [`read_small`], and [`DiskErrorKind::Other`] for what isn't UTF-8.
pub fn read_small_text(path: &Path, max: u64) -> DiskResult<String> {
    String::from_utf8(read_small(path, max)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let source = io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it is no text in UTF-8 (byte {at})"),
        );
        DiskError::io("read", path, source)
    })
}
