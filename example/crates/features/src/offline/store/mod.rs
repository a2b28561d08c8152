//! A view's table in the bucket.
//!
//! ```text
//! offline/<table>/data/<sha-256 of the bytes>.parquet   each a part of the table
//! offline/<table>/generations/0000000007.json           what belongs to the table now
//! definitions/000003.json                               what was declared, since it was applied last
//! ```
//!
//! The parts are written first, under names that follow from their bytes; then the next generation is
//! created, which must not exist yet. Whoever reads takes the highest generation and the parts it names, so
//! that half a write is never seen. Old generations stay until [`OfflineStore::clean`].

mod applied;
mod manifest;
mod partition;
mod snapshot;
mod write;

use std::time::SystemTime;

use mlops_store::{Bucket, Runtime};

pub use manifest::{Manifest, Partition, StoredColumn};
pub use snapshot::Snapshot;
pub use write::TableSpec;

use super::{OfflineError, OfflineResult};

/// The number of a generation, from 1.
pub type Generation = u64;

/// Tables of feature values in a bucket.
#[derive(Debug)]
pub struct OfflineStore {
    bucket: Bucket,
    runtime: Runtime,
}

/// What [`OfflineStore::clean`] has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Cleaned {
    /// Generations.
    pub generations: usize,
    /// Objects with data.
    pub objects: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl OfflineStore {
    /// The tables of this bucket.
    ///
    /// # Errors
    /// If the system gives no threads.
    pub fn new(bucket: Bucket) -> OfflineResult<OfflineStore> {
        Ok(OfflineStore {
            bucket,
            runtime: Runtime::new()?,
        })
    }

    /// The table as it is now; `None` if it was never written.
    ///
    /// # Errors
    /// If the bucket refuses or the generation is damaged.
    pub fn open(&self, table: &str) -> OfflineResult<Option<Snapshot<'_>>> {
        match self.generations(table)?.last() {
            Some(generation) => self.open_at(table, *generation).map(Some),
            None => Ok(None),
        }
    }

    /// The table as it was.
    ///
    /// # Errors
    /// If there is no such generation (any more), the bucket refuses, or the generation is damaged.
    pub fn open_at(&self, table: &str, generation: Generation) -> OfflineResult<Snapshot<'_>> {
        let key = generation_key(table, generation)?;
        let url = self.url(&key);
        match self.runtime.block_on(self.bucket.get(&key)) {
            Ok(bytes) => {
                let (manifest, columns) = Manifest::parse(&url, &bytes)?;
                Ok(Snapshot::new(self, table, generation, manifest, columns))
            }
            Err(error) if error.is_missing() => Err(OfflineError::NoTable {
                url,
                what: format!("generation {generation} of table {table:?}"),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// The numbers of the generations that are there, ascending.
    ///
    /// # Errors
    /// If the bucket refuses.
    pub fn generations(&self, table: &str) -> OfflineResult<Vec<Generation>> {
        self.numbers(&format!("{}/generations", folder(table)?))
    }

    /// The numbers of the records in a folder, ascending.
    fn numbers(&self, folder: &str) -> OfflineResult<Vec<u64>> {
        let found = self.runtime.block_on(self.bucket.list_folder(folder))?;
        let number = |key: &str| key.rsplit('/').next()?.strip_suffix(".json")?.parse().ok();
        let numbers = found.entries.iter().filter_map(|entry| number(&entry.key));
        let mut numbers: Vec<u64> = numbers.collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Removes all generations but the last `keep` (at least one stays), and the data that none of them
    /// names and that was written before `before`. What a writer has just uploaded belongs to no generation
    /// yet: choose an instant before any write that may still be under way.
    ///
    /// A kill in the middle leaves data that the next cleaning removes.
    ///
    /// # Errors
    /// If the bucket refuses or a generation that stays is damaged.
    pub fn clean(&self, table: &str, keep: usize, before: SystemTime) -> OfflineResult<Cleaned> {
        let generations = self.generations(table)?;
        let (old, kept) = generations.split_at(generations.len().saturating_sub(keep.max(1)));
        let mut named = std::collections::HashSet::new();
        for generation in kept {
            let snapshot = self.open_at(table, *generation)?;
            for partition in &snapshot.manifest().partitions {
                named.insert(data_key(table, &partition.object)?);
            }
        }
        let mut cleaned = Cleaned::default();
        for generation in old {
            let key = generation_key(table, *generation)?;
            self.runtime.block_on(self.bucket.delete(&key))?;
            cleaned.generations += 1;
        }
        let data = format!("{}/data", folder(table)?);
        for entry in self.runtime.block_on(self.bucket.list(&data))? {
            if named.contains(&entry.key) || entry.meta.modified >= before {
                continue;
            }
            self.runtime.block_on(self.bucket.delete(&entry.key))?;
            cleaned.objects += 1;
            cleaned.bytes += entry.meta.size;
        }
        Ok(cleaned)
    }

    fn url(&self, key: &str) -> String {
        format!("{}/{key}", self.bucket.url())
    }
}

/// The folder of a table.
fn folder(table: &str) -> OfflineResult<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if table.is_empty() || table.starts_with('.') || !table.chars().all(allowed) {
        return Err(OfflineError::TableName { name: table.into() });
    }
    Ok(format!("offline/{table}"))
}

fn generation_key(table: &str, generation: Generation) -> OfflineResult<String> {
    Ok(format!(
        "{}/generations/{generation:010}.json",
        folder(table)?
    ))
}

fn data_key(table: &str, object: &str) -> OfflineResult<String> {
    Ok(format!("{}/data/{object}.parquet", folder(table)?))
}
