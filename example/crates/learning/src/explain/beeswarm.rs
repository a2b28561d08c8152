//! Each feature's SHAP values over many rows, as dots.

use mlops_plot::Swarm;

use super::sample::{pick, quantile, sample};
use super::{Summary, contributions};
use crate::{Model, Result};

/// Rows drawn: enough to see the form, and few enough for a page.
const ROWS: usize = 800;

/// The features of a summary as a beeswarm: a dot for each of up to 800 rows, drawn by `seed`, where the feature's
/// SHAP value is, in the colour of its own value, from its 5 % to its 95 % quantile.
///
/// # Errors
/// As [`contributions`].
///
/// # Panics
/// If `rows` isn't a whole number of rows.
pub fn beeswarm(model: &Model, rows: &[f32], summary: &Summary, seed: u64) -> Result<String> {
    let width = model.predictor.width();
    let places = sample(rows.len() / width.max(1), ROWS, seed);
    let drawn = pick(rows, width, &places);
    let made = contributions(&model.predictor, &drawn)?;
    let swarm = Swarm::new(
        "What moves the answers, and which way",
        "SHAP value: to the right it raises the answer",
        "value of the feature",
    );
    let swarm = summary.features.iter().fold(swarm, |swarm, (name, _)| {
        let mut features = model.metadata.features.iter();
        let Some(at) = features.position(|feature| feature.name == *name) else {
            return swarm;
        };
        let own: Vec<f32> = drawn.chunks_exact(width).map(|row| row[at]).collect();
        let moved = made.rows().map(|row| row[at]);
        swarm.row(name, moved.zip(shades(&own)))
    });
    let description = format!(
        "{} rows; a dot for each, in the order of the mean size: {}.",
        places.len(),
        summary
            .features
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    );
    Ok(swarm.describe(description).svg())
}

/// From 0, low, to 1, high; none is missing.
fn shades(values: &[f32]) -> impl Iterator<Item = Option<f64>> {
    let known = values.iter().filter(|value| value.is_finite());
    let mut known: Vec<f64> = known.map(|value| f64::from(*value)).collect();
    known.sort_unstable_by(f64::total_cmp);
    let (mut low, mut high) = (quantile(&known, 0.05), quantile(&known, 0.95));
    if low == high {
        // A flag that is rarely set.
        (low, high) = (quantile(&known, 0.0), quantile(&known, 1.0));
    }
    let size = if high > low { high - low } else { 1.0 };
    values.iter().map(move |value| {
        let share = (f64::from(*value) - low) / size;
        (!value.is_nan()).then_some(share.clamp(0.0, 1.0))
    })
}

#[cfg(test)]
mod tests {
    use super::shades;

    #[test]
    fn values_are_shaded_from_low_to_high_and_missing_ones_are_not() {
        let values: Vec<f32> = (0..=100).map(|v| v as f32).collect();
        let all: Vec<Option<f64>> = shades(&values).collect();
        assert_eq!(
            (all[0], all[50], all[100]),
            (Some(0.0), Some(0.5), Some(1.0))
        );
        let rare: Vec<f32> = (0..100).map(|v| f32::from(u8::from(v == 7))).collect();
        let all: Vec<Option<f64>> = shades(&rare).collect();
        assert_eq!((all[6], all[7]), (Some(0.0), Some(1.0)));
        let none: Vec<Option<f64>> = shades(&[f32::NAN, f32::INFINITY]).collect();
        assert_eq!(none[0], None);
        assert!(shades(&[]).next().is_none());
    }
}
