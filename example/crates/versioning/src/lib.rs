//! Data versions as DVC keeps them: content-addressed objects, `.dvc` files, remotes, garbage collection.
//!
//! A [`Repository`] is a folder with `.dvc` in it. [`Repository::store`] puts what lies at a path into its
//! [`Cache`] and names it, [`Repository::apply`] brings it back; [`operations`] are the commands made of these.
//! All that is written goes through [`mlops_disk`], so that a power cut leaves the old or the new.
//!
//! Paths in a file may be somebody else's: they are checked by [`path`] before anything is touched.
//!
//! Operations that take [`Tracked`] paths expect their caller to hold [`Repository::lock`]; those that take
//! targets hold it themselves.

mod boundary;
mod cache;
mod checkout;
mod config;
mod content;
mod dvc_file;
mod error;
mod git;
mod gitignore;
mod hash;
mod hashing;
mod ignore;
mod leftovers;
mod lock;
mod lock_file;
mod manifest;
pub mod operations;
pub mod path;
mod plan;
mod presence;
mod progress;
mod remote;
mod repository;
mod scan;
mod state;
mod tracked;
pub mod yaml;

pub use cache::Cache;
pub use config::{
    Config, Ini, Level, RemoteConfig, is_path, is_secret, path_to_write, remote_name,
};
pub use content::Content;
pub use dvc_file::{DvcFile, OutEntry, Saved};
pub use error::{VersioningError, screen};
pub use git::{Git, Revisions};
pub use hash::{Checksum, HashKind, Hasher, ObjectId, hash_file, hash_reader};
pub use ignore::DvcIgnore;
pub use lock::{PathLock, RepositoryLock};
pub use lock_file::{LockFile, LockedOut};
pub use manifest::{Manifest, ManifestEntry};
pub use plan::{Plan, Target};
pub use progress::{Progress, Report, silent};
pub use remote::Remote;
pub use repository::Repository;
pub use scan::{ScannedFile, scan};
pub use state::Signature;
pub use tracked::{Pins, Tracked};
