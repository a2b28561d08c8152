//! The real file, if it is there.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::time::Instant;

use mlops_data::tables::{self, ReadOptions};
use mlops_data::{Contract, check};

const REAL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../../shared/data/weatherAUS.csv"
);
const CONTRACT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contract.yaml");

#[test]
fn the_projects_contract_makes_sense() {
    let contract = Contract::read(Path::new(CONTRACT)).unwrap();
    assert_eq!(contract.columns.len(), 23);
}

#[test]
fn the_real_file_passes_with_its_oddities_as_warnings() {
    let path = Path::new(REAL);
    if !path.exists() {
        eprintln!("SKIPPED, and so not tested: {REAL} is not there");
        return;
    }
    let contract = Contract::read(Path::new(CONTRACT)).unwrap();
    let start = Instant::now();
    let reading = tables::read(path, &contract, ReadOptions::default()).unwrap();
    let read = start.elapsed();
    let report = check(&reading.table, &contract);
    eprintln!("read in {read:?}, checked in {:?}", start.elapsed() - read);
    assert_eq!(reading.bytes, 14_094_055);
    assert!(reading.warnings.is_empty());
    assert!(report.passed(), "{report}");
    // Counts only: rows of the file itself don't belong into this repository.
    let findings: Vec<String> = report
        .findings
        .iter()
        .map(|finding| {
            let column = finding.column.as_deref().unwrap_or_default();
            let (count, evaluated) = (finding.count, finding.evaluated);
            format!(
                "{:?} {} {column} {count} of {evaluated}",
                finding.level, finding.rule
            )
        })
        .chain(
            report
                .rules
                .iter()
                .map(|asked| format!("asked {} on {}", asked.rule, asked.evaluated)),
        )
        .collect();
    insta::assert_snapshot!(findings.join("\n"), @r"
    Warning usual Rainfall 2 of 142199
    Warning missing Evaporation 62790 of 145460
    Warning usual Evaporation 96 of 82670
    Warning missing Sunshine 69835 of 145460
    Warning usual WindGustSpeed 3 of 135197
    Warning usual WindSpeed9am 1 of 143693
    Warning missing Cloud9am 55888 of 145460
    Warning usual Cloud9am 2 of 89572
    Warning missing Cloud3pm 59358 of 145460
    Warning usual Cloud3pm 1 of 86102
    Warning gaps  143 of 145411
    Warning temperatures-within-extremes  1248 of 140757
    Warning wind-not-above-gust  5 of 134603
    asked lowest-not-above-highest on 143579
    asked rain-today-is-rainfall on 142199
    asked rain-tomorrow-is-next-days-rain-today on 142017
    asked temperatures-within-extremes on 140757
    asked wind-not-above-gust on 134603
    ");
}
