//! What came of a search: a table, a drawing, and whether the best is worth taking.

mod format;

use std::fmt;

use mlops_plot::{Parallel, ParallelAxis};
use serde::Serialize;
use serde_json::Value;

use format::{plain, set_line, settings, short, table, ticks};

use super::{Domain, Outcome, Point, Score, Search, Space, Trial, deviation, mean};

/// Trials that people are shown.
const SHOWN: usize = 10;

/// The trials of a search, best first, beside what stands in the params.
#[derive(Debug, Clone, Serialize)]
pub struct Leaderboard {
    /// By what they are compared.
    pub score: Score,
    /// Folds of a whole trial.
    pub folds: usize,
    /// How many were given up early.
    pub stopped: usize,
    /// How many gave no model.
    pub failed: usize,
    /// What stands in the params, on the same folds.
    pub baseline: Option<Trial>,
    /// How much better the best is than that, if both are known.
    pub gain: Option<Gain>,
    /// Whether to use the best instead of what stands in the params; none if that wasn't tried.
    pub recommended: Option<bool>,
    /// Arguments that set the best's values for a run; empty without one.
    pub set: Vec<String>,
    /// Parameters of which the best has a value at the end of what was searched, with that value.
    pub at_edge: Point,
    /// Best first; those given up by how far they got, those that failed last.
    pub trials: Vec<Trial>,
    #[serde(skip)]
    in_params: Point,
    #[serde(skip)]
    axes: Vec<(String, Domain)>,
}

/// How much better one trial is than another, fold by fold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Gain {
    /// Mean difference; above 0 it is a gain, whichever way the score goes.
    pub mean: f64,
    /// Its standard error: the deviation of the folds' differences over the root of their number. Folds
    /// share training rows, so it is rather too small.
    pub standard_error: f64,
    /// From this mean on it is beyond the noise: Student's one-sided 95 % limit. None of one fold, which says
    /// nothing of noise.
    pub noise: Option<f64>,
}

impl Leaderboard {
    /// Ranks the trials of a search. `in_params` are the values that the params have for what is searched.
    pub fn new(
        search: &Search,
        baseline: Option<Trial>,
        in_params: Point,
        trials: &[Trial],
    ) -> Leaderboard {
        let count = |outcome: fn(&Outcome) -> bool| {
            trials
                .iter()
                .filter(|trial| outcome(&trial.outcome))
                .count()
        };
        let trials: Vec<Trial> = search.ranked(trials).into_iter().cloned().collect();
        let best = trials
            .first()
            .filter(|trial| trial.outcome == Outcome::Complete);
        let complete = |trial: &&Trial| trial.outcome == Outcome::Complete;
        let gain = best
            .zip(baseline.as_ref().filter(complete))
            .map(|(best, baseline)| Gain::new(search.score, best, baseline));
        Leaderboard {
            score: search.score,
            folds: search.folds,
            stopped: count(|outcome| *outcome == Outcome::Stopped),
            failed: count(|outcome| matches!(outcome, Outcome::Failed(_))),
            // Params that give no model are no alternative.
            recommended: match (&baseline, gain) {
                (None, _) => None,
                (Some(_), Some(gain)) => Some(gain.is_beyond_noise()),
                (Some(_), None) => Some(best.is_some()),
            },
            gain,
            at_edge: best.map_or_else(Point::new, |best| at_edge(&search.space, &best.values)),
            in_params,
            set: best.map_or_else(Vec::new, |best| settings(&best.values)),
            axes: search
                .space
                .parameters()
                .iter()
                .map(|parameter| (parameter.key.clone(), parameter.domain.clone()))
                .collect(),
            baseline,
            trials,
        }
    }

    /// The best trial, if one got to its end.
    pub fn best(&self) -> Option<&Trial> {
        self.trials
            .first()
            .filter(|trial| trial.outcome == Outcome::Complete)
    }

