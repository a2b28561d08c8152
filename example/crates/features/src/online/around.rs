use std::marker::PhantomData;
use std::ops::Range;

use mlops_data::calendar::Day;
use serde::Serialize;

use super::{CellsError, OnlineError, OnlineResult, OnlineStore, Schema, Span, StoredRef};
use crate::clocks::{Clocks, Hidden};
use crate::history::{hidden, masked, showing};
use crate::{Extent, Known, Learned, Nearby, Neighbour, Observation, Recent, Reference, Window};

/// Makes windows of what an online store holds of one view.
#[derive(Debug)]
pub struct OnlineWindows<'s, O> {
    store: &'s dyn OnlineStore,
    view: &'s str,
    reference: &'s Reference,
    extent: Extent,
    clocks: Option<&'s Clocks>,
    schema: Schema,
    observation: PhantomData<fn() -> O>,
}

/// The observations around an entity's day, as the store held them at one moment.
#[derive(Debug)]
pub struct Around<'s, O> {
    /// The entity's own, then each neighbour's; of each by day, ascending.
    held: Vec<Held<O>>,
    /// Which of them are whose, the entity's own first.
    ranges: Vec<Range<usize>>,
    neighbours: &'s [Neighbour],
    /// What isn't known of each when the forecast is issued; nothing, if all is known of all.
    hidden: Vec<Hidden>,
    learned: Option<&'s Learned>,
    extent: Extent,
}

/// How much of a window the store could give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Observations that the window has room for, besides today's.
    pub asked: usize,
    /// Those of them that the store held.
    pub found: usize,
}

#[derive(Debug)]
struct Held<O> {
    created: i64,
    observation: O,
}

impl<'s, O: Observation> OnlineWindows<'s, O> {
    /// Windows of this extent on the observations of `view`, with what `reference` holds.
    pub fn new(
        store: &'s dyn OnlineStore,
        view: &'s str,
        reference: &'s Reference,
        extent: Extent,
    ) -> Self {
        OnlineWindows {
            store,
            view,
            reference,
            extent,
            clocks: None,
            schema: Schema::new(O::COLUMNS),
            observation: PhantomData,
        }
    }

    /// The same for a service that issues its forecasts by these clocks, as
    /// [`Windows::by`](crate::Windows::by).
    #[must_use]
    pub fn by(self, clocks: Option<&'s Clocks>) -> Self {
        OnlineWindows { clocks, ..self }
    }

    /// What the store holds around `today`, in one round trip. It need not hold
    /// `today` itself.
    ///
    /// # Errors
    /// If the store can't be read or holds what isn't an observation of this kind.
    pub fn around(&self, today: &O) -> OnlineResult<Around<'s, O>> {
        let until = today.day();
        let first = |days: u16| until.saturating_sub(days.into());
        let own = first(self.extent.days);
        self.gather(
            today.entity(),
            until,
            own,
            first(self.extent.neighbour_days),
        )
    }

    /// The same around the entity's latest observation up to the day `until` that was
    /// known at `as_of` (microseconds since 1970-01-01 UTC). In one round trip if it is
    /// at most `likely_age` days old; in two if it is older or there is none.
    ///
    /// # Errors
    /// As [`around`](Self::around).
    pub fn latest(
        &self,
        entity: &str,
        until: Day,
        as_of: i64,
        likely_age: u16,
    ) -> OnlineResult<Around<'s, O>> {
        let likely = until.saturating_sub(likely_age.into());
        let first = |days: u16| likely.saturating_sub(days.into());
        let (own, near) = (first(self.extent.days), first(self.extent.neighbour_days));
        let around = self.gather(entity, until, own, near)?;
        match around.today(as_of) {
            Some((today, _)) if today.day() >= likely => Ok(around),
            _ => self.gather(entity, until, Day::MIN, Day::MIN),
        }
    }

    fn gather(&self, entity: &str, until: Day, own: Day, near: Day) -> OnlineResult<Around<'s, O>> {
        let learned = self.reference.entities.get(entity);
        let neighbours = learned.map_or(&[][..], |learned| &learned.neighbours);
        let count = neighbours.len().min(self.extent.neighbours.into());
        let neighbours = &neighbours[..count];
        let mut spans = vec![Span {
            entity,
            from: own,
            until,
        }];
        spans.extend(neighbours.iter().map(|neighbour| Span {
            entity: &neighbour.entity,
            from: near,
            until,
        }));
        let mut held = Vec::new();
        let mut ranges: Vec<Range<usize>> = vec![0..0; spans.len()];
        self.store.scan(self.view, &spans, &mut |at, row| {
            let range = &mut ranges[at];
            if range.start == range.end {
                *range = held.len()..held.len();
            }
            held.push(self.observation(spans[at].entity, row)?);
            range.end = held.len();
            Ok(())
        })?;
        // The store shows the newest first.
        for range in &ranges {
            held[range.clone()].reverse();
        }
        Ok(Around {
            held,
            ranges,
            hidden: self.clocks.map_or_else(Vec::new, |clocks| {
                hidden::<O>(clocks, entity, neighbours.iter(), self.extent)
            }),
            neighbours,
            learned,
            extent: self.extent,
        })
    }

    fn observation(&self, entity: &str, row: StoredRef<'_>) -> OnlineResult<Held<O>> {
        let cells = self.schema.decode(row.cells);
        let cells = cells.map_err(|error| self.unreadable(entity, row.day, &error))?;
        let observation = O::from_cells(&cells).map_err(|(column, message)| {
            let column = O::COLUMNS.get(column).copied().unwrap_or("?");
            self.other_schema(entity, row.day, format!("column {column:?}: {message}"))
        })?;
        Ok(Held {
            created: row.created,
            observation,
        })
    }

    fn unreadable(&self, entity: &str, day: Day, error: &CellsError) -> OnlineError {
        match error {
            CellsError::Damaged(what) => OnlineError::Damaged {
                view: self.view.into(),
                entity: entity.into(),
                day: Some(day),
                what: (*what).into(),
            },
            other => self.other_schema(entity, day, other.to_string()),
        }
    }

    fn other_schema(&self, entity: &str, day: Day, what: String) -> OnlineError {
        OnlineError::OtherSchema {
            view: self.view.into(),
            entity: entity.into(),
            day: Some(day),
            what,
        }
    }
}

