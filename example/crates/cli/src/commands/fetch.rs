//! `data import` and `data fetch`: a table comes into the project, if it is the pinned one.

use std::path::Path;

use mlops_data::{DataError, FetchOptions, Imported, OnAttempt, tables};
use mlops_disk::{DiskError, redact};
use mlops_repository::path::check_output;
use mlops_repository::{HashKind, hash_file};
use serde::Serialize;

use crate::arguments::{FetchArguments, TableImportArguments};
use crate::output::thousands;
use crate::{Context, Failure, Outcome, OutputLock, Pin, Unit};

pub(super) fn import(arguments: &TableImportArguments, context: Context) -> Outcome<()> {
    let destination = context.params()?.data.file;
    check_inside(&destination, &context)?;
    let _lock = OutputLock::acquire([destination.as_path()])?;
    let pin = Expected::of(&destination, arguments.update_pin)?;
    let file = &arguments.file;
    if !arguments.replace && destination.exists() && !is_same(file, &destination)? {
        return Err(occupied(&destination, "another file"));
    }
    let check = pin.check(&file.display().to_string(), &context)?;
    let imported = mlops_data::import_if(file, &destination, pin.md5().as_deref(), check)
        .map_err(|error| pin.explain(error))?;
    let pin = pin.settle(&imported)?;
    show(imported.clone(), &imported, &destination, pin, context)
}

pub(super) fn fetch(arguments: FetchArguments, context: Context) -> Outcome<()> {
    let params = context.params()?.data;
    let Some(url) = arguments.url.or(params.url) else {
        return Err(Failure::user(anyhow::anyhow!(
            "nothing says where to fetch from: give --url, or data.url in params.yaml"
        )));
    };
    check_inside(&params.file, &context)?;
    let _lock = OutputLock::acquire([params.file.as_path()])?;
    let pin = Expected::of(&params.file, arguments.update_pin)?;
    if !arguments.replace && params.file.exists() {
        return Err(occupied(&params.file, "a file"));
    }
    let waiting = context
        .output
        .progress("waiting for the server", Unit::Time);
    let on_attempt = waiting.teller(|attempt| match attempt {
        1 => "waiting for the server".into(),
        more => format!("waiting for the server, request {more}"),
    });
    let options = FetchOptions {
        expected_md5: pin.md5(),
        allow_http: arguments.allow_http,
        on_attempt: OnAttempt::new(on_attempt),
        ..FetchOptions::default()
    };
    let mut waiting = Some(waiting);
    let mut progress = None;
    let check = pin.check(&redact(&url), &context)?;
    let received = |done, total: Option<u64>| {
        waiting = None;
        progress
            .get_or_insert_with(|| context.output.progress("downloading", Unit::Bytes))
            .to(done, total.unwrap_or(done));
    };
    let fetched = mlops_data::fetch_if(&url, &params.file, &options, received, check);
    drop((waiting, progress));
    let fetched = fetched.map_err(|error| pin.explain(error))?;
    let pin = pin.settle(&fetched.table)?;
    show(fetched.clone(), &fetched.table, &params.file, pin, context)
}

/// The params.yaml of a cloned project must not have files written outside of it; whoever types the command may.
fn check_inside(table: &Path, context: &Context) -> Outcome<()> {
    let refused = |why: &str| {
        Failure::user(anyhow::anyhow!(
            "data.file of params.yaml is {:?}, which {why}: name another file",
            table.display()
        ))
    };
    check_output(&table.to_string_lossy()).map_err(|why| refused(&why))?;
    let ending = table.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    if !ending.is_some_and(|ending| ending == "csv" || ending == "parquet") {
        return Err(refused("doesn't end in .csv or .parquet, as a table does"));
    }
    if context.sets("data.file") {
        return Ok(());
    }
    mlops_disk::inside(Path::new("."), table)
        .map_err(|error| Failure::user(anyhow::anyhow!("data.file of params.yaml: {error}")))?;
    Ok(())
}

/// Which table may come.
struct Expected {
    pin: Option<Pin>,
    /// Whether any may, and becomes the pinned one.
    update: bool,
}

