//! The tree-structured Parzen estimator: draw where good trials are dense and bad ones are not.
//!
//! J. Bergstra, R. Bardenet, Y. Bengio, B. Kégl: *Algorithms for Hyper-Parameter Optimization* (NIPS
//! 2011), section 4. The trials so far are split into the best γ of them and the rest; each
//! part's values make a density, l(x) and g(x), for each parameter by itself; of some draws from l
//! the one with the greatest l(x) / g(x) is taken, which is the one of greatest expected improvement. The
//! tree: a parameter that means something only beside a value of another learns from those trials where it did.
//!
//! Numbers are looked at on their place between 0 and 1 ([`Domain::place`]), on a logarithmic scale where that was
//! declared. Logarithms and the error function are libm's: the same draws on every machine.

use rand::RngExt;
use serde_json::Value;

use super::{Domain, Parameter};

/// Share of the trials that count as good (γ of the paper, and its value there).
const GOOD: f64 = 0.15;
/// Draws to choose the best from.
const DRAWS: usize = 24;

/// How many of so many trials count as good.
pub(super) fn good_of(trials: usize) -> usize {
    (GOOD * trials as f64).ceil() as usize
}

/// A value of the parameter, drawn from what good and bad trials had.
pub(super) fn draw(
    parameter: &Parameter,
    good: &[&Value],
    bad: &[&Value],
    rng: &mut impl rand::Rng,
) -> Value {
    let domain = &parameter.domain;
    let places = |values: &[&Value]| -> Vec<f64> {
        values
            .iter()
            .filter_map(|value| domain.place(value))
            .collect()
    };
    let (good, bad) = (places(good), places(bad));
    let (likely, unlikely) = match domain {
        Domain::Choice(values) => (
            Density::counted(&good, values.len()),
            Density::counted(&bad, values.len()),
        ),
        _ => (Density::parzen(good), Density::parzen(bad)),
    };
    let mut best = (f64::NEG_INFINITY, 0.5);
    for _ in 0..DRAWS {
        let place = likely.draw(rng);
        let gain = likely.log(place) - unlikely.log(place);
        if gain > best.0 {
            best = (gain, place);
        }
    }
    domain.at(best.1)
}

/// A density over the places between 0 and 1.
enum Density {
    /// Bumps: mean and standard deviation, each as likely as the others, cut off at 0 and 1.
    Bumps(Vec<(f64, f64)>),
    /// The probability of each of equal parts.
    Parts(Vec<f64>),
}

impl Density {
    /// A bump at each place, as wide as the gap to its farther neighbour, and a wide one in the middle that
    /// stands for what was known before any trial.
    fn parzen(mut places: Vec<f64>) -> Density {
        places.push(0.5);
        places.sort_by(f64::total_cmp);
        let prior = places.iter().position(|place| *place == 0.5);
        let narrowest = 1.0 / (places.len() + 1).min(100) as f64;
        let width = |at: usize| {
            let left = if at == 0 { 0.0 } else { places[at - 1] };
            let right = places.get(at + 1).copied().unwrap_or(1.0);
            (places[at] - left)
                .max(right - places[at])
                .clamp(narrowest, 1.0)
        };
        let bump = |at: usize| {
            let wide = if Some(at) == prior { 1.0 } else { width(at) };
            (places[at], wide)
        };
        Density::Bumps((0..places.len()).map(bump).collect())
    }

    /// How often each choice was taken, and once more.
    fn counted(places: &[f64], parts: usize) -> Density {
        let mut counts = vec![1.0; parts];
        for place in places {
            counts[part(*place, parts)] += 1.0;
        }
        let all = (places.len() + parts) as f64;
        Density::Parts(counts.into_iter().map(|count| count / all).collect())
    }

    fn draw(&self, rng: &mut impl rand::Rng) -> f64 {
        match self {
            Density::Bumps(bumps) => {
                let which = (rng.random::<f64>() * bumps.len() as f64) as usize;
                let (mean, deviation) = bumps[which.min(bumps.len() - 1)];
                // At least a third of each bump lies between 0 and 1: this ends soon.
                for _ in 0..200 {
                    let place = mean + deviation * normal(rng);
                    if (0.0..=1.0).contains(&place) {
                        return place;
                    }
                }
                mean
            }
            Density::Parts(parts) => {
                let mut left = rng.random::<f64>();
                let drawn = parts.iter().position(|part| {
                    left -= part;
                    left < 0.0
                });
                (drawn.unwrap_or(parts.len() - 1) as f64 + 0.5) / parts.len() as f64
            }
        }
    }

    /// Logarithm of the density at a place.
    fn log(&self, place: f64) -> f64 {
        libm::log(match self {
            Density::Bumps(bumps) => {
                let sum: f64 = bumps.iter().map(|bump| cut_normal(place, *bump)).sum();
                sum / bumps.len() as f64
            }
            Density::Parts(parts) => parts[part(place, parts.len())] * parts.len() as f64,
        })
    }
}

fn part(place: f64, parts: usize) -> usize {
    ((place * parts as f64) as usize).min(parts - 1)
}

/// Density of a normal distribution cut off at 0 and 1.
fn cut_normal(place: f64, (mean, deviation): (f64, f64)) -> f64 {
    let below =
        |place: f64| 0.5 * libm::erfc((mean - place) / deviation / std::f64::consts::SQRT_2);
    let z = (place - mean) / deviation;
    let peak = deviation * (2.0 * std::f64::consts::PI).sqrt();
    libm::exp(-0.5 * z * z) / peak / (below(1.0) - below(0.0))
}

/// A draw from the normal distribution, by Box and Muller's method.
fn normal(rng: &mut impl rand::Rng) -> f64 {
    // Not 0, of which there is no logarithm.
    let radius = (-2.0 * libm::log(1.0 - rng.random::<f64>())).sqrt();
    radius * libm::cos(2.0 * std::f64::consts::PI * rng.random::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_density_covers_one_whole_and_is_drawn_from_as_it_says() {
        let densities = [
            Density::parzen(vec![]),
            Density::parzen(vec![0.0, 0.1, 0.12, 0.9]),
            Density::parzen(vec![1.0; 5]),
            Density::counted(&[0.1, 0.1, 0.5], 4),
        ];
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(3);
        for density in densities {
            let steps = 2000;
            let at = |step: usize| (step as f64 + 0.5) / steps as f64;
            let all: f64 = (0..steps)
                .map(|step| libm::exp(density.log(at(step))))
                .sum();
            assert!((all / steps as f64 - 1.0).abs() < 1e-3, "{all}");
            let lower: f64 = (0..steps / 2)
                .map(|step| libm::exp(density.log(at(step))))
                .sum();
            let drawn = (0..20_000).filter(|_| density.draw(&mut rng) < 0.5).count();
            let (expected, found) = (lower / steps as f64, drawn as f64 / 20_000.0);
            // Choices are drawn in the middle of their part, and no part's middle is 0.5 here.
            assert!((expected - found).abs() < 0.02, "{expected} {found}");
        }
    }
}
