//! The bucket: a URL becomes an object store; atomic writes, create-only records, retries.
//!
//! - [`disk`] is the one module through which the toolkit writes to the local file system. What it
//!   has returned from is on the disk; what it was killed in has left the old content or the new one.
//! - [`Bucket`] is the same for a place named by a URL: a folder, `s3://bucket/prefix`, or memory.
//!   It is asynchronous; [`Runtime`] is for callers that are not.
//! - [`StoreError`] says what failed, where, and what to do about it.
//! - [`crash`] and `faults` (with debug assertions only) break all of this on purpose, for tests.

mod bucket;
pub mod crash;
pub mod disk;
mod error;
#[cfg(debug_assertions)]
pub mod faults;
mod local;
#[cfg(feature = "s3")]
mod profile;
mod retry;
mod runtime;
mod settings;

pub use bucket::{Bucket, Created, Entry, Listing, Meta, Sent};
pub use error::{StoreError, StoreResult};
pub use retry::Retry;
pub use runtime::{DEFAULT_JOBS, Runtime, for_each_bounded};
pub use settings::Settings;
