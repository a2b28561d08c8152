//! Training in another process gives the same bits. linfa-trees keeps class counts in hash maps,
//! whose order changes from process to process: within one, a slip could go unnoticed.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use mlops_learning::{Dataset, ModelKind, ModelParams, learner};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

const ASKED: &str = "MLOPS_PRINT_MODELS";

/// Coarse values and labels by chance: many leaves in which the classes tie.
fn coin_tosses() -> Dataset {
    let mut rng = Pcg64Mcg::seed_from_u64(11);
    let features = (0..2 * 600)
        .map(|_| rng.random_range(0..9u8).into())
        .collect();
    let labels = (0..600).map(|_| rng.random()).collect();
    Dataset::new(vec!["a".into(), "b".into()], features, labels).unwrap()
}

fn trained() -> Vec<String> {
    let mut params = ModelParams::default();
    params.forest.trees = 10;
    params.boosting.trees = 10;
    let describe = |kind| {
        params.kind = kind;
        let model = learner(&params).unwrap().fit(&coin_tosses(), 1).unwrap();
        format!("model {kind}: {model:?}")
    };
    ModelKind::ALL.into_iter().map(describe).collect()
}

#[test]
fn other_processes_train_the_same_models() {
    if std::env::var_os(ASKED).is_some() {
        trained().iter().for_each(|model| println!("\n{model}"));
        return;
    }
    let here = trained();
    for _ in 0..6 {
        let output = Command::new(std::env::current_exe().unwrap())
            .args([
                "other_processes_train_the_same_models",
                "--exact",
                "--nocapture",
            ])
            .env(ASKED, "1")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let there: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("model "))
            .collect();
        assert_eq!(there, here);
    }
}
