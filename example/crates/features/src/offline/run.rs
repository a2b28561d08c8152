use polars::prelude::*;
use rayon::prelude::*;

use super::gathered::Gathered;
use super::get::{Options, View};
use super::keys::{KeyKind, key_column};
use super::source::{Place, columns_of, kind_of};
use super::times::{Created, Times};
use super::{Entities, OfflineError, OfflineResult, Part};
use crate::join::{Asked, Candidate, KeyColumn, Keys, Rule, Timeline};

/// A join on its way through the parts of a table.
pub(super) struct Join<'a> {
    view: &'a View<'a>,
    place: Place,
    kinds: Vec<KeyKind>,
    /// What is read of each part.
    columns: Vec<&'a str>,
    rule: Rule,
    at: &'a Times,
    keys: Keys,
    asked: Vec<Asked>,
    /// For each entity row, what was taken for it so far.
    taken: Vec<Option<Taken>>,
    /// The values of those rows.
    gathered: Vec<Gathered>,
}

/// A row that was taken; what comes later in this order is better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Taken {
    event: i64,
    created: Option<i64>,
    part: usize,
    row: u32,
}

impl<'a> Join<'a> {
    pub fn new(
        entities: &Entities,
        at: &'a Times,
        views: &'a [View<'a>],
        group: &[usize],
        options: Options,
    ) -> OfflineResult<Join<'a>> {
        let view = &views[group[0]];
        let place = Place::of(view.source);
        let there = view.source.columns();
        let kind = |column: &str, purpose| kind_of(&there, &place.name, column, purpose);
        kind(&view.event, "which says of when its rows speak")?;
        let mut columns = vec![view.event.as_str()];
        if let Created::Column(created) = &view.created {
            kind(created, "which says when its rows became known")?;
            columns.push(created);
        }
        let mut kinds = Vec::new();
        for key in &view.keys {
            let found = kind(&key.column, "which is a key of the view")?;
            kinds.push(KeyKind::of(&place.name, &key.column, &found)?);
            columns.push(&key.column);
        }
        let mut fields: Vec<(&str, DataType)> = Vec::new();
        for field in group.iter().flat_map(|view| &views[*view].fields) {
            if !fields.iter().any(|(known, _)| known == field) {
                fields.push((field, kind(field, "which is a field of the view")?));
            }
        }
        columns.extend(fields.iter().map(|(name, _)| *name));
        let mut seen = std::collections::HashSet::new();
        columns.retain(|name| seen.insert(*name));
        let (keys, codes) = number(entities, view, &place, &kinds)?;
        let instants = at.all_known(&entities.place)?;
        let asked = codes.into_iter().zip(instants);
        let asked: Vec<Asked> = asked.map(|(key, at)| Asked { key, at }).collect();
        Ok(Join {
            view,
            kinds,
            columns,
            rule: Rule {
                ttl: view.ttl,
                created: options.created,
            },
            at,
            keys,
            taken: vec![None; asked.len()],
            gathered: fields
                .iter()
                .map(|(name, kind)| Gathered::new(&place.name, name, kind, asked.len()))
                .collect::<OfflineResult<_>>()?,
            asked,
            place,
        })
    }

    /// Goes through the parts, the latest first: most rows are found there, and what they need not be
    /// compared with is not read.
    pub fn run(mut self) -> OfflineResult<DataFrame> {
        let parts = self.view.source.parts();
        let mut order: Vec<usize> = (0..parts.len()).collect();
        order.sort_by_key(|part| {
            let last = parts[*part].events.map_or(i64::MAX, |(_, last)| last);
            std::cmp::Reverse((last, *part))
        });
        for part in order {
            if self.is_of_use(parts[part]) {
                self.take_from(part)?;
            }
        }
        self.result()
    }

    /// Whether a part may hold a better row for anyone.
    fn is_of_use(&self, part: Part) -> bool {
        let Some((first, last)) = part.events else {
            return part.rows > 0;
        };
        let rows = self.asked.par_iter().zip(&self.taken);
        rows.into_par_iter()
            .any(|(asked, taken)| self.may_gain(asked, *taken, first, last))
    }

    fn may_gain(&self, asked: &Asked, taken: Option<Taken>, first: i64, last: i64) -> bool {
        let earliest = match self.rule.ttl {
            0 => i64::MIN,
            ttl => asked.at.saturating_sub_unsigned(ttl),
        };
        first <= asked.at && last >= earliest && taken.is_none_or(|taken| taken.event <= last)
    }

    fn take_from(&mut self, part: usize) -> OfflineResult<()> {
        let frame = self.view.source.read(part, &self.columns)?;
        let candidates = self.candidates(&frame)?;
        let Some((first, last)) = span(&candidates) else {
            return Ok(());
        };
        let mut present = vec![false; self.keys.count()];
        for candidate in &candidates {
            present[candidate.key as usize] = true;
        }
        let timeline = Timeline::new(candidates, self.rule);
        let better: Vec<(usize, Taken)> = self
            .asked
            .par_iter()
            .zip(&self.taken)
            .enumerate()
            .filter(|(_, (asked, taken))| {
                asked.key.is_some_and(|key| present[key as usize])
                    && self.may_gain(asked, **taken, first, last)
            })
            .filter_map(|(row, (asked, taken))| {
                let found = timeline.latest(*asked)?;
                let found = Taken {
                    event: found.event,
                    created: found.created,
                    part,
                    row: found.row,
                };
                taken
                    .is_none_or(|taken| found > taken)
                    .then_some((row, found))
            })
            .collect();
        self.gather(&frame, &better)
    }

    /// The rows of those who were asked for.
    fn candidates(&self, frame: &DataFrame) -> OfflineResult<Vec<Candidate>> {
        let events = self.times(frame, &self.view.event)?;
        let known = events.all_known(&self.place)?;
        let created = match &self.view.created {
            Created::Column(column) => Some(self.times(frame, column)?),
            Created::WithEvent => Some(events),
            Created::After(_) => None,
        };
        let created = created.map(|mut created| {
            created.let_days_end();
            created
        });
        let codes = self.codes(frame)?;
        let created_of = |row: usize| match (&created, &self.view.created) {
            (Some(created), _) => created.micros[row],
            (None, Created::After(delay)) => Some(known[row].saturating_add_unsigned(*delay)),
            (None, Created::Column(_) | Created::WithEvent) => None,
        };
        let candidates = codes
            .par_iter()
            .enumerate()
            .filter_map(|(row, key)| {
                Some(Candidate {
                    key: (*key)?,
                    event: known[row],
                    created: created_of(row),
                    row: row as u32,
                })
            })
            .collect();
        Ok(candidates)
    }

    fn times(&self, frame: &DataFrame, column: &str) -> OfflineResult<Times> {
        let series = self.series(frame, column)?;
        let times = Times::of(&self.place, series)?;
        self.at.comparable(&times)?;
        Ok(times)
    }

    fn codes(&self, frame: &DataFrame) -> OfflineResult<Vec<Option<u32>>> {
        let columns = self
            .view
            .keys
            .iter()
            .zip(&self.kinds)
            .map(|(key, kind)| key_column(&self.place, self.series(frame, &key.column)?, *kind))
            .collect::<OfflineResult<Vec<_>>>()?;
        Ok(self.keys.find(&columns, frame.height()))
    }

    fn series<'f>(&self, frame: &'f DataFrame, column: &str) -> OfflineResult<&'f Series> {
        let found = frame.column(column);
        let found = found.map_err(OfflineError::frame(&self.place.name))?;
        Ok(found.as_materialized_series())
    }

    /// Copies the rows taken out of a part.
    fn gather(&mut self, frame: &DataFrame, better: &[(usize, Taken)]) -> OfflineResult<()> {
        let rows: Vec<(usize, u32)> = better.iter().map(|(at, taken)| (*at, taken.row)).collect();
        let copy = |gathered: &mut Gathered| {
            let column = frame.column(gathered.name())?;
            gathered.take(column.as_materialized_series(), &rows)
        };
        let copied = self.gathered.par_iter_mut().try_for_each(copy);
        copied.map_err(OfflineError::frame(&self.place.name))?;
        for (row, taken) in better {
            self.taken[*row] = Some(*taken);
        }
        Ok(())
    }

    fn result(self) -> OfflineResult<DataFrame> {
        let columns = self.gathered.into_par_iter().map(Gathered::finish);
        columns
            .collect::<PolarsResult<Vec<_>>>()
            .and_then(|columns| DataFrame::new(self.asked.len(), columns))
            .map_err(OfflineError::frame(&self.place.name))
    }
}

