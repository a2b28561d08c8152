//! What can go wrong on a disk, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// The result of everything in this crate.
pub type DiskResult<T> = Result<T, DiskError>;

/// Why a file or folder could not be read or written. The message names the place and says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{}: could not {doing}: {}", path.display(), self.why())]
pub struct DiskError {
    /// What sort of failure it is.
    pub kind: DiskErrorKind,
    /// What was being done, as a verb.
    pub doing: &'static str,
    /// Where.
    pub path: PathBuf,
    /// What the system said. The message says it, in plain words: whoever prints a chain of causes must not find it
    /// there once more.
    pub system: io::Error,
}

/// Sorts of failure: each needs something else of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiskErrorKind {
    /// No space left, or the quota is used up.
    Full,
    /// The file system is mounted read-only.
    ReadOnly,
    /// The user may not do this.
    Denied,
    /// A file or folder isn't there.
    Missing,
    /// The folder that something is to be written in isn't there.
    NoFolder,
    /// Something is there already.
    InTheWay,
    /// A folder was needed and a file is there, or the other way round.
    WrongType,
    /// The path leads through a symbolic link, or the file at its end is one.
    SymbolicLink,
    /// The path leads out of the project that names it.
    Outside,
    /// The file is larger than the reader's limit.
    TooLarge,
    /// The file system can't do this here: no reflinks, no links across devices, too many links.
    Unsupported,
    /// Any other failure of the file system.
    Other,
}

impl DiskErrorKind {
    fn advice(self, system: &io::Error) -> String {
        let fixed = match self {
            Self::Full => {
                "the disk is full. Free some space (`gc` removes objects that nothing refers to) and run the same command again"
            }
            Self::ReadOnly => {
                "the file system is read-only. Mount it writable, or choose another place"
            }
            Self::Denied => {
                "permission denied. Check the owner and the mode of the file and of its folder"
            }
            Self::Missing => "it doesn't exist",
            Self::NoFolder => "there is no such folder. Create it first",
            Self::InTheWay => "something is there already. Move it away first",
            Self::WrongType => {
                "a file stands where a folder is needed, or a folder or a device where a file is. Move it away first"
            }
            Self::SymbolicLink => {
                "it is a symbolic link, and writing through it would change a file somewhere else. Remove the link, or name the file that it leads to"
            }
            Self::Outside => {
                "it lies outside of the project, or a symbolic link on the way leads out of it. If you mean that place, give its absolute path on the command line"
            }
            Self::TooLarge => {
                return format!(
                    "{}, which is too large for a file of this kind. Is it the right file?",
                    words(system)
                );
            }
            Self::Unsupported => {
                return format!(
                    "this file system can't do that here ({}). Choose another link type (reflink, hardlink, symlink, copy)",
                    words(system)
                );
            }
            Self::Other => return words(system),
        };
        fixed.to_owned()
    }
}

impl DiskError {
    /// Names the place and the action of a failure of the file system.
    pub fn io(doing: &'static str, path: &Path, system: io::Error) -> Self {
        use io::ErrorKind as K;
        let kind = match system.kind() {
            K::StorageFull | K::QuotaExceeded | K::FileTooLarge => DiskErrorKind::Full,
            K::ReadOnlyFilesystem => DiskErrorKind::ReadOnly,
            K::PermissionDenied => DiskErrorKind::Denied,
            K::NotFound => DiskErrorKind::Missing,
            K::AlreadyExists | K::DirectoryNotEmpty => DiskErrorKind::InTheWay,
            K::NotADirectory | K::IsADirectory => DiskErrorKind::WrongType,
            K::Unsupported | K::CrossesDevices | K::TooManyLinks => DiskErrorKind::Unsupported,
            // What opening with "follow no link" says on a link.
            _ if system.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                DiskErrorKind::SymbolicLink
            }
            _ => DiskErrorKind::Other,
        };
        Self::of(kind, doing, path, system)
    }

    pub(crate) fn of(
        kind: DiskErrorKind,
        doing: &'static str,
        path: &Path,
        system: io::Error,
    ) -> Self {
        Self {
            kind,
            doing,
            path: path.to_path_buf(),
            system,
        }
    }

    /// Why it failed and what to do, without the place.
    pub fn why(&self) -> String {
        self.kind.advice(&self.system)
    }

    /// The same failure, told of another path.
    #[must_use]
    pub(crate) fn at(self, path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            ..self
        }
    }

    /// Whether the user must change something before the same call can succeed (else the run itself failed:
    /// a full disk, a disk that breaks).
    pub fn is_user_error(&self) -> bool {
        !matches!(self.kind, DiskErrorKind::Full | DiskErrorKind::Other)
    }

    /// Whether what was asked for isn't there.
    pub fn is_missing(&self) -> bool {
        self.kind == DiskErrorKind::Missing
    }
}

/// What the system says, without its number for it.
fn words(system: &io::Error) -> String {
    let text = system.to_string();
    match text.split_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_system_are_said_once_and_without_their_number() {
        let errno = |errno: rustix::io::Errno| {
            let error = DiskError::io("read", Path::new("a"), errno.into());
            assert!(std::error::Error::source(&error).is_none());
            error.to_string()
        };
        assert_eq!(
            errno(rustix::io::Errno::IO),
            "a: could not read: Input/output error"
        );
        assert!(!errno(rustix::io::Errno::LOOP).contains("os error"));
        assert_eq!(
            errno(rustix::io::Errno::XDEV),
            "a: could not read: this file system can't do that here (Invalid cross-device link). Choose another link type (reflink, hardlink, symlink, copy)"
        );
    }
}
