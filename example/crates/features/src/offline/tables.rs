use super::{Created, JoinKey, Source, TableSpec, View};
use crate::StoredView;

/// Microseconds of a day.
pub const DAY_MICROS: u64 = 86_400_000_000;

impl StoredView {
    /// The view with these of its fields, over its opened table.
    pub fn view<'a>(&self, source: &'a dyn Source, fields: Vec<String>) -> View<'a> {
        View {
            name: self.name.value.clone(),
            source,
            keys: self.keys.iter().map(|key| JoinKey::same(key)).collect(),
            event: self.event.clone(),
            created: match &self.created {
                Some(column) => Created::Column(column.clone()),
                None => Created::WithEvent,
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
