//! The point-in-time join over tables, and tables in the bucket.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests are tests too

mod applied;
mod get;
mod store;
mod streaming;

use mlops_features::offline::{Created, Entities, Frame, JoinKey, View};
use polars::prelude::*;

/// Days, as dates.
fn dates(name: &str, days: &[i32]) -> Column {
    Column::new(name.into(), days)
        .cast(&DataType::Date)
        .unwrap()
}

/// Instants without a zone.
fn instants(name: &str, micros: &[Option<i64>]) -> Column {
    let kind = DataType::Datetime(TimeUnit::Microseconds, None);
    Column::new(name.into(), micros).cast(&kind).unwrap()
}

/// Instants in UTC.
fn utc(name: &str, micros: &[Option<i64>]) -> Column {
    let zone = TimeZone::opt_try_new(Some("UTC")).unwrap();
    Int64Chunked::from_slice_options(name.into(), micros)
        .into_datetime(TimeUnit::Microseconds, zone)
        .into_column()
}

fn table(columns: Vec<Column>) -> DataFrame {
    DataFrame::new(columns[0].len(), columns).unwrap()
}

fn frame(columns: Vec<Column>) -> Frame {
    Frame {
        name: "readings".into(),
        table: table(columns),
    }
}

fn entities(columns: Vec<Column>) -> Entities {
    Entities::new("entities", table(columns), "at")
}

fn view<'a>(source: &'a Frame, fields: &[&str]) -> View<'a> {
    View {
        name: "readings".into(),
        source,
        keys: vec![JoinKey::same("machine")],
        event: "event".into(),
        created: Created::After(0),
        ttl: 0,
        fields: fields.iter().map(ToString::to_string).collect(),
    }
}
