use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::{Link, Node, Tree, models::linear::Term};

/// A tree drawn at random; features come again on a path, and some branches no row of the training took.
fn drawn_tree(rng: &mut Pcg64Mcg, width: u16, depth: usize) -> Tree {
    let mut nodes = vec![Node::leaf(0.0, rng.random_range(1..500) as f32)];
    let mut open = vec![(0, 0)];
    while let Some((at, level)) = open.pop() {
        if level == depth || level > 0 && rng.random::<f32>() < 0.15 {
            nodes[at].value = rng.random_range(-2.0..2.0);
            continue;
        }
        let (left, cover) = (nodes.len(), nodes[at].cover);
        let share = rng.random_range(-0.1..1.1f32).clamp(0.0, 1.0);
        nodes[at] = Node {
            feature: rng.random_range(0..width),
            missing_left: rng.random(),
            threshold: if rng.random::<f32>() < 0.1 {
                f32::INFINITY
            } else {
                rng.random_range(-1.0..1.0)
            },
            left: left as u32,
            ..nodes[at]
        };
        nodes.push(Node::leaf(0.0, (cover * share).round()));
        nodes.push(Node::leaf(0.0, cover - (cover * share).round()));
        open.extend([(left, level + 1), (left + 1, level + 1)]);
    }
    Tree { nodes }
}

fn drawn(seed: u64, width: u16, depth: usize, trees: usize) -> Ensemble {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let trees = (0..trees).map(|_| drawn_tree(&mut rng, width, depth));
    let trees = trees.collect();
    Ensemble::new(width, -0.25, Link::Logistic, trees).unwrap()
}

fn drawn_rows(seed: u64, width: u16, rows: usize) -> Vec<f32> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed ^ 77);
    let value = |_| match rng.random_range(0..12) {
        0..3 => f32::NAN,
        3 => f32::NEG_INFINITY,
        _ => rng.random_range(-1.5..1.5),
    };
    (0..rows * usize::from(width)).map(value).collect()
}

/// What the tree is expected to say if only the features of `known` (a bit each) are known.
fn expected(tree: &Tree, at: usize, row: &[f32], known: u32) -> f64 {
    let node = &tree.nodes[at];
    if node.is_leaf() {
        return f64::from(node.value);
    }
    let left = node.left as usize;
    if known >> node.feature & 1 == 1 {
        let value = row[usize::from(node.feature)];
        let goes_left = if value.is_nan() {
            node.missing_left
        } else {
            value < node.threshold
        };
        return expected(tree, left + usize::from(!goes_left), row, known);
    }
    let (a, b) = (tree.nodes[left].cover, tree.nodes[left + 1].cover);
    let share = if a + b > 0.0 { a / (a + b) } else { 0.5 };
    f64::from(share) * expected(tree, left, row, known)
        + (1.0 - f64::from(share)) * expected(tree, left + 1, row, known)
}

/// The Shapley values by their definition: every set of the others, weighted.
fn by_definition(ensemble: &Ensemble, row: &[f32]) -> Vec<f64> {
    let width = ensemble.width();
    let game: Vec<f64> = (0..1u32 << width)
        .map(|known| {
            let trees = ensemble.trees().iter();
            trees.map(|tree| expected(tree, 0, row, known)).sum()
        })
        .collect();
    let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
    let weight =
        |others: usize| factorial(others) * factorial(width - others - 1) / factorial(width);
    (0..width)
        .map(|feature| {
            (0..1usize << width)
                .filter(|set| set >> feature & 1 == 0)
                .map(|set| {
                    weight(set.count_ones() as usize) * (game[set | 1 << feature] - game[set])
                })
                .sum()
        })
        .collect()
}

fn explained(ensemble: &Ensemble, rows: &[f32]) -> Contributions {
    contributions(&Predictor::Ensemble(ensemble.clone()), rows).unwrap()
}

#[track_caller]
fn assert_close(ours: &[f64], theirs: &[f64], what: &str) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!(
            (ours - theirs).abs() < 1e-6,
            "{what}: {ours} is not {theirs}"
        );
    }
}

