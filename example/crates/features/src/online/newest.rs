use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::RangeInclusive;

use mlops_data::calendar::Day;
use mlops_data::table::{MISSING_CODE, MISSING_DAY};
use mlops_data::{Cell, Table, Values};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{Chunk, Schema, Stored};
use crate::observation::{columns_of, observe_row};
use crate::{FeatureError, Observation, Result};

/// Observations that are handed over at once, give or take those of one day.
const CHUNK: usize = 100_000;

/// Of a table that comes in parts, the last first, the observations of a period that a store would
/// keep: of each entity the newest days, of each day what was created last. The others would only fall
/// off again.
///
/// Memory is needed for these and for one part, however long the table is.
#[derive(Debug)]
pub struct Newest<'c, O> {
    entity: &'c str,
    time: &'c str,
    period: RangeInclusive<Day>,
    keep: usize,
    schema: Schema,
    held: BTreeMap<String, BTreeMap<Day, Stored>>,
    seen: usize,
    observation: PhantomData<fn() -> O>,
}

impl<'c, O: Observation> Newest<'c, O> {
    /// None yet, of the days of a period, for a store that keeps `keep` days of each entity. The
    /// first two name the columns of entity and day.
    pub fn new(entity: &'c str, time: &'c str, period: RangeInclusive<Day>, keep: u16) -> Self {
        Newest {
            entity,
            time,
            period,
            keep: keep.into(),
            schema: Schema::new(O::COLUMNS),
            held: BTreeMap::new(),
            seen: 0,
            observation: PhantomData,
        }
    }

    /// Whether nothing of the next rows is wanted, of which only the columns of entity and day are
    /// needed to tell. Such rows are gone through with that.
    ///
    /// # Errors
    /// If a column is missing, or a row has no entity or day.
    pub fn passes_over(&mut self, first_row: usize, keys: &Table) -> Result<bool> {
        let (codes, days) = self.keys(first_row, keys)?;
        let floors = self.floors(keys);
        let is_wanted = |(code, day): (&u32, &Day)| {
            self.period.contains(day) && *day >= floor_of(&floors, *code)
        };
        if codes.iter().zip(days).any(is_wanted) {
            return Ok(false);
        }
        self.seen += days.iter().filter(|day| self.period.contains(day)).count();
        Ok(true)
    }

    /// Of each entity the day before which nothing is wanted any more.
    fn floors(&self, keys: &Table) -> Vec<Day> {
        let Some(Values::Category { levels, .. }) = keys.get(self.entity) else {
            return Vec::new();
        };
        let floor = |entity: &String| {
            let days = self.held.get(entity)?;
            let (first, _) = days.first_key_value()?;
            (days.len() >= self.keep).then_some(*first)
        };
        let floors = levels
            .iter()
            .map(|entity| floor(entity).unwrap_or(Day::MIN));
        floors.collect()
    }

    /// Goes through the next rows, of which the first has this number in the table, counted from 0.
    /// `created` says when a row of the part became known (microseconds since 1970-01-01 UTC), given
    /// its number in the part and its day.
    ///
    /// # Errors
    /// If a column is missing, or a row has no entity or day, or one to be kept is no observation:
    /// what is stored can be read again.
    pub fn add(
        &mut self,
        first_row: usize,
        part: &Table,
        created: impl Fn(usize, Day) -> i64 + Sync,
    ) -> Result<()> {
        let columns = columns_of::<O>(part)?;
        let (codes, days) = self.keys(first_row, part)?;
        let floors = self.floors(part);
        let mut rows = Vec::new();
        for (row, (code, day)) in codes.iter().zip(days).enumerate() {
            if !self.period.contains(day) {
                continue;
            }
            self.seen += 1;
            if *day >= floor_of(&floors, *code) {
                rows.push(Row {
                    code: *code,
                    day: Reverse(*day),
                    created: Reverse(created(row, *day)),
                    row: Reverse(row),
                });
            }
        }
        rows.par_sort_unstable();
        // Of a day, the one created last comes first; of two created at once, the later row.
        rows.dedup_by_key(|row| (row.code, row.day));
        let mut cells = Vec::with_capacity(columns.len());
        for days in rows.chunk_by(|one, other| one.code == other.code) {
            for kept in days.iter().take(self.keep) {
                let row = kept.row.0;
                cells.clear();
                cells.extend(columns.iter().map(|values| values.cell(row)));
                self.hold(first_row + row, kept.created.0, &cells)?;
            }
        }
        Ok(())
    }

