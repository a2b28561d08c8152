//! Feature values of the past: tables of them in the bucket, and what of them was known when.
//!
//! - [`get_historical_features`] puts the values of views beside entity rows, each as of its own instant
//!   (the rule is [`join`](crate::join)'s). It reads one part of a view after the other: memory holds the
//!   entity rows, their values and a single part.
//! - [`OfflineStore`] keeps a view's table in the bucket, partitioned by time. A reader sees a whole
//!   generation of it or the one before.

mod error;
mod gathered;
mod get;
mod keys;
mod names;
mod run;
mod source;
mod store;
mod tables;
mod times;

pub use error::{OfflineError, OfflineResult};
pub use get::{Options, View, get_historical_features};
pub use keys::JoinKey;
pub use source::{Entities, Frame, Part, Source};
pub use store::{
    Cleaned, Generation, Manifest, OfflineStore, Partition, Snapshot, StoredColumn, TableSpec,
};
pub use tables::DAY_MICROS;
pub use times::{Created, parse_instant};
