//! Which observations a feature's value rests on: found by leaving each out.

use mlops_data::calendar::Day;

use crate::window::end_of;
use crate::{FeatureService, History, Learned, Observation, Reference};

/// What a feature's value rests on, besides the observation of the day itself: it would be another
/// without this. (A row that a feature reads and that changes nothing isn't named, such as a maximum's others.)
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Days before today, of the entity itself: 1 is yesterday.
    pub days_before: Vec<u16>,
    /// Neighbouring entities, each with how many days before today.
    pub neighbours: Vec<(String, u16)>,
    /// Whether a number learned of the entity on the training period is in it.
    pub learned: bool,
}

impl<O: Observation> FeatureService<O> {
    /// The origin of each feature in the row of `today`. `around` are the other observations of the
    /// window: the entity's days before, and the neighbours'; no entity has two of one day.
    ///
    /// The row is computed once more for each of them.
    pub fn origins(&self, today: &O, around: &[O], reference: &Reference) -> Vec<Origin> {
        let as_of = end_of(today.day());
        let row = |left_out: Option<usize>, reference: &Reference| {
            let kept = around
                .iter()
                .enumerate()
                .filter(|(at, _)| Some(*at) != left_out)
                .map(|(_, observation)| observation);
            self.row_in(today, &History::new(kept), reference, as_of)
        };
        let whole = row(None, reference);
        let mut origins = vec![Origin::default(); whole.len()];
        let mut compare = |other: &[f32], note: &mut dyn FnMut(&mut Origin)| {
            let pairs = whole.iter().zip(other);
            for (origin, _) in origins
                .iter_mut()
                .zip(pairs)
                .filter(|(_, (a, b))| differ(**a, **b))
            {
                note(origin);
            }
        };
        for (at, observation) in around.iter().enumerate() {
            let before = days_between(observation.day(), today.day());
            compare(&row(Some(at), reference), &mut |origin| {
                if observation.entity() == today.entity() {
                    origin.days_before.push(before);
                } else {
                    let entity = observation.entity().to_string();
                    origin.neighbours.push((entity, before));
                }
            });
        }
        compare(
            &row(None, &without_tables(reference, today.entity())),
            &mut |origin| {
                origin.learned = true;
            },
        );
        for origin in &mut origins {
            origin.days_before.sort_unstable();
        }
        origins
    }
}

/// Any missing value is as good as another.
fn differ(a: f32, b: f32) -> bool {
    a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan())
}

fn days_between(day: Day, today: Day) -> u16 {
    u16::try_from(i64::from(today) - i64::from(day)).unwrap_or(u16::MAX)
}

/// Of one entity: its neighbours, and no numbers.
fn without_tables(reference: &Reference, entity: &str) -> Reference {
    let learned = reference.entities.get(entity).map(|learned| Learned {
        neighbours: learned.neighbours.clone(),
        ..Learned::default()
    });
    Reference {
        entities: learned
            .into_iter()
            .map(|learned| (entity.to_string(), learned))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mlops_data::Cell;

    use super::*;
    use crate::{Extent, Feature, FeatureType, Neighbour, Registry};

    struct Reading(&'static str, Day, f32);

    impl Observation for Reading {
        const COLUMNS: &'static [&'static str] = &[];

        fn from_cells(_: &[Cell<'_>]) -> Result<Self, (usize, String)> {
            Err((0, "not from a table".into()))
        }

        fn entity(&self) -> &str {
            self.0
        }

        fn day(&self) -> Day {
            self.1
        }
    }

    #[test]
    fn a_value_names_the_rows_without_which_it_would_be_another() {
        let registry = Registry::<Reading>::new()
            .with("load", |w| w.today.2)
            .with("since", |w| {
                w.today.2 - w.day(2).map_or(f32::NAN, |day| day.2)
            })
            .with("most", |w| {
                let near = w.neighbours().iter().filter_map(|near| near.recent.day(0));
                near.map(|day| day.2).fold(f32::NAN, f32::max)
            })
            .with("above", |w| w.today.2 - w.learned("usual", 0));
        let features = ["load", "since", "most", "above"].map(|name| Feature {
            name: name.into(),
            kind: FeatureType::Number,
        });
        let extent = Extent {
            days: 2,
            neighbours: 2,
            neighbour_days: 0,
        };
        let service = FeatureService::new(&registry, "all", features.into(), extent).unwrap();
        let neighbours = ["b", "c"].map(|entity| Neighbour {
            entity: entity.into(),
            values: Vec::new(),
        });
        let learned = Learned {
            neighbours: neighbours.into(),
            tables: BTreeMap::from([("usual".to_string(), vec![Some(1.0)])]),
        };
        let reference = Reference {
            entities: BTreeMap::from([("a".to_string(), learned)]),
        };
        let around = [
            Reading("a", 8, 1.0),
            Reading("a", 9, 2.0),
            Reading("b", 10, 5.0),
            Reading("c", 10, 7.0),
        ];
        let origins = service.origins(&Reading("a", 10, 4.0), &around, &reference);
        let only = |days: &[u16], near: &[(&str, u16)], learned| Origin {
            days_before: days.to_vec(),
            neighbours: near
                .iter()
                .map(|(name, day)| (name.to_string(), *day))
                .collect(),
            learned,
        };
        assert_eq!(origins[0], only(&[], &[], false));
        assert_eq!(origins[1], only(&[2], &[], false));
        assert_eq!(
            origins[2],
            only(&[], &[("c", 0)], false),
            "b is below the maximum"
        );
        assert_eq!(origins[3], only(&[], &[], true));
    }
}
