//! `.dvc` files are read and written as DVC does it, comments included.

use super::*;

const ROOT: &str = "/r";

fn parse(text: &str) -> Result<DvcFile, RepositoryError> {
    DvcFile::parse(text.into(), Path::new("/r/a/x.dvc"), Path::new(ROOT))
}

fn saved(md5: &str, nfiles: Option<u64>, is_exec: bool) -> Saved {
    Saved {
        id: ObjectId::parse(HashKind::Md5, md5).unwrap(),
        size: Some(3),
        nfiles,
        is_exec,
    }
}

const FOO: &str = "acbd18db4cc2f85cedef654fccc4a4d8";
const DIR: &str = "5ea40360f5b4ec688df672a4db9c17d1.dir";

#[test]
fn a_new_file_is_written_as_dvc_writes_it() {
    let mut file = DvcFile::new(Path::new("/r/a/foo.dvc"), "foo");
    file.set(0, &saved(FOO, None, false));
    assert_eq!(
        file.to_text(),
        "outs:\n- md5: acbd18db4cc2f85cedef654fccc4a4d8\n  size: 3\n  hash: md5\n  path: foo\n"
    );
    assert_eq!(file.outs[0].full, Path::new("/r/a/foo"));
    let mut file = DvcFile::new(Path::new("/r/a/d.dvc"), "d");
    file.set(0, &saved(DIR, Some(2), false));
    assert_eq!(
        file.to_text(),
        "outs:\n- md5: 5ea40360f5b4ec688df672a4db9c17d1.dir\n  size: 3\n  nfiles: 2\n  hash: md5\n  path: d\n"
    );
    let mut file = DvcFile::new(Path::new("/r/a/e.dvc"), "e");
    file.set(0, &saved(FOO, None, true));
    assert!(
        file.to_text()
            .contains("  size: 3\n  isexec: true\n  hash: md5\n")
    );
}

#[test]
fn what_the_user_wrote_into_a_file_stays() {
    let text = "\
# top
outs:
# of the first
- md5: 37b51d194a7513e45b56f6524f2d51f2 # short
  size: 30
  isexec: true
  hash: md5
  path: foo  # the path
  desc: 'has # in it'
  remote: eu
  push: false
  labels:
  - a # label
meta:
  who: me
# end
";
    let mut file = parse(text).unwrap();
    assert_eq!(file.to_text(), text);
    assert_eq!(
        (file.outs[0].remote.as_deref(), file.outs[0].push),
        (Some("eu"), false)
    );
    file.set(0, &saved(FOO, None, false));
    let expected = text
        .replace("37b51d194a7513e45b56f6524f2d51f2", FOO)
        .replace("size: 30", "size: 3")
        .replace("  isexec: true\n", "");
    assert_eq!(file.to_text(), expected);
}

#[test]
fn what_looks_like_a_comment_in_a_text_of_several_lines_is_none() {
    for text in [
        "outs:\n- path: x\n  desc: |\n    # a\n\n    # b\n# real\n",
        "outs:\n- path: x\n  desc: \"one\n    # two\n    three\" # real\n",
        "outs:\n- path: x\n  desc: 'one\n\n    # two' # real\n",
    ] {
        let file = parse(text).unwrap();
        let written = file.to_text();
        let again = parse(&written).unwrap();
        assert_eq!(again.outs[0].desc, file.outs[0].desc, "{written}");
        assert_eq!(written.matches("# real").count(), 1, "{written}");
        assert_eq!(again.to_text(), written);
    }
}

#[test]
fn an_entry_without_hash_is_one_of_2x_and_becomes_one_of_3x_when_it_changes() {
    let mut file =
        parse("outs:\n- md5: 37b51d194a7513e45b56f6524f2d51f2\n  size: 3\n  path: foo\n").unwrap();
    assert_eq!(file.outs[0].kind, HashKind::Md5Dos2Unix);
    file.set(0, &saved(FOO, None, false));
    assert_eq!(
        file.to_text(),
        "outs:\n- md5: acbd18db4cc2f85cedef654fccc4a4d8\n  size: 3\n  path: foo\n  hash: md5\n"
    );
}

#[test]
fn an_md5_without_letters_is_not_taken_for_a_number() {
    let file = parse("outs:\n- md5: 01234567890123456789012345678901\n  path: foo\n").unwrap();
    assert_eq!(
        file.outs[0].id.unwrap().to_string(),
        "01234567890123456789012345678901"
    );
}

#[test]
fn what_is_wrong_is_named_with_line_and_key() {
    for (text, line, word) in [
        ("outs:\n- path: x\nfoo: 1\n", 3, "\"foo\""),
        ("outs:\n- path: x\n  sizes: 1\n", 3, "\"sizes\""),
        ("outs:\n- path: x\n  size: big\n", 3, "`size`"),
        ("outs:\n- size: 1\n", 2, "`path`"),
        ("outs:\n- md5: ../../x\n  path: x\n", 2, "\"../../x\""),
        ("outs: x\n", 1, "`outs`"),
        ("- x\n", 1, "a list"),
        ("outs:\n- path: [x]\n", 2, "`path`"),
        ("outs:\n- {path: x, push: 1}\n", 2, "`push`"),
        ("outs:\n- path: x\n  hash: sha1\n", 3, "sha1"),
        ("outs: [\n", 1, ""),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("/r/a/x.dvc:{line}: ")),
            "{text:?}: {error}"
        );
        assert!(error.contains(word), "{text:?}: {error}");
    }
}

#[test]
fn a_path_that_leads_out_is_refused() {
    for path in [
        "/etc/passwd",
        "../../x",
        "..\\..\\x",
        "C:/x",
        "''",
        "\"a\\0\"",
        "../.git/x",
        ".dvc/config",
    ] {
        let error = parse(&format!("outs:\n- path: {path}\n"))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("/r/a/x.dvc:2: ") || path == "''",
            "{path}: {error}"
        );
    }
    parse("wdir: ../..\nouts:\n- path: x\n").unwrap_err();
    // The repository itself, and the folder that this file lies in: a checkout would remove all else there.
    for holds_it in ["path: .", "path: ./", "path: ..", "path: ../a"] {
        let error = parse(&format!("outs:\n- {holds_it}\n")).unwrap_err();
        assert!(error.to_string().starts_with("/r/a/x.dvc:2: "), "{error}");
    }
    let file = parse("wdir: ../b\nouts:\n- path: ../x\n").unwrap();
    assert_eq!(file.outs[0].full, Path::new("/r/x"));
}

#[test]
fn an_empty_file_pins_nothing() {
    assert!(parse("").unwrap().outs.is_empty());
    assert!(parse("{}\n").unwrap().outs.is_empty());
}
