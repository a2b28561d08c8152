//! What features are like on the training period, for monitoring to compare with.

use mlops_data::statistics::{Numbers, Summary, describe};
use mlops_data::{Column, Table, Values};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Bars of a histogram.
const BARS: usize = 16;

/// Statistics of every feature of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableStatistics {
    /// Rows they are of.
    pub rows: usize,
    /// The features, in the order of the row.
    pub features: Vec<FeatureStatistics>,
}

/// Statistics of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureStatistics {
    /// Its name.
    pub name: String,
    /// Rows with a value.
    pub count: usize,
    /// Rows without.
    pub missing: usize,
    /// What the values are like; none if all are missing.
    pub numbers: Option<Numbers>,
    /// How they are spread; none if all are missing.
    pub histogram: Option<Histogram>,
}

/// Numbers of values between edges of equal distance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// One more than there are counts, ascending, from the least value to the greatest. A bar
    /// holds its lower edge; the last one holds both.
    pub edges: Vec<f64>,
    /// Values between each two edges.
    pub counts: Vec<usize>,
}

/// Describes features given as columns, by the rows for which `keep` is true.
pub fn statistics(columns: &[(&str, &[f32])], keep: &[bool]) -> TableStatistics {
    let of_column = |(name, values): &(&str, &[f32])| {
        let rows = values.iter().zip(keep);
        let values: Vec<f32> = rows
            .filter_map(|(value, keep)| keep.then_some(*value))
            .collect();
        let histogram = histogram(&values);
        let missing = values.iter().filter(|value| value.is_nan()).count();
        let (rows, values) = (values.len(), Values::Single(values));
        let column = Column {
            name: (*name).into(),
            values,
        };
        let described = Table::new(vec![column]).map(|table| describe(&table).columns);
        let summary = described.and_then(|columns| columns.into_iter().next());
        FeatureStatistics {
            name: (*name).into(),
            count: rows - missing,
            missing,
            numbers: match summary.map(|column| column.values) {
                Some(Summary::Number(numbers)) => numbers,
                _ => None,
            },
            histogram,
        }
    };
    TableStatistics {
        rows: keep.iter().filter(|keep| **keep).count(),
        // One after the other on each core: a copy of a column is large.
        features: columns.par_iter().map(of_column).collect(),
    }
}

fn histogram(values: &[f32]) -> Option<Histogram> {
    let known = || values.iter().copied().filter(|value| !value.is_nan());
    let (least, greatest) = (known().reduce(f32::min)?, known().reduce(f32::max)?);
    let (low, width) = (
        f64::from(least),
        (f64::from(greatest) - f64::from(least)) / BARS as f64,
    );
    let mut counts = vec![0; BARS];
    for value in known() {
        // A single value gives 0 / 0: the first bar.
        let bar = ((f64::from(value) - low) / width) as usize;
        counts[bar.min(BARS - 1)] += 1;
    }
    Some(Histogram {
        edges: (0..=BARS).map(|at| low + width * at as f64).collect(),
        counts,
    })
}

impl Histogram {
    /// The bars in a line of text, the highest one full.
    pub fn bars(&self) -> String {
        const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let highest = self.counts.iter().copied().max().unwrap_or(0).max(1);
        // What there is is seen, be it little.
        let bar = |count: &usize| BLOCKS[(count * 8).div_ceil(highest).min(8)];
        self.counts.iter().map(bar).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_value_stands_in_one_bar() {
        let values = [0.0, 1.0, 1.0, 16.0, 8.0, 15.99, f32::NAN, 99.0];
        let columns: [(&str, &[f32]); 3] = [
            ("load", &values),
            ("off", &[f32::NAN; 8]),
            ("same", &[2.0; 8]),
        ];
        let keep = [true, true, true, true, true, true, true, false];
        let statistics = statistics(&columns, &keep);
        let [load, off, same] = statistics.features.as_slice() else {
            panic!("{statistics:?}")
        };
        assert_eq!((statistics.rows, load.count, load.missing), (7, 6, 1));
        let histogram = load.histogram.as_ref().unwrap();
        assert_eq!(histogram.edges[..3], [0.0, 1.0, 2.0]);
        assert_eq!(histogram.counts.iter().sum::<usize>(), 6);
        assert_eq!((histogram.counts[1], histogram.counts[15]), (2, 2));
        assert_eq!(histogram.bars(), "▄█      ▄      █");
        assert_eq!((&off.numbers, &off.histogram), (&None, &None));
        assert_eq!(same.histogram.as_ref().unwrap().counts[0], 7);
    }
}
