use std::collections::BTreeSet;

use super::{
    Change, Fault,
    rows::{Scope, blank, chosen, gaussian, hold, late_order, take},
};
use crate::{
    Column, Contract, Result, Table, Values, calendar,
    table::{MISSING_CODE, MISSING_DAY},
};

impl Fault {
    /// The table with this fault in it.
    ///
    /// What is random (noise, shares) is drawn once for every row of the table,
    /// touched or not: the same seed gives a row the same draw whichever other
    /// rows are touched.
    ///
    /// # Errors
    /// If the fault doesn't fit the table: unknown column or entity, a column of
    /// another type, a start outside the table's days, no row touched, a result
    /// that is no finite number.
    pub fn apply(&self, table: Table, contract: &Contract, seed: u64) -> Result<Table> {
        self.check_numbers()?;
        if let Change::Removed { column } = &self.change {
            return self.remove(table, column, contract);
        }
        let scope = self.scope(&table, contract)?;
        match &self.change {
            Change::Trend { column, per_day } => self.numbers(table, column, &scope, |row, x| {
                // Days as f64: their difference may not fit an i32.
                x + per_day * (f64::from(scope.days[row]) - f64::from(scope.start))
            }),
            Change::Offset { column, by } => self.numbers(table, column, &scope, |_, x| x + by),
            Change::Scale { column, by } => self.numbers(table, column, &scope, |_, x| x * by),
            Change::Unit { column, conversion } => {
                self.numbers(table, column, &scope, |_, x| conversion.convert(x))
            }
            Change::Noise { column, std } => {
                let noise = gaussian(table.rows(), seed);
                self.numbers(table, column, &scope, |row, x| x + std * noise[row])
            }
            Change::Stuck { column } => self.stuck(table, column, &scope),
            Change::Missing { column } => {
                self.refuse_structural(column, contract)?;
                self.with_column(table, column, |values| {
                    blank(values, &scope.touched);
                    Ok(())
                })
            }
            Change::Late { days } => self.rebuild(table, |_| late_order(&scope, *days)),
            Change::Duplicated { share } => self.rebuild(table, |rows| {
                let chosen = chosen(&scope, *share, seed);
                (0..rows)
                    .flat_map(|row| std::iter::repeat_n(row, 1 + usize::from(chosen[row])))
                    .collect()
            }),
            Change::SwappedLabels { share } => {
                let chosen = chosen(&scope, *share, seed);
                self.swap_labels(table, contract, &chosen)
            }
            Change::Removed { .. } => Ok(table),
        }
    }

    fn scope(&self, table: &Table, contract: &Contract) -> Result<Scope> {
        let days = match self.find(table, &contract.time)? {
            Values::Date(days) => days.clone(),
            _ => return Err(self.error(format!("time column {:?} holds no dates", contract.time))),
        };
        let known = || days.iter().copied().filter(|day| *day != MISSING_DAY);
        let (Some(first), Some(end)) = (known().min(), known().max()) else {
            return Err(self.error("the table has no row with a date, so nothing can be touched"));
        };
        let start = self.start.unwrap_or(first);
        if !(first..=end).contains(&start) {
            return Err(self.error(format!(
                "start {} lies outside the table's days, {} to {}",
                calendar::format_iso(start),
                calendar::format_iso(first),
                calendar::format_iso(end)
            )));
        }
        let Values::Category { codes, levels } = self.find(table, &contract.entity)? else {
            return Err(self.error(format!(
                "entity column {:?} holds no categories",
                contract.entity
            )));
        };
        let wanted = self.wanted(codes, levels, &contract.entity)?;
        let entities: Vec<usize> = codes
            .iter()
            .map(|code| (*code as usize).min(levels.len()))
            .collect();
        let touched: Vec<bool> = days
            .iter()
            .zip(&entities)
            .map(|(day, entity)| *day >= start && wanted[*entity])
            .collect();
        if !touched.contains(&true) {
            return Err(self.error(format!(
                "no row from {} on; choose an earlier start or other entities",
                calendar::format_iso(start)
            )));
        }
        Ok(Scope {
            start,
            end,
            days,
            entities,
            entity_count: levels.len() + 1,
            touched,
        })
    }

    /// Whether each entity is touched; the last one is "missing".
    fn wanted(&self, codes: &[u32], levels: &[String], column: &str) -> Result<Vec<bool>> {
        if self.entities.is_empty() {
            return Ok(vec![true; levels.len() + 1]);
        }
        let present: BTreeSet<u32> = codes.iter().copied().collect();
        let mut wanted = vec![false; levels.len() + 1];
        for entity in &self.entities {
            let code = levels.iter().position(|level| level == entity);
            match code.filter(|code| present.contains(&(*code as u32))) {
                Some(code) => wanted[code] = true,
                None => {
                    let known = levels
                        .iter()
                        .enumerate()
                        .filter(|(code, _)| present.contains(&(*code as u32)))
                        .map(|(_, level)| level.as_str());
                    return Err(self.error(format!(
                        "no row has {entity:?} in {column:?}; there are {}",
                        list(known)
                    )));
                }
            }
        }
        Ok(wanted)
    }

