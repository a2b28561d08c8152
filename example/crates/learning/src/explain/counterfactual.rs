//! What would have to be otherwise for the other answer: the fewest changes, and of those the smallest.
//!
//! What may be changed are numbers from which an answer follows in whatever way; who searches hands that way
//! in ([`search`]), with all limits, so that what is found holds where answers are really given. Sets of one
//! change are tried first, then of two, and so on: of each size, those that bring the answer furthest are
//! extended. So a set of few changes is found if its parts lead there; that there is none is not proven.

use rand::{SeedableRng, seq::SliceRandom};
use rand_pcg::Pcg64Mcg;
use serde::Serialize;

/// Sets of changes that are extended by one more.
const BEAM: usize = 12;
/// Sets that give the other answer, of the fewest changes, whose changes are made smaller.
const REFINED: usize = 12;
/// Orders in which a set's changes are made smaller.
const ORDERS: usize = 4;

/// A number that may be changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// What it is now.
    pub value: f64,
    /// What it may be tried at, such as its quantiles.
    pub choices: Vec<f64>,
    /// What counts as a change of size one, such as the standard deviation; more than 0.
    pub spread: f64,
    /// The smallest change there is, such as the last digit that is written; more than 0.
    pub step: f64,
}

/// What follows from some values of the inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    /// Such values can't be.
    Impossible,
    /// The answer is the same; the larger the number, the nearer to the other one.
    Same(f64),
    /// The answer is the other one.
    Other(f64),
}

/// How long to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Changes at once, at most.
    pub changes: usize,
    /// Seed of the orders in which changes are made smaller.
    pub seed: u64,
}

/// Changes that give the other answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counterfactual {
    /// Which input, and what it would be; in the order of the inputs.
    pub changes: Vec<(usize, f64)>,
    /// Sum of the sizes of the changes, each divided by its input's spread.
    pub distance: f64,
}

/// Changes by input, ascending.
type Changes = Vec<(usize, f64)>;

/// Looks for the fewest and smallest changes that give the other answer. `answer` is asked about many values of
/// all inputs at once, and says what follows from each. The same inputs, answers and seed give the same.
///
/// # Errors
/// As `answer`.
pub fn search<E>(
    inputs: &[Input],
    effort: Effort,
    answer: impl FnMut(&[Vec<f64>]) -> Result<Vec<Answer>, E>,
) -> Result<Option<Counterfactual>, E> {
    let mut search = Search { inputs, answer };
    let mut beam: Vec<Changes> = vec![Vec::new()];
    for _ in 0..effort.changes.min(inputs.len()) {
        let tried = search.extended(&beam);
        let answers = search.ask(&tried)?;
        let mut found: Vec<&Changes> = Vec::new();
        let mut nearer: Vec<(&Changes, f64)> = Vec::new();
        for (changes, answer) in tried.iter().zip(answers) {
            match answer {
                Answer::Impossible => {}
                Answer::Same(towards) => nearer.push((changes, towards)),
                Answer::Other(_) => found.push(changes),
            }
        }
        if !found.is_empty() {
            return search.smallest(found, effort.seed).map(Some);
        }
        beam = best_of_each_set(nearer);
    }
    Ok(None)
}

/// The nearest to the other answer of each set of inputs; the best sets.
fn best_of_each_set(mut tried: Vec<(&Changes, f64)>) -> Vec<Changes> {
    let which = |changes: &Changes| changes.iter().map(|change| change.0).collect::<Vec<_>>();
    // Stable: of equals the first stays first.
    tried.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut seen = std::collections::HashSet::new();
    tried.retain(|(changes, _)| seen.insert(which(changes)));
    tried
        .into_iter()
        .take(BEAM)
        .map(|(changes, _)| changes.clone())
        .collect()
}

struct Search<'a, A> {
    inputs: &'a [Input],
    answer: A,
}

