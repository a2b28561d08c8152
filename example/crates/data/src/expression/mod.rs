//! The little language of a contract's rules: conditions on a row.
//!
//! ```text
//! Low <= High and (State == "on" <=> Current > 0.5)
//! ```
//!
//! | | |
//! |---|---|
//! | values | columns, numbers, words and dates in quotes |
//! | other rows | `next(Column)`, `previous(Column)`: the same entity's value a calendar day later or earlier |
//! | arithmetic | `+ - * /`, numbers only |
//! | comparison | `== !=`, and `< <= > >=` for numbers and dates |
//! | logic, from tight to loose | `not`, `and`, `or`, `=>` (implies), `<=>` (both or neither) |
//!
//! A column whose name isn't a plain word stands in backquotes; in quotes it would be a word, and
//! a comparison of two constants is refused. A row where any of the named values
//! is missing is not asked. A division by zero (or a number too large) has no value, so a comparison
//! with it doesn't hold and isn't false either: the row breaks the rule, unless the rest
//! decides, as in `Items > 0 => Price / Items <= 10`.

mod evaluate;
mod parse;
mod token;

use std::collections::BTreeSet;

use crate::contract::{Contract, Kind};
use crate::neighbours::Neighbours;
use crate::{DataError, Result, Table};

/// A condition on a row, its types checked against a contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    condition: Condition,
    columns: BTreeSet<String>,
}

/// What came of asking one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The condition is true.
    Holds,
    /// The condition is false, or can't be computed.
    Broken,
    /// Something it names is missing.
    NotAsked,
}

/// Something true or false.
#[derive(Debug, Clone, PartialEq)]
enum Condition {
    Compare(Comparison, Box<Value>, Box<Value>),
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Implies(Box<Condition>, Box<Condition>),
    Equivalent(Box<Condition>, Box<Condition>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    Greater,
    AtLeast,
    Equal,
    Unequal,
}

/// Something that can be compared.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Number(f64),
    Word(String),
    Day(crate::calendar::Day),
    Column(String, Row),
    Negative(Box<Value>),
    Arithmetic(Arithmetic, Box<Value>, Box<Value>),
}

/// Which row's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Row {
    This,
    Next,
    Previous,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Expression {
    /// Reads an expression over the columns of a contract.
    ///
    /// # Errors
    /// If it isn't of this language, names an unknown column or word, or
    /// compares what can't be compared; with the position of the character.
    pub fn parse(text: &str, contract: &Contract) -> Result<Expression> {
        parse::parse(text, contract).map_err(|fault| DataError::Expression {
            text: text.into(),
            position: text[..fault.at].chars().count() + 1,
            message: fault.message,
        })
    }

    /// The columns it names, in order of name.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(String::as_str)
    }

    /// Asks every row, on all cores; `None` if the table lacks a column or has it
    /// with another type.
    pub fn evaluate(&self, table: &Table, neighbours: &Neighbours) -> Option<Vec<Outcome>> {
        evaluate::evaluate(&self.condition, table, neighbours)
    }
}

/// The type of a value, as people say it.
fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "a number",
        Kind::Category => "a word",
        Kind::Date => "a date",
    }
}

#[cfg(test)]
mod tests;