    fn find<'t>(&self, table: &'t Table, column: &str) -> Result<&'t Values> {
        table.get(column).ok_or_else(|| {
            let names = table.columns().iter().map(|column| column.name.as_str());
            self.error(format!(
                "the table has no column {column:?}; it has {}",
                list(names)
            ))
        })
    }

    /// The key, the time and the entity say what a row is: without them nothing is left to look at.
    fn refuse_structural(&self, column: &str, contract: &Contract) -> Result<()> {
        if contract.key.iter().any(|key| key == column)
            || contract.time == column
            || contract.entity == column
        {
            return Err(self.error(format!(
                "{column:?} names the rows of {:?}; choose another column",
                contract.table
            )));
        }
        Ok(())
    }

    fn remove(&self, table: Table, column: &str, contract: &Contract) -> Result<Table> {
        if self.start.is_some() || !self.entities.is_empty() {
            return Err(self.error(
                "a removed column is gone from every row: leave out start and entities, or use `missing`",
            ));
        }
        self.find(&table, column)?;
        self.refuse_structural(column, contract)?;
        let mut columns = table.into_columns();
        columns.retain(|kept| kept.name != column);
        self.table(columns)
    }

    fn with_column(
        &self,
        table: Table,
        column: &str,
        change: impl FnOnce(&mut Values) -> Result<()>,
    ) -> Result<Table> {
        self.find(&table, column)?;
        let mut columns = table.into_columns();
        if let Some(found) = columns.iter_mut().find(|found| found.name == column) {
            change(&mut found.values)?;
        }
        self.table(columns)
    }

    fn table(&self, columns: Vec<Column>) -> Result<Table> {
        Table::new(columns).ok_or_else(|| self.error("its result is not a table"))
    }

    fn numbers(
        &self,
        table: Table,
        column: &str,
        scope: &Scope,
        change: impl Fn(usize, f64) -> f64,
    ) -> Result<Table> {
        let changed = |row: usize, old: f64, narrow: bool| {
            let new = change(row, old);
            let finite = if narrow {
                (new as f32).is_finite()
            } else {
                new.is_finite()
            };
            if finite {
                return Ok(new);
            }
            Err(self.error(format!(
                "row {} would become {new} (it is {old}); choose a smaller change",
                row + 1
            )))
        };
        let rows = || (0..scope.touched.len()).filter(|row| scope.touched[*row]);
        self.with_column(table, column, |values| {
            match values {
                Values::Number(values) => {
                    for row in rows()
                        .filter(|row| !values[*row].is_nan())
                        .collect::<Vec<_>>()
                    {
                        values[row] = changed(row, values[row], false)?;
                    }
                }
                Values::Single(values) => {
                    for row in rows()
                        .filter(|row| !values[*row].is_nan())
                        .collect::<Vec<_>>()
                    {
                        values[row] = changed(row, f64::from(values[row]), true)? as f32;
                    }
                }
                _ => {
                    return Err(self.error(format!(
                        "column {column:?} holds no numbers; choose one that does"
                    )));
                }
            }
            Ok(())
        })
    }

    fn stuck(&self, table: Table, column: &str, scope: &Scope) -> Result<Table> {
        self.with_column(table, column, |values| match values {
            Values::Number(values) => {
                hold(values, |value| value.is_nan(), scope);
                Ok(())
            }
            Values::Single(values) => {
                hold(values, |value| value.is_nan(), scope);
                Ok(())
            }
            Values::Category { codes, .. } => {
                hold(codes, |code| *code == MISSING_CODE, scope);
                Ok(())
            }
            Values::Date(_) => Err(self.error(format!(
                "column {column:?} holds dates, which cannot be stuck"
            ))),
        })
    }

    fn swap_labels(&self, table: Table, contract: &Contract, chosen: &[bool]) -> Result<Table> {
        let label = &contract.label.column;
        self.with_column(table, label, |values| {
            let Values::Category { codes, .. } = values else {
                return Err(self.error(format!("label column {label:?} holds no categories")));
            };
            let present: BTreeSet<u32> = codes
                .iter()
                .copied()
                .filter(|code| *code != MISSING_CODE)
                .collect();
            let present: Vec<u32> = present.into_iter().collect();
            let [first, second] = present[..] else {
                return Err(self.error(format!(
                    "label column {label:?} has {} different values; swapping needs two",
                    present.len()
                )));
            };
            for (code, chosen) in codes.iter_mut().zip(chosen) {
                if *chosen && *code != MISSING_CODE {
                    *code = if *code == first { second } else { first };
                }
            }
            Ok(())
        })
    }

    /// A table of rows picked from this one, in the order given.
    fn rebuild(&self, table: Table, order: impl FnOnce(usize) -> Vec<usize>) -> Result<Table> {
        let order = order(table.rows());
        let columns = table
            .into_columns()
            .into_iter()
            .map(|column| Column {
                name: column.name,
                values: take(column.values, &order),
            })
            .collect();
        self.table(columns)
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let names: Vec<&str> = names.collect();
    match names.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} and {more} more", names[..SHOWN].join(", ")),
        _ => names.join(", "),
    }
}