impl<A> Search<'_, A> {
    fn ask<E>(&mut self, tried: &[Changes]) -> Result<Vec<Answer>, E>
    where
        A: FnMut(&[Vec<f64>]) -> Result<Vec<Answer>, E>,
    {
        let values = |changes: &Changes| {
            let mut values: Vec<f64> = self.inputs.iter().map(|input| input.value).collect();
            changes
                .iter()
                .for_each(|(input, value)| values[*input] = *value);
            values
        };
        let asked: Vec<Vec<f64>> = tried.iter().map(values).collect();
        (self.answer)(&asked)
    }

    /// Each set with one more change, each once.
    fn extended(&self, beam: &[Changes]) -> Vec<Changes> {
        let mut tried: Vec<Changes> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for changes in beam {
            for (at, input) in self.inputs.iter().enumerate() {
                if changes.iter().any(|change| change.0 == at) {
                    continue;
                }
                for choice in input
                    .choices
                    .iter()
                    .filter(|choice| **choice != input.value)
                {
                    let mut more = changes.clone();
                    more.push((at, *choice));
                    more.sort_by_key(|change| change.0);
                    let bits = more.iter().map(|(at, value)| (*at, value.to_bits()));
                    if seen.insert(bits.collect::<Vec<_>>()) {
                        tried.push(more);
                    }
                }
            }
        }
        tried
    }

    fn distance(&self, changes: &Changes) -> f64 {
        let sizes = changes.iter().map(|(at, value)| {
            let input = &self.inputs[*at];
            (value - input.value).abs() / input.spread
        });
        sizes.sum()
    }

    /// Of sets that give the other answer, each made smaller, the one with the fewest and smallest changes.
    fn smallest<E>(&mut self, mut found: Vec<&Changes>, seed: u64) -> Result<Counterfactual, E>
    where
        A: FnMut(&[Vec<f64>]) -> Result<Vec<Answer>, E>,
    {
        found.sort_by(|a, b| self.distance(a).total_cmp(&self.distance(b)));
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let mut best = found[0].clone();
        for changes in found.into_iter().take(REFINED) {
            let mut order: Vec<usize> = changes.iter().map(|change| change.0).collect();
            for _ in 0..ORDERS.min(order.len() * order.len()) {
                order.shuffle(&mut rng);
                let smaller = self.smaller(changes, &order)?;
                if (smaller.len(), self.distance(&smaller)) < (best.len(), self.distance(&best)) {
                    best = smaller;
                }
            }
        }
        Ok(Counterfactual {
            distance: self.distance(&best),
            changes: best,
        })
    }

    /// One change after the other brought as near to what is as the other answer allows.
    fn smaller<E>(&mut self, changes: &Changes, order: &[usize]) -> Result<Changes, E>
    where
        A: FnMut(&[Vec<f64>]) -> Result<Vec<Answer>, E>,
    {
        let mut kept = changes.clone();
        for input in order {
            let Some(place) = kept.iter().position(|change| change.0 == *input) else {
                continue;
            };
            let (now, step) = (self.inputs[*input].value, self.inputs[*input].step);
            let far = kept[place].1;
            let with = |steps: f64| {
                let mut changes = kept.clone();
                if steps == 0.0 {
                    changes.remove(place);
                } else {
                    changes[place].1 = near(now + (far - now).signum() * steps * step, step);
                }
                changes
            };
            // `low` steps are known not to be enough, `high` steps are.
            let (mut low, mut high) = (-1.0, ((far - now).abs() / step).floor());
            let mut enough = None;
            while high - low >= 1.0 {
                let middle = if low < 0.0 {
                    0.0
                } else {
                    ((low + high) / 2.0_f64).floor().max(low + 1.0)
                };
                if middle > high {
                    break;
                }
                let tried = with(middle);
                if matches!(
                    self.ask(std::slice::from_ref(&tried))?[..],
                    [Answer::Other(_)]
                ) {
                    enough = Some(tried);
                    high = middle - 1.0;
                    if middle == 0.0 {
                        break;
                    }
                } else {
                    low = middle;
                }
            }
            if let Some(smaller) = enough {
                kept = smaller;
            }
        }
        Ok(kept)
    }
}

