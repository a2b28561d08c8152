//! Columns as Parquet stores them, and what is read of them: everyday types become one of a few.

use std::path::Path;

use polars::prelude::*;
use polars_arrow::array::{Array, NullArray, PrimitiveArray};
use polars_arrow::types::NativeType;

use crate::{DataError, Problem, Result, calendar, exact};

use super::super::zones::{self, Zone};

/// Refuses what isn't read, before it is tried.
pub(super) fn readable(path: &Path, field: &ArrowField) -> Result<()> {
    use ArrowDataType::*;

    let refused = |message: String| {
        Err(DataError::File {
            path: path.into(),
            message: format!("column {:?} {message}", field.name),
        })
    };
    match &field.dtype {
        Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Float16
        | Float32 | Float64 | Date32 | Utf8View | Null => Ok(()),
        Decimal(digits, _) if *digits <= 38 => Ok(()),
        Decimal(digits, _) => refused(format!(
            "holds decimal numbers of {digits} digits and at most 38 are read; write them as 64-bit floats"
        )),
        Timestamp(_, Some(zone)) if Zone::parse(zone).is_none() => refused(format!(
            "holds instants of the time zone {zone:?}, which is not known; give them the name of a place, such as Australia/Sydney, or an offset, such as +10:00"
        )),
        Timestamp(..) => Ok(()),
        other => refused(format!(
            "holds {}, which are not read; write it as texts, numbers, dates or instants",
            said(other)
        )),
    }
}

/// What a column holds, in the user's words.
pub(super) fn said(dtype: &ArrowDataType) -> &'static str {
    use ArrowDataType::*;

    match dtype {
        Null => "nothing but missing values",
        Boolean => "true and false",
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Int128 | UInt128 => {
            "whole numbers"
        }
        Float16 | Float32 | Float64 => "numbers",
        Decimal(..) | Decimal32(..) | Decimal64(..) | Decimal256(..) => "decimal numbers",
        Date32 | Date64 => "dates",
        Timestamp(..) => "instants",
        Time32(_) | Time64(_) => "times of day",
        Duration(_) | Interval(_) => "spans of time",
        Utf8 | LargeUtf8 | Utf8View => "texts",
        Binary | LargeBinary | BinaryView | FixedSizeBinary(_) => "bytes",
        List(_) | LargeList(_) | FixedSizeList(..) => "lists",
        Struct(_) | Map(..) => "columns inside columns",
        _ => "values of an unusual type",
    }
}

/// The type that a stored column is read as.
pub(super) fn kind(dtype: &ArrowDataType) -> DataType {
    use ArrowDataType::*;

    match dtype {
        Boolean => DataType::Boolean,
        Int8 | Int16 | Int32 => DataType::Int32,
        UInt8 | UInt16 | UInt32 => DataType::UInt32,
        Int64 => DataType::Int64,
        UInt64 => DataType::UInt64,
        Float16 | Float32 => DataType::Float32,
        Float64 | Decimal(..) => DataType::Float64,
        Date32 => DataType::Date,
        Timestamp(unit, zone) => DataType::Datetime(
            TimeUnit::from(unit),
            TimeZone::opt_try_new(zone.clone()).ok().flatten(),
        ),
        Utf8View => DataType::String,
        Null => DataType::Null,
        // Not read, only named.
        _ => DataType::Binary,
    }
}

/// The values as the type they are read as, and those that are refused, by their rows from 0 on.
#[expect(clippy::type_complexity)]
pub(super) fn converted(
    field: &ArrowField,
    arrays: Vec<Box<dyn Array>>,
) -> PolarsResult<(Vec<Box<dyn Array>>, Vec<Problem>)> {
    let mut problems = Vec::new();
    let mut row = 0;
    let mut converted = Vec::with_capacity(arrays.len());
    for array in arrays {
        let rows = array.len();
        converted.push(one(field, array, row, &mut problems)?);
        row += rows;
    }
    Ok((converted, problems))
}

