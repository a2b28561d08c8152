//! Data versions as DVC keeps them: content-addressed objects, `.dvc` files, remotes, garbage collection.
//!
//! A [`Repository`] is a folder with `.dvc` in it. [`Repository::store`] puts what lies at a path into its
//! [`Cache`] and names it, [`Repository::apply`] brings it back; [`operations`] are the commands made of these.
//! All that is written goes through [`mlops_disk`], so that a power cut leaves the old or the new.
//!
//! Paths in a file may be somebody else's: they are checked by [`mlops_repository::path`] before anything is touched.
//!
//! Operations that take [`mlops_repository::Tracked`] paths expect their caller to hold [`Repository::lock`]; those that take
//! targets hold it themselves.

mod boundary;
mod cache;
mod checkout;
mod content;
mod error;
mod hashing;
mod leftovers;
mod lock;
mod manifest;
pub mod operations;
mod plan;
mod presence;
mod progress;
mod remote;
mod repository;
mod scan;
mod state;

pub use cache::Cache;
pub use content::Content;
pub use error::{PULL, VersioningError};
pub use lock::{PathLock, RepositoryLock};
pub use manifest::{Manifest, ManifestEntry};
pub use plan::{Plan, Target};
pub use progress::{Progress, Report, silent};
pub use remote::Remote;
pub use repository::Repository;
pub use scan::{ScannedFile, scan};
pub use state::Signature;
