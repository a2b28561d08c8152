//! Copying bytes, those of large files past the system's page cache.
//!
//! Whatever is written the usual way takes pages of memory first, and the disk begins late. Content that is only
//! copied is needed in memory by nobody: written directly (`O_DIRECT`) it comes to the disk as fast as that
//! can take it, several times as fast where memory is what one waits for, and pushes nothing else out.

use std::fs::File;
use std::io::{self, Read, Write};

/// What the place in memory, the place in the file and the length of a direct write are multiples of. Where that
/// isn't enough, the system refuses, and the usual way is taken.
const ALIGNMENT: usize = 4096;
/// What is read and written at once, in bytes. The system's own ways to copy (`copy_file_range`, `sendfile`) go
/// page by page where blocks can't be shared, and need twice the time.
const BLOCK: usize = 4 << 20;
/// From so many bytes on, it pays to write directly.
const LARGE: u64 = 16 << 20;

/// Copies so many bytes.
pub(super) fn copy(mut source: &File, target: &File, size: u64) -> io::Result<()> {
    let length = size.min(BLOCK as u64) as usize;
    let mut memory = vec![0; length + ALIGNMENT];
    let begin = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
    let block = &mut memory[begin..begin + length];
    let mut is_direct = size >= LARGE && set_direct(target, true);
    let mut left = size;
    while left > 0 {
        let part = &mut block[..left.min(length as u64) as usize];
        source.read_exact(part)?;
        if is_direct && !part.len().is_multiple_of(ALIGNMENT) {
            is_direct = set_direct(target, false);
        }
        match (&*target).write_all(part) {
            // Refused as a whole: nothing of it is written.
            Err(error) if is_direct && error.kind() == io::ErrorKind::InvalidInput => {
                is_direct = set_direct(target, false);
                (&*target).write_all(part)?;
            }
            written => written?,
        }
        left -= part.len() as u64;
    }
    if is_direct {
        set_direct(target, false);
    }
    Ok(())
}

/// Says whether writes are direct from here on.
#[cfg(target_os = "linux")]
fn set_direct(file: &File, wanted: bool) -> bool {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let set = fcntl_getfl(file).and_then(|mut flags| {
        flags.set(OFlags::DIRECT, wanted);
        fcntl_setfl(file, flags)
    });
    wanted && set.is_ok()
}

#[cfg(not(target_os = "linux"))]
fn set_direct(_: &File, _: bool) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_around_a_block_are_copied_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for size in [
            0,
            1,
            ALIGNMENT,
            BLOCK - 1,
            BLOCK,
            BLOCK + ALIGNMENT,
            2 * BLOCK + 77,
            LARGE as usize,
            LARGE as usize + 77,
        ] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            std::fs::write(&from, &bytes).unwrap();
            let target = File::create(&to).unwrap();
            copy(&File::open(&from).unwrap(), &target, size as u64).unwrap();
            (&target).write_all(b"!").unwrap(); // is as any other file again
            let copied = std::fs::read(&to).unwrap();
            assert!(
                copied.split_last() == Some((&b'!', &bytes[..])),
                "{size} bytes"
            );
        }
    }

    #[test]
    fn a_source_that_is_shorter_than_it_said_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        std::fs::write(&from, b"short").unwrap();
        let target = File::create(folder.path().join("to")).unwrap();
        let refused = copy(&File::open(&from).unwrap(), &target, 6).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::UnexpectedEof);
    }
}
