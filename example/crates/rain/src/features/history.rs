//! The station's own days before today. Yesterday is the day before, whether or not
//! there is a row of it.

use mlops_features::{Registry, Window};

use super::{Reading, mean};
use crate::observation::Weather;

pub(super) fn register(registry: Registry<Weather>) -> Registry<Weather> {
    registry
        // ANCHOR: history
        .with("humidity_3pm_yesterday", |w| {
            yesterday(w, |day| day.humidity_3pm)
        })
        .with("min_temp_yesterday", |w| yesterday(w, |day| day.min_temp))
        .with("rainfall_yesterday", |w| yesterday(w, |day| day.rainfall))
        .with("pressure_since_yesterday", |w| {
            since_yesterday(w, |day| day.pressure_3pm)
        })
        // ANCHOR_END: history
        .with("pressure_overnight", |w| {
            w.today.pressure_9am - yesterday(w, |day| day.pressure_3pm)
        })
        .with("humidity_since_yesterday", |w| {
            since_yesterday(w, |day| day.humidity_3pm)
        })
        .with("gust_since_yesterday", |w| {
            since_yesterday(w, |day| day.gust_speed)
        })
        .with("sunshine_since_yesterday", |w| {
            since_yesterday(w, |day| day.sunshine)
        })
        .with("min_temp_since_yesterday", |w| {
            since_yesterday(w, |day| day.min_temp)
        })
        .with("rainfall_since_yesterday", |w| {
            since_yesterday(w, |day| day.rainfall)
        })
        .with("pressure_above_week", |w| {
            above_week(w, |day| day.pressure_3pm)
        })
        .with("humidity_above_week", |w| {
            above_week(w, |day| day.humidity_3pm)
        })
        .with("rain_3_days", |w| rain(w, 3))
        .with("rain_7_days", |w| rain(w, 7))
        .with("rain_30_days", |w| rain(w, 30))
        .with("wet_days_3", |w| wet_days(w, 3))
        .with("wet_days_7", |w| wet_days(w, 7))
        .with("wet_days_30", |w| wet_days(w, 30))
        .with("days_since_rain", days_since_rain)
}

fn yesterday(window: &Window<'_, Weather>, reading: Reading) -> f32 {
    window.day(1).map_or(f32::NAN, reading)
}

/// Today's reading minus yesterday's.
fn since_yesterday(window: &Window<'_, Weather>, reading: Reading) -> f32 {
    reading(window.today) - yesterday(window, reading)
}

/// Today's reading minus the mean of the seven days to today.
fn above_week(window: &Window<'_, Weather>, reading: Reading) -> f32 {
    let week = (0..7).filter_map(|before| window.day(before));
    reading(window.today) - mean(week.map(reading))
}

/// Mean rain of the days to today in mm a day. Missing if fewer than half of them are known.
fn rain(window: &Window<'_, Weather>, days: u16) -> f32 {
    of_days(window, days, |day| day.rainfall)
}

/// Share of wet days among those to today, if at least half of them are known.
fn wet_days(window: &Window<'_, Weather>, days: u16) -> f32 {
    of_days(window, days, super::wet)
}

/// The mean over the days to today, if at least half of them are known.
fn of_days(window: &Window<'_, Weather>, days: u16, reading: Reading) -> f32 {
    let readings = || {
        (0..days)
            .filter_map(|before| window.day(before))
            .map(reading)
            .filter(|value| !value.is_nan())
    };
    if readings().count() * 2 < usize::from(days) {
        return f32::NAN;
    }
    mean(readings())
}

/// Days since the last wet one: 0 if today is wet, 31 if none of the last 30 days is known
/// to have been.
fn days_since_rain(window: &Window<'_, Weather>) -> f32 {
    let wet = |before: &u16| {
        window
            .day(*before)
            .is_some_and(|day| day.rain_today == Some(true))
    };
    f32::from((0..=30).find(wet).unwrap_or(31))
}
