//! Asking all rows: block by block, so that a block's values stay in the cache.

use std::collections::HashMap;
use std::ops::Range;

use rayon::prelude::*;

use crate::calendar::Day;
use crate::neighbours::{NONE, Neighbours};
use crate::table::{MISSING_CODE, MISSING_DAY};
use crate::{Table, Values};

use super::{Arithmetic, Comparison, Condition, Outcome, Row, Value};

const BLOCK: usize = 2048;

pub(super) fn evaluate(
    condition: &Condition,
    table: &Table,
    neighbours: &Neighbours,
) -> Option<Vec<Outcome>> {
    let bound = Bound::condition(condition, table, neighbours)?;
    let mut outcomes = vec![Outcome::NotAsked; table.rows()];
    outcomes
        .par_chunks_mut(BLOCK)
        .enumerate()
        .for_each(|(block, outcomes)| {
            let start = block * BLOCK;
            let rows = start..start + outcomes.len();
            let mut missing = vec![false; rows.len()];
            let holds = bound.holds(&rows, &mut missing);
            for ((outcome, holds), missing) in outcomes.iter_mut().zip(holds).zip(missing) {
                *outcome = match (missing, holds) {
                    (true, _) => Outcome::NotAsked,
                    (false, TRUE) => Outcome::Holds,
                    (false, _) => Outcome::Broken,
                };
            }
        });
    Some(outcomes)
}

/// Logic of three values (Kleene's): what can't be computed lies between false and true, and
/// decides only if nothing else does. So `and` is the lesser, `or` the greater.
type Truth = u8;
const FALSE: Truth = 0;
const UNKNOWN: Truth = 1;
const TRUE: Truth = 2;

/// A condition whose columns have been found in a table.
enum Bound<'a> {
    Compare(Comparison, Source<'a>, Source<'a>),
    Not(Box<Bound<'a>>),
    Both(fn(Truth, Truth) -> Truth, Box<Bound<'a>>, Box<Bound<'a>>),
}

/// A value whose column has been found. Words are compared by number: those of
/// two columns by the number of the word in the first.
enum Source<'a> {
    Constant(f64),
    Number(&'a [f64], Shift<'a>),
    Single(&'a [f32], Shift<'a>),
    Day(&'a [Day], Shift<'a>),
    Code(&'a [u32], Vec<f64>, Shift<'a>),
    Negative(Box<Source<'a>>),
    Arithmetic(Arithmetic, Box<Source<'a>>, Box<Source<'a>>),
}

/// Which row to take a row's value from; none for its own.
type Shift<'a> = Option<&'a [u32]>;

impl<'a> Bound<'a> {
    fn condition(
        condition: &Condition,
        table: &'a Table,
        neighbours: &'a Neighbours,
    ) -> Option<Bound<'a>> {
        let both = |join, one: &Condition, other: &Condition| {
            Some(Bound::Both(
                join,
                Bound::condition(one, table, neighbours)?.into(),
                Bound::condition(other, table, neighbours)?.into(),
            ))
        };
        match condition {
            Condition::Compare(comparison, left, right) => {
                let levels = [left, right].into_iter().find_map(|v| levels(v, table));
                let levels = levels.unwrap_or_default();
                Some(Bound::Compare(
                    *comparison,
                    Source::bind(left, levels, table, neighbours)?,
                    Source::bind(right, levels, table, neighbours)?,
                ))
            }
            Condition::Not(inner) => Some(Bound::Not(
                Bound::condition(inner, table, neighbours)?.into(),
            )),
            Condition::And(one, other) => both(Ord::min, one, other),
            Condition::Or(one, other) => both(Ord::max, one, other),
            Condition::Implies(one, other) => both(|a, b| (TRUE - a).max(b), one, other),
            Condition::Equivalent(one, other) => {
                both(|a, b| (TRUE - a).max(b).min((TRUE - b).max(a)), one, other)
            }
        }
    }

    /// Whether it holds on each row; where `missing` becomes true the answer is void.
    fn holds(&self, rows: &Range<usize>, missing: &mut [bool]) -> Vec<Truth> {
        match self {
            Bound::Compare(comparison, left, right) => {
                let left = left.values(rows, missing);
                let right = right.values(rows, missing);
                let pairs = left.into_iter().zip(right);
                match comparison {
                    Comparison::Less => pairs.map(|(a, b)| truth(a, b, a < b)).collect(),
                    Comparison::AtMost => pairs.map(|(a, b)| truth(a, b, a <= b)).collect(),
                    Comparison::Greater => pairs.map(|(a, b)| truth(a, b, a > b)).collect(),
                    Comparison::AtLeast => pairs.map(|(a, b)| truth(a, b, a >= b)).collect(),
                    Comparison::Equal => pairs.map(|(a, b)| truth(a, b, a == b)).collect(),
                    Comparison::Unequal => pairs.map(|(a, b)| truth(a, b, a != b)).collect(),
                }
            }
            Bound::Not(inner) => {
                let mut holds = inner.holds(rows, missing);
                holds.iter_mut().for_each(|holds| *holds = TRUE - *holds);
                holds
            }
            Bound::Both(join, one, other) => {
                let mut holds = one.holds(rows, missing);
                let others = other.holds(rows, missing);
                for (holds, other) in holds.iter_mut().zip(others) {
                    *holds = join(*holds, other);
                }
                holds
            }
        }
    }
}

