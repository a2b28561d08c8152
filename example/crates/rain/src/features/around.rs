//! The stations around: those that stand nearest, and those whose air tells most of
//! tomorrow's rain here (see [`super::reference`]).

use mlops_features::{Nearby, Registry, Window};

use super::{Reading, mean, wet};
use crate::observation::Weather;

/// Place of the flag in a neighbour's values: it is one of those that tell most.
pub(super) const TELLING: usize = 1;
/// Place of the flag in a neighbour's values: it is one of those that stand nearest.
pub(super) const NEAREST: usize = 2;

pub(super) fn register(registry: Registry<Weather>) -> Registry<Weather> {
    single(nearest(telling(registry)))
}

// ANCHOR: around
fn telling(registry: Registry<Weather>) -> Registry<Weather> {
    registry
        .with("telling_wet", |w| around(w, TELLING, wet))
        .with("telling_humidity_3pm", |w| {
            around(w, TELLING, |day| day.humidity_3pm)
        })
        .with("telling_cloud_3pm", |w| {
            around(w, TELLING, |day| day.cloud_3pm)
        })
        // ANCHOR_END: around
        .with("telling_sunshine", |w| {
            around(w, TELLING, |day| day.sunshine)
        })
        .with("telling_gust_speed", |w| {
            around(w, TELLING, |day| day.gust_speed)
        })
        .with("telling_rainfall", |w| {
            around(w, TELLING, |day| libm::log1pf(day.rainfall))
        })
        .with("telling_pressure_change", |w| {
            around(w, TELLING, |day| day.pressure_3pm - day.pressure_9am)
        })
        .with("telling_humidity_above", |w| {
            above(w, TELLING, |day| day.humidity_3pm)
        })
        .with("telling_pressure_above", |w| {
            above(w, TELLING, |day| day.pressure_3pm)
        })
        .with("telling_wettest_air", |w| {
            let humidity = each(w, TELLING).map(|day| day.humidity_3pm);
            humidity.fold(f32::NAN, f32::max)
        })
        .with("telling_pressure_since_yesterday", |w| {
            since_yesterday(w, TELLING, |day| day.pressure_3pm)
        })
        .with("telling_temp_since_yesterday", |w| {
            since_yesterday(w, TELLING, |day| day.temp_3pm)
        })
        .with("telling_wet_yesterday", |w| {
            mean(
                chosen(w, TELLING)
                    .filter_map(|near| near.recent.day(1))
                    .map(wet),
            )
        })
}

fn nearest(registry: Registry<Weather>) -> Registry<Weather> {
    registry
        .with("nearest_wet", |w| around(w, NEAREST, wet))
        .with("nearest_gust_speed", |w| {
            around(w, NEAREST, |day| day.gust_speed)
        })
        .with("nearest_sunshine", |w| {
            around(w, NEAREST, |day| day.sunshine)
        })
        .with("nearest_pressure_change", |w| {
            around(w, NEAREST, |day| day.pressure_3pm - day.pressure_9am)
        })
        .with("nearest_humidity_above", |w| {
            above(w, NEAREST, |day| day.humidity_3pm)
        })
        .with("nearest_pressure_above", |w| {
            above(w, NEAREST, |day| day.pressure_3pm)
        })
        .with("nearest_pressure_since_yesterday", |w| {
            since_yesterday(w, NEAREST, |day| day.pressure_3pm)
        })
}

/// The four stations that tell most, each for itself.
fn single(registry: Registry<Weather>) -> Registry<Weather> {
    registry
        .with("first_humidity_3pm", |w| one(w, 0, |day| day.humidity_3pm))
        .with("second_humidity_3pm", |w| one(w, 1, |day| day.humidity_3pm))
        .with("third_humidity_3pm", |w| one(w, 2, |day| day.humidity_3pm))
        .with("fourth_humidity_3pm", |w| one(w, 3, |day| day.humidity_3pm))
        .with("first_pressure_above", |w| one_above(w, 0))
        .with("second_pressure_above", |w| one_above(w, 1))
        .with("third_pressure_above", |w| one_above(w, 2))
        .with("fourth_pressure_above", |w| one_above(w, 3))
}

/// The neighbours that have this flag.
fn chosen<'a>(
    window: &Window<'a, Weather>,
    flag: usize,
) -> impl Iterator<Item = &'a Nearby<'a, Weather>> {
    let flagged = move |near: &&Nearby<'_, Weather>| near.learned.values.get(flag) == Some(&1.0);
    window.neighbours().iter().filter(flagged)
}

/// Today's observations of the neighbours that have this flag.
fn each<'a>(window: &Window<'a, Weather>, flag: usize) -> impl Iterator<Item = &'a Weather> {
    chosen(window, flag).filter_map(|near| near.recent.day(0))
}

/// The mean of a reading around.
fn around(window: &Window<'_, Weather>, flag: usize, reading: Reading) -> f32 {
    mean(each(window, flag).map(reading))
}

/// How far the mean of a reading around lies above the station's own.
fn above(window: &Window<'_, Weather>, flag: usize, reading: Reading) -> f32 {
    around(window, flag, reading) - reading(window.today)
}

/// How a reading around has changed since yesterday, mean over the stations that know both.
fn since_yesterday(window: &Window<'_, Weather>, flag: usize, reading: Reading) -> f32 {
    let change = |near: &Nearby<'_, Weather>| {
        Some(reading(near.recent.day(0)?) - reading(near.recent.day(1)?))
    };
    mean(chosen(window, flag).filter_map(change))
}

/// A reading at the neighbour in this place among those that tell most.
fn one(window: &Window<'_, Weather>, place: usize, reading: Reading) -> f32 {
    chosen(window, TELLING)
        .nth(place)
        .and_then(|near| near.recent.day(0))
        .map_or(f32::NAN, reading)
}

/// How far that neighbour's pressure lies above the station's own.
fn one_above(window: &Window<'_, Weather>, place: usize) -> f32 {
    one(window, place, |day| day.pressure_3pm) - window.today.pressure_3pm
}