/// What became of the pin.
enum Settled {
    None,
    Matched,
    Updated {
        name: String,
        before: Option<String>,
    },
}

impl Expected {
    fn of(table: &Path, update: bool) -> Outcome<Expected> {
        let pin = Pin::of(table)?;
        if let Some(pin) = pin.as_ref().filter(|_| update) {
            pin.check_may_change()?;
        }
        Ok(Expected { pin, update })
    }

    /// The only MD5 that may come.
    fn md5(&self) -> Option<String> {
        self.pin.as_ref().filter(|_| !self.update)?.md5()
    }

    /// What a table must be that becomes the pinned one: readable, with the columns of the contract.
    fn check(
        &self,
        from: &str,
        context: &Context,
    ) -> Outcome<impl FnOnce(&Path) -> mlops_data::Result<()> + use<>> {
        let contract = match self.update {
            true => Some(context.contract()?),
            false => None,
        };
        let from = from.to_owned();
        Ok(move |staged: &Path| {
            let Some(contract) = contract else {
                return Ok(());
            };
            let read = tables::read(staged, &contract, tables::ReadOptions::default());
            read.map(drop).map_err(|error| {
                // Nobody knows the name that it has meanwhile.
                let said = error.to_string().replace(&staged.display().to_string(), "");
                DataError::Import {
                    path: from.into(),
                    message: format!(
                        "is no table of this project, so nothing was replaced: {}",
                        said.trim_start_matches([':', ',', ' '])
                    ),
                }
            })
        })
    }

    /// Says of another table which file pins it, and what to do.
    fn explain(&self, error: DataError) -> Failure {
        match (&error, &self.pin) {
            (
                DataError::OtherContent {
                    from,
                    found,
                    expected,
                },
                Some(pin),
            ) => Failure::user(anyhow::anyhow!(
                "{from}: the table's MD5 is {found}, but {} pins {expected}. Nothing was replaced. Get the pinned table, or give --update-pin to pin this one (results then differ from the committed ones)",
                pin.name()
            )),
            _ => error.into(),
        }
    }

    /// Pins what came, if that was asked for.
    fn settle(self, table: &Imported) -> Outcome<Settled> {
        let Some(mut pin) = self.pin else {
            return Ok(Settled::None);
        };
        let before = pin.md5();
        if before.as_deref() == Some(&table.md5) {
            return Ok(Settled::Matched);
        }
        if !self.update {
            // A pin without a hash: nothing was ever saved for it.
            return Ok(Settled::None);
        }
        pin.update(&table.md5, table.bytes)?;
        Ok(Settled::Updated {
            name: pin.name().into(),
            before,
        })
    }
}

/// What is there may be somebody's only copy.
fn occupied(destination: &Path, what: &str) -> Failure {
    Failure::user(anyhow::anyhow!(
        "{}: {what} is there already: move it away, or give --replace to lose it",
        destination.display()
    ))
}

fn is_same(file: &Path, destination: &Path) -> Outcome<bool> {
    let [one, other] = [file, destination].map(|path| {
        hash_file(HashKind::Md5, path).map_err(|error| DiskError::io("read", path, error))
    });
    Ok(one? == other?)
}

/// For programs: what came, and what became of the pin.
#[derive(Serialize)]
struct Shown<T> {
    #[serde(flatten)]
    result: T,
    pin: &'static str,
}

fn show(
    result: impl Serialize,
    table: &Imported,
    to: &Path,
    pin: Settled,
    context: Context,
) -> Outcome<()> {
    let (word, text) = match &pin {
        Settled::None => ("none", "no file is pinned".into()),
        Settled::Matched => ("matched", "it is the pinned file".into()),
        Settled::Updated { name, before } => {
            let before = before.as_deref().unwrap_or("nothing");
            let text = format!(
                "{name} pins it now (before: {before}): results will differ from the committed ones"
            );
            ("updated", text)
        }
    };
    let text = format!(
        "{} bytes → {}\nmd5 {}: {text}",
        thousands(table.bytes as usize),
        to.display(),
        table.md5
    );
    Ok(context.output.show(&Shown { result, pin: word }, text)?)
}
