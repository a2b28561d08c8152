use mlops_data::calendar::Day;
use mlops_data::{Cell, Table, Values};

use crate::{FeatureError, Result};

/// One row of the project's table as its own type.
pub trait Observation: Sized + Send + Sync {
    /// The columns it is made from, in the order [`from_cells`](Self::from_cells) gets them.
    const COLUMNS: &'static [&'static str];

    /// Makes an observation of a row's values.
    ///
    /// # Errors
    /// The index of the column whose value doesn't fit, and what was expected.
    fn from_cells(cells: &[Cell<'_>]) -> Result<Self, (usize, String)>;

    /// Name of the entity it is of.
    fn entity(&self) -> &str;

    /// The day it is of.
    fn day(&self) -> Day;

    /// What is known of it before the values of these columns are: the same observation with them missing.
    /// A flag for each of [`COLUMNS`](Self::COLUMNS). By default nothing is known of it: a neighbour's
    /// day isn't seen before all of it is known.
    fn masked(&self, _hidden: &[bool]) -> Option<Self> {
        None
    }
}

/// The columns of a table that observations are made from.
///
/// # Errors
/// If one of them is missing.
pub(crate) fn columns_of<O: Observation>(table: &Table) -> Result<Vec<&Values>> {
    let names = O::COLUMNS.iter();
    names
        .map(|name| {
            table.get(name).ok_or_else(|| FeatureError::MissingColumn {
                column: (*name).into(),
                found: table
                    .columns()
                    .iter()
                    .map(|c| c.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            })
        })
        .collect()
}

/// The observation of a row, counted from 0, whose values these are.
pub(crate) fn observe_row<O: Observation>(row: usize, cells: &[Cell<'_>]) -> Result<O> {
    O::from_cells(cells).map_err(|(column, message)| FeatureError::Value {
        row: row + 1,
        column: O::COLUMNS.get(column).copied().unwrap_or("?").into(),
        message,
    })
}

/// Every row of a table as an observation, in the table's order.
///
/// # Errors
/// If a column is missing or a value doesn't fit.
pub fn observe<O: Observation>(table: &Table) -> Result<Vec<O>> {
    use rayon::prelude::*;

    let columns = columns_of::<O>(table)?;
    (0..table.rows())
        .into_par_iter()
        .map_init(
            || Vec::with_capacity(columns.len()),
            |cells, row| {
                cells.clear();
                cells.extend(columns.iter().map(|values| values.cell(row)));
                observe_row(row, cells)
            },
        )
        .collect()
}
