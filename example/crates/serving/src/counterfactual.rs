//! What of an observation would have to be otherwise for the other answer, by the way on which answers
//! are given: changes are made to the observation, and its features are computed again.

use mlops_data::contract::ColumnRule;
use mlops_data::expression::{Expression, Outcome};
use mlops_data::neighbours::Neighbours;
use mlops_data::{Cell, Column, Contract, Table, Values};
use mlops_features::{FeatureError, History, Observation, end_of};
use mlops_learning::explain::counterfactual::{Answer, Effort, Input, search};
use rayon::prelude::*;
use serde::Serialize;

use crate::{Inference, Result, ServingError};

/// Values that a column is tried at: its quantiles from 1 % to 99 %.
const CHOICES: usize = 21;
/// Known values of the entity itself from which on these are taken, and not all entities'.
const ENOUGH: usize = 100;

/// Changes to an observation that give the other answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Otherwise {
    /// What would be otherwise, in the order of the contract.
    pub changes: Vec<Change>,
    /// Sum of the changes, each in standard deviations of its column.
    pub distance: f64,
    /// The probability that follows.
    pub probability: f64,
    /// The class that follows.
    pub decision: String,
}

/// A number that would be another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Its column.
    pub column: String,
    /// Its unit, if it has one.
    pub unit: Option<String>,
    /// What it is.
    pub from: f64,
    /// What it would be.
    pub to: f64,
}

impl<O: Observation> Inference<O> {
    /// The fewest and smallest changes found that give a row of a table the other answer. Only columns that
    /// the contract calls controllable are changed, within its range, as far as the column's 1 % and 99 % quantiles, and
    /// never so that a rule of the contract is broken that holds now. None if no such changes are found, which
    /// doesn't prove that there are none.
    ///
    /// # Errors
    /// If no column is controllable, a table lacks a column, or a value doesn't fit.
    ///
    /// # Panics
    /// If the table has no such row.
    pub fn otherwise(
        &self,
        table: &Table,
        before: Option<&Table>,
        row: usize,
        effort: Effort,
    ) -> Result<Option<Otherwise>> {
        let contract = self.contract();
        let controllable = contract.columns.iter().filter(|column| column.controllable);
        let (rules, inputs): (Vec<&ColumnRule>, Vec<Input>) = controllable
            .filter_map(|column| Some((column, input(column, table, contract, row)?)))
            .unzip();
        if !contract.columns.iter().any(|column| column.controllable) {
            return Err(ServingError::Uncontrollable {
                path: contract.path.clone(),
            });
        }
        let scene = self.scene(table, before, row)?;
        let history = History::new(scene.around());
        let as_of = end_of(scene.today().day());
        let reference = &self.feature_state().reference;
        let limits = Limits::new(table, contract, row);
        let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
        let probability = |values: &[f64]| -> Result<f64> {
            let today: O = altered(table, row, &names, values)?;
            let features = (self.service()).row_in(&today, &history, reference, as_of);
            let model = self.model();
            Ok(model.probability_of(model.predictor.margin(&features)))
        };
        let now = probability(&inputs.iter().map(|input| input.value).collect::<Vec<_>>())?;
        let wanted = !self.model().decide(now);
        let answer = |asked: &[Vec<f64>]| -> Result<Vec<Answer>> {
            let possible = limits.possible(&names, asked);
            let each = asked.par_iter().zip(possible).map(|(values, possible)| {
                if !possible {
                    return Ok(Answer::Impossible);
                }
                let probability = probability(values)?;
                let towards = if wanted { probability } else { -probability };
                Ok(if self.model().decide(probability) == wanted {
                    Answer::Other(towards)
                } else {
                    Answer::Same(towards)
                })
            });
            each.collect()
        };
        let Some(found) = search(&inputs, effort, answer)? else {
            return Ok(None);
        };
        let mut values: Vec<f64> = inputs.iter().map(|input| input.value).collect();
        for (input, value) in &found.changes {
            values[*input] = *value;
        }
        let probability = probability(&values)?;
        let changes = found.changes.iter().map(|(at, to)| Change {
            column: rules[*at].name.clone(),
            unit: rules[*at].unit.clone(),
            from: inputs[*at].value,
            to: *to,
        });
        Ok(Some(Otherwise {
            changes: changes.collect(),
            distance: found.distance,
            probability,
            decision: self.decide(probability).into(),
        }))
    }
}

