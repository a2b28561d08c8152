//! A user's file brought in: read once, hashed on the way, and put in its place
//! whole or not at all.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use zip::ZipArchive;

use mlops_disk::{Staged, same_file};

use crate::error::{self, unwritable};
use crate::tables::hexadecimal;
use crate::{DataError, Result};

/// What was brought in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Length of the file now at the destination.
    pub bytes: u64,
    /// MD5 of the file now at the destination, in hexadecimal.
    pub md5: String,
    /// The entry used, if what came was a ZIP archive.
    pub entry: Option<String>,
}

/// An archive may unpack to this many bytes; a table beyond is no table to pack in a ZIP.
const UNPACKED_AT_MOST: u64 = 4 << 30;

/// Copies `file`, a table or a ZIP archive that holds one CSV, to `destination`.
///
/// With `expected_md5` (in hexadecimal, of the table, not of the archive it may come
/// in), only that table is brought in.
///
/// # Errors
/// If a file cannot be read or written, both are the same one, or it is empty, a web
/// page or an archive without exactly one CSV; [`DataError::OtherContent`] if it isn't the expected
/// one. Then the destination is as it was.
pub fn import(file: &Path, destination: &Path, expected_md5: Option<&str>) -> Result<Imported> {
    import_if(file, destination, expected_md5, |_| Ok(()))
}

/// As [`import`], if `check` finds nothing wrong with the table, which has another name while it is checked.
///
/// # Errors
/// As [`import`], and those of the check.
pub fn import_if(
    file: &Path,
    destination: &Path,
    expected_md5: Option<&str>,
    check: impl FnOnce(&Path) -> Result<()>,
) -> Result<Imported> {
    let complain = |message: String| DataError::Import {
        path: file.into(),
        message,
    };
    let unreadable = |error| error::unreadable(file, error);
    let mut source = File::open(file).map_err(unreadable)?;
    let metadata = source.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(complain("is a folder; name the file in it".into()));
    }
    if same_file(file, destination) {
        return Err(complain(format!(
            "is {} itself, so there is nothing to bring in",
            destination.display()
        )));
    }
    let arrived = Arrival {
        from: &file.display().to_string(),
        complain: &complain,
        unreadable: &unreadable,
        unpacked_at_most: UNPACKED_AT_MOST,
    }
    .receive(&mut source, destination, expected_md5)?;
    check(arrived.staged.path())?;
    arrived.staged.finish(destination)?;
    Ok(arrived.imported)
}

/// A file on its way in, wherever it comes from.
pub(crate) struct Arrival<'a> {
    /// The file or the address, for people.
    pub from: &'a str,
    /// Makes an error of what is wrong with the file.
    pub complain: &'a dyn Fn(String) -> DataError,
    /// Makes an error of what the system says about reading it.
    pub unreadable: &'a dyn Fn(io::Error) -> DataError,
    /// Greatest length of what comes out of an archive.
    pub unpacked_at_most: u64,
}

/// A file that is whole and hashed and not yet in its place.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub staged: Staged,
    pub imported: Imported,
}

