//! What of a contract a table breaks.
//!
//! Types were settled when the table was read; this asks the rest, of every
//! row, and counts instead of stopping at the first.

mod columns;
mod refuse;
mod rows;

use std::fmt;

use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::Table;
use crate::contract::{Contract, Level, Rule};
use crate::expression::{Expression, Outcome};
use crate::json::cell_to_json;
use crate::neighbours::Neighbours;

pub use refuse::{Refusal, Refused, refuse};

/// How many broken rows a finding names.
const SHOWN: usize = 3;

/// What came of checking a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Name of the table in the contract.
    pub table: String,
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// Whether no error was found.
    pub passed: bool,
    /// What is broken, errors first.
    pub findings: Vec<Finding>,
    /// The contract's own rules, broken or not, in its order.
    pub rules: Vec<Asked>,
}

/// One thing that is broken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The rule: one of the contract's own, or `column`, `type`, `empty`, `key`,
    /// `key-missing`, `label`, `range`, `usual`, `values`, `near`, `missing`, `gaps`, `order`.
    pub rule: String,
    /// The column, if it is about one.
    pub column: Option<String>,
    /// How bad it is.
    pub level: Level,
    /// How many rows break it.
    pub count: usize,
    /// How many rows were asked.
    pub evaluated: usize,
    /// `count` by `evaluated`.
    pub share: f64,
    /// What is expected, or why.
    pub reason: String,
    /// The first rows that break it.
    pub first: Vec<Place>,
}

/// One row that breaks something.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Place {
    /// Its line in a text file whose header is line 1.
    pub line: usize,
    /// Its key columns.
    pub key: Map<String, Value>,
    /// The values concerned.
    pub values: Map<String, Value>,
}

/// How often one of the contract's own rules was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Its name.
    pub rule: String,
    /// Rows on which everything it names is known.
    pub evaluated: usize,
    /// Rows of these that break it.
    pub broken: usize,
}

impl Report {
    /// Whether no error was found; warnings don't count.
    pub fn passed(&self) -> bool {
        self.passed
    }

    /// The findings of this level.
    pub fn of(&self, level: Level) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |f| f.level == level)
    }
}

/// Checks everything the contract says about a table.
pub fn check(table: &Table, contract: &Contract) -> Report {
    let checker = Checker { table, contract };
    let columns = || {
        let columns = contract.columns.par_iter();
        columns.flat_map_iter(|rule| checker.column(rule)).collect()
    };
    let rows = || {
        let neighbours = Neighbours::new(table, contract);
        rayon::join(
            || {
                let mut findings = checker.keys(&neighbours);
                findings.extend(checker.label());
                findings.extend(checker.days(&neighbours));
                findings
            },
            || {
                let rules = contract.rules.par_iter();
                rules.map(|rule| checker.rule(rule, &neighbours)).collect()
            },
        )
    };
    let (columns, (rows, asked)): (Vec<_>, (Vec<_>, Vec<_>)) = rayon::join(columns, rows);
    let (rules, broken): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
    let mut findings = checker.whole();
    findings.extend(columns);
    findings.extend(rows);
    findings.extend(broken.into_iter().flatten());
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    Report {
        table: contract.table.clone(),
        rows: table.rows(),
        columns: table.columns().len(),
        passed: !findings.iter().any(|f| f.level == Level::Error),
        findings,
        rules,
    }
}

struct Checker<'a> {
    table: &'a Table,
    contract: &'a Contract,
}

/// A finding whose rows are still to be counted.
struct Draft<'a> {
    checker: &'a Checker<'a>,
    finding: Finding,
}

