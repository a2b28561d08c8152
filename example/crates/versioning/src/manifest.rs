//! A folder's manifest: which file has which content, as `….dir` objects say it.

use std::borrow::Cow;
use std::convert::Infallible;
use std::path::Path;

use serde::Deserialize;

use crate::VersioningError;
use mlops_repository::{Checksum, HashKind, Hasher, ObjectId, path};

/// So many bytes are handed over at once.
const PART: usize = 256 << 10;

/// The files of a folder and their contents, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    entries: Vec<ManifestEntry>,
}

/// A file of a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ManifestEntry {
    /// Where it lies, seen from the folder, with forward slashes.
    pub path: String,
    /// Its content.
    pub checksum: Checksum,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    md5: Cow<'a, str>,
    #[serde(borrow)]
    relpath: Cow<'a, str>,
}

impl Manifest {
    /// Sorts the entries as DVC does, by code points (which is UTF-8's byte order).
    ///
    /// # Errors
    /// If a path leads out of the folder, stands twice, or is a file and a folder at once;
    /// `origin` is where they are from.
    pub fn new(
        mut entries: Vec<ManifestEntry>,
        origin: &Path,
    ) -> Result<Manifest, VersioningError> {
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        for entry in &entries {
            path::check_inside(&entry.path).map_err(|why| {
                VersioningError::file(
                    origin,
                    None,
                    format!(
                        "the path {:?} {why}: paths must stay inside the folder",
                        entry.path
                    ),
                )
            })?;
        }
        if let Some(clash) = clash(&entries) {
            return Err(VersioningError::file(
                origin,
                None,
                format!("the path {clash:?} is there twice, or is a file and a folder at once"),
            ));
        }
        Ok(Manifest { entries })
    }

    /// Of entries that are sorted and were checked before.
    pub(crate) fn of_checked(entries: impl Iterator<Item = ManifestEntry>) -> Manifest {
        Manifest {
            entries: entries.collect(),
        }
    }

    /// Reads a `.dir` object; `origin` is where it is from.
    ///
    /// # Errors
    /// If it is no manifest, or one of its paths leads out of the folder.
    pub fn read(bytes: &[u8], origin: &Path) -> Result<Manifest, VersioningError> {
        let broken = |message: String| {
            VersioningError::file(
                origin,
                None,
                format!("{message}: it is no folder's manifest; remove it and pull it again"),
            )
        };
        let raw: Vec<Raw<'_>> =
            serde_json::from_slice(bytes).map_err(|error| broken(error.to_string()))?;
        let entries = raw
            .into_iter()
            .map(|raw| {
                let checksum = Checksum::parse(&raw.md5).ok_or_else(|| {
                    broken(format!("{:?} has the md5 {:?}", raw.relpath, raw.md5))
                })?;
                Ok(ManifestEntry {
                    path: raw.relpath.into_owned(),
                    checksum,
                })
            })
            .collect::<Result<Vec<_>, VersioningError>>()?;
        Manifest::new(entries, origin)
    }

    /// The files, sorted by path.
    pub fn entries(&self) -> &[ManifestEntry] {
        &self.entries
    }

    /// The content of a file.
    pub fn get(&self, path: &str) -> Option<Checksum> {
        self.entries
            .binary_search_by(|entry| entry.path.as_str().cmp(path))
            .ok()
            .map(|at| self.entries[at].checksum)
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, Checksum)> {
        let entries = self.entries.iter();
        entries.map(|entry| (entry.path.as_str(), entry.checksum))
    }

    /// The object's bytes, as Python's `json.dumps` of DVC writes them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let all: Result<(), Infallible> = encode(self.files(), |part| {
            bytes.extend_from_slice(part);
            Ok(())
        });
        all.map_or_else(|never| match never {}, |()| bytes)
    }

    /// The manifest's name.
    pub fn id(&self, kind: HashKind) -> ObjectId {
        let all: Result<ObjectId, Infallible> = encode_named(self.files(), kind, |_| Ok(()));
        all.unwrap_or_else(|never| match never {})
    }
}