#[test]
fn a_stump_is_explained_by_hand() {
    // Three in four go left. Expected: 0.25; a row that goes right is worth 1, so its feature gets 0.75.
    let split = Node {
        feature: 1,
        left: 1,
        threshold: 0.0,
        ..Node::leaf(0.0, 8.0)
    };
    let nodes = vec![split, Node::leaf(0.0, 6.0), Node::leaf(1.0, 2.0)];
    let stump = Ensemble::new(2, 10.0, Link::Logistic, vec![Tree { nodes }]).unwrap();
    let made = explained(&stump, &[9.0, 1.0, 9.0, -1.0]);
    assert_eq!(made.expected, 10.25);
    assert_close(&made.values, &[0.0, 0.75, 0.0, -0.25], "stump");
    assert_close(&made.mean_absolute(), &[0.0, 0.5], "mean");
}

#[test]
fn a_single_leaf_explains_nothing_and_no_rows_give_no_values() {
    let leaf = Tree {
        nodes: vec![Node::leaf(0.5, 3.0)],
    };
    let model = Ensemble::new(2, 1.0, Link::Logistic, vec![leaf]).unwrap();
    let made = explained(&model, &[1.0, 2.0]);
    assert_eq!((made.expected, made.values), (1.5, vec![0.0; 2]));
    assert_eq!(explained(&model, &[]).mean_absolute(), [0.0; 2]);
}

#[test]
fn twelve_features_on_deep_paths_are_explained_exactly() {
    let model = drawn(3, 12, 14, 1);
    let rows = drawn_rows(3, 12, 2);
    let made = explained(&model, &rows);
    for (values, row) in made.rows().zip(rows.chunks(12)) {
        assert_close(values, &by_definition(&model, row), "deep");
    }
}

/// One path through so many features, each let pass by half of the training weight.
fn chain(features: u16) -> Ensemble {
    let mut nodes = vec![Node::leaf(0.0, 1.0)];
    for feature in 0..features {
        let at = nodes.len() - 1;
        let half = nodes[at].cover / 2.0;
        nodes[at] = Node {
            feature,
            left: at as u32 + 1,
            ..Node::leaf(0.0, half * 2.0)
        };
        nodes.push(Node::leaf(-1.0, half));
        nodes.push(Node::leaf(1.0, half));
    }
    if let Some(last) = nodes.last_mut() {
        last.value = 3.0;
    }
    Ensemble::new(features, 0.0, Link::Logistic, vec![Tree { nodes }]).unwrap()
}

#[test]
fn long_paths_lose_no_digits_and_too_long_ones_are_refused() {
    // All features pass, and all are alike but for their place: only the sum is known by hand.
    let model = chain(100);
    let row = [1.0; 100];
    let made = explained(&model, &row);
    let sum = made.expected + made.values.iter().sum::<f64>();
    assert!((sum - 3.0).abs() < 1e-9, "{sum}");
    assert!(
        made.values
            .windows(2)
            .all(|pair| pair[0] >= pair[1] - 1e-12),
        "{:?}",
        made.values
    );
    let refused = contributions(&Predictor::Ensemble(chain(600)), &[1.0; 600]).unwrap_err();
    insta::assert_snapshot!(refused, @"a tree asks for 600 different features on one path; up to 512 can be explained");
}

#[test]
fn threads_and_neighbours_change_no_bit() {
    let model = drawn(9, 7, 6, 70);
    let rows = drawn_rows(9, 7, 300);
    let bits = |values: &[f64]| {
        values
            .iter()
            .map(|value| value.to_bits())
            .collect::<Vec<_>>()
    };
    let all = bits(&explained(&model, &rows).values);
    let alone: Vec<u64> = rows
        .chunks(7)
        .flat_map(|row| bits(&explained(&model, row).values))
        .collect();
    assert_eq!(all, alone);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    assert_eq!(pool.install(|| bits(&explained(&model, &rows).values)), all);
}

#[test]
fn a_weighted_sum_is_explained_by_distance_from_the_mean() {
    let term = |fill, mean, scale, weight| Term {
        fill,
        mean,
        scale,
        weight,
    };
    let linear = Linear::new(
        0.5,
        vec![term(1.0, 2.0, 4.0, 8.0), term(0.0, 0.0, 1.0, -1.0)],
    )
    .unwrap();
    let predictor = Predictor::Linear(linear);
    let rows = [6.0, 3.0, f32::NAN, f32::INFINITY];
    let made = contributions(&predictor, &rows).unwrap();
    assert_eq!(made.expected, 0.5);
    assert_eq!(made.values[..3], [8.0, -3.0, -2.0]);
    for (values, row) in made.rows().zip(rows.chunks(2)) {
        let sum = values.iter().fold(made.expected, |sum, value| sum + value);
        assert_eq!(sum, predictor.margin(row));
    }
}

