//! Definitions in the bucket: numbered records, of which the highest holds.

use mlops_store::{Bucket, Created, Settings};

use super::OfflineStore;
use crate::definitions::{Applied, Definitions, KeptTable, Plan, Uses};
use crate::offline::{OfflineError, OfflineResult};

const FOLDER: &str = "definitions";

impl OfflineStore {
    /// The definitions that were applied last, with their number; `None` if none ever were.
    ///
    /// # Errors
    /// If the bucket refuses or the record is damaged.
    pub fn applied(&self) -> OfflineResult<Option<(u64, Applied)>> {
        match self.numbers(FOLDER)?.last() {
            Some(number) => Ok(Some((*number, self.applied_at(*number)?))),
            None => Ok(None),
        }
    }

    /// The definitions that were applied under this number.
    ///
    /// # Errors
    /// If there is no such record, the bucket refuses, or the record is damaged.
    pub fn applied_at(&self, number: u64) -> OfflineResult<Applied> {
        let key = key(number);
        let bytes = match self.runtime.block_on(self.bucket.get(&key)) {
            Ok(bytes) => bytes,
            Err(error) if error.is_missing() => {
                return Err(OfflineError::NoTable {
                    url: self.url(&key),
                    what: format!("record {number} of applied definitions"),
                });
            }
            Err(error) => return Err(error.into()),
        };
        let unreadable = |message: String| OfflineError::UnreadableRecord {
            url: self.url(&key),
            message,
        };
        let applied: Applied =
            serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        match applied.format {
            Applied::FORMAT => Ok(applied),
            other => Err(unreadable(format!(
                "it has form {other}, and this program reads form {}",
                Applied::FORMAT
            ))),
        }
    }

    /// What applying these definitions would do. The tables of buckets are added to `uses`.
    ///
    /// # Errors
    /// If a bucket refuses or a record is damaged.
    pub fn plan(&self, definitions: &Definitions, uses: &Uses) -> OfflineResult<Plan> {
        self.plan_for(&Applied::new(definitions)?, uses)
    }

    /// Keeps these definitions as the next record, unless they are those of the last one. Of several who
    /// apply at once, each is held against the one before.
    ///
    /// Gives what changed, and the record's number if one was written.
    ///
    /// # Errors
    /// [`OfflineError::Refused`] if something would be broken; if a bucket refuses or a record is damaged.
    pub fn apply(
        &self,
        definitions: &Definitions,
        uses: &Uses,
    ) -> OfflineResult<(Plan, Option<u64>)> {
        let next = Applied::new(definitions)?;
        let unwritable = |error: serde_json::Error| OfflineError::Unwritable {
            table: "the record of definitions".into(),
            message: error.to_string(),
        };
        let mut bytes = serde_json::to_vec_pretty(&next).map_err(unwritable)?;
        bytes.push(b'\n');
        loop {
            let plan = self.plan_for(&next, uses)?;
            if !plan.refused.is_empty() {
                return Err(OfflineError::Refused {
                    refused: plan.refused,
                });
            }
            if plan.is_empty() {
                return Ok((plan, None));
            }
            let number = plan.since.map_or(1, |last| last + 1);
            let key = key(number);
            let created = self.bucket.create(&key, bytes.clone());
            if self.runtime.block_on(created)? == Created::Yes {
                return Ok((plan, Some(number)));
            }
        }
    }

    fn plan_for(&self, next: &Applied, uses: &Uses) -> OfflineResult<Plan> {
        let last = self.applied()?;
        let last = last.as_ref().map(|(number, applied)| (*number, applied));
        let mut uses = uses.clone();
        for applied in last.iter().map(|(_, applied)| *applied).chain([next]) {
            add_tables(&applied.definitions, &mut uses)?;
        }
        Ok(Plan::new(last, next, &uses))
    }
}

/// What the buckets of views hold now.
fn add_tables(definitions: &Definitions, uses: &mut Uses) -> OfflineResult<()> {
    for view in &definitions.tables {
        let (Some(bucket), name) = (&view.bucket, &view.name.value) else {
            continue;
        };
        let is_known = |kept: &KeptTable| kept.bucket == *bucket && kept.name == *name;
        if uses.tables.iter().any(is_known) {
            continue;
        }
        let store = OfflineStore::new(Bucket::open(bucket, &Settings::default())?)?;
        if let Some(table) = store.open(name)? {
            let manifest = table.manifest();
            let columns = manifest.columns.iter().map(|column| column.name.clone());
            uses.tables.push(KeptTable {
                bucket: bucket.clone(),
                name: name.clone(),
                rows: manifest.rows,
                columns: columns.collect(),
            });
        }
    }
    Ok(())
}

fn key(number: u64) -> String {
    format!("{FOLDER}/{number:06}.json")
}
