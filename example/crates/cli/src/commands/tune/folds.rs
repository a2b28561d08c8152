//! The training period in folds, each with features that learned from its own training rows.

use std::borrow::Cow;
use std::path::Path;

use anyhow::Context as _;
use mlops_data::calendar::{self, Day};
use mlops_data::{Contract, Table, tables};
use mlops_features::{Definitions, FeatureError, FeatureService, Observation, observe};
use mlops_learning::splits::{self, Fold};
use mlops_learning::{Dataset, LearningError, model_file};

use super::super::feature_table::{self, FeatureTable};
use super::super::{between, needs, read_observations};
use crate::params::{Folds, Params, Split};
use crate::{Failure, Outcome, Project};

/// The observations of the training period. Those of the test aren't there to be looked at.
pub(super) struct Input {
    table: Table,
    pub path: String,
    pub sha256: String,
}

/// Rows to learn from and to judge by.
#[derive(Clone)]
pub(super) struct Rows {
    pub train: Dataset,
    pub test: Dataset,
    /// The days of those to learn from.
    pub days: Vec<Day>,
}

/// Every fold with all features of the service.
pub(super) struct FoldSet {
    folds: Vec<Rows>,
    /// Which features each choice of `features.without` leaves is asked of these.
    definitions: Definitions,
    service: String,
    description: String,
}

impl Input {
    /// Reads the table and leaves out what is tested on.
    pub(super) fn read<P: Project>(
        file: Option<&Path>,
        params: &Params,
        contract: &Contract,
        definitions: &Definitions,
    ) -> Outcome<Input> {
        if matches!(
            params.split,
            Split::Random { .. } | Split::Stratified { .. }
        ) {
            return Err(Failure::user(anyhow::anyhow!(
                "split.by parts rows at random: a search has to leave the test alone, and its rows would lie among those trained on. Split by time or by group"
            )));
        }
        let file = match file {
            Some(file) => file,
            None => {
                let file = params.file_of(definitions.source_of(&params.features.service)?);
                needs(file, "data import")?;
                file
            }
        };
        let table = read_observations(file, contract, tables::LabelNeed::Required)?;
        let until = params.last_training_day().map_err(Failure::user)?;
        let table = between(table, contract, None, until)?;
        let observations = observe::<P::Observation>(&table)?;
        let held_out =
            feature_table::held_out(observations.iter().map(Observation::entity), params)?;
        let keep: Vec<bool> = observations
            .iter()
            .map(|row| !held_out.contains(row.entity()))
            .collect();
        let table = if held_out.is_empty() {
            table
        } else {
            table.filter(&keep)
        };
        let bytes =
            std::fs::read(file).map_err(|error| Failure::from(anyhow::Error::from(error)))?;
        Ok(Input {
            table,
            path: file.display().to_string(),
            sha256: model_file::fingerprint(&bytes),
        })
    }
}

impl FoldSet {
    /// Parts the rows and computes the features of each fold.
    pub(super) fn build<P: Project>(
        project: &P,
        input: Input,
        params: &Params,
        contract: &Contract,
        definitions: &Definitions,
    ) -> Outcome<FoldSet> {
        let name = &params.features.service;
        let service = FeatureService::declared(&project.registry(), definitions, name, &[])?;
        let observations = observe::<P::Observation>(&input.table)?;
        let by_rows = by_rows(&observations, params)?;
        let count = params.tune.folds.count();
        let mut folds = Vec::with_capacity(count);
        for at in 0..count {
            let learns = |row: usize| by_rows.as_ref().is_none_or(|folds| folds[at].train[row]);
            let training: Vec<&P::Observation> = (0..observations.len())
                .filter(|row| learns(*row))
                .map(|row| &observations[row])
                .collect();
            let matrix = service.rows(&observations, &project.reference(&training));
            let table = feature_table::assemble(&input.table, contract, matrix)?;
            let table = feature_table::take_apart(&table, contract).map_err(Failure::user)?;
            let fold = match &by_rows {
                Some(folds) => Fold {
                    train: FeatureTable::pick(&folds[at].train, &table.labelled),
                    test: FeatureTable::pick(&folds[at].test, &table.labelled),
                },
                None => at_random(&table.labels, at, params)?,
            };
            let rows = Rows {
                train: table.dataset(&fold.train)?,
                test: table.dataset(&fold.test)?,
                days: FeatureTable::pick(&table.days, &fold.train),
            };
            for (side, rows) in [("learn from", &rows.train), ("judge by", &rows.test)] {
                rows.trainable()
                    .with_context(|| format!("fold {}, rows to {side}", at + 1))
                    .map_err(Failure::user)?;
            }
            folds.push(rows);
        }
        let description = tell(&params.tune.folds, &folds);
        Ok(FoldSet {
            folds,
            definitions: definitions.clone(),
            service: name.clone(),
            description,
        })
    }

