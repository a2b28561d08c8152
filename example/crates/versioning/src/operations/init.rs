//! Makes a repository of data out of a folder.

use std::path::Path;

use mlops_disk as disk;

use crate::{Repository, VersioningError};
use mlops_repository::Git;

/// How a repository is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct InitOptions {
    /// Go without Git.
    pub no_scm: bool,
    /// The folder lies within a working copy of Git, not at its top.
    pub subdir: bool,
    /// Replace a repository that is there already.
    pub force: bool,
    /// Lines for `.gitignore`: what the project's commands leave that is no data.
    pub ignored: &'static [&'static str],
}

const IGNORED: &str = "/config.local\n/tmp\n/cache\n";
const DVCIGNORE: &str = "\
# Add patterns of files dvc should ignore, which could improve
# the performance. Learn more at
# https://dvc.org/doc/user-guide/dvcignore
";

/// Makes `root`, an absolute folder, a repository, with the files that DVC makes.
///
/// # Errors
/// If it is one already, or Git isn't there and `no_scm` not given.
pub fn init(root: &Path, options: InitOptions) -> Result<Repository, VersioningError> {
    if options.no_scm && options.subdir {
        return Err(VersioningError::refused(
            root,
            "without Git there is nothing to lie within: give --no-scm or --subdir, not both",
        ));
    }
    let dvc = root.join(mlops_repository::DVC);
    if dvc.is_dir() && !options.force {
        return Err(VersioningError::refused(
            root,
            "is a repository of data already, as .dvc says: there is nothing to do, `add` and `status` work here. \
             To begin again without its configuration, give --force",
        ));
    }
    let above = Git::find(root);
    let git = above
        .as_ref()
        .filter(|git| options.subdir || git.root() == root);
    if git.is_none() && !options.no_scm {
        let message = match &above {
            Some(git) => format!(
                "lies within the working copy of Git {}, and isn't its top: run the command there, or give --subdir to make \
                 this folder a repository of data of its own",
                git.root().display()
            ),
            None => {
                "is in no working copy of Git: run `git init` first, or give --no-scm to go without"
                    .into()
            }
        };
        return Err(VersioningError::refused(root, message));
    }
    if let Some(git) = git.filter(|_| !options.no_scm)
        && git.ignored(std::slice::from_ref(&dvc))?.contains(&true)
    {
        return Err(VersioningError::refused(
            &dvc,
            "is ignored by Git, which has to track it: add a line `!.dvc` to .gitignore",
        ));
    }
    if dvc.is_dir() {
        clear(&dvc)?;
    }
    disk::create_dir_all(&dvc.join("tmp"))?;
    let config = if options.no_scm {
        "[core]\n    no_scm = True\n"
    } else {
        ""
    };
    let mut files = vec![dvc.join("config"), root.join(".dvcignore")];
    if !files[1].exists() {
        disk::write_whole(&files[1], DVCIGNORE.as_bytes())?;
    }
    disk::write_whole(&dvc.join("tmp").join("btime"), b"")?;
    if !options.no_scm {
        files.push(dvc.join(".gitignore"));
        disk::write_whole(&files[2], IGNORED.as_bytes())?;
    }
    if !options.no_scm && ignore(&root.join(".gitignore"), options.ignored)? {
        files.push(root.join(".gitignore"));
    }
    // Last: without it DVC takes the folder for one of 2.x.
    disk::write_whole(&files[0], config.as_bytes())?;
    let repository = Repository::open(root)?;
    if let Some(git) = repository.git() {
        git.add(&files)?;
    }
    Ok(repository)
}

/// Empties `.dvc`, but for the cache: its objects may be nowhere else, and `gc` removes what nothing refers to.
fn clear(dvc: &Path) -> Result<(), VersioningError> {
    for entry in std::fs::read_dir(dvc).map_err(VersioningError::io(dvc))? {
        let path = entry.map_err(VersioningError::io(dvc))?.path();
        if path == dvc.join("cache") {
            continue;
        }
        if path.is_dir() && !path.is_symlink() {
            disk::remove_tree(&path)?;
        } else {
            disk::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Adds lines to a `.gitignore` that it doesn't have; says whether there were any.
fn ignore(file: &Path, lines: &[&str]) -> Result<bool, VersioningError> {
    let before = match disk::read_small_text(file, disk::MAX_SMALL) {
        Ok(text) => text,
        Err(error) if error.is_missing() => String::new(),
        Err(error) => return Err(error.into()),
    };
    let known: Vec<&str> = before.lines().map(str::trim).collect();
    let mut text = before.clone();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let new: Vec<&&str> = lines.iter().filter(|line| !known.contains(line)).collect();
    for line in &new {
        text.push_str(line);
        text.push('\n');
    }
    if !new.is_empty() {
        disk::write_whole(file, text.as_bytes())?;
    }
    Ok(!new.is_empty())
}
