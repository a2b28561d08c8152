//! What can go wrong on a disk, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// The result of everything in this crate.
pub type DiskResult<T> = Result<T, DiskError>;

/// Why a file or folder could not be read or written. The message names the place and says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{}: could not {doing}: {}", path.display(), kind.advice(source))]
pub struct DiskError {
    /// What sort of failure it is.
    pub kind: DiskErrorKind,
    /// What was being done, as a verb.
    pub doing: &'static str,
    /// Where.
    pub path: PathBuf,
    /// The system's own words.
    pub source: io::Error,
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
    fn advice(self, source: &io::Error) -> String {
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
                    "{source}, which is too large for a file of this kind. Is it the right file?"
                );
            }
            Self::Unsupported => {
                return format!(
                    "this file system can't do that here ({source}). Choose another link type (reflink, hardlink, symlink, copy)"
                );
            }
            Self::Other => return source.to_string(),
        };
        fixed.to_owned()
    }
}

impl DiskError {
    /// Names the place and the action of a failure of the file system.
    pub fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        use io::ErrorKind as K;
        let kind = match source.kind() {
            K::StorageFull | K::QuotaExceeded | K::FileTooLarge => DiskErrorKind::Full,
            K::ReadOnlyFilesystem => DiskErrorKind::ReadOnly,
            K::PermissionDenied => DiskErrorKind::Denied,
            K::NotFound => DiskErrorKind::Missing,
            K::AlreadyExists | K::DirectoryNotEmpty => DiskErrorKind::InTheWay,
            K::NotADirectory | K::IsADirectory => DiskErrorKind::WrongType,
            K::Unsupported | K::CrossesDevices | K::TooManyLinks => DiskErrorKind::Unsupported,
            // What opening with "follow no link" says on a link.
            _ if source.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                DiskErrorKind::SymbolicLink
            }
            _ => DiskErrorKind::Other,
        };
        Self::of(kind, doing, path, source)
    }

    pub(crate) fn of(
        kind: DiskErrorKind,
        doing: &'static str,
        path: &Path,
        source: io::Error,
    ) -> Self {
        Self {
            kind,
            doing,
            path: path.to_path_buf(),
            source,
        }
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