    /// A fold without the features of these views.
    pub(super) fn fold(
        &self,
        at: usize,
        without: &[String],
    ) -> mlops_learning::Result<Cow<'_, Rows>> {
        let rows = &self.folds[at];
        let unknown = |error: FeatureError| LearningError::Data(error.to_string());
        let service = self.definitions.service(&self.service).map_err(unknown)?;
        let left = self
            .definitions
            .features(service, without)
            .map_err(unknown)?;
        if left.len() == rows.train.width() {
            return Ok(Cow::Borrowed(rows));
        }
        let own = |name: &String| left.iter().any(|(_, field)| field.name.value == *name);
        let keep: Vec<bool> = rows.train.names.iter().map(own).collect();
        Ok(Cow::Owned(Rows {
            train: rows.train.with_features(&keep),
            test: rows.test.with_features(&keep),
            days: rows.days.clone(),
        }))
    }

    /// How many folds there are.
    pub(super) fn len(&self) -> usize {
        self.folds.len()
    }

    /// What the folds are, for people.
    pub(super) fn describe(&self) -> &str {
        &self.description
    }
}

/// The folds of all observations, those without a label among them: what features learn from has to be
/// known before there are features. None if rows are dealt at random: then features learn from all.
fn by_rows<O: Observation>(observations: &[O], params: &Params) -> Outcome<Option<Vec<Fold>>> {
    Ok(match params.tune.folds {
        Folds::Rolling { count, days } => {
            let all: Vec<Day> = observations.iter().map(Observation::day).collect();
            Some(splits::rolling_origin(&all, count, days)?)
        }
        Folds::Group { count } => {
            let all: Vec<&str> = observations.iter().map(Observation::entity).collect();
            Some(splits::group_k_fold(&all, count, params.seed)?)
        }
        Folds::Random { .. } | Folds::Stratified { .. } => {
            tracing::warn!(
                "tune.folds deals rows of a time series at random: the scores flatter every trial"
            );
            None
        }
    })
}

/// A fold of rows dealt at random.
fn at_random(labels: &[bool], at: usize, params: &Params) -> Outcome<Fold> {
    let count = params.tune.folds.count();
    let folds = match params.tune.folds {
        Folds::Stratified { .. } => splits::stratified_k_fold(labels, count, params.seed)?,
        _ => splits::k_fold(labels.len(), count, params.seed)?,
    };
    let fold = folds.into_iter().nth(at);
    fold.ok_or_else(|| Failure::run(anyhow::anyhow!("there is no fold {}", at + 1)))
}

fn tell(by: &Folds, folds: &[Rows]) -> String {
    let (Some(first), Some(last)) = (folds.first(), folds.last()) else {
        return String::new();
    };
    match by {
        Folds::Rolling { count, days } => format!(
            "{count} folds: {} rows to learn from until {}, then the next {days} days to judge by; in the last {} until {}",
            crate::output::thousands(first.train.rows()),
            iso(&first.days),
            crate::output::thousands(last.train.rows()),
            iso(&last.days),
        ),
        Folds::Random { count } => format!("{count} folds of rows dealt at random"),
        Folds::Stratified { count } => {
            format!("{count} folds of rows dealt at random, class by class")
        }
        Folds::Group { count } => format!("{count} folds of whole entities"),
    }
}

fn iso(days: &[Day]) -> String {
    days.iter()
        .max()
        .map_or_else(String::new, |day| calendar::format_iso(*day))
}
