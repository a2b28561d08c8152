use mlops_data::calendar::Day;
use mlops_data::{Cell, Table, Values};

use super::{Schema, Stored};
use crate::{FeatureError, Observation, Result, observe};

/// The rows of a table, as a store takes them.
#[derive(Debug)]
pub struct TableSource<'t, O> {
    columns: Vec<&'t Values>,
    observations: Vec<O>,
    /// The rows by day.
    order: Vec<usize>,
    schema: Schema,
}

impl<'t, O: Observation> TableSource<'t, O> {
    /// Every row must be an observation: what is stored can be read again.
    ///
    /// # Errors
    /// If a column is missing or a value doesn't fit.
    pub fn new(table: &'t Table) -> Result<Self> {
        let observations = observe::<O>(table)?;
        let columns = O::COLUMNS.iter().filter_map(|name| table.get(name));
        let mut order: Vec<usize> = (0..observations.len()).collect();
        // Stable: of two versions created at once, the later row is pushed last.
        order.sort_by_key(|row| observations[*row].day());
        Ok(TableSource {
            columns: columns.collect(),
            observations,
            order,
            schema: Schema::new(O::COLUMNS),
        })
    }

    /// The rows as observations, in the table's order.
    pub fn observations(&self) -> &[O] {
        &self.observations
    }

    /// All rows, by day. `created` says when a row became known (microseconds since
    /// 1970-01-01 UTC), given its number in the table and its day.
    ///
    /// # Errors
    /// If a value can't be encoded.
    pub fn rows(&self, created: impl Fn(usize, Day) -> i64) -> Result<Vec<(String, Stored)>> {
        self.order
            .iter()
            .map(|row| self.row(*row, &created))
            .collect()
    }

    fn row(&self, row: usize, created: &impl Fn(usize, Day) -> i64) -> Result<(String, Stored)> {
        let observation = &self.observations[row];
        let cells: Vec<Cell<'_>> = self.columns.iter().map(|column| column.cell(row)).collect();
        let cells = self.schema.encode(&cells);
        let stored = Stored {
            day: observation.day(),
            created: created(row, observation.day()),
            cells: cells.map_err(|error| FeatureError::Value {
                row: row + 1,
                column: O::COLUMNS.join(", "),
                message: error.to_string(),
            })?,
        };
        Ok((observation.entity().into(), stored))
    }
}
