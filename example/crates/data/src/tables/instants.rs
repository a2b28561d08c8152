//! A frame as a table: what a table has no type for becomes text.

use std::path::Path;

use chrono::DateTime;
use polars::prelude::*;

use crate::table::MISSING_DAY;
use crate::{DataError, Result, Table, Values};

use super::{columns, words::Words};

pub(super) fn as_table(path: &Path, frame: &DataFrame) -> Result<Table> {
    let refused = |message: String| DataError::File {
        path: path.into(),
        message: format!("cannot be written: {message}"),
    };
    let columns = frame
        .columns()
        .iter()
        .map(|column| {
            let series = column.as_materialized_series();
            let values = values(series)
                .map_err(|error| refused(error.to_string()))?
                .ok_or_else(|| {
                    refused(format!(
                        "column {:?} has type {}, which isn't written as CSV",
                        series.name(),
                        series.dtype()
                    ))
                })?;
            Ok(crate::Column {
                name: series.name().to_string(),
                values,
            })
        })
        .collect::<Result<_>>()?;
    Table::new(columns).ok_or_else(|| refused("two columns share a name".into()))
}

fn values(series: &Series) -> PolarsResult<Option<Values>> {
    Ok(Some(match series.dtype() {
        DataType::Float32 => Values::Single(columns::values(series.f32()?, f32::NAN)),
        DataType::Float64 => Values::Number(columns::values(series.f64()?, f64::NAN)),
        DataType::Date => {
            let days = series.cast(&DataType::Int32)?;
            Values::Date(columns::values(days.i32()?, MISSING_DAY))
        }
        DataType::String => texts(series.str()?.iter(), |text, out| out.push_str(text)),
        DataType::Boolean => texts(series.bool()?.iter(), |flag, out| {
            out.push_str(if flag { "true" } else { "false" });
        }),
        DataType::UInt64 => whole(series.u64()?.iter().map(|n| n.map(i128::from))),
        kind if kind.is_integer() => {
            let wide = series.cast(&DataType::Int64)?;
            whole(wide.i64()?.iter().map(|n| n.map(i128::from)))
        }
        DataType::Datetime(unit, zone) => {
            let ending = if zone.is_some() { "Z" } else { "" };
            let moments = series.cast(&DataType::Int64)?;
            texts(moments.i64()?.iter(), |moment, out| {
                let at = match unit {
                    TimeUnit::Nanoseconds => Some(DateTime::from_timestamp_nanos(moment)),
                    TimeUnit::Microseconds => DateTime::from_timestamp_micros(moment),
                    TimeUnit::Milliseconds => DateTime::from_timestamp_millis(moment),
                };
                if let Some(at) = at {
                    // The fraction only where there is one.
                    out.push_str(&format!("{}{ending}", at.format("%Y-%m-%d %H:%M:%S%.f")));
                }
            })
        }
        _ => return Ok(None),
    }))
}

/// Whole numbers; as text if one of them has more digits than a number keeps.
fn whole(numbers: impl Iterator<Item = Option<i128>>) -> Values {
    let numbers: Vec<Option<i128>> = numbers.collect();
    const EXACT: u128 = 1 << 53;
    if numbers
        .iter()
        .flatten()
        .all(|number| number.unsigned_abs() <= EXACT)
    {
        let number = |number: Option<i128>| number.map_or(f64::NAN, |number| number as f64);
        return Values::Number(numbers.into_iter().map(number).collect());
    }
    texts(numbers.into_iter(), |number, out| {
        out.push_str(&number.to_string())
    })
}

fn texts<T>(values: impl Iterator<Item = Option<T>>, write: impl Fn(T, &mut String)) -> Values {
    let mut words = Words::new(&[]);
    let mut text = String::new();
    let codes = values
        .map(|value| {
            text.clear();
            if let Some(value) = value {
                write(value, &mut text);
            }
            words.code(&text)
        })
        .collect();
    Values::Category {
        codes,
        levels: words.into_levels(),
    }
}
