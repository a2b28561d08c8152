//! The model in use, which a new one must not be worse than: a file, or what another revision has.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use mlops_data::Contract;
use mlops_data::calendar::{self, Day};
use mlops_features::{Observation, Registry};
use mlops_repository::Source;
use mlops_serving::Inference;
use mlops_versioning::operations::transfer::{self, TransferOptions};
use mlops_versioning::{Repository, silent};

use super::super::needs;
use crate::{Failure, Outcome};

/// The champion, or why the gates that ask it aren't asked.
pub(super) enum Champion<O: Observation> {
    Model(Box<Inference<O>>),
    None(String),
}

impl<O: Observation> Champion<O> {
    /// Opens what `--champion` names. One of another revision that can't be asked is no error if it is
    /// `optional`: a first model has none.
    pub(super) fn open(
        named: Option<&str>,
        optional: bool,
        registry: &Registry<O>,
        contract: &Contract,
        test: &[Day],
    ) -> Outcome<Champion<O>> {
        let Some(named) = named else {
            return Ok(Champion::None("no --champion was given".to_owned()));
        };
        let open = |path: &Path| {
            let champion = Inference::<O>::open(path, registry, contract.clone())?;
            is_unseen(&champion, named, test)?;
            Ok::<_, Failure>(Champion::Model(Box::new(champion)))
        };
        let (revision, path) = match named.split_once(':') {
            Some(parts) if !Path::new(named).exists() => parts,
            _ => {
                needs(Path::new(named), "train")?;
                return open(Path::new(named));
            }
        };
        let skip = |failure: Failure, detail: String| {
            tracing::warn!(
                "--champion {named}: {}; its gates are not asked",
                failure.message()
            );
            Ok(Champion::None(detail))
        };
        match at_revision(revision, path) {
            Ok(file) => match open(&file) {
                Err(failure) if optional => {
                    let detail = format!("{named} can't be asked: {}", failure.message());
                    skip(failure, detail)
                }
                opened => opened,
            },
            // Why depends on where this runs; the report that is kept must not.
            Err(failure) if optional => skip(failure, format!("there is no model at {named}")),
            Err(failure) => Err(Failure::user(anyhow!(
                "--champion {named}: {}. If there may be none, as before the first commit, say so in the gates' file: champion_optional: true",
                failure.message()
            ))),
        }
    }
}

/// The file in the cache that a revision has at a path as seen from here; fetched, if only a remote has it.
fn at_revision(revision: &str, path: &str) -> Outcome<PathBuf> {
    let missing = |what: String| Err(Failure::user(anyhow!(what)));
    let here = std::env::current_dir().map_err(anyhow::Error::from)?;
    let repository = Repository::find(&here)?;
    let Some(git) = repository.git() else {
        return missing(format!(
            "{} isn't in a Git repository, so it has no revision {revision}",
            here.display()
        ));
    };
    let Some(commit) = git.resolve(revision)? else {
        return missing(format!("{revision} has no commit yet"));
    };
    let full = mlops_repository::path::normal(&here.join(path));
    let tracked = repository
        .declarations_of(&Source::revision(repository.root(), &commit)?)?
        .select(&[full], false)?;
    let id = match &tracked[..] {
        [one] if one.part.is_none() => one.out.id.filter(|id| !id.dir),
        _ => None,
    };
    let Some(id) = id else {
        return missing(format!(
            "{path} of {revision} isn't one file that a stage has made: give the path of a model"
        ));
    };
    let cache = repository.cache();
    if !cache.has(&id) {
        let fetched = transfer::fetch(&repository, &tracked, &TransferOptions::default(), &silent);
        if !cache.has(&id) {
            let why = match fetched {
                Err(error) => format!(": {error}"),
                Ok(_) => String::new(),
            };
            return missing(format!(
                "the content of {path} of {revision} ({id}) is neither in the cache nor on a remote{why}; `repro` on that revision makes it, `push` there shares it"
            ));
        }
    }
    Ok(cache.path(&id))
}

/// A champion that has seen the test would win by memory.
fn is_unseen<O: Observation>(champion: &Inference<O>, named: &str, test: &[Day]) -> Outcome<()> {
    let training = &champion.model().metadata.training;
    let (Some(last), Some(first)) = (calendar::parse_iso(&training.last), test.iter().min()) else {
        return Ok(());
    };
    if last < *first {
        return Ok(());
    }
    Err(Failure::user(anyhow!(
        "--champion {named}: it was trained until {}, and the test begins on {}: compare on days that it hasn't seen, with a later split.test_from",
        training.last,
        calendar::format_iso(*first)
    )))
}
