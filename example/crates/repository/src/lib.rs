//! What DVC's files say, in the working tree or at any revision of Git.
//!
//! A repository of data is described by small files under Git. This crate reads them all and answers the one question
//! that every command begins with: which outputs are there, what is their content, and what may be done with them? A
//! reference (`${region}`) may stand in a path, a flag in another file than the hash, and an old commit may have other
//! rules; so nobody reads a file by itself. It knows no cache, no remote and no process of a stage.
//!
//! - [`WorkTree`] is the folder with its [`Config`], ignore rules ([`DvcIgnore`]) and [`Git`]; a [`Source`] is one state
//!   of it.
//! - [`Declarations`] are read once for a state: [`Stage`]s with everything expanded, [`DvcFile`]s,
//!   [locks](lockfile), and the list of outputs ([`Tracked`]) with their flags.
//! - [`yaml`] reads and writes as DVC does; [`params`] reads parameters; [`hash`] names content.
//! - [`path`] decides which paths somebody else's file may name.
//!
//! ```
//! # use mlops_repository::{Result, WorkTree};
//! # fn main() -> Result<()> {
//! # let folder = tempfile::tempdir().map_err(mlops_repository::RepositoryError::io("."))?;
//! # let root = folder.path();
//! # let write = |name: &str, text: &str| mlops_disk::write_whole(&root.join(name), text.as_bytes());
//! # mlops_disk::create_dir_all(&root.join(".dvc"))?;
//! write("params.yaml", "regions: [us, gb]")?;
//! write("dvc.yaml", "
//! stages:
//!   train:
//!     foreach: ${regions}
//!     do: {cmd: 'train ${item}', outs: ['model_${item}': {push: false}]}
//! ")?;
//! let declared = WorkTree::find(root)?.declarations()?;
//! let first = &declared.outputs[0];
//! assert_eq!(first.stage.as_deref(), Some("train@us"));
//! assert_eq!(first.out.full, root.join("model_us"));
//! assert!(!first.out.push);
//! # Ok(())
//! # }
//! ```

mod blobs;
mod catalog;
mod config;
mod declarations;
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

pub use catalog::{Catalog, FILE};
pub use config::{
    Config, Ini, Level, RemoteConfig, is_path, is_secret, path_to_write, remote_name,
};
pub use declarations::{Declarations, Tracked, is_dvc_file};
pub use definition::{
    Better, Command, Definition, Dependency, Location, Output, OutputKind, ParameterFile, Stage,
};
pub use dvc_file::{DvcFile, OutEntry, Saved};
pub use error::{RepositoryError, Result, screen};
pub use git::{Git, Revisions, git};
pub use hash::{Checksum, HashKind, Hasher, ObjectId, hash_file, hash_reader};
pub use ignore::{DvcIgnore, IGNORE_FILE, Rules};
pub use interpolation::OptionStyle;
pub use source::{Revision, Source, utf8};
pub use work_tree::{DVC, WorkTree};
