//! A project of its own for other data: what this one declares, and none of its data, pins and results.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use mlops_repository::path::check_inside;
use mlops_versioning::operations::init::{self, InitOptions};

use crate::commands::write_file;
use crate::{Context, Failure, Outcome};

/// What a project declares. (Its pins, dvc.lock and metrics say what came of it on its own data.)
const DECLARED: [&str; 5] = [
    "contract.yaml",
    "features.yaml",
    "gates.yaml",
    "params.yaml",
    "dvc.yaml",
];

/// Copies what the project declares into a new folder and makes that a repository of data without Git.
/// Returns where the table of the new project belongs.
///
/// # Errors
/// If the folder holds something already, `data.file` of params.yaml leads out of it, or it can't be written.
pub fn copy_project(folder: &Path, context: &Context) -> Outcome<PathBuf> {
    let table = context.params()?.data.file;
    check_inside(&table.to_string_lossy()).map_err(|why| {
        Failure::user(anyhow::anyhow!(
            "params.yaml: data.file is {:?}, which {why}: a copy of the project must hold its own table",
            table.display()
        ))
    })?;
    let is_taken = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => {
            return Err(anyhow::Error::from(error)
                .context(folder.display().to_string())
                .into());
        }
    };
    if is_taken {
        return Err(Failure::user(anyhow::anyhow!(
            "{}: the folder isn't empty: name a new one",
            folder.display()
        )));
    }
    for name in DECLARED {
        let file = Path::new(name);
        if file.is_file() {
            let bytes = std::fs::read(file).with_context(|| name.to_string())?;
            write_file(&folder.join(name), &bytes)?;
        }
    }
    let whole = folder
        .canonicalize()
        .with_context(|| folder.display().to_string())?;
    let options = InitOptions {
        no_scm: true,
        ..InitOptions::default()
    };
    init::init(&whole, options)?;
    let table = folder.join(table);
    crate::commands::write_folder(&table)?;
    Ok(table)
}
