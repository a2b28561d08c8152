use std::path::PathBuf;

/// What can go wrong with a table, its contract or its file.
///
/// Every message says where (file, line, column, value) and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system refused a file.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file in question.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The contract cannot be read or contradicts itself.
    #[error("{path}: {message}", path = path.display())]
    Contract {
        /// The contract's file.
        path: PathBuf,
        /// What is wrong, with the line where known.
        message: String,
    },
    /// A fault doesn't fit the table it is to be put into.
    #[error("{fault}: {message}")]
    Fault {
        /// The fault, in words.
        fault: String,
        /// Why it doesn't fit and what would.
        message: String,
    },
    /// One JSON observation breaks the contract.
    #[error("{column}: {message}")]
    Field {
        /// The field in question.
        column: String,
        /// What is wrong with it and what is expected.
        message: String,
    },
}

/// A result whose error is a [`DataError`].
pub type Result<T, E = DataError> = std::result::Result<T, E>;
