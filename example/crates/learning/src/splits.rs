//! Parting rows into those to learn from and those to judge by.
//!
//! Each way assumes something of the rows, and flatters the model where that doesn't hold:
//!
//! | | assumes | for |
//! |---|---|---|
//! | [`rolling_origin`] | nothing, but that rows have days: a model is judged on days after all it has seen | rows with dates |
//! | [`hold_out`], [`k_fold`] | rows are drawn independently of each other | rows without dates or kinship |
//! | [`stratified_hold_out`], [`stratified_k_fold`] | the same; each side gets its share of both classes | the same, with a rare class |
//! | [`group_hold_out`], [`group_k_fold`] | groups are drawn independently of each other; days don't matter | new entities, that no row was seen of |

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;

use crate::{LearningError, Result};

/// A way to part rows: true where a row is on that side. A row may be on neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// Rows to learn from.
    pub train: Vec<bool>,
    /// Rows to judge by.
    pub test: Vec<bool>,
}

impl Fold {
    /// The rows that are `test` are judged by, all others learned from.
    fn of_test(test: Vec<bool>) -> Fold {
        Fold {
            train: test.iter().map(|test| !test).collect(),
            test,
        }
    }
}

/// Rolling origin, also called an expanding window: each fold is judged on `length` days and learns
/// from all days before them. The last fold ends with the last day, the one before it ends where that
/// begins, and so on (Tashman, *Out-of-sample tests of forecasting accuracy*, 2000). Oldest first.
///
/// # Errors
/// If `folds` or `length` is 0, or a fold has no row on one of its sides.
pub fn rolling_origin(days: &[i32], folds: usize, length: u32) -> Result<Vec<Fold>> {
    at_least("folds", folds, 1)?;
    at_least("days", length as usize, 1)?;
    let (Some(first), Some(last)) = (days.iter().min(), days.iter().max()) else {
        return Err(LearningError::Data("there are no rows to part".into()));
    };
    let fold = |at: usize| {
        let end = i64::from(*last) + 1 - (folds - 1 - at) as i64 * i64::from(length);
        let begin = end - i64::from(length);
        let fold = Fold {
            train: days.iter().map(|day| i64::from(*day) < begin).collect(),
            test: days
                .iter()
                .map(|day| (begin..end).contains(&i64::from(*day)))
                .collect(),
        };
        if fold.train.contains(&true) && fold.test.contains(&true) {
            return Ok(fold);
        }
        let side = if fold.test.contains(&true) {
            "train"
        } else {
            "test"
        };
        Err(LearningError::Data(format!(
            "fold {} of {folds} has no rows to {side} on: the rows span {} days, and {folds} folds of {length} days need more: take fewer or shorter folds",
            at + 1,
            i64::from(*last) - i64::from(*first) + 1
        )))
    };
    (0..folds).map(fold).collect()
}

/// A share of the rows to judge by, to the row, drawn at random.
///
/// # Errors
/// If the share isn't between 0 and 1.
pub fn hold_out(rows: usize, share: f64, seed: u64) -> Result<Vec<bool>> {
    if !(share > 0.0 && share < 1.0) {
        return Err(LearningError::Parameter {
            name: "test_share".into(),
            value: share.to_string(),
            expected: "give a share between 0 and 1".into(),
        });
    }
    let tested = (rows as f64 * share).round() as usize;
    let mut test = vec![false; rows];
    test[..tested.min(rows)].fill(true);
    test.shuffle(&mut Pcg64Mcg::seed_from_u64(seed));
    Ok(test)
}

/// The same share of the rows of each class, drawn at random.
///
/// # Errors
/// If the share isn't between 0 and 1.
pub fn stratified_hold_out(labels: &[bool], share: f64, seed: u64) -> Result<Vec<bool>> {
    let mut test = vec![false; labels.len()];
    for (class, rows) in of_classes(labels).into_iter().enumerate() {
        let held = hold_out(rows.len(), share, seed.wrapping_add(class as u64))?;
        for (row, held) in rows.into_iter().zip(held) {
            test[row] = held;
        }
    }
    Ok(test)
}

/// All rows of a share of the groups. Which ones depends on the names and the seed, not on the rows.
///
/// # Errors
/// If the share isn't between 0 and 1, or leaves no group on one side.
pub fn group_hold_out<K: Ord>(groups: &[K], share: f64, seed: u64) -> Result<Vec<bool>> {
    let numbers = numbered(groups);
    let held = hold_out(numbers.len(), share, seed)?;
    if !(held.contains(&true) && held.contains(&false)) {
        return Err(LearningError::Data(format!(
            "a share of {share} of {} groups leaves none on one side: change the share",
            numbers.len()
        )));
    }
    Ok(groups.iter().map(|group| held[numbers[group]]).collect())
}

