//! Rules about one column.

#[cfg(feature = "tables")]
use std::collections::HashMap;
use std::collections::HashSet;

use crate::Values;
use crate::contract::{ColumnRule, Kind, Level, nearest, outside_in_words};
use crate::table::{MISSING_CODE, MISSING_DAY};

use super::{Checker, Finding};

impl Checker<'_> {
    /// Whether there is anything to check at all.
    pub(super) fn whole(&self) -> Vec<Finding> {
        if self.table.rows() > 0 {
            return Vec::new();
        }
        let reason = "the table has no rows".into();
        vec![
            self.finding("empty", None, Level::Error, reason)
                .total(0, 0),
        ]
    }

    pub(super) fn column(&self, rule: &ColumnRule) -> Vec<Finding> {
        let name = Some(rule.name.as_str());
        let Some(values) = self.table.get(&rule.name) else {
            if rule.name == self.contract.label.column {
                // A table to predict from.
                return Vec::new();
            }
            let reason = "the table lacks this column".into();
            return vec![
                self.finding("column", name, Level::Error, reason)
                    .total(0, 0),
            ];
        };
        let fits = matches!(
            (rule.kind, values),
            (Kind::Number, Values::Number(_) | Values::Single(_))
                | (Kind::Category, Values::Category { .. })
                | (Kind::Date, Values::Date(_))
        );
        if !fits {
            let reason = format!("the values are no {}", rule.kind.name());
            return vec![self.finding("type", name, Level::Error, reason).total(0, 0)];
        }
        let missing = missing(values);
        let known = self.table.rows() - missing;
        let mut findings = Vec::new();
        findings.extend(self.missing(rule, missing));
        match values {
            Values::Number(numbers) => {
                findings.extend(self.numbers(rule, known, numbers));
            }
            Values::Single(numbers) => {
                findings.extend(self.numbers(rule, known, numbers));
            }
            Values::Category { codes, levels } => {
                findings.extend(self.words(rule, known, codes, levels));
                #[cfg(feature = "tables")]
                findings.extend(self.near(rule, known, values, codes, levels));
            }
            Values::Date(_) => {}
        }
        findings
    }

    fn missing(&self, rule: &ColumnRule, missing: usize) -> Option<Finding> {
        let rows = self.table.rows();
        let share = missing as f64 / rows.max(1) as f64;
        let (level, bound, word) = if share > rule.missing_at_most {
            (Level::Error, rule.missing_at_most, "no more than")
        } else if share > rule.missing_usually {
            (Level::Warning, rule.missing_usually, "usually no more than")
        } else {
            return None;
        };
        let reason = format!("{word} {} % may be missing", percent(bound));
        let draft = self.finding("missing", Some(&rule.name), level, reason);
        Some(draft.total(missing, rows))
    }

    fn numbers<T: Copy + Into<f64>>(
        &self,
        rule: &ColumnRule,
        known: usize,
        values: &[T],
    ) -> Vec<Finding> {
        let unit = rule.unit.as_ref().map(|unit| format!(" {unit}"));
        let unit = unit.unwrap_or_default();
        let range = possible(rule);
        let impossible = |row: usize| outside(values[row], range);
        let reason = match rule.range {
            Some(range) => format!("{}, which is impossible", outside_in_words(range, &unit)),
            None => "not a finite number".into(),
        };
        let name = rule.name.as_str();
        let found = any_outside(values, range).then(|| {
            self.finding("range", Some(name), Level::Error, reason)
                .rows(known, &[name], impossible)
        });
        let usual = rule.usual.filter(|usual| any_outside(values, *usual));
        let unusual = usual.map(|usual| {
            let reason = format!("{}, which is unusual", outside_in_words(usual, &unit));
            self.finding("usual", Some(name), Level::Warning, reason)
                .rows(known, &[name], |row| {
                    outside(values[row], usual) && !impossible(row)
                })
        });
        found.into_iter().chain(unusual).flatten().collect()
    }

    fn words(
        &self,
        rule: &ColumnRule,
        known: usize,
        codes: &[u32],
        levels: &[String],
    ) -> Option<Finding> {
        let allowed = rule.values.as_ref()?;
        let strange = strange(levels, allowed);
        if !strange.contains(&true) {
            return None;
        }
        let is_strange = |row: usize| strange.get(codes[row] as usize) == Some(&true);
        let draft = self.finding("values", Some(&rule.name), Level::Error, String::new());
        let mut finding = draft.rows(known, &[&rule.name], is_strange)?;
        let mut used = vec![false; levels.len()];
        for code in codes.iter().filter(|code| **code != MISSING_CODE) {
            used[*code as usize] = true;
        }
        let words: Vec<String> = levels
            .iter()
            .zip(strange.iter().zip(used))
            .filter(|(_, (strange, used))| **strange && *used)
            .map(
                |(level, _)| match nearest(level, allowed.iter().map(String::as_str)) {
                    Some(meant) => format!("{level:?} (is it {meant:?}?)"),
                    None => format!("{level:?}"),
                },
            )
            .take(5)
            .collect();
        finding.reason = format!("{}; allowed are {}", words.join(", "), allowed.join(", "));
        Some(finding)
    }
}

