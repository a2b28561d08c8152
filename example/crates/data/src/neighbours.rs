//! Rows of the same entity one calendar day apart.

use crate::calendar::Day;
use crate::table::MISSING_DAY;
use crate::{Contract, Table, Values};

/// Stands for "there is no such row".
pub const NONE: u32 = u32::MAX;

/// For every row, the row of the same entity on the next and on the previous day.
///
/// Of several rows of one entity and day the first one counts as neighbour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbours {
    order: Vec<u32>,
    next: Vec<u32>,
    previous: Vec<u32>,
}

impl Neighbours {
    /// Finds the neighbours by the contract's entity and date columns. Rows
    /// without either, and all rows of a table without these columns, have none.
    pub fn new(table: &Table, contract: &Contract) -> Neighbours {
        let mut next = vec![NONE; table.rows()];
        let mut previous = vec![NONE; table.rows()];
        let mut order = Vec::new();
        if let (Some(Values::Category { codes, levels }), Some(Values::Date(days))) =
            (table.get(&contract.entity), table.get(&contract.time))
        {
            let key = |row: u32| (codes[row as usize], days[row as usize]);
            order = by_entity_and_day(codes, levels.len(), days);
            let mut before: &[u32] = &[];
            for same in order.chunk_by(|one, other| key(*one) == key(*other)) {
                if let Some(yesterday) = before.first()
                    && let (entity, day) = key(*yesterday)
                    && Some(key(same[0])) == day.checked_add(1).map(|day| (entity, day))
                {
                    for row in before {
                        next[*row as usize] = same[0];
                    }
                    for row in same {
                        previous[*row as usize] = *yesterday;
                    }
                }
                before = same;
            }
        }
        Neighbours {
            order,
            next,
            previous,
        }
    }

    /// For each row the row of the next day, or [`NONE`].
    pub fn next(&self) -> &[u32] {
        &self.next
    }

    /// For each row the row of the previous day, or [`NONE`].
    pub fn previous(&self) -> &[u32] {
        &self.previous
    }

    /// The rows that have an entity and a day, by entity, day and row.
    pub fn order(&self) -> &[u32] {
        &self.order
    }
}

/// The rows that have both, in the order of both. Files mostly come that way or
/// nearly so: then this is a walk, not a sort.
fn by_entity_and_day(codes: &[u32], entities: usize, days: &[Day]) -> Vec<u32> {
    let rows = || {
        let known = codes.iter().zip(days).zip(0u32..);
        known
            .filter(|((code, day), _)| (**code as usize) < entities && **day != MISSING_DAY)
            .map(|((code, _), row)| (*code as usize, row))
    };
    let mut ends = vec![0; entities];
    rows().for_each(|(code, _)| ends[code] += 1);
    let mut places = Vec::with_capacity(entities);
    let mut start = 0;
    for end in &mut ends {
        places.push(start);
        start += *end;
        *end = start;
    }
    let mut order = vec![0; start];
    for (code, row) in rows() {
        order[places[code]] = row;
        places[code] += 1;
    }
    let day = |row: &u32| days[*row as usize];
    let mut start = 0;
    for end in ends {
        let entity = &mut order[start..end];
        if !entity.is_sorted_by_key(day) {
            entity.sort_by_key(day);
        }
        start = end;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Column;
    use crate::table::MISSING_CODE;
    use std::path::Path;

    fn contract() -> Contract {
        let text = r#"
table: t
key: [Day, Shop]
time: Day
entity: Shop
label: { column: Sold, positive: "Yes" }
columns:
  - { name: Day, type: date, known_at: 0 }
  - { name: Shop, type: category, known_at: 0 }
  - { name: Sold, type: category, values: ["No", "Yes"], known_at: 0 }
"#;
        Contract::parse(text, Path::new("c.yaml")).unwrap()
    }

    fn table(rows: &[(u32, i32)]) -> Table {
        Table::new(vec![
            Column {
                name: "Shop".into(),
                values: Values::Category {
                    codes: rows.iter().map(|row| row.0).collect(),
                    levels: vec!["a".into(), "b".into()],
                },
            },
            Column {
                name: "Day".into(),
                values: Values::Date(rows.iter().map(|row| row.1).collect()),
            },
        ])
        .unwrap()
    }

    #[test]
    fn the_next_row_of_another_entity_or_after_a_gap_is_no_neighbour() {
        let table = table(&[(0, 1), (0, 2), (0, 4), (1, 5)]);
        let found = Neighbours::new(&table, &contract());
        assert_eq!(found.next(), [1, NONE, NONE, NONE]);
        assert_eq!(found.previous(), [NONE, 0, NONE, NONE]);
    }

    #[test]
    fn the_order_of_rows_has_no_effect_and_the_first_of_two_counts() {
        let table = table(&[
            (0, 3),
            (1, 2),
            (0, 2),
            (0, 2),
            (MISSING_CODE, 4),
            (0, MISSING_DAY),
        ]);
        let found = Neighbours::new(&table, &contract());
        assert_eq!(found.next(), [NONE, NONE, 0, 0, NONE, NONE]);
        assert_eq!(found.previous(), [2, NONE, NONE, NONE, NONE, NONE]);
        assert_eq!(found.order(), [2, 3, 0, 1]);
    }

    #[test]
    fn the_last_day_there_is_has_no_next() {
        let table = table(&[(0, i32::MAX)]);
        assert_eq!(Neighbours::new(&table, &contract()).next(), [NONE]);
    }
}