/// Rows dealt to folds at random: each row is judged by once.
///
/// # Errors
/// If there are fewer than 2 folds or fewer rows than folds.
pub fn k_fold(rows: usize, folds: usize, seed: u64) -> Result<Vec<Fold>> {
    enough("rows", rows, folds)?;
    Ok(folds_of(
        &dealt((0..rows).collect(), rows, folds, seed),
        folds,
    ))
}

/// Rows of each class dealt to folds at random: each fold has its share of both.
///
/// # Errors
/// If there are fewer than 2 folds, or fewer rows of a class than folds.
pub fn stratified_k_fold(labels: &[bool], folds: usize, seed: u64) -> Result<Vec<Fold>> {
    let mut fold = vec![0; labels.len()];
    for (class, rows) in of_classes(labels).into_iter().enumerate() {
        enough("rows of each class", rows.len(), folds)?;
        let dealt = dealt(
            rows.clone(),
            labels.len(),
            folds,
            seed.wrapping_add(class as u64),
        );
        for row in rows {
            fold[row] = dealt[row];
        }
    }
    Ok(folds_of(&fold, folds))
}

/// Groups dealt to folds at random: no group is on both sides of a fold.
///
/// # Errors
/// If there are fewer than 2 folds or fewer groups than folds.
pub fn group_k_fold<K: Ord>(groups: &[K], folds: usize, seed: u64) -> Result<Vec<Fold>> {
    let numbers = numbered(groups);
    enough("groups", numbers.len(), folds)?;
    let of_group = dealt((0..numbers.len()).collect(), numbers.len(), folds, seed);
    let fold: Vec<usize> = groups
        .iter()
        .map(|group| of_group[numbers[group]])
        .collect();
    Ok(folds_of(&fold, folds))
}

/// A number for each group, in their order.
fn numbered<K: Ord>(groups: &[K]) -> BTreeMap<&K, usize> {
    let mut numbers: BTreeMap<&K, usize> = groups.iter().map(|group| (group, 0)).collect();
    numbers
        .values_mut()
        .enumerate()
        .for_each(|(at, number)| *number = at);
    numbers
}

/// The rows of the negative class and those of the positive.
fn of_classes(labels: &[bool]) -> [Vec<usize>; 2] {
    [false, true].map(|class| {
        (0..labels.len())
            .filter(|row| labels[*row] == class)
            .collect()
    })
}

/// The fold of each item, as cards are dealt: sizes differ by one at most.
fn dealt(mut items: Vec<usize>, count: usize, folds: usize, seed: u64) -> Vec<usize> {
    items.shuffle(&mut Pcg64Mcg::seed_from_u64(seed));
    let mut fold = vec![0; count];
    for (at, item) in items.into_iter().enumerate() {
        fold[item] = at % folds;
    }
    fold
}

fn folds_of(fold: &[usize], folds: usize) -> Vec<Fold> {
    let one = |at| Fold::of_test(fold.iter().map(|fold| *fold == at).collect());
    (0..folds).map(one).collect()
}

fn at_least(name: &str, value: usize, least: usize) -> Result<()> {
    if value >= least {
        return Ok(());
    }
    Err(LearningError::Parameter {
        name: name.into(),
        value: value.to_string(),
        expected: format!("it must be {least} or more"),
    })
}

