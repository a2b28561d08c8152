//! What DVC's files say, in the workspace or at any revision of Git.
//!
//! `.dvc` files, `dvc.yaml` with every reference put in, `dvc.lock`, parameters, configuration and ignore rules:
//! this crate reads and writes them, and knows no cache, no remote and no process.

mod catalog;
mod config;
mod definition;
mod dvc_file;
mod error;
mod git;
pub mod gitignore;
pub mod hash;
mod ignore;
mod interpolation;
pub mod lockfile;
pub mod params;
pub mod path;
pub mod posix_path;
mod source;
mod work_tree;
pub mod yaml;

pub use catalog::{Catalog, FILE, find, style};
pub use config::{Config, Ini, Level, RemoteConfig, is_secret, path_to_write};
pub use definition::{
    Better, Command, Definition, Dependency, Location, Output, OutputKind, ParameterFile, Stage,
};
pub use dvc_file::{DvcFile, OutEntry, Saved};
pub use error::{RepositoryError, Result, screen};
pub use git::{Git, Revisions};
pub use hash::{Checksum, HashKind, Hasher, ObjectId, hash_file, hash_reader};
pub use ignore::{DvcIgnore, IGNORE_FILE, Rules};
pub use interpolation::OptionStyle;
pub use source::{Source, git, revisions, utf8};
pub use work_tree::{DVC, WorkTree};
