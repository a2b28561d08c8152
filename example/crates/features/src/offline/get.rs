use polars::prelude::*;

use super::keys::JoinKey;
use super::names::output_names;
use super::run::Join;
use super::source::{columns_of, kind_of};
use super::times::{Created, Times};
use super::{Entities, OfflineError, OfflineResult, Source};

/// A feature view: columns of a table, and how its rows are told apart.
#[derive(Clone)]
pub struct View<'a> {
    /// Its name, which goes before its fields where full names are asked for.
    pub name: String,
    /// The table.
    pub source: &'a dyn Source,
    /// The columns that say of whom a row speaks.
    pub keys: Vec<JoinKey>,
    /// The column that says of when it speaks.
    pub event: String,
    /// When it became known.
    pub created: Created,
    /// For how many microseconds it counts; 0 is for ever.
    pub ttl: u64,
    /// The columns wanted, in this order.
    pub fields: Vec<String>,
}

/// How values of the past are got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Take only what was created by the instant asked for. Feast's default is not to.
    pub created: bool,
    /// Call the result's columns `view__field`.
    pub full_names: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            created: true,
            full_names: false,
        }
    }
}

/// The entity rows, as many and in the order they came, with the values that the views' fields had at each
/// row's instant; null where nothing was known.
///
/// Views of one table, with the same keys, times and ttl, are read and joined once.
///
/// # Errors
/// If a column is missing or of the wrong type, an instant of a view or of an entity row is missing, instants
/// with a time zone would be compared with ones without, or two columns would have one name.
pub fn get_historical_features(
    entities: &Entities,
    views: &[View<'_>],
    options: Options,
) -> OfflineResult<DataFrame> {
    let names = output_names(entities, views, options.full_names)?;
    let at = asked_at(entities)?;
    let mut columns = entities.table.columns().to_vec();
    let mut fields: Vec<Vec<Column>> = vec![Vec::new(); views.len()];
    for group in groups(views) {
        let joined = Join::new(entities, &at, views, &group, options)?.run()?;
        for view in group {
            for (field, name) in views[view].fields.iter().zip(&names[view]) {
                let column = joined
                    .column(field)
                    .map_err(OfflineError::frame(&views[view].name))?;
                fields[view].push(column.clone().with_name(name.as_str().into()));
            }
        }
    }
    columns.extend(fields.into_iter().flatten());
    DataFrame::new(entities.table.height(), columns).map_err(OfflineError::frame("the result"))
}

fn asked_at(entities: &Entities) -> OfflineResult<Times> {
    let place = &entities.place;
    let columns = columns_of(&entities.table);
    kind_of(
        &columns,
        &place.name,
        &entities.time,
        "which says as of when values are wanted",
    )?;
    let column = entities.table.column(&entities.time);
    let column = column.map_err(OfflineError::frame(&place.name))?;
    let mut times = Times::of(place, column.as_materialized_series())?;
    times.let_days_mean(entities.day_means);
    Ok(times)
}

/// The places of views that are one join.
fn groups(views: &[View<'_>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (at, view) in views.iter().enumerate() {
        let same = |other: &View<'_>| {
            std::ptr::addr_eq(view.source, other.source)
                && (&view.keys, &view.event, &view.created, view.ttl)
                    == (&other.keys, &other.event, &other.created, other.ttl)
        };
        match groups.iter_mut().find(|group| same(&views[group[0]])) {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    groups
}
