//! What is usual at the station in this month, learned on the training period.

use mlops_features::{Registry, Window};

use super::{Reading, month};
use crate::observation::Weather;

/// Tables of the reference, by month: what each holds, and of what reading.
pub(super) const TABLES: [(&str, Reading); 4] = [
    ("wet", super::wet),
    ("humidity_3pm", |day| day.humidity_3pm),
    ("pressure_3pm", |day| day.pressure_3pm),
    ("max_temp", |day| day.max_temp),
];

pub(super) fn register(registry: Registry<Weather>) -> Registry<Weather> {
    registry
        .with("usually_wet", |w| w.learned("wet", month(w)))
        .with("humidity_above_usual", |w| {
            above(w, "humidity_3pm", |day| day.humidity_3pm)
        })
        .with("pressure_above_usual", |w| {
            above(w, "pressure_3pm", |day| day.pressure_3pm)
        })
        .with("max_temp_above_usual", |w| {
            above(w, "max_temp", |day| day.max_temp)
        })
}

/// Today's reading minus what is usual.
fn above(window: &Window<'_, Weather>, table: &str, reading: Reading) -> f32 {
    reading(window.today) - window.learned(table, month(window))
}
