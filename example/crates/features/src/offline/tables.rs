use std::path::PathBuf;

use serde::Deserialize;

use super::{Created, JoinKey, Period, Source, TableSpec, View};

/// Microseconds of a day.
pub const DAY_MICROS: u64 = 86_400_000_000;

/// A view whose values somebody else has made, as features.yaml declares it: they are read and not computed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredView {
    /// Its name.
    pub name: String,
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
    /// The column that says when it became known; without, at once.
    #[serde(default)]
    pub created: Option<String>,
    /// For how many days a value counts; 0 is for ever.
    #[serde(default)]
    pub ttl_days: u16,
    /// The columns that are its features.
    pub fields: Vec<String>,
}

impl StoredView {
    /// The view with these of its fields, over its opened table.
    pub fn view<'a>(&self, source: &'a dyn Source, fields: Vec<String>) -> View<'a> {
        View {
            name: self.name.clone(),
            source,
            keys: self.keys.iter().map(|key| JoinKey::same(key)).collect(),
            event: self.event.clone(),
            created: match &self.created {
                Some(column) => Created::Column(column.clone()),
                None => Created::After(0),
            },
            ttl: u64::from(self.ttl_days) * DAY_MICROS,
            fields,
        }
    }

    /// How its table is kept in the bucket; `source_hash` says what it is made from.
    pub fn spec(&self, source_hash: String) -> TableSpec {
        TableSpec {
            keys: self.keys.clone(),
            event: self.event.clone(),
            created: self.created.clone(),
            period: self.period,
            source_hash,
        }
    }
}