fn enough(what: &str, count: usize, folds: usize) -> Result<()> {
    at_least("folds", folds, 2)?;
    if count >= folds {
        return Ok(());
    }
    Err(LearningError::Data(format!(
        "{count} {what} can't be dealt to {folds} folds: take fewer folds"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each row is judged by in exactly one fold, and learned from in all others.
    fn disjoint_and_complete(folds: &[Fold], rows: usize) -> bool {
        (0..rows).all(|row| {
            folds.iter().filter(|fold| fold.test[row]).count() == 1
                && folds.iter().all(|fold| fold.train[row] != fold.test[row])
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_rolling_fold_learns_only_from_days_before_those_it_is_judged_on(
            days in prop::collection::vec(-400..400i32, 1..200),
            folds in 1..5usize,
            length in 1..90u32,
        ) {
            let Ok(parts) = rolling_origin(&days, folds, length) else { return Ok(()) };
            let mut judged = vec![0; days.len()];
            for part in &parts {
                let side = |keep: &[bool]| -> Vec<i32> {
                    days.iter().zip(keep).filter(|(_, keep)| **keep).map(|(day, _)| *day).collect()
                };
                let (train, test) = (side(&part.train), side(&part.test));
                prop_assert!(train.iter().max() < test.iter().min(), "{train:?} {test:?}");
                prop_assert!(i64::from(*test.iter().max().unwrap() - *test.iter().min().unwrap()) < i64::from(length));
                judged.iter_mut().zip(&part.test).for_each(|(judged, test)| *judged += usize::from(*test));
            }
            prop_assert!(judged.iter().all(|judged| *judged <= 1), "no day is judged on twice");
            for pair in parts.windows(2) {
                let grows = pair[0].train.iter().zip(&pair[0].test).zip(&pair[1].train);
                prop_assert!(grows.into_iter().all(|((train, test), next)| (*train || *test) == *next), "the window expands by what was tested");
            }
        }

        #[test]
        fn folds_are_disjoint_complete_and_repeat(
            labels in prop::collection::vec(any::<bool>(), 2..200),
            groups in 1..40usize,
            folds in 2..6usize,
            seed: u64,
        ) {
            let rows = labels.len();
            if let Ok(parts) = k_fold(rows, folds, seed) {
                prop_assert!(disjoint_and_complete(&parts, rows));
                prop_assert_eq!(&parts, &k_fold(rows, folds, seed).unwrap());
            }
            if let Ok(parts) = stratified_k_fold(&labels, folds, seed) {
                prop_assert!(disjoint_and_complete(&parts, rows));
                let positives = |fold: &Fold| fold.test.iter().zip(&labels).filter(|(test, label)| **test && **label).count();
                let counts: Vec<usize> = parts.iter().map(positives).collect();
                prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
            }
            let group: Vec<String> = (0..rows).map(|row| format!("g{}", row * 7 % groups)).collect();
            if let Ok(parts) = group_k_fold(&group, folds, seed) {
                prop_assert!(disjoint_and_complete(&parts, rows));
                for part in &parts {
                    for row in 0..rows {
                        let mates = (0..rows).filter(|other| group[*other] == group[row]);
                        prop_assert!(mates.into_iter().all(|other| part.test[other] == part.test[row]), "a group is split");
                    }
                }
            }
        }

        #[test]
        fn a_hold_out_has_its_share_of_rows_of_each_class_or_of_groups(
            labels in prop::collection::vec(any::<bool>(), 1..300),
            share in 0.05..0.95f64,
            seed: u64,
        ) {
            let count = |keep: &[bool]| keep.iter().filter(|keep| **keep).count();
            let rounded = |rows: usize| (rows as f64 * share).round() as usize;
            prop_assert_eq!(count(&hold_out(labels.len(), share, seed).unwrap()), rounded(labels.len()));
            let test = stratified_hold_out(&labels, share, seed).unwrap();
            for class in [false, true] {
                let of_class: Vec<bool> = labels.iter().zip(&test).filter(|(label, _)| **label == class).map(|(_, test)| *test).collect();
                prop_assert_eq!(count(&of_class), rounded(of_class.len()));
            }
            let groups: Vec<usize> = (0..labels.len()).map(|row| row % 9).collect();
            if let Ok(test) = group_hold_out(&groups, share, seed) {
                let one = |group: usize| -> Vec<bool> { test.iter().skip(group).step_by(9).copied().collect() };
                let whole = |rows: Vec<bool>| rows.windows(2).all(|pair| pair[0] == pair[1]);
                prop_assert!((0..9).all(|group| whole(one(group))), "a group is split");
                prop_assert!(test.contains(&true) && test.contains(&false));
            }
        }
    }

    #[test]
    fn what_cannot_be_parted_is_told() {
        let days: Vec<i32> = (0..100).collect();
        insta::assert_snapshot!(rolling_origin(&days, 4, 30).unwrap_err(), @"fold 1 of 4 has no rows to train on: the rows span 100 days, and 4 folds of 30 days need more: take fewer or shorter folds");
        insta::assert_snapshot!(rolling_origin(&days, 0, 30).unwrap_err(), @"folds is 0: it must be 1 or more");
        insta::assert_snapshot!(group_k_fold(&["a", "b", "a"], 3, 1).unwrap_err(), @"2 groups can't be dealt to 3 folds: take fewer folds");
        insta::assert_snapshot!(group_hold_out(&["a", "b", "a"], 0.1, 1).unwrap_err(), @"a share of 0.1 of 2 groups leaves none on one side: change the share");
        insta::assert_snapshot!(hold_out(10, 1.0, 1).unwrap_err(), @"test_share is 1: give a share between 0 and 1");
    }
}
