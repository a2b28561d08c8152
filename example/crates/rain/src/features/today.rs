//! Today's measurements, the calendar, and what a forecaster works out from them.

use std::f32::consts::TAU;

use mlops_data::calendar;
use mlops_features::{Registry, Window};

use super::wet;
use crate::observation::{Compass, Weather};

pub(super) fn register(registry: Registry<Weather>) -> Registry<Weather> {
    derived(measured(registry))
}

fn measured(registry: Registry<Weather>) -> Registry<Weather> {
    registry
        .with("min_temp", |w| w.today.min_temp)
        .with("max_temp", |w| w.today.max_temp)
        .with("rainfall", |w| w.today.rainfall)
        .with("evaporation", |w| w.today.evaporation)
        .with("sunshine", |w| w.today.sunshine)
        .with("gust_speed", |w| w.today.gust_speed)
        .with("wind_9am", |w| w.today.wind_9am)
        .with("wind_3pm", |w| w.today.wind_3pm)
        .with("humidity_9am", |w| w.today.humidity_9am)
        .with("humidity_3pm", |w| w.today.humidity_3pm)
        .with("pressure_9am", |w| w.today.pressure_9am)
        .with("pressure_3pm", |w| w.today.pressure_3pm)
        .with("cloud_9am", |w| w.today.cloud_9am)
        .with("cloud_3pm", |w| w.today.cloud_3pm)
        .with("temp_9am", |w| w.today.temp_9am)
        .with("temp_3pm", |w| w.today.temp_3pm)
        .with("rain_today", |w| wet(w.today))
}

fn derived(registry: Registry<Weather>) -> Registry<Weather> {
    registry
        .with("season_sin", |w| libm::sinf(season(w)))
        .with("season_cos", |w| libm::cosf(season(w)))
        .with("latitude", |w| {
            w.today.place.station().map_or(f32::NAN, |at| at.latitude)
        })
        .with("longitude", |w| {
            w.today.place.station().map_or(f32::NAN, |at| at.longitude)
        })
        // ANCHOR: change
        .with("pressure_change", |w| {
            w.today.pressure_3pm - w.today.pressure_9am
        })
        .with("humidity_change", |w| {
            w.today.humidity_3pm - w.today.humidity_9am
        })
        // ANCHOR_END: change
        .with("temp_change", |w| w.today.temp_3pm - w.today.temp_9am)
        .with("wind_change", |w| w.today.wind_3pm - w.today.wind_9am)
        .with("cloud_change", |w| w.today.cloud_3pm - w.today.cloud_9am)
        .with("temp_range", |w| w.today.max_temp - w.today.min_temp)
        .with("dew_point_depression_9am", |w| {
            dew_point_depression(w.today.temp_9am, w.today.humidity_9am)
        })
        .with("dew_point_depression_3pm", |w| {
            dew_point_depression(w.today.temp_3pm, w.today.humidity_3pm)
        })
        .with("gust_sin", |w| sine(w.today.gust_direction))
        .with("gust_cos", |w| cosine(w.today.gust_direction))
        .with("direction_9am_sin", |w| sine(w.today.direction_9am))
        .with("direction_9am_cos", |w| cosine(w.today.direction_9am))
        .with("direction_3pm_sin", |w| sine(w.today.direction_3pm))
        .with("direction_3pm_cos", |w| cosine(w.today.direction_3pm))
}

/// The day of the year as an angle, so that December touches January.
fn season(window: &Window<'_, Weather>) -> f32 {
    calendar::day_of_year(window.today.date) as f32 / 365.25 * TAU
}

/// How far the air is from saturation, °C, by the Magnus formula with the
/// coefficients of Alduchov and Eskridge (1996). Humidity in %, at least 1.
fn dew_point_depression(temperature: f32, humidity: f32) -> f32 {
    const B: f32 = 17.625;
    const C: f32 = 243.04;
    if humidity.is_nan() {
        return f32::NAN;
    }
    let gamma = libm::logf(humidity.max(1.0) / 100.0) + B * temperature / (C + temperature);
    temperature - C * gamma / (B - gamma)
}

fn sine(direction: Option<Compass>) -> f32 {
    direction.map_or(f32::NAN, |point| libm::sinf(angle(point)))
}

fn cosine(direction: Option<Compass>) -> f32 {
    direction.map_or(f32::NAN, |point| libm::cosf(angle(point)))
}

fn angle(point: Compass) -> f32 {
    point.sixteenths() as f32 / 16.0 * TAU
}

#[cfg(test)]
mod tests {
    use mlops_data::Cell;
    use mlops_features::Observation;

    use super::*;

    #[test]
    fn saturated_air_is_at_its_dew_point_and_dry_air_far_from_it() {
        assert!(dew_point_depression(20.0, 100.0).abs() < 1e-4);
        // 20 °C at 50 % has its dew point at 9.3 °C in every psychrometric table.
        assert!((dew_point_depression(20.0, 50.0) - 10.7).abs() < 0.1);
        assert!(dew_point_depression(20.0, 0.0).is_finite());
        assert!(dew_point_depression(f32::NAN, 50.0).is_nan());
        assert!(dew_point_depression(20.0, f32::NAN).is_nan());
    }

    #[test]
    fn wind_from_the_north_has_cosine_one_and_none_is_missing() {
        assert_eq!(cosine(Compass::parse("N")), 1.0);
        assert!((sine(Compass::parse("E")) - 1.0).abs() < 1e-6);
        assert!(sine(None).is_nan());
    }

    fn nothing_reported() -> Weather {
        let mut cells = vec![Cell::Missing; Weather::COLUMNS.len()];
        cells[0] = Cell::Date(0);
        cells[1] = Cell::Text("Perth");
        Weather::from_cells(&cells).unwrap()
    }

    // The solution of the exercise on the page about features.
    // ANCHOR: exercise
    fn pressure_tendency_high(window: &Window<'_, Weather>) -> f32 {
        let fall = window.today.pressure_9am - window.today.pressure_3pm;
        if fall.is_nan() {
            return f32::NAN;
        }
        f32::from(u8::from(fall > 5.0))
    }

    #[test]
    fn a_fall_of_more_than_5_hpa_is_high_and_a_gap_is_missing() {
        let tendency = |pressure_9am, pressure_3pm| {
            let day = Weather {
                pressure_9am,
                pressure_3pm,
                ..nothing_reported()
            };
            pressure_tendency_high(&Window::single(&day))
        };
        assert_eq!(tendency(1015.0, 1009.0), 1.0);
        assert_eq!(tendency(1015.0, 1010.0), 0.0);
        assert_eq!(tendency(1009.0, 1015.0), 0.0);
        assert!(tendency(f32::NAN, 1015.0).is_nan());
        assert!(tendency(1015.0, f32::NAN).is_nan());
    }
    // ANCHOR_END: exercise
}
