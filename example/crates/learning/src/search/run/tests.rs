use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn search(sampler: Sampler, stop: EarlyStop) -> Search {
    let space = serde_json::json!({
        "x": {"from": 0.0, "to": 10.0},
        "y": {"from": 0.001, "to": 1.0, "scale": "log"},
        "n": {"from": 1, "to": 20},
        "model.kind": ["flat", "round"],
        "model.round.r": {"from": -1.0, "to": 1.0},
    });
    Search {
        space: Space::declared(space.as_object().unwrap()).unwrap(),
        sampler,
        stop,
        score: Score::LogLoss,
        folds: 3,
        at_once: 4,
        seed: 7,
    }
}

/// A valley with its floor at x 7, y 0.05, n 12 and, of the round kind, r 0.3.
fn valley(point: &Point, fold: usize) -> Result<f64> {
    let number = |key: &str| point[key].as_f64().unwrap();
    let r = point
        .get("model.round.r")
        .map_or(1.0, |r| (r.as_f64().unwrap() - 0.3).powi(2));
    let far = ((number("x") - 7.0) / 10.0).powi(2)
        + (libm::log10(number("y") / 0.05) / 3.0).powi(2)
        + ((number("n") - 12.0) / 20.0).powi(2);
    Ok(far + r + 0.01 * fold as f64)
}

fn run(search: &Search, known: Vec<Trial>, trials: usize) -> Vec<Trial> {
    let done = search.run(known, trials, |_| true, valley, |_| Ok::<_, Infallible>(()));
    timeless(done.unwrap())
}

fn timeless(mut trials: Vec<Trial>) -> Vec<Trial> {
    trials.iter_mut().for_each(|trial| trial.seconds = 0.0);
    trials
}

fn best(search: &Search, trials: &[Trial]) -> f64 {
    mean(&search.ranked(trials)[0].scores)
}

#[test]
fn the_same_seed_gives_the_same_trials_on_any_number_of_threads() {
    for sampler in [Sampler::Random, Sampler::Tpe] {
        let search = search(sampler, EarlyStop::Median);
        let one = run(&search, Vec::new(), 30);
        for threads in [1, 5] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            assert_eq!(one, pool.install(|| run(&search, Vec::new(), 30)));
        }
        let other = Search { seed: 8, ..search };
        assert_ne!(one, run(&other, Vec::new(), 30));
    }
}

#[test]
fn a_search_taken_up_anywhere_ends_as_the_undisturbed_one() {
    let search = search(Sampler::Tpe, EarlyStop::Median);
    let whole = run(&search, Vec::new(), 26);
    // Any part may be known, in any order: the trials of a batch end when they like.
    for known in [
        vec![0],
        vec![3, 1],
        (0..13).rev().collect(),
        (0..26).collect::<Vec<_>>(),
    ] {
        let known: Vec<Trial> = known
            .into_iter()
            .map(|at: usize| whole[at].clone())
            .collect();
        let count = AtomicUsize::new(0);
        let evaluate = |point: &Point, fold| {
            count.fetch_add(1, Ordering::Relaxed);
            valley(point, fold)
        };
        let left: usize = whole
            .iter()
            .filter(|trial| !known.contains(trial))
            .map(|trial| trial.scores.len())
            .sum();
        let again = search.run(known, 26, |_| true, evaluate, |_| Ok::<_, Infallible>(()));
        assert_eq!(timeless(again.unwrap()), whole);
        assert_eq!(count.into_inner(), left, "what is known isn't tried again");
    }
    assert_eq!(
        run(&search, whole[..10].to_vec(), 26),
        whole,
        "more trials go on where fewer ended"
    );
}

#[test]
fn a_trial_of_another_search_is_refused() {
    let known = run(&search(Sampler::Tpe, EarlyStop::None), Vec::new(), 3);
    let other = Search {
        seed: 1,
        ..search(Sampler::Tpe, EarlyStop::None)
    };
    let error = other
        .run(known, 5, |_| true, valley, |_| Ok::<_, Infallible>(()))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "trial 1 is known with other values than this search draws for it"
    );
}

