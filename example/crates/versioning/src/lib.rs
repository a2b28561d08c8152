//! Data versions as DVC keeps them: content-addressed objects, `.dvc` files, remotes, garbage collection.

pub mod yaml;
