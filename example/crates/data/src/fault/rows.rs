//! What a fault does to rows, once it is known which.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::{
    Values,
    calendar::Day,
    table::{MISSING_CODE, MISSING_DAY},
};

/// The rows a fault touches.
pub struct Scope {
    pub start: Day,
    /// Last day of the table.
    pub end: Day,
    /// The day of each row.
    pub days: Vec<Day>,
    /// The entity of each row, missing ones as one more entity.
    pub entities: Vec<usize>,
    pub entity_count: usize,
    pub touched: Vec<bool>,
}

pub fn take(values: Values, order: &[usize]) -> Values {
    fn pick<T: Copy>(values: &[T], order: &[usize]) -> Vec<T> {
        order.iter().map(|row| values[*row]).collect()
    }
    match values {
        Values::Number(values) => Values::Number(pick(&values, order)),
        Values::Single(values) => Values::Single(pick(&values, order)),
        Values::Category { codes, levels } => Values::Category {
            codes: pick(&codes, order),
            levels,
        },
        Values::Date(days) => Values::Date(pick(&days, order)),
    }
}

pub fn blank(values: &mut Values, touched: &[bool]) {
    fn fill<T: Copy>(values: &mut [T], touched: &[bool], missing: T) {
        for (value, touched) in values.iter_mut().zip(touched) {
            if *touched {
                *value = missing;
            }
        }
    }
    match values {
        Values::Number(values) => fill(values, touched, f64::NAN),
        Values::Single(values) => fill(values, touched, f32::NAN),
        Values::Category { codes, .. } => fill(codes, touched, MISSING_CODE),
        Values::Date(days) => fill(days, touched, MISSING_DAY),
    }
}

/// Gives each touched row its entity's last known value from before the start,
/// or the first known one after it.
pub fn hold<T: Copy>(values: &mut [T], missing: impl Fn(&T) -> bool, scope: &Scope) {
    let mut before: Vec<Option<(Day, T)>> = vec![None; scope.entity_count];
    let mut after = before.clone();
    for (row, value) in values.iter().enumerate() {
        let day = scope.days[row];
        if missing(value) || day == MISSING_DAY {
            continue;
        }
        let entity = scope.entities[row];
        if day < scope.start {
            if before[entity].is_none_or(|(best, _)| day >= best) {
                before[entity] = Some((day, *value));
            }
        } else if after[entity].is_none_or(|(best, _)| day < best) {
            after[entity] = Some((day, *value));
        }
    }
    for (row, value) in values.iter_mut().enumerate() {
        let entity = scope.entities[row];
        if scope.touched[row]
            && !missing(value)
            && let Some((_, held)) = before[entity].or(after[entity])
        {
            *value = held;
        }
    }
}

/// Which touched rows are drawn, each with this chance.
pub fn chosen(scope: &Scope, share: f64, seed: u64) -> Vec<bool> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    scope
        .touched
        .iter()
        .map(|touched| {
            let draw: f64 = rng.random();
            *touched && draw < share
        })
        .collect()
}

/// Standard normal numbers by Box and Muller (1958), with libm so that they are
/// the same on every machine.
pub fn gaussian(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    (0..count)
        .map(|_| {
            let (u, v): (f64, f64) = (rng.random(), rng.random());
            // 1 - u is never 0, so its logarithm is finite.
            let radius = libm::sqrt(-2.0 * libm::log(1.0 - u));
            radius * libm::cos(std::f64::consts::TAU * v)
        })
        .collect()
}

/// The rows in order of arrival: a late row of day d goes behind the last
/// punctual row of a day up to d + delay, wherever that stands.
pub fn late_order(scope: &Scope, delay: u32) -> Vec<usize> {
    let punctual: Vec<usize> = (0..scope.touched.len())
        .filter(|row| !scope.touched[*row])
        .collect();
    // For each day, how many punctual rows come before its end.
    let mut ends: BTreeMap<Day, usize> = BTreeMap::new();
    for (position, row) in punctual.iter().enumerate() {
        ends.insert(scope.days[*row], position + 1);
    }
    let mut reached = 0;
    for end in ends.values_mut() {
        reached = reached.max(*end);
        *end = reached;
    }
    let mut late: Vec<(usize, i64, usize)> = (0..scope.touched.len())
        .filter(|row| scope.touched[*row])
        .map(|row| (i64::from(scope.days[row]) + i64::from(delay), row))
        .filter(|(arrival, _)| *arrival <= i64::from(scope.end))
        .map(|(arrival, row)| {
            // Not after the table's last day, so it fits a Day again.
            let slot = ends
                .range(..=arrival as Day)
                .next_back()
                .map_or(0, |(_, end)| *end);
            (slot, arrival, row)
        })
        .collect();
    late.sort_unstable();
    let mut late = late.into_iter().peekable();
    let mut order = Vec::with_capacity(scope.touched.len());
    for slot in 0..=punctual.len() {
        while let Some((_, _, row)) = late.next_if(|(at, _, _)| *at == slot) {
            order.push(row);
        }
        order.extend(punctual.get(slot));
    }
    order
}