/// The multiple of a step nearest to a value, with as few digits as it has.
fn near(value: f64, step: f64) -> f64 {
    let whole = 1.0 / step;
    if whole >= 1.0 && (whole - whole.round()).abs() < 1e-9 * whole {
        (value * whole.round()).round() / whole.round()
    } else {
        (value / step).round() * step
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use proptest::prelude::*;

    fn input(value: f64, last: i32) -> Input {
        Input {
            value,
            choices: (0..=last).map(|choice| f64::from(choice) * 5.0).collect(),
            spread: 10.0,
            step: 0.1,
        }
    }

    const EFFORT: Effort = Effort {
        changes: 3,
        seed: 7,
    };

    fn found(inputs: &[Input], towards: impl Fn(&[f64]) -> Option<f64>) -> Option<Counterfactual> {
        let answer = |asked: &[Vec<f64>]| {
            let each = asked.iter().map(|values| match towards(values) {
                None => Answer::Impossible,
                Some(sum) if sum >= 0.0 => Answer::Other(sum),
                Some(sum) => Answer::Same(sum),
            });
            Ok::<_, Infallible>(each.collect())
        };
        search(inputs, EFFORT, answer).unwrap()
    }

    #[test]
    fn one_change_is_preferred_and_made_as_small_as_the_step_allows() {
        let inputs = [input(10.0, 10), input(10.0, 10)];
        // Either alone does: the first from 32.35 on, the second from 12.35 on.
        let one = found(&inputs, |v| Some((v[0] - 32.35).max(v[1] - 12.35))).unwrap();
        assert_eq!(one.changes, [(1, 12.4)]);
        assert!((one.distance - 0.24).abs() < 1e-9);
    }

    #[test]
    fn two_changes_are_found_where_one_is_not_enough_and_limits_are_kept() {
        let inputs = [input(10.0, 10), input(10.0, 10), input(10.0, 10)];
        let two = found(&inputs, |v| {
            (v[0] <= 30.0 && v[1] <= 30.0 && v[2] == 10.0).then(|| v[0] + v[1] - 45.0)
        });
        let two = two.unwrap();
        assert_eq!(two.changes.len(), 2);
        let [a, b] = [two.changes[0].1, two.changes[1].1];
        assert!(
            a <= 30.0 && b <= 30.0 && a + b >= 45.0 && a + b < 45.2,
            "{a} and {b}"
        );
    }

    #[test]
    fn none_is_an_answer() {
        assert_eq!(found(&[input(10.0, 10)], |_| Some(-1.0)), None);
        assert_eq!(found(&[input(10.0, 10)], |_| None), None);
        assert_eq!(found(&[], |_| Some(1.0)), None);
    }

    proptest! {
        #[test]
        fn what_is_found_holds_and_no_single_change_of_the_grid_is_smaller(
            weights in prop::collection::vec(-1.0..1.0f64, 4),
            least in 0.0..60.0f64,
        ) {
            let inputs: Vec<Input> = (0..4).map(|_| input(20.0, 8)).collect();
            let towards = |v: &[f64]| {
                let sum: f64 = v.iter().zip(&weights).map(|(v, w)| (v - 20.0) * w).sum();
                Some(sum - least - 0.01)
            };
            let singles = || (0..4).flat_map(|at| (0..=8).map(move |choice| (at, f64::from(choice) * 5.0)));
            let alone: Vec<f64> = singles()
                .filter(|(at, value)| {
                    let mut values = [20.0; 4];
                    values[*at] = *value;
                    towards(&values) >= Some(0.0)
                })
                .map(|(_, value)| (value - 20.0).abs() / 10.0)
                .collect();
            match found(&inputs, towards) {
                None => prop_assert!(alone.is_empty()),
                Some(found) => {
                    let mut values = [20.0; 4];
                    found.changes.iter().for_each(|(at, value)| values[*at] = *value);
                    prop_assert!(towards(&values) >= Some(0.0));
                    prop_assert_eq!(found.changes.len() == 1, !alone.is_empty());
                    for other in alone {
                        prop_assert!(found.distance <= other + 1e-9);
                    }
                }
            }
        }
    }
}
