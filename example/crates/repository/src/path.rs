//! Which paths may stand in a file that somebody else wrote.

use std::path::{Component, Path, PathBuf};

use crate::RepositoryError;

/// Whether a path of a manifest may be joined to a folder, else why not.
///
/// Such a path is made of plain names: nothing in it leads out of the folder, on
/// any system, nor into the folders of Git and DVC, where a file can be a command.
pub fn check_inside(path: &str) -> Result<(), String> {
    check_form(path)?;
    for name in path.split('/') {
        match name {
            "" => return Err("has an empty name between two slashes".into()),
            "." | ".." => return Err(format!("has {name:?} in it")),
            _ => check_name(name)?,
        }
    }
    Ok(())
}

/// What no path in a file may be, wherever it starts from.
fn check_form(path: &str) -> Result<(), String> {
    let drive = |name: &str| {
        let mut letters = name.chars();
        letters
            .next()
            .is_some_and(|letter| letter.is_ascii_alphabetic())
            && letters.next() == Some(':')
    };
    if path.is_empty() {
        Err("is empty".into())
    } else if path.contains('\0') {
        Err("has a NUL in it".into())
    } else if path.contains('\\') {
        Err("has a backslash in it, which Windows reads as a folder: rename the file".into())
    } else if path.starts_with('/') {
        Err("is absolute".into())
    } else if path.split('/').any(drive) {
        Err("has a drive in it, as Windows reads it: rename the file".into())
    } else {
        Ok(())
    }
}

/// Whether a command may make, replace and remove what lies at a path that is seen from the repository's root, else
/// why not: the text alone decides, `Repository::check_removable` of `mlops_versioning` looks at
/// the disk.
///
/// # Errors
/// If it is the repository, a folder above it, one of DVC's own files, or leads into the folders of Git and DVC.
pub fn check_output(path: &str) -> Result<(), String> {
    let mut names = path.split('/').filter(|name| !matches!(*name, "" | "."));
    let Some(last) = names.next_back() else {
        return Err("is the repository itself".into());
    };
    if last == ".." {
        return Err("is a folder that holds the repository".into());
    }
    let is_own_file = last.len() > 4 && last.ends_with(".dvc");
    if is_own_file || ["dvc.yaml", "dvc.lock"].contains(&last) {
        return Err("is a file that DVC reads, so a stage must not write it".into());
    }
    names.chain([last]).try_for_each(check_name)
}

/// Refuses a name that the folder of a repository's own files has.
fn check_name(name: &str) -> Result<(), String> {
    // Windows takes a final dot or space away, and NTFS knows a second name of .git.
    let plain = name.trim_end_matches(['.', ' ']);
    let own = [".git", ".dvc", ".hg", "git~1"];
    if own.iter().any(|own| plain.eq_ignore_ascii_case(own)) {
        return Err(format!("leads into {name}"));
    }
    Ok(())
}

/// Where a path of a file leads: `path` seen from `folder`, both below `root`.
///
/// # Errors
/// If it leads out of `root`, or into Git's or DVC's own folder.
pub fn resolve(
    root: &Path,
    folder: &Path,
    path: &str,
    file: &Path,
    line: Option<usize>,
) -> Result<PathBuf, RepositoryError> {
    let refuse = |why: String| {
        RepositoryError::file(
            file,
            line,
            format!("the path {path:?} {why}: paths must stay inside the repository"),
        )
    };
    check_form(path).map_err(&refuse)?;
    let whole = normal(&folder.join(path));
    let inside = whole
        .strip_prefix(root)
        .map_err(|_| refuse("leads out of it".into()))?;
    check_names(inside).map_err(&refuse)?;
    Ok(whole)
}

/// Refuses a path that leads into the folders of Git and DVC.
pub fn check_names(path: &Path) -> Result<(), String> {
    path.components()
        .try_for_each(|name| check_name(&name.as_os_str().to_string_lossy()))
}

/// The path without `.` and `..`, by its text alone.
pub fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}

/// `path` as seen from `folder`, with forward slashes; both absolute and normal.
///
/// # Errors
/// If a name is no UTF-8, which neither YAML nor JSON can hold.
pub fn relative(path: &Path, folder: &Path) -> Result<String, RepositoryError> {
    let mut base = folder;
    let mut text = String::new();
    let rest = loop {
        if let Ok(rest) = path.strip_prefix(base) {
            break rest;
        }
        text.push_str("../");
        base = base.parent().unwrap_or(Path::new("/"));
    };
    for part in rest.components() {
        text.push_str(name_text(part.as_os_str(), path)?);
        text.push('/');
    }
    text.pop();
    Ok(if text.is_empty() { ".".into() } else { text })
}

/// A name as text.
pub fn name_text<'a>(name: &'a std::ffi::OsStr, path: &Path) -> Result<&'a str, RepositoryError> {
    name.to_str().ok_or_else(|| {
        RepositoryError::refused(
            path,
            "the name is no UTF-8, which DVC's files can't hold: rename it",
        )
    })
}

/// Whether a folder that a file is to be written into lies, links followed, in `root`, and not in the folders of
/// Git and DVC there.
///
/// # Errors
/// If a symbolic link leads out or into those, or the system refuses.
pub fn check_no_link_out(root: &Path, folder: &Path) -> Result<(), RepositoryError> {
    let mut existing = folder;
    let real = loop {
        match existing.canonicalize() {
            Ok(real) => break real,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // A link whose target is missing would be followed once that is made.
                if existing.is_symlink() {
                    return Err(link_out(existing));
                }
                existing = existing.parent().unwrap_or(Path::new("/"));
            }
            Err(error) => return Err(RepositoryError::io(existing)(error)),
        }
    };
    let real_root = root.canonicalize().map_err(RepositoryError::io(root))?;
    let inside = real
        .strip_prefix(real_root)
        .map_err(|_| link_out(existing))?;
    check_names(inside).map_err(|why| {
        let message = format!("lies behind a symbolic link that {why}: remove the link");
        RepositoryError::refused(folder, message)
    })
}

