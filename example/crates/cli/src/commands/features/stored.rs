//! Views whose values stand in a file or in the bucket.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueHint};
use mlops_data::tables::frames::ParquetFile;
use mlops_features::StoredView;
use mlops_features::offline::{Cleaned, OfflineStore, Source, TableSpec};
use mlops_store::{Bucket, Settings};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::wanted::{Place, Wanted};
use crate::output::thousands;
use crate::{Context, Failure, Outcome};

#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// The view: one of `tables` in features.yaml that has a bucket
    view: String,
    /// Its values: Parquet
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// How many generations of the table stay, this one included
    #[arg(long, default_value_t = GENERATIONS)]
    keep: usize,
}

/// How many generations stay if nothing else is said.
pub(super) const GENERATIONS: usize = 3;

#[derive(Serialize)]
pub(super) struct Imported {
    view: String,
    rows: usize,
    partitions: usize,
    generation: u64,
    written: bool,
    cleaned: Cleaned,
}

impl Imported {
    /// How much it is, for people.
    pub fn size(&self) -> String {
        format!(
            "{} rows in {} partitions: generation {}",
            thousands(self.rows),
            self.partitions,
            self.generation
        )
    }
}

/// What no generation names is left alone for a day: it may be a write under way.
const GRACE: Duration = Duration::from_secs(24 * 3600);

/// Keeps a file in the bucket as the next generation of a view's table.
pub(super) fn import(arguments: &ImportArguments, context: &Context) -> Outcome<()> {
    let definitions = context.definitions(&context.contract()?)?;
    let view = find(&definitions.tables, &arguments.view)?;
    let name = view.name.value.as_str();
    let url = view.bucket.as_deref().ok_or_else(|| {
        Failure::user(anyhow!(
            "view {name:?} has no bucket: give it `bucket:` in features.yaml"
        ))
    })?;
    let store = open_store(url)?;
    let spec = view.spec(hash(&arguments.file)?);
    let imported = keep(&store, name, &spec, &arguments.file, arguments.keep)?;
    let text = format!(
        "{} of {:?}{}",
        imported.size(),
        imported.view,
        if imported.written { "" } else { ", as it was" }
    );
    Ok(context.output.show(&imported, text)?)
}

/// Opens the bucket. A folder with a relative path lies in the project, links resolved, and not in Git's or DVC's
/// folders; a team's shared one is named in full.
pub(super) fn open_store(url: &str) -> Outcome<OfflineStore> {
    if !url.contains("://") {
        let refused = |why: String| {
            Failure::user(anyhow::anyhow!(
                "bucket of params.yaml is {url:?}, which {why}: name another folder"
            ))
        };
        mlops_repository::path::check_output(url).map_err(refused)?;
        if Path::new(url).is_relative() {
            mlops_disk::inside(Path::new("."), Path::new(url))?;
        }
    }
    Ok(OfflineStore::new(Bucket::open(url, &Settings::default())?)?)
}

/// Keeps a file as the next generation of a table, unless the last one was made from it.
pub(super) fn keep(
    store: &OfflineStore,
    table: &str,
    spec: &TableSpec,
    file: &Path,
    generations: usize,
) -> Outcome<Imported> {
    let now = store.open(table)?;
    let same = now.filter(|now| now.manifest().is_made_to(spec));
    let (generation, manifest, written) = match same {
        Some(now) => (now.generation(), now.manifest().clone(), false),
        None => {
            let file = ParquetFile::open(file)?;
            let columns = ParquetFile::columns(&file);
            let columns: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
            let parts = Source::parts(&file).len();
            let batches = (0..parts).map(|part| Source::read(&file, part, &columns));
            let (generation, manifest) = store.write(table, spec, batches)?;
            (generation, manifest, true)
        }
    };
    let before = SystemTime::now() - GRACE;
    Ok(Imported {
        view: table.into(),
        rows: manifest.rows,
        partitions: manifest.partitions.len(),
        generation,
        written,
        cleaned: store.clean(table, generations, before)?,
    })
}

/// What the table of a service's features is called in the project's bucket.
pub(super) fn service_table(service: &str) -> String {
    format!("service.{service}")
}

pub(super) fn hash(path: &Path) -> Outcome<String> {
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

/// A view whose values somebody else has made, and the open place where they stand.
pub(super) struct Opened<'a> {
    view: &'a StoredView,
    place: OpenedPlace,
}

enum OpenedPlace {
    File(ParquetFile),
    Bucket(OfflineStore),
}

impl<'a> Opened<'a> {
    /// The places of all views that have one of their own.
    pub fn all(wanted: &[Wanted<'a>]) -> Outcome<Vec<Option<Opened<'a>>>> {
        let open = |wanted: &Wanted<'a>| match wanted.place {
            Place::Stored(view) => Opened::of(view).map(Some),
            Place::Computed { .. } => Ok(None),
        };
        wanted.iter().map(open).collect()
    }

    fn of(view: &'a StoredView) -> Outcome<Opened<'a>> {
        let place = match (&view.file, &view.bucket) {
            (Some(file), _) => OpenedPlace::File(ParquetFile::open(file)?),
            (None, bucket) => {
                let url = bucket.as_deref().unwrap_or_default();
                OpenedPlace::Bucket(open_store(url)?)
            }
        };
        Ok(Opened { view, place })
    }

    /// The table as it is now.
    pub fn source(&self) -> Outcome<Box<dyn Source + '_>> {
        let name = &self.view.name.value;
        match &self.place {
            OpenedPlace::File(file) => Ok(Box::new(file)),
            OpenedPlace::Bucket(store) => match store.open(name)? {
                Some(snapshot) => Ok(Box::new(snapshot)),
                None => Err(Failure::user(anyhow!(
                    "view {name:?} has no values yet: `features import {name} FILE` brings them"
                ))),
            },
        }
    }
}

fn find<'a>(declared: &'a [StoredView], name: &str) -> Outcome<&'a StoredView> {
    declared
        .iter()
        .find(|view| view.name.value == name)
        .ok_or_else(|| {
            let known: Vec<&str> = declared
                .iter()
                .map(|view| view.name.value.as_str())
                .collect();
            Failure::user(anyhow!(
                "features.yaml: `tables` has no view {name:?}; it has {}",
                known.join(", ")
            ))
        })
}
