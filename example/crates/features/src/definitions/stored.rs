use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;

/// A view whose values somebody else has made: they are read and not computed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredView {
    /// Its name.
    pub name: Spanned<String>,
    /// What it holds, in a sentence.
    #[serde(default)]
    pub description: String,
    /// The Parquet file with its values; without, they are in the bucket.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// The URL of the bucket that has its values, in a table called as the view.
    #[serde(default)]
    pub bucket: Option<String>,
    /// How long a time a partition in the bucket covers.
    #[serde(default)]
    pub period: Period,
    /// The columns that say of whom a row speaks.
    pub keys: Vec<String>,
    /// The column that says of when it speaks.
    pub event: String,
    /// The column that says when it became known; without, with its event: at that instant, or at the end of
    /// that day. A day in this column means its end too.
    #[serde(default)]
    pub created: Option<String>,
    /// For how many days a value counts; 0 is for ever.
    #[serde(default)]
    pub ttl_days: u16,
    /// The columns that are its features.
    pub fields: Vec<String>,
}

/// How long a time one partition of a table covers. One partition must fit into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// A calendar year.
    #[default]
    Year,
    /// A calendar month.
    Month,
}
