use std::path::{Path, PathBuf};

/// What can go wrong with a table, its contract or its file.
///
/// Every message says where (file, line, column, value) and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file can't be read or written.
    #[error(transparent)]
    Disk(#[from] mlops_disk::DiskError),
    /// The contract cannot be read or contradicts itself.
    #[error("{path}: {message}", path = path.display())]
    Contract {
        /// The contract's file.
        path: PathBuf,
        /// What is wrong, with the line where known.
        message: String,
    },
    /// A rule's condition cannot be read.
    #[error("in the rule `{text}`, character {position}: {message}")]
    Expression {
        /// The condition.
        text: String,
        /// The character in question, from 1.
        position: usize,
        /// What is wrong there and what would be right.
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
    /// The file as a whole is no table of the contract.
    #[error("{path}: {message}", path = path.display())]
    File {
        /// The file in question.
        path: PathBuf,
        /// What is wrong with it and what to do.
        message: String,
    },
    /// Single lines or values of a file are wrong.
    #[error("{}", crate::error::list(path, unit, problems, *count, advice))]
    Lines {
        /// The file in question.
        path: PathBuf,
        /// What the numbers count: `line` of a text, `row` of a binary file.
        unit: &'static str,
        /// The first of them, in the order of the file.
        problems: Vec<Problem>,
        /// How many there are in all.
        count: usize,
        /// What to do.
        advice: String,
    },
    /// A file cannot be brought in.
    #[error("{path}: {message}", path = path.display())]
    Import {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        message: String,
    },
    /// What came is whole, but isn't the table that was expected.
    #[error("{from}: the table's MD5 is {found}, expected is {expected}")]
    OtherContent {
        /// The file or the address it came from.
        from: String,
        /// Its MD5, in hexadecimal.
        found: String,
        /// The MD5 that it should have.
        expected: String,
    },
    /// A download failed.
    #[error("{url}: {message}")]
    Fetch {
        /// The address.
        url: String,
        /// What happened and what to do.
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

/// One thing wrong with one line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line of the text file (the header is line 1), or row of a binary one (the first is row 1).
    pub line: usize,
    /// The column in question, if it is about one.
    pub column: Option<String>,
    /// What is wrong.
    pub message: String,
}

/// How many problems an error names one by one.
pub(crate) const SHOWN: usize = 5;

fn list(path: &Path, unit: &str, problems: &[Problem], count: usize, advice: &str) -> String {
    let place = |problem: &Problem| match &problem.column {
        Some(column) => format!(
            "{unit} {}, column {column}: {}",
            problem.line, problem.message
        ),
        None => format!("{unit} {}: {}", problem.line, problem.message),
    };
    let path = path.display();
    match problems {
        [only] if count == 1 => format!("{path}, {}\n{advice}", place(only)),
        _ => {
            let mut text = format!("{path}: {count} faults");
            text += if count > problems.len().min(SHOWN) {
                ", the first of them:"
            } else {
                ":"
            };
            for problem in problems.iter().take(SHOWN) {
                text += "\n  ";
                text += &place(problem);
            }
            text + "\n" + advice
        }
    }
}

/// A result whose error is a [`DataError`].
pub type Result<T, E = DataError> = std::result::Result<T, E>;

impl DataError {
    /// Whether the user must change something before the same call can succeed (else the run itself failed: a full
    /// disk, a disk that breaks).
    pub fn is_user_error(&self) -> bool {
        match self {
            DataError::Disk(disk) => disk.is_user_error(),
            _ => true,
        }
    }
}

/// What the system said when a file was read.
#[cfg(feature = "tables")]
pub(crate) fn unreadable(path: &Path, system: std::io::Error) -> DataError {
    mlops_disk::DiskError::io("read", path, system).into()
}

/// What the system said when a file was written.
#[cfg(feature = "tables")]
pub(crate) fn unwritable(path: &Path, system: std::io::Error) -> DataError {
    mlops_disk::DiskError::io("write", path, system).into()
}
