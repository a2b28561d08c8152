//! The files of a folder as they look now, many looked at at once.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rayon::prelude::*;
use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use crate::VersioningError;
use crate::state::Signature;
use mlops_repository::path::name_text;
use mlops_repository::{DvcIgnore, IGNORE_FILE, Rules};

/// So many files make it worth to hand some to another thread.
const AT_ONCE: usize = 512;

/// A file of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedFile {
    /// Seen from the folder, with forward slashes.
    pub path: Box<str>,
    /// What it looks like, links followed.
    pub signature: Signature,
    /// Whether it is a symbolic link.
    pub is_link: bool,
    /// Whether it has more than one name (hard links).
    pub is_shared: bool,
}

impl ScannedFile {
    /// A file whose metadata, links followed, these are.
    pub(crate) fn of(
        name: impl Into<Box<str>>,
        path: &Path,
        metadata: &Metadata,
        is_link: bool,
    ) -> Result<ScannedFile, VersioningError> {
        if !metadata.is_file() {
            return Err(no_content(path));
        }
        Ok(ScannedFile {
            path: name.into(),
            signature: Signature::of(metadata),
            is_link,
            is_shared: metadata.nlink() > 1,
        })
    }
}

/// The files in a folder and those below it, sorted by path, without what is ignored or temporary.
///
/// Links to files count as the files, links to folders don't count, as with DVC.
///
/// # Errors
/// If a name is no UTF-8, a link leads nowhere, a `.dvcignore` lies in it, or the system refuses.
pub fn scan(folder: &Path, ignore: &DvcIgnore) -> Result<Vec<ScannedFile>, VersioningError> {
    let rules = ignore.rules(folder.parent().unwrap_or(folder))?;
    let mut files = scan_folder(folder, "", &rules)?;
    files.par_sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn scan_folder(
    folder: &Path,
    prefix: &str,
    rules: &Rules,
) -> Result<Vec<ScannedFile>, VersioningError> {
    let mut found = Vec::new();
    let mut folders = Vec::new();
    let has_patterns = rules.has_patterns();
    let entries = std::fs::read_dir(folder).map_err(VersioningError::io(folder))?;
    for entry in entries {
        let entry = entry.map_err(VersioningError::io(folder))?;
        let name = entry.file_name();
        let kind = entry
            .file_type()
            .map_err(|error| VersioningError::io(folder.join(&name))(error))?;
        let ignored = if has_patterns {
            rules.ignores(&folder.join(&name), kind.is_dir())
        } else {
            Rules::ignores_always(&name, kind.is_dir())
        };
        if ignored {
            continue;
        }
        let name = name_text(&name, folder)?;
        // What a checkout was killed in the middle of is nobody's data; `gc` removes it.
        if mlops_disk::is_temp(name) {
            continue;
        }
        if kind.is_dir() {
            // A repository within is another repository's matter.
            if !folder.join(name).join(".dvc").is_dir() {
                folders.push(format!("{prefix}{name}"));
            }
        } else if name == IGNORE_FILE {
            return Err(VersioningError::refused(
                folder.join(name),
                "a .dvcignore can't lie in data that is tracked as a whole: move it to a folder above",
            ));
        } else {
            found.push(([prefix, name].concat().into_boxed_str(), kind.is_symlink()));
        }
    }
    let opened = File::open(folder).map_err(VersioningError::io(folder))?;
    let mut files: Vec<ScannedFile> = found
        .into_par_iter()
        .with_min_len(AT_ONCE)
        .filter_map(|(path, is_link)| {
            look_at(&opened, folder, path, prefix.len(), is_link).transpose()
        })
        .collect::<Result<_, _>>()?;
    let below: Vec<Vec<ScannedFile>> = folders
        .into_par_iter()
        .map(|name| {
            let own = &name[prefix.len()..];
            scan_folder(&folder.join(own), &format!("{name}/"), rules)
        })
        .collect::<Result<_, _>>()?;
    files.reserve_exact(below.iter().map(Vec::len).sum());
    files.extend(below.into_iter().flatten());
    Ok(files)
}

/// Looks at a file by its name, which its path ends with, in a folder that is open: that spares the way there.
fn look_at(
    opened: &File,
    folder: &Path,
    path: Box<str>,
    name_at: usize,
    is_link: bool,
) -> Result<Option<ScannedFile>, VersioningError> {
    let name = &path[name_at..];
    let stat = match rustix::fs::statat(opened, name, AtFlags::empty()) {
        Ok(stat) => stat,
        Err(Errno::NOENT) if is_link => {
            return Err(VersioningError::refused(
                folder.join(name),
                "is a link to something that isn't there: remove it, or ignore it in .dvcignore",
            ));
        }
        Err(error) => return Err(VersioningError::io(folder.join(name))(error.into())),
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Ok(None),
        FileType::RegularFile => Ok(Some(ScannedFile {
            path,
            signature: Signature::of_stat(&stat),
            is_link,
            is_shared: stat.st_nlink > 1,
        })),
        _ => Err(no_content(&folder.join(name))),
    }
}

fn no_content(path: &Path) -> VersioningError {
    VersioningError::refused(
        path,
        "is neither a file nor a folder, its content can't be tracked: ignore it in .dvcignore",
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn paths(folder: &Path, root: &Path) -> Result<Vec<Box<str>>, VersioningError> {
        let files = scan(folder, &DvcIgnore::new(root))?;
        Ok(files.into_iter().map(|file| file.path).collect())
    }

    #[test]
    fn files_are_found_sorted_and_without_what_is_ignored() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        fs::create_dir_all(data.join("a/b")).unwrap();
        fs::create_dir_all(data.join("other/.dvc")).unwrap();
        fs::create_dir_all(data.join(".git")).unwrap();
        for name in ["a/b/x", "a-", "a/c", "z.tmp", "other/x", ".git/x"] {
            fs::write(data.join(name), name).unwrap();
        }
        fs::write(root.path().join(".dvcignore"), "*.tmp\n").unwrap();
        let found = paths(&data, root.path()).unwrap();
        assert_eq!(found, ["a-", "a/b/x", "a/c"].map(Box::from));
    }

    #[test]
    fn links_to_files_count_and_links_to_folders_do_not() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        fs::create_dir_all(data.join("real")).unwrap();
        fs::write(root.path().join("outside"), "12345").unwrap();
        symlink(root.path().join("outside"), data.join("file")).unwrap();
        symlink(root.path(), data.join("folder")).unwrap();
        let files = scan(&data, &DvcIgnore::new(root.path())).unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].signature.size, 5);
        symlink("nowhere", data.join("broken")).unwrap();
        assert!(
            paths(&data, root.path())
                .unwrap_err()
                .to_string()
                .contains("broken")
        );
    }

    #[test]
    fn what_holds_no_content_is_refused() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(".dvcignore"), "").unwrap();
        let error = paths(root.path(), root.path()).unwrap_err();
        assert!(error.to_string().contains(".dvcignore"), "{error}");
    }
}
