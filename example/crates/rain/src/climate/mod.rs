//! What the generator knows of the real climate: statistics, and no day of it.
//!
//! Everything is told on two scales. A station's own scale is its distribution of
//! each variable through the year ([`Marginal`], [`Rain`], wind roses). On the
//! normal scale all stations are alike: there a region has correlations within a
//! day and from one day to the next ([`Region`]), and each variable has a reach in
//! space ([`Field`]).

mod bounds;
mod file;
mod fit;
mod impute;
pub mod marginal;
pub mod matrix;
pub mod normal;
mod scale;
mod series;
mod space;
pub mod variable;

use std::sync::OnceLock;

pub use file::ClimateError;
pub use fit::fit;
pub use marginal::{Marginal, Rain};
use matrix::Matrix;
use variable::{NUMBERS, VARIABLES};

/// Climate of a set of stations.
#[derive(Debug, Clone, PartialEq)]
pub struct Climate {
    /// The stations.
    pub places: Vec<Place>,
    /// The regions they belong to.
    pub regions: Vec<Region>,
    /// How far each variable's surprises reach.
    pub fields: [Field; VARIABLES],
}

/// One station.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Index of its region.
    pub region: usize,
    /// Distribution of each number; none where the station never reports it.
    /// Rainfall has its own, below.
    pub marginals: [Option<Marginal>; NUMBERS],
    /// Rainfall, month by month from January; none if never reported.
    pub rain: Option<[Rain; 12]>,
    /// Shares of the sixteen directions for gust, 9 am and 3 pm; none if never reported.
    pub winds: [Option<Roses>; 3],
    /// When each number is missing.
    pub gaps: [Gap; NUMBERS],
    /// Share of days on which the station reports no cloud at 9 am and 3 pm
    /// because its instrument sees none.
    pub clear: [f64; 2],
}

/// Shares of the sixteen directions, from north clockwise, in each half of the year.
pub type Roses = [[f64; 16]; 2];

/// How often a station fails to report a variable it usually reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// Share of days.
    pub share: f64,
    /// Mean length of a gap, in days.
    pub days: f64,
}

impl Gap {
    /// Never reported.
    pub const ALWAYS: Gap = Gap {
        share: 1.0,
        days: 1.0,
    };
}

/// Stations whose weather works alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// How it works in each half of the year.
    pub halves: [Correlations; 2],
}

/// Correlations of normal scores, in the order of the state.
///
/// Rain is that to come, what falls from 9 am of the day on and is read the next
/// morning: it is of a piece with the day's humidity, cloud and pressure.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlations {
    /// Correlations of the normal scores of one day.
    pub today: Matrix,
    /// Correlations of a day's normal scores (rows) with those of the day before
    /// (columns).
    pub before: Matrix,
}

/// How what is new about a variable, given those before it in the order of the
/// state, is shared by stations: correlation `share · exp(−distance / reach)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field {
    /// Correlation of stations next to each other.
    pub share: f64,
    /// Distance in km over which it falls to 1/e.
    pub reach: f64,
}

impl Climate {
    /// The stations.
    pub fn places(&self) -> &[Place] {
        &self.places
    }
}

impl Field {
    /// Correlation of two stations at a distance in km.
    pub fn correlation(&self, distance: f64) -> f64 {
        self.share * libm::exp(-distance / self.reach)
    }
}

impl Correlations {
    /// The autoregression that these correlations are those of: `A`, and a lower
    /// triangular `B`, of `z' = A z + B e` with independent standard normal `e`.
    pub fn autoregression(&self) -> (Matrix, Matrix) {
        let a = matrix::product(&self.before, &matrix::inverse(&self.today));
        let explained = matrix::product(&a, &matrix::transpose(&self.before));
        let rest = matrix::add(&self.today, -1.0, &explained);
        (a, matrix::cholesky(&rest, 1e-4))
    }
}

impl Correlations {
    /// Draws all correlations towards none.
    fn damp(&mut self, factor: f64) {
        for i in 0..VARIABLES {
            for j in 0..VARIABLES {
                self.before[i][j] *= factor;
                self.today[i][j] *= if i == j { 1.0 } else { factor };
            }
        }
    }

