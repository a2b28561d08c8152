//! What each day brings that the day before didn't say, shared by neighbours.

use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::plan::{Plan, State, WIDTH, mix};
use crate::climate::variable::VARIABLES;

/// The news of some days at all bases. Each day has a random stream of its own,
/// so that days can be worked out in any order.
pub struct Noise<'a> {
    plan: &'a Plan,
    seed: u64,
    days: Vec<State>,
}

impl<'a> Noise<'a> {
    pub fn new(plan: &'a Plan, seed: u64) -> Noise<'a> {
        Noise {
            plan,
            seed,
            days: Vec::new(),
        }
    }

    /// Works out `days` days from the `first` of the run on.
    pub fn fill(&mut self, first: u32, days: usize) {
        let bases = self.plan.bases.len();
        self.days.clear();
        self.days.resize(days * bases, [0.0; WIDTH]);
        let (plan, seed) = (self.plan, self.seed);
        self.days.par_chunks_mut(bases).enumerate().for_each_init(
            || vec![0.0_f32; bases],
            |field, (d, stations)| {
                let number = u64::from(first) + d as u64;
                let mut rng = Pcg64Mcg::seed_from_u64(mix(seed, 0, number));
                for k in 0..VARIABLES {
                    correlated(&plan.factors[k], field, &mut rng);
                    for (station, x) in stations.iter_mut().zip(field.iter()) {
                        station[k] = *x;
                    }
                }
            },
        );
    }

    /// The news of a filled day at a base.
    pub fn of(&self, day: usize, base: usize) -> &State {
        &self.days[day * self.plan.bases.len() + base]
    }
}

/// One field over all bases: the factor times independent normals.
fn correlated(factor: &[f32], field: &mut [f32], rng: &mut Pcg64Mcg) {
    field.fill(0.0);
    let mut rest = factor;
    for j in 0..field.len() {
        let (column, after) = rest.split_at(field.len() - j);
        rest = after;
        let e: f64 = StandardNormal.sample(rng);
        let e = e as f32;
        for (x, l) in field[j..].iter_mut().zip(column) {
            *x += l * e;
        }
    }
}