/// Numbers the entities that are asked for.
fn number(
    entities: &Entities,
    view: &View<'_>,
    place: &Place,
    kinds: &[KeyKind],
) -> OfflineResult<(Keys, Vec<Option<u32>>)> {
    let there = columns_of(&entities.table);
    let mut columns: Vec<KeyColumn<'_>> = Vec::new();
    for (key, kind) in view.keys.iter().zip(kinds) {
        let name = &entities.place.name;
        let found = kind_of(&there, name, &key.asked_as, "which is a key of a view")?;
        let found = KeyKind::of(name, &key.asked_as, &found)?;
        let from_text = entities.place.lines && found == KeyKind::Text;
        if found != *kind && !from_text {
            return Err(OfflineError::Keys {
                view: format!("column {:?} of {}", key.column, place.name),
                view_kind: kind.words(),
                entities: format!("column {:?} of {name}", key.asked_as),
                entities_kind: found.words(),
            });
        }
        let column = entities.table.column(&key.asked_as);
        let column = column.map_err(OfflineError::frame(name))?;
        columns.push(key_column(
            &entities.place,
            column.as_materialized_series(),
            *kind,
        )?);
    }
    Ok(Keys::number(&columns, entities.table.height()))
}

/// First and last event.
fn span(candidates: &[Candidate]) -> Option<(i64, i64)> {
    let events = || candidates.iter().map(|candidate| candidate.event);
    Some((events().min()?, events().max()?))
}