    /// Whether some weather can have these correlations: neither a day nor what it
    /// brings beyond the day before may have a negative variance. Such weather is
    /// also stationary.
    fn are_possible(&self) -> bool {
        if !matrix::is_positive(&self.today) {
            return false;
        }
        let a = matrix::product(&self.before, &matrix::inverse(&self.today));
        let explained = matrix::product(&a, &matrix::transpose(&self.before));
        matrix::is_positive(&matrix::add(&self.today, -1.0, &explained))
    }
}

/// The climate fitted to the real data, `example/data/climate.csv`.
///
/// # Errors
/// If the file was edited into something that isn't a climate.
pub fn embedded() -> Result<&'static Climate, ClimateError> {
    static CLIMATE: OnceLock<Result<Climate, ClimateError>> = OnceLock::new();
    CLIMATE
        .get_or_init(|| {
            let text = include_str!("../../../../data/climate.csv");
            Climate::from_csv(text, "example/data/climate.csv (embedded)")
        })
        .as_ref()
        .map_err(Clone::clone)
}

/// Distance in km between two places given in degrees, over the sphere.
pub fn distance(from: (f64, f64), to: (f64, f64)) -> f64 {
    let rad = std::f64::consts::PI / 180.0;
    let (lat1, lat2) = (from.0 * rad, to.0 * rad);
    let half = |x: f64| {
        let s = libm::sin(x / 2.0);
        s * s
    };
    let h = half(lat2 - lat1) + libm::cos(lat1) * libm::cos(lat2) * half((to.1 - from.1) * rad);
    2.0 * 6371.0 * libm::asin(libm::sqrt(h.min(1.0)))
}

/// For each region the point of the compass (0 is north) that gust, 9 am and 3 pm
/// wind blow from least often: where their scores begin, so that their two ends
/// seldom meet.
pub fn cuts(places: &[Place], regions: usize) -> Vec<[usize; 3]> {
    (0..regions)
        .map(|region| {
            std::array::from_fn(|w| {
                let mut shares = [0.0; 16];
                for place in places.iter().filter(|place| place.region == region) {
                    for rose in place.winds[w].iter().flatten() {
                        for (sum, share) in shares.iter_mut().zip(rose) {
                            *sum += share;
                        }
                    }
                }
                (0..16).fold(0, |best, point| match shares[point] < shares[best] {
                    true => point,
                    false => best,
                })
            })
        })
        .collect()
}

/// Periods of about ten days that a year is cut into: three to a month.
pub const PERIODS: usize = 36;

/// The period of a day of a month (1 to 12, 1 to 31).
pub fn period(month: u32, day: u32) -> usize {
    (month as usize - 1) * 3 + (((day as usize).max(1) - 1) / 10).min(2)
}

/// The angle of the middle of a period, in radians from 1 January.
pub fn angle(period: usize) -> f64 {
    (period as f64 + 0.5) / PERIODS as f64 * std::f64::consts::TAU
}

/// The half of the year of a period: 0 from October to March, 1 from April to September.
pub fn half(period: usize) -> usize {
    usize::from((9..27).contains(&period))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_an_atlas() {
        let sydney_perth = distance((-33.86, 151.20), (-31.92, 115.87));
        assert!((sydney_perth - 3291.0).abs() < 15.0, "{sydney_perth}");
    }

    #[test]
    fn periods_and_halves_follow_the_calendar() {
        assert_eq!(
            (period(1, 1), period(1, 31), period(12, 31), period(2, 10)),
            (0, 2, 35, 3)
        );
        assert_eq!(
            [1, 3, 4, 9, 10, 12].map(|month| half(period(month, 15))),
            [0, 0, 1, 1, 0, 0]
        );
    }

    #[test]
    fn the_autoregression_has_the_correlations_it_was_made_of() {
        let climate = embedded().unwrap();
        let halves = climate
            .regions
            .iter()
            .flat_map(|r| r.halves.iter().map(|h| (&r.name, h)));
        for (name, correlations) in halves {
            let (a, b) = correlations.autoregression();
            // Stationary: today = A today Aᵀ + B Bᵀ.
            let moved = matrix::product(
                &matrix::product(&a, &correlations.today),
                &matrix::transpose(&a),
            );
            let back = matrix::add(&moved, 1.0, &matrix::product(&b, &matrix::transpose(&b)));
            for (back, today) in back
                .iter()
                .flatten()
                .zip(correlations.today.iter().flatten())
            {
                assert!(
                    (back - today).abs() < 0.01,
                    "{name}: {back} instead of {today}"
                );
            }
        }
    }
}
