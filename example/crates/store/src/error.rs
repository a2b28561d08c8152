//! What can go wrong, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// The result of everything in this crate.
pub type StoreResult<T> = Result<T, StoreError>;

/// Why something could not be read or written. Each names the place and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No space left, or the quota is used up.
    #[error(
        "{}: could not {doing}: the disk is full. Free some space (`rain gc` removes what nothing refers to) and run the same command again",
        path.display()
    )]
    DiskFull {
        /// What was being done, as a verb.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// The file system is mounted read-only.
    #[error(
        "{}: could not {doing}: the file system is read-only. Mount it writable, or choose another place",
        path.display()
    )]
    ReadOnly {
        /// What was being done, as a verb.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// The user may not do this.
    #[error(
        "{}: could not {doing}: permission denied. Check the owner and the mode of the file and of its folder",
        path.display()
    )]
    Denied {
        /// What was being done, as a verb.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// A file or folder isn't there.
    #[error("{}: could not {doing}: it doesn't exist", path.display())]
    Missing {
        /// What was being done, as a verb.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// Something is there already.
    #[error("{}: could not {doing}: something is there already. Move it away first", path.display())]
    InTheWay {
        /// What was being done, as a verb.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// A folder was needed and a file is there, or the other way round.
    #[error(
        "{}: could not {doing}: a file stands where a folder is needed, or a folder where a file is. Move it away first",
        path.display()
    )]
    WrongKind {
        /// What was being done, as a verb.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// The file system can't do this here: no reflinks, no links across devices, too many links.
    #[error(
        "{}: could not {doing}: this file system can't do that here ({source}). Choose another link type (reflink, hardlink, symlink, copy)",
        path.display()
    )]
    Unsupported {
        /// What was being done, as a verb.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// Any other failure of the file system.
    #[error("{}: could not {doing}: {source}", path.display())]
    Io {
        /// What was being done, as a verb.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },

    /// A URL that no bucket can be made of.
    #[error(
        "'{url}' is no place for a bucket: {why}. Write a folder, file:///folder, or s3://bucket/prefix"
    )]
    Url {
        /// The URL as given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A setting that makes no sense.
    #[error("{setting}: {why}")]
    Setting {
        /// Its name, and the file it stands in if any.
        setting: String,
        /// What is wrong and what to do.
        why: String,
    },
    /// The program was built without what this needs.
    #[error("'{url}' needs a program built with the cargo feature `{feature}`")]
    NotBuiltIn {
        /// The URL as given.
        url: String,
        /// The cargo feature.
        feature: &'static str,
    },
    /// A name that no object can have.
    #[error("'{key}' can't be the name of an object: {why}")]
    Key {
        /// The name as given.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// The object isn't there.
    #[error("{url}: there is no such object")]
    NoObject {
        /// The object.
        url: String,
    },
    /// The bucket isn't there.
    #[error(
        "{url}: the bucket doesn't exist. Create it, or correct the URL (`rain remote modify`)"
    )]
    NoBucket {
        /// The bucket.
        url: String,
    },
    /// Nobody said who we are.
    #[error(
        "{url}: no credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE for a profile in ~/.aws/credentials, or give them with `rain remote modify`"
    )]
    NoCredentials {
        /// The bucket.
        url: String,
    },
    /// The server knows who we are, or doesn't, and refuses.
    #[error(
        "{url}: could not {doing}: the server refused ({said}). Check the access key, its secret and what it may do in this bucket"
    )]
    Refused {
        /// What was being done, as a verb.
        doing: &'static str,
        /// The object or bucket.
        url: String,
        /// The server's own words.
        said: String,
    },
    /// No answer from the server, after all retries.
    #[error(
        "{url}: could not {doing}: {endpoint} can't be reached ({said}; tried {tries} times). Check the endpoint, the network and the proxy"
    )]
    Unreachable {
        /// What was being done, as a verb.
        doing: &'static str,
        /// The object or bucket.
        url: String,
        /// The server's address.
        endpoint: String,
        /// What the connection failed with.
        said: String,
        /// How often it was tried.
        tries: u32,
    },
    /// The server answered that it couldn't, after all retries.
    #[error(
        "{url}: could not {doing}: the server failed ({said}; tried {tries} times). Run the same command again later"
    )]
    Busy {
        /// What was being done, as a verb.
        doing: &'static str,
        /// The object or bucket.
        url: String,
        /// The server's own words.
        said: String,
        /// How often it was tried.
        tries: u32,
    },
    /// The object changed while it was read.
    #[error("{url}: it changed while it was read. Run the same command again")]
    Changed {
        /// The object.
        url: String,
    },
    /// Any other failure of the bucket.
    #[error("{url}: could not {doing}: {said}")]
    Bucket {
        /// What was being done, as a verb.
        doing: &'static str,
        /// The object or bucket.
        url: String,
        /// The store's own words.
        said: String,
    },
    /// The asynchronous runtime could not be started, or a task in it died.
    #[error("could not run in the background: {said}")]
    Runtime {
        /// The reason.
        said: String,
    },
}

impl StoreError {
    /// Names the place and the action of a failure of the file system.
    pub fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        use io::ErrorKind as K;
        let path = path.to_path_buf();
        match source.kind() {
            K::StorageFull | K::QuotaExceeded | K::FileTooLarge => Self::DiskFull {
                doing,
                path,
                source,
            },
            K::ReadOnlyFilesystem => Self::ReadOnly {
                doing,
                path,
                source,
            },
            K::PermissionDenied => Self::Denied {
                doing,
                path,
                source,
            },
            K::NotFound => Self::Missing {
                doing,
                path,
                source,
            },
            K::AlreadyExists | K::DirectoryNotEmpty => Self::InTheWay {
                doing,
                path,
                source,
            },
            K::NotADirectory | K::IsADirectory => Self::WrongKind {
                doing,
                path,
                source,
            },
            K::Unsupported | K::CrossesDevices | K::TooManyLinks => Self::Unsupported {
                doing,
                path,
                source,
            },
            _ => Self::Io {
                doing,
                path,
                source,
            },
        }
    }

    /// Whether the user must change something before the same call can succeed (else the run itself failed:
    /// a full disk, a server that doesn't answer).
    pub fn is_users_turn(&self) -> bool {
        match self {
            Self::ReadOnly { .. }
            | Self::Denied { .. }
            | Self::Missing { .. }
            | Self::InTheWay { .. }
            | Self::WrongKind { .. }
            | Self::Unsupported { .. }
            | Self::Url { .. }
            | Self::Setting { .. }
            | Self::NotBuiltIn { .. }
            | Self::Key { .. }
            | Self::NoBucket { .. }
            | Self::NoCredentials { .. }
            | Self::Refused { .. } => true,
            Self::DiskFull { .. }
            | Self::Io { .. }
            | Self::NoObject { .. }
            | Self::Unreachable { .. }
            | Self::Busy { .. }
            | Self::Changed { .. }
            | Self::Bucket { .. }
            | Self::Runtime { .. } => false,
        }
    }

    /// Whether what was asked for isn't there (a file or an object).
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::NoObject { .. })
    }
}