    /// A row for each trial, best first: mean and deviation of its score, its values, its folds.
    pub fn csv(&self) -> String {
        let mut text = String::from("rank,trial,outcome,mean,deviation");
        for (key, _) in &self.axes {
            text.push_str(&format!(",{key}"));
        }
        for fold in 1..=self.folds {
            text.push_str(&format!(",fold_{fold}"));
        }
        text.push('\n');
        let ranks = (1..).map(|rank: usize| rank.to_string());
        let rows = self.trials.iter().zip(ranks);
        for (trial, rank) in rows.chain(
            self.baseline
                .iter()
                .map(|baseline| (baseline, String::new())),
        ) {
            let outcome = match trial.outcome {
                Outcome::Complete => "complete",
                Outcome::Stopped => "stopped",
                Outcome::Failed(_) => "failed",
            };
            text.push_str(&format!("{rank},{},{outcome}", trial.trial));
            if trial.scores.is_empty() {
                text.push_str(",,");
            } else {
                text.push_str(&format!(
                    ",{:.6},{:.6}",
                    mean(&trial.scores),
                    deviation(&trial.scores)
                ));
            }
            for (key, _) in &self.axes {
                let values = match trial.trial {
                    0 => &self.in_params,
                    _ => &trial.values,
                };
                let value = values.get(key).map(plain).unwrap_or_default();
                let quoted = if value.contains(',') {
                    format!("\"{value}\"")
                } else {
                    value
                };
                text.push_str(&format!(",{quoted}"));
            }
            for fold in 0..self.folds {
                let score = trial.scores.get(fold).map(|score| format!("{score:.6}"));
                text.push_str(&format!(",{}", score.unwrap_or_default()));
            }
            text.push('\n');
        }
        text
    }

    /// Parallel coordinates of the trials that got to their end: an axis for each parameter and one for the score, the best
    /// at its top.
    pub fn svg(&self) -> String {
        let complete: Vec<&Trial> = self
            .trials
            .iter()
            .filter(|trial| trial.outcome == Outcome::Complete)
            .collect();
        let losses: Vec<f64> = complete
            .iter()
            .map(|trial| self.score.loss(mean(&trial.scores)))
            .collect();
        let best = losses.first().copied().unwrap_or_default();
        let worst = losses.iter().copied().fold(best, f64::max);
        let ends = [(1.0, best), (0.0, worst)]
            .map(|(at, loss)| (at, format!("{:.4}", self.score.loss(loss))));
        let told = self.best().map_or_else(String::new, |best| {
            format!(
                " The best has {} {:.4} with {}.",
                self.score.title(),
                mean(&best.scores),
                settings(&best.values).join(", ")
            )
        });
        let title = format!("{} trials by {}", complete.len(), self.score.title());
        let mut drawing = Parallel::new(&title).describe(format!("{title}, a line each.{told}"));
        for (key, domain) in &self.axes {
            drawing = drawing.axis(ParallelAxis::new(short(key), ticks(domain)));
        }
        drawing = drawing.axis(ParallelAxis::new(self.score.title(), ends));
        for (trial, loss) in complete.iter().zip(&losses) {
            let place = |(key, domain): &(String, Domain)| domain.place(trial.values.get(key)?);
            let height = if worst > best {
                (worst - loss) / (worst - best)
            } else {
                1.0
            };
            drawing = drawing.line(self.axes.iter().map(place).chain([Some(height)]));
        }
        drawing.svg()
    }
}

impl Gain {
    fn new(score: Score, best: &Trial, baseline: &Trial) -> Gain {
        let folds = best.scores.iter().zip(&baseline.scores);
        let better: Vec<f64> = folds
            .map(|(best, base)| score.loss(*base) - score.loss(*best))
            .collect();
        let rounded = |value: f64| (value * 1e9).round() / 1e9;
        let standard_error = deviation(&better) / (better.len().max(1) as f64).sqrt();
        Gain {
            mean: rounded(mean(&better)),
            standard_error: rounded(standard_error),
            noise: student(better.len()).map(|times| rounded(times * standard_error)),
        }
    }

    /// Whether it is one, and more than the folds' disagreement explains.
    pub fn is_beyond_noise(&self) -> bool {
        self.mean > 0.0 && self.noise.is_some_and(|noise| self.mean > noise)
    }
}

/// So many standard errors a mean of so many differences exceeds by chance once in twenty times: the 95 % quantile of
/// Student's t with one degree of freedom less.
fn student(folds: usize) -> Option<f64> {
    const QUANTILES: [f64; 10] = [
        6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812,
    ];
    let freedom = folds.checked_sub(1).filter(|freedom| *freedom > 0)?;
    // Beyond the table the last is a little too strict, never too lax.
    let last = QUANTILES.len() - 1;
    QUANTILES.get((freedom - 1).min(last)).copied()
}

