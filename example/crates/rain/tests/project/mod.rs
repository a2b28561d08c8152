//! A project in a folder of its own, and the program run in it.

use std::path::Path;

use tempfile::TempDir;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

pub fn rain(folder: &Path) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::cargo_bin("rain").unwrap();
    command.current_dir(folder).env("NO_COLOR", "1");
    command
}

pub fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    for file in [
        "contract.yaml",
        "features.yaml",
        "gates.yaml",
        "params.yaml",
        "data/weatherAUS.csv.dvc",
    ] {
        std::fs::copy(Path::new(EXAMPLE).join(file), folder.path().join(file)).unwrap();
    }
    folder
}

/// A project with a small model, split in the middle of its days.
pub fn trained() -> TempDir {
    let folder = project();
    let path = folder.path();
    let generate = [
        "data",
        "generate",
        "--days",
        "500",
        "--stations",
        "8",
        "--out",
        "data/weatherAUS.csv",
    ];
    rain(path).args(generate).assert().success();
    let build = ["features", "build"];
    rain(path).args(SMALL).args(build).assert().success();
    rain(path).args(SMALL).arg("train").assert().success();
    folder
}

pub const SMALL: [&str; 4] = [
    "--set",
    "split.test_from=2009-12-01",
    "--set",
    "model.boosting.trees=20",
];

/// What a refused command says, with exit code 2.
pub fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = rain(folder)
        .args(arguments)
        .assert()
        .code(2)
        .get_output()
        .clone();
    assert!(
        output.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    String::from_utf8(output.stderr)
        .unwrap()
        .trim_end()
        .to_string()
}
