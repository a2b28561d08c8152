//! Rules about which rows there are.

use std::borrow::Cow;
use std::cmp::Ordering;

use rayon::prelude::*;

use crate::Values;
use crate::calendar::{Day, format_iso};
use crate::contract::Level;
use crate::neighbours::Neighbours;
use crate::table::{MISSING_CODE, MISSING_DAY};

use super::{Checker, Finding};

impl Checker<'_> {
    /// Every row has a key, and no two have the same.
    pub(super) fn keys(&self, neighbours: &Neighbours) -> Vec<Finding> {
        let key = &self.contract.key;
        let columns: Option<Vec<&Values>> = key.iter().map(|name| self.table.get(name)).collect();
        let Some(columns) = columns else {
            return Vec::new();
        };
        let rows = self.table.rows();
        let mut keyless = vec![false; rows];
        for values in &columns {
            mark_missing(values, &mut keyless);
        }
        let compare = |one: &u32, other: &u32| compare(&columns, *one as usize, *other as usize);
        let contract = self.contract;
        let order =
            if key.len() == 2 && key.contains(&contract.time) && key.contains(&contract.entity) {
                // Another order of the same key serves as well, and is there already.
                Cow::Borrowed(neighbours.order())
            } else {
                let keyed = |row: &u32| !keyless[*row as usize];
                let mut order: Vec<u32> = (0..rows as u32).filter(keyed).collect();
                order.par_sort_unstable_by(|one, other| compare(one, other).then(one.cmp(other)));
                Cow::Owned(order)
            };
        let mut twice = vec![false; rows];
        for pair in order.windows(2) {
            twice[pair[1] as usize] = compare(&pair[0], &pair[1]) == Ordering::Equal;
        }
        let known = order.len();
        let names = key.join(", ");
        let missing = self
            .finding(
                "key-missing",
                None,
                Level::Error,
                format!("every row needs its key ({names})"),
            )
            .rows(rows, &[], |row| keyless[row]);
        let duplicate = self
            .finding(
                "key",
                None,
                Level::Error,
                format!("an earlier row has the same {names}"),
            )
            .rows(known, &[], |row| twice[row]);
        missing.into_iter().chain(duplicate).collect()
    }

    /// The label has two values, no more and no less.
    pub(super) fn label(&self) -> Option<Finding> {
        let name = &self.contract.label.column;
        let Some(Values::Category { codes, levels }) = self.table.get(name) else {
            return None;
        };
        let mut counts = vec![0; levels.len()];
        for code in codes.iter().filter(|code| **code != MISSING_CODE) {
            counts[*code as usize] += 1;
        }
        let found: Vec<String> = levels
            .iter()
            .zip(&counts)
            .filter(|(_, count)| **count > 0)
            .map(|(level, count)| format!("{level} ({count} rows)"))
            .collect();
        if found.len() == 2 {
            return None;
        }
        if self.table.rows() == 0 {
            // Said of the whole table.
            return None;
        }
        let reason = match found.as_slice() {
            [] => "the label must have exactly two classes, but every value is missing".into(),
            found => format!(
                "the label must have exactly two classes, but has {}: {}",
                found.len(),
                found.join(", ")
            ),
        };
        let draft = self.finding("label", Some(name), Level::Error, reason);
        Some(draft.total(counts.iter().sum(), self.table.rows()))
    }

    /// Days without a row between an entity's first and last, and rows that come
    /// after a later day of their entity.
    pub(super) fn days(&self, neighbours: &Neighbours) -> Vec<Finding> {
        let (Some(Values::Category { codes, levels }), Some(Values::Date(days))) = (
            self.table.get(&self.contract.entity),
            self.table.get(&self.contract.time),
        ) else {
            return Vec::new();
        };
        // The last absent day after a row.
        let mut gaps = vec![MISSING_DAY; days.len()];
        let mut absent = 0;
        let mut followed = 0;
        for pair in neighbours.order().windows(2) {
            let [one, other] = [pair[0] as usize, pair[1] as usize];
            if codes[one] == codes[other] && days[one] != days[other] {
                followed += 1;
                let between = i64::from(days[other]) - i64::from(days[one]) - 1;
                if between > 0 {
                    absent += between;
                    gaps[one] = days[other] - 1;
                }
            }
        }
        let reason = format!("{absent} days are absent between an entity's rows");
        let gap = self
            .finding("gaps", None, Level::Warning, reason)
            .rows(followed, &[], |row| gaps[row] != MISSING_DAY)
            .map(|mut finding| {
                for place in &mut finding.first {
                    let row = place.line - 2;
                    let absent = span(days[row] + 1, gaps[row]);
                    place.values.insert("absent".into(), absent.into());
                }
                finding
            });

        let mut latest = vec![MISSING_DAY; levels.len()];
        let mut late = vec![false; days.len()];
        for (row, (code, day)) in codes.iter().zip(days).enumerate() {
            if let Some(latest) = latest.get_mut(*code as usize)
                && *day != MISSING_DAY
            {
                late[row] = *day < *latest;
                *latest = (*latest).max(*day);
            }
        }
        let order = self
            .finding(
                "order",
                None,
                Level::Warning,
                "the row comes after a later day of the same entity".into(),
            )
            .rows(neighbours.order().len(), &[], |row| late[row]);
        gap.into_iter().chain(order).collect()
    }
}

fn mark_missing(values: &Values, marks: &mut [bool]) {
    fn mark<T>(values: &[T], marks: &mut [bool], missing: impl Fn(&T) -> bool) {
        for (mark, value) in marks.iter_mut().zip(values) {
            *mark |= missing(value);
        }
    }
    match values {
        Values::Number(values) => mark(values, marks, |value| value.is_nan()),
        Values::Single(values) => mark(values, marks, |value| value.is_nan()),
        Values::Category { codes, .. } => mark(codes, marks, |code| *code == MISSING_CODE),
        Values::Date(days) => mark(days, marks, |day| *day == MISSING_DAY),
    }
}

fn span(from: Day, to: Day) -> String {
    if from == to {
        format_iso(from)
    } else {
        format!("{} to {}", format_iso(from), format_iso(to))
    }
}

fn compare(columns: &[&Values], one: usize, other: usize) -> Ordering {
    columns.iter().fold(Ordering::Equal, |so_far, values| {
        so_far.then_with(|| match values {
            Values::Number(values) => values[one].total_cmp(&values[other]),
            Values::Single(values) => values[one].total_cmp(&values[other]),
            Values::Category { codes, .. } => codes[one].cmp(&codes[other]),
            Values::Date(days) => days[one].cmp(&days[other]),
        })
    })
}
