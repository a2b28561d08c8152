//! Trying points: which, in what order, and when to give one up.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Point, Score, Space, mean, tpe};
use crate::{LearningError, Result};

/// Trials from which on TPE knows enough to draw by.
const STARTUP: usize = 10;
/// Trials whose median is worth comparing with.
const ENOUGH: usize = 5;
/// Draws until one that was drawn before is taken again.
const DRAWS: usize = 100;

/// How points are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// Where the trials so far were good; the first ten at random.
    #[default]
    Tpe,
    /// Anywhere.
    Random,
    /// Every point of a space of choices, one after the other.
    #[serde(skip_deserializing)]
    Grid,
}

/// When a trial is given up before its last fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyStop {
    /// When its mean over the folds so far is worse than the median of what the trials of earlier batches had over
    /// the same folds (D. Golovin and others, *Google Vizier*, KDD 2017, section 3.3), five trials at least.
    #[default]
    Median,
    /// Never.
    None,
}

/// One point that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Its number, from 1; 0 is what stands in the params.
    pub trial: usize,
    /// What was tried.
    pub values: Point,
    /// The score of each fold it got to, in their order.
    pub scores: Vec<f64>,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took. Nothing depends on it.
    pub seconds: f64,
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With a score for every fold.
    Complete,
    /// Given up: it fell behind.
    Stopped,
    /// No model came of it, because of this.
    Failed(String),
}

/// A search: where, how, by what.
#[derive(Debug, Clone)]
pub struct Search {
    /// What may be tried.
    pub space: Space,
    /// How points are drawn.
    pub sampler: Sampler,
    /// When a trial is given up.
    pub stop: EarlyStop,
    /// By what trials are compared.
    pub score: Score,
    /// Folds of a trial.
    pub folds: usize,
    /// Trials of a batch: they run at once, and don't know of each other's scores. Part of what is
    /// searched, so not the number of cores.
    pub at_once: usize,
    /// From which all chance is drawn.
    pub seed: u64,
}

/// Why a search ended early.
#[derive(Debug, thiserror::Error)]
pub enum SearchError<E: std::error::Error> {
    /// What is known of a trial isn't of this search.
    #[error("trial {trial} is known with other values than this search draws for it")]
    OfAnother {
        /// Its number.
        trial: usize,
    },
    /// A trial couldn't be recorded.
    #[error(transparent)]
    Record(E),
}

impl Search {
    /// Runs trials 1 to `trials`, but those that are `known` from before, while `go_on` says so, which is asked
    /// before each batch. `evaluate` scores a point on a fold (from 0), on many threads at once; `record` gets
    /// each trial as it ends. All trials are returned in their order, the known ones among them.
    ///
    /// # Errors
    /// If a known trial isn't of this search, or one can't be recorded.
    pub fn run<E: std::error::Error + Send>(
        &self,
        known: Vec<Trial>,
        trials: usize,
        mut go_on: impl FnMut(&[Trial]) -> bool,
        evaluate: impl Fn(&Point, usize) -> Result<f64> + Sync,
        record: impl Fn(&Trial) -> Result<(), E> + Sync,
    ) -> Result<Vec<Trial>, SearchError<E>> {
        let grid = if self.sampler == Sampler::Grid {
            self.space.grid()
        } else {
            Vec::new()
        };
        let mut done: Vec<Trial> = Vec::new();
        let mut known: Vec<Option<Trial>> = known.into_iter().map(Some).collect();
        while done.len() < trials && go_on(&done) {
            let mut points: Vec<Point> = Vec::new();
            for number in done.len() + 1..=trials.min(done.len() + self.at_once.max(1)) {
                let point = match self.sampler {
                    Sampler::Grid => grid.get(number - 1).cloned(),
                    _ => Some(self.draw(&done, &points, number)),
                };
                points.extend(point);
            }
            if points.is_empty() {
                break;
            }
            let mut batch = Vec::new();
            for (at, point) in points.into_iter().enumerate() {
                let number = done.len() + 1 + at;
                let before = known
                    .iter_mut()
                    .find(|known| known.as_ref().is_some_and(|known| known.trial == number));
                match before.and_then(Option::take) {
                    Some(known) if known.values != point => {
                        return Err(SearchError::OfAnother { trial: number });
                    }
                    before => batch.push((number, point, before)),
                }
            }
            let tried: Result<Vec<Trial>, E> = batch
                .into_par_iter()
                .map(|(number, point, before)| {
                    if let Some(before) = before {
                        return Ok(before);
                    }
                    let trial = self.attempt(number, point, &done, &evaluate);
                    record(&trial).map(|()| trial)
                })
                .collect();
            done.extend(tried.map_err(SearchError::Record)?);
        }
        Ok(done)
    }

