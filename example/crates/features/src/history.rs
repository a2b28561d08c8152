//! Observations in memory, by entity and day: from them windows are made.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::clocks::{Clocks, Hidden, known};
use crate::reference::{Learned, Neighbour};
use crate::window::{Extent, Known, Nearby, Recent, Window, end_of};
use crate::{Observation, Reference};

/// Borrowed observations, by entity and day.
#[derive(Debug)]
pub struct History<'a, O> {
    entities: HashMap<&'a str, Vec<Known<'a, O>>>,
}

impl<'a, O: Observation> History<'a, O> {
    /// Observations that were each known at the end of their day.
    pub fn new(observations: impl IntoIterator<Item = &'a O>) -> Self {
        let known = observations
            .into_iter()
            .map(|observation| (observation, end_of(observation.day())));
        History::with_created(known)
    }

    /// Observations, each with the moment it became known (microseconds since
    /// 1970-01-01 UTC). A day may come twice: the later version holds from its moment on.
    pub fn with_created(observations: impl IntoIterator<Item = (&'a O, i64)>) -> Self {
        let mut entities: HashMap<&'a str, Vec<Known<'a, O>>> = HashMap::new();
        for (observation, created) in observations {
            let known = Known {
                day: observation.day(),
                created,
                observation,
            };
            entities
                .entry(observation.entity())
                .or_default()
                .push(known);
        }
        entities.par_iter_mut().for_each(|(_, rows)| {
            // Stable: of two with the same day and moment the last given holds.
            rows.sort_by_key(|row| (row.day, row.created));
        });
        History { entities }
    }

    /// The observations of an entity, by day and then by when they became known.
    pub fn of(&self, entity: &str) -> &[Known<'a, O>] {
        self.entities.get(entity).map_or(&[], Vec::as_slice)
    }
}

/// An entity's own rows and those of its neighbours, looked up once.
#[derive(Debug)]
struct Around<'a, O> {
    own: &'a [Known<'a, O>],
    neighbours: Vec<(&'a Neighbour, &'a [Known<'a, O>])>,
    /// What isn't known of each neighbour when the forecast is issued; nothing, if all is known of all.
    hidden: Vec<Hidden>,
    learned: Option<&'a Learned>,
}

impl<'a, O: Observation> Around<'a, O> {
    fn new(entity: &str, windows: &Windows<'a, O>) -> Self {
        let (history, extent) = (windows.history, windows.extent);
        let learned = windows.reference.entities.get(entity);
        let neighbours = learned.map_or(&[][..], |learned| &learned.neighbours);
        let neighbours = neighbours.iter().take(usize::from(extent.neighbours));
        Around {
            own: history.of(entity),
            hidden: windows.clocks.map_or_else(Vec::new, |clocks| {
                hidden::<O>(clocks, entity, neighbours.clone(), extent)
            }),
            neighbours: neighbours
                .map(|neighbour| (neighbour, history.of(&neighbour.entity)))
                .collect(),
            learned,
        }
    }
}

/// What isn't known of each neighbour when the forecast for an entity is issued; nothing, if all is known
/// of all.
pub(crate) fn hidden<'n, O: Observation>(
    clocks: &Clocks,
    entity: &str,
    neighbours: impl Iterator<Item = &'n Neighbour>,
    extent: Extent,
) -> Vec<Hidden> {
    let of = |neighbour: &Neighbour| {
        let (name, days) = (&neighbour.entity, extent.neighbour_days);
        clocks.hidden(entity, name, O::COLUMNS, days)
    };
    let hidden: Vec<Hidden> = neighbours.map(of).collect();
    match hidden.iter().all(Vec::is_empty) {
        true => Vec::new(),
        false => hidden,
    }
}

/// Each neighbour without what isn't known of it.
pub(crate) fn masked<'r, O: Observation + 'r>(
    neighbours: impl Iterator<Item = Recent<'r, O>>,
    hidden: &[Hidden],
) -> Vec<Vec<Option<O>>> {
    let pairs = neighbours.zip(hidden);
    pairs
        .map(|(recent, hidden)| known(recent, hidden))
        .collect()
}

/// The neighbours with what is shown of them.
pub(crate) fn showing<'w, 'n: 'w, O: 'n>(
    neighbours: impl Iterator<Item = Nearby<'n, O>>,
    masked: &'w [Vec<Option<O>>],
) -> Vec<Nearby<'w, O>> {
    let pairs = neighbours.zip(masked);
    pairs
        .map(|(near, masked)| {
            let recent: Recent<'w, O> = near.recent;
            Nearby {
                learned: near.learned,
                recent: recent.showing(masked),
            }
        })
        .collect()
}

/// Makes windows of a history.
#[derive(Debug)]
pub struct Windows<'a, O> {
    history: &'a History<'a, O>,
    reference: &'a Reference,
    extent: Extent,
    clocks: Option<&'a Clocks>,
    entities: HashMap<&'a str, Around<'a, O>>,
}

impl<'a, O: Observation> Windows<'a, O> {
    /// Windows of this extent on `history`, with what `reference` holds. For a single
    /// window: it looks nothing up beforehand.
    pub fn new(history: &'a History<'a, O>, reference: &'a Reference, extent: Extent) -> Self {
        Windows {
            history,
            reference,
            extent,
            clocks: None,
            entities: HashMap::new(),
        }
    }

    /// The same for a service that issues its forecasts by these clocks: of a neighbour, a window shows what
    /// is known then. Without clocks everything known of a day is shown.
    #[must_use]
    pub fn by(self, clocks: Option<&'a Clocks>) -> Self {
        Windows { clocks, ..self }
    }

    /// The same for many windows: every entity's neighbours are looked up once.
    #[must_use]
    pub fn prepared(mut self) -> Self {
        let names = self.history.entities.keys().copied();
        let around = |name| (name, Around::new(name, &self));
        self.entities = names.map(around).collect();
        self
    }

    /// Calls `with` on the window of `today`, as it was known at `as_of` (microseconds
    /// since 1970-01-01 UTC). `scratch` holds the neighbours: give the same to many calls.
    pub fn with<'s, T>(
        &'s self,
        today: &'s O,
        as_of: i64,
        scratch: &mut Vec<Nearby<'s, O>>,
        with: impl FnOnce(&Window<'_, O>) -> T,
    ) -> T {
        let entity = today.entity();
        let looked_up;
        let around = match self.entities.get(entity) {
            Some(around) => around,
            None => {
                looked_up = Around::new(entity, self);
                &looked_up
            }
        };
        let (day, near) = (today.day(), self.extent.neighbour_days);
        let neighbours = around.neighbours.iter().map(|(learned, rows)| Nearby {
            learned,
            recent: Recent::new(rows, day, as_of, near),
        });
        let own = Recent::new(around.own, day, as_of, self.extent.days);
        if around.hidden.is_empty() {
            scratch.clear();
            scratch.extend(neighbours);
            return with(&Window::new(today, own, scratch, around.learned));
        }
        let masked = masked(neighbours.clone().map(|near| near.recent), &around.hidden);
        let neighbours = showing(neighbours, &masked);
        with(&Window::new(today, own, &neighbours, around.learned))
    }
}
