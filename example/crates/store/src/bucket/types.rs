//! What the calls on a bucket answer with.

use std::time::SystemTime;

use object_store::ObjectMeta;

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Bytes.
    pub size: u64,
    /// When it was written, by the clock of the store.
    pub modified: SystemTime,
    /// The store's name for this content. On S3, for what went up in one part, the MD5 in quotes.
    pub etag: Option<String>,
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name below the bucket's URL.
    pub key: String,
    /// What is known of it.
    pub meta: Meta,
}

/// One level of names: see [`crate::Bucket::list_folder`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Names, below the bucket's URL, that have objects below them.
    pub folders: Vec<String>,
    /// The objects of this level.
    pub entries: Vec<Entry>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Bytes.
    pub bytes: u64,
    /// The store's name for this content, if it says one. See [`Meta::etag`].
    pub etag: Option<String>,
}

pub(super) fn describe(meta: &ObjectMeta) -> Meta {
    Meta {
        size: meta.size,
        modified: meta.last_modified.into(),
        etag: meta.e_tag.clone(),
    }
}
