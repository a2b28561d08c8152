//! What can go wrong, and what to do about it.

use mlops_disk::DiskError;

/// The result of everything in this crate.
pub type StoreResult<T> = Result<T, StoreError>;

/// Why something could not be read or written. Each names the place and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder of this machine.
    #[error(transparent)]
    Disk(#[from] DiskError),
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
    /// Whether the user must change something before the same call can succeed (else the run itself failed:
    /// a full disk, a server that doesn't answer).
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::Disk(error) => error.is_user_error(),
            Self::Url { .. }
            | Self::Setting { .. }
            | Self::NotBuiltIn { .. }
            | Self::Key { .. }
            | Self::NoBucket { .. }
            | Self::NoCredentials { .. }
            | Self::Refused { .. } => true,
            Self::NoObject { .. }
            | Self::Unreachable { .. }
            | Self::Busy { .. }
            | Self::Changed { .. }
            | Self::Bucket { .. }
            | Self::Runtime { .. } => false,
        }
    }

    /// Whether what was asked for isn't there (a file or an object).
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Disk(error) => error.is_missing(),
            Self::NoObject { .. } => true,
            _ => false,
        }
    }
}