#[test]
fn tpe_finds_a_lower_place_than_chance_with_as_many_trials() {
    let found = |sampler: Sampler| -> Vec<f64> {
        let one = |seed| {
            let search = Search {
                seed,
                ..search(sampler, EarlyStop::None)
            };
            best(&search, &run(&search, Vec::new(), 80))
        };
        (0..20).map(one).collect()
    };
    let (tpe, random) = (found(Sampler::Tpe), found(Sampler::Random));
    let lower = tpe
        .iter()
        .zip(&random)
        .filter(|(tpe, random)| tpe < random)
        .count();
    assert!(lower >= 15, "{lower} of 20");
    assert!(mean(&tpe) < 0.6 * mean(&random), "{tpe:?} {random:?}");
}

#[test]
fn a_trial_below_the_median_is_given_up_and_never_the_best() {
    let stopping = search(Sampler::Random, EarlyStop::Median);
    let patient = search(Sampler::Random, EarlyStop::None);
    let (stopped, whole) = (
        run(&stopping, Vec::new(), 40),
        run(&patient, Vec::new(), 40),
    );
    let given_up = stopped
        .iter()
        .filter(|trial| trial.outcome == Outcome::Stopped)
        .count();
    assert!((10..30).contains(&given_up), "{given_up} of 40");
    assert!(
        stopped
            .iter()
            .take(8)
            .all(|trial| trial.outcome == Outcome::Complete),
        "nothing to compare with yet"
    );
    assert_eq!(best(&stopping, &stopped), best(&patient, &whole));
}

#[test]
fn a_point_without_a_model_is_recorded_and_ranks_last() {
    let search = search(Sampler::Tpe, EarlyStop::Median);
    let evaluate = |point: &Point, fold| match point["n"].as_i64() {
        Some(n) if n > 10 => Err(LearningError::Data("too many".into())),
        _ => valley(point, fold),
    };
    let record = Mutex::new(Vec::new());
    let trials = search
        .run(
            Vec::new(),
            30,
            |_| true,
            evaluate,
            |trial| {
                record.lock().unwrap().push(trial.clone());
                Ok::<_, Infallible>(())
            },
        )
        .unwrap();
    let failed = |trial: &Trial| trial.outcome == Outcome::Failed("too many".into());
    let ranked = search.ranked(&trials);
    let first = ranked.iter().position(|trial| failed(trial)).unwrap();
    assert!(ranked[first..].iter().all(|trial| failed(trial)) && first > 0);
    assert_eq!(record.into_inner().unwrap().len(), 30);
}

#[test]
fn a_grid_tries_each_point_once_and_then_ends() {
    let space = serde_json::json!({"a": [1, 2, 3], "b": [[], ["x"]]});
    let search = Search {
        space: Space::declared(space.as_object().unwrap()).unwrap(),
        sampler: Sampler::Grid,
        ..search(Sampler::Grid, EarlyStop::None)
    };
    let evaluate = |point: &Point, _| Ok(point["a"].as_f64().unwrap());
    let trials = search
        .run(
            Vec::new(),
            100,
            |_| true,
            evaluate,
            |_| Ok::<_, Infallible>(()),
        )
        .unwrap();
    let points: Vec<Point> = trials.into_iter().map(|trial| trial.values).collect();
    assert_eq!(points, search.space.grid());
    assert_eq!(points.len(), 6);
}

#[test]
fn time_that_is_up_ends_it_after_a_batch() {
    let search = search(Sampler::Random, EarlyStop::None);
    let trials = search.run(
        Vec::new(),
        100,
        |done| done.len() < 6,
        valley,
        |_| Ok::<_, Infallible>(()),
    );
    assert_eq!(trials.unwrap().len(), 8);
}