impl Arrival<'_> {
    /// Copies the table in `source` beside `destination`, if it is the expected one.
    pub fn receive(
        &self,
        source: &mut File,
        destination: &Path,
        expected_md5: Option<&str>,
    ) -> Result<Arrived> {
        check_md5(expected_md5).map_err(self.complain)?;
        let mut head = Vec::new();
        let mut beginning = Read::take(&mut *source, 512);
        let read = beginning.read_to_end(&mut head).map_err(self.unreadable)?;
        // A download's own head may stand before the table.
        source
            .seek_relative(-(read as i64))
            .map_err(self.unreadable)?;

        let staged = Staged::beside(destination)?;
        let (bytes, md5, entry) = match Content::of(&head) {
            Content::Empty => return Err((self.complain)("is empty".into())),
            Content::Page => {
                return Err((self.complain)(
                    "is a web page, not a table (perhaps the page to sign in): download the file in a browser and import it".into(),
                ));
            }
            Content::Gzip => {
                return Err((self.complain)(
                    "is packed with gzip: unpack it first".into(),
                ));
            }
            Content::Zip => {
                let (bytes, md5, entry) = self.unpack(source, &staged, destination)?;
                (bytes, md5, Some(entry))
            }
            Content::Table => {
                let (bytes, md5) = self.copy(source, &staged, destination, u64::MAX)?;
                (bytes, md5, None)
            }
        };
        if let Some(expected) = expected_md5.filter(|expected| !expected.eq_ignore_ascii_case(&md5))
        {
            return Err(DataError::OtherContent {
                from: self.from.into(),
                found: md5,
                expected: expected.into(),
            });
        }
        Ok(Arrived {
            staged,
            imported: Imported { bytes, md5, entry },
        })
    }

    fn unpack(
        &self,
        source: &mut File,
        staged: &Staged,
        destination: &Path,
    ) -> Result<(u64, String, String)> {
        let damaged = |error: zip::result::ZipError| {
            (self.complain)(format!("is a damaged archive ({error}): get it again"))
        };
        let mut archive = ZipArchive::new(source).map_err(damaged)?;
        let mut tables = Vec::new();
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(damaged)?;
            let name = entry.name().map_err(damaged)?.into_owned();
            let is_csv = name.to_lowercase().ends_with(".csv") && !name.starts_with("__MACOSX/");
            if is_csv && !entry.is_dir() {
                tables.push((index, name));
            }
        }
        let (index, name) = match <[_; 1]>::try_from(tables) {
            Ok([only]) => only,
            Err(none) if none.is_empty() => {
                return Err((self.complain)("is an archive without a CSV file".into()));
            }
            Err(several) => {
                let names: Vec<String> = several.into_iter().map(|(_, name)| name).collect();
                return Err((self.complain)(format!(
                    "is an archive with more than one CSV file ({}): unpack it and import the one you mean",
                    names.join(", ")
                )));
            }
        };
        let entry = archive.by_index(index).map_err(damaged)?;
        let inside = Arrival {
            from: self.from,
            complain: self.complain,
            unreadable: &|error| {
                (self.complain)(format!(
                    "is a damaged archive ({name}: {error}): get it again"
                ))
            },
            unpacked_at_most: self.unpacked_at_most,
        };
        let (bytes, md5) = inside.copy(entry, staged, destination, self.unpacked_at_most)?;
        Ok((bytes, md5, name))
    }

    /// Copies and hashes up to `at_most` bytes; more is an error, whatever the
    /// archive said its size would be.
    fn copy(
        &self,
        mut source: impl Read,
        staged: &Staged,
        destination: &Path,
        at_most: u64,
    ) -> Result<(u64, String)> {
        let mut target = staged.try_clone()?;
        let mut hash = Md5::new();
        let mut buffer = vec![0; 1 << 18];
        let mut bytes = 0;
        loop {
            let read = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err((self.unreadable)(error)),
            };
            bytes += read as u64;
            if bytes > at_most {
                return Err((self.complain)(format!(
                    "unpacks to more than {at_most} bytes, so it isn't unpacked"
                )));
            }
            hash.update(&buffer[..read]);
            target
                .write_all(&buffer[..read])
                .map_err(|error| unwritable(destination, error))?;
        }
        Ok((bytes, hexadecimal(&hash.finalize())))
    }
}

/// Refuses what cannot be an MD5, so that it isn't taken for one that differs.
pub(crate) fn check_md5(expected: Option<&str>) -> Result<(), String> {
    match expected {
        Some(md5) if md5.len() != 32 || !md5.bytes().all(|byte| byte.is_ascii_hexdigit()) => Err(
            format!("cannot be compared with {md5:?}, which is no MD5: give 32 hexadecimal digits"),
        ),
        _ => Ok(()),
    }
}

/// What a file is by its first bytes.
enum Content {
    Empty,
    Page,
    Gzip,
    Zip,
    Table,
}

impl Content {
    fn of(head: &[u8]) -> Content {
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        match text.trim_ascii_start() {
            _ if head.is_empty() => Content::Empty,
            _ if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") => Content::Zip,
            _ if head.starts_with(b"\x1f\x8b") => Content::Gzip,
            [b'<', ..] => Content::Page,
            _ => Content::Table,
        }
    }
}

#[cfg(test)]
mod tests;
