//! Some rows of many.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

/// `count` of the places below `rows`, or all of them if there are no more, in order. The same seed gives the
/// same places.
pub fn sample(rows: usize, count: usize, seed: u64) -> Vec<usize> {
    if count >= rows {
        return (0..rows).collect();
    }
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut places = rand::seq::index::sample(&mut rng, rows, count).into_vec();
    places.sort_unstable();
    places
}

/// The rows in these places, of a width, one after the other.
pub(super) fn pick(rows: &[f32], width: usize, places: &[usize]) -> Vec<f32> {
    let mut picked = Vec::with_capacity(places.len() * width);
    for place in places {
        picked.extend_from_slice(&rows[place * width..][..width]);
    }
    picked
}

/// Between the values of two places, straight. The values are sorted; NaN if there are none.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * sorted.len().saturating_sub(1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    match (sorted.get(below), sorted.get(above)) {
        (Some(b), Some(a)) => b + (a - b) * (place - place.floor()),
        _ => f64::NAN,
    }
}