impl<O: Observation> Around<'_, O> {
    /// The entity's latest observation that was known at `as_of` (microseconds since
    /// 1970-01-01 UTC), with the moment it became known.
    pub fn today(&self, as_of: i64) -> Option<(&O, i64)> {
        let own = &self.held[self.ranges.first()?.clone()];
        let known = own.iter().rev().find(|held| held.created <= as_of)?;
        Some((&known.observation, known.created))
    }

    /// When the entity's own observation of this day became known (microseconds since 1970-01-01 UTC), if there
    /// is one.
    pub fn created_of(&self, day: Day) -> Option<i64> {
        let own = &self.held[self.ranges.first()?.clone()];
        let held = own.iter().find(|held| held.observation.day() == day)?;
        Some(held.created)
    }

    /// Whether any of these observations are the entity's own.
    pub fn holds_own(&self) -> bool {
        self.ranges.first().is_some_and(|own| !own.is_empty())
    }

    /// How much of the window of `today` is here, whenever it became known.
    pub fn coverage(&self, today: &O) -> Coverage {
        let (day, extent) = (today.day(), self.extent);
        let held = |range: &Range<usize>, days: u16, until: Day| {
            let from = day.saturating_sub(days.into());
            let held = self.held[range.clone()].iter();
            held.filter(|held| (from..=until).contains(&held.observation.day()))
                .count()
        };
        let near: Vec<usize> = (self.ranges.iter().skip(1))
            .map(|range| held(range, extent.neighbour_days, day))
            .collect();
        let own = self.ranges.first();
        let own = own.map_or(0, |range| held(range, extent.days, day.saturating_sub(1)));
        Coverage {
            asked: usize::from(extent.days) + near.len() * (usize::from(extent.neighbour_days) + 1),
            found: own + near.into_iter().sum::<usize>(),
        }
    }

    /// Calls `with` on the window of `today`, as it was known at `as_of` (microseconds
    /// since 1970-01-01 UTC).
    pub fn window<T>(&self, today: &O, as_of: i64, with: impl FnOnce(&Window<'_, O>) -> T) -> T {
        let known: Vec<Known<'_, O>> = self
            .held
            .iter()
            .map(|held| Known {
                day: held.observation.day(),
                created: held.created,
                observation: &held.observation,
            })
            .collect();
        let day = today.day();
        let recent =
            |range: &Range<usize>, days| Recent::new(&known[range.clone()], day, as_of, days);
        let mut ranges = self.ranges.iter();
        let own = ranges.next().map_or_else(
            || Recent::new(&[], day, as_of, 0),
            |own| recent(own, self.extent.days),
        );
        let near: Vec<Nearby<'_, O>> = self
            .neighbours
            .iter()
            .zip(ranges)
            .map(|(learned, range)| Nearby {
                learned,
                recent: recent(range, self.extent.neighbour_days),
            })
            .collect();
        if self.hidden.is_empty() {
            return with(&Window::new(today, own, &near, self.learned));
        }
        let masked = masked(near.iter().map(|near| near.recent), &self.hidden);
        let near = showing(near.into_iter(), &masked);
        with(&Window::new(today, own, &near, self.learned))
    }
}
