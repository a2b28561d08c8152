use std::collections::BTreeMap;

use mlops_data::tables::frames::write_parquet;
use mlops_store::Created as Put;
use polars::prelude::*;

use super::manifest::{object_name, schema_hash, stored};
use super::{Generation, Manifest, OfflineStore, Partition, data_key, generation_key};
use crate::Period;
use crate::offline::source::{Place, columns_of, kind_of};
use crate::offline::times::Times;
use crate::offline::{OfflineError, OfflineResult};

/// What is to be known of a table beside its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSpec {
    /// The columns that say of whom a row speaks.
    pub keys: Vec<String>,
    /// The column that says of when it speaks.
    pub event: String,
    /// The column that says when it became known, if there is one.
    pub created: Option<String>,
    /// How long a time a partition covers.
    pub period: Period,
    /// What the table is made from: a hash of it, for whoever asks whether it is up to date.
    pub source_hash: String,
}

impl OfflineStore {
    /// Writes a table in place of the one that is there, batch by batch: memory holds one batch. The same
    /// batches give the same objects.
    ///
    /// A reader sees the old table until the new one is whole. Of several who write at once, all succeed,
    /// and the last holds.
    ///
    /// # Errors
    /// If the bucket refuses, the batches differ in their columns, or a column is missing or of the wrong
    /// type. The old table is then as it was.
    pub fn write(
        &self,
        table: &str,
        spec: &TableSpec,
        batches: impl IntoIterator<Item = OfflineResult<DataFrame>>,
    ) -> OfflineResult<(Generation, Manifest)> {
        let mut columns = None;
        let mut partitions = Vec::new();
        for batch in batches {
            let batch = batch?;
            let found = columns_of(&batch);
            if columns.get_or_insert_with(|| found.clone()) != &found {
                return Err(unwritable(
                    table,
                    "its batches differ in their columns".into(),
                ));
            }
            check(table, spec, &found)?;
            for (period, part) in by_period(table, spec, &batch)? {
                partitions.push(self.put(table, spec, period, &part)?);
            }
        }
        let columns = columns.ok_or_else(|| {
            unwritable(
                table,
                "not even an empty batch was given, so it has no columns".into(),
            )
        })?;
        let columns = stored(&columns).map_err(|message| unwritable(table, message))?;
        let manifest = Manifest {
            format: Manifest::FORMAT,
            table: table.into(),
            rows: partitions.iter().map(|part: &Partition| part.rows).sum(),
            schema_hash: schema_hash(&columns),
            columns,
            source_hash: spec.source_hash.clone(),
            keys: spec.keys.clone(),
            event: spec.event.clone(),
            created: spec.created.clone(),
            period: spec.period,
            first_event: partitions.iter().map(|part| part.first_event).min(),
            last_event: partitions.iter().map(|part| part.last_event).max(),
            partitions,
        };
        let generation = self.publish(table, &manifest)?;
        Ok((generation, manifest))
    }

    fn put(
        &self,
        table: &str,
        spec: &TableSpec,
        period: String,
        part: &DataFrame,
    ) -> OfflineResult<Partition> {
        let mut bytes = Vec::new();
        write_parquet(&mut bytes, part).map_err(OfflineError::frame(table))?;
        let events = events(table, spec, part)?;
        let object = object_name(&bytes);
        let size = bytes.len() as u64;
        // Also where it is there already: it is new to whoever cleans up.
        let key = data_key(table, &object)?;
        self.runtime.block_on(self.bucket.put(&key, bytes))?;
        Ok(Partition {
            period,
            rows: part.height(),
            bytes: size,
            // A part has a row at least.
            first_event: events.iter().copied().min().unwrap_or_default(),
            last_event: events.iter().copied().max().unwrap_or_default(),
            object,
        })
    }

    /// Creates the next generation.
    fn publish(&self, table: &str, manifest: &Manifest) -> OfflineResult<Generation> {
        let mut text = serde_json::to_vec_pretty(manifest)
            .map_err(|error| unwritable(table, error.to_string()))?;
        text.push(b'\n');
        loop {
            let next = self.generations(table)?.last().map_or(1, |last| last + 1);
            let key = generation_key(table, next)?;
            let created = self.bucket.create(&key, text.clone());
            if self.runtime.block_on(created)? == Put::Yes {
                return Ok(next);
            }
        }
    }
}

fn unwritable(table: &str, message: String) -> OfflineError {
    OfflineError::Unwritable {
        table: format!("table {table:?}"),
        message,
    }
}

fn check(table: &str, spec: &TableSpec, columns: &[(String, DataType)]) -> OfflineResult<()> {
    let table = &format!("table {table:?}");
    for key in &spec.keys {
        kind_of(columns, table, key, "which is a key")?;
    }
    kind_of(
        columns,
        table,
        &spec.event,
        "which says of when its rows speak",
    )?;
    if let Some(created) = &spec.created {
        kind_of(
            columns,
            table,
            created,
            "which says when its rows became known",
        )?;
    }
    Ok(())
}

fn events(table: &str, spec: &TableSpec, frame: &DataFrame) -> OfflineResult<Vec<i64>> {
    let column = frame.column(&spec.event);
    let column = column.map_err(OfflineError::frame(table))?;
    let place = Place {
        name: format!("table {table:?}"),
        lines: false,
    };
    Times::of(&place, column.as_materialized_series())?.all_known(&place)
}

/// The rows of each partition, in the order they had.
fn by_period(
    table: &str,
    spec: &TableSpec,
    batch: &DataFrame,
) -> OfflineResult<BTreeMap<String, DataFrame>> {
    let mut rows: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (row, event) in (0..).zip(events(table, spec, batch)?) {
        let period = spec.period.of(event).ok_or_else(|| {
            unwritable(
                table,
                format!("row {}: the instant is out of range", row + 1),
            )
        })?;
        rows.entry(period).or_default().push(row);
    }
    rows.into_iter()
        .map(|(period, rows)| {
            let part = batch.take(&IdxCa::from_vec("".into(), rows));
            Ok((period, part.map_err(OfflineError::frame(table))?))
        })
        .collect()
}