impl Checker<'_> {
    fn finding(&self, rule: &str, column: Option<&str>, level: Level, reason: String) -> Draft<'_> {
        Draft {
            checker: self,
            finding: Finding {
                rule: rule.into(),
                column: column.map(String::from),
                level,
                count: 0,
                evaluated: 0,
                share: 0.0,
                reason,
                first: Vec::new(),
            },
        }
    }

    /// One of the contract's own rules.
    fn rule(&self, rule: &Rule, neighbours: &Neighbours) -> (Asked, Option<Finding>) {
        let mut asked = Asked {
            rule: rule.name.clone(),
            evaluated: 0,
            broken: 0,
        };
        let expression = match Expression::parse(&rule.holds, self.contract) {
            Ok(expression) => expression,
            Err(error) => {
                // A contract that was read has had its rules parsed already.
                let draft = self.finding(&rule.name, None, Level::Error, error.to_string());
                return (asked, Some(draft.total(0, 0)));
            }
        };
        let outcomes = expression
            .evaluate(self.table, neighbours)
            .unwrap_or_default();
        let count = |which| outcomes.iter().filter(|o| **o == which).count();
        asked.broken = count(Outcome::Broken);
        asked.evaluated = asked.broken + count(Outcome::Holds);
        if asked.evaluated == 0 && self.table.rows() > 0 {
            return (asked, Some(self.asked_nowhere(rule, &expression)));
        }
        if asked.broken == 0 {
            return (asked, None);
        }
        let reason = match rule.reason.trim() {
            "" => rule.holds.clone(),
            reason => format!("{}: {reason}", rule.holds),
        };
        let finding = self.finding(&rule.name, None, rule.level, reason).rows(
            asked.evaluated,
            &expression.columns().collect::<Vec<_>>(),
            |row| outcomes.get(row) == Some(&Outcome::Broken),
        );
        (asked, finding)
    }

    /// A rule that was asked on no row says nothing, which isn't the same as being content.
    fn asked_nowhere(&self, rule: &Rule, expression: &Expression) -> Finding {
        let absent = expression
            .columns()
            .find(|name| self.table.get(name).is_none());
        let why = match absent {
            Some(name) => format!("the table lacks {name}"),
            None => "in every row, a column that it names is missing".into(),
        };
        let rows = counted(self.table.rows(), "row");
        let reason = format!("{}: could be checked on none of {rows}: {why}", rule.holds);
        let draft = self.finding(&rule.name, None, Level::Warning, reason);
        draft.total(0, 0)
    }

    fn place(&self, row: usize, columns: &[&str]) -> Place {
        let cells = |names: &[&str]| {
            names
                .iter()
                .filter_map(|name| {
                    let cell = self.table.get(name)?.cell(row);
                    Some((name.to_string(), cell_to_json(cell)))
                })
                .collect()
        };
        let key: Vec<&str> = self.contract.key.iter().map(String::as_str).collect();
        Place {
            line: row + 2,
            key: cells(&key),
            values: cells(columns),
        }
    }
}

impl Draft<'_> {
    /// The finding about all rows that are `broken`, if there are any; `columns` are
    /// shown of the first ones.
    fn rows(
        mut self,
        evaluated: usize,
        columns: &[&str],
        broken: impl Fn(usize) -> bool,
    ) -> Option<Finding> {
        let mut count = 0;
        for row in (0..self.checker.table.rows()).filter(|row| broken(*row)) {
            if count < SHOWN {
                self.finding.first.push(self.checker.place(row, columns));
            }
            count += 1;
        }
        (count > 0).then(|| self.total(count, evaluated))
    }

    /// The finding with these numbers.
    fn total(mut self, count: usize, evaluated: usize) -> Finding {
        self.finding.count = count;
        self.finding.evaluated = evaluated;
        self.finding.share = match evaluated {
            0 => 0.0,
            _ => count as f64 / evaluated as f64,
        };
        self.finding
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = counted(self.of(Level::Error).count(), "error");
        let warnings = counted(self.of(Level::Warning).count(), "warning");
        let verdict = if self.passed { "passed" } else { "refused" };
        writeln!(
            f,
            "{}: {}, {}: {verdict} ({errors}, {warnings})",
            self.table,
            counted(self.rows, "row"),
            counted(self.columns, "column")
        )?;
        for finding in &self.findings {
            write!(f, "{finding}")?;
        }
        for asked in &self.rules {
            writeln!(
                f,
                "asked    {}: on {}, broken on {}",
                asked.rule,
                counted(asked.evaluated, "row"),
                asked.broken
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        write!(f, "{level:<9}{}", self.rule)?;
        if let Some(column) = &self.column {
            write!(f, " {column}")?;
        }
        if self.evaluated > 0 {
            let percent = 100.0 * self.share;
            // Two digits that count: 43 %, 0.0021 %.
            let digits = (1.0 - percent.log10().floor()).clamp(0.0, 6.0) as usize;
            write!(
                f,
                ": {} of {} ({percent:.digits$} %)",
                self.count, self.evaluated
            )?;
        }
        writeln!(f, ": {}", self.reason)?;
        for place in &self.first {
            writeln!(f, "         {place}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Null => "missing".into(),
            other => other.to_string(),
        };
        let key: Vec<String> = self.key.values().map(text).collect();
        write!(f, "line {} ({})", self.line, key.join(", "))?;
        let values: Vec<String> = self
            .values
            .iter()
            .map(|(name, value)| format!("{name} {}", text(value)))
            .collect();
        if !values.is_empty() {
            write!(f, ": {}", values.join(", "))?;
        }
        Ok(())
    }
}

fn counted(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        number => format!("{number} {thing}s"),
    }
}

#[cfg(test)]
mod tests;