/// The values that lie at the end of what was searched. Of two choices each is an end, and so says nothing.
fn at_edge(space: &Space, values: &Point) -> Point {
    /// Share of a range that counts as its end.
    const EDGE: f64 = 0.02;
    let is_at_edge = |domain: &Domain, value: &Value| match domain {
        Domain::Choice(choices) => {
            let numbers: Option<Vec<f64>> = choices.iter().map(Value::as_f64).collect();
            let (numbers, value) = match (numbers, value.as_f64()) {
                (Some(numbers), Some(value)) if numbers.len() > 2 => (numbers, value),
                _ => return false,
            };
            numbers.iter().all(|other| value <= *other)
                || numbers.iter().all(|other| value >= *other)
        }
        Domain::Integer { from, to, .. } if [*from, *to].iter().any(|end| *value == *end) => true,
        range => (range.place(value)).is_some_and(|place| !(EDGE..=1.0 - EDGE).contains(&place)),
    };
    let parameters = space.parameters().iter();
    parameters
        .filter_map(|parameter| {
            let value = values.get(&parameter.key)?;
            is_at_edge(&parameter.domain, value).then(|| (parameter.key.clone(), value.clone()))
        })
        .collect()
}

impl fmt::Display for Leaderboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} over {} folds, mean ± deviation; {}\n",
            self.score.title(),
            self.folds,
            self.score.direction()
        )?;
        let mut rows = vec![vec![
            "rank".to_owned(),
            "trial".into(),
            self.score.title().into(),
        ]];
        rows[0].extend(self.axes.iter().map(|(key, _)| short(key).to_owned()));
        for (at, trial) in self.trials.iter().take(SHOWN).enumerate() {
            let mut row = vec![
                (at + 1).to_string(),
                trial.trial.to_string(),
                self.result(trial),
            ];
            let value = |(key, _): &(String, Domain)| {
                trial.values.get(key).map_or_else(|| "–".into(), plain)
            };
            row.extend(self.axes.iter().map(value));
            rows.push(row);
        }
        if let Some(baseline) = &self.baseline {
            rows.push(vec![
                "–".into(),
                "0".into(),
                self.result(baseline),
                "as in params.yaml".into(),
            ]);
        }
        table(f, &rows)?;
        let trials = self.trials.len();
        writeln!(
            f,
            "\n{trials} trials, of which {} given up early and {} without a model",
            self.stopped, self.failed
        )?;
        if let Some(gain) = self.gain {
            writeln!(
                f,
                "best against params.yaml, fold by fold: {:+.4} ± {:.4} (mean ± standard error; above 0 is better)",
                gain.mean, gain.standard_error
            )?;
        }
        if !self.at_edge.is_empty() {
            writeln!(
                f,
                "the best lies at the edge of the search: {}; a wider range may hold a better one",
                settings(&self.at_edge).join(", ")
            )?;
        }
        write!(f, "{}", self.advice())
    }
}

impl Leaderboard {
    /// What to do with the result, in a sentence.
    fn advice(&self) -> String {
        if self.set.is_empty() {
            return "keep params.yaml: no trial was scored on every fold".to_owned();
        }
        let line = set_line(&self.set);
        match (self.recommended, self.gain) {
            (Some(false), Some(gain)) if gain.mean <= 0.0 => {
                "keep params.yaml: no trial was better".to_owned()
            }
            (Some(false), Some(Gain { noise: None, .. })) => format!(
                "keep params.yaml: one fold doesn't show whether the best trial ({line}) is more than luck"
            ),
            (
                Some(false),
                Some(Gain {
                    noise: Some(noise), ..
                }),
            ) => format!(
                "keep params.yaml: the gain of the best trial is within the noise, up to {noise:.4} for {} folds\n(the best trial: {line})",
                self.folds
            ),
            (Some(_), Some(_)) => {
                format!("the best trial is better beyond the noise; to use its values: {line}")
            }
            (Some(_), None) => {
                format!("params.yaml gave no score on every fold; to use the best trial: {line}")
            }
            (None, _) => format!("to use the best trial: {line}"),
        }
    }
}

impl Leaderboard {
    fn result(&self, trial: &Trial) -> String {
        let scores = format!(
            "{:.4} ± {:.4}",
            mean(&trial.scores),
            deviation(&trial.scores)
        );
        match &trial.outcome {
            Outcome::Complete => scores,
            Outcome::Stopped => format!("{scores} after {} of {}", trial.scores.len(), self.folds),
            Outcome::Failed(why) => format!("failed: {why}"),
        }
    }
}

#[cfg(test)]
mod tests;
