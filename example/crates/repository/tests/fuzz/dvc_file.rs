//! `.dvc` files.

use std::path::Path;

use mlops_repository::{DvcFile, HashKind, ObjectId, OutEntry, Saved, yaml};

use crate::laws::{inside, same, told};
use crate::run::Target;

const ROOT: &str = "/r";
const FILE: &str = "/r/a/x.dvc";

pub fn target() -> Target {
    let seeds = [
        "outs:\n- md5: acbd18db4cc2f85cedef654fccc4a4d8\n  size: 3\n  hash: md5\n  path: foo\n",
        "outs:\n- md5: 5ea40360f5b4ec688df672a4db9c17d1.dir\n  size: 6\n  nfiles: 2\n  hash: md5\n  path: data\n",
        "# top\nouts:\n# of the first\n- md5: 37b51d194a7513e45b56f6524f2d51f2 # short\n  size: 30\n  isexec: true\n  hash: md5\n  \
         path: foo  # the path\n  desc: 'has # in it'\n  remote: eu\n  push: false\n  labels:\n  - a # label\nmeta:\n  who: me\n# end\n",
        "md5: d3b07384d113edec49eaa6238ad5ff00\nfrozen: true\nwdir: ../b\ndeps:\n- path: x\n  repo:\n    url: https://example.invalid/r\n    \
         rev_lock: abc\nouts:\n- md5: 01234567890123456789012345678901\n  path: ../x y\n  cache: false\n  persist: true\n",
        "outs:\n- {path: \"q'uote\", desc: \"two\\nlines # of\\n text\"}\n- path: |\n    block # no comment\n  desc: >-\n    folded\n    text\n",
        "base: &b {hash: md5}\nouts:\n- <<: *b\n  path: y\n",
        "",
    ];
    Target {
        name: ".dvc files",
        seeds: seeds.map(|seed| seed.as_bytes().to_vec()).to_vec(),
        words: &[
            "md5",
            "cmd",
            "wdir",
            "deps",
            "outs",
            "locked",
            "frozen",
            "meta",
            "always_changed",
            "desc",
            "checksum",
            "etag",
            "size",
            "nfiles",
            "isexec",
            "version_id",
            "path",
            "persist",
            "cloud",
            "hash",
            "type",
            "labels",
            "cache",
            "remote",
            "push",
            "files",
            "fs_config",
            "metric",
            "plot",
            "acbd18db4cc2f85cedef654fccc4a4d8",
            "5ea40360f5b4ec688df672a4db9c17d1.dir",
            "sha256",
            "../../x",
            "/etc/passwd",
            ".git/hooks/x",
            "a/../b",
            "GIT~1",
            "# comment\n",
            "a # b",
        ],
        render: yaml::write,
        check: Box::new(check),
    }
}

fn check(input: &[u8]) -> Result<String, String> {
    let root = Path::new(ROOT);
    let parse = |bytes: Vec<u8>| DvcFile::parse(bytes, Path::new(FILE), root);
    let mut file = match parse(input.to_vec()) {
        Ok(file) => file,
        Err(error) => return told(&error.to_string(), FILE),
    };
    for out in &file.outs {
        inside(&out.full, root)?;
    }
    let read = |text: &str| {
        parse(text.into())
            .map_err(|error| format!("what was written can't be read: {error}: {text}"))
    };
    let text = file.to_text();
    let again = read(&text)?;
    same("outs", &outs(&file), &outs(&again))?;
    same("import", &file.is_import, &again.is_import)?;
    same("the second writing", &text, &again.to_text())?;
    if !file.outs.is_empty() {
        let id = ObjectId::parse(HashKind::Md5, "37b51d194a7513e45b56f6524f2d51f2.dir");
        let id = id.ok_or("the id isn't taken")?;
        file.set(
            0,
            &Saved {
                id,
                size: Some(7),
                nfiles: Some(2),
                is_exec: false,
            },
        );
        let pinned = file.to_text();
        same("what was pinned", &outs(&file), &outs(&read(&pinned)?))?;
        for comment in text.lines().filter(|line| line.starts_with('#')) {
            if !pinned.lines().any(|line| line == comment) {
                return Err(format!("the comment {comment:?} is gone from {pinned}"));
            }
        }
    }
    let first: Vec<_> = file
        .outs
        .iter()
        .take(2)
        .map(|out| {
            format!(
                "{:?} {:?} {:?} {:?}",
                out.kind,
                out.id.map(|id| id.dir),
                out.cached,
                out.push
            )
        })
        .collect();
    Ok(format!("accepted: {first:?}, {:?}", text.contains('#')).replace('"', ""))
}

/// The entries without the lines they stand in.
fn outs(file: &DvcFile) -> Vec<OutEntry> {
    file.outs
        .iter()
        .map(|out| OutEntry {
            line: 0,
            ..out.clone()
        })
        .collect()
}
