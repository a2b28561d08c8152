//! What a feature function sees: an entity's day, the days before it, the
//! entities near it, and what was learned on the training period.

use mlops_data::calendar::Day;

use crate::reference::{Learned, Neighbour};

/// Microseconds of a day.
pub const DAY_MICROS: i64 = 86_400_000_000;

/// The end of a day, microseconds since 1970-01-01: when an observation counts as
/// known if nobody says otherwise.
pub fn end_of(day: Day) -> i64 {
    (i64::from(day) + 1) * DAY_MICROS
}

/// An observation, its day, and when it became known.
#[derive(Debug)]
pub struct Known<'a, O> {
    /// The day it is of.
    pub day: Day,
    /// When it became known, microseconds since 1970-01-01 UTC.
    pub created: i64,
    /// The observation itself.
    pub observation: &'a O,
}

// By hand: a derive would ask `O` to be `Copy`, and none is copied.
impl<O> Clone for Known<'_, O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<O> Copy for Known<'_, O> {}

/// How much a window holds. What lies beyond it is not seen, offline or online.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Extent {
    /// Days before today of the entity itself.
    pub days: u16,
    /// Neighbouring entities, the nearest first.
    pub neighbours: u16,
    /// Days before today of each neighbour.
    pub neighbour_days: u16,
}

impl Extent {
    /// The extent that holds both.
    #[must_use]
    pub fn union(self, other: Extent) -> Extent {
        Extent {
            days: self.days.max(other.days),
            neighbours: self.neighbours.max(other.neighbours),
            neighbour_days: self.neighbour_days.max(other.neighbour_days),
        }
    }
}

/// The latest days of one entity, as they were known at a moment.
#[derive(Debug)]
pub struct Recent<'a, O> {
    rows: &'a [Known<'a, O>],
    /// What is shown instead of the rows of today and of the days before, as far as it goes.
    masked: &'a [Option<O>],
    today: Day,
    as_of: i64,
    days: u16,
}

impl<O> Clone for Recent<'_, O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<O> Copy for Recent<'_, O> {}

impl<'a, O> Recent<'a, O> {
    /// What `rows` tell of `today` and the `days` before it to someone who asks at
    /// `as_of` (microseconds since 1970-01-01 UTC). The rows are of one entity, by
    /// day and then by when they were created, ascending.
    pub fn new(rows: &'a [Known<'a, O>], today: Day, as_of: i64, days: u16) -> Self {
        let known = rows.partition_point(|row| row.day <= today);
        Recent {
            rows: &rows[..known],
            masked: &[],
            today,
            as_of,
            days,
        }
    }

    /// The same, with these observations in the place of today's and of those of the days before.
    pub(crate) fn showing(self, masked: &'a [Option<O>]) -> Self {
        Recent { masked, ..self }
    }

    /// The observation exactly `before` days before today, the latest of them that
    /// was known; today's if `before` is 0. None if there is none, or if the
    /// window doesn't reach so far.
    pub fn day(&self, before: u16) -> Option<&'a O> {
        if before > self.days {
            return None;
        }
        if let Some(masked) = self.masked.get(usize::from(before)) {
            return masked.as_ref();
        }
        let day = self.today.saturating_sub(Day::from(before));
        // Without gaps and second versions it stands `before` rows before the last.
        let last = self.rows.len().checked_sub(1)?;
        if let Some(at) = last.checked_sub(usize::from(before)) {
            let (row, next) = (&self.rows[at], self.rows.get(at + 1));
            if row.day == day
                && row.created <= self.as_of
                && next.is_none_or(|next| next.day != day)
            {
                return Some(row.observation);
            }
        }
        let until = self
            .rows
            .partition_point(|row| (row.day, row.created) <= (day, self.as_of));
        let row = self.rows[..until].last()?;
        (row.day == day).then_some(row.observation)
    }
}

/// A neighbouring entity in a window.
#[derive(Debug)]
pub struct Nearby<'a, O> {
    /// What was learned of the pair.
    pub learned: &'a Neighbour,
    /// Its latest days.
    pub recent: Recent<'a, O>,
}

impl<O> Clone for Nearby<'_, O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<O> Copy for Nearby<'_, O> {}

/// What a feature function may see of the day a forecast is issued on.
#[derive(Debug)]
pub struct Window<'a, O> {
    /// The observation of the day itself.
    pub today: &'a O,
    own: Recent<'a, O>,
    neighbours: &'a [Nearby<'a, O>],
    learned: Option<&'a Learned>,
}

impl<'a, O> Window<'a, O> {
    /// A window on `today`: `own` are the entity's latest days, `neighbours` the
    /// entities near it in order of nearness, `learned` what the reference says of
    /// the entity.
    pub fn new(
        today: &'a O,
        own: Recent<'a, O>,
        neighbours: &'a [Nearby<'a, O>],
        learned: Option<&'a Learned>,
    ) -> Self {
        Window {
            today,
            own,
            neighbours,
            learned,
        }
    }

    /// A window on a single day, with nothing before it and nothing around.
    pub fn single(today: &'a O) -> Self {
        Window::new(today, Recent::new(&[], 0, i64::MAX, 0), &[], None)
    }

    /// The entity's observation exactly `before` days before today (not the row
    /// before: records have gaps). `day(0)` is today's.
    pub fn day(&self, before: u16) -> Option<&'a O> {
        match before {
            0 => Some(self.today),
            _ => self.own.day(before),
        }
    }

    /// The entities near it, the nearest first.
    pub fn neighbours(&self) -> &'a [Nearby<'a, O>] {
        self.neighbours
    }

    /// A number learned of the entity on the training period: place `at` of the
    /// table of this name. NaN if nothing was learned.
    pub fn learned(&self, table: &str, at: usize) -> f32 {
        self.learned
            .and_then(|learned| learned.tables.get(table)?.get(at).copied().flatten())
            .unwrap_or(f32::NAN)
    }
}
