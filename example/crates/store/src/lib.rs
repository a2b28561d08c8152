//! The bucket: a URL becomes an object store; create-only records, retries, resumable downloads.
//!
//! - [`Bucket`] is a place named by a URL: a folder, `s3://bucket/prefix`, or memory. What it has returned from is
//!   stored; what it was killed in has left the old content or the new one. It is asynchronous; [`Runtime`] is for
//!   callers that are not.
//! - [`StoreError`] says what failed, where, and what to do about it.
//! - [`mlops_disk`] writes what lies in folders. `faults` (with debug assertions only) breaks all of this on
//!   purpose, for tests.

mod bucket;
mod error;
#[cfg(debug_assertions)]
pub mod faults;
mod local;
#[cfg(feature = "s3")]
mod profile;
mod retry;
mod runtime;
mod settings;

pub use bucket::{Bucket, Entry, Listing, Meta, Sent};
pub use error::{StoreError, StoreResult};
pub use mlops_disk::Created;
pub use retry::Retry;
pub use runtime::{DEFAULT_JOBS, Runtime, for_each_bounded};
pub use settings::{Certificates, Encryption, Settings};
