//! What a table must look like, and what it looks like.
//!
//! A project declares its table in a [`Contract`]; a [`Table`] read under it has
//! typed columns with missing values kept as missing. This crate knows nothing
//! of features or models, and nothing of any particular project.

pub mod calendar;
pub mod contract;
mod error;
pub mod fault;
pub mod table;

pub use contract::Contract;
pub use error::{DataError, Result};
pub use fault::{Change, Fault};
pub use table::{Cell, Column, Table, Values};
