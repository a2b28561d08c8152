//! What evaluation promises, on a table of machines that fail or do not.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use mlops_learning::evaluation::{
    BaselineInputs, Bootstrap, Evaluation, Metrics, TestRows, TrainTest, by_group, curves,
    evaluate, intervals, paired, scores,
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Machines watched for days: failures come in bad days, which the probabilities know half of.
struct Machines {
    failed: Vec<bool>,
    probabilities: Vec<f64>,
    worse: Vec<f64>,
    days: Vec<i32>,
    failed_today: Vec<Option<bool>>,
    machine_month: Vec<(usize, i32)>,
}

fn machines(days: i32, machines: usize, seed: u64) -> Machines {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut made = Machines {
        failed: Vec::new(),
        probabilities: Vec::new(),
        worse: Vec::new(),
        days: Vec::new(),
        failed_today: Vec::new(),
        machine_month: Vec::new(),
    };
    for day in 0..days {
        let badness = rng.random::<f64>();
        for machine in 0..machines {
            let risk = 0.6 * badness * badness + 0.2 * rng.random::<f64>();
            made.failed.push(rng.random::<f64>() < risk);
            made.probabilities.push(risk);
            made.worse.push((risk + 0.4 * rng.random::<f64>()).min(1.0));
            made.days.push(day);
            made.failed_today
                .push((machine % 7 != 0).then(|| rng.random::<f64>() < risk));
            made.machine_month.push((machine, day / 30));
        }
    }
    made
}

const ROUNDS: Bootstrap = Bootstrap {
    rounds: 200,
    block_days: 1,
    seed: 7,
};

fn evaluated(rows: &Machines) -> Evaluation {
    let test = TestRows {
        model: "boosting",
        classes: ["works", "fails"],
        labels: &rows.failed,
        probabilities: &rows.probabilities,
        days: &rows.days,
        threshold: 0.4,
    };
    let inputs = BaselineInputs {
        train_labels: &rows.failed,
        today: Some(TrainTest {
            train: &rows.failed_today,
            test: &rows.failed_today,
        }),
        entity_month: Some(TrainTest {
            train: &rows.machine_month,
            test: &rows.machine_month,
        }),
    };
    evaluate(&test, &inputs, ROUNDS).unwrap()
}

#[test]
fn any_number_of_threads_gives_the_same_report() {
    let rows = machines(60, 10, 1);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| serde_json::to_string_pretty(&evaluated(&rows)).unwrap())
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn intervals_of_days_are_wider_than_of_rows() {
    let rows = machines(80, 30, 2);
    let width = |days: &[i32]| {
        let (_, metrics) = intervals(&rows.failed, &rows.probabilities, days, 0.4, ROUNDS).unwrap();
        metrics.brier.high - metrics.brier.low
    };
    let each: Vec<i32> = (0..rows.failed.len() as i32).collect();
    assert!(width(&rows.days) > 1.3 * width(&each));
}

/// Days whose badness persists: half of a day's badness is the day before's, on the scale of the deviations.
fn persistent(days: i32, seed: u64) -> (Vec<bool>, Vec<f64>, Vec<i32>) {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut normal = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
    let mut badness = normal();
    let (mut failed, mut probabilities, mut of_row) = (Vec::new(), Vec::new(), Vec::new());
    for day in 0..days {
        badness = 0.6 * badness + 0.8 * normal();
        for _ in 0..10 {
            failed.push(normal() + 1.5 * badness > 0.0);
            probabilities.push(0.5);
            of_row.push(day);
        }
    }
    probabilities[0] = 0.6; // a ranking takes two
    (failed, probabilities, of_row)
}

