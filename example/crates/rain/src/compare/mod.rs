//! Two tables of weather side by side: is the generated one like the real one?

mod plots;
mod statistics;

use std::fmt;

use mlops_data::Table;
use serde::Serialize;

pub use statistics::{Neighbours, RainMonth, Spells, Statistics, VariableStatistics};

/// Two tables' statistics.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Of the first table.
    pub real: Statistics,
    /// Of the second.
    pub generated: Statistics,
}

/// The tables have nothing that could be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// A column of *Rain in Australia* is missing.
    #[error("the {which} table has no column {column:?}, which the comparison needs")]
    Column {
        /// Which of the two.
        which: &'static str,
        /// The column.
        column: String,
    },
    /// No station is in both.
    #[error("the two tables have no station in common")]
    Stations,
}

/// Compares two tables over the stations that are in both.
///
/// # Errors
/// If a table lacks a column, or they share no station.
pub fn compare(real: &Table, generated: &Table) -> Result<Comparison, CompareError> {
    let lacks = |which| move |column| CompareError::Column { which, column };
    let ours = statistics::stations_of(generated).map_err(lacks("generated"))?;
    let theirs = statistics::stations_of(real).map_err(lacks("real"))?;
    if !theirs.iter().any(|name| ours.contains(name)) {
        return Err(CompareError::Stations);
    }
    let both = |name: &str| ours.iter().any(|n| n == name) && theirs.iter().any(|n| n == name);
    let (one, other) = rayon::join(
        || Statistics::of(real, &both),
        || Statistics::of(generated, &both),
    );
    Ok(Comparison {
        real: one.map_err(lacks("real"))?,
        generated: other.map_err(lacks("generated"))?,
    })
}

/// Two correlations that differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// The variables.
    pub between: [&'static str; 2],
    /// In the first table.
    pub real: f64,
    /// In the second.
    pub generated: f64,
}

