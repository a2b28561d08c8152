//! Data versions as DVC keeps them: content-addressed objects, `.dvc` files, remotes, garbage collection.

mod config;
mod dvc_file;
mod error;
mod git;
mod hash;
mod ignore;
mod lock;
mod manifest;
pub mod path;
mod scan;
mod state;
pub mod yaml;

pub use config::{Config, Level, RemoteConfig};
pub use dvc_file::{DvcFile, OutEntry, Saved};
pub use error::VersioningError;
pub use git::{Git, Revisions};
pub use hash::{Checksum, HashKind, Hasher, ObjectId, hash_file, hash_reader};
pub use ignore::DvcIgnore;
pub use lock::{PathLock, RepositoryLock};
pub use manifest::{Manifest, ManifestEntry};
pub use scan::{ScannedFile, scan};
