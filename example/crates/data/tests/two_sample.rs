//! Two-sample statistics against scipy's, on samples both sides can draw.
//! `scripts/oracles/two_sample.py` makes the golden file.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

use mlops_data::two_sample::{
    QUANTILE_BINS, benjamini_hochberg, chi_square, kolmogorov_sf, kolmogorov_smirnov, psi,
    psi_of_categories, psi_of_counts, unseen,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    pairs: Vec<Pair>,
    kolmogorov: Vec<(f64, f64, f64)>,
    chi_square: Vec<Counts>,
    rare_categories: Vec<RareCounts>,
    benjamini_hochberg: Adjusted,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    reference: Sample,
    current: Sample,
    ks_statistic: f64,
    ks_p_value: f64,
    psi: f64,
}

#[derive(Deserialize)]
struct Sample {
    seed: u64,
    count: usize,
    levels: u64,
    step: f64,
    shift: f64,
    missing: usize,
}

#[derive(Deserialize)]
struct Counts {
    reference: Vec<u64>,
    current: Vec<u64>,
    statistic: f64,
    degrees_of_freedom: usize,
    p_value: f64,
    psi: f64,
}

#[derive(Deserialize)]
struct RareCounts {
    #[serde(flatten)]
    counts: Counts,
    unseen_share: f64,
    unseen_expected: f64,
    unseen_p_value: f64,
}

#[derive(Deserialize)]
struct Adjusted {
    p_values: Vec<f64>,
    adjusted: Vec<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/two_sample.json")).unwrap()
}

/// The same numbers as `draw` in the script.
fn draw(sample: &Sample) -> Vec<f64> {
    let mut state = sample.seed;
    let known = (0..sample.count).map(|_| {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        ((state >> 8) % sample.levels) as f64 * sample.step + sample.shift
    });
    let known: Vec<f64> = known.collect();
    [known, vec![f64::NAN; sample.missing]].concat()
}

#[track_caller]
fn close(ours: f64, scipy: f64, relative: f64, what: &str) {
    let distance = (ours - scipy).abs();
    assert!(
        distance <= relative * scipy.abs() || distance < 1e-300,
        "{what}: {ours} against scipy's {scipy}"
    );
}

#[test]
fn kolmogorov_smirnov_and_psi_equal_scipys() {
    for pair in golden().pairs {
        let (reference, current) = (draw(&pair.reference), draw(&pair.current));
        let test = kolmogorov_smirnov(&reference, &current).unwrap();
        close(test.statistic, pair.ks_statistic, 1e-14, &pair.name);
        close(test.p_value, pair.ks_p_value, 1e-8, &pair.name);
        let psi = psi(&reference, &current, QUANTILE_BINS).unwrap();
        close(psi.value, pair.psi, 1e-10, &pair.name);
    }
}

#[test]
fn the_kolmogorov_distribution_equals_scipys() {
    for (n, x, expected) in golden().kolmogorov {
        close(
            kolmogorov_sf(n, x),
            expected,
            2e-7,
            &format!("n = {n}, x = {x}"),
        );
    }
}

#[test]
fn chi_square_equals_scipys() {
    for case in golden().chi_square {
        let name = format!("{:?}", case.reference);
        let test = chi_square(&case.reference, &case.current).unwrap();
        assert_eq!(test.degrees_of_freedom, case.degrees_of_freedom, "{name}");
        close(test.statistic, case.statistic, 1e-12, &name);
        close(test.p_value, case.p_value, 1e-9, &name);
        let psi = psi_of_counts(&case.reference, &case.current).unwrap();
        close(psi, case.psi, 1e-12, &name);
    }
}

/// Pooled as documented, then by scipy.
#[test]
fn rare_categories_are_pooled_until_every_expected_count_is_five() {
    for RareCounts {
        counts,
        unseen_share,
        unseen_expected,
        unseen_p_value,
    } in golden().rare_categories
    {
        let name = format!("{:?}", counts.reference);
        let test = chi_square(&counts.reference, &counts.current).unwrap();
        assert_eq!(test.degrees_of_freedom, counts.degrees_of_freedom, "{name}");
        let near = |ours: f64, scipy: f64| {
            assert!(
                (ours - scipy).abs() <= 1e-9 * scipy.abs().max(1e-3),
                "{name}: {ours} against scipy's {scipy}"
            );
        };
        near(test.statistic, counts.statistic);
        near(test.p_value, counts.p_value);
        near(
            psi_of_categories(&counts.reference, &counts.current, [0; 2]).unwrap(),
            counts.psi,
        );
        let new = unseen(&counts.reference, &counts.current).unwrap();
        near(new.share, unseen_share);
        near(new.expected, unseen_expected);
        near(new.p_value, unseen_p_value);
    }
}

#[test]
fn adjusted_p_values_equal_scipys() {
    let case = golden().benjamini_hochberg;
    for (ours, scipy) in benjamini_hochberg(&case.p_values)
        .iter()
        .zip(&case.adjusted)
    {
        close(*ours, *scipy, 1e-14, "p");
    }
}