#[test]
fn intervals_of_weeks_are_as_wide_as_persistent_days_make_the_score_vary() {
    // The score's real spread: that of many test periods of the same kind.
    let accuracy = |seed| {
        let (failed, probabilities, _) = persistent(364, seed);
        scores(&failed, &probabilities, 0.5)
            .unwrap()
            .metrics
            .accuracy
    };
    let values: Vec<f64> = (0..400).map(accuracy).collect();
    let mean = values.iter().sum::<f64>() / 400.0;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 399.0;
    let truth = 2.0 * 1.96 * variance.sqrt();
    let width = |block_days| {
        let widths = (0..20).map(|seed| {
            let (failed, probabilities, days) = persistent(364, 10_000 + seed);
            let bootstrap = Bootstrap {
                block_days,
                ..ROUNDS
            };
            let (_, found) = intervals(&failed, &probabilities, &days, 0.5, bootstrap).unwrap();
            found.accuracy.high - found.accuracy.low
        });
        widths.sum::<f64>() / 20.0 / truth
    };
    let (days, weeks) = (width(1), width(7));
    assert!(days < 0.65, "days alone: {days} of the true width");
    assert!(
        (0.8..1.05).contains(&weeks),
        "weeks: {weeks} of the true width"
    );
}

#[test]
fn blocks_begin_with_the_first_day_and_skip_what_has_no_rows() {
    let week = Bootstrap {
        block_days: 7,
        ..ROUNDS
    };
    // The 3rd to the 9th, the 10th to the 16th, and the week of the 100th.
    let blocks = week.blocks(&[10, 3, 9, 100, 16, 3]).unwrap();
    assert_eq!(blocks, [1, 0, 0, 2, 1, 0]);
    let extreme = week.blocks(&[i32::MIN, i32::MAX]).unwrap();
    assert_eq!(extreme, [0, 1]);
}

#[test]
fn intervals_cover_the_truth_about_as_often_as_they_say() {
    // The truth from a sample 500 times as large.
    let large = machines(20_000, 5, 3);
    let truth = scores(&large.failed, &large.probabilities, 0.4)
        .unwrap()
        .metrics;
    let (mut auc, mut brier) = (0, 0);
    for seed in 0..200 {
        let rows = machines(40, 5, 1000 + seed);
        let (_, found) =
            intervals(&rows.failed, &rows.probabilities, &rows.days, 0.4, ROUNDS).unwrap();
        auc += u32::from((found.roc_auc.low..=found.roc_auc.high).contains(&truth.roc_auc));
        brier += u32::from((found.brier.low..=found.brier.high).contains(&truth.brier));
    }
    // Percentile intervals of 40 clusters cover a little less than 95 %.
    assert!(
        (174..=199).contains(&auc) && (174..=199).contains(&brier),
        "{auc} and {brier} of 200"
    );
}

#[test]
fn a_clearly_better_model_wins_the_paired_comparison_and_an_equal_one_does_not() {
    let rows = machines(80, 30, 4);
    let compare = |a: &[f64], b: &[f64]| {
        paired(&rows.failed, (a, 0.4), (b, 0.4), &rows.days, ROUNDS).unwrap()
    };
    let better = compare(&rows.probabilities, &rows.worse).roc_auc;
    assert!(
        better.low > 0.0 && better.low < better.value && better.value < better.high,
        "{better:?}"
    );
    let same = compare(&rows.probabilities, &rows.probabilities).roc_auc;
    assert_eq!((same.low, same.value, same.high), (0.0, 0.0, 0.0));
    let (_, alone) = intervals(&rows.failed, &rows.probabilities, &rows.days, 0.4, ROUNDS).unwrap();
    assert!(
        better.high - better.low < alone.roc_auc.high - alone.roc_auc.low,
        "pairing takes the days' luck out"
    );
}

#[test]
fn bootstrap_of_a_large_test_set_is_quick() {
    let rows = machines(725, 49, 5);
    let weeks = Bootstrap {
        rounds: 2000,
        block_days: 7,
        seed: 7,
    };
    let start = std::time::Instant::now();
    intervals(&rows.failed, &rows.probabilities, &rows.days, 0.4, weeks).unwrap();
    let took = start.elapsed();
    println!("{} rows × 2000 rounds: {took:?}", rows.failed.len());
    // Room for a busy machine; sorting in each round would take many times as long.
    assert!(took.as_secs_f64() < 3.0, "{took:?}");
}

