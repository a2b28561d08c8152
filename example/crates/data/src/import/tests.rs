use std::path::PathBuf;

use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;

const TABLE: &str = "day,load\n2024-01-01,3\n";
const MD5: &str = "5edaa0d7ae436fa7fbad98616845709d";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn with(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The error of importing `name`, the folder's own name left out.
    fn error(&self, name: &str) -> String {
        let error = import(&self.path(name), &self.path("in.csv"), None).unwrap_err();
        error
            .to_string()
            .replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, text) in entries {
        archive
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn a_file_arrives_whole_or_is_refused_if_it_is_not_the_one_expected() {
    let folder = Folder::new();
    let (from, to) = (folder.with("from.csv", TABLE), folder.path("to.csv"));
    let imported = import(&from, &to, None).unwrap();
    assert_eq!(imported.bytes, 22);
    assert_eq!(std::fs::read_to_string(&to).unwrap(), TABLE);
    let again = import(&from, &to, Some(&imported.md5.to_uppercase())).unwrap();
    assert_eq!(again, imported);
    assert_eq!(imported.md5, MD5);

    let other = folder.with("other.csv", "day,load\n2024-01-01,4\n");
    let error = import(&other, &to, Some(MD5)).unwrap_err();
    assert!(
        matches!(&error, DataError::OtherContent { expected, .. } if expected == MD5),
        "{error}"
    );
    assert_eq!(std::fs::read_to_string(&to).unwrap(), TABLE);
    assert_eq!(folder.names(), ["from.csv", "other.csv", "to.csv"]);
}

#[test]
fn the_one_csv_of_an_archive_is_unpacked() {
    let folder = Folder::new();
    let bytes = archive(&[
        ("read me.txt", "hello"),
        ("__MACOSX/a.csv", "x"),
        ("../a/T.CSV", TABLE),
    ]);
    let imported = import(
        &folder.with("a.zip", bytes),
        &folder.path("in.csv"),
        Some(MD5),
    )
    .unwrap();
    assert_eq!(imported.entry.as_deref(), Some("../a/T.CSV"));
    assert_eq!(imported.md5, MD5);
    assert_eq!(folder.names(), ["a.zip", "in.csv"]);
}

#[test]
fn what_is_no_table_is_refused_and_leaves_nothing_behind() {
    let folder = Folder::new();
    folder.with("empty.csv", "");
    folder.with(
        "page.csv",
        "\u{feff}\n<!DOCTYPE html><title>Sign in</title>",
    );
    folder.with("packed.csv.gz", [0x1f, 0x8b, 8, 0]);
    folder.with("none.zip", archive(&[("notes.txt", "hello")]));
    folder.with("two.zip", archive(&[("a.csv", TABLE), ("b.csv", TABLE)]));
    let whole = archive(&[("a.csv", &TABLE.repeat(100))]);
    folder.with("cut.zip", &whole[..whole.len() / 2]);
    let mut altered = whole.clone();
    altered[45] ^= 0x55;
    folder.with("altered.zip", altered);
    let before = folder.names();
    let errors = [
        folder.error("empty.csv"),
        folder.error("page.csv"),
        folder.error("packed.csv.gz"),
        folder.error("none.zip"),
        folder.error("two.zip"),
        folder.error("cut.zip"),
        folder.error("altered.zip"),
        folder.error(""),
        folder.error("nothing.csv"),
    ];
    assert_eq!(folder.names(), before);
    insta::assert_snapshot!(errors.join("\n"), @r"
    empty.csv: is empty
    page.csv: is a web page, not a table (perhaps the page to sign in): download the file in a browser and import it
    packed.csv.gz: is packed with gzip: unpack it first
    none.zip: is an archive without a CSV file
    two.zip: is an archive with more than one CSV file (a.csv, b.csv): unpack it and import the one you mean
    cut.zip: is a damaged archive (invalid Zip archive: Could not find EOCD): get it again
    altered.zip: is a damaged archive (a.csv: Invalid checksum): get it again
    : is a folder; name the file in it
    nothing.csv: could not read: it doesn't exist
    ");
}

#[test]
fn a_file_is_not_imported_onto_itself() {
    let folder = Folder::new();
    let file = folder.with("a.csv", TABLE);
    std::fs::hard_link(&file, folder.path("link.csv")).unwrap();
    for target in [
        file.clone(),
        folder.path("./a.csv"),
        folder.path("link.csv"),
    ] {
        let error = import(&file, &target, None).unwrap_err().to_string();
        assert!(error.contains("itself"), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), TABLE);
}

#[test]
fn an_expected_md5_that_is_none_is_refused() {
    let folder = Folder::new();
    let file = folder.with("a.csv", TABLE);
    let error = import(&file, &folder.path("in.csv"), Some("abc"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("32 hexadecimal digits"), "{error}");
}

#[test]
fn an_archive_that_unpacks_to_too_much_is_stopped() {
    let folder = Folder::new();
    let path = folder.with("bomb.zip", archive(&[("a.csv", &"0,".repeat(500_000))]));
    assert!(path.metadata().unwrap().len() < 10_000);
    let complain = |message| DataError::Import {
        path: "bomb.zip".into(),
        message,
    };
    let arrival = Arrival {
        from: "bomb.zip",
        complain: &complain,
        unreadable: &|error| error::unreadable(&path, error),
        unpacked_at_most: 100_000,
    };
    let mut file = File::open(&path).unwrap();
    let error = arrival
        .receive(&mut file, &folder.path("in.csv"), None)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "bomb.zip: unpacks to more than 100000 bytes, so it isn't unpacked"
    );
    assert_eq!(folder.names(), ["bomb.zip"]);
}
