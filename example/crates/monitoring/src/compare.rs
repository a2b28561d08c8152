use std::borrow::Cow;
use std::collections::HashMap;

use mlops_data::{
    Table, Values,
    two_sample::{
        self, QUANTILE_BINS, benjamini_hochberg, chi_square, kolmogorov_smirnov, psi,
        psi_of_categories, two_proportions,
    },
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    ColumnDrift, DriftReport, Finding, Missing, MonitoringError, Result, Shape, Test, Unseen,
    season,
};

/// When a change counts as drift.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DriftOptions {
    /// Expected share of false ones among the changes found, over all columns
    /// and tests (Benjamini and Hochberg).
    pub alpha: f64,
    /// Population stability index from which a significant change of a
    /// distribution matters.
    pub psi: f64,
    /// Kolmogorov-Smirnov distance, 0 to 1, from which it matters as well.
    pub distance: f64,
    /// Change of the share of missing values, 0 to 1, from which it matters.
    pub missing: f64,
    /// Share of rows, 0 to 1, with words that the reference never had from which it matters,
    /// beyond the share that chance brings.
    pub unseen: f64,
    /// Quantile bins of the stability index.
    pub bins: usize,
    /// Rows that each table needs at least.
    pub least_rows: usize,
    /// Columns not to compare, beside those of dates.
    pub skip: Vec<String>,
    /// The date column, if there is one.
    pub time: Option<String>,
    /// With a time column: compare with the same season of the reference only.
    pub same_season: bool,
}

impl Default for DriftOptions {
    fn default() -> Self {
        DriftOptions {
            alpha: 0.05,
            psi: 0.1,
            distance: 0.1,
            missing: 0.05,
            unseen: 0.05,
            bins: QUANTILE_BINS,
            least_rows: 100,
            skip: Vec::new(),
            time: None,
            same_season: true,
        }
    }
}

impl DriftOptions {
    fn check(&self) -> Result<()> {
        let share = "give a number between 0 and 1";
        let complaints = [
            (
                self.alpha > 0.0 && self.alpha < 1.0,
                "alpha",
                self.alpha,
                share,
            ),
            (self.psi >= 0.0, "psi", self.psi, "give 0 or more"),
            (
                (0.0..=1.0).contains(&self.distance),
                "distance",
                self.distance,
                share,
            ),
            (
                (0.0..=1.0).contains(&self.missing),
                "missing",
                self.missing,
                share,
            ),
            (
                (0.0..=1.0).contains(&self.unseen),
                "unseen",
                self.unseen,
                share,
            ),
            (self.bins >= 2, "bins", self.bins as f64, "give at least 2"),
        ];
        match complaints.into_iter().find(|(holds, ..)| !holds) {
            None => Ok(()),
            Some((_, option, value, expected)) => Err(MonitoringError::Option {
                option,
                value: value.to_string(),
                expected,
            }),
        }
    }
}

/// Compares the columns of `current` with those of `reference`.
///
/// Numbers by the Kolmogorov-Smirnov test, categories by the chi-square test and by how many rows hold
/// a word that the reference never had, missing values by the test of two proportions; how far a distribution moved by the
/// population stability index. All p-values are adjusted together. Columns of dates and those named
/// in [`DriftOptions::skip`] are left out; a column that only one table has, or that holds numbers in one and
/// categories in the other, is drift by itself.
///
/// # Errors
/// If an option is out of its range, the time column has no dates, a table has too few rows, or
/// nothing is left to compare.
pub fn drift(reference: &Table, current: &Table, options: &DriftOptions) -> Result<DriftReport> {
    options.check()?;
    let season = options.time.as_ref().filter(|_| options.same_season);
    let compared = match season {
        Some(time) => Cow::Owned(season::same_season(reference, current, time)?),
        None => Cow::Borrowed(reference),
    };
    let least = options.least_rows.max(1);
    for (table, rows) in [("reference", reference.rows()), ("current", current.rows())] {
        if rows < least {
            return Err(MonitoringError::TooFewRows { table, rows, least });
        }
    }
    if compared.rows() < least {
        return Err(MonitoringError::OtherSeason {
            rows: compared.rows(),
            all: reference.rows(),
            least,
        });
    }
    let mut columns = compare(&compared, current, options)?;
    adjust(&mut columns);
    for column in &mut columns {
        judge(column, options);
    }
    Ok(DriftReport {
        reference_rows: compared.rows(),
        reference_rows_given: reference.rows(),
        current_rows: current.rows(),
        same_season: season.is_some(),
        options: options.clone(),
        columns,
    })
}

