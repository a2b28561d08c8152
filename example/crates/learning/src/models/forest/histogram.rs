//! Rows counted by bin.

use super::grow::Sample;
use crate::models::bins::Binned;

/// Features counted in one pass: while one counter waits for memory, the others go on.
const TOGETHER: usize = 5;
/// Up to so many samples, it pays to note which bins they fall into.
const FEW: usize = 256;

/// Rows, counted as often as they were drawn: all in the upper half, positive ones in the lower.
/// Whole numbers, so that the order of adding changes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Count(u64);

impl Count {
    pub fn new(rows: u32, positives: u32) -> Count {
        Count(u64::from(rows) << 32 | u64::from(positives))
    }

    pub fn rows(self) -> u64 {
        self.0 >> 32
    }

    pub fn positives(self) -> u64 {
        self.0 & 0xffff_ffff
    }

    pub fn is_pure(self) -> bool {
        self.positives() == 0 || self.positives() == self.rows()
    }

    pub fn plus(self, other: Count) -> Count {
        Count(self.0 + other.0)
    }

    pub fn minus(self, other: Count) -> Count {
        Count(self.0 - other.0)
    }
}

/// A node's rows by the bin that one feature has them in.
#[derive(Clone)]
pub(super) struct Histogram {
    counts: [Count; 256],
    /// A bit for each bin that may have rows.
    used: [u64; 4],
}

impl Histogram {
    /// No rows.
    pub const EMPTY: Histogram = Histogram {
        counts: [Count(0); 256],
        used: [0; 4],
    };

    /// Takes the rows of one bin out.
    pub fn take(&mut self, bin: u8) -> Count {
        std::mem::take(&mut self.counts[usize::from(bin)])
    }

    /// Takes all rows out, bin after bin.
    pub fn drain(&mut self, mut visit: impl FnMut(u8, Count)) {
        for (first, used) in (0..=192u8).step_by(64).zip(&mut self.used) {
            let mut left = std::mem::take(used);
            while left != 0 {
                let bin = first + left.trailing_zeros() as u8;
                left &= left - 1;
                let count = std::mem::take(&mut self.counts[usize::from(bin)]);
                if count.rows() > 0 {
                    visit(bin, count);
                }
            }
        }
    }
}

/// Counts samples into the empty histograms of these features, which are as many.
pub(super) fn count(
    binned: &Binned,
    features: &[usize],
    samples: &[Sample],
    histograms: &mut [Histogram],
) {
    let parts = features.chunks(TOGETHER);
    for (features, histograms) in parts.zip(histograms.chunks_mut(TOGETHER)) {
        match features.len() {
            5 => together::<5>(binned, features, samples, histograms),
            4 => together::<4>(binned, features, samples, histograms),
            3 => together::<3>(binned, features, samples, histograms),
            2 => together::<2>(binned, features, samples, histograms),
            _ => together::<1>(binned, features, samples, histograms),
        }
    }
}

fn together<const N: usize>(
    binned: &Binned,
    features: &[usize],
    samples: &[Sample],
    histograms: &mut [Histogram],
) {
    let Some(histograms) = histograms.first_chunk_mut::<N>() else {
        return;
    };
    // One length for all: one comparison shows that a row is in every column.
    let columns: [&[u8]; N] =
        std::array::from_fn(|at| &binned.columns[features[at]].bins[..binned.rows]);
    if samples.len() <= FEW {
        for sample in samples {
            for (column, histogram) in columns.iter().zip(histograms.iter_mut()) {
                let bin = column[sample.row as usize];
                let here = &mut histogram.counts[usize::from(bin)];
                *here = here.plus(sample.count());
                histogram.used[usize::from(bin / 64)] |= 1 << (bin % 64);
            }
        }
    } else {
        for sample in samples {
            for (column, histogram) in columns.iter().zip(histograms.iter_mut()) {
                let here = &mut histogram.counts[usize::from(column[sample.row as usize])];
                *here = here.plus(sample.count());
            }
        }
        for histogram in histograms {
            histogram.used = [u64::MAX; 4];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::bins::MISSING;
    use ndarray::Array2;

    #[test]
    fn few_and_many_samples_are_counted_alike() {
        let (rows, width) = (1000, 7);
        let values = Array2::from_shape_fn((rows, width), |(row, feature)| {
            if (row + feature) % 11 == 0 {
                f32::NAN
            } else {
                (row * (feature + 3) % 97) as f32
            }
        });
        let binned = Binned::new(values.view(), MISSING);
        let features: Vec<usize> = (0..width).rev().collect();
        for many in [FEW, FEW + 1] {
            let samples: Vec<Sample> = (0..many as u32)
                .map(|at| Sample::new(at * 3, at % 4 + 1, at % 5 == 0))
                .collect();
            let mut histograms = vec![Histogram::EMPTY; width];
            count(&binned, &features, &samples, &mut histograms);
            for (feature, histogram) in features.iter().zip(&mut histograms) {
                let mut expected = [Count::default(); 256];
                for sample in &samples {
                    let bin = binned.columns[*feature].bins[sample.row as usize];
                    let here = &mut expected[usize::from(bin)];
                    *here = here.plus(sample.count());
                }
                let mut found = [Count::default(); 256];
                histogram.drain(|bin, count| found[usize::from(bin)] = count);
                assert_eq!(found, expected, "feature {feature}");
                histogram.drain(|_, _| panic!("it was drained"));
            }
        }
    }
}
