//! Makes a repository of data out of a folder.

use std::path::Path;

use mlops_disk as disk;

use crate::git::Git;
use crate::{Repository, VersioningError};

/// How a repository is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct InitOptions {
    /// Go without Git.
    pub no_scm: bool,
    /// The folder lies within a working copy of Git, not at its top.
    pub subdir: bool,
    /// Replace a repository that is there already.
    pub force: bool,
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
    let git = Git::find(root).filter(|git| options.subdir || git.root() == root);
    if git.is_none() && !options.no_scm {
        return Err(VersioningError::refused(
            root,
            "is no working copy of Git: run `git init`, or give --subdir within one, or --no-scm to go without",
        ));
    }
    let dvc = root.join(crate::repository::DVC);
    if let Some(git) = git.as_ref().filter(|_| !options.no_scm)
        && git.ignored(std::slice::from_ref(&dvc))?.contains(&true)
    {
        return Err(VersioningError::refused(
            &dvc,
            "is ignored by Git, which has to track it: add a line `!.dvc` to .gitignore",
        ));
    }
    if dvc.is_dir() {
        if !options.force {
            return Err(VersioningError::refused(
                &dvc,
                "is there already: give --force to make it anew; its cache would be lost",
            ));
        }
        disk::remove_tree(&dvc)?;
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
    // Last: without it DVC takes the folder for one of 2.x.
    disk::write_whole(&files[0], config.as_bytes())?;
    let repository = Repository::open(root)?;
    if let Some(git) = repository.git() {
        git.add(&files)?;
    }
    Ok(repository)
}