/// What is told apart: both widths of number are numbers.
#[derive(PartialEq)]
enum Kind {
    Number,
    Category,
    Date,
}

fn kind(values: &Values) -> Kind {
    match values {
        Values::Number(_) | Values::Single(_) => Kind::Number,
        Values::Category { .. } => Kind::Category,
        Values::Date(_) => Kind::Date,
    }
}

/// All columns, in the reference's order, then those it lacks.
fn compare(reference: &Table, current: &Table, options: &DriftOptions) -> Result<Vec<ColumnDrift>> {
    let skipped = |name: &str| options.skip.iter().any(|skip| skip == name);
    let known: Vec<ColumnDrift> = reference
        .columns()
        .par_iter()
        .filter(|column| !skipped(&column.name))
        .filter_map(|column| {
            let before = &column.values;
            let drift = match current.get(&column.name) {
                None => found(Finding::Vanished),
                Some(after) if kind(before) != kind(after) => found(Finding::Retyped),
                Some(_) if kind(before) == Kind::Date => return None,
                Some(after) => measure(before, after, options),
            };
            Some(ColumnDrift {
                column: column.name.clone(),
                ..drift
            })
        })
        .collect();
    if known.iter().all(|column| column.missing.is_none()) {
        return Err(MonitoringError::NothingShared);
    }
    let appeared = current
        .columns()
        .iter()
        .filter(|column| reference.get(&column.name).is_none() && !skipped(&column.name))
        .map(|column| ColumnDrift {
            column: column.name.clone(),
            ..found(Finding::Appeared)
        });
    Ok(known.into_iter().chain(appeared).collect())
}

fn found(finding: Finding) -> ColumnDrift {
    ColumnDrift {
        findings: vec![finding],
        ..ColumnDrift::default()
    }
}

/// The tests of one column, nothing adjusted or judged yet.
fn measure(before: &Values, after: &Values, options: &DriftOptions) -> ColumnDrift {
    let mut drift = match (before, after) {
        (
            Values::Category { codes, levels },
            Values::Category {
                codes: codes_now,
                levels: levels_now,
            },
        ) => categories((codes, levels), (codes_now, levels_now)),
        _ => numbers(&reals(before), &reals(after), options.bins),
    };
    drift.missing = missing(before, after);
    drift
}

fn reals(values: &Values) -> Cow<'_, [f64]> {
    match values {
        Values::Number(values) => Cow::Borrowed(values),
        Values::Single(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Values::Category { .. } | Values::Date(_) => Cow::Borrowed(&[]),
    }
}

fn numbers(before: &[f64], after: &[f64], bins: usize) -> ColumnDrift {
    let index = |before: &[f64], after: &[f64]| psi(before, after, bins).map(|psi| psi.value);
    let known = |values: &[f64]| -> Vec<f64> {
        let known = values.iter().copied().filter(|value| !value.is_nan());
        known.collect()
    };
    let test = kolmogorov_smirnov(before, after);
    let shape = test.zip(index(&known(before), &known(after)));
    let shape = shape.map(|(test, psi)| Shape {
        test: Test::KolmogorovSmirnov,
        statistic: test.statistic,
        p_value: test.p_value,
        adjusted_p_value: 1.0,
        psi,
    });
    ColumnDrift {
        psi: index(before, after),
        shape,
        ..ColumnDrift::default()
    }
}

