//! What the tests of this folder share.

use std::path::Path;

use super::directive::Directive;
use super::sources::Sources;

/// Writes a file, with the folders above it.
pub fn write(folder: &Path, path: &str, text: &str) {
    let file = folder.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

/// A repository at `root`.
pub fn sources(root: &Path) -> Sources {
    Sources {
        root: root.to_path_buf(),
        run: None,
        repository: Some("https://example.org/guide".to_owned()),
        revision: "main".to_owned(),
    }
}

/// A directive alone on the first line.
pub fn directive(name: &str, arguments: &[&str]) -> Directive {
    Directive {
        name: name.to_owned(),
        arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
        is_alone: true,
        line: 1,
    }
}
