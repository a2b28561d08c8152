//! Columns of polars as columns of a [`Table`](crate::Table), and back.

use polars::prelude::*;

use crate::calendar::{self, Day};
use crate::table::MISSING_DAY;
use crate::{Column, Values};

use super::words::{self, Words};

/// A text that is no date.
pub(super) const REFUSED_DAY: Day = Day::MAX;

/// Numbers with NaN for null.
pub(super) fn numbers(column: &Float64Chunked) -> Vec<f64> {
    column
        .iter()
        .map(|value| value.unwrap_or(f64::NAN))
        .collect()
}

/// Days, [`MISSING_DAY`] for null or an empty text, [`REFUSED_DAY`] for what is no date.
pub(super) fn days(column: &StringChunked) -> Vec<Day> {
    let day = |text: Option<&str>| match text {
        None | Some("") => MISSING_DAY,
        Some(text) => calendar::parse_iso(text).unwrap_or(REFUSED_DAY),
    };
    column.iter().map(day).collect()
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
        Values::Number(values) => Float64Chunked::from_iter_options(
            name,
            values.iter().map(|v| (!v.is_nan()).then_some(*v)),
        )
        .into_series(),
        Values::Single(values) => Float32Chunked::from_iter_options(
            name,
            values.iter().map(|v| (!v.is_nan()).then_some(*v)),
        )
        .into_series(),
        Values::Category { codes, levels } => StringChunked::from_iter_options(
            name,
            codes
                .iter()
                .map(|code| levels.get(*code as usize).map(String::as_str)),
        )
        .into_series(),
        Values::Date(days) => Int32Chunked::from_iter_options(
            name,
            days.iter().map(|d| (*d != MISSING_DAY).then_some(*d)),
        )
        .into_series()
        .cast(&DataType::Date)?,
    })
}