fn categories(before: (&[u32], &[String]), after: (&[u32], &[String])) -> ColumnDrift {
    // The tables may number the same words differently.
    let mut places: HashMap<&str, usize> = before.1.iter().map(String::as_str).zip(0..).collect();
    let mut words = before.1.len();
    let places: Vec<usize> = after
        .1
        .iter()
        .map(|level| {
            *places.entry(level).or_insert_with(|| {
                words += 1;
                words - 1
            })
        })
        .collect();
    let same: Vec<usize> = (0..before.1.len()).collect();
    let (then, missing_then) = count(before.0, &same, words);
    let (now, missing_now) = count(after.0, &places, words);
    let shape = chi_square(&then, &now).zip(psi_of_categories(&then, &now, [0; 2]));
    let shape = shape.map(|(test, psi)| Shape {
        test: Test::ChiSquare,
        statistic: test.statistic,
        p_value: test.p_value,
        adjusted_p_value: 1.0,
        psi,
    });
    // Where no word is new and none was rare, there is nothing to test.
    let unseen = two_sample::unseen(&then, &now).filter(|new| new.share.max(new.expected) > 0.0);
    ColumnDrift {
        psi: psi_of_categories(&then, &now, [missing_then, missing_now]),
        shape,
        unseen: unseen.map(|new| Unseen {
            words: new.words,
            share: new.share,
            expected: new.expected,
            p_value: new.p_value,
            adjusted_p_value: 1.0,
        }),
        ..ColumnDrift::default()
    }
}

/// How often each word occurs, and how often none.
fn count(codes: &[u32], places: &[usize], words: usize) -> (Vec<u64>, u64) {
    let mut counts = vec![0; words];
    let mut missing = 0;
    for code in codes {
        match places.get(*code as usize) {
            Some(place) => counts[*place] += 1,
            None => missing += 1,
        }
    }
    (counts, missing)
}

fn missing(before: &Values, after: &Values) -> Option<Missing> {
    let share = |values: &Values| {
        let missing =
            (0..values.len()).filter(|row| values.cell(*row) == mlops_data::Cell::Missing);
        (missing.count() as u64, values.len() as u64)
    };
    let test = two_proportions(share(before), share(after))?;
    Some(Missing {
        reference: test.reference,
        current: test.current,
        p_value: test.p_value,
        adjusted_p_value: 1.0,
    })
}

/// Adjusts the p-values of all tests together. Where neither table misses anything, there
/// is no test: counting it would make the others look better.
fn adjust(columns: &mut [ColumnDrift]) {
    let mut tests: Vec<(f64, &mut f64)> = Vec::new();
    for column in columns {
        if let Some(shape) = &mut column.shape {
            tests.push((shape.p_value, &mut shape.adjusted_p_value));
        }
        if let Some(unseen) = &mut column.unseen {
            tests.push((unseen.p_value, &mut unseen.adjusted_p_value));
        }
        if let Some(missing) = column
            .missing
            .as_mut()
            .filter(|m| m.reference.max(m.current) > 0.0)
        {
            tests.push((missing.p_value, &mut missing.adjusted_p_value));
        }
    }
    let p_values: Vec<f64> = tests.iter().map(|(p, _)| *p).collect();
    for ((_, adjusted), p) in tests.into_iter().zip(benjamini_hochberg(&p_values)) {
        *adjusted = p;
    }
}

fn judge(column: &mut ColumnDrift, options: &DriftOptions) {
    if let Some(shape) = &column.shape {
        let far = shape.test == Test::KolmogorovSmirnov && shape.statistic >= options.distance;
        if shape.adjusted_p_value < options.alpha && (far || shape.psi >= options.psi) {
            column.findings.push(Finding::Distribution);
        }
    }
    if let Some(unseen) = &column.unseen
        && unseen.adjusted_p_value < options.alpha
        && unseen.share - unseen.expected >= options.unseen
    {
        column.findings.push(Finding::Unseen);
    }
    if let Some(missing) = &column.missing {
        let change = (missing.current - missing.reference).abs();
        if missing.adjusted_p_value < options.alpha && change >= options.missing {
            column.findings.push(Finding::Missing);
        }
    }
}
