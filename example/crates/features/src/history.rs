//! Observations in memory, by entity and day: from them windows are made.

use std::collections::HashMap;

use rayon::prelude::*;

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
    learned: Option<&'a Learned>,
}

impl<'a, O: Observation> Around<'a, O> {
    fn new(
        entity: &str,
        history: &'a History<'a, O>,
        reference: &'a Reference,
        extent: Extent,
    ) -> Self {
        let learned = reference.entities.get(entity);
        let neighbours = learned.map_or(&[][..], |learned| &learned.neighbours);
        Around {
            own: history.of(entity),
            neighbours: neighbours
                .iter()
                .take(usize::from(extent.neighbours))
                .map(|neighbour| (neighbour, history.of(&neighbour.entity)))
                .collect(),
            learned,
        }
    }
}

/// Makes windows of a history.
#[derive(Debug)]
pub struct Windows<'a, O> {
    history: &'a History<'a, O>,
    reference: &'a Reference,
    extent: Extent,
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
            entities: HashMap::new(),
        }
    }

    /// The same for many windows: every entity's neighbours are looked up once.
    pub fn prepared(history: &'a History<'a, O>, reference: &'a Reference, extent: Extent) -> Self {
        let names = history.entities.keys().copied();
        let around = |name| (name, Around::new(name, history, reference, extent));
        Windows {
            entities: names.map(around).collect(),
            ..Windows::new(history, reference, extent)
        }
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
                looked_up = Around::new(entity, self.history, self.reference, self.extent);
                &looked_up
            }
        };
        let (day, near) = (today.day(), self.extent.neighbour_days);
        scratch.clear();
        scratch.extend(around.neighbours.iter().map(|(learned, rows)| Nearby {
            learned,
            recent: Recent::new(rows, day, as_of, near),
        }));
        let own = Recent::new(around.own, day, as_of, self.extent.days);
        with(&Window::new(today, own, scratch, around.learned))
    }
}
