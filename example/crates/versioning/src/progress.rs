/// What a long command tells while it runs; called from many threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// A part begins.
    Begin {
        /// What is done, as "hashing".
        what: &'static str,
        /// Files that will be done.
        files: u64,
        /// Their bytes, where known, else 0.
        bytes: u64,
    },
    /// A piece of it is done.
    Done {
        /// Files that are done with this.
        files: u64,
        /// Their bytes, or those of a part of a large one.
        bytes: u64,
    },
}

/// Who is told.
pub type Report<'a> = &'a (dyn Fn(Progress) + Sync);

/// Tells nobody.
pub fn silent(_: Progress) {}
