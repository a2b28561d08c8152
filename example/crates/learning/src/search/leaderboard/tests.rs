//! What the leaderboard says of trials, for people and for programs.

use super::super::{EarlyStop, Sampler};
use super::*;

fn board() -> Leaderboard {
    let space = serde_json::json!({"model.boosting.depth": {"from": 3, "to": 9}, "features.without": [[], ["near", "far"]]});
    let search = Search {
        space: Space::declared(space.as_object().unwrap()).unwrap(),
        sampler: Sampler::Random,
        stop: EarlyStop::Median,
        score: Score::LogLoss,
        folds: 2,
        at_once: 4,
        seed: 1,
    };
    let trial = |trial, depth: i64, without: &[&str], scores: &[f64], outcome| Trial {
        trial,
        values: serde_json::json!({"model.boosting.depth": depth, "features.without": without})
            .as_object()
            .unwrap()
            .clone(),
        scores: scores.to_vec(),
        outcome,
        seconds: 1.0,
    };
    let baseline = Trial {
        trial: 0,
        values: Point::new(),
        scores: vec![0.34, 0.38],
        outcome: Outcome::Complete,
        seconds: 0.0,
    };
    let in_params = serde_json::json!({"model.boosting.depth": 5, "features.without": []});
    let in_params = in_params.as_object().unwrap().clone();
    let trials = [
        trial(1, 3, &[], &[0.35, 0.39], Outcome::Complete),
        trial(2, 5, &[], &[0.45], Outcome::Stopped),
        trial(3, 6, &["near", "far"], &[0.32, 0.37], Outcome::Complete),
        trial(4, 9, &[], &[], Outcome::Failed("no solution".into())),
    ];
    Leaderboard::new(&search, Some(baseline), in_params, &trials)
}