    /// Tries a point fold by fold. Nothing is given up beside `earlier` trials that are none.
    pub fn attempt(
        &self,
        trial: usize,
        values: Point,
        earlier: &[Trial],
        evaluate: impl Fn(&Point, usize) -> Result<f64>,
    ) -> Trial {
        let started = std::time::Instant::now();
        let mut scores = Vec::new();
        let mut outcome = Outcome::Complete;
        for fold in 0..self.folds {
            match evaluate(&values, fold) {
                Ok(score) => scores.push(score),
                Err(error) => {
                    outcome = Outcome::Failed(error.to_string());
                    break;
                }
            }
            if scores.len() < self.folds && self.falls_behind(&scores, earlier) {
                outcome = Outcome::Stopped;
                break;
            }
        }
        let seconds = (started.elapsed().as_secs_f64() * 1e3).round() / 1e3;
        Trial {
            trial,
            values,
            scores,
            outcome,
            seconds,
        }
    }

    /// Best first: those that got farther before those given up, and these before those that failed.
    pub fn ranked<'a>(&self, trials: &'a [Trial]) -> Vec<&'a Trial> {
        let mut ranked: Vec<&Trial> = trials.iter().collect();
        ranked.sort_by(|one, two| {
            let failed = |trial: &Trial| matches!(trial.outcome, Outcome::Failed(_));
            let loss = |trial: &Trial| self.score.loss(mean(&trial.scores));
            failed(one)
                .cmp(&failed(two))
                .then(two.scores.len().cmp(&one.scores.len()))
                .then(loss(one).total_cmp(&loss(two)))
                .then(one.trial.cmp(&two.trial))
        });
        ranked
    }

    fn falls_behind(&self, scores: &[f64], earlier: &[Trial]) -> bool {
        let folds = scores.len();
        let reached = earlier.iter().filter(|trial| trial.scores.len() >= folds);
        let mut losses: Vec<f64> = reached
            .map(|trial| self.score.loss(mean(&trial.scores[..folds])))
            .collect();
        if self.stop == EarlyStop::None || losses.len() < ENOUGH {
            return false;
        }
        losses.sort_by(f64::total_cmp);
        let (low, high) = (losses[(losses.len() - 1) / 2], losses[losses.len() / 2]);
        self.score.loss(mean(scores)) > (low + high) / 2.0
    }

    /// The point of a trial: it depends on the trials of earlier batches, on the points of its own before
    /// it, on the seed and on its number.
    fn draw(&self, earlier: &[Trial], beside: &[Point], number: usize) -> Point {
        let mut rng =
            Pcg64Mcg::seed_from_u64(self.seed.wrapping_add((number as u64).wrapping_mul(GOLDEN)));
        let ranked = self.ranked(earlier);
        let (good, bad) = ranked.split_at(tpe::good_of(ranked.len()));
        let by_tpe = self.sampler == Sampler::Tpe && earlier.len() >= STARTUP;
        let mut point = Point::new();
        for _ in 0..DRAWS {
            point = self.space.point(|parameter| {
                if !by_tpe {
                    return parameter.domain.at(rng.random::<f64>());
                }
                let had = |trials: &[&'_ Trial]| -> Vec<Value> {
                    trials
                        .iter()
                        .filter_map(|trial| trial.values.get(&parameter.key).cloned())
                        .collect()
                };
                let (good, bad) = (had(good), had(bad));
                tpe::draw(
                    parameter,
                    &good.iter().collect::<Vec<_>>(),
                    &bad.iter().collect::<Vec<_>>(),
                    &mut rng,
                )
            });
            let mut drawn = earlier.iter().map(|trial| &trial.values).chain(beside);
            if !drawn.any(|drawn| *drawn == point) {
                break;
            }
        }
        point
    }

    /// # Errors
    /// If a number is out of its range.
    pub fn check(&self) -> Result<()> {
        let within = |name: &str, value: usize, most: usize| {
            if (1..=most).contains(&value) {
                return Ok(());
            }
            Err(LearningError::Parameter {
                name: format!("tune.{name}"),
                value: value.to_string(),
                expected: format!("it must be from 1 to {most}"),
            })
        };
        within("folds.count", self.folds, 1000)?;
        within("at_once", self.at_once, 1000)
    }
}

/// The golden ratio's share of 2⁶⁴: multiples of it lie far apart.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests;