    /// Entity and day of each row.
    fn keys<'t>(&self, first_row: usize, part: &'t Table) -> Result<(&'t [u32], &'t [Day])> {
        let (entity, time) = (self.entity, self.time);
        let missing = |row: Option<usize>, column: &str| match row {
            None => Ok(()),
            Some(row) => Err(FeatureError::Value {
                row: first_row + row + 1,
                column: column.into(),
                message: "it is missing, and every observation needs it".into(),
            }),
        };
        match (part.get(entity), part.get(time)) {
            (Some(Values::Category { codes, .. }), Some(Values::Date(days))) => {
                missing(codes.iter().position(|code| *code == MISSING_CODE), entity)?;
                missing(days.iter().position(|day| *day == MISSING_DAY), time)?;
                Ok((codes, days))
            }
            _ => Err(FeatureError::MissingColumn {
                column: format!("{entity} of words and {time} of dates"),
                found: "no such two".into(),
            }),
        }
    }

    fn hold(&mut self, row: usize, created: i64, cells: &[Cell<'_>]) -> Result<()> {
        let observation = observe_row::<O>(row, cells)?;
        let encoded = self.schema.encode(cells);
        let stored = Stored {
            day: observation.day(),
            created,
            cells: encoded.map_err(|error| FeatureError::Value {
                row: row + 1,
                column: O::COLUMNS.join(", "),
                message: error.to_string(),
            })?,
        };
        if !self.held.contains_key(observation.entity()) {
            self.held
                .insert(observation.entity().into(), BTreeMap::new());
        }
        if let Some(days) = self.held.get_mut(observation.entity()) {
            match days.get_mut(&stored.day) {
                // What is there stood further down.
                Some(there) if there.created >= created => {}
                Some(there) => *there = stored,
                None => {
                    days.insert(stored.day, stored);
                }
            }
            while days.len() > self.keep {
                days.pop_first();
            }
        }
        Ok(())
    }

    /// Observations of the period gone through so far.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// What identifies these observations: others have another one.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for (entity, row) in self.rows() {
            hash.update((entity.len() as u64).to_le_bytes());
            hash.update(entity);
            hash.update(row.day.to_le_bytes());
            hash.update(row.created.to_le_bytes());
            hash.update((row.cells.len() as u64).to_le_bytes());
            hash.update(&row.cells);
        }
        let digest = hash.finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn rows(&self) -> impl Iterator<Item = (&String, &Stored)> {
        let entities = self.held.iter();
        entities.flat_map(|(entity, days)| days.values().map(move |row| (entity, row)))
    }

    /// Those of some days, whole days at a time, as [`materialize`](super::materialize) wants them.
    pub fn chunks(&self, from: Day, until: Day) -> impl Iterator<Item = Result<Chunk>> {
        let period = from..=until;
        let rows = self
            .rows()
            .filter(move |(_, row)| period.contains(&row.day));
        let mut rows: Vec<(&String, &Stored)> = rows.collect();
        // Stable: of a day, the entities stay in their order.
        rows.sort_by_key(|(_, row)| row.day);
        let mut next = 0;
        std::iter::from_fn(move || {
            let rest = rows.get(next..)?;
            let (_, last) = rest.get(CHUNK - 1).or_else(|| rest.last())?;
            let some = rest.partition_point(|(_, row)| row.day <= last.day);
            next += some;
            let rows = rest[..some].iter();
            let rows = rows.map(|(entity, row)| ((*entity).clone(), (*row).clone()));
            Some(Ok(Chunk {
                // The last one ends the period.
                through: if some < rest.len() { last.day } else { until },
                rows: rows.collect(),
            }))
        })
    }
}

fn floor_of(floors: &[Day], code: u32) -> Day {
    floors.get(code as usize).copied().unwrap_or(Day::MIN)
}

/// A row of a part, ordered so that of an entity the newest come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    code: u32,
    day: Reverse<Day>,
    created: Reverse<i64>,
    row: Reverse<usize>,
}

#[cfg(test)]
mod tests {
    use mlops_data::Column;
    use proptest::prelude::*;

    use super::*;

    struct Sale {
        shop: String,
        day: Day,
    }

    impl Observation for Sale {
        const COLUMNS: &'static [&'static str] = &["shop", "day", "number"];

        fn from_cells(cells: &[Cell<'_>]) -> Result<Self, (usize, String)> {
            match (cells[0], cells[1], cells[2]) {
                (_, _, Cell::Number(666.0)) => Err((2, "666 is no number".into())),
                (Cell::Text(shop), Cell::Date(day), _) => Ok(Sale {
                    shop: shop.into(),
                    day,
                }),
                _ => Err((0, "no shop or no day".into())),
            }
        }

        fn entity(&self) -> &str {
            &self.shop
        }

        fn day(&self) -> Day {
            self.day
        }
    }

    /// Of which shop and day, when it became known, and its number.
    type Given = (u32, Day, i64, f64);

