//! Views whose values stand in a file or in the bucket.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueHint};
use mlops_data::tables::frames::ParquetFile;
use mlops_features::offline::{Cleaned, OfflineStore, Source, StoredView};
use mlops_store::{Bucket, Settings};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::needs;
use crate::output::thousands;
use crate::params::from_yaml;
use crate::{Context, Failure, Outcome};

#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// The view: one of `tables` in features.yaml that has a bucket
    view: String,
    /// Its values: Parquet
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// How many generations of the table stay, this one included
    #[arg(long, default_value_t = 3)]
    keep: usize,
}

#[derive(Serialize)]
struct Imported {
    view: String,
    rows: usize,
    partitions: usize,
    generation: u64,
    written: bool,
    cleaned: Cleaned,
}

/// What no generation names is left alone for a day: it may be a write under way.
const GRACE: Duration = Duration::from_secs(24 * 3600);

/// Keeps a file in the bucket as the next generation of a view's table.
pub(super) fn import(arguments: &ImportArguments, context: &Context) -> Outcome<()> {
    let declared = declared(Path::new("features.yaml"))?;
    let view = find(&declared, &arguments.view)?;
    let url = view.bucket.as_deref().ok_or_else(|| {
        Failure::user(anyhow!(
            "view {:?} has no bucket: give it `bucket:` in features.yaml",
            view.name
        ))
    })?;
    let store = OfflineStore::new(Bucket::open(url, &Settings::default())?)?;
    let file = ParquetFile::open(&arguments.file)?;
    let spec = view.spec(hash(&arguments.file)?);
    let now = store.open(&view.name)?;
    let same = now.filter(|now| now.manifest().is_made_to(&spec));
    let (generation, manifest, written) = match same {
        Some(now) => (now.generation(), now.manifest().clone(), false),
        None => {
            let columns = ParquetFile::columns(&file);
            let columns: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
            let parts = Source::parts(&file).len();
            let batches = (0..parts).map(|part| Source::read(&file, part, &columns));
            let (generation, manifest) = store.write(&view.name, &spec, batches)?;
            (generation, manifest, true)
        }
    };
    let before = SystemTime::now() - GRACE;
    let imported = Imported {
        view: view.name.clone(),
        rows: manifest.rows,
        partitions: manifest.partitions.len(),
        generation,
        written,
        cleaned: store.clean(&view.name, arguments.keep, before)?,
    };
    let text = format!(
        "{} rows in {} partitions: generation {generation} of {:?}{}",
        thousands(imported.rows),
        imported.partitions,
        imported.view,
        if written { "" } else { ", as it was" }
    );
    Ok(context.output.show(&imported, text)?)
}

fn hash(path: &Path) -> Outcome<String> {
    let mut file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file
            .read(&mut buffer)
            .with_context(|| path.display().to_string())?
        {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    let digest = hash.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The place of a view's values, opened.
pub(super) enum Opened {
    File(ParquetFile),
    Bucket(OfflineStore),
}

impl Opened {
    pub fn of(view: &StoredView) -> Outcome<Opened> {
        match (&view.file, &view.bucket) {
            (Some(file), None) => Ok(Opened::File(ParquetFile::open(file)?)),
            (None, Some(url)) => {
                let bucket = Bucket::open(url, &Settings::default())?;
                Ok(Opened::Bucket(OfflineStore::new(bucket)?))
            }
            _ => Err(Failure::user(anyhow!(
                "features.yaml: view {:?} needs either `file` or `bucket`",
                view.name
            ))),
        }
    }

    /// The table as it is now.
    pub fn source(&self, view: &StoredView) -> Outcome<Box<dyn Source + '_>> {
        match self {
            Opened::File(file) => Ok(Box::new(file)),
            Opened::Bucket(store) => match store.open(&view.name)? {
                Some(snapshot) => Ok(Box::new(snapshot)),
                None => Err(Failure::user(anyhow!(
                    "view {0:?} has no values yet: `features import {0} FILE` brings them",
                    view.name
                ))),
            },
        }
    }
}

#[derive(Deserialize)]
struct Tables {
    #[serde(default)]
    tables: Vec<StoredView>,
}

/// The views whose values are read and not computed.
pub(super) fn declared(path: &Path) -> Outcome<Vec<StoredView>> {
    needs(path, "new")?;
    let text = std::fs::read_to_string(path).map_err(anyhow::Error::from)?;
    let tables: Tables = from_yaml(&text)
        .map_err(|error| Failure::user(error.context(path.display().to_string())))?;
    Ok(tables.tables)
}

fn find<'a>(declared: &'a [StoredView], name: &str) -> Outcome<&'a StoredView> {
    declared
        .iter()
        .find(|view| view.name == name)
        .ok_or_else(|| {
            let known: Vec<&str> = declared.iter().map(|view| view.name.as_str()).collect();
            Failure::user(anyhow!(
                "features.yaml: `tables` has no view {name:?}; it has {}",
                known.join(", ")
            ))
        })
}
