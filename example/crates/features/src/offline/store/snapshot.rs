use std::ops::RangeInclusive;
use std::path::Path;

use mlops_data::tables::frames::ParquetFile;
use polars::prelude::*;

use super::manifest::object_name;
use super::{Generation, Manifest, OfflineStore, data_key};
use crate::offline::source::Place;
use crate::offline::times::Times;
use crate::offline::{OfflineError, OfflineResult, Part, Source};

/// One generation of a table. What is written later doesn't change it.
#[derive(Debug)]
pub struct Snapshot<'a> {
    store: &'a OfflineStore,
    table: String,
    generation: Generation,
    manifest: Manifest,
    columns: Vec<(String, DataType)>,
    /// The objects that belong together, in order: a partition's.
    parts: Vec<Vec<usize>>,
}

impl<'a> Snapshot<'a> {
    pub(super) fn new(
        store: &'a OfflineStore,
        table: &str,
        generation: Generation,
        manifest: Manifest,
        columns: Vec<(String, DataType)>,
    ) -> Snapshot<'a> {
        let mut periods: std::collections::BTreeMap<&str, Vec<usize>> = Default::default();
        for (at, partition) in manifest.partitions.iter().enumerate() {
            periods.entry(&partition.period).or_default().push(at);
        }
        Snapshot {
            store,
            table: table.into(),
            generation,
            columns,
            parts: periods.into_values().collect(),
            manifest,
        }
    }

    /// What belongs to it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its number.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The rows whose event lies in a range (microseconds since 1970-01-01), both ends included, partition
    /// by partition; partitions outside it are not read.
    pub fn scan<'s>(
        &'s self,
        columns: &'s [&str],
        events: RangeInclusive<i64>,
    ) -> impl Iterator<Item = OfflineResult<DataFrame>> + 's {
        let parts = self.parts().into_iter().enumerate();
        let wanted = parts.filter_map({
            let events = events.clone();
            move |(at, part)| {
                let (first, last) = part.events?;
                (first <= *events.end() && last >= *events.start()).then_some(at)
            }
        });
        wanted.map(move |part| self.within(part, columns, &events))
    }

    fn within(
        &self,
        part: usize,
        columns: &[&str],
        events: &RangeInclusive<i64>,
    ) -> OfflineResult<DataFrame> {
        let event = self.manifest.event.as_str();
        let mut wanted = columns.to_vec();
        if !wanted.contains(&event) {
            wanted.push(event);
        }
        let frame = self.read(part, &wanted)?;
        let place = Place::of(self);
        let failed = OfflineError::frame(&place.name);
        let column = frame.column(event).map_err(&failed)?;
        let times = Times::of(&place, column.as_materialized_series())?.all_known(&place)?;
        let keep: BooleanChunked = times.iter().map(|time| events.contains(time)).collect();
        let kept = frame.filter(&keep).map_err(&failed)?;
        kept.select(columns.iter().copied()).map_err(&failed)
    }

    /// One object, if its bytes are those that were written.
    fn object(&self, at: usize) -> OfflineResult<ParquetFile> {
        let partition = &self.manifest.partitions[at];
        let key = data_key(&self.table, &partition.object)?;
        let url = self.store.url(&key);
        let bytes = match self.store.runtime.block_on(self.store.bucket.get(&key)) {
            Ok(bytes) => bytes,
            Err(error) if error.is_missing() => {
                return Err(OfflineError::NoTable {
                    url,
                    what: format!(
                        "data of generation {} any more: it was cleaned away. Read the table as it is now",
                        self.generation
                    ),
                });
            }
            Err(error) => return Err(error.into()),
        };
        if object_name(&bytes) != partition.object {
            return Err(OfflineError::Damaged {
                url,
                message: "its bytes have changed since they were written".into(),
            });
        }
        Ok(ParquetFile::from_bytes(Path::new(&url), bytes.into())?)
    }
}

/// A part is a partition.
impl Source for Snapshot<'_> {
    fn name(&self) -> String {
        format!("table {:?}", self.table)
    }

    fn columns(&self) -> Vec<(String, DataType)> {
        self.columns.clone()
    }

    fn parts(&self) -> Vec<Part> {
        self.parts
            .iter()
            .map(|objects| {
                let parts = || objects.iter().map(|at| &self.manifest.partitions[*at]);
                let first = parts().map(|part| part.first_event).min();
                let last = parts().map(|part| part.last_event).max();
                Part {
                    rows: parts().map(|part| part.rows).sum(),
                    events: first.zip(last),
                }
            })
            .collect()
    }

    fn read(&self, part: usize, columns: &[&str]) -> OfflineResult<DataFrame> {
        let mut whole: Option<DataFrame> = None;
        for at in self.parts.get(part).map_or(&[][..], Vec::as_slice) {
            let frame = self.object(*at)?.read(columns)?;
            match &mut whole {
                None => whole = Some(frame),
                Some(whole) => {
                    whole
                        .vstack_mut_owned(frame)
                        .map_err(OfflineError::frame(&self.table))?;
                }
            }
        }
        Ok(whole.unwrap_or_default())
    }
}
