//! What a table holds, column by column, in a few numbers.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    Column, Table, Values,
    calendar::{self, Day},
    table::MISSING_DAY,
};

/// Statistics of every column of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableStatistics {
    /// Rows of the table.
    pub rows: usize,
    /// Its columns, in order.
    pub columns: Vec<ColumnStatistics>,
}

/// Statistics of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnStatistics {
    /// Its name.
    pub name: String,
    /// Rows with a value.
    pub count: usize,
    /// Rows without.
    pub missing: usize,
    /// What the values are like.
    #[serde(flatten)]
    pub values: Summary,
}

/// What the values of a column are like; `None` if all are missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Summary {
    /// Of numbers.
    Number(Option<Numbers>),
    /// Of categories: each word that occurs and how often, in the order of the column's levels.
    Category(Vec<(String, usize)>),
    /// Of dates: the first and the last, `yyyy-mm-dd`.
    Date(Option<(String, String)>),
}

/// Numbers in a few numbers, all in the column's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (divided by n − 1); 0 for a single value.
    pub std: f64,
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// The values below which the shares [`QUANTILES`] lie, interpolated between neighbours (type 7
    /// of Hyndman and Fan 1996, numpy's and pandas' default).
    pub quantiles: [f64; 5],
}

/// The shares of [`Numbers::quantiles`].
pub const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// Describes every column.
pub fn describe(table: &Table) -> TableStatistics {
    TableStatistics {
        rows: table.rows(),
        columns: table.columns().par_iter().map(column).collect(),
    }
}

fn column(column: &Column) -> ColumnStatistics {
    let (count, values) = match &column.values {
        Values::Number(values) => numbers(values.iter().copied()),
        Values::Single(values) => numbers(values.iter().map(|value| f64::from(*value))),
        Values::Category { codes, levels } => categories(codes, levels),
        Values::Date(days) => dates(days),
    };
    ColumnStatistics {
        name: column.name.clone(),
        count,
        missing: column.values.len() - count,
        values,
    }
}

fn numbers(values: impl Iterator<Item = f64>) -> (usize, Summary) {
    let mut known: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
    known.sort_unstable_by(f64::total_cmp);
    let (Some(min), Some(max)) = (known.first(), known.last()) else {
        return (0, Summary::Number(None));
    };
    let n = known.len() as f64;
    let scale = scale(min.abs().max(max.abs()));
    let mean = known.iter().map(|value| value / scale).sum::<f64>() / n;
    let squares: f64 = known
        .iter()
        .map(|value| (value / scale - mean) * (value / scale - mean))
        .sum();
    let summary = Numbers {
        mean: mean * scale,
        std: (squares / (n - 1.0).max(1.0)).sqrt() * scale,
        min: *min,
        max: *max,
        quantiles: QUANTILES.map(|share| quantile(&known, share)),
    };
    (known.len(), Summary::Number(Some(summary)))
}

/// What to divide by so that squares neither overflow nor vanish: 1 for all but extreme values.
fn scale(greatest: f64) -> f64 {
    match (1e-100..1e100).contains(&greatest) || greatest == 0.0 || !greatest.is_finite() {
        true => 1.0,
        false => greatest,
    }
}

/// Of ascending values, at least one; `share` is below 1.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() - 1) as f64 * share;
    let below = place as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

fn categories(codes: &[u32], levels: &[String]) -> (usize, Summary) {
    let mut counts = vec![0; levels.len()];
    for code in codes {
        if let Some(count) = counts.get_mut(*code as usize) {
            *count += 1;
        }
    }
    let count = counts.iter().sum();
    let occurring = levels
        .iter()
        .cloned()
        .zip(counts)
        .filter(|(_, count)| *count > 0);
    (count, Summary::Category(occurring.collect()))
}

