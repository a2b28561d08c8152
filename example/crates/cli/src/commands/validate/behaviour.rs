//! Gates that change observations, and look at what the model makes of it.

use mlops_data::{Change, Column, Fault, Table, Values};
use mlops_learning::gates::{Judged, Limit, Shift, roc_auc_falls};
use rand::SeedableRng;
use rand::seq::SliceRandom;

use super::declared::{Direction, DirectionGate, FallGate, NoiseGate, direction_name};
use super::groups;
use super::judge::Exam;
use crate::commands::feature_table::FeatureTable;
use crate::output::thousands;
use crate::{Failure, Outcome, Project};

impl<P: Project> Exam<'_, P> {
    /// Only the observation asked about is changed, where the field is known, within the contract's range.
    pub(super) fn direction(&self, gate: &DirectionGate) -> Outcome<Judged> {
        let field = gate.field.value.as_str();
        let range = self.contract.column(field).and_then(|rule| rule.range);
        let [least, most] = range.unwrap_or([f64::NEG_INFINITY, f64::INFINITY]);
        let changed = with_column(&self.drawn.table, field, |values| {
            if let Values::Number(values) = values {
                for value in values.iter_mut().filter(|value| !value.is_nan()) {
                    *value = (*value + gate.change).clamp(least, most);
                }
            }
        });
        let after = self.drawn.today(&changed)?;
        let known = self.known(field);
        let (before, after) = (
            FeatureTable::pick(&self.drawn.before, &known),
            FeatureTable::pick(&after, &known),
        );
        let (name, reason) = (direction_name(gate), &gate.reason.value);
        let limit = Limit::MoreThan(0.0);
        if before.is_empty() {
            return Ok(Judged::not_asked(
                name,
                limit,
                reason,
                "no drawn row has a value",
            ));
        }
        let shift = Shift::new(&before, &after)?;
        let (mean, right, words) = match gate.probability {
            Direction::Rises => (shift.mean, shift.rise, "rises"),
            Direction::Falls => (-shift.mean, shift.fall, "falls"),
        };
        let detail = format!(
            "how far the probability {words} on average with {field} {:+}; it {words} on {:.0} % of {} rows",
            gate.change,
            right * 100.0,
            thousands(before.len())
        );
        Ok(Judged::new(name, mean, limit, reason).detail(detail))
    }

    /// Which drawn rows have a value in this column.
    fn known(&self, column: &str) -> Vec<bool> {
        let drawn = (0..self.drawn.rows.len()).filter(|row| self.drawn.rows[*row]);
        match self.drawn.table.get(column) {
            Some(Values::Number(values)) => drawn.map(|row| !values[row].is_nan()).collect(),
            _ => drawn.map(|_| false).collect(),
        }
    }

    /// Every sensor named is noisy at once: today, the days before, and around.
    pub(super) fn noise(&self, gate: &NoiseGate) -> Outcome<Judged> {
        let mut table = self.drawn.table.clone();
        for (at, (column, std)) in gate.columns.value.iter().enumerate() {
            let noise = Change::Noise {
                column: column.clone(),
                std: *std,
            };
            table = everywhere(noise).apply(table, self.contract, self.seed + at as u64)?;
        }
        let falls = self.falls(&table)?;
        let limit = Limit::AtMost(gate.roc_auc_falls_at_most);
        let detail = format!(
            "fall of ROC AUC with noise on {} columns at once",
            gate.columns.value.len()
        );
        Ok(Judged::new("noise", falls, limit, &gate.reason.value).detail(detail))
    }

    /// One column at a time is missing: today, the days before, and around.
    pub(super) fn missing_column(&self, gate: &FallGate) -> Outcome<Judged> {
        let mut falls = Vec::new();
        for column in groups::measured_names(self.contract) {
            if self.drawn.table.get(column).is_none() {
                continue;
            }
            let gone = Change::Missing {
                column: column.into(),
            };
            let table = everywhere(gone).apply(self.drawn.table.clone(), self.contract, 0)?;
            falls.push((self.falls(&table)?, column));
        }
        let limit = Limit::AtMost(gate.roc_auc_falls_at_most);
        let reason = &gate.reason.value;
        Ok(match falls.iter().max_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((most, column)) => {
                let detail = format!(
                    "fall of ROC AUC without {column}, the worst of {} columns",
                    falls.len()
                );
                Judged::new("missing_column", *most, limit, reason).detail(detail)
            }
            None => Judged::not_asked("missing_column", limit, reason, "no column is measured"),
        })
    }

    /// Every entity has a name that nobody has heard of: its history is its own, and nothing else is known.
    pub(super) fn unknown_entity(&self, gate: &FallGate) -> Outcome<Judged> {
        let renamed = with_column(&self.drawn.table, &self.contract.entity, |values| {
            if let Values::Category { levels, .. } = values {
                levels
                    .iter_mut()
                    .for_each(|level| level.insert_str(0, "unknown "));
            }
        });
        let falls = self.falls(&renamed)?;
        let limit = Limit::AtMost(gate.roc_auc_falls_at_most);
        let detail = format!(
            "fall of ROC AUC with names in {:?} that the model has never heard",
            self.contract.entity
        );
        Ok(Judged::new("unknown_entity", falls, limit, &gate.reason.value).detail(detail))
    }

    fn falls(&self, table: &Table) -> Outcome<f64> {
        let after = self.drawn.everywhere(table)?;
        Ok(roc_auc_falls(
            &self.drawn.labels,
            &self.drawn.before,
            &after,
        )?)
    }

    pub(super) fn row_order(&self, reason: &str) -> Outcome<Judged> {
        let table = &self.drawn.table;
        let mut order: Vec<usize> = (0..table.rows()).collect();
        order.shuffle(&mut rand_pcg::Pcg64Mcg::seed_from_u64(self.seed));
        let columns = table.columns().iter().map(|column| Column {
            name: column.name.clone(),
            values: in_order(&column.values, &order),
        });
        let shuffled = Table::new(columns.collect()).ok_or_else(not_a_table)?;
        let after = self.drawn.with_history(&shuffled)?;
        let pairs = self.drawn.before.iter().zip(&after);
        let other = pairs.filter(|(a, b)| a.to_bits() != b.to_bits()).count();
        let detail = "probabilities that are others when the observations come in another order";
        Ok(Judged::new("row_order", other as f64, Limit::AtMost(0.0), reason).detail(detail))
    }
}

fn not_a_table() -> Failure {
    Failure::run(anyhow::anyhow!(
        "the observations in another order are no table"
    ))
}

/// A change from the first day on and of all entities.
fn everywhere(change: Change) -> Fault {
    Fault {
        change,
        start: None,
        entities: Vec::new(),
    }
}

/// A table with one column changed.
fn with_column(table: &Table, name: &str, change: impl FnOnce(&mut Values)) -> Table {
    let mut columns = table.clone().into_columns();
    if let Some(column) = columns.iter_mut().find(|column| column.name == name) {
        change(&mut column.values);
    }
    // The columns are as many and as long as they were.
    Table::new(columns).unwrap_or_default()
}

/// The values of the rows in this order.
fn in_order(values: &Values, order: &[usize]) -> Values {
    fn take<T: Copy>(values: &[T], order: &[usize]) -> Vec<T> {
        order.iter().map(|row| values[*row]).collect()
    }
    match values {
        Values::Number(values) => Values::Number(take(values, order)),
        Values::Single(values) => Values::Single(take(values, order)),
        Values::Category { codes, levels } => Values::Category {
            codes: take(codes, order),
            levels: levels.clone(),
        },
        Values::Date(days) => Values::Date(take(days, order)),
    }
}
