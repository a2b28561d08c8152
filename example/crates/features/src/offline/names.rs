//! What the columns of a result are called.

use std::collections::HashMap;

use super::{Entities, OfflineError, OfflineResult, View};

/// The result's names of each view's fields, none of them twice.
pub(super) fn output_names(
    entities: &Entities,
    views: &[View<'_>],
    full: bool,
) -> OfflineResult<Vec<Vec<String>>> {
    let mut taken: HashMap<String, String> = entities
        .table
        .get_column_names()
        .into_iter()
        .map(|name| {
            (
                name.to_string(),
                format!("a column of {}", entities.place.name),
            )
        })
        .collect();
    views
        .iter()
        .map(|view| {
            let name = |field: &String| {
                let name = match full {
                    true => format!("{}__{field}", view.name),
                    false => field.clone(),
                };
                let from = format!("{field:?} of view {:?}", view.name);
                match taken.insert(name.clone(), from.clone()) {
                    None => Ok(name),
                    Some(first) => Err(OfflineError::SameName {
                        name,
                        first,
                        second: from,
                    }),
                }
            };
            view.fields.iter().map(name).collect()
        })
        .collect()
}
