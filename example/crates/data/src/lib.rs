//! What a table must look like, and what it looks like.
//!
//! A project declares its table in a [`Contract`]; a [`Table`] read under it has
//! typed columns with missing values kept as missing. This crate knows nothing
//! of features or models, and nothing of any particular project.

pub mod calendar;
pub mod check;
pub mod contract;
pub mod declaration;
mod error;
mod exact;
pub mod expression;
pub mod fault;
#[cfg(feature = "fetch")]
pub mod fetch;
#[cfg(feature = "tables")]
pub mod import;
mod input;
pub mod json;
#[cfg(feature = "tables")]
pub mod near;
pub mod neighbours;
pub mod statistics;
pub mod table;
#[cfg(feature = "tables")]
pub mod tables;
pub mod two_sample;

pub use check::{Report, check, refuse};
pub use contract::Contract;
pub use error::{DataError, Problem, Result};
pub use fault::{Change, Fault};
#[cfg(feature = "fetch")]
pub use fetch::{FetchOptions, Fetched, OnAttempt, fetch, fetch_if};
#[cfg(feature = "tables")]
pub use import::{Imported, import, import_if};
pub use table::{Cell, Column, Table, Values};
