//! Columns of polars as columns of a [`Table`](crate::Table), and back.

use std::collections::HashMap;

use polars::prelude::*;

use crate::calendar::{self, Day};
use crate::table::{MISSING_CODE, MISSING_DAY};
use crate::{Column, Values};

/// A text that is no date of the notation asked for.
pub(super) const REFUSED_DAY: Day = Day::MAX;

/// How the dates of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dates {
    /// `yyyy-mm-dd`
    Iso,
    /// `dd/mm/yyyy`
    DayFirst,
}

/// Numbers with NaN for null.
pub(super) fn numbers(column: &Float64Chunked) -> Vec<f64> {
    let mut values = Vec::with_capacity(column.len());
    for chunk in column.downcast_iter() {
        let start = values.len();
        values.extend_from_slice(chunk.values());
        if let Some(validity) = chunk.validity() {
            for (value, valid) in values[start..].iter_mut().zip(validity) {
                if !valid {
                    *value = f64::NAN;
                }
            }
        }
    }
    values
}

/// Days, [`MISSING_DAY`] for null or an empty text, [`REFUSED_DAY`] for what is no date.
pub(super) fn days(column: &StringChunked, dates: Dates) -> Vec<Day> {
    let parse = match dates {
        Dates::Iso => calendar::parse_iso,
        Dates::DayFirst => calendar::parse_day_first,
    };
    let mut days = Vec::with_capacity(column.len());
    days.extend(column.iter().map(|text| match text {
        None | Some("") => MISSING_DAY,
        Some(text) => parse(text).unwrap_or(REFUSED_DAY),
    }));
    days
}

/// Codes and levels: the declared words in their order, then any others by name.
/// An empty text is missing, as null is.
pub(super) fn category(column: &StringChunked, declared: Option<&[String]>) -> Values {
    let declared = declared.unwrap_or_default();
    let mut levels: Vec<&str> = declared.iter().map(String::as_str).collect();
    let mut known: HashMap<&str, u32> = levels.iter().copied().zip(0..).collect();
    let mut codes = Vec::with_capacity(column.len());
    // Most words were seen a moment ago: looked for by a few of their bytes first.
    let mut recent = [("", MISSING_CODE); 256];
    codes.extend(column.iter().map(|text| {
        let text = text.unwrap_or_default();
        let bytes = text.as_bytes();
        let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
            return MISSING_CODE;
        };
        let middle = bytes[bytes.len() / 2];
        let slot =
            first.wrapping_mul(31) ^ middle.wrapping_mul(7) ^ last.wrapping_add(bytes.len() as u8);
        let (word, code) = &mut recent[usize::from(slot)];
        if *word != text {
            *word = text;
            *code = *known.entry(text).or_insert_with(|| {
                levels.push(text);
                levels.len() as u32 - 1
            });
        }
        *code
    }));
    let order = sorted_after(&levels, declared.len());
    let mut place = vec![0; levels.len()];
    for (new, old) in order.iter().enumerate() {
        place[*old] = new as u32;
    }
    for code in &mut codes {
        if let Some(place) = place.get(*code as usize) {
            *code = *place;
        }
    }
    Values::Category {
        codes,
        levels: order
            .into_iter()
            .map(|old| levels[old].to_string())
            .collect(),
    }
}

/// The indices of all words, those from `fixed` on sorted by the word.
fn sorted_after(levels: &[&str], fixed: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..levels.len()).collect();
    order[fixed..].sort_unstable_by_key(|at| levels[*at]);
    order
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
