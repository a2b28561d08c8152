//! Columns of polars as columns of a [`Table`](crate::Table), and back.

use polars::prelude::*;

use crate::table::MISSING_DAY;
use crate::{Column, Values};

use super::words::{self, Words};

/// The values, this one for null.
pub(super) fn values<T: PolarsNumericType>(
    column: &ChunkedArray<T>,
    missing: T::Native,
) -> Vec<T::Native> {
    let mut values = Vec::with_capacity(column.len());
    for chunk in column.downcast_iter() {
        let start = values.len();
        values.extend_from_slice(chunk.values());
        for (value, known) in values[start..]
            .iter_mut()
            .zip(chunk.validity().into_iter().flatten())
        {
            if !known {
                *value = missing;
            }
        }
    }
    values
}

/// Words; an empty text is missing, as null is.
pub(super) fn category(column: &StringChunked, declared: Option<&[String]>) -> Values {
    let mut words = Words::new(&[]);
    let codes: Vec<u32> = column
        .iter()
        .map(|text| words.code(text.unwrap_or_default()))
        .collect();
    let parts = [(codes.len(), words.into_levels())];
    words::category(codes, &parts, declared)
}

/// A column as polars holds it, null where it is missing.
pub(super) fn series(column: &Column) -> PolarsResult<Series> {
    let name: PlSmallStr = column.name.as_str().into();
    Ok(match &column.values {
        Values::Number(values) => {
            nullable::<Float64Type>(name, values, |value| value.is_nan()).into_series()
        }
        Values::Single(values) => {
            nullable::<Float32Type>(name, values, |value| value.is_nan()).into_series()
        }
        Values::Category { codes, levels } => StringChunked::from_iter_options(
            name,
            codes
                .iter()
                .map(|code| levels.get(*code as usize).map(String::as_str)),
        )
        .into_series(),
        Values::Date(days) => nullable::<Int32Type>(name, days, |day| *day == MISSING_DAY)
            .into_series()
            .cast(&DataType::Date)?,
    })
}

fn nullable<T: PolarsNumericType>(
    name: PlSmallStr,
    values: &[T::Native],
    missing: impl Fn(&T::Native) -> bool,
) -> ChunkedArray<T> {
    let known = || values.iter().map(|value| !missing(value)).collect();
    let known = values.iter().any(&missing).then(known);
    ChunkedArray::from_vec_validity(name, values.to_vec(), known)
}