/// What a comparison of two numbers says; nothing if one of them has no value.
fn truth(one: f64, other: f64, holds: bool) -> Truth {
    match (one.is_nan() || other.is_nan(), holds) {
        (true, _) => UNKNOWN,
        (false, true) => TRUE,
        (false, false) => FALSE,
    }
}

/// The words that a comparison counts by.
fn levels<'a>(value: &Value, table: &'a Table) -> Option<&'a [String]> {
    match value {
        Value::Column(name, _) => match table.get(name)? {
            Values::Category { levels, .. } => Some(levels),
            _ => None,
        },
        _ => None,
    }
}

impl<'a> Source<'a> {
    fn bind(
        value: &Value,
        words: &[String],
        table: &'a Table,
        neighbours: &'a Neighbours,
    ) -> Option<Source<'a>> {
        let number_of = |word: &String| words.iter().position(|w| w == word);
        Some(match value {
            Value::Number(value) => Source::Constant(*value),
            Value::Day(day) => Source::Constant(f64::from(*day)),
            Value::Word(word) => Source::Constant(number_of(word).map_or(-1.0, |n| n as f64)),
            Value::Column(name, row) => {
                let shift = match row {
                    Row::This => None,
                    Row::Next => Some(neighbours.next()),
                    Row::Previous => Some(neighbours.previous()),
                };
                match table.get(name)? {
                    Values::Number(values) => Source::Number(values, shift),
                    Values::Single(values) => Source::Single(values, shift),
                    Values::Date(days) => Source::Day(days, shift),
                    Values::Category { codes, levels } => {
                        let known: HashMap<&String, usize> = words.iter().zip(0..).collect();
                        // A word that the first column doesn't know equals none of its own, and
                        // the same word only: those get numbers of their own after it.
                        let numbers = levels.iter().enumerate().map(|(at, word)| {
                            known.get(word).copied().unwrap_or(words.len() + at) as f64
                        });
                        Source::Code(codes, numbers.collect(), shift)
                    }
                }
            }
            Value::Negative(inner) => {
                Source::Negative(Source::bind(inner, words, table, neighbours)?.into())
            }
            Value::Arithmetic(operation, one, other) => Source::Arithmetic(
                *operation,
                Source::bind(one, words, table, neighbours)?.into(),
                Source::bind(other, words, table, neighbours)?.into(),
            ),
        })
    }

    /// Its value on each row; sets `missing` where there is none.
    fn values(&self, rows: &Range<usize>, missing: &mut [bool]) -> Vec<f64> {
        match self {
            Source::Constant(value) => vec![*value; rows.len()],
            Source::Number(values, shift) => take(values, *shift, rows, missing, |value| value),
            Source::Single(values, shift) => take(values, *shift, rows, missing, f64::from),
            Source::Day(days, shift) => take(days, *shift, rows, missing, |day| match day {
                MISSING_DAY => f64::NAN,
                day => f64::from(day),
            }),
            Source::Code(codes, numbers, shift) => {
                take(codes, *shift, rows, missing, |code| match code {
                    MISSING_CODE => f64::NAN,
                    code => numbers.get(code as usize).copied().unwrap_or(f64::NAN),
                })
            }
            Source::Negative(inner) => {
                let mut values = inner.values(rows, missing);
                values.iter_mut().for_each(|value| *value = -*value);
                values
            }
            Source::Arithmetic(operation, one, other) => {
                let mut values = one.values(rows, missing);
                let others = other.values(rows, missing);
                for (value, other) in values.iter_mut().zip(others) {
                    let result = match operation {
                        Arithmetic::Add => *value + other,
                        Arithmetic::Subtract => *value - other,
                        Arithmetic::Multiply => *value * other,
                        Arithmetic::Divide => *value / other,
                    };
                    // Infinite would become a number again when one divides by it.
                    *value = if result.is_finite() { result } else { f64::NAN };
                }
                values
            }
        }
    }
}

fn take<T: Copy>(
    values: &[T],
    shift: Shift<'_>,
    rows: &Range<usize>,
    missing: &mut [bool],
    number: impl Fn(T) -> f64,
) -> Vec<f64> {
    let taken: Vec<f64> = match shift {
        None => values[rows.clone()]
            .iter()
            .map(|value| number(*value))
            .collect(),
        Some(shift) => shift[rows.clone()]
            .iter()
            .map(|row| match *row {
                NONE => f64::NAN,
                row => number(values[row as usize]),
            })
            .collect(),
    };
    for (value, missing) in taken.iter().zip(missing) {
        *missing |= value.is_nan();
    }
    taken
}
