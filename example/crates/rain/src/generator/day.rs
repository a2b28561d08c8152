//! One station from one day to the next.

use mlops_data::calendar::{self, Day};
use rand::{Rng, RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;

use super::plan::{Base, END, KNOTS, Lookup, Plan, State, WIDTH, mix};
use super::rows::{MISSING, MISSING_POINT, Row};
use crate::climate::variable::{ALL, KNOT, NUMBERS, VARIABLES, Variable};
use crate::climate::{half, period};

/// Where a day lies in the year.
#[derive(Clone, Copy)]
pub struct When {
    period: usize,
}

impl When {
    pub fn new(day: Day) -> When {
        let month = calendar::month(day);
        let first = calendar::day(calendar::year(day), month, 1).unwrap_or(day);
        When {
            period: period(month, (day - first + 1) as u32),
        }
    }
}

/// A station's state between two days.
pub struct Station {
    index: usize,
    rng: Pcg64Mcg,
    scores: State,
    gaps: [bool; NUMBERS],
    /// Rain to be reported tomorrow, in tenths of a millimetre.
    rain: i16,
}

/// Variables that go missing together share the draw that decides it.
const GROUPS: usize = 7;
const fn group(variable: Variable) -> usize {
    use Variable::*;
    match variable {
        Pressure9am | Temp9am | MinTemp | Humidity9am | WindSpeed9am => 0,
        Pressure3pm | Temp3pm | MaxTemp | Humidity3pm | WindSpeed3pm => 1,
        Rainfall => 2,
        Sunshine => 3,
        Evaporation => 4,
        WindGustSpeed => 5,
        _ => 6,
    }
}

impl Station {
    pub fn new(index: usize, seed: u64) -> Station {
        Station {
            index,
            rng: Pcg64Mcg::seed_from_u64(mix(seed, 2, index as u64)),
            scores: [0.0; WIDTH],
            gaps: [false; NUMBERS],
            rain: MISSING,
        }
    }

    /// The base whose climate this station has.
    pub fn base(&self, plan: &Plan) -> usize {
        self.index % plan.bases.len()
    }

    /// The day before the first.
    pub fn begin(&mut self, plan: &Plan, news: &State, when: When) {
        let base = &plan.bases[self.base(plan)];
        let news = self.own(plan, news);
        self.scores = [0.0; WIDTH];
        accumulate(
            &mut self.scores,
            &plan.regions[base.region][half(when.period)].first,
            &news,
        );
        let draws: [f32; GROUPS] = std::array::from_fn(|_| self.rng.random());
        for ((gap, share), variable) in self.gaps.iter_mut().zip(base.missing).zip(ALL) {
            *gap = draws[group(variable)] < share;
        }
        self.rain = self.rain_to_come(base, when);
    }

    /// Moves on by a day; returns its row.
    pub fn advance(&mut self, plan: &Plan, news: &State, when: When) -> Row {
        let base = &plan.bases[self.base(plan)];
        let dynamics = &plan.regions[base.region][half(when.period)];
        let news = self.own(plan, news);
        let mut next = [0.0; WIDTH];
        accumulate(&mut next, &dynamics.memory, &self.scores);
        accumulate(&mut next, &dynamics.news, &news);
        self.scores = next;

        let draws = [self.rng.next_u64(), self.rng.next_u64()];
        for ((gap, (begin, end)), variable) in self.gaps.iter_mut().zip(base.gaps).zip(ALL) {
            // Sixteen bits for each group are fine enough for a chance.
            let bits = (draws[group(variable) / 4] >> (group(variable) % 4 * 16)) as u16;
            let draw = (f32::from(bits) + 0.5) / 65_536.0;
            *gap = match *gap {
                true => draw < 1.0 - end,
                false => draw < begin,
            };
        }
        let to_come = self.rain_to_come(base, when);
        let today = std::mem::replace(&mut self.rain, to_come);
        self.observe(base, when, today)
    }

    /// The rain that begins to fall today and is reported tomorrow.
    fn rain_to_come(&self, base: &Base, when: When) -> i16 {
        let month = when.period / 3;
        match self.gaps[Variable::Rainfall as usize] {
            true => MISSING,
            false => {
                let score = self.scores[Variable::Rainfall as usize];
                rain(&base.amounts[month], base.rain[month], score)
            }
        }
    }

    /// The news of this station: those of its base, or partly so.
    fn own(&mut self, plan: &Plan, news: &State) -> State {
        let mut own = *news;
        if let Some(further) = self.index.checked_sub(plan.bases.len()) {
            for (x, share) in own.iter_mut().zip(&plan.shares[further]) {
                let e: f64 = StandardNormal.sample(&mut self.rng);
                *x = *x * share + e as f32 * (1.0 - share * share).sqrt();
            }
        }
        own
    }

    /// What the station reports of its state.
    fn observe(&self, base: &Base, when: When, rain_today: i16) -> Row {
        use Variable::*;
        let lookups = &base.lookups[when.period];
        let mut values = [0_i16; NUMBERS];
        for (k, variable) in ALL[..NUMBERS].iter().enumerate() {
            let steps = look_up(&lookups[k], self.scores[k]);
            values[k] = tenths(*variable, nearest(steps));
        }

        // Instruments agree: the extremes of a day contain its readings.
        // Two that don't meet halfway, so that neither's mean moves much.
        let meet = |values: &mut [i16; NUMBERS], low: Variable, high: Variable| {
            let (a, b) = (values[low as usize], values[high as usize]);
            if a > b {
                values[low as usize] = (a + b) / 2;
                values[high as usize] = (a + b) / 2;
            }
        };
        meet(&mut values, MinTemp, Temp9am);
        meet(&mut values, Temp3pm, MaxTemp);
        let contain = |values: &mut [i16; NUMBERS], low: Variable, high: Variable| {
            values[high as usize] = values[high as usize].max(values[low as usize]);
        };
        contain(&mut values, Temp9am, MaxTemp);
        contain(&mut values, MinTemp, MaxTemp);
        contain(&mut values, WindSpeed9am, WindGustSpeed);
        contain(&mut values, WindSpeed3pm, WindGustSpeed);

        let mut points = [0_u8; 3];
        for (w, point) in points.iter_mut().enumerate() {
            let at = look_up(&lookups[NUMBERS + w], self.scores[NUMBERS + w]);
            *point = (at as u32 % 16) as u8;
        }
        // A calm has no direction.
        let speeds = [WindGustSpeed, WindSpeed9am, WindSpeed3pm];
        for (point, speed) in points.iter_mut().zip(speeds) {
            if values[speed as usize] == 0 || self.gaps[speed as usize] {
                *point = MISSING_POINT;
            }
        }
        for (i, cloud) in [Cloud9am, Cloud3pm].into_iter().enumerate() {
            if self.scores[cloud as usize] < base.clear[i] {
                values[cloud as usize] = MISSING;
            }
        }
        for (value, gap) in values.iter_mut().zip(&self.gaps) {
            if *gap {
                *value = MISSING;
            }
        }
        values[Rainfall as usize] = rain_today;
        let answer = |tenths: i16| (tenths != MISSING).then_some(tenths > 10);
        Row {
            values,
            points,
            rain_today: answer(rain_today),
            rain_tomorrow: answer(self.rain),
        }
    }
}

/// Adds the columns, each times its number.
fn accumulate(out: &mut State, columns: &[State; VARIABLES], by: &State) {
    for (column, factor) in columns.iter().zip(by) {
        for (x, c) in out.iter_mut().zip(column) {
            *x += c * factor;
        }
    }
}

/// Linear between evenly spaced knots.
fn look_up(lookup: &Lookup, score: f32) -> f32 {
    between(lookup, (score + END) * ((KNOTS - 1) as f32 / (2.0 * END)))
}

fn between(lookup: &Lookup, at: f32) -> f32 {
    let at = at.clamp(0.0, (KNOTS - 1) as f32 - 1e-3);
    let knot = (at as usize).min(KNOTS - 2);
    let low = lookup[knot];
    low + (lookup[knot + 1] - low) * (at - knot as f32)
}

/// Rounds by truncation, which is quicker than `round` without newer instructions.
fn nearest(steps: f32) -> i32 {
    (steps + 16_384.5) as i32 - 16_384
}

/// A number of steps in tenths of the column's unit.
fn tenths(variable: Variable, steps: i32) -> i16 {
    use Variable::*;
    let tenths = match variable {
        WindGustSpeed | WindSpeed9am | WindSpeed3pm => {
            // Knots as whole kilometres an hour.
            (steps * (KNOT * 1000.0) as i32 + 500) / 1000 * 10
        }
        Humidity9am | Humidity3pm | Cloud9am | Cloud3pm => steps * 10,
        Rainfall | Evaporation => steps * 2,
        _ => steps,
    };
    tenths as i16
}

fn rain(amounts: &Lookup, (some, wet): (f32, f32), score: f32) -> i16 {
    if score < some {
        0
    } else if score < wet {
        // Of 0.2 to 1 mm, the smaller the more often.
        let part = (score - some) / (wet - some);
        ((part * part * 5.0 + 0.5) as i16).clamp(1, 5) * 2
    } else {
        let at = (score - wet) / (END - wet).max(0.01) * (KNOTS - 1) as f32;
        (nearest(between(amounts, at)).max(6) * 2) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_whole_knots_as_whole_kilometres() {
        let speeds: Vec<i16> = [0, 1, 2, 3, 10, 17, 21]
            .map(|knots| tenths(Variable::WindSpeed9am, knots) / 10)
            .to_vec();
        assert_eq!(speeds, [0, 2, 4, 6, 19, 31, 39]);
    }

    #[test]
    fn rounding_goes_to_the_nearest_also_below_zero() {
        assert_eq!([-1.6, -0.4, 0.4, 2.6].map(nearest), [-2, 0, 0, 3]);
    }
}