#[test]
fn the_report_reads_well() {
    insta::assert_snapshot!(evaluated(&machines(365, 12, 6)), @r#"
    4,380 rows of 365 days, 30.1 % "fails"
    in brackets: the middle 95 % of 200 draws of 365 blocks of 1 day

                       boosting                 commoner class        as today      usual rate
    ROC AUC            0.746 [0.727 0.766]               0.500           0.588           0.615
    PR AUC             0.54 [0.51 0.58]                   0.30            0.36            0.38
    Brier score        0.177 [0.169 0.185]               0.211           0.205           0.203
    Log loss           0.530 [0.511 0.547]               0.612           0.600           0.594
    Calibration error  0.016 [0.011 0.029]               0.000           0.000           0.003
    Accuracy           0.718 [0.698 0.737]               0.699           0.655           0.693
    Precision          0.530 [0.498 0.566]               0.000           0.416           0.461
    Recall             0.55 [0.50 0.61]                   0.00            0.36            0.12
    F1                 0.54 [0.50 0.58]                   0.00            0.39            0.18

    Rows are what came, columns what was predicted (from 0.4):
             works   fails
    works    2,419     641
    fails      596     724
    "#);
}

#[test]
fn the_json_reads_back_and_has_six_decimals() {
    let report = evaluated(&machines(30, 5, 8));
    let json = serde_json::to_string_pretty(&report).unwrap();
    let again: Evaluation = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string_pretty(&again).unwrap(), json);
    let head: String = json
        .lines()
        .take(20)
        .map(|line| format!("{line}\n"))
        .collect();
    insta::assert_snapshot!(head, @r#"
    {
      "rows": 150,
      "positives": 51,
      "days": 30,
      "blocks": 30,
      "classes": [
        "works",
        "fails"
      ],
      "bootstrap": {
        "rounds": 200,
        "block_days": 1,
        "seed": 7
      },
      "model": {
        "name": "boosting",
        "threshold": 0.4,
        "roc_auc": {
          "value": 0.819964,
          "low": 0.743407,
    "#);
}

#[test]
fn curves_in_files_are_small_and_keep_their_ends() {
    let rows = machines(725, 49, 9);
    let report = evaluated(&rows);
    for (name, csv) in report.csv() {
        assert!(
            csv.len() < 16_000 && csv.lines().count() > 5,
            "{name}: {} bytes",
            csv.len()
        );
    }
    let roc = &report.csv()[0].1;
    assert_eq!(roc.lines().nth(1), Some("inf,0,0"));
    assert!(roc.ends_with(",1,1\n"), "{roc}");
    // The area under the thinned curve is still the area.
    let area: f64 = report.model.curve.windows(2).fold(0.0, |area, p| {
        let width = p[1].false_positive_rate - p[0].false_positive_rate;
        area + width * (p[1].true_positive_rate + p[0].true_positive_rate) / 2.0
    });
    assert!((area - report.model.metrics.roc_auc.value).abs() < 1e-3);
}

#[test]
fn plots_are_drawn_for_every_part() {
    let report = evaluated(&machines(60, 10, 10));
    let importance: Vec<(String, f64)> = (0..30)
        .map(|i| (format!("sensor_{i}"), f64::from(i)))
        .collect();
    let plots = report.plots(&importance);
    let names: Vec<&str> = plots.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "roc.svg",
            "precision_recall.svg",
            "calibration.svg",
            "confusion.svg",
            "importance.svg"
        ]
    );
    for (name, svg) in &plots {
        assert!(
            svg.starts_with("<svg") && !svg.contains("no data") && svg.len() < 25_000,
            "{name}: {}",
            svg.len()
        );
        if let Ok(folder) = std::env::var("PLOTS_TO") {
            std::fs::write(std::path::Path::new(&folder).join(name), svg).unwrap();
        }
    }
    assert!(
        plots[4].1.contains("sensor_29") && !plots[4].1.contains("sensor_9<"),
        "the twenty largest"
    );
    assert_eq!(report.plots(&[]).len(), 4);
}

#[test]
fn a_bin_of_few_days_has_no_interval() {
    let rows = machines(60, 10, 10);
    let report = evaluated(&rows);
    let mut days = std::collections::BTreeMap::<u32, std::collections::BTreeSet<i32>>::new();
    for (probability, day) in rows.probabilities.iter().zip(&rows.days) {
        days.entry((probability * 10.0) as u32)
            .or_default()
            .insert(*day);
    }
    assert_eq!(days.len(), report.calibration.len());
    for (bin, days) in report.calibration.iter().zip(days.values()) {
        let around = bin.low <= bin.observed && bin.observed <= bin.high && bin.low < bin.high;
        assert_eq!(
            (around, bin.low.is_nan()),
            (days.len() >= 10, days.len() < 10),
            "{bin:?}"
        );
    }
    assert!(report.calibration.iter().any(|bin| bin.low.is_nan()));
}

#[test]
fn the_commoner_class_is_level_in_the_plot_of_precision() {
    let plots = evaluated(&machines(60, 10, 10)).plots(&[]);
    // Orange is the second series; after the sample in the legend comes its line.
    let line = plots[1]
        .1
        .lines()
        .filter(|line| line.contains("#d55e00"))
        .nth(1)
        .unwrap();
    let path = line.split(" d=\"").nth(1).unwrap();
    assert!(path.contains("l600 0\"") || path.contains("h600"), "{path}");
}

#[test]
fn persistence_decides_as_today() {
    let rows = machines(100, 10, 11);
    let report = evaluated(&rows);
    let persistence = report.baselines.persistence.unwrap();
    let called = persistence.confusion.true_positives + persistence.confusion.false_positives;
    let today = rows
        .failed_today
        .iter()
        .filter(|today| **today == Some(true))
        .count();
    assert_eq!(called, today as u64);
}

#[test]
fn errors_say_what_is_wrong_and_what_to_do() {
    let failed = [true, false, true];
    let error = |labels: &[bool], probabilities: &[f64], threshold| {
        scores(labels, probabilities, threshold)
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(error(&[], &[], 0.5), @"there are no rows to score: widen the test period");
    insta::assert_snapshot!(error(&failed, &[0.5], 0.5), @"3 labels but 1 probabilities: give one for each row");
    insta::assert_snapshot!(error(&failed, &[0.5, f64::NAN, 0.1], 0.5), @"row 2: the probability is NaN, not between 0 and 1");
    insta::assert_snapshot!(error(&failed, &[0.5, 0.1, 1.5], 0.5), @"row 3: the probability is 1.5, not between 0 and 1");
    insta::assert_snapshot!(error(&[true, true], &[0.5, 0.1], 0.5), @"all 2 rows are of the positive class: to score a ranking takes rows of both, so widen the test period");
    insta::assert_snapshot!(error(&failed, &[0.5; 3], 1.5), @"threshold is 1.5: give a probability between 0 and 1");
    let drawn = |days: &[i32], rounds| {
        let bootstrap = Bootstrap {
            rounds,
            block_days: 7,
            seed: 1,
        };
        intervals(&failed, &[0.5; 3], days, 0.5, bootstrap)
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(drawn(&[1, 20], 100), @"3 labels but 2 days: give one for each row");
    insta::assert_snapshot!(drawn(&[1, 1, 7], 100), @"all rows lie within one block of 7 days: an interval takes several to draw from, so widen the test period, or shorten evaluate.bootstrap_block_days");
    insta::assert_snapshot!(drawn(&[i32::MIN, 0, i32::MAX], 5), @"evaluate.bootstrap_rounds is 5: an interval takes 20 rounds or more");
}

#[test]
fn groups_are_scored_alone_and_one_class_is_told() {
    let failed = [true, false, true, true];
    let groups = by_group(&failed, &[0.9, 0.1, 0.4, 0.6], &["a", "a", "b", "b"], 0.5).unwrap();
    assert_eq!(groups["a"].as_ref().unwrap().metrics.roc_auc, 1.0);
    assert!(
        groups["b"]
            .as_ref()
            .unwrap_err()
            .to_string()
            .contains("positive class")
    );
}

#[test]
fn titles_stand_in_the_order_of_the_fields() {
    let json = serde_json::to_value(Metrics::<f64>::default()).unwrap();
    let keys: Vec<String> = json
        .as_object()
        .unwrap()
        .keys()
        .map(|key| key.replace('_', " "))
        .collect();
    let titles =
        Metrics::<f64>::TITLES.map(|title| title.trim_end_matches(" score").to_lowercase());
    assert_eq!(keys, titles);
}

prop_compose! {
    /// Rows of both classes with probabilities in steps, so that ties occur.
    fn rows()(steps in 2u32..60)(
        steps in Just(steps),
        drawn in prop::collection::vec((any::<bool>(), 0..=steps), 2..80)
    ) -> (Vec<bool>, Vec<f64>) {
        let mut labels: Vec<bool> = drawn.iter().map(|row| row.0).collect();
        (labels[0], labels[1]) = (true, false);
        (labels, drawn.iter().map(|row| f64::from(row.1) / f64::from(steps)).collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn auc_depends_on_the_order_alone((labels, probabilities) in rows()) {
        let squeezed: Vec<f64> = probabilities.iter().map(|p| 0.2 + 0.3 * p * p * p).collect();
        let (a, b) = (scores(&labels, &probabilities, 0.5).unwrap().metrics, scores(&labels, &squeezed, 0.5).unwrap().metrics);
        prop_assert_eq!((a.roc_auc, a.pr_auc), (b.roc_auc, b.pr_auc));
    }

    #[test]
    fn auc_of_the_opposite_is_the_rest((labels, probabilities) in rows()) {
        let opposite: Vec<f64> = probabilities.iter().map(|p| 1.0 - p).collect();
        let both = scores(&labels, &probabilities, 0.5).unwrap().metrics.roc_auc
            + scores(&labels, &opposite, 0.5).unwrap().metrics.roc_auc;
        prop_assert!((both - 1.0).abs() < 1e-12);
    }

    #[test]
    fn auc_is_the_share_of_pairs_in_order((labels, probabilities) in rows()) {
        let of = |class: bool| labels.iter().zip(&probabilities).filter(move |(l, _)| **l == class).map(|(_, p)| *p);
        let (mut won, mut pairs) = (0.0, 0.0);
        for positive in of(true) {
            for negative in of(false) {
                won += if positive > negative { 1.0 } else if positive == negative { 0.5 } else { 0.0 };
                pairs += 1.0;
            }
        }
        prop_assert!((scores(&labels, &probabilities, 0.5).unwrap().metrics.roc_auc - won / pairs).abs() < 1e-12);
    }

    #[test]
    fn scores_stay_within_their_bounds((labels, probabilities) in rows(), threshold in 0.0..=1.0f64) {
        let scores = scores(&labels, &probabilities, threshold).unwrap();
        let m = scores.metrics;
        for value in [m.roc_auc, m.pr_auc, m.brier, m.calibration_error, m.accuracy, m.precision, m.recall, m.f1] {
            prop_assert!((0.0..=1.0 + 1e-12).contains(&value), "{:?}", m);
        }
        prop_assert!(m.log_loss >= 0.0 && m.log_loss < 37.0);
        prop_assert_eq!(scores.confusion.rows(), labels.len() as u64);
        let share = probabilities.len() as f64;
        let constant = vec![scores.confusion.positives() as f64 / share; labels.len()];
        let brier = mlops_learning::evaluation::scores(&labels, &constant, 0.5).unwrap().metrics.brier;
        prop_assert!(brier <= 0.25 + 1e-12, "a constant at the base rate never costs more than a quarter");
    }

    #[test]
    fn order_of_rows_changes_no_ranking_score((labels, probabilities) in rows(), turn in 0usize..80) {
        let turn = turn % labels.len();
        let (mut l, mut p) = (labels.clone(), probabilities.clone());
        l.rotate_left(turn);
        p.rotate_left(turn);
        let (a, b) = (scores(&labels, &probabilities, 0.5).unwrap(), scores(&l, &p, 0.5).unwrap());
        prop_assert_eq!(a.confusion, b.confusion);
        prop_assert_eq!((a.metrics.roc_auc, a.metrics.pr_auc), (b.metrics.roc_auc, b.metrics.pr_auc));
    }

    #[test]
    fn thinning_keeps_both_ends_and_the_limit((labels, probabilities) in rows(), limit in 2usize..50) {
        let points = curves::operating_points(&labels, &probabilities).unwrap();
        let thinned = curves::thin(&points, limit);
        prop_assert!(thinned.len() <= limit + 3);
        prop_assert_eq!(thinned.first(), points.first());
        prop_assert_eq!(thinned.last(), points.last());
    }
}