impl Comparison {
    /// All pairs of variables, those whose correlations differ most first.
    pub fn correlations(&self) -> Vec<Difference> {
        let names = &self.real.names;
        let mut all: Vec<Difference> = (0..names.len())
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| Difference {
                between: [names[j], names[i]],
                real: self.real.correlations[i][j],
                generated: self.generated.correlations[i][j],
            })
            .collect();
        let size = |d: &Difference| (d.generated - d.real).abs();
        all.sort_by(|a, b| size(b).total_cmp(&size(a)));
        all
    }

    /// Mean absolute difference of all correlations.
    pub fn correlation_error(&self) -> f64 {
        let all = self.correlations();
        all.iter()
            .map(|d| (d.generated - d.real).abs())
            .sum::<f64>()
            / all.len() as f64
    }
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (real, generated) = (&self.real, &self.generated);
        writeln!(
            f,
            "{} stations in both, weighed alike; {} real rows, {} generated\n",
            real.stations, real.rows, generated.rows
        )?;
        writeln!(f, "Rain       wet days %      mean mm    95th perc. mm")?;
        writeln!(f, "          real   gen.    real   gen.    real   gen.")?;
        for ((month, r), g) in MONTHS.iter().zip(&real.rain).zip(&generated.rain) {
            writeln!(
                f,
                "{month}      {:8.1}{:7.1}{:8.2}{:7.2}{:8.1}{:7.1}",
                100.0 * r.wet,
                100.0 * g.wet,
                r.mean,
                g.mean,
                r.p95,
                g.p95
            )?;
        }
        writeln!(
            f,
            "\n                       mean       std. deviation  day-to-day corr.     missing %"
        )?;
        writeln!(
            f,
            "                 real     gen.     real   gen.     real   gen.     real   gen."
        )?;
        for (r, g) in real.variables.iter().zip(&generated.variables) {
            writeln!(
                f,
                "{:<13}{:9.2}{:9.2}{:9.2}{:7.2}{:9.3}{:7.3}{:9.1}{:7.1}",
                r.name,
                r.mean,
                g.mean,
                r.deviation,
                g.deviation,
                r.lag1,
                g.lag1,
                100.0 * r.missing,
                100.0 * g.missing
            )?;
        }
        let (r, g) = (&real.spells, &generated.spells);
        writeln!(f, "\nWet spells                    real   gen.")?;
        for (what, r, g) in [
            ("mean length, days", r.mean, g.mean),
            ("of 3 days or more, %", 100.0 * r.three, 100.0 * g.three),
            ("of 7 days or more, %", 100.0 * r.seven, 100.0 * g.seven),
            (
                "wet after a wet day, %",
                100.0 * r.wet_after_wet,
                100.0 * g.wet_after_wet,
            ),
            (
                "wet after a dry day, %",
                100.0 * r.wet_after_dry,
                100.0 * g.wet_after_dry,
            ),
        ] {
            writeln!(f, "{what:<26}{r:8.2}{g:7.2}")?;
        }
        writeln!(
            f,
            "\nWet on the same day           real   gen.   (correlation of two stations)"
        )?;
        for (r, g) in real.neighbours.iter().zip(&generated.neighbours) {
            let ring = format!("{:.0} to {:.0} km apart", r.from, r.to);
            writeln!(f, "{ring:<26}{:8.2}{:7.2}", r.correlation, g.correlation)?;
        }
        writeln!(
            f,
            "\nCorrelations between variables differ by {:.3} on average, most of all:",
            self.correlation_error()
        )?;
        for d in self.correlations().iter().take(6) {
            let pair = d.between.join(" and ");
            writeln!(f, "{pair:<30}{:7.2}{:7.2}", d.real, d.generated)?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use super::*;
    use crate::climate;
    use crate::generator::{Options, table};

    /// The real file, if it lies beside the checkout.
    pub(crate) fn real() -> Option<Table> {
        let here = env!("CARGO_MANIFEST_DIR");
        let path = format!("{here}/../../../../shared/data/weatherAUS.csv");
        if !Path::new(&path).exists() {
            eprintln!(
                "SKIPPED: {path} is not there, so nothing was compared with the real weather"
            );
            return None;
        }
        let contract =
            mlops_data::Contract::read(Path::new(&format!("{here}/../../contract.yaml")));
        let options = mlops_data::tables::ReadOptions::default();
        let reading = mlops_data::tables::read(Path::new(&path), &contract.unwrap(), options);
        Some(reading.unwrap().table)
    }

    fn generated(seed: u64) -> Table {
        table(
            climate::embedded().unwrap(),
            Options::new(2969, 49, seed).unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn generated_weather_is_like_the_real() {
        let Some(real) = real() else { return };
        let comparison = compare(&real, &generated(1)).unwrap();
        let mut far = Vec::new();
        let mut close = |what: &str, one: f64, other: f64, tolerance: f64| {
            let off = (one - other).abs();
            if off.is_nan() || off > tolerance {
                far.push(format!(
                    "{what}: {one:.4} and {other:.4}, more than {tolerance:.4} apart"
                ));
            }
        };
        let (r, g) = (&comparison.real, &comparison.generated);
        assert_eq!((r.stations, g.stations), (49, 49));
        for (month, (r, g)) in r.rain.iter().zip(&g.rain).enumerate() {
            close(&format!("wet share, month {month}"), r.wet, g.wet, 0.035);
            close(
                &format!("rain, month {month}"),
                r.mean,
                g.mean,
                0.3 * r.mean,
            );
            close(
                &format!("95th percentile, month {month}"),
                r.p95,
                g.p95,
                4.0,
            );
        }
        for (r, g) in r.variables.iter().zip(&g.variables) {
            close(
                &format!("{}: mean", r.name),
                r.mean,
                g.mean,
                0.06 * r.deviation,
            );
            close(
                &format!("{}: deviation", r.name),
                r.deviation,
                g.deviation,
                0.11 * r.deviation,
            );
            close(&format!("{}: day to day", r.name), r.lag1, g.lag1, 0.07);
            close(&format!("{}: missing", r.name), r.missing, g.missing, 0.02);
            for month in 0..12 {
                let (one, other) = (r.months[month], g.months[month]);
                close(
                    &format!("{}: mean of month {month}", r.name),
                    one,
                    other,
                    0.2 * r.deviation,
                );
                let (one, other) = (r.month_deviations[month], g.month_deviations[month]);
                let tolerance = if r.name == "Rainfall" { 0.3 } else { 0.16 };
                close(
                    &format!("{}: deviation of month {month}", r.name),
                    one,
                    other,
                    tolerance * one,
                );
            }
        }
        close("wet spells", r.spells.mean, g.spells.mean, 0.1);
        close("spells of 3 days", r.spells.three, g.spells.three, 0.03);
        close("spells of 7 days", r.spells.seven, g.spells.seven, 0.006);
        close(
            "wet after wet",
            r.spells.wet_after_wet,
            g.spells.wet_after_wet,
            0.025,
        );
        close(
            "wet after dry",
            r.spells.wet_after_dry,
            g.spells.wet_after_dry,
            0.015,
        );
        for (r, g) in r.neighbours.iter().zip(&g.neighbours) {
            close(
                &format!("to {} km", r.to),
                r.correlation,
                g.correlation,
                0.1,
            );
        }
        close("correlations", 0.0, comparison.correlation_error(), 0.035);
        let worst = &comparison.correlations()[0];
        close("worst correlation", worst.real, worst.generated, 0.16);
        assert!(far.is_empty(), "{far:#?}\n{comparison}");
    }

    #[test]
    fn a_changed_climate_is_seen() {
        let mut climate = climate::embedded().unwrap().clone();
        for rain in climate
            .places
            .iter_mut()
            .filter_map(|place| place.rain.as_mut())
            .flatten()
        {
            rain.none *= 0.8;
        }
        let options = Options::new(1000, 10, 1).unwrap();
        let wetter = table(&climate, options).unwrap();
        let comparison = compare(
            &table(climate::embedded().unwrap(), options).unwrap(),
            &wetter,
        )
        .unwrap();
        for (before, after) in comparison.real.rain.iter().zip(&comparison.generated.rain) {
            assert!(after.wet > before.wet + 0.03, "{comparison}");
        }
    }

    #[test]
    fn a_table_is_like_itself() {
        let table = table(
            climate::embedded().unwrap(),
            Options::new(500, 5, 1).unwrap(),
        )
        .unwrap();
        let comparison = compare(&table, &table).unwrap();
        assert_eq!(comparison.correlation_error(), 0.0);
        assert_eq!(comparison.real.spells, comparison.generated.spells);
    }

    #[test]
    fn the_plots_draw_twelve_months_of_both_tables() {
        let [one, other] = [1, 2].map(|seed| {
            let options = Options::new(800, 5, seed).unwrap();
            table(climate::embedded().unwrap(), options).unwrap()
        });
        for ((name, svg), lines) in compare(&one, &other).unwrap().plots().iter().zip([2, 4]) {
            assert_eq!(svg.matches("<circle").count(), lines * 12, "{name}");
            assert!(svg.contains(">generated"), "{name}: {svg}");
        }
        let swapped = compare(&other, &one).unwrap().plots();
        assert_ne!(compare(&one, &other).unwrap().plots(), swapped);
    }

    #[test]
    fn tables_without_a_common_station_are_refused() {
        let climate = climate::embedded().unwrap();
        let mut elsewhere = climate.clone();
        elsewhere.places.reverse();
        let options = Options::new(10, 2, 1).unwrap();
        let error = compare(
            &table(climate, options).unwrap(),
            &table(&elsewhere, options).unwrap(),
        );
        assert_eq!(error, Err(CompareError::Stations));
        let error = compare(&Table::default(), &Table::default()).unwrap_err();
        let text = "the generated table has no column \"Location\", which the comparison needs";
        assert_eq!(error.to_string(), text);
    }
}
