//! The pin of a table: which content the `.dvc` file beside it says that it has.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Context as _;
use mlops_versioning::{DvcFile, HashKind, ObjectId, OutEntry, Saved, hash_file};

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
        let whole = mlops_versioning::path::normal(&here.join(table));
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