fn one(
    field: &ArrowField,
    array: Box<dyn Array>,
    first_row: usize,
    problems: &mut Vec<Problem>,
) -> PolarsResult<Box<dyn Array>> {
    use ArrowDataType::*;

    let mut note = |row: usize, message: String| {
        problems.push(Problem {
            line: first_row + row,
            column: Some(field.name.to_string()),
            message,
        });
    };
    let array = &*array;
    match &field.dtype {
        Int8 => each(array, Int32, |_, value: i8| i32::from(value)),
        Int16 => each(array, Int32, |_, value: i16| i32::from(value)),
        UInt8 => each(array, UInt32, |_, value: u8| u32::from(value)),
        UInt16 => each(array, UInt32, |_, value: u16| u32::from(value)),
        Float16 => each(
            array,
            Float32,
            |_, value: polars::polars_utils::float16::pf16| value.0.to_f32(),
        ),
        Decimal(_, scale) => each(array, Float64, |row, value: i128| {
            decimal(value, *scale).unwrap_or_else(|message| {
                note(row, message);
                f64::NAN
            })
        }),
        Null => Ok(NullArray::new(Null, array.len()).boxed()),
        Date32 => {
            let days = primitive::<i32>(array)?;
            for (row, day) in days.iter().enumerate() {
                if let Some(day) = day.filter(|day| !calendar::ALLOWED.contains(*day)) {
                    note(row, calendar::day_not_allowed(*day));
                }
            }
            Ok(array.to_boxed())
        }
        Timestamp(unit, _) => {
            let instants = primitive::<i64>(array)?;
            for (row, instant) in instants.iter().enumerate() {
                let Some(count) = instant else {
                    continue;
                };
                let at = zones::instant(*count, TimeUnit::from(unit));
                if !at.is_some_and(zones::is_allowed) {
                    let written = at.map_or_else(
                        || format!("the instant {count}"),
                        |at| at.naive_utc().to_string(),
                    );
                    note(row, calendar::not_allowed(&written));
                }
            }
            Ok(array.to_boxed())
        }
        _ => Ok(array.to_boxed()),
    }
}

fn primitive<T: NativeType>(array: &dyn Array) -> PolarsResult<&PrimitiveArray<T>> {
    array.as_any().downcast_ref().ok_or_else(|| {
        PolarsError::ComputeError("its values are of another type than it says".into())
    })
}

/// Every value that is there as another; the function is told the row, too.
fn each<A: NativeType, B: NativeType>(
    array: &dyn Array,
    to: ArrowDataType,
    mut convert: impl FnMut(usize, A) -> B,
) -> PolarsResult<Box<dyn Array>> {
    let values = primitive::<A>(array)?.iter().enumerate();
    let values: PrimitiveArray<B> = values
        .map(|(row, value)| value.map(|value| convert(row, *value)))
        .collect();
    Ok(values.to(to).boxed())
}

/// The number that a decimal stands for; one of more digits than a number keeps is rounded if it has a
/// fraction, as it is in text, and refused if it is whole: that one mostly counts or names something.
fn decimal(value: i128, scale: usize) -> std::result::Result<f64, String> {
    let scale = u32::try_from(scale).ok();
    let unit = scale.and_then(|scale| 10_i128.checked_pow(scale));
    let unit = unit.ok_or("the decimal has too many digits after the point")?;
    let (whole, fraction) = (value / unit, (value % unit).unsigned_abs());
    if fraction == 0 {
        let exact = exact::whole(whole);
        return exact.ok_or_else(|| exact::refused(&whole.to_string()));
    }
    let sign = if value < 0 { "-" } else { "" };
    let digits = scale.unwrap_or(0) as usize;
    let text = format!("{sign}{}.{fraction:0digits$}", whole.unsigned_abs());
    // Reading it as text rounds once; a division would round twice.
    text.parse().map_err(|_| format!("{text} is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_the_number_that_its_digits_say() {
        for (value, scale, expected) in [
            (125, 2, 1.25),
            (-125, 2, -1.25),
            (-5, 1, -0.5),
            (0, 3, 0.0),
            (7, 0, 7.0),
            (1_000_001, 6, 1.000_001),
            (123_456_789_012_345_678_901, 20, 1.234_567_890_123_456_8),
        ] {
            assert_eq!(decimal(value, scale), Ok(expected));
        }
        assert_eq!(decimal(1 << 53, 0), Ok(9_007_199_254_740_992.0));
        assert!(decimal((1 << 53) + 1, 0).is_err());
        assert!(decimal(((1 << 53) + 1) * 100, 2).is_err());
    }
}
