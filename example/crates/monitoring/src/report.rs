use std::fmt::{self, Display, Formatter};

use mlops_plot::{Bar, Bars, short_number};
use serde::{Deserialize, Serialize};

use crate::DriftOptions;

/// What [`drift`](crate::drift) found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftReport {
    /// Reference rows compared: those of the same season, if so chosen.
    pub reference_rows: usize,
    /// All rows of the reference.
    pub reference_rows_given: usize,
    /// Rows of the current table.
    pub current_rows: usize,
    /// Whether only the same season was compared.
    pub same_season: bool,
    /// What counted as drift.
    pub options: DriftOptions,
    /// Each column compared, in the order of the reference, then new ones.
    pub columns: Vec<ColumnDrift>,
}

/// One column, then and now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnDrift {
    /// Its name.
    pub column: String,
    /// What is wrong with it; nothing if empty.
    pub findings: Vec<Finding>,
    /// Population stability index, missing values as a bin of their own; `None` if it isn't in both
    /// tables.
    pub psi: Option<f64>,
    /// How its known values changed; `None` without any in both tables.
    pub shape: Option<Shape>,
    /// How many rows hold a word that the reference never had; `None` unless there are some, or
    /// chance would bring some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<Unseen>,
    /// How its missing values changed; `None` if it isn't in both tables.
    pub missing: Option<Missing>,
}

/// A reason to look at a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Its values are distributed otherwise.
    Distribution,
    /// Too many rows hold a word that the reference never had.
    Unseen,
    /// Another share of it is missing.
    Missing,
    /// The current table lacks it.
    Vanished,
    /// The reference lacks it.
    Appeared,
    /// It changed from numbers to categories or dates, or back.
    Retyped,
}

/// A column's known values, then and now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// The test used.
    pub test: Test,
    /// Its statistic: *D* or χ².
    pub statistic: f64,
    /// Chance of such a statistic if nothing changed.
    pub p_value: f64,
    /// The same, adjusted for the number of tests.
    pub adjusted_p_value: f64,
    /// Population stability index of the known values alone.
    pub psi: f64,
}

/// A two-sample test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// For numbers.
    KolmogorovSmirnov,
    /// For categories.
    ChiSquare,
}

/// Rows with a word that the reference never had.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Unseen {
    /// How many different words are new.
    pub words: usize,
    /// Their share of the current rows, 0 to 1.
    pub share: f64,
    /// The share to expect if nothing changed.
    pub expected: f64,
    /// Chance of such a share if nothing changed.
    pub p_value: f64,
    /// The same, adjusted for the number of tests.
    pub adjusted_p_value: f64,
}

/// A column's missing values, then and now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Missing {
    /// Share in the reference, 0 to 1.
    pub reference: f64,
    /// Share in the current table.
    pub current: f64,
    /// Chance of such a difference if nothing changed.
    pub p_value: f64,
    /// The same, adjusted for the number of tests.
    pub adjusted_p_value: f64,
}

/// By custom, an index from which a distribution has changed much.
const MUCH: f64 = 0.25;

impl ColumnDrift {
    /// Whether anything was found.
    pub fn drifted(&self) -> bool {
        !self.findings.is_empty()
    }
}

impl DriftReport {
    /// Whether any column drifted.
    pub fn drifted(&self) -> bool {
        self.columns.iter().any(ColumnDrift::drifted)
    }

    /// Drifted columns first, the farthest moved first among each.
    fn by_urgency(&self) -> Vec<&ColumnDrift> {
        let psi = |column: &ColumnDrift| column.psi.unwrap_or(0.0);
        let mut columns: Vec<&ColumnDrift> = self.columns.iter().collect();
        columns.sort_by(|a, b| {
            let drifted = b.drifted().cmp(&a.drifted());
            drifted.then(psi(b).total_cmp(&psi(a)))
        });
        columns
    }

    /// The stability index of each column as bars, drifted ones marked.
    pub fn svg(&self) -> String {
        let bars = self.by_urgency().into_iter().map(|column| {
            let bar = Bar::new(&column.column, column.psi.unwrap_or(f64::NAN));
            if column.drifted() {
                bar.highlight()
            } else {
                bar
            }
        });
        let chart = Bars::new(
            self.headline(),
            "Population stability index, missing values as a bin",
        )
        .bars(bars)
        .threshold("some", self.options.psi);
        if MUCH > self.options.psi {
            chart.threshold("much", MUCH).svg()
        } else {
            chart.svg()
        }
    }

