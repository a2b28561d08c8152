use polars::prelude::{DataType, TimeUnit, TimeZone};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::TableSpec;
use crate::Period;
use crate::offline::{OfflineError, OfflineResult};

/// What belongs to a table: one generation of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this form: 1.
    pub format: u32,
    /// The table's name.
    pub table: String,
    /// Number of rows in all.
    pub rows: usize,
    /// Names and types of the columns.
    pub columns: Vec<StoredColumn>,
    /// SHA-256 over names and types of the columns: equal where two tables have the same ones.
    pub schema_hash: String,
    /// What the table was made from: a hash that its maker gives.
    pub source_hash: String,
    /// The columns that say of whom a row speaks.
    pub keys: Vec<String>,
    /// The column that says of when it speaks.
    pub event: String,
    /// The column that says when it became known, if there is one.
    pub created: Option<String>,
    /// How long a time a partition covers.
    pub period: Period,
    /// First event, microseconds since 1970-01-01; `None` in an empty table.
    pub first_event: Option<i64>,
    /// Last event, likewise.
    pub last_event: Option<i64>,
    /// The objects, in the order in which their rows were given. A partition may have several.
    pub partitions: Vec<Partition>,
}

/// A column of a stored table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredColumn {
    /// Its name.
    pub name: String,
    /// Its type: `text`, `bool`, `date`, `i32` … `f64`, or `instant_us` with its time zone behind it.
    #[serde(rename = "type")]
    pub kind: String,
}

/// An object of a stored table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// The partition: `2015` or `2015-07`.
    pub period: String,
    /// Number of rows.
    pub rows: usize,
    /// Bytes of the object.
    pub bytes: u64,
    /// First event, microseconds since 1970-01-01.
    pub first_event: i64,
    /// Last event, likewise.
    pub last_event: i64,
    /// SHA-256 of the object's bytes, which is its name.
    pub object: String,
}

impl Manifest {
    /// Whether the table was written to such a wish, from such a source.
    pub fn is_made_to(&self, spec: &TableSpec) -> bool {
        let own = (&self.keys, &self.event, &self.created, self.period);
        own == (&spec.keys, &spec.event, &spec.created, spec.period)
            && self.source_hash == spec.source_hash
    }

    /// The form that this program writes.
    pub(super) const FORMAT: u32 = 1;

    pub(super) fn parse(
        url: &str,
        bytes: &[u8],
    ) -> OfflineResult<(Manifest, Vec<(String, DataType)>)> {
        let damaged = |message: String| OfflineError::Damaged {
            url: url.into(),
            message,
        };
        let manifest: Manifest =
            serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        if manifest.format != Manifest::FORMAT {
            return Err(damaged(format!(
                "it has form {}, and this program reads form {}",
                manifest.format,
                Manifest::FORMAT
            )));
        }
        if manifest.rows
            != manifest
                .partitions
                .iter()
                .map(|part| part.rows)
                .sum::<usize>()
        {
            return Err(damaged("its counts contradict each other".into()));
        }
        let columns = manifest.columns.iter().map(|column| {
            let kind = kind(&column.kind).ok_or_else(|| {
                damaged(format!(
                    "column {:?} has the unknown type {:?}",
                    column.name, column.kind
                ))
            })?;
            Ok((column.name.clone(), kind))
        });
        let columns = columns.collect::<OfflineResult<_>>()?;
        Ok((manifest, columns))
    }
}

/// Names and types of columns as a manifest has them; the column whose type has no place in a table.
pub(super) fn stored(columns: &[(String, DataType)]) -> Result<Vec<StoredColumn>, String> {
    let column = |(name, found): &(String, DataType)| match name_of(found) {
        Some(kind) => Ok(StoredColumn {
            name: name.clone(),
            kind,
        }),
        None => Err(format!(
            "column {name:?} has type {found}, which isn't kept"
        )),
    };
    columns.iter().map(column).collect()
}

const KINDS: [(&str, DataType); 9] = [
    ("text", DataType::String),
    ("bool", DataType::Boolean),
    ("date", DataType::Date),
    ("i32", DataType::Int32),
    ("i64", DataType::Int64),
    ("u32", DataType::UInt32),
    ("u64", DataType::UInt64),
    ("f32", DataType::Float32),
    ("f64", DataType::Float64),
];
const UNITS: [(&str, TimeUnit); 3] = [
    ("instant_ms", TimeUnit::Milliseconds),
    ("instant_us", TimeUnit::Microseconds),
    ("instant_ns", TimeUnit::Nanoseconds),
];

fn name_of(found: &DataType) -> Option<String> {
    if let DataType::Datetime(unit, zone) = found {
        let (name, _) = UNITS.iter().find(|(_, known)| known == unit)?;
        return Some(match zone {
            Some(zone) => format!("{name} {zone}"),
            None => (*name).into(),
        });
    }
    let (name, _) = KINDS.iter().find(|(_, known)| known == found)?;
    Some((*name).into())
}

fn kind(text: &str) -> Option<DataType> {
    if let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == text) {
        return Some(kind.clone());
    }
    let (name, zone) = match text.split_once(' ') {
        Some((name, zone)) => (name, Some(zone)),
        None => (text, None),
    };
    let (_, unit) = UNITS.iter().find(|(known, _)| *known == name)?;
    Some(DataType::Datetime(*unit, TimeZone::opt_try_new(zone).ok()?))
}

pub(super) fn schema_hash(columns: &[StoredColumn]) -> String {
    let mut hash = Sha256::new();
    for column in columns {
        for text in [&column.name, &column.kind] {
            // With its length in front, so that no two lists give the same bytes.
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
    }
    hexadecimal(&hash.finalize())
}

pub(super) fn object_name(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
