//! A model as plain lists, for a reader of a few lines in any language.

use serde::{Serialize, Serializer};

use crate::{Ensemble, Link, Model, Predictor, calibration::Calibration, models::linear::Term};

/// Stands for infinity, which JSON hasn't: it is none in double precision, but in single.
const BEYOND_SINGLE: f64 = 1e39;

/// All that a reader needs to say what the model says, to the bit.
///
/// The margin of a row is, for trees, `base` and one leaf of each tree, summed in double precision in
/// their order: from each of the `roots`, go to `at + step`, or one further if the row's value
/// isn't below `number` (or is missing and `missing_left` is 0), until `step` is 0; there, `number` is the leaf's
/// value. For a weighted sum it is `intercept + Σ weight × (value − mean) / scale`, with `fill` for a
/// missing value. All numbers of trees and rows, but `base`, are of single precision.
#[derive(Debug, Serialize)]
pub struct Portable<'a> {
    /// Changes when a reader of before would be wrong.
    version: u32,
    name: &'a str,
    kind: &'static str,
    features: Vec<&'a str>,
    classes: &'a [String; 2],
    threshold: f64,
    predictor: Form<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration: Option<&'a Calibration>,
    /// Rows to prove a reader by; null is missing.
    golden: Vec<Proof<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Form<'a> {
    Linear { intercept: f64, terms: &'a [Term] },
    Trees(Box<Trees>),
}

/// The nodes of all trees, in lists of one field each.
#[derive(Debug, Serialize)]
struct Trees {
    base: f64,
    link: Link,
    roots: Vec<u32>,
    /// From a split to its left child; 0 in a leaf.
    step: Vec<u32>,
    feature: Vec<u16>,
    missing_left: Vec<u8>,
    /// A split's threshold or a leaf's value.
    #[serde(serialize_with = "singles")]
    number: Vec<f32>,
    #[serde(serialize_with = "singles")]
    cover: Vec<f32>,
}

#[derive(Debug, Serialize)]
struct Proof<'a> {
    features: &'a [f32],
    margin: f64,
    probability: f64,
}

fn singles<S: Serializer>(values: &[f32], to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Number {
        Finite(f32),
        Infinite(f64),
    }
    to.collect_seq(values.iter().map(|value| {
        if value.is_infinite() {
            Number::Infinite(BEYOND_SINGLE.copysign(f64::from(*value)))
        } else {
            Number::Finite(*value)
        }
    }))
}

/// The model as plain lists.
pub fn portable(model: &Model) -> Portable<'_> {
    let metadata = &model.metadata;
    Portable {
        version: 1,
        name: &metadata.name,
        kind: metadata.kind.name(),
        features: metadata.features.iter().map(|f| f.name.as_str()).collect(),
        classes: &metadata.classes,
        threshold: metadata.threshold,
        predictor: match &model.predictor {
            Predictor::Linear(linear) => Form::Linear {
                intercept: linear.intercept(),
                terms: linear.terms(),
            },
            Predictor::Ensemble(ensemble) => Form::Trees(Box::new(flat(ensemble))),
        },
        calibration: model.calibration.as_ref(),
        golden: metadata
            .golden
            .iter()
            .map(|row| Proof {
                features: &row.features,
                margin: row.margin,
                probability: model.probability_of(row.margin),
            })
            .collect(),
    }
}

fn flat(ensemble: &Ensemble) -> Trees {
    let trees = ensemble.trees();
    let roots = trees.iter().scan(0, |next, tree| {
        let root = *next;
        *next += tree.nodes.len() as u32;
        Some(root)
    });
    let nodes = || trees.iter().flat_map(|tree| tree.nodes.iter().enumerate());
    Trees {
        base: ensemble.base(),
        link: ensemble.link(),
        roots: roots.collect(),
        step: nodes()
            .map(|(at, node)| node.left.saturating_sub(at as u32))
            .collect(),
        feature: nodes().map(|(_, node)| node.feature).collect(),
        missing_left: nodes()
            .map(|(_, node)| u8::from(node.missing_left))
            .collect(),
        number: nodes()
            .map(|(_, node)| {
                if node.is_leaf() {
                    node.value
                } else {
                    node.threshold
                }
            })
            .collect(),
        cover: nodes().map(|(_, node)| node.cover).collect(),
    }
}
