//! Manifests of folders.

use std::path::Path;

use mlops_repository::yaml::Value;
use mlops_repository::{Checksum, HashKind, ObjectId};
use mlops_versioning::Manifest;

use crate::laws::{inside, same, told};
use crate::run::Target;

const FILE: &str = "ab/cd.dir";

pub fn target() -> Target {
    let seeds = [
        r#"[{"md5": "37b51d194a7513e45b56f6524f2d51f2", "relpath": "bar"}, {"md5": "acbd18db4cc2f85cedef654fccc4a4d8", "relpath": "foo"}]"#,
        r#"[{"md5": "9dd4e461268c8034f5c8564e155c67a6", "relpath": "\u00e1.txt"}, {"md5": "9dd4e461268c8034f5c8564e155c67a6", "relpath": "\ud83c\udf27/deep/er"}]"#,
        r#"[{"relpath": "a/b", "md5": "9DD4E461268C8034F5C8564E155C67A6", "size": 3, "isexec": true}, {"relpath": "a-", "md5": "9dd4e461268c8034f5c8564e155c67a6"}]"#,
        "[]",
    ];
    Target {
        name: "manifests",
        seeds: seeds.map(|seed| seed.as_bytes().to_vec()).to_vec(),
        words: &[
            "md5",
            "relpath",
            "size",
            "37b51d194a7513e45b56f6524f2d51f2",
            "bar/foo",
            "bar/",
            "a-",
            "a",
            "a/b",
            "..",
            "../x",
            "/etc/passwd",
            ".git/config",
            "GIT~1/x",
            "a/.GIT /x",
            "a\\b",
            "C:x",
            "a\0b",
            "\\ud800",
            "\\u0000",
            "\\n",
            "\"",
            "new\nline",
            "é",
            "e\u{301}",
        ],
        render: |value| json(value).to_string(),
        check: Box::new(check),
    }
}

fn check(input: &[u8]) -> Result<String, String> {
    let origin = Path::new(FILE);
    let manifest = match Manifest::read(input, origin) {
        Ok(manifest) => manifest,
        Err(error) => return told(&error.to_string(), FILE),
    };
    let folder = Path::new("/r/data");
    for entry in manifest.entries() {
        let path = folder.join(&entry.path);
        inside(&path, folder)?;
        // Joined and taken apart it is the same path: no name is empty, `.`, or means something on Windows.
        same(
            "the path",
            &path.strip_prefix(folder).ok(),
            &Some(Path::new(&entry.path)),
        )?;
        let odd = entry
            .path
            .split('/')
            .any(|name| name.is_empty() || name == ".")
            || entry.path.contains(['\\', '\0']);
        if odd || manifest.get(&entry.path) != Some(entry.checksum) {
            return Err(format!("{:?} is accepted or not found", entry.path));
        }
    }
    if !manifest.entries().is_sorted_by(|a, b| a.path < b.path) {
        return Err("the entries aren't sorted, or stand twice".into());
    }
    let bytes = manifest.to_bytes();
    if !bytes.is_ascii() {
        return Err("what is written isn't ASCII".into());
    }
    let again = Manifest::read(&bytes, origin)
        .map_err(|error| format!("what was written can't be read: {error}"))?;
    same("the manifest", &manifest, &again)?;
    same(
        "the name",
        &manifest.id(HashKind::Md5),
        &ObjectId {
            kind: HashKind::Md5,
            checksum: Checksum::of(&bytes),
            dir: true,
        },
    )?;
    Ok(format!(
        "accepted: {} entries, {}",
        manifest.entries().len().min(6),
        manifest
            .entries()
            .iter()
            .any(|entry| entry.path.contains('/'))
    ))
}

fn json(value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Value::Null => Json::Null,
        Value::Bool(yes) => (*yes).into(),
        Value::Integer(whole) => i64::try_from(*whole).unwrap_or_default().into(),
        Value::Float(number) => (*number).into(),
        Value::Text(text) | Value::Timestamp(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(|item| json(&item.value)).collect(),
        Value::Map(map) => Json::Object(
            map.iter()
                .map(|entry| {
                    (
                        entry.key.as_text().unwrap_or_default().to_owned(),
                        json(&entry.node.value),
                    )
                })
                .collect(),
        ),
    }
}
