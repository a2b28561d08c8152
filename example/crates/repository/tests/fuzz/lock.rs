//! `dvc.lock`: what stages were made from.

use mlops_pipeline::run_cache;
use mlops_repository::lockfile::{Lock, LockedStage};
use mlops_repository::yaml::{self, Value};

use crate::laws::{same, told};
use crate::run::Target;

pub fn target() -> Target {
    let seeds = [
        "schema: '2.0'\nstages:\n  s@1e-05:\n    cmd: x\n    deps:\n    - path: a\n      hash: md5\n      md5: 5ea40360f5b4ec688df672a4db9c17d1.dir\n      \
         size: 6\n      nfiles: 2\n    - path: run.sh\n      hash: md5\n      md5: acbd18db4cc2f85cedef654fccc4a4d8\n      size: 3\n      isexec: true\n    \
         params:\n      params.yaml:\n        lr: 1e-05\n        net:\n          wide: []\n      a.toml:\n        x: '1'\n    outs:\n    - path: model\n      \
         hash: md5\n      md5: acbd18db4cc2f85cedef654fccc4a4d8\n      size: 3\n",
        "schema: '2.0'\nstages:\n  two:\n    cmd:\n    - echo a\n    - |\n      echo b\n      echo c\n    outs:\n    - path: ../out\n      md5: \
         01234567890123456789012345678901\n  three:\n    cmd: y\n    outs:\n    - path: s3://bucket/key\n      etag: abc\n",
        "schema: '2.0'\nstages:\n  999999999999999? 9999999999999999? 9999999999999999? 9999993.099999999999999|99:\n",
        "schema: '2.0'\nstages: {}\n",
        "schema: '2.0'\nstages:\n o:\n  cmd:\n  - - .nan",
        "schema: '2.0'\nstages:\n<<<<<<< HEAD\n  a: {cmd: x}\n=======\n>>>>>>> b\n",
        "schema: '2.0'\n? <<<<<<< \"",
        "",
    ];
    Target {
        name: "dvc.lock",
        seeds: seeds.map(|seed| seed.as_bytes().to_vec()).to_vec(),
        words: &[
            "schema",
            "'2.0'",
            "3.0",
            "stages",
            "cmd",
            "deps",
            "params",
            "outs",
            "path",
            "hash",
            "md5",
            "size",
            "nfiles",
            "isexec",
            "params.yaml",
            "two",
            "acbd18db4cc2f85cedef654fccc4a4d8",
            "5ea40360f5b4ec688df672a4db9c17d1.dir",
            "../../x",
            "../x",
            "/abs",
            ".git/x",
            "s3://b/k",
            "<<<<<<< HEAD\n",
            "echo a # b",
            "a: b",
            "- c",
        ],
        render: yaml::write,
        check: Box::new(check),
    }
}

fn check(input: &[u8]) -> Result<String, String> {
    let Ok(text) = std::str::from_utf8(input) else {
        return Ok("no UTF-8".into());
    };
    let lock = match Lock::parse("a/dvc.lock", text) {
        Ok(lock) => lock,
        Err(error) => return told(&error.to_string(), "a/dvc.lock:"),
    };
    let written = lock.to_text();
    let again = Lock::parse("a/dvc.lock", &written)
        .map_err(|error| format!("what was written can't be read: {error}: {written}"))?;
    same("the second writing", &written, &again.to_text())?;
    let mut set = Lock::default();
    let mut told_of = String::new();
    for (rank, name) in lock.names().enumerate() {
        match (lock.stage(name), again.stage(name)) {
            (Ok(Some(stage)), Ok(Some(other))) => {
                same("the stage", &entry(&stage), &entry(&other))?;
                stage_laws(&stage)?;
                set.set(name, &stage, rank);
            }
            (Err(error), Err(_)) => told_of = told(&error.to_string(), "a/dvc.lock:")?,
            (one, other) => return Err(format!("{name:?} was {one:?} and is {other:?}")),
        }
    }
    let names: Vec<&str> = set.names().collect();
    let reread = Lock::parse("dvc.lock", &set.to_text())
        .map_err(|error| format!("what was set can't be read: {error}"))?;
    same("the order of stages", &names, &reread.names().collect())?;
    Ok(format!(
        "accepted: {} stages, {told_of}",
        names.len().min(5)
    ))
}

/// A stage as it is written: as values, `.nan` is not even itself.
fn entry(stage: &LockedStage) -> String {
    yaml::write(&Value::Map(stage.to_map()))
}

/// A stage is the same after it went through its entry, and so is its name in the run cache.
fn stage_laws(stage: &LockedStage) -> Result<(), String> {
    let text = entry(stage);
    let node =
        yaml::read(&text).map_err(|error| format!("an entry can't be read: {error}: {text}"))?;
    let again = LockedStage::read("x", "s", &node)
        .map_err(|error| format!("an entry is refused: {error}: {text}"))?;
    same("the entry", &text, &entry(&again))?;
    same("the key", &run_cache::key(stage), &run_cache::key(&again))?;
    same(
        "the name of the result",
        &run_cache::value(stage),
        &run_cache::value(&again),
    )
}
