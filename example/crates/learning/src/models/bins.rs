//! The values of every feature in at most 255 bins.

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::ensemble::f32_threshold;

/// The bin of missing values; the others are 0, 1, … in the order of the values.
pub(super) const MISSING: u8 = u8::MAX;

/// All features, each in bins.
pub(super) struct Binned {
    /// One for each feature.
    pub columns: Vec<Column>,
    /// Number of rows.
    pub rows: usize,
}

/// One feature in bins.
pub(super) struct Column {
    /// `cuts[b]` is above all values of bin `b`, and not above those of bin `b + 1`.
    pub cuts: Vec<f32>,
    /// The bin of each row.
    pub bins: Vec<u8>,
}

impl Binned {
    /// Records of shape (rows, features), each feature in at most so many bins besides that of missing values.
    pub fn new(records: ArrayView2<'_, f32>, most: u8) -> Binned {
        let columns = (0..records.ncols()).into_par_iter().map(|feature| {
            let values: Vec<f32> = records.column(feature).to_vec();
            Column::new(&values, most)
        });
        Binned {
            columns: columns.collect(),
            rows: records.nrows(),
        }
    }
}

impl Column {
    fn new(values: &[f32], most: u8) -> Column {
        let mut sorted: Vec<f32> = values
            .iter()
            .copied()
            .filter(|value| !value.is_nan())
            .collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let cuts = cuts(&sorted, usize::from(most) - 1);
        let bin = |value: &f32| {
            if value.is_nan() {
                MISSING
            } else {
                cuts.partition_point(|cut| cut <= value) as u8
            }
        };
        let bins = values.iter().map(bin).collect();
        Column { cuts, bins }
    }
}

/// At most `most` cuts: half-way between all neighbouring values, or, if these are too many,
/// so that about as many rows lie between any two cuts.
fn cuts(sorted: &[f32], most: usize) -> Vec<f32> {
    let between = |low: f32, high: f32| f32_threshold((f64::from(low) + f64::from(high)) / 2.0);
    let mut steps = sorted
        .windows(2)
        .filter(|pair| pair[0] < pair[1])
        .map(|pair| between(pair[0], pair[1]));
    let all: Vec<f32> = steps.by_ref().take(most).collect();
    if steps.next().is_none() {
        return all;
    }
    let mut cuts = Vec::with_capacity(most);
    for part in 1..=most {
        // The first step up at or after the quantile: equal values stay together.
        let at = part * sorted.len() / (most + 1);
        let low = sorted[at.saturating_sub(1)];
        let next = sorted.partition_point(|value| *value <= low);
        if let Some(high) = sorted.get(next) {
            let cut = between(low, *high);
            if cuts.last().is_none_or(|last| *last < cut) {
                cuts.push(cut);
            }
        }
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_values_have_a_bin_each() {
        let column = Column::new(&[3.0, 1.0, f32::NAN, 2.0, 1.0], MISSING);
        assert_eq!(column.cuts, [1.5, 2.5]);
        assert_eq!(column.bins, [2, 0, MISSING, 1, 0]);
    }

    #[test]
    fn many_values_are_spread_evenly() {
        let values: Vec<f32> = (0..100_000u32).map(|i| (i as f32).sqrt()).collect();
        let column = Column::new(&values, MISSING);
        let mut sizes = [0usize; 256];
        column
            .bins
            .iter()
            .for_each(|bin| sizes[usize::from(*bin)] += 1);
        assert_eq!(column.cuts.len(), 254);
        assert_eq!(sizes[usize::from(MISSING)], 0);
        assert!(
            sizes[..255].iter().all(|size| (380..410).contains(size)),
            "{sizes:?}"
        );
    }

    proptest! {
        #[test]
        fn a_cut_parts_bins_as_it_parts_values(values in prop::collection::vec(-1e3f32..1e3, 0..900)) {
            let column = Column::new(&values, MISSING);
            for (cut_at, cut) in column.cuts.iter().enumerate() {
                for (value, bin) in values.iter().zip(&column.bins) {
                    prop_assert_eq!(value < cut, usize::from(*bin) <= cut_at);
                }
            }
        }
    }
}