/// A column that may be changed; none if the row doesn't know it, or it never differs.
fn input(rule: &ColumnRule, table: &Table, contract: &Contract, row: usize) -> Option<Input> {
    let Some(Values::Number(values)) = table.get(&rule.name) else {
        return None;
    };
    let value = values.get(row).copied().filter(|value| value.is_finite())?;
    let all = || values.iter().copied().filter(|value| value.is_finite());
    let mut known: Vec<f64> = match table.get(&contract.entity) {
        Some(Values::Category { codes, .. }) => {
            let own = values
                .iter()
                .zip(codes)
                .filter(|(_, code)| **code == codes[row]);
            own.map(|(value, _)| *value)
                .filter(|value| value.is_finite())
                .collect()
        }
        _ => Vec::new(),
    };
    if known.len() < ENOUGH {
        known = all().collect();
    }
    known.sort_unstable_by(f64::total_cmp);
    let count = known.len() as f64;
    let mean = known.iter().sum::<f64>() / count;
    let variance = known
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum::<f64>()
        / count;
    let spread = variance.sqrt();
    let [least, greatest] = rule.range.unwrap_or([f64::MIN, f64::MAX]);
    let mut choices: Vec<f64> = (0..CHOICES)
        .map(|step| 0.01 + 0.98 * step as f64 / (CHOICES - 1) as f64)
        .filter_map(|share| known.get((share * (count - 1.0)).round() as usize).copied())
        .filter(|choice| (least..=greatest).contains(choice))
        .collect();
    choices.dedup();
    (spread > 0.0).then_some(Input {
        value,
        choices,
        spread,
        step: step(&known),
    })
}

/// The last digit that is written: 1, 0.1, 0.01 or 0.001.
fn step(values: &[f64]) -> f64 {
    let written = |step: f64| {
        let whole = |value: &f64| {
            (value / step - (value / step).round()).abs() < 1e-6 * (value / step).abs().max(1.0)
        };
        values.iter().all(whole)
    };
    [1.0, 0.1, 0.01]
        .into_iter()
        .find(|step| written(*step))
        .unwrap_or(0.001)
}

/// The row's observation with other values in some columns.
fn altered<O: Observation>(table: &Table, row: usize, names: &[&str], values: &[f64]) -> Result<O> {
    let cell = |name: &&str| match names.iter().position(|changed| changed == name) {
        Some(at) => Cell::Number(values[at]),
        // `scene` has made an observation of this row: the columns are there.
        None => table
            .get(name)
            .map_or(Cell::Missing, |values| values.cell(row)),
    };
    let cells: Vec<Cell<'_>> = O::COLUMNS.iter().map(cell).collect();
    O::from_cells(&cells).map_err(|(column, message)| {
        let column = O::COLUMNS.get(column).copied().unwrap_or("?").into();
        FeatureError::Value {
            row: row + 1,
            column,
            message,
        }
        .into()
    })
}

/// The contract's rules that hold for a row as it is.
struct Limits<'a> {
    contract: &'a Contract,
    row: Table,
    rules: Vec<Expression>,
}

impl<'a> Limits<'a> {
    fn new(table: &Table, contract: &'a Contract, row: usize) -> Limits<'a> {
        let mut only = vec![false; table.rows()];
        only[row] = true;
        let row = table.filter(&only);
        let neighbours = Neighbours::new(&row, contract);
        // A contract that was read has had its rules parsed already.
        let rules = contract
            .rules
            .iter()
            .filter_map(|rule| Expression::parse(&rule.holds, contract).ok());
        let broken = |rule: &Expression| {
            let asked = rule.evaluate(&row, &neighbours).unwrap_or_default();
            asked.contains(&Outcome::Broken)
        };
        Limits {
            rules: rules.filter(|rule| !broken(rule)).collect(),
            row,
            contract,
        }
    }

    /// Whether each of some values of the named columns breaks no rule.
    fn possible(&self, names: &[&str], asked: &[Vec<f64>]) -> Vec<bool> {
        let columns = self.row.columns().iter().map(|column| Column {
            name: column.name.clone(),
            values: match names.iter().position(|name| *name == column.name) {
                Some(at) => Values::Number(asked.iter().map(|values| values[at]).collect()),
                None => column.values.repeated(asked.len()),
            },
        });
        let Some(table) = Table::new(columns.collect()) else {
            return vec![false; asked.len()];
        };
        let neighbours = Neighbours::new(&table, self.contract);
        let mut possible = vec![true; asked.len()];
        for rule in &self.rules {
            let outcomes = rule.evaluate(&table, &neighbours).unwrap_or_default();
            for (possible, outcome) in possible.iter_mut().zip(outcomes) {
                *possible &= outcome != Outcome::Broken;
            }
        }
        possible
    }
}
