//! From a table of observations to its climate.

use mlops_data::Table;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::bounds::bounds;
use super::impute::{Conditional, Moments, Record};
use super::scale::place;
use super::series::{self, Series};
use super::space::{self, Site};
use super::variable::VARIABLES;
use super::{Climate, ClimateError, Correlations, Place, Region, half};
use crate::stations::{Station, Zone};

/// Sweeps of the sampler over all stations together, then region by region.
const SWEEPS: [usize; 2] = [60, 40];
/// The last so many sweeps are averaged.
const KEPT: usize = 8;
/// Sweeps after which a draw has forgotten another.
const APART: usize = 10;
/// Days' worth of the whole country that a region's correlations are mixed with,
/// so that one that never reports a variable still has some.
const PRIOR_DAYS: f64 = 400.0;
/// Days without any correlation that are mixed in.
const INDEPENDENT_DAYS: f64 = 20.0;
/// The climate of a table with the columns of *Rain in Australia*.
///
/// The result depends on the table alone: the same table gives the same climate.
///
/// # Errors
/// If a column is missing or of another type, a station is unknown, or there is
/// no station with at least a year of days.
pub fn fit(table: &Table) -> Result<Climate, ClimateError> {
    let series: Vec<Series> = series::read(table)?;
    let mut regions: Vec<&'static str> = series.iter().map(|s| region(s.station)).collect();
    regions.sort_unstable();
    regions.dedup();

    // Wind latents count clockwise from the direction that is rarest in a region,
    // so that the two ends of the scale are seldom crossed.
    let mut places: Vec<Place> = series
        .par_iter()
        .map(|s| {
            place(
                s,
                regions
                    .iter()
                    .position(|r| *r == region(s.station))
                    .unwrap_or(0),
            )
        })
        .collect();
    places.sort_by(|a, b| a.name.cmp(&b.name));
    let cuts = super::cuts(&places, regions.len());

    let mut records: Vec<Record> = series
        .par_iter()
        .zip(&places)
        .map(|(s, place)| {
            let halves = (0..s.days.len()).map(|t| half(s.period(t))).collect();
            Record::new(bounds(s, place, &cuts[place.region]), halves)
        })
        .collect();

    let everyone: Vec<usize> = (0..records.len()).collect();
    let start = [0, 1].map(|half| {
        let mut start = Moments::new();
        records.iter().for_each(|record| start.see(record, half));
        start.correlations()
    });
    let whole = sample(&mut records, &everyone, start, None, SWEEPS[0], 1);
    let country = whole.each_ref().map(Moments::correlations);
    let regions: Vec<Region> = regions
        .iter()
        .enumerate()
        .map(|(r, name)| {
            let members: Vec<usize> = (0..places.len())
                .filter(|i| places[*i].region == r)
                .collect();
            let country = country.clone();
            let moments = sample(&mut records, &members, country, Some(&whole), SWEEPS[1], 2);
            Region {
                name: (*name).into(),
                halves: moments.each_ref().map(Moments::correlations),
            }
        })
        .collect();
    let earlier: Vec<Vec<[f64; VARIABLES]>> = records.iter().map(|r| r.scores.clone()).collect();
    for (r, region) in regions.iter().enumerate() {
        let members: Vec<usize> = (0..places.len())
            .filter(|i| places[*i].region == r)
            .collect();
        sample(
            &mut records,
            &members,
            region.halves.clone(),
            Some(&whole),
            APART,
            3,
        );
    }

    let sites: Vec<Site<'_>> = series
        .iter()
        .zip(&places)
        .zip(&records)
        .map(|((s, place), record)| Site {
            position: (place.latitude, place.longitude),
            start: s.start,
            record,
            region: &regions[place.region],
        })
        .collect();
    let fields = space::fields(&sites, &earlier);
    Ok(Climate {
        places,
        regions,
        fields,
    })
}

/// Temperate Australia is three: the west and south have wet winters, the east
/// has rain from the sea in any season, as the subtropics have. Deserts and the
/// grassland around them are one.
fn region(station: &Station) -> &'static str {
    match station.zone {
        Zone::Tropical => "tropical",
        Zone::Desert | Zone::Grassland => "dry",
        Zone::Subtropical => "east",
        Zone::Temperate if station.latitude > -35.0 && station.longitude > 150.0 => "east",
        Zone::Temperate if station.longitude < 130.0 => "west",
        Zone::Temperate => "south",
    }
}

