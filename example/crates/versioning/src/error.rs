use std::path::{Path, PathBuf};

use mlops_disk::DiskError;
use mlops_store::StoreError;

/// What can go wrong with versioned data.
///
/// Every message says where (file, line, key, value) and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VersioningError {
    /// A disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A bucket refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of ours, or of DVC's, doesn't say what it must.
    #[error("{}", screen(&format!("{}{}: {message}", path.display(), at_line(*line))))]
    File {
        /// The file in question.
        path: PathBuf,
        /// Its line, from 1, where known.
        line: Option<usize>,
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
    /// Files of the workspace that are saved nowhere would be lost.
    #[error("{}", screen(&unsaved(paths)))]
    Unsaved {
        /// The files.
        paths: Vec<PathBuf>,
    },
    /// Another process holds the repository.
    #[error(
        "{path} is held by another process ({holder}) for more than 3 s: wait until it is done",
        path = path.display()
    )]
    Locked {
        /// The lock's file.
        path: PathBuf,
        /// What the lock's file says about who holds it.
        holder: String,
    },
    /// Another command works on a path.
    #[error(
        "{path} is busy, blocked by {holder}: wait, or if no such process runs, remove .dvc/tmp/rwlock"
    )]
    Busy {
        /// The path.
        path: String,
        /// Process and command.
        holder: String,
    },
    /// A file was written to while it was read.
    #[error("{path} changed while it was hashed: wait until nothing writes to it and run the command again", path = path.display())]
    ChangedMeanwhile {
        /// The file.
        path: PathBuf,
    },
    /// Objects are neither in the cache nor where they were looked for.
    #[error("{}", screen(&missing(objects, place)))]
    Missing {
        /// What each is for.
        objects: Vec<String>,
        /// Where they were looked for.
        place: String,
    },
    /// An object isn't what its name says.
    #[error("{place}: the content's hash is {found}, its name says {expected}: {advice}")]
    Corrupt {
        /// Where the object lies.
        place: String,
        /// Hash by its name.
        expected: String,
        /// Hash by its content.
        found: String,
        /// What to do.
        advice: String,
    },
    /// Some of many transfers failed.
    #[error(
        "{failed} of {total} objects weren't transferred, the first because: {first}; run the command again, what arrived is skipped"
    )]
    Transfer {
        /// How many failed.
        failed: usize,
        /// How many there were.
        total: usize,
        /// The first reason.
        first: String,
    },
    /// Git said no.
    #[error("`git {command}` failed: {message}")]
    Git {
        /// Its arguments.
        command: String,
        /// What it printed.
        message: String,
    },
}

impl VersioningError {
    /// What the system said when a file or folder was to be read.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> VersioningError {
        let path = path.into();
        move |source| DiskError::io("read", &path, source).into()
    }

    pub(crate) fn file(path: &Path, line: Option<usize>, message: impl Into<String>) -> Self {
        VersioningError::File {
            path: path.to_path_buf(),
            line,
            message: message.into(),
        }
    }

    pub(crate) fn refused(path: impl AsRef<Path>, message: impl Into<String>) -> Self {
        VersioningError::Refused {
            path: path.as_ref().to_path_buf(),
            message: message.into(),
        }
    }

    /// Whether the user must change something (else the run itself failed).
    pub fn is_user_error(&self) -> bool {
        match self {
            VersioningError::Disk(error) => error.is_user_error(),
            VersioningError::Store(error) => error.is_user_error(),
            VersioningError::Transfer { .. }
            | VersioningError::Corrupt { .. }
            | VersioningError::ChangedMeanwhile { .. }
            | VersioningError::Locked { .. }
            | VersioningError::Busy { .. }
            | VersioningError::Git { .. } => false,
            _ => true,
        }
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

fn at_line(line: Option<usize>) -> String {
    line.map(|line| format!(":{line}")).unwrap_or_default()
}

/// The first few of many, so that a message fits a screen.
fn first_few(items: impl ExactSizeIterator<Item = String>) -> String {
    const SHOWN: usize = 10;
    let more = items.len().saturating_sub(SHOWN);
    let mut text: String = items
        .take(SHOWN)
        .map(|item| format!("\n  {item}"))
        .collect();
    if more > 0 {
        text.push_str(&format!("\n  and {more} more"));
    }
    text
}

fn unsaved(paths: &[PathBuf]) -> String {
    format!(
        "these files would be lost, their content is saved nowhere: save them with `commit` (new ones with `add`), or \
         move them away{}",
        first_few(paths.iter().map(|path| path.display().to_string()))
    )
}

fn missing(objects: &[String], place: &str) -> String {
    let advice = match place {
        "the cache" => "run `pull`, or `repro` where a stage makes it",
        _ => "`push` it from where it is, or make it again",
    };
    format!(
        "not in {place}: {advice}{}",
        first_few(objects.iter().cloned())
    )
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
