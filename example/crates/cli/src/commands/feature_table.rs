//! The feature table: the key, the features, the label, and the label's value of
//! the day itself, from which the persistence baseline guesses.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use mlops_data::calendar::{self, Day};
use mlops_data::{Column, Contract, Table, Values};
use mlops_features::FeatureMatrix;
use mlops_learning::{Dataset, splits};

use crate::params::{Params, Split};
use crate::{Failure, Outcome};

/// Rows put together at once.
const BLOCK: usize = 256;

/// Feature rows with a known label.
pub(crate) struct FeatureTable {
    pub names: Vec<String>,
    /// Row after row.
    pub features: Vec<f32>,
    pub labels: Vec<bool>,
    pub days: Vec<Day>,
    /// A number for each entity.
    pub entities: Vec<u32>,
    /// The entities of all rows, those without a label among them, by their number.
    pub entity_names: BTreeMap<u32, String>,
    /// Which rows of the file these are: true where the label is known.
    pub labelled: Vec<bool>,
    /// The label's value of the day itself, where the table has it.
    pub today: Vec<Option<bool>>,
    /// The negative and the positive class.
    pub classes: [String; 2],
}

/// True where a row is trained on, kept for calibration, or tested on.
pub(crate) struct SplitRows {
    pub train: Vec<bool>,
    pub calibrate: Vec<bool>,
    pub test: Vec<bool>,
}

/// Puts a table together that [`take_apart`] takes apart.
pub(crate) fn assemble(
    observations: &Table,
    contract: &Contract,
    matrix: FeatureMatrix,
) -> Outcome<Table> {
    let mut columns = Vec::new();
    let mut copy = |name: &str| -> Outcome<()> {
        if let Some(values) = observations.get(name) {
            columns.push(Column {
                name: name.into(),
                values: values.clone(),
            });
        }
        Ok(())
    };
    let mut kept = vec![&contract.time, &contract.entity, &contract.label.column];
    kept.extend(&contract.label.today);
    for name in kept {
        copy(name)?;
    }
    columns.extend(
        matrix
            .into_columns()
            .into_iter()
            .map(|(name, values)| Column {
                name,
                values: Values::Single(values),
            }),
    );
    Table::new(columns).ok_or_else(|| {
        Failure::user(anyhow::anyhow!(
            "a feature has the name of a column of the table: rename it"
        ))
    })
}

/// The rows of a feature table; those without a label are left out.
pub(crate) fn take_apart(table: &Table, contract: &Contract) -> anyhow::Result<FeatureTable> {
    let label = flags(table, &contract.label.column, &contract.label.positive)?
        .context("it has no label column: build it with `features build`")?;
    let keep: Vec<bool> = label.iter().map(Option::is_some).collect();
    let classes = classes(table, contract)?;
    let days = match table.get(&contract.time) {
        Some(Values::Date(days)) => FeatureTable::pick(days, &keep),
        _ => anyhow::bail!("it has no dates in {:?}", contract.time),
    };
    let (entities, entity_names) = match table.get(&contract.entity) {
        Some(Values::Category { codes, levels }) => {
            let occurring: BTreeSet<u32> = codes.iter().copied().collect();
            let name = |code: u32| Some((code, levels.get(code as usize)?.clone()));
            (
                FeatureTable::pick(codes, &keep),
                occurring.into_iter().filter_map(name).collect(),
            )
        }
        _ => anyhow::bail!("it has no names in {:?}", contract.entity),
    };
    let today = match &contract.label.today {
        Some(column) => flags(table, column, &contract.label.positive)?,
        None => None,
    };
    let columns: Vec<(&str, &[f32])> = table
        .columns()
        .iter()
        .filter_map(|column| match &column.values {
            Values::Single(values) => Some((column.name.as_str(), values.as_slice())),
            _ => None,
        })
        .collect();
    ensure!(
        !columns.is_empty(),
        "it has no features: build it with `features build`"
    );
    Ok(FeatureTable {
        names: columns.iter().map(|(name, _)| name.to_string()).collect(),
        features: rows(&columns, &keep),
        labels: label.into_iter().flatten().collect(),
        today: match today {
            Some(today) => FeatureTable::pick(&today, &keep),
            None => vec![None; days.len()],
        },
        days,
        entities,
        entity_names,
        classes,
        labelled: keep,
    })
}

/// The columns' values row after row, of the rows for which `keep` is true.
fn rows(columns: &[(&str, &[f32])], keep: &[bool]) -> Vec<f32> {
    let width = columns.len();
    let kept: Vec<usize> = (0..keep.len()).filter(|row| keep[*row]).collect();
    let mut features = vec![0.0; kept.len() * width];
    // A few hundred rows at once: they stay in the cache until their last column is in.
    let blocks = features.chunks_mut(BLOCK * width);
    for (block, kept) in blocks.zip(kept.chunks(BLOCK)) {
        for (at, (_, values)) in columns.iter().enumerate() {
            let places = block[at..].iter_mut().step_by(width);
            for (place, row) in places.zip(kept) {
                *place = values[*row];
            }
        }
    }
    features
}

/// The label's two values, the positive one last.
fn classes(table: &Table, contract: &Contract) -> anyhow::Result<[String; 2]> {
    let positive = &contract.label.positive;
    let declared = contract
        .column(&contract.label.column)
        .and_then(|rule| rule.values.as_ref());
    let found = match table.get(&contract.label.column) {
        Some(Values::Category { levels, .. }) => Some(levels),
        _ => None,
    };
    let negative = declared
        .or(found)
        .and_then(|values| values.iter().find(|value| *value != positive));
    Ok([
        negative
            .context("its label has one value only: a model needs two")?
            .clone(),
        positive.clone(),
    ])
}