fn link_out(path: &Path) -> RepositoryError {
    RepositoryError::refused(
        path,
        "is or lies behind a symbolic link that leads out of the repository: remove the link",
    )
}

/// Whether a path ends as that of an object in a cache does, wherever that is: two hexadecimal digits, and the rest of
/// the hash below them.
pub fn is_object(path: &Path) -> bool {
    let is_hex = |text: Option<&str>, length: usize| {
        text.is_some_and(|text| {
            text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    let mut parts = path.iter().rev().map(std::ffi::OsStr::to_str);
    is_hex(parts.next().flatten(), 30) && is_hex(parts.next().flatten(), 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_taken() {
        for path in [
            "a",
            "a b/c'\"d",
            "é/🌧\n",
            "-x",
            "..a/b..",
            "a/.gitignore",
            "a/.github/x",
        ] {
            assert_eq!(check_inside(path), Ok(()), "{path}");
        }
    }

    #[track_caller]
    fn refused(path: &str) {
        check_inside(path).unwrap_err();
        resolve(
            Path::new("/r"),
            Path::new("/r/a"),
            &format!("../{path}"),
            Path::new("x.dvc"),
            None,
        )
        .map(|_| ())
        .unwrap_err();
    }

    #[test]
    fn a_path_that_climbs_out_is_refused() {
        refused("../x");
        refused("a/../../x");
        assert!(check_inside("a/..").is_err());
        let resolve = |path| {
            resolve(
                Path::new("/r"),
                Path::new("/r/a"),
                path,
                Path::new("x"),
                None,
            )
        };
        assert_eq!(resolve("../b/x").unwrap(), Path::new("/r/b/x"));
        resolve("../../rr/x").unwrap_err();
    }

    #[test]
    fn an_absolute_path_is_refused() {
        let resolve = |path| resolve(Path::new("/r"), Path::new("/r"), path, Path::new("x"), None);
        check_inside("/etc/passwd").unwrap_err();
        resolve("/r/x").unwrap_err();
        resolve("/etc/passwd").unwrap_err();
    }

    #[test]
    fn an_empty_path_and_empty_names_are_refused() {
        check_inside("").unwrap_err();
        check_inside("a//b").unwrap_err();
        check_inside("a/").unwrap_err();
    }

    #[test]
    fn a_nul_is_refused() {
        refused("a\0b");
    }

    #[test]
    fn windows_backslashes_are_refused() {
        refused("..\\x");
        refused("a\\..\\..\\x");
        refused("\\\\server\\share\\x");
    }

    #[test]
    fn windows_drives_are_refused() {
        refused("C:/x");
        refused("c:x");
        refused("a/C:x");
    }

    #[test]
    fn the_folders_of_git_and_dvc_are_refused() {
        refused(".git/hooks/post-checkout");
        refused("a/.GIT/hooks/x");
        refused("a/.git /x");
        refused("GIT~1/x");
        refused(".dvc/config");
    }

    #[test]
    fn a_link_out_of_the_repository_is_refused() {
        let outside = tempfile::tempdir().unwrap();
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("in")).unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("out")).unwrap();
        std::os::unix::fs::symlink(root.path().join("in"), root.path().join("own")).unwrap();
        std::os::unix::fs::symlink("/nowhere/at/all", root.path().join("dangling")).unwrap();
        let check = |name: &str| check_no_link_out(root.path(), &root.path().join(name));
        check("in/new/deep").unwrap();
        check("own/new").unwrap();
        check("out").unwrap_err();
        check("out/new/deep").unwrap_err();
        check("dangling/x").unwrap_err();
        std::fs::create_dir_all(root.path().join(".git/hooks")).unwrap();
        std::os::unix::fs::symlink(".git", root.path().join("to-git")).unwrap();
        check("to-git").unwrap_err();
        check("to-git/hooks/new").unwrap_err();
    }

    #[test]
    fn a_command_never_makes_what_holds_or_is_a_repositorys_own() {
        for path in [
            "a",
            "a/b.git",
            ".gitignore",
            "git",
            "x/.dvc-data",
            "../metrics.json",
        ] {
            assert_eq!(check_output(path), Ok(()), "{path}");
        }
        for path in [
            "",
            ".",
            "./",
            "..",
            "../..",
            ".git",
            ".GIT/config",
            "sub/.git",
            "sub/.Git/hooks/post-checkout",
            ".dvc",
            ".dvc/config",
            "../r/.git",
            "/home/u/r/.git/refs",
            "x.dvc",
            "sub/dvc.yaml",
            "dvc.lock",
        ] {
            check_output(path).unwrap_err();
        }
    }

    #[test]
    fn relative_paths_are_those_of_dvc() {
        let relative =
            |path: &str, folder: &str| relative(Path::new(path), Path::new(folder)).unwrap();
        assert_eq!(relative("/r/a/b", "/r"), "a/b");
        assert_eq!(relative("/r/a", "/r/b/c"), "../../a");
        assert_eq!(relative("/r/a", "/r/a"), ".");
    }
}