fn dates(days: &[Day]) -> (usize, Summary) {
    let known = || days.iter().copied().filter(|day| *day != MISSING_DAY);
    let span = known().min().zip(known().max());
    let span = span.map(|(first, last)| (calendar::format_iso(first), calendar::format_iso(last)));
    (known().count(), Summary::Date(span))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::MISSING_CODE;

    fn table(rows: &[(f64, u32, Day)]) -> Table {
        let levels = ["idle", "off", "busy"].map(String::from).to_vec();
        let columns = [
            (
                "load",
                Values::Number(rows.iter().map(|row| row.0).collect()),
            ),
            (
                "heat",
                Values::Single(rows.iter().map(|row| row.0 as f32).collect()),
            ),
            (
                "mode",
                Values::Category {
                    codes: rows.iter().map(|row| row.1).collect(),
                    levels,
                },
            ),
            ("day", Values::Date(rows.iter().map(|row| row.2).collect())),
        ];
        let columns = columns.map(|(name, values)| Column {
            name: name.into(),
            values,
        });
        Table::new(columns.into()).unwrap()
    }

    /// numpy: mean, std(ddof=1), min, max, quantile([.05, .25, .5, .75, .95]).
    #[test]
    fn numbers_are_numpys() {
        let rows = [7.0, 1.0, f64::NAN, 4.0, 10.0, 2.0].map(|load| (load, 0, 0));
        let statistics = describe(&table(&rows));
        for column in &statistics.columns[..2] {
            assert_eq!((column.count, column.missing), (5, 1));
            let Summary::Number(Some(numbers)) = &column.values else {
                panic!("{column:?}")
            };
            assert_eq!((numbers.mean, numbers.min, numbers.max), (4.8, 1.0, 10.0));
            assert!((numbers.std - 3.7013511046643494).abs() < 1e-14);
            for (ours, numpy) in numbers.quantiles.iter().zip([1.2, 2.0, 4.0, 7.0, 9.4]) {
                assert!((ours - numpy).abs() < 1e-14, "{ours} {numpy}");
            }
        }
    }

    #[test]
    fn very_large_and_very_small_numbers_have_a_spread_too() {
        for size in [1e300, 1e-300] {
            let statistics = describe(&table(&[(size, 0, 0), (3.0 * size, 0, 0)]));
            let Summary::Number(Some(numbers)) = &statistics.columns[0].values else {
                panic!("{statistics:?}")
            };
            let close = |one: f64, other: f64| (one / other - 1.0).abs() < 1e-12;
            assert!(close(numbers.mean, 2.0 * size), "{numbers:?}");
            assert!(
                close(numbers.std, std::f64::consts::SQRT_2 * size),
                "{numbers:?}"
            );
        }
    }

    #[test]
    fn statistics_read_as_json() {
        let rows = [
            (1.0, 2, 19_000),
            (f64::NAN, MISSING_CODE, MISSING_DAY),
            (1.0, 0, 18_999),
        ];
        let statistics = describe(&table(&rows));
        let json = serde_json::to_string(&statistics).unwrap();
        assert_eq!(
            serde_json::from_str::<TableStatistics>(&json).unwrap(),
            statistics
        );
        insta::assert_snapshot!(json.replace("},{", "},\n{"), @r#"
        {"rows":3,"columns":[{"name":"load","count":2,"missing":1,"number":{"mean":1.0,"std":0.0,"min":1.0,"max":1.0,"quantiles":[1.0,1.0,1.0,1.0,1.0]}},
        {"name":"heat","count":2,"missing":1,"number":{"mean":1.0,"std":0.0,"min":1.0,"max":1.0,"quantiles":[1.0,1.0,1.0,1.0,1.0]}},
        {"name":"mode","count":2,"missing":1,"category":[["idle",1],["busy",1]]},
        {"name":"day","count":2,"missing":1,"date":["2022-01-07","2022-01-08"]}]}
        "#);
    }

    #[test]
    fn a_table_without_values_has_statistics_too() {
        for rows in [vec![], vec![(f64::NAN, MISSING_CODE, MISSING_DAY)]] {
            let statistics = describe(&table(&rows));
            assert_eq!(statistics.columns[0].values, Summary::Number(None));
            assert_eq!(statistics.columns[2].values, Summary::Category(vec![]));
            assert_eq!(statistics.columns[3].values, Summary::Date(None));
            assert!(
                statistics
                    .columns
                    .iter()
                    .all(|c| c.missing == rows.len() && c.count == 0)
            );
        }
    }
}