/// A category as true where it has the positive value.
pub(crate) fn flags(
    table: &Table,
    column: &str,
    positive: &str,
) -> anyhow::Result<Option<Vec<Option<bool>>>> {
    match table.get(column) {
        None => Ok(None),
        Some(Values::Category { codes, levels }) => {
            let known: Vec<&String> = levels.iter().filter(|level| *level != positive).collect();
            ensure!(
                known.len() <= 1,
                "{column:?} has the values {}: a label must have two, {positive:?} and another",
                levels.join(", ")
            );
            Ok(Some(
                codes
                    .iter()
                    .map(|code| levels.get(*code as usize).map(|level| level == positive))
                    .collect(),
            ))
        }
        Some(_) => anyhow::bail!("{column:?} is not a category with the value {positive:?}"),
    }
}

impl FeatureTable {
    /// Which rows are trained on, which are kept for calibration and which are tested on.
    pub(crate) fn split(&self, params: &Params) -> Outcome<SplitRows> {
        let split = &params.split;
        let at_random = |test: mlops_learning::Result<Vec<bool>>| {
            let test = test?;
            Outcome::Ok(SplitRows {
                train: test.iter().map(|test| !test).collect(),
                calibrate: vec![false; test.len()],
                test,
            })
        };
        let flatters = || {
            tracing::warn!(
                "rows of a time series are split at random: the scores flatter the model"
            )
        };
        let rows = match split {
            Split::Random { test_share } => {
                flatters();
                at_random(splits::hold_out(self.days.len(), *test_share, params.seed))?
            }
            Split::Stratified { test_share } => {
                flatters();
                at_random(splits::stratified_hold_out(
                    &self.labels,
                    *test_share,
                    params.seed,
                ))?
            }
            Split::Group { .. } => {
                let held_out = held_out(self.entity_names.values().map(String::as_str), params)?;
                let name = |entity: &u32| self.entity_names.get(entity).map(String::as_str);
                let test = self
                    .entities
                    .iter()
                    .map(|entity| name(entity).is_some_and(|name| held_out.contains(name)));
                at_random(Ok(test.collect()))?
            }
            Split::Time { .. } => {
                let test_from = split.first_test_day().map_err(Failure::user)?;
                let from = params.calibration_from().map_err(Failure::user)?;
                let calibrate_from = from.unwrap_or(test_from);
                let within = |days: std::ops::Range<Day>| {
                    self.days.iter().map(|day| days.contains(day)).collect()
                };
                SplitRows {
                    train: within(Day::MIN..calibrate_from),
                    calibrate: within(calibrate_from..test_from),
                    test: self.days.iter().map(|day| *day >= test_from).collect(),
                }
            }
        };
        let count = |keep: &[bool]| keep.iter().filter(|keep| **keep).count();
        let (train, test) = (count(&rows.train), count(&rows.test));
        if train == 0 || test == 0 {
            let (first, last) = self.span();
            return Err(Failure::user(anyhow::anyhow!(
                "the split gives {train} rows to train on and {test} to test on: the table goes from {first} to {last}, so change `split` in params.yaml"
            )));
        }
        Ok(rows)
    }

    /// The rows for which `keep` is true.
    pub(crate) fn dataset(&self, keep: &[bool]) -> Outcome<Dataset> {
        let width = self.names.len();
        let labels = FeatureTable::pick(&self.labels, keep);
        let mut features = Vec::with_capacity(labels.len() * width);
        let rows = self.features.chunks_exact(width).zip(keep);
        for (row, _) in rows.filter(|(_, keep)| **keep) {
            features.extend_from_slice(row);
        }
        Ok(Dataset::new(self.names.clone(), features, labels)?)
    }

    /// The rows for which `keep` is true; the table keeps no features. A training set is
    /// large, and this needs no room for a second one.
    pub(crate) fn take_dataset(&mut self, keep: &[bool]) -> Outcome<Dataset> {
        let width = self.names.len();
        let labels = FeatureTable::pick(&self.labels, keep);
        let mut features = std::mem::take(&mut self.features);
        let mut end = 0;
        for (row, _) in keep.iter().enumerate().filter(|(_, keep)| **keep) {
            features.copy_within(row * width..(row + 1) * width, end);
            end += width;
        }
        features.truncate(end);
        features.shrink_to_fit();
        Ok(Dataset::new(self.names.clone(), features, labels)?)
    }

    /// The values of the rows for which `keep` is true.
    pub(crate) fn pick<T: Clone>(values: &[T], keep: &[bool]) -> Vec<T> {
        values
            .iter()
            .zip(keep)
            .filter(|(_, keep)| **keep)
            .map(|(value, _)| value.clone())
            .collect()
    }

    /// First and last day, `yyyy-mm-dd`.
    pub(crate) fn span(&self) -> (String, String) {
        let iso = |day: Option<&Day>| {
            day.map_or_else(|| "nowhere".into(), |day| calendar::format_iso(*day))
        };
        (iso(self.days.iter().min()), iso(self.days.iter().max()))
    }
}

/// The entities that are tested on and not learned from, if `split` parts the rows by entity.
pub(crate) fn held_out<'a>(
    entities: impl IntoIterator<Item = &'a str>,
    params: &Params,
) -> Outcome<BTreeSet<String>> {
    let Split::Group { test_share } = params.split else {
        return Ok(BTreeSet::new());
    };
    let names: BTreeSet<&str> = entities.into_iter().collect();
    let names: Vec<&str> = names.into_iter().collect();
    let held = splits::group_hold_out(&names, test_share, params.seed)?;
    let held = names.iter().zip(held).filter(|(_, held)| *held);
    Ok(held.map(|(name, _)| (*name).to_owned()).collect())
}
