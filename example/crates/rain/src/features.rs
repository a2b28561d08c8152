//! The project's feature functions, by name.
//!
//! Each sees a [`Window`] and nothing else, so that training, batch and the
//! online service can't differ. A value the station didn't report stays missing.

use std::f32::consts::TAU;

use mlops_data::calendar;
use mlops_features::{Feature, FeatureType, FeatureView, Registry, Window};

use crate::observation::{Compass, Weather};

/// Every feature view of the project.
pub fn registry() -> Registry<Weather> {
    Registry::new(vec![today(), calendar_and_place(), derived()])
}

fn feature(
    name: &'static str,
    unit: &'static str,
    inputs: &'static [&'static str],
    description: &'static str,
    function: fn(&Window<'_, Weather>) -> f32,
) -> Feature<Weather> {
    Feature {
        name,
        unit,
        inputs,
        description,
        kind: FeatureType::Number,
        function,
    }
}

// ANCHOR: today
/// Today's measurements as they came.
fn today() -> FeatureView<Weather> {
    let features = vec![
        feature("min_temp", "°C", &["MinTemp"], "Lowest temperature", |w| {
            w.today.min_temp
        }),
        feature(
            "max_temp",
            "°C",
            &["MaxTemp"],
            "Highest temperature",
            |w| w.today.max_temp,
        ),
        feature(
            "rainfall",
            "mm",
            &["Rainfall"],
            "Rain in the 24 hours to 9 am",
            |w| w.today.rainfall,
        ),
        feature(
            "evaporation",
            "mm",
            &["Evaporation"],
            "Pan evaporation",
            |w| w.today.evaporation,
        ),
        feature("sunshine", "hours", &["Sunshine"], "Bright sunshine", |w| {
            w.today.sunshine
        }),
        // ANCHOR_END: today
        feature(
            "gust_speed",
            "km/h",
            &["WindGustSpeed"],
            "Strongest gust",
            |w| w.today.gust_speed,
        ),
        feature("wind_9am", "km/h", &["WindSpeed9am"], "Wind at 9 am", |w| {
            w.today.wind_9am
        }),
        feature("wind_3pm", "km/h", &["WindSpeed3pm"], "Wind at 3 pm", |w| {
            w.today.wind_3pm
        }),
        feature(
            "humidity_9am",
            "%",
            &["Humidity9am"],
            "Humidity at 9 am",
            |w| w.today.humidity_9am,
        ),
        feature(
            "humidity_3pm",
            "%",
            &["Humidity3pm"],
            "Humidity at 3 pm",
            |w| w.today.humidity_3pm,
        ),
        feature(
            "pressure_9am",
            "hPa",
            &["Pressure9am"],
            "Pressure at 9 am",
            |w| w.today.pressure_9am,
        ),
        feature(
            "pressure_3pm",
            "hPa",
            &["Pressure3pm"],
            "Pressure at 3 pm",
            |w| w.today.pressure_3pm,
        ),
        feature("cloud_9am", "oktas", &["Cloud9am"], "Cloud at 9 am", |w| {
            w.today.cloud_9am
        }),
        feature("cloud_3pm", "oktas", &["Cloud3pm"], "Cloud at 3 pm", |w| {
            w.today.cloud_3pm
        }),
        feature(
            "temp_9am",
            "°C",
            &["Temp9am"],
            "Temperature at 9 am",
            |w| w.today.temp_9am,
        ),
        feature(
            "temp_3pm",
            "°C",
            &["Temp3pm"],
            "Temperature at 3 pm",
            |w| w.today.temp_3pm,
        ),
        Feature {
            kind: FeatureType::Flag,
            ..feature(
                "rain_today",
                "",
                &["RainToday"],
                "Whether more than 1 mm fell",
                |w| {
                    w.today
                        .rain_today
                        .map_or(f32::NAN, |wet| f32::from(u8::from(wet)))
                },
            )
        },
    ];
    FeatureView {
        name: "today",
        description: "Today's measurements as they came",
        features,
    }
}

