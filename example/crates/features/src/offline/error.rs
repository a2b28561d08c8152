use mlops_data::DataError;
use mlops_store::StoreError;
use polars::prelude::PolarsError;

use crate::FeatureError;
use crate::definitions::Refusal;

/// What can go wrong between entity rows and their values of the past.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfflineError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The bucket refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A table lacks a column.
    #[error("{place} has no column {column:?}, {purpose}; it has {found}")]
    MissingColumn {
        /// The table.
        place: String,
        /// The column.
        column: String,
        /// What it is wanted for.
        purpose: &'static str,
        /// The columns there are.
        found: String,
    },
    /// A column has a type that can't be what it is said to be.
    #[error("{place}: column {column:?} has type {found}, where {wanted} is expected")]
    ColumnType {
        /// The table.
        place: String,
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// A value can't be a key or an instant.
    #[error("{place}, {row}, column {column:?}: {message}")]
    Value {
        /// The table.
        place: String,
        /// The row or line.
        row: String,
        /// The column.
        column: String,
        /// What is wrong and what is expected.
        message: String,
    },
    /// An instant with a time zone was to be compared with one without.
    #[error(
        "{aware} has a time zone and {naive} has none: which of two such instants came first can't be known. Give both a zone (Z for UTC), or neither"
    )]
    Zones {
        /// The column with a zone.
        aware: String,
        /// The column without.
        naive: String,
    },
    /// The keys of a view and of the entity rows have different types.
    #[error(
        "{view} is {view_kind} and {entities} is {entities_kind}: they are never equal. Convert one of them"
    )]
    Keys {
        /// The view's column.
        view: String,
        /// Its type, in words.
        view_kind: &'static str,
        /// The entity rows' column.
        entities: String,
        /// Its type, in words.
        entities_kind: &'static str,
    },
    /// Two columns of the result would have one name.
    #[error(
        "the result would have two columns called {name:?} ({first} and {second}): ask for full feature names, or for one of them only"
    )]
    SameName {
        /// The name.
        name: String,
        /// Where the first comes from.
        first: String,
        /// Where the second comes from.
        second: String,
    },
    /// A table's name can't be part of an object's name.
    #[error(
        "{name:?} can't be the name of a table in the bucket: use letters, digits, `_`, `-` and `.`, and no `.` in front"
    )]
    TableName {
        /// The name.
        name: String,
    },
    /// The bucket has no such table, or no such generation of it.
    #[error("{url}: there is no {what}")]
    NoTable {
        /// Where it was looked for.
        url: String,
        /// What was looked for.
        what: String,
    },
    /// An object isn't what was written.
    #[error("{url}: {message}. Write the table again")]
    Damaged {
        /// The object.
        url: String,
        /// How one can tell.
        message: String,
    },
    /// A record of definitions isn't one that this program writes.
    #[error("{url}: {message}. Use the program that wrote it, or a newer one")]
    UnreadableRecord {
        /// The record.
        url: String,
        /// How one can tell.
        message: String,
    },
    /// A table was to be written and is none.
    #[error("{table} cannot be written: {message}")]
    Unwritable {
        /// The table.
        table: String,
        /// What is wrong with it.
        message: String,
    },
    /// Definitions would break what uses them.
    #[error("{}", .refused.iter().map(|refusal| refusal.message.as_str()).collect::<Vec<_>>().join("\n"))]
    Refused {
        /// Each of the reasons.
        refused: Vec<Refusal>,
    },
    /// The definitions' features are unsound.
    #[error(transparent)]
    Feature(#[from] FeatureError),
    /// The data frame refused.
    #[error("{place}: {source}")]
    Frame {
        /// The table in question.
        place: String,
        /// Its own words.
        source: PolarsError,
    },
}

impl OfflineError {
    /// Whether the user has to change something, or the run failed.
    pub fn is_user_error(&self) -> bool {
        match self {
            OfflineError::Data(data) => data.is_user_error(),
            OfflineError::Store(_) | OfflineError::Damaged { .. } | OfflineError::Frame { .. } => {
                false
            }
            _ => true,
        }
    }

    pub(super) fn frame(place: &str) -> impl Fn(PolarsError) -> OfflineError + '_ {
        move |source| OfflineError::Frame {
            place: place.into(),
            source,
        }
    }
}

/// A result whose error is an [`OfflineError`].
pub type OfflineResult<T> = Result<T, OfflineError>;
