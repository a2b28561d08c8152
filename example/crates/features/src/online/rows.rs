use std::collections::BTreeMap;

use mlops_data::calendar::format_iso;

use super::{OnlineError, OnlineResult, Stored};

/// Rows by entity, in an order that doesn't depend on how they came.
pub(super) fn by_entity(rows: &[(String, Stored)]) -> BTreeMap<&str, Vec<&Stored>> {
    let mut grouped: BTreeMap<&str, Vec<&Stored>> = BTreeMap::new();
    for (entity, row) in rows {
        grouped.entry(entity).or_default().push(row);
    }
    grouped
}

/// The largest a stored observation may be, in bytes: far more than any row, and far
/// less than either store can hold.
const LARGEST: usize = 16 << 20;

/// Refuses what no store could hold.
pub(super) fn check_rows(view: &str, rows: &[(String, Stored)]) -> OnlineResult<()> {
    match rows.iter().find(|(_, row)| row.cells.len() > LARGEST) {
        None => Ok(()),
        Some((entity, row)) => Err(OnlineError::Source {
            view: view.into(),
            message: format!(
                "the observation of {entity:?} on {} takes {} bytes; at most {LARGEST} may be stored",
                format_iso(row.day),
                row.cells.len()
            ),
        }),
    }
}