/// The least and the greatest number that a column may hold; an infinite one never.
pub(super) fn possible(rule: &ColumnRule) -> [f64; 2] {
    let [least, greatest] = rule.range.unwrap_or([f64::MIN, f64::MAX]);
    [least.max(f64::MIN), greatest.min(f64::MAX)]
}

/// Which words aren't among those allowed.
pub(super) fn strange(levels: &[String], allowed: &[String]) -> Vec<bool> {
    let allowed: HashSet<&String> = allowed.iter().collect();
    levels
        .iter()
        .map(|level| !allowed.contains(level))
        .collect()
}

#[cfg(feature = "tables")]
impl Checker<'_> {
    /// Words that are another one but for blanks, upper and lower case or the form of their letters. Where words are
    /// declared, these are wrong anyway.
    fn near(
        &self,
        rule: &ColumnRule,
        known: usize,
        values: &Values,
        codes: &[u32],
        levels: &[String],
    ) -> Option<Finding> {
        if rule.values.is_some() {
            return None;
        }
        let near = crate::near::near_words(values);
        let places: HashMap<&str, u32> = levels.iter().map(String::as_str).zip(0..).collect();
        let places = near
            .iter()
            .filter_map(|near| places.get(near.word.as_str()));
        let is_near: HashSet<u32> = places.copied().collect();
        let words: Vec<String> = near
            .iter()
            .take(5)
            .map(|near| format!("{:?} is nearly {:?}", near.word, near.like))
            .collect();
        let more = match near.len().saturating_sub(words.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let reason = format!("{}{more}: write them alike", words.join(", "));
        self.finding("near", Some(&rule.name), Level::Warning, reason)
            .rows(known, &[&rule.name], |row| is_near.contains(&codes[row]))
    }
}

/// Whether a number is known and not in a range.
pub(super) fn outside<T: Into<f64>>(value: T, [low, high]: [f64; 2]) -> bool {
    let value = value.into();
    (value < low) | (value > high)
}

/// Whether any is: mostly none, and to ask only that is quick.
pub(super) fn any_outside<T: Copy + Into<f64>>(values: &[T], range: [f64; 2]) -> bool {
    let outside = |any, value: &T| any | outside(*value, range);
    values.iter().fold(false, outside)
}

pub(super) fn missing(values: &Values) -> usize {
    match values {
        Values::Number(values) => values.iter().filter(|value| value.is_nan()).count(),
        Values::Single(values) => values.iter().filter(|value| value.is_nan()).count(),
        Values::Category { codes, .. } => codes.iter().filter(|c| **c == MISSING_CODE).count(),
        Values::Date(days) => days.iter().filter(|day| **day == MISSING_DAY).count(),
    }
}

/// A share as percent, without the dust of binary fractions.
fn percent(share: f64) -> f64 {
    (share * 1e6).round() / 1e4
}
