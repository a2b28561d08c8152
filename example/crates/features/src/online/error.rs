use mlops_data::calendar::{Day, format_iso};

/// The result of everything in [`online`](crate::online).
pub type OnlineResult<T> = Result<T, OnlineError>;

/// Why the online store could not do what it was asked. Each says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnlineError {
    /// The setting that names the store makes no sense, or names what isn't compiled in.
    #[error("online store {place:?}: {message}")]
    Place {
        /// As it was given, without a password.
        place: String,
        /// What is wrong and what to write instead.
        message: String,
    },
    /// Another process has the file open: one at a time may.
    #[error(
        "{path}: another process has this online store open, and after {waited} s still had. Stop it, send the observations to it instead, or keep the store in Redis, which many processes may use"
    )]
    InUse {
        /// The file.
        path: String,
        /// Seconds waited.
        waited: u64,
    },
    /// The file can't be opened, read or written.
    #[error("{path}: the online store can't {doing}: {reason}{}", advice(.reason))]
    File {
        /// The file.
        path: String,
        /// What was being done, as a verb.
        doing: &'static str,
        /// The words of the library or the system.
        reason: String,
    },
    /// The file or its folder can't be opened or made.
    #[error(transparent)]
    Disk(#[from] mlops_disk::DiskError),
    /// No answer from the server.
    #[error(
        "{url}: no answer from the Redis server: {reason}. Start it (`redis-server`), or correct the address of the online store, and run the same again: nothing is lost, a repeated push changes nothing"
    )]
    Unreachable {
        /// The server's address, without a password.
        url: String,
        /// The system's own words.
        reason: String,
    },
    /// The server answered, and refused.
    #[error("{url}: the Redis server refused to {doing}: {reason}")]
    Refused {
        /// The server's address, without a password.
        url: String,
        /// What was being done, as a verb.
        doing: &'static str,
        /// The server's own words.
        reason: String,
    },
    /// Somebody else's value lies under a key of the store.
    #[error(
        "{url}: key {key:?} holds a {found}, not an entity's observations. Delete or rename that key, or give the online store a prefix of its own"
    )]
    WrongType {
        /// The server's address, without a password.
        url: String,
        /// The key.
        key: String,
        /// What Redis says it is.
        found: String,
    },
    /// A stored value isn't what was written.
    #[error(
        "view {view:?}, entity {entity:?}{}: the stored value is damaged ({what}). Delete the store and materialize again",
        on(.day)
    )]
    Damaged {
        /// The view.
        view: String,
        /// The entity.
        entity: String,
        /// The observation's day, where it is known.
        day: Option<Day>,
        /// What was found.
        what: String,
    },
    /// A value was written under another list of columns, or another format.
    #[error(
        "view {view:?}, entity {entity:?}{}: {what}. Delete the store and materialize again",
        on(.day)
    )]
    OtherSchema {
        /// The view.
        view: String,
        /// The entity.
        entity: String,
        /// The observation's day.
        day: Option<Day>,
        /// How it differs.
        what: String,
    },
    /// What was handed over to be stored breaks the rules of handing over.
    #[error("view {view:?}: {message}")]
    Source {
        /// The view.
        view: String,
        /// What is wrong and what is expected.
        message: String,
    },
    /// The source of a materialization failed; what came before is stored and recorded.
    #[error(
        "view {view:?}: the source failed; what came before is stored, the same command goes on from there"
    )]
    SourceFailed {
        /// The view.
        view: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OnlineError {
    /// Whether the user must change something, rather than that the run failed.
    pub fn is_user_error(&self) -> bool {
        use OnlineError::{File, Refused, SourceFailed};
        if let OnlineError::Disk(error) = self {
            return error.is_user_error();
        }
        !matches!(self, File { .. } | Refused { .. } | SourceFailed { .. })
    }
}

fn on(day: &Option<Day>) -> String {
    day.map_or_else(String::new, |day| format!(", {}", format_iso(day)))
}

/// What to do about the commonest of the file's errors.
fn advice(reason: &str) -> &'static str {
    if reason.contains("No space") || reason.contains("os error 28") {
        ". Free some space and run the same again"
    } else if reason.contains("Permission denied") {
        ". Check the owner and the mode of the file and of its folder"
    } else {
        ". If the file is not an online store, name another; if it is and stays so, delete it and materialize again"
    }
}
