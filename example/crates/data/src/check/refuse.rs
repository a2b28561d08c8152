//! What an observation may not hold, wherever it comes in: asked of each value by itself.

use crate::contract::{ColumnRule, Contract};
use crate::error::SHOWN;
use crate::json::cell_to_json;
use crate::table::{MISSING_CODE, MISSING_DAY};
use crate::{Cell, Table, Values};

use super::columns::{any_outside, outside, possible, strange};

/// The values of a table that the contract makes impossible.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Refused {
    /// How many there are.
    pub count: usize,
    /// The first of them, by row.
    pub first: Vec<Refusal>,
}

/// One value that the contract makes impossible.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// Its row, counted from 0.
    pub row: usize,
    /// Its column.
    pub column: String,
    /// What it is, and what it must be.
    pub message: String,
}

/// Looks for values outside their `range`, words that aren't among `values`, and rows without
/// their key. Whoever answers, stores or learns from an observation asks this first; what needs other rows,
/// or whole columns, only [`check`](super::check) asks.
pub fn refuse(table: &Table, contract: &Contract) -> Refused {
    let mut refused = Refused::default();
    for rule in &contract.columns {
        if let Some(values) = table.get(&rule.name) {
            column(
                rule,
                contract.key.contains(&rule.name),
                values,
                &mut refused,
            );
        }
    }
    // The columns of a row stay in the contract's order.
    refused.first.sort_by_key(|refusal| refusal.row);
    refused.first.truncate(SHOWN);
    refused
}

fn column(rule: &ColumnRule, must: bool, values: &Values, refused: &mut Refused) {
    match values {
        Values::Number(numbers) => number(rule, must, values, numbers, refused),
        Values::Single(numbers) => number(rule, must, values, numbers, refused),
        Values::Category { codes, levels } => {
            let strange = rule.values.as_ref().map(|allowed| strange(levels, allowed));
            let strange = strange.filter(|strange| strange.contains(&true));
            if must || strange.is_some() {
                let strange = strange.unwrap_or_default();
                let wrong = |row: usize| match codes[row] {
                    MISSING_CODE => must,
                    code => strange.get(code as usize) == Some(&true),
                };
                note(rule, values, wrong, refused);
            }
        }
        Values::Date(days) => {
            if must && days.contains(&MISSING_DAY) {
                note(rule, values, |row| days[row] == MISSING_DAY, refused);
            }
        }
    }
}

fn number<T: Copy + Into<f64>>(
    rule: &ColumnRule,
    must: bool,
    values: &Values,
    numbers: &[T],
    refused: &mut Refused,
) {
    let range = possible(rule);
    if must || any_outside(numbers, range) {
        let missing = |number: T| must && number.into().is_nan();
        let wrong = |row: usize| outside(numbers[row], range) || missing(numbers[row]);
        note(rule, values, wrong, refused);
    }
}

/// Counts the rows that are wrong, and keeps the first.
fn note(rule: &ColumnRule, values: &Values, wrong: impl Fn(usize) -> bool, refused: &mut Refused) {
    let mut count = 0;
    for row in (0..values.len()).filter(|row| wrong(*row)) {
        if count < SHOWN {
            let message = match values.cell(row) {
                Cell::Missing => format!("this field is required: {}", rule.expected()),
                // JSON has no infinite number.
                Cell::Number(value) if value.is_infinite() => {
                    format!("{value} is not {}", rule.expected())
                }
                cell => format!("{} is not {}", cell_to_json(cell), rule.expected()),
            };
            refused.first.push(Refusal {
                row,
                column: rule.name.clone(),
                message,
            });
        }
        count += 1;
    }
    refused.count += count;
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Column;

    fn contract() -> Contract {
        let text = "
table: shop
key: [Day, Shop]
time: Day
entity: Shop
label: { column: More, positive: 'Yes' }
columns:
  - { name: Day, type: date, known_at: 0 }
  - { name: Shop, type: category, known_at: 0 }
  - { name: Price, type: number, unit: EUR, range: [0, 100], usual: [1, 50], known_at: 24 }
  - { name: Visits, type: number, range: [0, null], missing_at_most: 0, known_at: 24 }
  - { name: More, type: category, values: ['No', 'Yes'], known_at: 48 }
";
        Contract::parse(text, Path::new("contract.yaml")).unwrap()
    }

    fn table(day: Vec<i32>, price: Vec<f64>, visits: Vec<f32>, more: Vec<u32>) -> Table {
        let levels = ["No", "Yes", "Maybe", "never met"]
            .map(String::from)
            .to_vec();
        let shop = Values::Category {
            codes: vec![0; day.len()],
            levels: vec!["a".into()],
        };
        let columns = [
            ("Day", Values::Date(day)),
            ("Shop", shop),
            ("Price", Values::Number(price)),
            ("Visits", Values::Single(visits)),
            (
                "More",
                Values::Category {
                    codes: more,
                    levels,
                },
            ),
        ];
        let columns = columns.map(|(name, values)| Column {
            name: name.into(),
            values,
        });
        Table::new(columns.into()).unwrap()
    }

    #[test]
    fn impossible_values_are_named_by_row_and_usual_ones_are_left_alone() {
        let missing = f64::NAN;
        let good = table(
            vec![1, 2],
            vec![99.0, missing],
            vec![f32::NAN, 1e9],
            vec![0, MISSING_CODE],
        );
        assert_eq!(refuse(&good, &contract()), Refused::default());
        let bad = table(
            vec![1, MISSING_DAY, 3],
            vec![missing, 101.0, -1.0],
            vec![f32::INFINITY, 0.0, -2.0],
            vec![0, 2, 1],
        );
        let refused = refuse(&bad, &contract());
        let said = refused
            .first
            .iter()
            .map(|r| format!("{} {}: {}", r.row, r.column, r.message));
        insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"), @r#"
        0 Visits: inf is not a number from 0 on
        1 Day: this field is required: a date written "yyyy-mm-dd"
        1 Price: 101 is not a number from 0 to 100 EUR
        1 More: "Maybe" is not one of No, Yes
        2 Price: -1 is not a number from 0 to 100 EUR
        "#);
        assert_eq!(refused.count, 6);
    }

    #[test]
    fn all_are_counted_and_the_first_are_named() {
        let rows = 100_000;
        let prices = (0..rows).map(|row| f64::from(row % 200)).collect();
        let table = table(
            (0..rows).collect(),
            prices,
            vec![0.0; rows as usize],
            vec![0; rows as usize],
        );
        let refused = refuse(&table, &contract());
        assert_eq!((refused.count, refused.first.len()), (49_500, SHOWN));
        assert_eq!(refused.first[0].row, 101);
    }
}
