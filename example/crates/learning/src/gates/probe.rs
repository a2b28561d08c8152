//! What a feature tells of the label all by itself. Too much, and it is the label.

use rayon::prelude::*;

use crate::Dataset;

/// Rows of each class that a ranking needs before it counts: fewer may be in order by chance.
const FEW: usize = 30;

/// How well one feature alone tells the classes apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// The feature.
    pub feature: String,
    /// ROC AUC in whichever direction ranks better, 0.5 to 1.
    pub roc_auc: f64,
    /// What of the feature tells it.
    pub by: Alone,
}

/// What of a feature tells the classes apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alone {
    /// Its value, on the rows that have one.
    Value,
    /// Whether it is missing.
    Missing,
}

/// Each feature alone, the most telling first. Of values and of gaps, the one counts that tells more;
/// where fewer than 30 rows of either class can be ranked, the ROC AUC is 0.5.
pub fn probes(data: &Dataset) -> Vec<Probe> {
    let probe = |feature: usize| {
        let known: Vec<(f32, bool)> = data
            .column(feature)
            .zip(data.labels.iter().copied())
            .filter(|(value, _)| !value.is_nan())
            .collect();
        let gaps: Vec<(f32, bool)> = data
            .column(feature)
            .map(|value| f32::from(u8::from(value.is_nan())))
            .zip(data.labels.iter().copied())
            .collect();
        let (value, missing) = (either_way(known), either_way(gaps));
        let (roc_auc, by) = if missing > value {
            (missing, Alone::Missing)
        } else {
            (value, Alone::Value)
        };
        Probe {
            feature: data.names[feature].clone(),
            roc_auc,
            by,
        }
    };
    let mut probes: Vec<Probe> = (0..data.width()).into_par_iter().map(probe).collect();
    probes.sort_by(|a, b| b.roc_auc.total_cmp(&a.roc_auc));
    probes
}

/// Area under the ROC curve of a ranking or of its reverse, whichever is larger.
fn either_way(mut rows: Vec<(f32, bool)>) -> f64 {
    let positives = rows.iter().filter(|(_, label)| *label).count();
    let negatives = rows.len() - positives;
    if positives < FEW || negatives < FEW {
        return 0.5;
    }
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    // Twice the pairs in order, so that half a pair is a whole number.
    let (mut pairs, mut below) = (0_u64, 0_u64);
    for tied in rows.chunk_by(|a, b| a.0 == b.0) {
        let up = tied.iter().filter(|(_, label)| *label).count() as u64;
        let down = tied.len() as u64 - up;
        pairs += up * (2 * below + down);
        below += down;
    }
    let area = pairs as f64 / (2.0 * positives as f64 * negatives as f64);
    area.max(1.0 - area)
}
