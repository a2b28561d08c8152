use super::*;
use proptest::prelude::*;

/// Feature 0 below 1 (missing right), then feature 1 below 0 (missing left).
fn tree() -> Tree {
    let split = |feature, threshold, missing_left, left, cover| Node {
        feature,
        missing_left,
        threshold,
        left,
        value: 0.0,
        cover,
    };
    Tree {
        nodes: vec![
            split(0, 1.0, false, 1, 8.0),
            split(1, 0.0, true, 3, 6.0),
            Node::leaf(-1.0, 2.0),
            Node::leaf(0.25, 2.0),
            Node::leaf(0.5, 4.0),
        ],
    }
}

fn stump() -> Tree {
    let root = Node {
        feature: 1,
        threshold: f32::INFINITY,
        left: 1,
        ..Node::leaf(0.0, 3.0)
    };
    Tree {
        nodes: vec![root, Node::leaf(0.1, 1.0), Node::leaf(-0.7, 2.0)],
    }
}

fn ensemble(trees: Vec<Tree>) -> Result<Ensemble> {
    Ensemble::new(2, 0.125, Link::Logistic, trees)
}

#[test]
fn smaller_goes_left_and_missing_where_the_node_says() {
    let model = ensemble(vec![tree()]).unwrap();
    let leaf = |row: [f32; 2]| model.margin(&row) - 0.125;
    assert_eq!(leaf([0.5, -1.0]), 0.25);
    assert_eq!(leaf([0.5, 0.0]), 0.5, "equal is not smaller");
    assert_eq!(leaf([0.5, f32::NAN]), 0.25);
    assert_eq!(leaf([1.0, -1.0]), -1.0);
    assert_eq!(leaf([f32::NAN, -1.0]), -1.0);
}

#[test]
fn malformed_trees_are_refused() {
    let broken = |change: fn(&mut Tree)| {
        let mut bad = tree();
        change(&mut bad);
        ensemble(vec![tree(), bad]).unwrap_err().to_string()
    };
    insta::assert_snapshot!(broken(|t| t.nodes[1].left = 1), @"tree 1 node 1: a child doesn't follow it, or isn't there");
    insta::assert_snapshot!(broken(|t| t.nodes[1].left = 4), @"tree 1 node 1: a child doesn't follow it, or isn't there");
    insta::assert_snapshot!(broken(|t| t.nodes[1].left = u32::MAX), @"tree 1 node 1: a child doesn't follow it, or isn't there");
    insta::assert_snapshot!(broken(|t| t.nodes[1].left = 2), @"tree 1 node 1: a child already has a parent");
    insta::assert_snapshot!(broken(|t| t.nodes[1].left = 0), @"tree 1 node 3: it has no parent");
    insta::assert_snapshot!(broken(|t| t.nodes[0].feature = 2), @"tree 1 node 0: it splits by a feature that isn't there");
    insta::assert_snapshot!(broken(|t| t.nodes[3].value = f32::NAN), @"tree 1 node 3: a value or threshold isn't a number");
    insta::assert_snapshot!(broken(|t| t.nodes[0].threshold = f32::NEG_INFINITY), @"tree 1 node 0: nothing is below its threshold");
    insta::assert_snapshot!(broken(|t| t.nodes[3].cover = -1.0), @"tree 1 node 3: the training weight is negative or not a number");
    insta::assert_snapshot!(broken(|t| t.nodes.clear()), @"tree 1 has no nodes");
}

#[test]
fn a_decoded_ensemble_is_checked() {
    let mut bytes = postcard::to_allocvec(&ensemble(vec![tree()]).unwrap()).unwrap();
    assert!(postcard::from_bytes::<Ensemble>(&bytes).is_ok());
    bytes[0] = 1; // the width: one feature, so feature 1 isn't there
    assert!(postcard::from_bytes::<Ensemble>(&bytes).is_err());
}

#[test]
fn importance_is_the_variance_that_splits_take_away() {
    // Node 1: 2·4/6·(0.25−0.5)² = 1/12. Root: left mean 2.5/6, 6·2/8·(2.5/6+1)² = 1.5·(17/12)².
    let (inner, root) = (1.0 / 12.0, 1.5 * (17.0f64 / 12.0).powi(2));
    let importance = ensemble(vec![tree()]).unwrap().importance();
    assert!((importance[0] - root / (root + inner)).abs() < 1e-12);
    assert!((importance[1] - inner / (root + inner)).abs() < 1e-12);
}

proptest! {
    #[test]
    fn a_threshold_rounded_to_f32_changes_no_comparison(threshold in any::<f64>(), x in any::<f32>()) {
        prop_assume!(!threshold.is_nan());
        prop_assert_eq!(f64::from(x) < threshold, x < f32_threshold(threshold));
    }

    #[test]
    fn nor_does_it_next_to_the_threshold(near in any::<f32>(), shift in -2i64..=2) {
        prop_assume!(near.is_finite());
        let threshold = f64::from_bits(f64::from(near).to_bits().wrapping_add_signed(shift));
        prop_assume!(!threshold.is_nan());
        for x in [near.next_down(), near, near.next_up()] {
            prop_assert_eq!(f64::from(x) < threshold, x < f32_threshold(threshold));
        }
    }

    #[test]
    fn many_rows_give_the_bits_of_one(rows in prop::collection::vec(prop::num::f32::ANY, 0..1200)) {
        let rows = &rows[..rows.len() / 2 * 2];
        // Of different depths, and more than are walked down together.
        let forms = [tree(), Tree { nodes: vec![Node::leaf(1e-3, 1.0)] }, stump()];
        let model = ensemble(forms.iter().cycle().take(19).cloned().collect()).unwrap();
        for row in rows.chunks(2) {
            let sum = model.trees().iter().fold(model.base(), |sum, tree| {
                let mut leaf = 0;
                tree.path(row, |node| leaf = node);
                sum + f64::from(tree.nodes[leaf].value)
            });
            prop_assert_eq!(model.margin(row).to_bits(), sum.to_bits());
        }
        let single: Vec<u64> = rows.chunks(2).map(|row| model.margin(row).to_bits()).collect();
        let batch: Vec<u64> = model.margins(rows).into_iter().map(f64::to_bits).collect();
        prop_assert_eq!(single, batch);
    }
}
