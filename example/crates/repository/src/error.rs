//! What can be wrong with a repository's files, each message with file, line, key and what to do.

use std::path::{Path, PathBuf};

use mlops_disk::DiskError;

/// A result whose error is a [`RepositoryError`].
pub type Result<T, E = RepositoryError> = std::result::Result<T, E>;

/// What can be wrong with a repository's files.
///
/// Every message says where (file, line, key, value) and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// A disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file of DVC's, or one of parameters, doesn't say what it must.
    #[error("{}", screen(&format!("{}{}: {}{message}", file.display(), at_line(*line), prefix(key))))]
    File {
        /// The file: absolute, or seen from the repository's root.
        file: PathBuf,
        /// Its line, from 1, where known.
        line: Option<usize>,
        /// The key in it, `stages.train.outs`; empty for the file as a whole.
        key: String,
        /// What is wrong with it and what to do.
        message: String,
    },
    /// There is no repository here.
    #[error("{path} is in no repository of data: run `init` where .dvc is to be", path = start.display())]
    NotARepository {
        /// Where the search upwards began.
        start: PathBuf,
    },
    /// Something is asked for that would do harm or makes no sense.
    #[error("{}", screen(&format!("{}: {message}", path.display())))]
    Refused {
        /// What it is about.
        path: PathBuf,
        /// Why not, and what to do.
        message: String,
    },
    /// A commit has a file that doesn't say what it must.
    #[error("in the commit {commit}, {message}")]
    Commit {
        /// The commit.
        commit: String,
        /// The file as of that commit, and what is wrong with it.
        message: String,
    },
    /// Git knows no such revision.
    #[error(
        "{0}: there is no such revision: give a commit, branch or tag, see `git log` and `git branch -a`"
    )]
    NoRevision(String),
    /// Git said no.
    #[error("`git {command}` failed: {message}")]
    Git {
        /// Its arguments.
        command: String,
        /// What it printed.
        message: String,
    },
}

impl RepositoryError {
    /// What the system said when a file or folder was to be read.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| DiskError::io("read", &path, source).into()
    }

    /// A file that doesn't say what it must.
    pub fn file(path: &Path, line: Option<usize>, message: impl Into<String>) -> Self {
        Self::File {
            file: path.to_path_buf(),
            line,
            key: String::new(),
            message: message.into(),
        }
    }

    /// The same for a key of a file, which is seen from the repository's root.
    pub fn at(file: &str, line: usize, key: impl Into<String>, message: impl Into<String>) -> Self {
        Self::File {
            file: file.into(),
            line: Some(line.max(1)),
            key: key.into(),
            message: message.into(),
        }
    }

    /// Something that would do harm or makes no sense.
    pub fn refused(path: impl AsRef<Path>, message: impl Into<String>) -> Self {
        Self::Refused {
            path: path.as_ref().to_path_buf(),
            message: message.into(),
        }
    }

    /// The same, of a commit: its files aren't those of the working tree.
    #[must_use]
    pub(crate) fn in_commit(self, commit: &str, root: &Path) -> Self {
        let folder = format!("{}/", root.display());
        match self {
            Self::File { .. } | Self::Refused { .. } => Self::Commit {
                commit: commit.chars().take(12).collect(),
                message: self.to_string().replace(&folder, ""),
            },
            other => other,
        }
    }

    /// Whether the user must change something (else the run itself failed).
    #[must_use]
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::Disk(error) => error.is_user_error(),
            Self::Git { .. } => false,
            _ => true,
        }
    }
}

fn at_line(line: Option<usize>) -> String {
    line.map(|line| format!(":{line}")).unwrap_or_default()
}

fn prefix(key: &str) -> String {
    if key.is_empty() {
        String::new()
    } else {
        format!("{key}: ")
    }
}

/// A message as it may be printed: what a file holds, a message may repeat, so nothing in it is left that a
/// terminal would obey, and its middle is left out if it would fill more than a screen (12 lines, 1,200 letters).
#[must_use]
pub fn screen(message: &str) -> String {
    const LINES: usize = 12;
    const LETTERS: usize = 1200;
    let mut text = String::with_capacity(message.len());
    for letter in message.chars() {
        // Control characters, and those that turn the direction of writing.
        let obeyed = matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if obeyed || (letter.is_control() && letter != '\n') {
            text.extend(letter.escape_default());
        } else {
            text.push(letter);
        }
    }
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() > LINES {
        let (first, last) = (&lines[..LINES - 4], &lines[lines.len() - 3..]);
        text = format!("{}\n…\n{}", first.join("\n"), last.join("\n"));
    }
    let letters = text.chars().count();
    if letters > LETTERS {
        let place = |letter: usize| {
            let mut places = text.char_indices().map(|(at, _)| at);
            places.nth(letter).unwrap_or(text.len())
        };
        let (start, end) = (place(LETTERS * 2 / 3), place(letters - LETTERS / 3 + 3));
        text = format!("{} … {}", &text[..start], &text[end..]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_fits_a_screen_and_keeps_its_ends() {
        let long = format!("x.dvc:1: {:?} is wrong: remove it", "é".repeat(5000));
        let shown = screen(&long);
        assert_eq!(shown.chars().count(), 1200);
        assert!(shown.starts_with("x.dvc:1: \"é") && shown.ends_with("é\" is wrong: remove it"));
        let lines = screen(&"a\n".repeat(40));
        assert_eq!(lines.lines().count(), 12);
        assert_eq!(
            screen("a\u{1b}[31m\0\u{202e}\nb"),
            "a\\u{1b}[31m\\u{0}\\u{202e}\nb"
        );
        let short = "x.dvc:1: all is well";
        assert_eq!(screen(short), short);
    }
}
