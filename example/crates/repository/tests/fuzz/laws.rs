//! What holds of every input.

use std::path::{Component, Path};

// ANCHOR: told
/// An error names the file, and fits a screen that it can't write over.
pub fn told(error: &str, file: &str) -> Result<String, String> {
    let message = error
        .strip_prefix(file)
        .ok_or_else(|| format!("the error doesn't begin with {file}: {error}"))?;
    fits(message)?;
    Ok(message.to_owned())
}

/// A text fits a screen of 25 lines, and has nothing in it that a terminal would obey.
pub fn fits(text: &str) -> Result<(), String> {
    let lines: usize = text
        .lines()
        .map(|line| line.chars().count().div_ceil(100).max(1))
        .sum();
    if lines > 25 {
        return Err(format!(
            "the error has {lines} lines of 100 characters: {text}"
        ));
    }
    let obeyed = |letter: &char| {
        letter.is_control() && *letter != '\n'
            || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    match text.chars().find(obeyed) {
        Some(letter) => Err(format!(
            "the error has the control character {letter:?} in it: {text:?}"
        )),
        None => Ok(()),
    }
}
// ANCHOR_END: told

/// A path lies in a folder, and not in Git's or DVC's own.
pub fn inside(path: &Path, root: &Path) -> Result<(), String> {
    let out = || format!("{} leads out of {}", path.display(), root.display());
    for part in path.strip_prefix(root).map_err(|_| out())?.components() {
        let Component::Normal(name) = part else {
            return Err(out());
        };
        let name = name.to_string_lossy().to_ascii_lowercase();
        if [".git", ".dvc", ".hg"].contains(&name.as_str()) {
            return Err(format!("{} leads into {name}", path.display()));
        }
    }
    Ok(())
}

/// Two things are the same.
pub fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    before: &T,
    after: &T,
) -> Result<(), String> {
    if before == after {
        Ok(())
    } else {
        Err(format!("{what}: {before:?} became {after:?}"))
    }
}
