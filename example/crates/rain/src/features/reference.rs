//! What the features learn from the training period: which stations around a station
//! to look at, and what is usual there.
//!
//! The stations that **tell** most are those whose humidity at 3 pm goes most with rain
//! here on the next day (the point-biserial correlation, which is Pearson's with 0 and 1). They
//! mostly lie where the weather comes from. The **nearest** are so by distance.

use std::collections::BTreeMap;

use mlops_data::calendar::{self, Day};
use mlops_features::{Learned, Neighbour, Observation as _, Reference};
use rayon::prelude::*;

use super::around::{NEAREST, TELLING};
use super::{climate, mean, wet};
use crate::observation::Weather;
use crate::stations::Station;

/// How many stations are chosen by either rule.
const CHOSEN: usize = 10;
/// Common days from which on a correlation counts.
const ENOUGH_DAYS: usize = 365;
/// Mean radius of the earth, km.
const EARTH: f64 = 6371.0;

/// A station's days in a row, gaps as NaN.
struct Series<'a> {
    name: &'a str,
    station: Option<&'static Station>,
    days: Vec<&'a Weather>,
    humidity: Vec<f32>,
    wet_tomorrow: Vec<f32>,
}

/// Learns from the observations of the training period.
pub fn fit(training: &[&Weather]) -> Reference {
    let mut stations: BTreeMap<&str, Vec<&Weather>> = BTreeMap::new();
    for weather in training {
        stations.entry(weather.entity()).or_default().push(weather);
    }
    let first = training.iter().map(|day| day.date).min().unwrap_or(0);
    let last = training.iter().map(|day| day.date).max().unwrap_or(0);
    let series: Vec<Series<'_>> = stations
        .into_iter()
        .map(|(name, days)| series(name, days, first, last))
        .collect();
    let learned = |here: &Series<'_>| {
        let learned = Learned {
            neighbours: neighbours(here, &series),
            tables: usual(&here.days),
        };
        (here.name.to_string(), learned)
    };
    Reference {
        entities: series.par_iter().map(learned).collect(),
    }
}

fn series<'a>(name: &'a str, days: Vec<&'a Weather>, first: Day, last: Day) -> Series<'a> {
    let span = (i64::from(last) - i64::from(first) + 1) as usize;
    let (mut humidity, mut wet_tomorrow) = (vec![f32::NAN; span], vec![f32::NAN; span]);
    for day in &days {
        let at = (i64::from(day.date) - i64::from(first)) as usize;
        humidity[at] = day.humidity_3pm;
        // The label of the day before, unless that lies before the training period.
        if let Some(before) = at.checked_sub(1) {
            wet_tomorrow[before] = wet(day);
        }
    }
    Series {
        name,
        station: days.first().and_then(|day| day.place.station()),
        days,
        humidity,
        wet_tomorrow,
    }
}

/// Those that tell most, then those that are only near; each with its correlation and
/// the two flags.
fn neighbours(here: &Series<'_>, all: &[Series<'_>]) -> Vec<Neighbour> {
    let others = || all.iter().filter(|other| other.name != here.name);
    let mut telling: Vec<(&str, f64)> = others()
        .filter_map(|other| {
            let correlation = correlation(&other.humidity, &here.wet_tomorrow)?;
            Some((other.name, correlation))
        })
        .collect();
    // Stable: of two that tell as much, the first in the alphabet.
    telling.sort_by(|(_, one), (_, two)| two.total_cmp(one));
    let correlations: BTreeMap<&str, f64> = telling.iter().copied().collect();
    telling.truncate(CHOSEN);

    let mut nearest: Vec<(&str, f64)> = others()
        .filter_map(|other| Some((other.name, distance(here.station?, other.station?))))
        .collect();
    nearest.sort_by(|(_, one), (_, two)| one.total_cmp(two));
    nearest.truncate(CHOSEN);

    let tells = |name: &str| telling.iter().any(|(other, _)| *other == name);
    let near = |name: &str| nearest.iter().any(|(other, _)| *other == name);
    let only_near = nearest.iter().filter(|(name, _)| !tells(name));
    telling
        .iter()
        .chain(only_near)
        .map(|(name, _)| {
            let mut values = vec![0.0; 3];
            values[0] = correlations.get(name).map_or(0.0, |value| *value as f32);
            values[TELLING] = f32::from(u8::from(tells(name)));
            values[NEAREST] = f32::from(u8::from(near(name)));
            Neighbour {
                entity: (*name).into(),
                values,
            }
        })
        .collect()
}

/// Pearson's correlation over the days that both know. None if these are too few, or if one
/// of them is always the same.
fn correlation(one: &[f32], two: &[f32]) -> Option<f64> {
    let pairs = || {
        one.iter()
            .zip(two)
            .filter(|(a, b)| !a.is_nan() && !b.is_nan())
            .map(|(a, b)| (f64::from(*a), f64::from(*b)))
    };
    let count = pairs().count();
    if count < ENOUGH_DAYS {
        return None;
    }
    let (sum_a, sum_b) = pairs().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
    let (mean_a, mean_b) = (sum_a / count as f64, sum_b / count as f64);
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (a, b) in pairs() {
        let (a, b) = (a - mean_a, b - mean_b);
        aa += a * a;
        bb += b * b;
        ab += a * b;
    }
    let correlation = ab / (aa * bb).sqrt();
    correlation.is_finite().then_some(correlation)
}

/// Great-circle distance in km, by the haversine formula.
fn distance(one: &Station, two: &Station) -> f64 {
    let radians = |degrees: f32| f64::from(degrees).to_radians();
    let (latitude, other) = (radians(one.latitude), radians(two.latitude));
    let across = libm::sin((latitude - other) / 2.0);
    let along = libm::sin((radians(one.longitude) - radians(two.longitude)) / 2.0);
    let h = across * across + libm::cos(latitude) * libm::cos(other) * along * along;
    2.0 * EARTH * libm::asin(h.sqrt().min(1.0))
}

/// The mean of each table's reading in each month.
fn usual(days: &[&Weather]) -> BTreeMap<String, Vec<Option<f32>>> {
    let of_month = |month: u32, reading: super::Reading| {
        let days = days.iter().filter(|day| calendar::month(day.date) == month);
        let usual = mean(days.map(|day| reading(day)));
        (!usual.is_nan()).then_some(usual)
    };
    climate::TABLES
        .iter()
        .map(|(name, reading)| {
            let months = (1..=12).map(|month| of_month(month, *reading)).collect();
            ((*name).to_string(), months)
        })
        .collect()
}

#[cfg(test)]
mod tests;