/// Draws the members' scores again and again; for each half of the year the
/// moments of the last sweeps.
fn sample(
    records: &mut [Record],
    members: &[usize],
    start: [Correlations; 2],
    prior: Option<&[Moments; 2]>,
    sweeps: usize,
    stage: u64,
) -> [Moments; 2] {
    let mut correlations = start;
    let mut kept = [Moments::new(), Moments::new()];
    let mixed = |moments: &[Moments; 2]| {
        let mut mixed = moments.clone();
        for (mixed, prior) in mixed.iter_mut().zip(prior.into_iter().flatten()) {
            mixed.add(PRIOR_DAYS / prior.days(), prior);
        }
        mixed
            .iter_mut()
            .for_each(|mixed| mixed.add_independent(INDEPENDENT_DAYS));
        mixed
    };
    for sweep in 0..sweeps {
        let conditionals = correlations.each_ref().map(Conditional::new);
        let each: Vec<Option<[Moments; 2]>> = records
            .par_iter_mut()
            .enumerate()
            .map(|(i, record)| {
                members.contains(&i).then(|| {
                    let seed = (stage << 48) | ((sweep as u64) << 32) | i as u64;
                    let mut rng = Pcg64Mcg::seed_from_u64(seed);
                    Conditional::sweep(&conditionals, record, &mut rng);
                    [0, 1].map(|half| {
                        let mut moments = Moments::new();
                        moments.see(record, half);
                        moments
                    })
                })
            })
            .collect();
        // In the order of the stations, so that sums are the same on any number of threads.
        let mut moments = [Moments::new(), Moments::new()];
        for one in each.iter().flatten() {
            moments
                .iter_mut()
                .zip(one)
                .for_each(|(sum, one)| sum.add(1.0, one));
        }
        if sweep + KEPT >= sweeps {
            for (kept, moments) in kept.iter_mut().zip(&moments) {
                kept.add(1.0 / KEPT as f64, moments);
            }
        }
        correlations = mixed(&moments).each_ref().map(Moments::correlations);
    }
    mixed(&kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::climate;
    use crate::climate::variable::Variable;
    use crate::generator::{Options, table};

    #[test]
    fn a_climate_is_found_again_in_its_own_weather_on_any_number_of_threads() {
        let known = climate::embedded().unwrap();
        let weather = table(known, Options::new(1500, 6, 3).unwrap()).unwrap();
        let threads = |count| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(count)
                .build()
                .unwrap()
        };
        let found = threads(1).install(|| fit(&weather)).unwrap();
        assert_eq!(
            found.to_csv(),
            threads(2).install(|| fit(&weather)).unwrap().to_csv()
        );
        for (one, other) in found.places.iter().zip(&known.places) {
            assert_eq!(one.name, other.name);
            let wet = |place: &Place| {
                let months = place.rain.unwrap();
                months
                    .iter()
                    .map(|rain| 1.0 - rain.none - rain.trace)
                    .sum::<f64>()
                    / 12.0
            };
            assert!((wet(one) - wet(other)).abs() < 0.05, "{}", one.name);
            let median = |place: &Place| {
                place.marginals[Variable::MaxTemp as usize]
                    .as_ref()
                    .unwrap()
                    .mean[3]
            };
            assert!((median(one) - median(other)).abs() < 1.0, "{}", one.name);
        }
        // Dry air, low pressure, cloud: what goes with the rain to come.
        let of = |climate: &Climate, name: &str, variable: Variable| {
            let region = climate
                .regions
                .iter()
                .find(|region| region.name == name)
                .unwrap();
            region.halves[1].today[Variable::Rainfall as usize][variable as usize]
        };
        for variable in [
            Variable::Humidity3pm,
            Variable::Pressure3pm,
            Variable::MaxTemp,
        ] {
            let (one, other) = (of(&found, "south", variable), of(known, "south", variable));
            assert!(
                (one - other).abs() < 0.15,
                "{variable:?}: {one} instead of {other}"
            );
        }
    }

    #[test]
    fn a_table_that_is_not_of_weather_says_what_it_lacks() {
        let error = fit(&Table::default()).unwrap_err().to_string();
        assert_eq!(error, "the table, line 1: there is no column \"Date\"");
    }

    #[test]
    fn the_embedded_climate_is_that_of_the_real_file() {
        let Some(real) = crate::compare::tests::real() else {
            return;
        };
        assert_eq!(
            fit(&real).unwrap().to_csv(),
            climate::embedded().unwrap().to_csv(),
            "fit again: rain data fit-climate FILE"
        );
    }
}
