//! Data versions as DVC keeps them: content-addressed objects, `.dvc` files, remotes, garbage collection.

mod cache;
mod checkout;
mod config;
mod content;
mod dvc_file;
mod error;
mod git;
mod hash;
mod ignore;
mod lock;
mod lock_file;
mod manifest;
pub mod path;
mod progress;
mod repository;
mod scan;
mod state;
mod tracked;
pub mod yaml;

pub use cache::Cache;
pub use checkout::{Plan, Target};
pub use config::{Config, Level, RemoteConfig};
pub use content::Content;
pub use dvc_file::{DvcFile, OutEntry, Saved};
pub use error::VersioningError;
pub use git::{Git, Revisions};
pub use hash::{Checksum, HashKind, Hasher, ObjectId, hash_file, hash_reader};
pub use ignore::DvcIgnore;
pub use lock::{PathLock, RepositoryLock};
pub use lock_file::LockFile;
pub use manifest::{Manifest, ManifestEntry};
pub use progress::{Progress, Report, silent};
pub use repository::Repository;
pub use scan::{ScannedFile, scan};
pub use state::Signature;
pub use tracked::{Pins, Tracked};