/// Hands over the bytes of a manifest of files that are in the order of their paths, and names it.
///
/// # Errors
/// Those of `write`.
pub(crate) fn encode_named<'a, E>(
    files: impl Iterator<Item = (&'a str, Checksum)>,
    kind: HashKind,
    mut write: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<ObjectId, E> {
    let mut hasher = Hasher::new(HashKind::Md5);
    encode(files, |part| {
        hasher.update(part);
        write(part)
    })?;
    Ok(ObjectId {
        kind,
        checksum: hasher.finish(),
        dir: true,
    })
}

/// The bytes, some at a time: all of them are many megabytes of a folder with many files.
fn encode<'a, E>(
    files: impl Iterator<Item = (&'a str, Checksum)>,
    mut write: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut text = Vec::with_capacity(PART + PART / 8);
    text.push(b'[');
    for (at, (path, checksum)) in files.enumerate() {
        if text.len() >= PART {
            write(&text)?;
            text.clear();
        }
        if at > 0 {
            text.extend_from_slice(b", ");
        }
        text.extend_from_slice(b"{\"md5\": \"");
        text.extend_from_slice(&checksum.hex());
        text.extend_from_slice(b"\", \"relpath\": ");
        push_ascii_json(&mut text, path);
        text.push(b'}');
    }
    text.push(b']');
    write(&text)
}

/// A path that stands twice, or whose parent is a file. Entries are sorted, but
/// `a-` stands between `a` and `a/b`: each parent has to be looked for.
fn clash(entries: &[ManifestEntry]) -> Option<&str> {
    let is_file = |path: &str| {
        entries
            .binary_search_by(|entry| entry.path.as_str().cmp(path))
            .is_ok()
    };
    let twice = entries.windows(2).find(|pair| pair[0].path == pair[1].path);
    if let Some(pair) = twice {
        return Some(&pair[0].path);
    }
    let mut last = "";
    for entry in entries {
        let Some((folder, _)) = entry.path.rsplit_once('/') else {
            continue;
        };
        // Neighbours mostly share their folder.
        if folder == last {
            continue;
        }
        last = folder;
        let mut parent = Some(folder);
        while let Some(folder) = parent {
            if is_file(folder) {
                return Some(folder);
            }
            parent = folder.rsplit_once('/').map(|(above, _)| above);
        }
    }
    None
}

/// A JSON string in ASCII, as Python writes it.
fn push_ascii_json(text: &mut Vec<u8>, value: &str) {
    let is_plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    text.push(b'"');
    if value.bytes().all(is_plain) {
        text.extend_from_slice(value.as_bytes());
        text.push(b'"');
        return;
    }
    for character in value.chars() {
        match character {
            '"' => text.extend_from_slice(b"\\\""),
            '\\' => text.extend_from_slice(b"\\\\"),
            '\n' => text.extend_from_slice(b"\\n"),
            '\r' => text.extend_from_slice(b"\\r"),
            '\t' => text.extend_from_slice(b"\\t"),
            '\u{8}' => text.extend_from_slice(b"\\b"),
            '\u{c}' => text.extend_from_slice(b"\\f"),
            ' '..='~' => text.push(character as u8),
            character => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    text.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
        }
    }
    text.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn manifest(files: &[(&str, &str)]) -> Result<Manifest, VersioningError> {
        let entries = files
            .iter()
            .map(|(path, content)| ManifestEntry {
                path: (*path).into(),
                checksum: Checksum::of(content.as_bytes()),
            })
            .collect();
        Manifest::new(entries, Path::new("data"))
    }

    #[test]
    fn what_is_handed_over_in_parts_is_the_whole_and_its_name() {
        let names: Vec<String> = (0..9000).map(|n| format!("{n:06}")).collect();
        let entries = names.iter().map(|name| ManifestEntry {
            path: name.clone(),
            checksum: Checksum::of(name.as_bytes()),
        });
        let many = Manifest::new(entries.collect(), Path::new("data")).unwrap();
        let (mut parts, mut whole) = (0, Vec::new());
        let id = encode_named(many.files(), HashKind::Md5, |part| {
            parts += 1;
            whole.extend_from_slice(part);
            Ok::<_, Infallible>(())
        });
        let id = id.unwrap();
        assert!(parts > 1);
        assert_eq!(whole, many.to_bytes());
        assert_eq!(id.checksum, Checksum::of(&whole));
        assert_eq!(id, many.id(HashKind::Md5));
        assert_eq!(Manifest::read(&whole, Path::new("data")).unwrap(), many);
    }

    #[test]
    fn bytes_and_names_are_those_of_dvc() {
        let two = manifest(&[("foo", "foo"), ("bar", "bar")]).unwrap();
        assert_eq!(
            String::from_utf8(two.to_bytes()).unwrap(),
            r#"[{"md5": "37b51d194a7513e45b56f6524f2d51f2", "relpath": "bar"}, {"md5": "acbd18db4cc2f85cedef654fccc4a4d8", "relpath": "foo"}]"#
        );
        assert_eq!(
            two.id(HashKind::Md5).to_string(),
            "5ea40360f5b4ec688df672a4db9c17d1.dir"
        );
        let accent = manifest(&[("á.txt", "x")]).unwrap();
        assert_eq!(
            accent.id(HashKind::Md5).to_string(),
            "5305a781442e17365df2e152eb4af771.dir"
        );
        assert_eq!(manifest(&[]).unwrap().to_bytes(), b"[]");
    }

    #[test]
    fn characters_are_escaped_as_python_does() {
        let mut text = Vec::new();
        push_ascii_json(&mut text, "a\"/\\\n\u{7f}\u{1}é🌧");
        assert_eq!(
            String::from_utf8(text).unwrap(),
            r#""a\"/\\\n\u007f\u0001\u00e9\ud83c\udf27""#
        );
    }

    #[test]
    fn a_path_out_of_the_folder_is_refused() {
        for path in ["../x", "/x", "", "a\\b", "C:x", ".git/config", "a\0b"] {
            let text =
                serde_json::json!([{"md5": "37b51d194a7513e45b56f6524f2d51f2", "relpath": path}]);
            let error =
                Manifest::read(text.to_string().as_bytes(), Path::new("ab/cd.dir")).unwrap_err();
            assert!(error.to_string().contains("ab/cd.dir"), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_a_folder_as_well_is_refused() {
        manifest(&[("a", ""), ("a-", ""), ("a/b", "")]).unwrap_err();
        manifest(&[("a", ""), ("a.b", ""), ("a/b/c/d", "")]).unwrap_err();
        manifest(&[("a", ""), ("a", "x")]).unwrap_err();
        manifest(&[("a/b", ""), ("a/bc", ""), ("ab", "")]).unwrap();
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        for text in [
            "",
            "{}",
            "[1]",
            r#"[{"relpath": "x"}]"#,
            r#"[{"md5": "zz", "relpath": "x"}]"#,
            "[{]",
        ] {
            Manifest::read(text.as_bytes(), Path::new("x.dir")).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn reading_gives_back_what_was_written_whatever_the_order(
            names in proptest::collection::btree_set("[^/\\\\\0.:]{1,12}", 0..20),
            seed: u64,
        ) {
            let mut entries: Vec<_> = names
                .into_iter()
                .filter(|name| path::check_inside(name).is_ok())
                .map(|path| ManifestEntry { checksum: Checksum::of(path.as_bytes()), path })
                .collect();
            let sorted = Manifest::new(entries.clone(), Path::new("a")).unwrap();
            let middle = if entries.is_empty() { 0 } else { seed as usize % entries.len() };
            entries.rotate_left(middle);
            let rotated = Manifest::new(entries, Path::new("a")).unwrap();
            prop_assert_eq!(&rotated.to_bytes(), &sorted.to_bytes());
            let read = Manifest::read(&rotated.to_bytes(), Path::new("a")).unwrap();
            // By code points, as Python sorts.
            prop_assert!(read.entries().windows(2).all(|pair| pair[0].path.chars().lt(pair[1].path.chars())));
            prop_assert_eq!(read, sorted);
        }
    }
}