/// When and where.
fn calendar_and_place() -> FeatureView<Weather> {
    let features = vec![
        feature(
            "season_sin",
            "",
            &["Date"],
            "Day of the year as an angle, sine",
            |w| libm::sinf(season(w)),
        ),
        feature(
            "season_cos",
            "",
            &["Date"],
            "Day of the year as an angle, cosine",
            |w| libm::cosf(season(w)),
        ),
        feature(
            "latitude",
            "°",
            &["Location"],
            "Degrees north of the station",
            |w| w.today.place.station().map_or(f32::NAN, |at| at.latitude),
        ),
        feature(
            "longitude",
            "°",
            &["Location"],
            "Degrees east of the station",
            |w| w.today.place.station().map_or(f32::NAN, |at| at.longitude),
        ),
    ];
    FeatureView {
        name: "calendar",
        description: "When and where",
        features,
    }
}

// ANCHOR: derived
/// What a forecaster would work out from today's measurements.
fn derived() -> FeatureView<Weather> {
    let features = vec![
        feature(
            "pressure_change",
            "hPa",
            &["Pressure9am", "Pressure3pm"],
            "3 pm minus 9 am",
            |w| w.today.pressure_3pm - w.today.pressure_9am,
        ),
        feature(
            "humidity_change",
            "%",
            &["Humidity9am", "Humidity3pm"],
            "3 pm minus 9 am",
            |w| w.today.humidity_3pm - w.today.humidity_9am,
        ),
        // ANCHOR_END: derived
        feature(
            "temp_change",
            "°C",
            &["Temp9am", "Temp3pm"],
            "3 pm minus 9 am",
            |w| w.today.temp_3pm - w.today.temp_9am,
        ),
        feature(
            "wind_change",
            "km/h",
            &["WindSpeed9am", "WindSpeed3pm"],
            "3 pm minus 9 am",
            |w| w.today.wind_3pm - w.today.wind_9am,
        ),
        feature(
            "cloud_change",
            "oktas",
            &["Cloud9am", "Cloud3pm"],
            "3 pm minus 9 am",
            |w| w.today.cloud_3pm - w.today.cloud_9am,
        ),
        feature(
            "temp_range",
            "°C",
            &["MinTemp", "MaxTemp"],
            "Highest minus lowest",
            |w| w.today.max_temp - w.today.min_temp,
        ),
        feature(
            "dew_point_depression_9am",
            "°C",
            &["Temp9am", "Humidity9am"],
            "Temperature above the dew point at 9 am",
            |w| dew_point_depression(w.today.temp_9am, w.today.humidity_9am),
        ),
        feature(
            "dew_point_depression_3pm",
            "°C",
            &["Temp3pm", "Humidity3pm"],
            "Temperature above the dew point at 3 pm",
            |w| dew_point_depression(w.today.temp_3pm, w.today.humidity_3pm),
        ),
        feature(
            "gust_sin",
            "",
            &["WindGustDir"],
            "Gust's direction, sine",
            |w| sine(w.today.gust_direction),
        ),
        feature(
            "gust_cos",
            "",
            &["WindGustDir"],
            "Gust's direction, cosine",
            |w| cosine(w.today.gust_direction),
        ),
        feature(
            "direction_9am_sin",
            "",
            &["WindDir9am"],
            "Direction at 9 am, sine",
            |w| sine(w.today.direction_9am),
        ),
        feature(
            "direction_9am_cos",
            "",
            &["WindDir9am"],
            "Direction at 9 am, cosine",
            |w| cosine(w.today.direction_9am),
        ),
        feature(
            "direction_3pm_sin",
            "",
            &["WindDir3pm"],
            "Direction at 3 pm, sine",
            |w| sine(w.today.direction_3pm),
        ),
        feature(
            "direction_3pm_cos",
            "",
            &["WindDir3pm"],
            "Direction at 3 pm, cosine",
            |w| cosine(w.today.direction_3pm),
        ),
    ];
    FeatureView {
        name: "derived",
        description: "Worked out from today's measurements",
        features,
    }
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

    #[test]
    fn no_name_is_registered_twice() {
        let registry = registry();
        let mut names: Vec<_> = registry
            .views()
            .iter()
            .flat_map(|view| &view.features)
            .map(|f| f.name)
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
