//! How long an answer takes, told by asking again and again.

use std::fmt;
use std::time::Instant;

use serde::Serialize;

use crate::Outcome;

/// Durations of single answers, in microseconds.
#[derive(Debug, Serialize)]
pub(super) struct Timing {
    answers: usize,
    median: f64,
    p99: f64,
}

impl Timing {
    /// Puts every question, one after the other. `None` if there was none.
    pub fn of<Q, A>(
        questions: impl Iterator<Item = Q>,
        answer: impl Fn(Q) -> Outcome<A>,
    ) -> Outcome<Option<Timing>> {
        let mut micros = Vec::new();
        for question in questions {
            let started = Instant::now();
            std::hint::black_box(answer(question)?);
            micros.push(started.elapsed().as_secs_f64() * 1e6);
        }
        micros.sort_unstable_by(f64::total_cmp);
        let at = |percent: usize| micros.get(micros.len() * percent / 100).copied();
        Ok(at(50).zip(at(99)).map(|(median, p99)| Timing {
            answers: micros.len(),
            median,
            p99,
        }))
    }
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Timing {
            answers,
            median,
            p99,
        } = self;
        write!(
            f,
            "{answers} answers took {median:.1} µs each, 99 of 100 at most {p99:.1} µs"
        )
    }
}