#[test]
fn people_see_the_best_first_and_what_to_do_with_it() {
    insta::assert_snapshot!(board(), @r"
    log loss over 2 folds, mean ± deviation; lower is better

    rank  trial  log loss                      boosting.depth  features.without
    1     3      0.3450 ± 0.0354               6               [near, far]
    2     1      0.3700 ± 0.0283               3               []
    3     2      0.4500 ± 0.0000 after 1 of 2  5               []
    4     4      failed: no solution           9               []
    –     0      0.3600 ± 0.0283               as in params.yaml

    4 trials, of which 1 given up early and 1 without a model
    best against params.yaml, fold by fold: +0.0150 ± 0.0050 (mean ± standard error; above 0 is better)
    keep params.yaml: the gain of the best trial is within the noise, up to 0.0316 for 2 folds
    (the best trial: --set model.boosting.depth=6 --set 'features.without=[near, far]')
    ");
}

#[test]
fn programs_get_every_trial_and_fold() {
    insta::assert_snapshot!(board().csv(), @r#"
    rank,trial,outcome,mean,deviation,model.boosting.depth,features.without,fold_1,fold_2
    1,3,complete,0.345000,0.035355,6,"[near, far]",0.320000,0.370000
    2,1,complete,0.370000,0.028284,3,[],0.350000,0.390000
    3,2,stopped,0.450000,0.000000,5,[],0.450000,
    4,4,failed,,,9,[],,
    ,0,complete,0.360000,0.028284,5,[],0.340000,0.380000
    "#);
    let json = serde_json::to_value(board()).unwrap();
    assert_eq!(json["trials"][0]["trial"], 3);
    assert_eq!(
        json["gain"],
        serde_json::json!({"mean": 0.015, "standard_error": 0.005, "noise": 0.03157})
    );
    assert_eq!(json["recommended"], false);
}

/// A search over a range and a list, whose trials have these depths and scores of the folds.
fn searched(params: &[f64], trials: &[(i64, &[f64])]) -> Leaderboard {
    let space = serde_json::json!({
        "model.boosting.depth": {"from": 3, "to": 9},
        "model.boosting.l2": {"from": 1.0, "to": 100.0, "scale": "log"},
        "model.boosting.trees": [20, 40, 80],
    });
    let search = Search {
        space: Space::declared(space.as_object().unwrap()).unwrap(),
        sampler: Sampler::Random,
        stop: EarlyStop::None,
        score: Score::LogLoss,
        folds: params.len(),
        at_once: 4,
        seed: 1,
    };
    let trial = |number: usize, depth: i64, scores: &[f64]| {
        Trial {
        trial: number,
        values: serde_json::json!({"model.boosting.depth": depth, "model.boosting.l2": 99.5, "model.boosting.trees": 40})
            .as_object()
            .unwrap()
            .clone(),
        scores: scores.to_vec(),
        outcome: Outcome::Complete,
        seconds: 1.0,
    }
    };
    let tried: Vec<Trial> = (1..)
        .zip(trials)
        .map(|(number, (depth, scores))| trial(number, *depth, scores))
        .collect();
    let baseline = Trial {
        values: Point::new(),
        ..trial(0, 0, params)
    };
    Leaderboard::new(&search, Some(baseline), Point::new(), &tried)
}

fn advised(board: &Leaderboard) -> String {
    board.to_string().lines().last().unwrap().to_owned()
}

#[test]
fn params_are_kept_unless_the_best_trial_is_better_beyond_noise() {
    let params = [0.30, 0.32, 0.34, 0.36];
    let worse = searched(&params, &[(5, &[0.31, 0.33, 0.35, 0.37])]);
    assert_eq!(worse.recommended, Some(false));
    assert_eq!(advised(&worse), "keep params.yaml: no trial was better");
    // The mean gain is 0.01 in both; in the second the folds disagree about it.
    let better = searched(&params, &[(5, &[0.29, 0.311, 0.329, 0.35])]);
    assert_eq!(better.recommended, Some(true));
    insta::assert_snapshot!(advised(&better), @"the best trial is better beyond the noise; to use its values: --set model.boosting.depth=5 --set model.boosting.l2=99.5 --set model.boosting.trees=40");
    let lucky = searched(&params, &[(5, &[0.26, 0.33, 0.34, 0.35])]);
    assert!((lucky.gain.unwrap().mean - 0.01).abs() < 1e-9);
    assert_eq!(lucky.recommended, Some(false));
    let once = searched(&[0.3], &[(5, &[0.2])]);
    assert_eq!(once.recommended, Some(false), "{once}");
    assert!(advised(&once).starts_with("keep params.yaml: one fold"));
    let nothing = searched(&params, &[]);
    assert_eq!(nothing.recommended, Some(false));
    assert!(advised(&nothing).starts_with("keep params.yaml"));
}

#[test]
fn students_limit_is_that_of_the_tables() {
    assert_eq!(student(1), None);
    assert_eq!(student(2), Some(6.314));
    assert_eq!(student(4), Some(2.353));
    assert_eq!(student(11), Some(1.812));
    assert_eq!(student(500), Some(1.812));
}

#[test]
fn a_best_trial_at_the_edge_of_the_search_is_told() {
    let edges = |depth| {
        let board = searched(&[0.3, 0.3], &[(depth, &[0.2, 0.2])]);
        board.at_edge.keys().cloned().collect::<Vec<_>>()
    };
    // 99.5 is next to the end of its range on the logarithmic scale; 40 is between 20 and 80.
    assert_eq!(edges(5), ["model.boosting.l2"]);
    assert_eq!(edges(3), ["model.boosting.depth", "model.boosting.l2"]);
    assert_eq!(edges(9), ["model.boosting.depth", "model.boosting.l2"]);
    let board = searched(&[0.3, 0.3], &[(9, &[0.2, 0.2])]).to_string();
    assert!(
        board
            .contains("at the edge of the search: model.boosting.depth=9, model.boosting.l2=99.5;"),
        "{board}"
    );
}

#[test]
fn the_drawing_has_an_axis_for_each_parameter_and_one_for_the_score() {
    let svg = board().svg();
    for text in [
        ">boosting.depth<",
        ">features.without<",
        ">log loss<",
        ">0.3450<",
        ">[near, far]<",
        ">nothing<",
    ] {
        assert!(svg.contains(text), "{text}: {svg}");
    }
}