    fn table(rows: &[Given]) -> Table {
        let column = |name: &str, values| Column {
            name: name.into(),
            values,
        };
        let codes = rows.iter().map(|row| row.0).collect();
        let levels = ["a", "b", "c"].map(String::from).to_vec();
        Table::new(vec![
            column("shop", Values::Category { codes, levels }),
            column("day", Values::Date(rows.iter().map(|row| row.1).collect())),
            column(
                "number",
                Values::Number(rows.iter().map(|row| row.3).collect()),
            ),
        ])
        .unwrap()
    }

    fn newest(parts: &[&[Given]], period: RangeInclusive<Day>, keep: u16) -> Newest<'static, Sale> {
        let mut newest = Newest::new("shop", "day", period, keep);
        let mut first: usize = parts.iter().map(|part| part.len()).sum();
        for part in parts.iter().rev() {
            first -= part.len();
            let table = table(part);
            let keys = table.select(&["shop", "day"]);
            if !newest.passes_over(first, &keys).unwrap() {
                newest.add(first, &table, |row, _| part[row].2).unwrap();
            }
        }
        newest
    }

    proptest! {
        #[test]
        fn a_table_in_parts_gives_what_a_store_would_keep_of_all_its_rows(
            given in prop::collection::vec((0u32..3, 0i32..9, 0i64..3), 0..60),
            part in 1usize..20, keep in 1u16..6, from in 0i32..4, until in 3i32..9,
        ) {
            // The number says which row it is.
            let rows: Vec<Given> = (given.iter().enumerate())
                .map(|(row, (shop, day, created))| (*shop, *day, *created, row as f64))
                .collect();
            let mut of_day = BTreeMap::new();
            for row in rows.iter().filter(|row| (from..=until).contains(&row.1)) {
                let held = of_day.entry((row.0, row.1)).or_insert(*row);
                if row.2 >= held.2 {
                    *held = *row;
                }
            }
            let mut expected: Vec<Given> = Vec::new();
            for shop in 0..3 {
                let days = of_day.range((shop, Day::MIN)..=(shop, Day::MAX)).rev();
                expected.extend(days.take(keep.into()).map(|(_, row)| *row));
            }
            expected.sort_by_key(|row| (row.1, row.0));

            let parts: Vec<&[Given]> = rows.chunks(part).collect();
            let newest = newest(&parts, from..=until, keep);
            let chunks: Vec<Chunk> = newest.chunks(from, until).map(Result::unwrap).collect();
            let schema = Schema::new(Sale::COLUMNS);
            let found: Vec<Given> = chunks.iter().flat_map(|chunk| &chunk.rows).map(|(shop, row)| {
                let number = schema.decode(&row.cells).unwrap()[2].number().unwrap();
                (u32::from(shop.as_bytes()[0] - b'a'), row.day, row.created, number)
            }).collect();
            prop_assert_eq!(found, expected);
            prop_assert!(chunks.last().is_none_or(|chunk| chunk.through == until));
            let seen = rows.iter().filter(|row| (from..=until).contains(&row.1)).count();
            prop_assert_eq!(newest.seen(), seen);
        }
    }

    #[test]
    fn other_observations_have_another_fingerprint() {
        let rows = [(0, 1, 1, 7.0), (1, 2, 1, 8.0)];
        let one = newest(&[&rows], 0..=9, 3).fingerprint();
        assert_eq!(
            newest(&[&rows[..1], &rows[1..]], 0..=9, 3).fingerprint(),
            one
        );
        for other in [
            (1, 2, 1, 9.0),
            (1, 2, 2, 8.0),
            (2, 2, 1, 8.0),
            (1, 3, 1, 8.0),
        ] {
            assert_ne!(newest(&[&[rows[0], other]], 0..=9, 3).fingerprint(), one);
        }
    }

    #[test]
    fn a_row_that_is_kept_must_be_an_observation_and_each_has_its_key() {
        let error = |rows: &[Given]| {
            let mut newest = Newest::<Sale>::new("shop", "day", Day::MIN..=9, 1);
            newest
                .add(100, &table(rows), |_, _| 0)
                .unwrap_err()
                .to_string()
        };
        insta::assert_snapshot!(error(&[(0, 1, 0, 1.0), (0, 2, 0, 666.0)]), @"row 102, number: 666 is no number");
        insta::assert_snapshot!(error(&[(0, 1, 0, 1.0), (MISSING_CODE, 2, 0, 1.0)]), @"row 102, shop: it is missing, and every observation needs it");
        insta::assert_snapshot!(error(&[(0, MISSING_DAY, 0, 1.0)]), @"row 101, day: it is missing, and every observation needs it");
    }
}
