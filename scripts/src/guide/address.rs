//! Where a link leads.

/// Where a link leads.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// A file of the site.
    Here {
        /// Its path from the site's root.
        file: String,
        /// The place in it.
        fragment: Option<String>,
    },
    /// Another site, or a mail address.
    Elsewhere,
    /// The same host, but above or beside the site.
    Outside,
}

/// Follows a link on the page `page` (its path from the root) of a site whose address has the
/// path `base`.
pub fn resolve(page: &str, link: &str, base: &str) -> Target {
    if link.starts_with("//") || has_scheme(link) {
        return Target::Elsewhere;
    }
    let (path, fragment) = match link.split_once('#') {
        Some((path, fragment)) => (path, decode(fragment)),
        None => (link, None),
    };
    let path = path.split('?').next().unwrap_or_default();
    let Some(path) = decode(path) else {
        return Target::Outside;
    };
    if path.is_empty() {
        let file = page.to_owned();
        return Target::Here { file, fragment };
    }
    let from_root = match path.strip_prefix('/') {
        Some(_) => match path.strip_prefix(base) {
            Some(rest) => rest.to_owned(),
            None => return Target::Outside,
        },
        None => match page.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{path}"),
            None => path,
        },
    };
    match without_dots(&from_root) {
        Some(file) => Target::Here { file, fragment },
        None => Target::Outside,
    }
}

/// The path without `.` and `..`, and with `index.html` for a folder; nothing if it leaves the root.
fn without_dots(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    let is_folder = path.is_empty() || path.ends_with(['/', '.']);
    if is_folder {
        parts.push("index.html");
    }
    Some(parts.join("/"))
}

fn has_scheme(link: &str) -> bool {
    link.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}

/// Reads `%20` and the like; nothing if that isn't UTF-8.
pub fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|d| char::from(d).to_digit(16));
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_from_its_page() {
        let follow = |page: &str, link: &str| match resolve(page, link, "/guide/") {
            Target::Here { file, fragment } => match fragment {
                Some(fragment) => format!("{file}#{fragment}"),
                None => file,
            },
            other => format!("{other:?}"),
        };
        for (page, link, expected) in [
            ("a/b.html", "c.html", "a/c.html"),
            ("a/b.html", "../c.html#x%20y", "c.html#x y"),
            ("a/b.html", "#x", "a/b.html#x"),
            ("a/b.html", ".", "a/index.html"),
            ("a/b.html", "../", "index.html"),
            ("b.html", "c/", "c/index.html"),
            ("a/b.html", "/guide/", "index.html"),
            ("a/b.html", "/guide/c.html?v=1#x", "c.html#x"),
            ("b.html", "../c.html", "Outside"),
            ("b.html", "/c.html", "Outside"),
            ("b.html", "https://x.org/", "Elsewhere"),
            ("b.html", "//x.org/", "Elsewhere"),
            ("b.html", "mailto:a@x.org", "Elsewhere"),
        ] {
            assert_eq!(follow(page, link), expected, "{link} on {page}");
        }
    }
}