#[test]
fn a_waterfall_goes_from_what_is_expected_to_the_answer() {
    let model = crate::model_file::tests::model();
    let told = Waterfall::new(&model, &[1.0, f32::NAN], 1).unwrap();
    insta::assert_snapshot!(told, @r#"
    feature                  adds  log-odds  probability
    expected of any row              -1.375        0.202
    price missing          -0.375    -1.750        0.148
    1 other                +0.000    -1.750        0.148
    so the answer is "kept"
    "#);
    assert_eq!(
        told.steps.last().unwrap().margin,
        model.predictor.margin(&[1.0, f32::NAN])
    );
    let all = Waterfall::new(&model, &[1.0, 3.0], 9).unwrap();
    assert_eq!(all.steps.len(), 2, "there are no others");
    assert!(all.svg().contains("price = 3"));
}

#[test]
fn a_summary_names_what_moves_most_first() {
    let model = crate::model_file::tests::model();
    let told = Summary::new(&model, &[1.0, 3.0, 1.0, 2.0], 1).unwrap();
    insta::assert_snapshot!(told, @r"
    mean size of the SHAP value over 2 rows
    price  0.6250
    ");
    assert!(told.svg().contains("price"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn values_are_those_of_the_definition(seed in any::<u64>(), width in 1u16..8, depth in 1usize..7) {
        let model = drawn(seed, width, depth, 2);
        let rows = drawn_rows(seed, width, 3);
        for (values, row) in explained(&model, &rows).rows().zip(rows.chunks(width.into())) {
            assert_close(values, &by_definition(&model, row), "definition");
        }
    }

    #[test]
    fn values_and_expectation_add_up_to_the_margin(seed in any::<u64>(), width in 1u16..30, depth in 1usize..11) {
        let model = drawn(seed, width, depth, 5);
        let rows = drawn_rows(seed, width, 20);
        let made = explained(&model, &rows);
        for (values, row) in made.rows().zip(rows.chunks(width.into())) {
            let sum = made.expected + values.iter().sum::<f64>();
            prop_assert!((sum - model.margin(row)).abs() < 1e-6, "{} is not {}", sum, model.margin(row));
        }
    }

    #[test]
    fn a_feature_never_asked_for_gets_exactly_nothing(seed in any::<u64>(), width in 1u16..8) {
        let narrow = drawn(seed, width, 5, 3);
        let model = Ensemble::new(width + 1, 0.0, Link::Logistic, narrow.trees().to_vec()).unwrap();
        let rows = drawn_rows(seed, width + 1, 10);
        for values in explained(&model, &rows).rows() {
            prop_assert_eq!(values[usize::from(width)].to_bits(), 0);
        }
    }

    /// A tree beside its mirror image, in which features 0 and 1 have changed places.
    #[test]
    fn features_that_do_the_same_get_the_same(seed in any::<u64>(), width in 2u16..8, depth in 1usize..7) {
        let tree = drawn(seed, width, depth, 1).trees()[0].clone();
        let mut mirrored = tree.clone();
        for node in mirrored.nodes.iter_mut().filter(|node| !node.is_leaf() && node.feature < 2) {
            node.feature = 1 - node.feature;
        }
        let model = Ensemble::new(width, 0.0, Link::Logistic, vec![tree, mirrored]).unwrap();
        let mut row = drawn_rows(seed, width, 1);
        row[1] = row[0];
        let made = explained(&model, &row);
        prop_assert!((made.values[0] - made.values[1]).abs() < 1e-9, "{:?}", made.values);
    }

    #[test]
    fn values_of_trees_together_are_the_sum_of_each(seed in any::<u64>(), width in 1u16..8) {
        let model = drawn(seed, width, 5, 4);
        let rows = drawn_rows(seed, width, 3);
        let mut sum = vec![0.0; rows.len()];
        for tree in model.trees() {
            let alone = Ensemble::new(width, 0.0, Link::Logistic, vec![tree.clone()]).unwrap();
            for (sum, value) in sum.iter_mut().zip(explained(&alone, &rows).values) {
                *sum += value;
            }
        }
        assert_close(&explained(&model, &rows).values, &sum, "sum");
    }
}