    fn headline(&self) -> String {
        let drifted = self.columns.iter().filter(|column| column.drifted());
        match drifted.count() {
            0 => format!("None of {} columns drifted", self.columns.len()),
            count => format!("{count} of {} columns drifted", self.columns.len()),
        }
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Finding::Distribution => "other distribution",
            Finding::Unseen => "new words",
            Finding::Missing => "other share missing",
            Finding::Vanished => "column vanished",
            Finding::Appeared => "column appeared",
            Finding::Retyped => "other type",
        })
    }
}

/// For people: a headline and a table, the most urgent column first.
impl Display for DriftReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let season = if self.same_season {
            " of the same season"
        } else {
            ""
        };
        writeln!(
            f,
            "{}: {} rows against {} reference rows{season}.",
            self.headline(),
            self.current_rows,
            self.reference_rows
        )?;
        let names = self
            .columns
            .iter()
            .map(|column| column.column.chars().count());
        let width = names.max().unwrap_or(0).max("column".len());
        writeln!(
            f,
            "\n{:width$}  {:>14}  {:>8}  {:>6}  {:>15}  finding",
            "column", "test", "p", "PSI", "missing"
        )?;
        for column in self.by_urgency() {
            let findings: Vec<String> = column
                .findings
                .iter()
                .map(|f| describe(*f, column))
                .collect();
            let line = format!(
                "{:width$}  {}  {}  {}",
                column.column,
                shape(column.shape),
                missing(column.missing),
                findings.join(", ")
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        write!(
            f,
            "\nA column drifts if p (adjusted for {} tests together) is below {} and the change is large enough:\nPSI from {}, D from {}, missing by {} or more{}.",
            self.tests(),
            self.options.alpha,
            self.options.psi,
            self.options.distance,
            percent(self.options.missing),
            match self.columns.iter().any(|column| column.unseen.is_some()) {
                true => format!(
                    ", new words in {} of the rows more than expected",
                    percent(self.options.unseen)
                ),
                false => String::new(),
            }
        )
    }
}

impl DriftReport {
    fn tests(&self) -> usize {
        let shapes = self.columns.iter().filter(|column| column.shape.is_some());
        let tested = |missing: Missing| missing.reference.max(missing.current) > 0.0;
        let missing = self
            .columns
            .iter()
            .filter(|column| column.missing.is_some_and(tested));
        let unseen = self.columns.iter().filter(|column| column.unseen.is_some());
        shapes.count() + unseen.count() + missing.count()
    }
}

/// A finding with its numbers, where the table has no column for them.
fn describe(finding: Finding, column: &ColumnDrift) -> String {
    match (finding, column.unseen) {
        (Finding::Unseen, Some(unseen)) => format!(
            "new words ({} in {} of the rows, expected {})",
            unseen.words,
            percent(unseen.share),
            percent(unseen.expected)
        ),
        _ => finding.to_string(),
    }
}

fn shape(shape: Option<Shape>) -> String {
    let Some(shape) = shape else {
        return format!("{:>14}  {:>8}  {:>6}", "–", "–", "–");
    };
    let name = match shape.test {
        Test::KolmogorovSmirnov => "D",
        Test::ChiSquare => "chi²",
    };
    let statistic = format!("{name} {}", short_number(shape.statistic));
    let p = if shape.adjusted_p_value < 1e-4 {
        "< 0.0001".to_string()
    } else {
        format!("{:.4}", shape.adjusted_p_value)
    };
    format!("{statistic:>14}  {p:>8}  {:>6.3}", shape.psi)
}

fn missing(missing: Option<Missing>) -> String {
    let some = missing.filter(|missing| missing.reference.max(missing.current) > 0.0);
    let text = some.map_or("–".into(), |missing| {
        format!(
            "{} → {}",
            percent(missing.reference),
            percent(missing.current)
        )
    });
    format!("{text:>15}")
}

fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}
