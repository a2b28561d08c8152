//! The project's feature functions, by the names that features.yaml declares.
//!
//! Each sees a [`Window`] and nothing else, so that training, batch and the
//! online service can't differ. A value the station didn't report stays missing.

mod around;
mod climate;
mod history;
mod reference;
mod today;

use mlops_features::{Registry, Window};

use crate::observation::Weather;

pub use reference::fit as fit_reference;

/// A number that a station reports.
type Reading = fn(&Weather) -> f32;

/// Every feature function of the project.
pub fn registry() -> Registry<Weather> {
    let registry = today::register(Registry::new());
    let registry = history::register(registry);
    let registry = around::register(registry);
    climate::register(registry)
}

/// Whether more than 1 mm fell, as 0 or 1.
fn wet(weather: &Weather) -> f32 {
    weather
        .rain_today
        .map_or(f32::NAN, |wet| f32::from(u8::from(wet)))
}

/// The mean of the values that aren't missing; missing if all are.
fn mean(values: impl Iterator<Item = f32>) -> f32 {
    let (mut sum, mut count) = (0.0_f64, 0_u32);
    for value in values.filter(|value| !value.is_nan()) {
        sum += f64::from(value);
        count += 1;
    }
    if count == 0 {
        return f32::NAN;
    }
    (sum / f64::from(count)) as f32
}

/// The month of the window's day as a place in a table, 0 to 11.
fn month(window: &Window<'_, Weather>) -> usize {
    mlops_data::calendar::month(window.today.date).saturating_sub(1) as usize
}
