//! Whether two names are one file.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Whether both paths lead to one file, through links as well; of what isn't there, they don't.
pub fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.metadata(), b.metadata()), (Ok(a), Ok(b)) if is_one(&a, &b))
}

/// Whether the open file is still the one of this name, which is no link.
pub fn is_at(file: &File, path: &Path) -> bool {
    matches!((file.metadata(), path.symlink_metadata()), (Ok(open), Ok(named)) if is_one(&open, &named))
}

fn is_one(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}
