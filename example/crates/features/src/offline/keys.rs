use polars::prelude::*;

use super::source::Place;
use super::{OfflineError, OfflineResult};
use crate::join::KeyColumn;

/// A column that entity rows and a view share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JoinKey {
    /// Its name in the view.
    pub column: String,
    /// Its name in the entity rows.
    pub asked_as: String,
}

impl JoinKey {
    /// A column with the same name in both.
    pub fn same(column: &str) -> JoinKey {
        JoinKey {
            column: column.into(),
            asked_as: column.into(),
        }
    }
}

/// What a key is made of. Keys of two kinds are never equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    Text,
    Integer,
    Day,
}

impl KeyKind {
    pub fn of(place: &str, column: &str, kind: &DataType) -> OfflineResult<KeyKind> {
        match kind {
            DataType::String => Ok(KeyKind::Text),
            DataType::Date => Ok(KeyKind::Day),
            kind if kind.is_integer() => Ok(KeyKind::Integer),
            found => Err(OfflineError::ColumnType {
                place: place.into(),
                column: column.into(),
                found: found.to_string(),
                wanted: "a key (text, a whole number or a date)",
            }),
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            KeyKind::Text => "text",
            KeyKind::Integer => "a whole number",
            KeyKind::Day => "a date",
        }
    }
}

/// The keys of a column as this kind; text that comes from a text file is read as such.
pub(super) fn key_column<'a>(
    place: &Place,
    series: &'a Series,
    kind: KeyKind,
) -> OfflineResult<KeyColumn<'a>> {
    let frame = OfflineError::frame(&place.name);
    match (kind, series.dtype()) {
        (KeyKind::Text, _) => {
            let texts = series.str().map_err(&frame)?;
            Ok(KeyColumn::Texts(texts.iter().collect()))
        }
        (_, DataType::String) => {
            let texts = series.str().map_err(&frame)?.iter().enumerate();
            let values = texts.map(|(row, text)| text.map(|text| (row, text)));
            let read = |(row, text): (usize, &str)| {
                let value = match kind {
                    KeyKind::Day => mlops_data::calendar::parse_iso(text).map(i64::from),
                    _ => text.trim().parse().ok(),
                };
                value.ok_or_else(|| OfflineError::Value {
                    place: place.name.clone(),
                    row: place.row(row),
                    column: series.name().to_string(),
                    message: format!("{text:?} is not {}, as the view's key is", kind.words()),
                })
            };
            let values = values.map(|value| value.map(read).transpose());
            Ok(KeyColumn::Integers(values.collect::<OfflineResult<_>>()?))
        }
        _ => {
            // Days by way of their own type: polars casts no date to 64 bits at once.
            let narrow = match kind {
                KeyKind::Day => series.cast(&DataType::Int32).map_err(&frame)?,
                _ => series.clone(),
            };
            let wide = narrow.strict_cast(&DataType::Int64).map_err(&frame)?;
            let values = wide.i64().map_err(&frame)?.iter().collect();
            Ok(KeyColumn::Integers(values))
        }
    }
}
