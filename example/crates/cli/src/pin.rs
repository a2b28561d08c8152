//! The pin of a table: which content the `.dvc` file beside it says that it has.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Context as _;
use mlops_repository::{DvcFile, HashKind, ObjectId, OutEntry, Saved, hash_file};
use mlops_versioning::Repository;

use crate::{Failure, Outcome};

/// What `data/table.csv.dvc` says of `data/table.csv`.
#[derive(Debug)]
pub struct Pin {
    file: DvcFile,
    at: usize,
    name: String,
}

impl Pin {
    /// The pin of a table; none if there is no `.dvc` file beside it, or none that speaks of it.
    ///
    /// # Errors
    /// If the `.dvc` file can't be read, or pins a folder.
    pub fn of(table: &Path) -> Outcome<Option<Pin>> {
        let mut beside = OsString::from(table);
        beside.push(".dvc");
        let beside = Path::new(&beside);
        if !beside.exists() {
            return Ok(None);
        }
        let here = std::env::current_dir().context("the current folder")?;
        let file = DvcFile::read(&here.join(beside), &here)?;
        let whole = mlops_repository::path::normal(&here.join(table));
        let Some(at) = file.outs.iter().position(|out| out.full == whole) else {
            return Ok(None);
        };
        let pin = Pin {
            file,
            at,
            name: beside.display().to_string(),
        };
        if pin.entry().is_dir() {
            return Err(Failure::user(anyhow::anyhow!(
                "{}: pins a folder, but {} should be a file: correct data.file in params.yaml, or the pin",
                pin.name,
                table.display()
            )));
        }
        Ok(Some(pin))
    }

    fn entry(&self) -> &OutEntry {
        &self.file.outs[self.at]
    }

    /// The MD5 that the table must have, in hexadecimal; none if nothing was pinned yet.
    pub fn md5(&self) -> Option<String> {
        self.entry().id.map(|id| id.to_string())
    }

    /// The `.dvc` file, as it is named from here.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a file has the pinned content.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn matches(&self, file: &Path) -> Outcome<bool> {
        let Some(id) = self.entry().id else {
            return Ok(false);
        };
        let (checksum, _) = hash_file(id.kind, file).with_context(|| file.display().to_string())?;
        Ok(ObjectId::file(id.kind, checksum) == id)
    }

    /// Whether the cache has the pinned content, so that `checkout` can bring it back.
    fn is_cached(&self) -> bool {
        let (Some(id), Ok(repository)) = (self.entry().id, Repository::find(Path::new("."))) else {
            return false;
        };
        repository.cache().has(&id)
    }

    /// Refuses to write something else over the pinned table if this may be the only copy.
    ///
    /// # Errors
    /// If the pinned table is there and the cache doesn't have it.
    pub fn keep(table: &Path) -> Outcome<()> {
        if let Some(pin) = Pin::of(table)?
            && table.is_file()
            && !pin.is_cached()
            && pin.matches(table)?
        {
            return Err(Failure::user(anyhow::anyhow!(
                "{}: is the table that {} pins, and the cache has no copy of it: write to another file, or move it away first",
                table.display(),
                pin.name
            )));
        }
        Ok(())
    }

    /// Warns of a table that stands where its project pins one that is not at hand.
    ///
    /// # Errors
    /// If a file can't be read.
    pub fn warn_of_other(table: &Path) -> Outcome<()> {
        if let Some(pin) = Pin::of(table)?
            && !pin.is_cached()
            && !pin.matches(table)?
        {
            tracing::warn!(
                "{}: is not the table that {} pins. From now on, `repro` and `add` pin this one, and overwrite the results in dvc.lock and metrics/: don't commit these changes if you only try something",
                table.display(),
                pin.name
            );
        }
        Ok(())
    }

    /// Refuses a pin that is not ours to change.
    pub(crate) fn check_may_change(&self) -> Outcome<()> {
        if self.file.is_import {
            return Err(Failure::user(anyhow::anyhow!(
                "{}: says where its table comes from, so only `dvc update` may change it: leave --update-pin out",
                self.name
            )));
        }
        Ok(())
    }

    /// Pins other content.
    pub(crate) fn update(&mut self, md5: &str, bytes: u64) -> Outcome<()> {
        let id =
            ObjectId::parse(HashKind::Md5, md5).with_context(|| format!("{md5:?} is no MD5"))?;
        let saved = Saved {
            id,
            size: Some(bytes),
            nfiles: None,
            is_exec: false,
        };
        self.file.set(self.at, &saved);
        self.file.write()?;
        Ok(())
    }
}
