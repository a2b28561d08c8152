//! Paths as DVC's files hold them: with forward slashes, from the repository's root.

/// `name` as seen from `folder`, without `.` and `..`; both from the repository's root, which is
/// the empty path. What climbs out of the root keeps its `..` in front.
#[must_use]
pub fn join(folder: &str, name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let start = if name.starts_with('/') { "" } else { folder };
    for part in start.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if name.starts_with('/') {
        format!("/{joined}")
    } else {
        joined
    }
}

/// The folder a path lies in; empty at the root.
#[must_use]
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// `path` as seen from `folder`.
#[must_use]
pub fn relative(path: &str, folder: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let target: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let base: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    let common = target.iter().zip(&base).take_while(|(a, b)| a == b).count();
    let mut parts = vec![".."; base.len() - common];
    parts.extend(&target[common..]);
    if parts.is_empty() {
        ".".into()
    } else {
        parts.join("/")
    }
}

/// Whether `path` is `folder` or lies in it.
#[must_use]
pub fn is_in(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_by_their_text() {
        assert_eq!(join("", "a/b"), "a/b");
        assert_eq!(join("x/y", "../a/./b/"), "x/a/b");
        assert_eq!(join("x", "../../a"), "../a");
        assert_eq!(join("x", "/a/../b"), "/b");
        assert_eq!(join("", "."), "");
    }

    #[test]
    fn relative_is_the_way_back() {
        for (path, folder, expected) in [
            ("a/b", "", "a/b"),
            ("a/b", "a", "b"),
            ("a", "a/b", ".."),
            ("c/d", "a/b", "../../c/d"),
            ("a", "a", "."),
        ] {
            assert_eq!(relative(path, folder), expected);
            assert_eq!(join(folder, expected), path);
        }
    }

    #[test]
    fn a_name_that_only_begins_alike_is_not_inside() {
        assert!(is_in("a/b", "a"));
        assert!(is_in("a", "a"));
        assert!(!is_in("ab", "a"));
    }
}
